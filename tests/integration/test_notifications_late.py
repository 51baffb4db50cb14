#!/usr/bin/env python3
"""Messages about what an inspection finds later."""

import json
import pathlib
import sys
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest
from notify_stand_in import API_KEY, Receiver
from test_notifications import NUMBER, contact, messages, secret, until

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from tests.inspect.clamd import EICAR, GOOD, Clamd  # noqa: E402


class Late(GatewayTest):
    """What an inspection finds later, and when it was received, could be read, was opened."""

    @classmethod
    def setUpClass(cls):
        cls.clamd, cls.notify = Clamd(*GOOD).start(), Receiver()
        super().setUpClass()

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.inspection", True)
        gw.setting("inspection.clamd_socket", str(cls.clamd.socket))
        gw.setting("inspection.clamd_conf", str(cls.clamd.conf))
        gw.setting("inspection.retry", "1 s").setting("inspection.retry_max", "1 s")
        gw.setting("notify.govuk_url", cls.notify.url)
        gw.setting("notify.govuk_key_file", secret(gw, "notify.key", API_KEY))
        gw.setting("notify.allow_plain_http", True)
        gw.setting("notify.templates", [f"{e}.sms={uuid.uuid4()}" for e in (
            "artefact_received", "artefact_available", "artefact_refused")])
        gw.setting("notify.status", "50 ms")

    @classmethod
    def close(cls):
        try:
            super().close()
        finally:
            cls.clamd.close()
            cls.notify.stop()

    def test_received_first_and_then_what_became_of_it(self):
        gw, ada = self.gw, self.gw.token("claimant", "ada")
        claim = gw.create_claim("ada")
        contact(gw, claim, ("ada", "sms", NUMBER))
        self.clamd.stop()
        sent = [self.expect(gw.upload(claim, samples.pdf("late") + b"%" + more, ada), 201)
                .json["artefact"] for more in (b"", EICAR + b"\n")]
        self.assertEqual([a["status"] for a in sent], ["quarantined"] * 2)
        good, bad = (a["id"] for a in sent)
        for artefact in (good, bad):
            times = gw.get(f"/v1/artefacts/{artefact}", gw.manager).json["times"]
            self.assertIsNone(times["first_available"])
        self.assertEqual({m["event"] for m in messages(gw, claim)}, {"artefact_received"})
        self.clamd.start()
        told = until(lambda: [m for m in messages(gw, claim) if m["state"] == "delivered"][3:]
                     and messages(gw, claim))
        self.assertEqual(sorted((m["event"], m["about"]) for m in told), sorted([
            ("artefact_received", good), ("artefact_received", bad),
            ("artefact_available", good), ("artefact_refused", bad)]))
        for word in ("virus", "infected", "Eicar"):
            self.assertNotIn(word, json.dumps(told) + json.dumps(self.notify.accepted))
        times = gw.get(f"/v1/artefacts/{good}", gw.manager).json["times"]
        self.assertGreater(times["first_available"], sent[0]["received_at"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

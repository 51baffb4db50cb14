#!/usr/bin/env python3
"""Messages: written with what they tell of, delivered at least once, and silent about health."""

import json
import sqlite3
import time
import unittest
import uuid

import samples
from gateway_fixture import Gateway, GatewayTest
from notify_stand_in import API_KEY, WEBHOOK_SECRET, Receiver, signature_holds

TEMPLATES = {f"{event}.{channel}": str(uuid.uuid4()) for event, channels in {
    "artefact_received": ("sms", "email", "letter"), "artefact_refused": ("sms",),
    "evidence_requested": ("sms", "email"), "request_due_soon": ("sms",),
    "recording_choice_recorded": ("sms",)}.items() for channel in channels}
NUMBER, MAIL = "+447900900123", "ada@example.invalid"
LETTER = "Invented Ada\n1 Example Street\nExampleton\nEX1 1EX"
WAIT = 60


def secret(gw, name, text):
    path = gw.dir / name
    path.write_text(text + "\n")
    path.chmod(0o400)
    return str(path)


def messages(gw, claim, token=None):
    answer = gw.get(f"/v1/claims/{claim}/messages?limit=100", token or gw.manager)
    assert answer.status == 200, answer
    return answer.json["messages"]


def until(ask, note=""):
    """Waits for an event: what `ask` tells once it is true."""
    deadline = time.monotonic() + WAIT
    while True:
        told = ask()
        if told:
            return told
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come: {note}")
        time.sleep(0.02)


def message(gw, claim, event, channel, state):
    return until(lambda: [m for m in messages(gw, claim)
                          if (m["event"], m["channel"], m["state"]) == (event, channel, state)],
                 (event, channel, state, messages(gw, claim)))[0]


def whats(m):
    return [s["what"] for s in m["steps"]]


def contact(gw, claim, *contacts):
    answer = gw.request("PUT", f"/v1/claims/{claim}/contacts", gw.system, {
        "contacts": [{"subject": s, "channel": c, "address": a} for s, c, a in contacts]})
    assert answer.status == 200, answer


class ToPeople(GatewayTest):
    @classmethod
    def configure(cls, gw):
        cls.notify = Receiver()
        gw.setting("notify.govuk_url", cls.notify.url)
        gw.setting("notify.govuk_key_file", secret(gw, "notify.key", API_KEY))
        gw.setting("notify.allow_plain_http", True)
        gw.setting("notify.templates", [f"{k}={v}" for k, v in TEMPLATES.items()])
        gw.setting("notify.retry", "50 ms")
        gw.setting("notify.retry_max", "100 ms")
        gw.setting("notify.status", "50 ms")
        gw.setting("notify.attempts", 3)
        gw.setting("notify.timeout", "2 s")

    @classmethod
    def close(cls):
        try:
            super().close()
        finally:
            cls.notify.stop()

    def setUp(self):
        gw = self.gw
        self.ada, self.gp = gw.token("claimant", "ada"), gw.token("health_professional", "gp")
        reference = f"EXT-{uuid.uuid4()}"
        self.claim = gw.create_claim("ada", external_reference=reference, parties=[
            gw.party("rose"), gw.party("gp", kind="gp", role="health_professional"),
            gw.party("old", until=-60)])
        self.notify.begin(reference)

    def send(self, token=None, kind="further_evidence", name="epilepsy clinic.pdf"):
        answer = self.gw.upload(self.claim, samples.pdf(str(uuid.uuid4())), token or self.ada,
                                kind=kind, filename=name)
        return self.expect(answer, 201).json["artefact"]["id"]

    def sent(self):
        return self.notify.call()

    def test_each_channel_in_its_shape(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER), ("ada", "email", MAIL),
                ("ada", "letter", LETTER), ("rose", "sms", "07900 900456"),
                ("old", "sms", NUMBER), ("stranger", "sms", NUMBER))
        artefact = self.send()
        made = {}
        for _ in range(4):
            call = self.sent()
            made[call["path"], call["json"].get("phone_number")] = call["json"]
        self.assertEqual(set(made), {
            ("/v2/notifications/sms", NUMBER), ("/v2/notifications/sms", "07900 900456"),
            ("/v2/notifications/email", None), ("/v2/notifications/letter", None)})
        mail = made["/v2/notifications/email", None]
        self.assertEqual(mail["email_address"], MAIL)
        self.assertEqual(mail["template_id"], TEMPLATES["artefact_received.email"])
        self.assertEqual(set(mail["personalisation"]), {"claim", "date"})
        lines = made["/v2/notifications/letter", None]["personalisation"]
        self.assertEqual([lines[f"address_line_{n}"] for n in range(1, 5)], LETTER.split("\n"))
        text = message(self.gw, self.claim, "artefact_received", "email", "delivered")
        self.assertEqual(text["id"], mail["reference"])
        self.assertEqual((text["about"], whats(text)),
                         (artefact, ["received", "sent", "delivered"]))
        self.assertEqual(len(messages(self.gw, self.claim)), 4)  # none to old or stranger

    def test_not_a_word_about_health(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.send(name="epilepsy clinic.pdf")
        asked = self.gw.post(f"/v1/claims/{self.claim}/requests", self.gw.manager, {
            "what": "The letter about epilepsy", "kind": "further_evidence",
            "from_role": "claimant", "due": "2099-12-01", "functional": True})
        self.expect(asked, 201)
        calls = [self.sent(), self.sent()]
        for call in calls:
            self.assertEqual(set(call["json"]), {"phone_number", "template_id",
                                                 "personalisation", "reference"})
        told = json.dumps([c["json"] for c in calls]) + json.dumps(
            messages(self.gw, self.claim))
        for word in ("epilepsy", ".pdf", "further_evidence", "functional", "Ada", "NINO"):
            self.assertNotIn(word, told)
        asked = [c["json"] for c in calls
                 if c["json"]["template_id"] == TEMPLATES["evidence_requested.sms"]][0]
        self.assertEqual(asked["personalisation"]["due"], "1 December 2099")
        stored = sqlite3.connect(f"file:{self.gw.dir}/data/gateway.db?mode=ro", uri=True)
        self.assertNotIn(NUMBER.encode(), b"".join(
            r[0] for r in stored.execute("SELECT address FROM claim_contacts")))
        stored.close()

    def test_nothing_of_what_is_harmful(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER), ("rose", "sms", NUMBER),
                ("gp", "sms", "+447900900789"))
        self.send(self.gp, kind="medical_report", name="SR1.pdf")
        ask = {"what": "SR1", "kind": "medical_report", "from_role": "health_professional"}
        made = self.expect(self.gw.post(f"/v1/claims/{self.claim}/requests", self.gw.manager,
                                        ask), 201)
        call = self.sent()  # the doctor is asked, and hears of nothing else
        self.assertEqual(call["json"]["phone_number"], "+447900900789")
        told = messages(self.gw, self.claim)
        self.assertEqual([(m["event"], m["to"], m["about"]) for m in told],
                         [("evidence_requested", "gp", made.json["request"]["id"])])

    def test_whoever_may_not_be_told_any_more_is_not(self):
        contact(self.gw, self.claim, ("rose", "sms", NUMBER))
        self.notify.answers = [503]  # the first attempt does not get through
        self.send()
        self.sent()
        self.expect(self.gw.request("PATCH", f"/v1/claims/{self.claim}", self.gw.system,
                                    {"parties": []}), 200)
        # either it was dropped, or it went out just before the party ended
        done = until(lambda: [m for m in messages(self.gw, self.claim)
                              if m["state"] in ("dropped", "delivered")])[0]
        self.assertEqual(whats(done)[:2], ["received", "failed"])
        contact(self.gw, self.claim, ("rose", "sms", NUMBER))
        self.send()
        self.assertEqual(len(messages(self.gw, self.claim)), 1)

    def test_what_passes_is_tried_again(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.notify.answers = [429, 500]
        self.send()
        references = [self.sent()["json"]["reference"] for _ in range(3)]
        self.assertEqual(len(set(references)), 1)
        m = message(self.gw, self.claim, "artefact_received", "sms", "delivered")
        self.assertEqual(whats(m), ["received", "failed", "failed", "resent", "delivered"])
        self.assertEqual([s.get("detail", "")[:3] for s in m["steps"][1:3]], ["429", "500"])
        self.assertEqual(m["attempts"], 3)

    def test_the_last_attempt_is_the_last(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.notify.answers = [503, 503, 503]
        self.send()
        m = message(self.gw, self.claim, "artefact_received", "sms", "failed")
        self.assertEqual(whats(m), ["received", "failed", "failed", "failed"])
        self.assertIn("given up", m["steps"][-1]["detail"])
        self.assertNotIn("next_at", m)

    def test_a_refusal_is_final(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.notify.answers = [400]
        self.send()
        m = message(self.gw, self.claim, "artefact_received", "sms", "failed")
        self.assertEqual((whats(m), m["attempts"]), (["received", "failed"], 1))
        self.assertIn("400 BadRequestError", m["steps"][1]["detail"])
        self.assertNotIn(NUMBER, json.dumps(m))  # as their message had it

    def test_what_became_of_it(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.notify.status = "sending"
        self.send()
        message(self.gw, self.claim, "artefact_received", "sms", "sent")
        self.notify.asked.get(timeout=WAIT)
        self.notify.status = "permanent-failure"
        m = message(self.gw, self.claim, "artefact_received", "sms", "failed")
        self.assertEqual(whats(m), ["received", "sent", "failed"])
        self.assertEqual(m["steps"][-1]["detail"], "permanent-failure")

    def test_due_soon_is_told_once(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        path = f"/v1/claims/{self.claim}/requests"
        soon = {"what": "x", "from_role": "claimant",
                "due": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))}
        made = self.expect(self.gw.post(path, self.gw.manager, soon), 201).json["request"]
        self.expect(self.gw.post(path, self.gw.manager, {**soon, "due": "2099-01-04"}), 201)
        message(self.gw, self.claim, "request_due_soon", "sms", "delivered")
        # the next round of the clock finds nothing more: another is told of behind it
        other = self.expect(self.gw.post(path, self.gw.manager, soon), 201).json["request"]
        until(lambda: any(m["about"] == other["id"] and m["event"] == "request_due_soon"
                          for m in messages(self.gw, self.claim)))
        told = [m["about"] for m in messages(self.gw, self.claim)
                if m["event"] == "request_due_soon"]
        self.assertEqual(sorted(told), sorted([made["id"], other["id"]]))

    def test_a_recording_choice(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        made = self.gw.create_assessment(self.claim)
        self.expect(self.gw.choose(made, self.ada, "opt_out"), 201)
        m = message(self.gw, self.claim, "recording_choice_recorded", "sms", "delivered")
        self.assertEqual(m["about"], made)
        self.assertNotIn("opt", json.dumps(self.notify.accepted[-1]["personalisation"]))

    def test_who_reads_the_ledger_and_sets_contacts(self):
        path = f"/v1/claims/{self.claim}"
        for token in (self.ada, self.gp, self.gw.system, self.gw.token("assessor", "x")):
            self.expect(self.gw.get(f"{path}/messages", token), (403, 404))
        self.expect(self.gw.get(f"{path}/messages", self.gw.token("auditor", "aud")), 200)
        for token in (self.ada, self.gw.manager):
            self.expect(self.gw.request("PUT", f"{path}/contacts", token, {"contacts": []}), 403)
            self.expect(self.gw.get(f"{path}/contacts", token), 403)
        for channel, address in (("sms", "not a number"), ("email", "nobody"), ("letter", "x"),
                                 ("webhook", "x"), ("pigeon", "x")):
            self.expect(self.gw.request("PUT", f"{path}/contacts", self.gw.system, {
                "contacts": [{"subject": "ada", "channel": channel, "address": address}]}),
                400, "invalid-request")
        twice = [{"subject": "ada", "channel": "sms", "address": NUMBER}] * 2
        self.expect(self.gw.request("PUT", f"{path}/contacts", self.gw.system,
                                    {"contacts": twice}), 400, "invalid-request")
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.assertEqual(self.gw.get(f"{path}/contacts", self.gw.system).json["contacts"],
                         [{"subject": "ada", "channel": "sms", "address": NUMBER}])

    def test_metrics(self):
        contact(self.gw, self.claim, ("ada", "sms", NUMBER))
        self.send()
        message(self.gw, self.claim, "artefact_received", "sms", "delivered")
        told = self.gw.ops("/metrics").body.decode()
        for name in ("waiting", "sent_total", "delivered_total", "retried_total",
                     "failed_total", "dropped_total"):
            self.assertIn(f"\nevidence_messages_{name} ", told)


class ToASystem(GatewayTest):
    @classmethod
    def configure(cls, gw):
        cls.system = Receiver()
        gw.setting("notify.webhook_url", f"{cls.system.url}/hook")
        gw.setting("notify.webhook_secret_file", secret(gw, "hook.key", WEBHOOK_SECRET))
        gw.setting("notify.allow_plain_http", True)
        gw.setting("notify.retry", "50 ms")
        gw.setting("notify.retry_max", "100 ms")
        gw.setting("notify.timeout", "1 s")

    @classmethod
    def close(cls):
        try:
            super().close()
        finally:
            cls.system.stop()

    def test_signed_and_without_words(self):
        claim = self.gw.create_claim("ada")
        made = self.expect(self.gw.upload(claim, samples.pdf("w"), self.gw.token("claimant", "ada"),
                                          filename="epilepsy.pdf"), 201).json["artefact"]
        calls = [self.system.call() for _ in range(2)]
        self.assertEqual({c["json"]["event"] for c in calls},
                         {"artefact_received", "artefact_available"})
        for call in calls:
            self.assertTrue(signature_holds(call), call)
            self.assertEqual(call["headers"]["Idempotency-Key"], call["json"]["id"])
            self.assertEqual((call["path"], call["headers"]["Content-Type"]),
                             ("/hook", "application/json"))
            self.assertEqual(set(call["json"]), {"id", "event", "claim", "about",
                                                 "occurred_at"})
            self.assertEqual((call["json"]["claim"], call["json"]["about"]),
                             (claim, made["id"]))
        for event in ("artefact_received", "artefact_available"):
            m = message(self.gw, claim, event, "webhook", "sent")
            self.assertEqual(whats(m), ["received", "sent"])

    def test_refused_uploads_tell_nothing(self):
        claim = self.gw.create_claim("ada")
        self.expect(self.gw.upload(claim, b"", self.gw.token("claimant", "ada")), 400)
        self.assertEqual(messages(self.gw, claim), [])


class Trouble(GatewayTest):
    """Slow, down, or killed while a message is on its way: it goes out again under the same id,
    or is found. The pauses double, so that however slow the test is there is an attempt left."""

    @classmethod
    def configure(cls, gw):
        cls.system, cls.notify = Receiver(), Receiver()
        gw.setting("notify.webhook_url", f"{cls.system.url}/hook")
        gw.setting("notify.webhook_secret_file", secret(gw, "hook.key", WEBHOOK_SECRET))
        gw.setting("notify.govuk_url", cls.notify.url)
        gw.setting("notify.govuk_key_file", secret(gw, "notify.key", API_KEY))
        gw.setting("notify.templates",
                   [f"artefact_received.sms={TEMPLATES['artefact_received.sms']}"])
        gw.setting("notify.allow_plain_http", True)
        gw.setting("notify.timeout", "1 s")
        gw.setting("notify.status", "50 ms")
        gw.setting("notify.retry", "50 ms")

    @classmethod
    def close(cls):
        try:
            super().close()
        finally:
            cls.system.stop()
            cls.notify.stop()

    def setUp(self):
        self.notify.begin(None)
        self.system.begin(None)

    def texts(self, claim):
        return [m for m in messages(self.gw, claim) if m["channel"] == "sms"]

    def test_slow_or_down(self):
        gw, ada = self.gw, self.gw.token("claimant", "ada")
        claim = gw.create_claim("ada")
        contact(gw, claim, ("ada", "sms", NUMBER))
        go = []

        def slow(handler):
            until(lambda: go)
            handler.close_connection = True
        self.notify.answers = [slow]
        self.expect(gw.upload(claim, samples.pdf("slow"), ada), 201)
        m = until(lambda: [m for m in self.texts(claim) if "failed" in whats(m)])[0]
        go.append(True)
        self.assertEqual(m["steps"][1]["detail"], "no answer in time")
        message(gw, claim, "artefact_received", "sms", "delivered")
        self.notify.stop()
        try:
            self.expect(gw.upload(claim, samples.pdf("down"), ada), 201)
            until(lambda: [m for m in self.texts(claim)
                           if m["steps"][-1].get("detail") == "not reached"])
        finally:
            self.notify.start(self.notify.port)
        until(lambda: [m["state"] for m in self.texts(claim)] == ["delivered", "delivered"])

    def test_killed_on_the_way(self):
        gw, ada = self.gw, self.gw.token("claimant", "ada")
        claim = gw.create_claim("ada")
        contact(gw, claim, ("ada", "sms", NUMBER))
        reached, gone = [], []

        def accepted_and_then_silence(handler):
            """They took it, and the answer never comes."""
            if handler.command == "POST" and "/v2/" in handler.path:
                self.notify.accept("sms", self.notify.calls.queue[-1]["json"])
            reached.append(handler.path)
            until(lambda: gone)
            handler.close_connection = True
        self.notify.answers = [accepted_and_then_silence]
        self.system.answers = [accepted_and_then_silence]
        self.expect(gw.upload(claim, samples.pdf("c"), ada), 201)
        until(lambda: len(reached) == 2)
        gw.kill()
        gone.append(True)
        gw.start()
        m = message(gw, claim, "artefact_received", "sms", "delivered")
        self.assertEqual(len(self.notify.accepted), 1)  # asked by its reference, not sent twice
        self.assertEqual(whats(m), ["received", "sent", "delivered"])
        self.assertEqual(m["steps"][1]["detail"], "found")
        hook = message(gw, claim, "artefact_received", "webhook", "sent")
        self.assertIn("resent", whats(hook))
        ids = []
        while not self.system.calls.empty():
            ids.append(self.system.call()["json"]["id"])
        self.assertEqual(ids.count(hook["id"]), 2)  # at least once, and the same id


class Off(unittest.TestCase):
    """By default nothing is written; what is half configured does not start."""

    def test_off_and_wrong(self):
        gw = Gateway()
        try:
            gw.init().start()
            claim = gw.create_claim("ada")
            contact(gw, claim, ("ada", "sms", NUMBER))
            gw.upload(claim, samples.pdf("o"), gw.token("claimant", "ada"))
            self.assertEqual(messages(gw, claim), [])
            gw.stop()
            for settings in ({"webhook_url": "https://example.invalid/hook"},
                             {"webhook_url": "http://example.invalid/hook",
                              "webhook_secret_file": secret(gw, "s1", "x")},
                             {"govuk_key_file": secret(gw, "s2", "not a key")},
                             {"govuk_key_file": secret(gw, "s3", API_KEY),
                              "templates": ["nothing.sms=" + str(uuid.uuid4())]},
                             {"govuk_key_file": str(gw.dir / "missing")}):
                before = gw.config.read_text()
                for name, value in settings.items():
                    gw.setting(f"notify.{name}", value)
                with self.assertRaisesRegex(AssertionError, "ended with [1-9]", msg=settings):
                    gw.start()
                gw.config.write_text(before)
        finally:
            gw.process = None
            gw.remove()


if __name__ == "__main__":
    unittest.main(verbosity=2)

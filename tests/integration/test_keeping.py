#!/usr/bin/env python3
"""Restriction, legal holds, and what a disposal asks for (docs/keeping.md): who may, and what wins."""

import pathlib
import sys
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples
from gateway_fixture import now, unknown_id
from keeping import Keeping


class Rules(Keeping):
    """Who may do what, and what wins; nothing is destroyed here."""

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.disposal_grace", "14 d")
        gw.setting("policy.recheck_mib", 1)

    def test_restriction(self):
        claim = self.claim()
        item = self.letter(claim)
        self.expect(self.read(item), 200)
        for role, token in self.others.items():
            with self.subTest(role=role):
                self.expect(self.call("POST", item, "restriction", token), (403, 404))
                self.expect(self.call("DELETE", item, "restriction", token, None), (403, 404))
        for bad in ({}, {"reason": ""}, {"reason": 1}, {"reason": "x", "colour": "red"},
                    {"reason": "x" * 501}):
            self.expect(self.gw.post(f"/v1/artefacts/{item}/restriction", self.morgan, bad), (400, 413))
        self.assertEqual(self.status(item), "available")
        told = self.expect(self.call("POST", item, "restriction", self.morgan, "wrong person"), 201).json
        self.assertEqual(told["status"], "restricted")
        self.expect(self.read(item), 409, "not-available")
        self.expect(self.call("POST", item, "restriction", self.morgan), 409, "conflict")
        shown = self.gw.get(f"/v1/artefacts/{item}", self.morgan).json
        self.assertEqual(shown["restriction"]["reason"], "wrong person")
        self.assertEqual(shown["status_reason"], "hidden")
        mine = self.gw.get(f"/v1/artefacts/{item}", self.ada).json
        self.assertEqual(mine["status"], "restricted")
        self.assertNotIn("restriction", mine)
        self.expect(self.call("DELETE", item, "restriction", self.morgan, None), 403, "not-permitted")
        self.assertEqual(self.status(item), "restricted")
        lifted = self.expect(self.call("DELETE", item, "restriction", self.olive, "clarified"), 200).json
        self.assertEqual(lifted["status"], "available")
        self.expect(self.read(item), 200)
        self.expect(self.call("DELETE", item, "restriction", self.olive, None), 409, "conflict")
        for token, told in ((self.morgan, True), (self.ada, False)):
            made, = self.events(claim, token, "restriction.made")
            self.assertEqual(made.get("reason") == "wrong person", told)
            self.assertEqual("reason" in self.events(claim, token, "restriction.lifted")[0], told)

    def test_missing_and_foreign_look_alike(self):
        item = self.letter()
        bob = self.gw.token("claimant", "bob")
        for method, what in (("POST", "restriction"), ("PUT", "hold"), ("POST", "disposal"),
                             ("POST", "disposal/approval"), ("DELETE", "hold"), ("DELETE", "disposal")):
            self.assertSame(self.call(method, item, what, bob), self.call(method, unknown_id(), what, bob))
            self.expect(self.call(method, unknown_id(), what, self.olive), 404)

    def test_a_key_repeats_nothing(self):
        item = self.letter()
        path, key = f"/v1/artefacts/{item}/restriction", {"Idempotency-Key": str(uuid.uuid4())}
        first = self.gw.post(path, self.morgan, {"reason": "once"}, headers=key)
        again = self.gw.post(path, self.morgan, {"reason": "once"}, headers=key)
        self.expect(first, 201)
        self.assertEqual((again.status, again.json), (201, first.json))

    def recording(self, before=()):
        claim = self.claim()
        made = self.gw.create_assessment(claim, self.asim)
        self.expect(self.gw.choose(made, self.asim, "notice", now(-9000)), 201)
        for event, at in before:
            self.expect(self.gw.choose(made, self.ada, event, at), 201)
        sent = self.expect(self.gw.upload(
            claim, samples.wav(seed=int(uuid.uuid4()) % 2 ** 30), self.asim, kind="assessment_audio",
            media="audio/wav", filename="r.wav", params=self.gw.recording(made)), 201)
        return made, sent.json["artefact"]["id"]

    def test_an_opt_out_is_never_lifted(self):
        # hidden by staff, then opted out: the owner's release changes nothing
        made, item = self.recording()
        self.assertEqual(self.status(item), "available")
        self.expect(self.call("POST", item, "restriction", self.morgan), 201)
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-8000)), 201)
        self.expect(self.call("DELETE", item, "restriction", self.olive, None), 409, "conflict")
        self.assertEqual(self.status(item), "restricted")
        self.expect(self.gw.choose(made, self.ada, "opt_in", now(-7000)), 201)
        self.expect(self.call("DELETE", item, "restriction", self.olive, None), 409, "conflict")
        self.assertEqual(self.status(item), "restricted")
        # hidden, opted out after its end, and in again: that does not give it back either
        made, item = self.recording()
        self.expect(self.call("POST", item, "restriction", self.morgan), 201)
        for event, at in (("opt_out", now(-600)), ("opt_in", now(-300))):
            self.expect(self.gw.choose(made, self.ada, event, at), 201)
        self.expect(self.call("DELETE", item, "restriction", self.olive, None), 409, "conflict")
        # opted out and in again before the recording: no reason to keep it hidden
        made, item = self.recording(before=(("opt_out", now(-8500)), ("opt_in", now(-8400))))
        self.expect(self.call("POST", item, "restriction", self.morgan), 201)
        self.expect(self.call("DELETE", item, "restriction", self.olive, None), 200)
        self.assertEqual(self.status(item), "available")
        # opted out: not staff's to lift, nor after an opt-in
        made, item = self.recording()
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-8000)), 201)
        for event in (None, "opt_in"):
            if event:
                self.expect(self.gw.choose(made, self.ada, event, now(-10)), 201)
            self.expect(self.call("DELETE", item, "restriction", self.olive, None), 409, "conflict")
            self.assertEqual(self.status(item), "restricted")
        # hidden and lifted without an opt-out: as it was
        made, item = self.recording()
        self.expect(self.call("POST", item, "restriction", self.morgan), 201)
        self.expect(self.call("DELETE", item, "restriction", self.olive, None), 200)
        self.assertEqual(self.status(item), "available")

    def test_a_running_download_stops(self):
        size = 96 << 20
        item = self.letter(data=samples.pdf("long", pad=size))
        with self.gw.socket() as s:
            s.sendall((f"GET /v1/artefacts/{item}/content HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       f"Authorization: Bearer {self.ada}\r\n\r\n").encode())
            got = len(s.recv(65536))
            self.expect(self.call("POST", item, "restriction", self.morgan), 201)
            try:
                while piece := s.recv(1 << 20):
                    got += len(piece)
            except OSError:
                pass
        self.assertGreater(got, 0)
        self.assertLess(got, size // 2)

    def test_hold(self):
        claim = self.claim()
        item = self.letter(claim)
        for role, token in self.others.items():
            with self.subTest(role=role):
                self.expect(self.call("PUT", item, "hold", token), (403, 404))
        self.expect(self.call("PUT", item, "hold", self.morgan, "appeal"), 201)
        self.expect(self.call("PUT", item, "hold", self.morgan, "appeal"), 200)
        changed = self.expect(self.call("PUT", item, "hold", self.olive, "inquiry"), 200).json
        self.assertEqual(changed["hold"]["reason"], "inquiry")
        self.expect(self.read(item), 200)  # it blocks nothing else
        self.expect(self.call("POST", item, "disposal", self.olive), 409, "conflict")
        self.expect(self.call("DELETE", item, "hold", self.morgan, None), 403, "not-permitted")
        self.assertEqual(self.gw.get(f"/v1/artefacts/{item}", self.morgan).json["hold"]["by"], "olive")
        self.assertNotIn("hold", self.gw.get(f"/v1/artefacts/{item}", self.ada).json)
        self.assertEqual(self.events(claim, self.ada, "hold.placed"), [])
        self.assertEqual(len(self.events(claim, self.morgan, "hold.placed")), 2)
        self.expect(self.call("DELETE", item, "hold", self.olive, None), 204)
        self.expect(self.call("DELETE", item, "hold", self.olive, None), 404)
        self.expect(self.call("POST", item, "disposal", self.olive), 201)
        self.expect(self.call("PUT", item, "hold", self.morgan), 201)  # while it is proposed
        self.expect(self.call("POST", item, "disposal/approval", self.oscar), 409, "conflict")

    def test_disposal_takes_two(self):
        claim = self.claim()
        item = self.letter(claim)
        self.expect(self.call("POST", item, "disposal/approval", self.oscar), 409, "conflict")
        for token in (self.morgan, *self.others.values()):
            self.expect(self.call("POST", item, "disposal", token), (403, 404))
        told = self.expect(self.call("POST", item, "disposal", self.olive, "not needed"), 201).json
        self.assertEqual(told["disposal"]["state"], "proposed")
        self.expect(self.call("POST", item, "disposal", self.oscar), 409, "conflict")
        self.expect(self.call("POST", item, "disposal/approval", self.olive), 403, "not-permitted")
        both = self.gw.forge().token("olive", ("records_owner", "case_manager"))  # other roles, same person
        self.expect(self.call("POST", item, "disposal/approval", both), 403, "not-permitted")
        for token in (self.morgan, *self.others.values()):
            self.expect(self.call("POST", item, "disposal/approval", token), (403, 404))
        told = self.expect(self.call("POST", item, "disposal/approval", self.oscar), 201).json["disposal"]
        self.assertEqual((told["state"], told["proposed_by"], told["approved_by"]),
                         ("approved", "olive", "oscar"))
        self.assertGreater(told["due_at"], now(13 * 86400))
        self.expect(self.read(item), 200)  # until it is destroyed it is what it was
        self.expect(self.call("POST", item, "disposal/approval", self.oscar), 409, "conflict")
        for token in (self.morgan, *self.others.values()):
            self.expect(self.call("DELETE", item, "disposal", token, None), (403, 404))
        self.expect(self.call("DELETE", item, "disposal", self.olive, "thought better"), 204)
        self.expect(self.call("DELETE", item, "disposal", self.olive, None), 404)
        self.assertIsNone(self.disposal(item))
        self.assertEqual([e["event"] for e in self.events(claim, self.ada)
                          if e["event"].startswith("disposal.")],
                         ["disposal.proposed", "disposal.approved", "disposal.cancelled"])
        self.checks()


if __name__ == "__main__":
    unittest.main()

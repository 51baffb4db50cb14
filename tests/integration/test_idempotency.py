#!/usr/bin/env python3
"""Idempotency-Keys of every call that makes something: one effect and one answer, also at once, also
after the server was killed."""

import collections
import http.client
import json
import re
import threading
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, now


def key_of(name):
    return {"Idempotency-Key": f'"{name}"'}


def body_of(answer):
    """What of an answer is the same each time: a receipt is proved against a later checkpoint."""
    told = dict(answer.json)
    told["receipt"] = told["receipt"].split("\n")[2] if "receipt" in told else None
    return told


class Idempotency(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.idempotency_ttl", "1 h")

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.asim = gw.token("assessor", "asim")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"])
        cls.other = gw.create_claim("ada", assigned_to=["asim"])

    def calls(self):
        """(name, path, token, a body) of each creating call; bodies differ each time."""
        event = {"event_id": str(uuid.uuid4()), "event": "notice", "effective_at": now(),
                 "channel": "web", "notice_version": "2026-1"}
        consent = {"event_id": str(uuid.uuid4()), "purpose": "audio", "decision": "given",
                   "statement_version": "1", "effective_at": now()}
        artefact = self.gw.upload(self.claim, samples.pdf(str(uuid.uuid4())),
                                  self.ada).json["artefact"]["id"]
        assessment = self.gw.create_assessment(self.claim, self.asim)
        return [
            ("claim", "/v1/claims", self.gw.system, self.gw.claim_body("bea")),
            ("assessment", f"/v1/claims/{self.claim}/assessments", self.asim,
             {"channel": "telephone", "provider": str(uuid.uuid4())}),
            ("choice", f"/v1/assessments/{assessment}/choice", self.ada, event),
            ("consent", f"/v1/claims/{self.claim}/consents", self.ada, consent),
            ("link", f"/v1/artefacts/{artefact}/links", self.gw.manager,
             {"claim": self.other, "reason": str(uuid.uuid4())}),
        ]

    def post(self, path, token, body, key):
        return self.gw.request("POST", path, token, body, key_of(key))

    def test_the_first_answer_is_given_again(self):
        for name, path, token, body in self.calls():
            with self.subTest(name):
                key = str(uuid.uuid4())
                first = self.expect(self.post(path, token, body, key), 201)
                for _ in range(2):
                    again = self.expect(self.post(path, token, body, key), 201)
                    self.assertEqual(body_of(again), body_of(first))
                    self.assertEqual(again.headers["Location"], first.headers["Location"])
                    if "receipt" in again.json:
                        self.assertEqual(self.gw.verify(again.json["receipt"]).returncode, 0)
                # another payload, another path
                changed = {**body, next(iter(body)): str(uuid.uuid4())}
                self.expect(self.post(path, token, changed, key), 422,
                            "idempotency-key-reused")
                self.expect(self.post(f"/v1/claims/{self.claim}/consents", token, changed, key),
                            422, "idempotency-key-reused")
                self.expect(self.post(path + "?x=1", token, body, key), 422,
                            "idempotency-key-reused")
                self.expect(self.gw.upload(self.claim, samples.pdf("x"), token,
                                           headers=key_of(key)), (403, 404, 422))

    def test_keys_are_each_callers_own(self):
        key, body = "shared", {"channel": "telephone"}
        path = f"/v1/claims/{self.claim}/assessments"
        first = self.expect(self.post(path, self.asim, body, key), 201)
        other = self.expect(self.post(path, self.gw.system, body, key), 201)
        self.assertNotEqual(first.json["id"], other.json["id"])

    def test_a_key_of_a_file_is_none_for_a_call(self):
        key = str(uuid.uuid4())
        self.expect(self.gw.upload(self.claim, samples.pdf(key), self.ada,
                                   headers=key_of(key)), 201)
        consent = {"event_id": key, "purpose": "audio", "decision": "given",
                   "statement_version": "1", "effective_at": now()}
        path = f"/v1/claims/{self.claim}/consents"
        self.expect(self.post(path, self.ada, consent, key), 422, "idempotency-key-reused")
        key = str(uuid.uuid4())
        self.expect(self.post(path, self.ada, consent, key), 201)
        self.expect(self.gw.upload(self.claim, samples.pdf(key), self.ada,
                                   headers=key_of(key)), 422, "idempotency-key-reused")

    def test_without_a_key_it_is_made_anew(self):
        path = f"/v1/claims/{self.claim}/assessments"
        made = {self.gw.post(path, self.asim, {}).json["id"] for _ in range(3)}
        self.assertEqual(len(made), 3)

    def test_malformed_keys(self):
        path = f"/v1/claims/{self.claim}/assessments"
        for key in ("", '"', '"open', "x" * 200, '"a" "b"', "a,b"):
            self.expect(self.gw.request("POST", path, self.asim, {},
                                        {"Idempotency-Key": key}), 400, "invalid-request")

    def test_a_refusal_is_not_remembered(self):
        key = str(uuid.uuid4())
        claim = self.gw.create_claim("ada")
        path = f"/v1/claims/{claim}/assessments"
        self.expect(self.post(path, self.asim, {}, key), 404, "claim-not-found")
        self.expect(self.gw.request("PATCH", f"/v1/claims/{claim}", self.gw.system,
                                    {"assigned_to": ["asim"]}), 200)
        self.expect(self.post(path, self.asim, {}, key), 201)

    def test_who_lost_authority_gets_nothing_again(self):
        rupa = self.gw.token("representative", "rupa")
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa")])
        assessment = self.gw.create_assessment(claim)
        event = {"event_id": "e", "event": "opt_out", "effective_at": now()}
        consent = {"event_id": "c", "purpose": "audio", "decision": "given",
                   "statement_version": "1", "effective_at": now()}
        calls = [(f"/v1/assessments/{assessment}/choice", event, "not-found"),
                 (f"/v1/claims/{claim}/consents", consent, "claim-not-found")]
        for path, body, _ in calls:
            self.expect(self.post(path, rupa, body, path), 201)
        self.expect(self.gw.request("PATCH", f"/v1/claims/{claim}", self.gw.system,
                                    {"parties": []}), 200)
        for path, body, problem in calls:
            self.expect(self.post(path, rupa, body, path), 404, problem)
            self.expect(self.gw.request("POST", path, rupa, body), 404, problem)
        self.expect(self.gw.request("PATCH", f"/v1/claims/{claim}", self.gw.system,
                                    {"parties": [self.gw.party("rupa")]}), 200)
        for path, body, _ in calls:
            self.expect(self.post(path, rupa, body, path), 201)

    def test_at_once_it_is_made_once(self):
        for name, path, token, body in self.calls():
            with self.subTest(name):
                answers, key = [], str(uuid.uuid4())
                threads = [threading.Thread(target=lambda: answers.append(
                    self.post(path, token, body, key))) for _ in range(8)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
                told = collections.Counter(a.status for a in answers)
                self.assertGreaterEqual(told[201], 1)
                self.assertEqual(told[201] + told[409], 8, told)
                for a in answers:
                    if a.status == 409:
                        self.assertEqual(a.problem, "idempotency-key-in-use")
                made = [body_of(a) for a in answers if a.status == 201]
                self.assertTrue(all(m == made[0] for m in made))
                self.assertEqual(body_of(self.post(path, token, body, key)), made[0])


class Killed(GatewayTest):
    """A server that is killed under load: whatever was made is told again, nothing is made twice."""

    def test_an_effect_and_its_answer_are_one(self):
        gw = self.gw
        claim, told, at = gw.create_claim("ada"), {}, iter(range(400))
        lock, path = threading.Lock(), f"/v1/claims/{claim}/assessments"

        def load():
            while True:
                with lock:
                    n = next(at, None)
                if n is None:
                    return
                try:
                    made = gw.request("POST", path, gw.system, {"provider": f"p{n}"},
                                      key_of(f"k{n}"))
                    told[n] = made.status, made.body
                    if n == 150:
                        gw.kill()
                except (OSError, http.client.HTTPException):
                    pass  # no answer, or half of one: asked again below
        threads = [threading.Thread(target=load) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        gw.start()
        before = [e["assessment"] for e in self.events(claim)]
        self.assertEqual(len(set(before)), len(before))
        for n in range(400):
            again = self.expect(gw.request("POST", path, gw.system, {"provider": f"p{n}"},
                                           key_of(f"k{n}")), 201)
            if n in told and told[n][0] == 201:
                self.assertEqual(json.loads(told[n][1]), again.json)
        self.assertLess(len(before), 400)
        after = [e["assessment"] for e in self.events(claim)]
        self.assertEqual(len(after), 400)  # one for each key, whenever it was made
        self.assertTrue(set(before) <= set(after))

    def events(self, claim):
        found, path = [], f"/v1/claims/{claim}/history"
        while path:
            answer = self.expect(self.gw.get(path, self.gw.manager), 200)
            found += answer.items()
            path = answer.next() and re.sub(r"^https?://[^/]*", "", answer.next())
        return [e for e in found if e["event"] == "assessment.created"]


if __name__ == "__main__":
    unittest.main()

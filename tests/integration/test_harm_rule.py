#!/usr/bin/env python3
"""The harm rule: a claimant may not know the prognosis and never learns it from us. An SR1 is not
there for them or a representative on any path, and what they get instead cannot be told from the
answer for something that does not exist."""

import json
import sqlite3
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, sha256, unknown_id

SR1 = {
    "patient": {"name": "Invented Ada", "address": "1 Nowhere Lane", "postcode": "ZZ1 1ZZ",
                "date_of_birth": "1971-03-02", "nino": "AB123456C"},
    "diagnosis": "made-up diagnosis", "date_of_diagnosis": "2026-01-05",
    "date_criteria_met": "2026-02-01", "patient_aware_of_diagnosis": True,
    "patient_aware_of_prognosis": False, "clinical_features": "made-up features",
    "treatment": "made-up treatment",
    "declaration": {"role": "General Practitioner", "gmc_number": "1234567",
                    "name": "Invented Gray", "address": "2 Nowhere Lane", "postcode": "ZZ1 1ZZ",
                    "phone": "01632 960000"},
}
SECRET = "sr1-prognosis-terminal"


class HarmRule(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.appointee = gw.token("representative", "rupa")
        cls.carer = gw.token("representative", "carl")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"], special_rules=False, parties=[
            gw.party("rupa"), gw.party("carl", kind="carer", scope="evidence")])
        cls.people = {"claimant": cls.ada, "appointee": cls.appointee, "carer": cls.carer}

    def send(self, data, media, claim=None):
        answer = self.gw.upload(claim or self.claim, data, kind="medical_report", media=media,
                                filename=f"{SECRET}.pdf", cert=self.gw.gp_certificate,
                                params={"description": f"{SECRET} description"})
        self.expect(answer, 201)
        return answer.json["artefact"]["id"]

    def pdf(self, claim=None):
        return self.send(samples.pdf(f"SR1 {uuid.uuid4()}"), "application/pdf", claim)

    def json(self, claim=None):
        return self.send(json.dumps({**SR1, "note": str(uuid.uuid4())}).encode(),
                         "application/json", claim)

    def letter(self, claim=None):
        answer = self.gw.upload(claim or self.claim, samples.pdf(str(uuid.uuid4())), self.ada)
        return self.expect(answer, 201).json["artefact"]["id"]

    def assertUntold(self, answer, artefact, note=""):
        said = f"{answer.headers}{answer.body.decode(errors='replace')}"
        for word in (artefact, SECRET, "medical_report", "harmful", "health_professional"):
            self.assertNotIn(word, said, note)

    def test_a_gp_sends_and_sees_it(self):
        data = samples.pdf("SR1 of a test")
        artefact = self.send(data, "application/pdf")
        own = self.expect(self.gw.get(f"/v1/artefacts/{artefact}",
                                      cert=self.gw.gp_certificate), 200)
        self.assertIn(sha256(data), own.body.decode())
        told = self.gw.settled(artefact)
        self.assertEqual((told["status"], told["kind"], told["uploaded_by"]["role"]),
                         ("available", "medical_report", "health_professional"))
        read = self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=decision", self.gw.manager)
        self.assertEqual((read.status, read.body), (200, data))
        read = self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=assessment",
                           self.gw.token("assessor", "asim"))
        self.assertEqual((read.status, read.body), (200, data))

    def test_json_arrives_as_it_was_sent(self):
        artefact = self.json()
        read = self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=decision", self.gw.manager)
        self.assertEqual(read.status, 200)
        self.assertEqual(json.loads(read.body)["diagnosis"], SR1["diagnosis"])
        for who, token in self.people.items():
            self.expect(self.gw.get(f"/v1/artefacts/{artefact}", token), 404)

    def test_subject_access_is_no_way_around(self):
        artefact = self.pdf()
        for token in (self.gw.manager, self.gw.token("records_owner", "rosa")):
            self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=subject_access",
                                    token), (400, 403, 404))

    def test_every_path_is_like_nothing(self):
        for artefact in (self.pdf(), self.json()):
            gone = unknown_id()
            paths = [("GET", "/v1/artefacts/{}", None),
                     ("GET", "/v1/artefacts/{}/content", None),
                     ("HEAD", "/v1/artefacts/{}/content", None),
                     ("GET", "/v1/artefacts/{}/content?purpose=decision", None),
                     ("GET", "/v1/artefacts/{}/receipt", None),
                     ("POST", "/v1/artefacts/{}/links",
                      {"claim": self.claim, "reason": "curious"}),
                     ("DELETE", f"/v1/artefacts/{{}}/links/{self.claim}", None),
                     ("DELETE", "/v1/artefacts/{}", None),
                     ("PUT", "/v1/artefacts/{}/hold", {"reason": "curious"}),
                     ("POST", "/v1/artefacts/{}/restriction", {"reason": "curious"})]
            for who, token in self.people.items():
                for method, path, body in paths:
                    for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}):
                        with self.subTest(who=who, method=method, path=path, headers=headers):
                            there, missing = (self.gw.request(
                                method, path.format(i), token, body, headers)
                                for i in (artefact, gone))
                            self.assertGreaterEqual(there.status, 400)
                            self.assertSame(there, missing)
                            self.assertUntold(there, "AB123456C")

    def test_etag_of_a_guess_tells_nothing(self):
        data = samples.pdf("SR1 that was guessed")
        artefact = self.send(data, "application/pdf")
        for condition in ("If-None-Match", "If-Match"):
            for person in self.people.values():
                right, wrong = (self.gw.get(f"/v1/artefacts/{artefact}/content", person, headers={
                    condition: f'"{tag}"'}) for tag in (sha256(data), "0" * 64))
                self.assertSame(right, wrong)
                self.assertEqual(right.status, 404)

    def test_lists_counts_and_pages(self):
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa")])
        hidden, letters = [], []
        for step in "hlhhlhhhlh":
            if step == "h":
                hidden.append(self.pdf(claim))
            else:
                letters.append(self.letter(claim))
        for who in ("claimant", "appointee"):
            token = self.people[who]
            for limit in (None, 1, 2, 3, 100):
                with self.subTest(who=who, limit=limit):
                    found = [a["id"] for a in self.gw.list_all(claim, token, limit=limit)]
                    self.assertEqual(found, letters[::-1])
            # a full page every time, and no page after the last one that can be seen
            path, shapes = f"/v1/claims/{claim}/artefacts?limit=1", []
            while path:
                answer = self.expect(self.gw.get(path, token), 200)
                self.assertUntold(answer, hidden[0])
                for artefact in hidden:
                    self.assertNotIn(artefact, answer.body.decode())
                    self.assertNotIn(artefact, str(answer.headers))
                shapes.append(len(answer.items()))
                path = answer.next()
            self.assertEqual(shapes, [1, 1, 1])
            for query in ("kind=medical_report", "status=quarantined", "status=could_not_scan"):
                self.assertEqual(self.gw.get(f"/v1/claims/{claim}/artefacts?{query}",
                                             token).items(), [])
            self.assertEqual(len(self.gw.list_all(claim, token, status="available")), 3)
        self.assertEqual(len(self.gw.list_all(claim, self.gw.manager)), 10)

    def test_a_claim_with_only_hidden_things_is_an_empty_one(self):
        empty, full = self.gw.create_claim("ada"), self.gw.create_claim("ada")
        self.pdf(full)
        for path in ("/v1/claims/{}/artefacts", "/v1/claims/{}/artefacts?limit=1",
                     "/v1/claims/{}/artefacts?kind=medical_report"):
            self.assertSame(self.gw.get(path.format(empty), self.ada),
                            self.gw.get(path.format(full), self.ada), path)
        one, other = (self.gw.get(f"/v1/claims/{c}", self.ada) for c in (empty, full))
        strip = ("external_reference", "created_at", "updated_at", "id", "claimant")
        self.assertEqual({k: v for k, v in one.json.items() if k not in strip},
                         {k: v for k, v in other.json.items() if k not in strip})

    def test_a_cursor_of_a_hidden_thing(self):
        claim = self.gw.create_claim("ada")
        first = self.letter(claim)
        self.pdf(claim)
        last = self.letter(claim)
        path = f"/v1/claims/{claim}/artefacts?limit=2"
        link = self.gw.get(path, self.gw.manager).next()
        answer = self.gw.get(link, self.ada)  # the case manager's cursor stands on the SR1
        self.expect(answer, (200, 400))
        if answer.status == 200:
            self.assertLessEqual({a["id"] for a in answer.items()}, {first, last})

    def test_history(self):
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa")])
        self.letter(claim)
        before = {who: self.gw.get(f"/v1/claims/{claim}/history", self.people[who]).items()
                  for who in ("claimant", "appointee")}
        artefact = self.pdf(claim)
        self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=decision", self.gw.manager)
        self.gw.get(f"/v1/artefacts/{artefact}/content", self.ada)  # refused, and logged
        for who, events in before.items():
            answer = self.gw.get(f"/v1/claims/{claim}/history", self.people[who])
            self.assertUntold(answer, artefact, who)
            self.assertEqual(answer.items(), events, "the history shows that something happened")
            # and in pages
            paged = self.gw.get(f"/v1/claims/{claim}/history?limit=1", self.people[who])
            if paged.status == 200:
                self.assertUntold(paged, artefact, who)
        told = self.gw.get(f"/v1/claims/{claim}/history", self.gw.manager).body.decode()
        self.assertIn(artefact, told)
        told = self.gw.get(f"/v1/claims/{claim}/history",
                           self.gw.token("auditor", "audrey")).body.decode()
        self.assertIn(artefact, told)

    def test_claim_and_assessment_views(self):
        assessment = self.gw.create_assessment(self.claim)
        artefact = self.pdf()
        for token in self.people.values():
            for path in (f"/v1/claims/{self.claim}", "/v1/claims",
                         f"/v1/assessments/{assessment}"):
                answer = self.expect(self.gw.get(path, token), 200)
                self.assertUntold(answer, artefact, path)

    def test_linked_to_another_persons_claim(self):
        other = self.gw.create_claim("bob")
        bob = self.gw.token("claimant", "bob")
        artefact = self.pdf()
        self.expect(self.gw.post(f"/v1/artefacts/{artefact}/links", self.gw.manager,
                                 {"claim": other, "reason": "belongs there"}), (200, 201))
        self.assertEqual(self.gw.list_all(other, bob), [])
        self.assertSame(self.gw.get(f"/v1/artefacts/{artefact}", bob),
                        self.gw.get(f"/v1/artefacts/{unknown_id()}", bob))
        self.assertUntold(self.gw.get(f"/v1/claims/{other}/history", bob), artefact)
        self.assertIn(artefact, [a["id"] for a in self.gw.list_all(other, self.gw.manager)])

    def test_another_role_of_the_same_person_is_no_way_around(self):
        artefact = self.pdf()
        issuer = self.gw.forge()
        for subject in ("ada", "rupa", "carl"):
            for role in ("case_manager", "auditor", "health_professional", "records_owner",
                         "assessor"):
                for roles in ((role,), ("claimant", "representative", role)):
                    with self.subTest(subject=subject, roles=roles):
                        token = issuer.token(subject, roles)
                        for path in (f"/v1/artefacts/{artefact}",
                                     f"/v1/artefacts/{artefact}/content?purpose=decision",
                                     f"/v1/artefacts/{artefact}/content?purpose=audit",
                                     f"/v1/artefacts/{artefact}/receipt"):
                            answer = self.gw.get(path, token)
                            self.assertIn(answer.status, (400, 403, 404), path)
                            self.assertUntold(answer, "AB123456C")
                        for path in (f"/v1/claims/{self.claim}/artefacts?limit=200",
                                     f"/v1/claims/{self.claim}/history"):
                            answer = self.gw.get(path, token)
                            self.assertNotIn(artefact, answer.body.decode())

    def test_the_flag_follows_from_the_log(self):
        """A release stands in the log; a flag that somebody turned in the records does not."""
        released, turned = self.pdf(), self.pdf()
        owner = self.gw.token("records_owner", "rosa")
        for artefact in (released, turned):
            for path, body in (("", {"reviewer": "Dr Invented", "reason": "known"}),
                               ("/revocation", {"reason": "a mistake"})):
                self.expect(self.gw.post(f"/v1/artefacts/{artefact}/harm-release{path}", owner,
                                         body), 201)
        self.expect(self.gw.post(f"/v1/artefacts/{released}/harm-release", owner,
                                 {"reviewer": "Dr Invented", "reason": "known"}), 201)
        verify = ("log", "verify", "--config", self.gw.config)
        self.assertEqual(self.gw.command(*verify, check=False).returncode, 0)
        with sqlite3.connect(self.gw.dir / "data/gateway.db", timeout=60) as db:
            db.execute("UPDATE artefacts SET harmful = 0 WHERE id = ?", (uuid.UUID(turned).bytes,))
        db.close()
        try:
            done = self.gw.command(*verify, check=False)
            self.assertNotEqual(done.returncode, 0)
            said = (done.stdout + done.stderr).decode()
            self.assertIn(turned, said)
            self.assertNotIn(released, said)
        finally:
            with sqlite3.connect(self.gw.dir / "data/gateway.db", timeout=60) as db:
                db.execute("UPDATE artefacts SET harmful = 1 WHERE id = ?",
                           (uuid.UUID(turned).bytes,))
            db.close()

    def test_the_gp_sees_only_their_own(self):
        mine, letter = self.pdf(), self.letter()
        cert = self.gw.gp_certificate
        self.expect(self.gw.get(f"/v1/artefacts/{mine}/receipt", cert=cert), 200)
        for path in (f"/v1/artefacts/{letter}", f"/v1/artefacts/{letter}/content"):
            self.assertSame(self.gw.get(path, cert=cert),
                            self.gw.get(path.replace(letter, unknown_id()), cert=cert))
        other = self.gw.token("health_professional", "dr-other")
        self.expect(self.gw.get(f"/v1/artefacts/{mine}", other), 404)

    def test_same_idempotency_key_or_bytes_tell_nothing(self):
        """Sending the very bytes of a hidden report is like sending anything."""
        data = samples.pdf("SR1 that somebody else has a copy of")
        self.send(data, "application/pdf")
        answer = self.expect(self.gw.upload(self.claim, data, self.ada), 201)
        fresh = self.expect(self.gw.upload(self.claim, samples.pdf("SR1 that nobody has sent"),
                                           self.ada), 201)
        def shape(value):
            if isinstance(value, dict):
                return {k: shape(v) for k, v in value.items()}
            return type(value).__name__
        self.assertEqual(shape(answer.json), shape(fresh.json))

    def test_logs_say_nothing(self):
        self.pdf()
        said = self.gw.stderr()
        for word in (SECRET, "AB123456C", "Invented", "made-up"):
            self.assertNotIn(word, said)


if __name__ == "__main__":
    unittest.main()

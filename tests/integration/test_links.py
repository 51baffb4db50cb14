#!/usr/bin/env python3
"""Evidence on the wrong claim, on several, and twice: links are made, taken away and moved, nothing is
overwritten, staff see where it has been and where else its bytes are, and nobody else learns whose claim it
strayed to."""

import json
import pathlib
import sys
import threading
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples
from gateway_fixture import GatewayTest, Session, unknown_id


class Links(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada, cls.bob = gw.token("claimant", "ada"), gw.token("claimant", "bob")
        cls.auditor, cls.records = gw.token("auditor", "audrey"), gw.token("records_owner", "robin")
        gw.manager, gw.system

    def setUp(self):
        self.wrong, self.right = self.gw.create_claim("ada"), self.gw.create_claim("bob")
        self.data = samples.pdf(str(uuid.uuid4()))
        self.letter = self.send(self.wrong, self.data, self.ada)

    def send(self, claim, data, token):
        return self.expect(self.gw.upload(claim, data, token), 201).json["artefact"]["id"]

    def link(self, claim, reason="it is Bob's", token=None, artefact=None, headers=None, **more):
        return self.gw.request("POST", f"/v1/artefacts/{artefact or self.letter}/links", token or self.gw.manager,
                               {"claim": claim, "reason": reason, **more}, headers)

    def move(self, reason="it is Bob's", **more):
        return self.link(self.right, reason, move_from=self.wrong, **more)

    def origin(self, artefact=None, token=None):
        path = f"/v1/artefacts/{artefact or self.letter}/links"
        return self.expect(self.gw.get(path, token or self.gw.manager), 200).json

    def history(self, claim, token=None):
        return self.expect(self.gw.get(f"/v1/claims/{claim}/history?limit=200", token or self.gw.manager), 200).items()

    def on(self, claim, token=None):
        return [a["id"] for a in self.gw.list_all(claim, token or self.gw.manager)]

    def test_moved_in_one(self):
        self.assertEqual([e["claim"] for e in self.origin()["links"]], [self.wrong])
        told = self.expect(self.move(), 201).json
        self.assertEqual([entry["claim"] for entry in told["links"]], [self.right])
        self.assertEqual((self.on(self.wrong), self.on(self.right)), ([], [self.letter]))
        self.expect(self.gw.get(f"/v1/artefacts/{self.letter}/content", self.bob), 200)
        links = self.origin()["links"]
        self.assertEqual([entry["claim"] for entry in links], [self.wrong, self.right])
        gone, stands = links
        self.assertIn("#ada", gone["made"]["by"])
        self.assertEqual(gone["removed"]["reason"], "it is Bob's")
        self.assertIn("#morgan", gone["removed"]["by"])
        self.assertEqual((stands["made"]["reason"], stands.get("removed")), ("it is Bob's", None))
        self.assertLessEqual(stands["made"]["at"], gone["removed"]["at"])
        # both histories, for staff with both claims, and each of the two people's own
        for claim, made, removed in ((self.wrong, True, True), (self.right, True, True)):
            events = {e["event"]: e for e in self.history(claim) if e["event"].startswith("link.")}
            self.assertEqual(set(events), {"link.made", "link.removed"})
            self.assertEqual(events["link.made"]["linked_claim"], self.right)
            self.assertEqual(events["link.removed"]["linked_claim"], self.wrong)
            self.assertEqual({e["reason"] for e in events.values()}, {"it is Bob's"})
        for claim, token, other in ((self.wrong, self.ada, self.right), (self.right, self.bob, self.wrong)):
            told = json.dumps(self.history(claim, token))
            self.assertIn("link.", told)
            self.assertNotIn(other, told)
            self.assertNotIn("Bob's", told)

    def test_all_or_nothing(self):
        other = self.gw.create_claim("bob")
        for answer, status in ((self.link(self.right, move_from=other), 409), (self.link(self.right, move_from=self.right), 409),
                               (self.link(self.right, move_from=unknown_id()), 409), (self.link(self.right, move_from="x"), 404),
                               (self.link(unknown_id(), move_from=self.wrong), 404), (self.link(self.wrong, move_from=self.wrong), 409),
                               (self.link(self.right, "", move_from=self.wrong), 400)):
            self.expect(answer, status)
            self.assertEqual([e["claim"] for e in self.origin()["links"]], [self.wrong])
            self.assertEqual((self.on(self.wrong), self.on(self.right)), ([self.letter], []))
        self.assertNotIn("link.", json.dumps(self.history(self.wrong)))

    def test_the_same_move_twice(self):
        key = {"Idempotency-Key": str(uuid.uuid4())}
        first, again = self.move(headers=key), self.move(headers=key)
        self.assertEqual((first.status, again.status, again.body), (201, 201, first.body))
        self.expect(self.move(), 409)
        self.assertEqual(len(self.origin()["links"]), 2)

    def test_to_and_fro_keeps_every_step(self):
        steps = [(self.right, self.wrong, "one"), (self.wrong, self.right, "two"), (self.right, self.wrong, "three")]
        for to, since, reason in steps:
            self.expect(self.link(to, reason, move_from=since), 201)
        self.expect(self.link(self.wrong, "four"), 201)
        self.expect(self.gw.request("DELETE", f"/v1/artefacts/{self.letter}/links/{self.wrong}", self.gw.manager,
                                    {"reason": "five"}), 204)
        told = [(e["claim"], e["made"].get("reason", ""), e.get("removed", {}).get("reason")) for e in self.origin()["links"]]
        self.assertEqual(told, [(self.wrong, "", "one"), (self.right, "one", "two"), (self.wrong, "two", "three"),
                                (self.right, "three", None), (self.wrong, "four", "five")])

    def test_the_last_link_stays_and_a_reason_may_be_told(self):
        path = f"/v1/artefacts/{self.letter}/links/{self.wrong}"
        self.expect(self.gw.request("DELETE", path, self.gw.manager), 409)
        self.expect(self.link(self.right), 201)
        self.expect(self.gw.request("DELETE", path, self.gw.manager, {"why": "x"}), 400)
        self.expect(self.gw.request("DELETE", path, self.gw.manager), 204)  # no body, as ever
        self.assertNotIn("reason", self.origin()["links"][0]["removed"])
        self.expect(self.gw.request("DELETE", path, self.gw.manager), 404)

    def test_who_sees_where_it_has_been(self):
        self.expect(self.move(), 201)
        for token in (self.gw.manager, self.auditor, self.records):
            self.assertEqual(len(self.origin(token=token)["links"]), 2)
        path = f"/v1/artefacts/{self.letter}/links"
        for role, subject in (("claimant", "ada"), ("claimant", "bob"), ("representative", "rupa"), ("assessor", "asim"),
                              ("health_professional", "dr-gray"), ("claims_system", "registry"), ("operator", "olga")):
            self.expect(self.gw.get(path, self.gw.token(role, subject)), 403, "not-permitted")
            self.expect(self.gw.request("POST", path, self.gw.token(role, subject),
                                        {"claim": self.right, "reason": "x", "move_from": self.wrong}), 403)
        self.expect(self.gw.get(f"/v1/artefacts/{unknown_id()}/links", self.gw.manager), 404)

    def test_the_same_bytes_elsewhere(self):
        self.assertEqual((self.origin()["same_bytes"], self.origin()["more"]), ([], False))
        other = self.send(self.right, self.data, self.bob)
        self.assertNotEqual(other, self.letter)
        for token in (self.gw.manager, self.auditor, self.records):
            found, = self.origin(token=token)["same_bytes"]
            self.assertEqual((found["artefact"], found["claim"], found["status"]), (other, self.right, "available"))
        # the claimants learn nothing of it
        for token, artefact, claim, secret in ((self.ada, self.letter, self.wrong, (other, self.right)),
                                               (self.bob, other, self.right, (self.letter, self.wrong))):
            for path in (f"/v1/artefacts/{artefact}", f"/v1/claims/{claim}/artefacts", f"/v1/claims/{claim}/history"):
                told = self.gw.get(path, token).body.decode()
                for word in secret:
                    self.assertNotIn(word, told)

    def test_moved_evidence_of_a_wrong_claim_is_not_its_owners_any_more(self):
        stranger = self.gw.create_claim("carol", parties=[self.gw.party("rupa")])
        rupa = self.gw.token("representative", "rupa")
        theirs = self.expect(self.gw.upload(stranger, samples.pdf(str(uuid.uuid4())), self.gw.manager,
                                            "correspondence"), 201).json["artefact"]["id"]
        carol = self.gw.token("claimant", "carol")
        for token in (carol, rupa):
            self.expect(self.gw.get(f"/v1/artefacts/{theirs}/content", token), 200)
        self.expect(self.link(self.right, artefact=theirs, move_from=stranger), 201)
        for token in (carol, rupa):
            for path in (f"/v1/artefacts/{theirs}", f"/v1/artefacts/{theirs}/content"):
                self.assertSame(self.gw.get(path, token), self.gw.get(path.replace(theirs, unknown_id()), token))

    def test_the_log_and_the_records_agree(self):
        self.expect(self.move(), 201)
        self.expect(self.link(self.wrong, "again"), 201)
        self.expect(self.link(self.wrong, "and back", move_from=self.right), 409)
        for claim in (self.wrong, self.right):
            self.expect(self.gw.get(f"/v1/claims/{claim}/bundle?purpose=appeal", self.gw.manager), 200)
        done = self.gw.command("log", "verify", "--config", self.gw.config, check=False)
        self.assertEqual(done.returncode, 0, done)

    def test_two_case_managers_at_once(self):
        """One of two moves wins; the other finds that it does not stand there any more."""
        third = self.gw.create_claim("carol")
        for _ in range(10):
            letter = self.send(self.wrong, samples.pdf(str(uuid.uuid4())), self.ada)
            together, answers = threading.Barrier(2), []

            def go(claim):
                with Session(self.gw) as session:
                    together.wait()
                    answers.append(session.request("POST", f"/v1/artefacts/{letter}/links", self.gw.manager,
                                                   {"claim": claim, "reason": "r", "move_from": self.wrong}))
            threads = [threading.Thread(target=go, args=(c,)) for c in (self.right, third)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(sorted(a.status for a in answers), [201, 409])
            standing = [e["claim"] for e in self.origin(letter)["links"] if "removed" not in e]
            self.assertEqual(len(standing), 1)
            self.assertNotEqual(standing, [self.wrong])


if __name__ == "__main__":
    unittest.main()

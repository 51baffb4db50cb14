#!/usr/bin/env python3
"""How much a person and a claim may have stored: what is refused, in which words, and what never is."""

import collections
import threading
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest


def fresh(pad=0):
    return samples.pdf(str(uuid.uuid4()), pad)


class OnePerson(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.quota_person_artefacts", 6).setting("policy.quota_person_bytes",
                                                               "1 MiB")

    def test_files(self):
        for subject, role in (("ada", "claimant"), ("carl", "representative"),
                              ("dr-gray", "health_professional")):
            claim = self.gw.create_claim("ada", parties=[self.gw.party("carl", "carer")])
            other = self.gw.create_claim("ada", parties=[self.gw.party("carl", "carer")])
            token = self.gw.token(role, subject)
            for n in range(6):
                self.expect(self.gw.upload((claim, other)[n % 2], fresh(), token), 201)
            answer = self.expect(self.gw.upload(other, fresh(), token), 429, "quota-exceeded")
            self.assertIn("6 files", answer.json["detail"])
            self.assertIn("one person", answer.json["detail"])
        # what was refused is not there, and a read is nobody's quota
        self.assertEqual(len(self.gw.list_all(claim, self.gw.manager)), 3)
        # the department's own work goes on
        for n in range(8):
            self.expect(self.gw.upload(claim, fresh(), self.gw.manager), 201)

    def test_bytes_as_stated_and_as_they_come(self):
        bea, claim = self.gw.token("claimant", "bea"), self.gw.create_claim("bea")
        self.expect(self.gw.upload(claim, fresh(600000), bea), 201)
        large = fresh(600000)
        answer = self.expect(self.gw.upload(claim, large, bea), 429, "quota-exceeded")
        self.assertIn("1MB", answer.json["detail"])

        def pieces():  # a length that nobody states
            for at in range(0, len(large), 50000):
                yield large[at:at + 50000]
        with self.gw.socket() as s:
            s.sendall(f"POST /v1/claims/{claim}/artefacts?kind=further_evidence HTTP/1.1\r\n"
                      f"Host: x\r\nAuthorization: Bearer {bea}\r\nConnection: close\r\n"
                      "Content-Type: application/pdf\r\nTransfer-Encoding: chunked\r\n\r\n"
                      .encode())
            for piece in pieces():
                s.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            s.sendall(b"0\r\n\r\n")
            self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 429"))
        self.expect(self.gw.upload(claim, fresh(300000), bea), 201)
        # a duplicate takes no room: of what is there, any number
        small = fresh()
        for _ in range(8):
            self.expect(self.gw.upload(claim, small, bea), 201)
        self.assertEqual(len(self.gw.list_all(claim, bea)), 3)


class OneClaim(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.quota_claim_artefacts", 4)

    def test_it_is_the_claimants_side_that_is_limited(self):
        claim = self.gw.create_claim("ada", parties=[self.gw.party("carl", "carer")],
                                     assigned_to=["asim"])
        ada, carl = self.gw.token("claimant", "ada"), self.gw.token("representative", "carl")
        for token in (ada, carl, ada, carl):
            self.expect(self.gw.upload(claim, fresh(), token), 201)
        for token in (ada, carl):
            answer = self.expect(self.gw.upload(claim, fresh(), token), 429, "quota-exceeded")
            self.assertIn("4 files", answer.json["detail"])
            self.assertIn("claim", answer.json["detail"])
        # whoever else has something to send
        doctor = self.gw.token("health_professional", "dr-gray")
        for n in range(5):
            self.expect(self.gw.upload(claim, fresh(), doctor, kind="medical_report"), 201)
            self.expect(self.gw.upload(claim, fresh(), doctor), 201)
            self.expect(self.gw.upload(claim, fresh(), self.gw.token("assessor", "asim"),
                                       kind="assessment_report"), 201)
            self.expect(self.gw.upload(claim, fresh(), self.gw.manager,
                                       kind="correspondence"), 201)
        # and another claim is another claim
        self.expect(self.gw.upload(self.gw.create_claim("ada"), fresh(), ada), 201)

    def test_what_others_send_takes_none_of_it(self):
        claim = self.gw.create_claim("ada")
        for n in range(6):
            self.expect(self.gw.upload(claim, fresh(), self.gw.manager), 201)
        ada = self.gw.token("claimant", "ada")
        for n in range(4):
            self.expect(self.gw.upload(claim, fresh(), ada), 201)
        self.expect(self.gw.upload(claim, fresh(), ada), 429, "quota-exceeded")

    def test_a_race_for_the_last_place(self):
        ada, answers = self.gw.token("claimant", "ada"), []
        for _ in range(5):
            claim = self.gw.create_claim("ada")
            for _ in range(3):
                self.expect(self.gw.upload(claim, fresh(), ada), 201)
            answers.clear()
            bodies = [fresh() for _ in range(6)]
            threads = [threading.Thread(target=lambda b=b: answers.append(
                self.gw.upload(claim, b, ada))) for b in bodies]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            told = collections.Counter(a.status for a in answers)
            self.assertEqual(told, {201: 1, 429: 5}, answers)
            self.assertEqual(len(self.gw.list_all(claim, ada)), 4)

    def test_counts_outlive_the_process(self):
        ada, claim = self.gw.token("claimant", "ada"), self.gw.create_claim("ada")
        for _ in range(3):
            self.expect(self.gw.upload(claim, fresh(), ada), 201)
        self.gw.kill()
        self.gw.start()
        self.expect(self.gw.upload(claim, fresh(), ada), 201)
        self.expect(self.gw.upload(claim, fresh(), ada), 429, "quota-exceeded")


class NoLimit(GatewayTest):
    @classmethod
    def configure(cls, gw):
        for name in ("person_bytes", "person_artefacts", "claim_bytes", "claim_artefacts"):
            gw.setting(f"policy.quota_{name}", 0)

    def test_zero_is_none(self):
        ada, claim = self.gw.token("claimant", "ada"), self.gw.create_claim("ada")
        for _ in range(20):
            self.expect(self.gw.upload(claim, fresh(), ada), 201)


if __name__ == "__main__":
    unittest.main()

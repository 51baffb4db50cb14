#!/usr/bin/env python3
"""The same file again: stored once, receipted each time, and told to nobody who may not see it."""

import base64
import json
import threading
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, sha256


def entry_of(receipt):
    """What the log says of it."""
    extra = next(line for line in receipt.split("\n") if line.startswith("extra "))
    return json.loads(base64.b64decode(extra[6:])[3 + 41 + 32:])


class Duplicates(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.carl = gw.token("representative", "carl")
        cls.doctor = gw.token("health_professional", "dr-gray")
        cls.asim = gw.token("assessor", "asim")

    def setUp(self):
        self.claim = self.gw.create_claim("ada", assigned_to=["asim"],
                                          parties=[self.gw.party("carl", "carer")])

    def sent(self, data, token, claim=None, **options):
        return self.expect(self.gw.upload(claim or self.claim, data, token, **options), 201)

    def payloads(self):
        return sum(1 for f in (self.gw.dir / "data/blobs").rglob("*") if f.is_file())

    def test_it_is_stored_once(self):
        data = samples.pdf(str(uuid.uuid4()))
        first = self.sent(data, self.ada)
        before = self.payloads()
        self.assertNotIn("duplicate_of", first.json["artefact"])
        again = self.sent(data, self.ada, filename="another name.pdf")
        item = first.json["artefact"]
        self.assertEqual(again.json["artefact"], {**item, "duplicate_of": item["id"]})
        self.assertEqual(again.headers["Location"], first.headers["Location"])
        self.assertEqual(again.headers["Repr-Digest"], first.headers["Repr-Digest"])
        self.assertEqual(self.payloads(), before)
        self.assertEqual(len(self.gw.list_all(self.claim, self.ada)), 1)
        self.assertEqual(self.gw.get(f"/v1/artefacts/{item['id']}/content", self.ada).body, data)
        # a receipt of its own, that verifies
        told = entry_of(again.json["receipt"])
        self.assertEqual((told["action"], told["artefact"], told["sha256"], told["claim"]),
                         ("upload.duplicate", item["id"], sha256(data), self.claim))
        self.assertEqual(self.gw.verify(again.json["receipt"], data).returncode, 0)
        # both are in the history
        events = self.gw.get(f"/v1/claims/{self.claim}/history", self.ada).items()
        self.assertEqual([e["event"] for e in events if e["event"].startswith("upload.")],
                         ["upload.committed", "upload.duplicate"])
        self.gw.command("log", "verify", "--config", self.gw.config)

    def test_somebody_elses_that_may_be_seen(self):
        data = samples.pdf(str(uuid.uuid4()))
        item = self.sent(data, self.carl, filename="from carl.pdf").json["artefact"]
        again = self.sent(data, self.ada)
        self.assertEqual(again.json["artefact"]["duplicate_of"], item["id"])
        self.assertEqual(again.json["artefact"]["uploaded_by"],
                         {"role": "representative", "me": False})
        told = entry_of(again.json["receipt"])
        self.assertTrue(told["actor"].endswith("#ada"))
        self.assertNotIn("carl", again.json["receipt"])
        self.assertEqual(len(self.gw.list_all(self.claim, self.ada)), 1)

    def test_something_else_is_new(self):
        data, other = samples.pdf(str(uuid.uuid4())), self.gw.create_claim("ada")
        made = [self.sent(data, self.ada), self.sent(data + b"\n", self.ada),
                self.sent(data, self.ada, kind="carer_statement"),
                self.sent(data, self.ada, claim=other)]
        self.assertEqual(len({a.json["artefact"]["id"] for a in made}), 4)
        self.assertFalse([a for a in made if "duplicate_of" in a.json["artefact"]])

    def test_recordings_of_the_same_minutes(self):
        assessment = self.gw.create_assessment(self.claim, self.asim)
        self.expect(self.gw.choose(assessment, self.asim, "notice",
                                   "2020-01-01T00:00:00Z"), 201)
        data, about = samples.wav(), self.gw.recording(assessment)

        def record(about):
            return self.sent(data, self.asim, kind="assessment_audio", media="audio/wav",
                             filename="a.wav", params=about).json["artefact"]
        first, again = record(about), record(about)
        self.assertEqual(again["duplicate_of"], first["id"])
        later = record({**about, **self.gw.recording(assessment, -2000)})
        self.assertNotIn("duplicate_of", later)
        second = self.gw.create_assessment(self.claim, self.asim)
        self.expect(self.gw.choose(second, self.asim, "notice", "2020-01-01T00:00:00Z"), 201)
        self.assertNotIn("duplicate_of", record({**about, "assessment": second}))

    def test_what_the_sender_may_not_see(self):
        """The answers are those of a file that nobody ever sent."""
        data = samples.pdf(str(uuid.uuid4()))
        self.sent(data, self.ada)
        first = self.sent(data, self.doctor)  # a doctor sees what they sent themselves
        self.assertNotIn("duplicate_of", first.json["artefact"])
        self.assertIn("duplicate_of", self.sent(data, self.doctor).json["artefact"])
        report = samples.pdf(str(uuid.uuid4()))
        self.sent(report, self.doctor, kind="medical_report")
        for token in (self.ada, self.carl):  # the same bytes, from the claimant's side
            answer = self.sent(report, token)
            if token == self.ada:
                self.assertNotIn("duplicate_of", answer.json["artefact"])
            else:
                self.assertIn("duplicate_of", answer.json["artefact"])  # hers, not the report
        other = self.sent(report, self.gw.token("health_professional", "dr-green"),
                          kind="medical_report")
        self.assertNotIn("duplicate_of", other.json["artefact"])
        for token in (self.ada, self.carl):
            said = self.gw.get(f"/v1/claims/{self.claim}/history", token).body.decode()
            self.assertNotIn("medical_report", said)

    def test_a_restricted_one(self):
        assessment = self.gw.create_assessment(self.claim, self.asim)
        self.expect(self.gw.choose(assessment, self.asim, "notice",
                                   "2020-01-01T00:00:00Z"), 201)
        about = self.gw.recording(assessment)
        options = {"kind": "assessment_audio", "media": "audio/wav", "filename": "a.wav",
                   "params": about}
        self.sent(samples.wav(), self.asim, **options)
        self.expect(self.gw.choose(assessment, self.ada, "opt_out"), 201)
        self.expect(self.gw.upload(self.claim, samples.wav(), self.asim, **options), 409,
                    "recording-opted-out")

    def test_at_once(self):
        for _ in range(5):
            data, answers = samples.pdf(str(uuid.uuid4())), []
            tokens = [self.ada, self.carl, self.gw.manager] * 2
            before = self.payloads()
            threads = [threading.Thread(target=lambda t=t: answers.append(
                self.gw.upload(self.claim, data, t))) for t in tokens]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual({a.status for a in answers}, {201}, answers)
            items = [a.json["artefact"] for a in answers]
            self.assertEqual(len({i["id"] for i in items}), 1)
            self.assertEqual(len([i for i in items if "duplicate_of" not in i]), 1)
            self.assertEqual(self.payloads(), before + 1)

    def test_with_a_key(self):
        data, key = samples.pdf(str(uuid.uuid4())), {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        first = self.sent(data, self.carl)
        again = [self.sent(data, self.ada, headers=key) for _ in range(3)]
        for a in again:
            self.assertEqual(a.json["artefact"]["duplicate_of"], first.json["artefact"]["id"])
            self.assertEqual(entry_of(a.json["receipt"]), entry_of(again[0].json["receipt"]))
        self.gw.kill()
        self.gw.start()
        told = self.sent(data, self.ada, headers=key)
        self.assertEqual(told.json["artefact"], again[0].json["artefact"])
        events = self.gw.get(f"/v1/claims/{self.claim}/history", self.ada).items()
        self.assertEqual([e["event"] for e in events].count("upload.duplicate"), 1)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""An upload that did not arrive is never silent: whoever sent it finds it in the claim's history, and
nobody else does."""

import base64
import json
import sqlite3
import time
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest

WAIT_SECONDS = 60


class Broken(GatewayTest):
    @classmethod
    def configure(cls, gw):
        # so that a broken body ends soon, whatever is left of it
        gw.setting("limits.drain_bytes", "1 MiB").setting("limits.drain", "500 ms")

    @classmethod
    def prepare(cls, gw):
        cls.tokens = {s: gw.token(r, s) for r, s in (
            ("claimant", "ada"), ("claimant", "bea"), ("representative", "carl"), ("representative", "rupa"),
            ("health_professional", "dr-gray"), ("case_manager", "morgan"),
            ("auditor", "audrey"), ("assessor", "asim"))}

    def setUp(self):
        self.claim = self.gw.create_claim("ada", assigned_to=["asim"], parties=[
            self.gw.party("carl"), self.gw.party("rupa", "carer")])

    def break_off(self, subject, data, sent, kind="further_evidence", more=""):
        """A connection that is cut in mid-body."""
        head = (f"POST /v1/claims/{self.claim}/artefacts?kind={kind} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {self.tokens[subject]}\r\n{more}"
                f"Content-Type: application/pdf\r\nContent-Length: {len(data)}\r\n\r\n")
        with self.gw.socket() as s:
            s.sendall(head.encode() + data[:sent])
            self.gw.await_read(s)

    def history(self, subject):
        path = f"/v1/claims/{self.claim}/history"
        return self.expect(self.gw.get(path, self.tokens[subject]), 200).items()

    def broken(self, subject, wanted=None):
        """The events of uploads that broke, once there are as many as wanted."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = [e for e in self.history(subject) if e["event"] == "upload.broken"]
            if wanted is None or len(found) >= wanted or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def logged(self):
        base = sqlite3.connect(f"file:{self.gw.dir}/data/gateway.db?mode=ro", uri=True)
        try:
            rows = base.execute("SELECT details FROM ledger_entries WHERE details IS NOT NULL")
            told = [json.loads(r[0]) for r in rows]
        finally:
            base.close()
        return [t for t in told if t["action"] == "upload.broken"
                and t["claim"] == self.claim]

    def test_a_connection_that_broke(self):
        data = samples.pdf(str(uuid.uuid4()), 400000)
        self.break_off("ada", data, 150000)
        told = self.broken("ada", 1)
        self.assertEqual(len(told), 1)
        event = told[0]
        self.assertEqual((event["kind"], event["reason"], event["by"]),
                         ("further_evidence", "incomplete", {"role": "claimant", "me": True}))
        self.assertLessEqual(event["size"], 150000)
        self.assertGreater(event["size"], 0)
        self.assertNotIn("artefact", event)
        for other in ("carl", "rupa", "morgan", "audrey"):
            self.assertEqual(self.broken(other), [], other)
            self.assertNotIn("incomplete", json.dumps(self.history(other)))
        self.assertEqual(self.gw.list_all(self.claim, self.tokens["ada"]), [])
        self.assertEqual(len(self.logged()), 1)  # auditors have the log
        # and what arrives later is not spoilt by it
        answer = self.expect(self.gw.upload(self.claim, data, self.tokens["ada"]), 201)
        self.assertNotIn("duplicate_of", answer.json["artefact"])

    def test_each_sees_their_own(self):
        for subject in ("ada", "carl", "rupa", "morgan"):
            self.break_off(subject, samples.pdf(pad=400000), 100000)
        for subject in ("ada", "carl", "rupa", "morgan"):
            told = self.broken(subject, 1)
            self.assertEqual([e["by"]["me"] for e in told], [True], subject)
        self.assertEqual(self.broken("audrey"), [])
        self.assertEqual(len(self.logged()), 4)

    def test_a_doctors_report_is_nobodys_to_see(self):
        self.break_off("dr-gray", samples.pdf(pad=400000), 100000, "medical_report")
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.logged() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual([t["harmful"] for t in self.logged()], [True])
        for subject in ("ada", "carl", "rupa", "morgan", "audrey"):
            self.assertEqual([e for e in self.history(subject)
                              if e["event"].startswith("upload.")], [], subject)

    def test_what_ends_otherwise_is_not_broken(self):
        data, ada = samples.pdf(str(uuid.uuid4())), self.tokens["ada"]
        self.expect(self.gw.upload(self.claim, data, ada), 201)
        self.expect(self.gw.upload(self.claim, data, ada), 201)  # again
        self.expect(self.gw.upload(self.claim, b"", ada), 400, "file-empty")
        self.expect(self.gw.upload(self.claim, b"\x00\x01\x02", ada), 415)
        key = "key-1"
        self.expect(self.gw.upload(self.claim, samples.pdf("keyed"), ada,
                                   headers={"Idempotency-Key": key}), 201)
        self.break_off("ada", samples.pdf("keyed", 400000), 100000,  # what arrived is there
                       more=f"Idempotency-Key: {key}\r\n")
        self.break_off("ada", samples.pdf(pad=400000), 100000)
        self.assertEqual(len(self.broken("ada", 1)), 1)
        time.sleep(0.3)
        self.assertEqual(len(self.broken("ada")), 1)

    def test_a_trailer_that_cannot_be_read(self):
        data = samples.pdf(str(uuid.uuid4()))
        head = (f"POST /v1/claims/{self.claim}/artefacts?kind=further_evidence HTTP/1.1\r\n"
                f"Host: x\r\nAuthorization: Bearer {self.tokens['ada']}\r\n"
                "Content-Type: application/pdf\r\nTransfer-Encoding: chunked\r\n\r\n")
        with self.gw.socket() as s:
            s.sendall(head.encode() + b"%x\r\n%s\r\n0\r\nRepr-Digest: sha-256=?\r\n\r\n"
                      % (len(data), data))
            self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 400"))
        self.assertEqual([e["reason"] for e in self.broken("ada", 1)], ["incomplete"])

    def test_many_are_counted(self):
        """A phone on a bad line does not fill the log."""
        self.claim = self.gw.create_claim("bea")
        for _ in range(30):
            self.break_off_quickly("bea")
        self.broken("bea", 20)
        time.sleep(0.3)
        self.assertEqual(len(self.logged()), 20)

    def test_unfinished_uploads_over_several_requests(self):
        """What a resumable upload did is its owner's to see, too, until it is evidence."""
        told = base64.b64encode
        words = ",".join((f"claim {told(self.claim.encode()).decode()}",
                          f"kind {told(b'further_evidence').decode()}"))
        ada, headers = self.tokens["ada"], {"Tus-Resumable": "1.0.0"}
        made = self.expect(self.gw.request("POST", "/v1/uploads", ada, b"", {
            **headers, "Upload-Length": "1000", "Upload-Metadata": words}), 201)
        at = made.headers["Location"]
        self.expect(self.gw.request("PATCH", at, ada, b"%PDF-1.7", {
            **headers, "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream"}), 204)
        self.expect(self.gw.request("DELETE", at, ada, None, headers), 204)
        seen = [e for e in self.history("ada") if e["event"].startswith("upload.")]
        self.assertEqual([e["event"] for e in seen], ["upload.started", "upload.terminated"])
        self.assertEqual({e["upload"] for e in seen}, {at.rpartition("/")[2]})
        for other in ("carl", "rupa", "morgan", "audrey"):
            self.assertNotIn("upload.", json.dumps(self.history(other)), other)
        self.assertEqual(self.broken("ada"), [])

    def break_off_quickly(self, subject):
        with self.gw.socket() as s:
            s.sendall((f"POST /v1/claims/{self.claim}/artefacts?kind=further_evidence HTTP/1.1"
                       f"\r\nHost: x\r\nAuthorization: Bearer {self.tokens[subject]}\r\n"
                       "Content-Type: application/pdf\r\nContent-Length: 5000\r\n\r\n%PDF-")
                      .encode())
            self.gw.await_read(s)


if __name__ == "__main__":
    unittest.main()

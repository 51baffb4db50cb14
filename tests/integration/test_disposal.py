#!/usr/bin/env python3
"""Destruction, on bytes: what is searched for is found in the files before, and in none of them after,
free pages, write-ahead log and payloads included. What is left is the tombstone."""

import json
import pathlib
import sqlite3
import sys
import threading
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples
from gateway_fixture import now, receipt_of
from keeping import Destroying, where

NAME = "Sonderbar-Zwiebel-4711.pdf"
WORDS = "Zwetschgendatschi description 0815"


class Destroyed(Destroying):
    def test_nothing_is_left(self):
        claim, data = self.claim(), samples.pdf("secret " + str(uuid.uuid4()))
        other = self.letter(claim)
        answer = self.expect(self.gw.upload(
            claim, data, self.ada, filename=NAME, params={"description": WORDS},
            headers={"Idempotency-Key": str(uuid.uuid4())}), 201)
        item, receipt = answer.json["artefact"]["id"], receipt_of(answer)
        # somebody reads it, links it (with a kept answer that shows its name), sends it again
        self.expect(self.read(item), 200)
        second = self.gw.create_claim("ada")
        linked = self.gw.post(f"/v1/artefacts/{item}/links", self.morgan,
                              {"claim": second, "reason": "same person"},
                              headers={"Idempotency-Key": str(uuid.uuid4())})
        self.expect(linked, 201)
        self.assertIn(NAME, linked.body.decode())
        again = self.expect(self.gw.upload(claim, data, self.ada, filename="again.pdf"), (200, 201))
        self.assertEqual(again.json["artefact"]["duplicate_of"], item)
        secrets = self.secrets(item, data)
        for what, needle in secrets.items():
            self.assertNotEqual(where(self.gw.dir / "data", needle), [], f"{what} is not there before")
        kept = self.row("SELECT count(*) FROM idempotency_keys")[0]

        self.dispose(item)
        told = self.destroyed(item)
        for what, needle in secrets.items():
            with self.subTest(what=what):
                self.assertEqual(where(self.gw.dir, needle), [])
        for name in (NAME, WORDS):
            self.assertEqual(where(self.gw.dir, name.encode()), [])
        self.assertIsNone(self.payload(item))
        self.assertIsNone(self.header(item))
        self.assertLess(self.row("SELECT count(*) FROM idempotency_keys")[0], kept)

        # the tombstone
        self.assertEqual((told["reason"], told["proposed_by"], told["approved_by"]),
                         ("because", "olive", "oscar"))
        self.assertGreater(told["backups_until"], now(34 * 86400))
        self.assertLess(told["backups_until"], now(36 * 86400))
        shown = self.gw.get(f"/v1/artefacts/{item}", self.morgan).json
        self.assertEqual((shown["status"], shown["filename"], shown["sha256"]), ("disposed", "", None))
        self.assertEqual(shown["disposal"]["commitment"], told["commitment"])
        mine = self.gw.get(f"/v1/artefacts/{item}", self.ada).json
        self.assertEqual((mine["status"], list(mine["disposal"])), ("disposed", ["disposed_at"]))
        self.assertEqual({a["id"]: a["status"] for a in self.gw.list_all(claim, self.ada)},
                         {item: "disposed", other: "available"})
        for token in (self.ada, self.morgan):
            for where_linked in (claim, second):
                self.assertEqual(len(self.events(where_linked, token, "artefact.disposed")), 1)
        self.assertNotIn("reason", self.events(claim, self.ada, "artefact.disposed")[0])
        self.assertEqual(self.events(claim, self.ada, "artefact.disposed")[0]["status"], "disposed")
        for path in ("content", "receipt"):
            self.expect(self.gw.get(f"/v1/artefacts/{item}/{path}", self.ada), 409, "not-available")
        self.expect(self.gw.get(f"/v1/artefacts/{item}/content?purpose=decision", self.morgan), 409)

        # the receipt that the claimant kept, and the leaf that is left of it
        self.assertEqual(self.gw.verify(receipt, data).returncode, 0)
        self.checks()
        for method, what in (("POST", "disposal"), ("POST", "restriction"), ("PUT", "hold"),
                             ("DELETE", "disposal")):
            self.expect(self.call(method, item, what, self.olive), 409, "conflict")
        # the same bytes sent again are another artefact
        new = self.expect(self.gw.upload(claim, data, self.ada, filename=NAME), 201).json["artefact"]
        self.assertNotEqual(new["id"], item)
        self.assertNotIn("duplicate_of", new)

    def test_words_of_an_upload_go_too(self):
        claim, data = self.claim(), samples.pdf("tus " + str(uuid.uuid4()))
        query = f"?claim={claim}&kind=further_evidence&filename={NAME}"
        tus = {"Tus-Resumable": "1.0.0"}
        begun = self.expect(self.gw.post("/v1/uploads" + query, self.ada, None, headers={
            **tus, "Upload-Length": str(len(data))}), 201)
        self.expect(self.gw.request("PATCH", begun.headers["Location"], self.ada, data, {
            **tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}), 204)
        item = self.gw.list_all(claim, self.ada)[0]["id"]
        count = "SELECT count(*) FROM upload_words w JOIN uploads u ON u.id = w.upload WHERE u.artefact = ?"
        self.assertEqual(self.row(count, uuid.UUID(item).bytes)[0], 1)
        self.dispose(item)
        self.destroyed(item)
        self.assertEqual(self.row(count, uuid.UUID(item).bytes)[0], 0)

    def test_a_hold_wins_until_the_end(self):
        # Both orders of a hold and the destruction are lawful; what is neither, never happens.
        items = [self.letter() for _ in range(6)]
        for item in items:
            self.expect(self.call("POST", item, "disposal", self.olive), 201)
        held = {}

        def hold(item):
            held[item] = self.call("PUT", item, "hold", self.morgan)
        racers = [threading.Thread(target=hold, args=(item,)) for item in items]
        for racer in racers:
            racer.start()
        for item in items:
            self.expect(self.call("POST", item, "disposal/approval", self.oscar), (201, 409))
        for racer in racers:
            racer.join()
        later = self.letter()  # destroyed behind them: the tick went past those that are held
        self.dispose(later)
        self.destroyed(later)
        for item in items:
            self.expect(held[item], (201, 409))
            if held[item].status == 201:
                self.assertEqual(self.status(item), "available")
                self.expect(self.read(item), 200)
            else:
                self.destroyed(item)
        self.checks()

    def test_what_waits_to_be_destroyed_stays_under_a_hold_and_goes_without(self):
        item = self.letter()
        self.expect(self.call("POST", item, "disposal", self.olive), 201)
        self.expect(self.call("PUT", item, "hold", self.morgan), 201)
        self.expect(self.call("POST", item, "disposal/approval", self.oscar), 409)
        self.expect(self.call("DELETE", item, "hold", self.olive, None), 204)
        self.expect(self.call("POST", item, "disposal/approval", self.oscar), 201)
        self.destroyed(item)

    def test_a_tombstone_that_was_turned_back_is_found(self):
        item = self.letter()
        self.dispose(item)
        self.destroyed(item)
        for status, code in (("available", 1), ("disposed", 0)):
            db = sqlite3.connect(self.gw.dir / "data" / "gateway.db", timeout=30)
            with db:
                db.execute("UPDATE artefacts SET status = ? WHERE id = ?", (status, uuid.UUID(item).bytes))
            db.close()
            done = self.gw.command("log", "verify", "--config", self.gw.config, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertEqual(item in (done.stdout + done.stderr).decode(), code == 1)

    def test_room_is_given_back(self):
        claim = self.claim()
        item = self.letter(claim)
        usage = "SELECT artefacts, bytes FROM usage WHERE scope = 'claim' AND key = ?"
        self.assertEqual(self.row(usage, claim)[0], 1)
        self.dispose(item)
        self.destroyed(item)
        self.assertIsNone(self.row(usage, claim))

    def test_harmful_ones_go_unseen(self):
        claim = self.claim()
        sent = self.expect(self.gw.upload(claim, samples.pdf("sr1 " + str(uuid.uuid4())),
                                          self.others["health_professional"], kind="medical_report"), 201)
        item = sent.json["artefact"]["id"]
        self.dispose(item)
        self.destroyed(item)
        self.assertEqual(self.gw.list_all(claim, self.ada), [])
        self.expect(self.gw.get(f"/v1/artefacts/{item}", self.ada), 404)
        self.assertNotIn(item, json.dumps(self.events(claim, self.ada)))
        self.assertEqual([a["status"] for a in self.gw.list_all(claim, self.morgan)], ["disposed"])
        self.assertEqual(len(self.events(claim, self.morgan, "artefact.disposed")), 1)


if __name__ == "__main__":
    unittest.main()

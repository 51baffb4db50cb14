#!/usr/bin/env python3
"""Restriction, legal holds, disposal and retention (docs/keeping.md), against the real server.

Destruction is proved on bytes: what is searched for is found in the files before and is in none of
them after; what a backup holds opens until the keys of its epoch are gone, and not after."""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples
from gateway_fixture import Gateway, GatewayTest, now, receipt_of, sha256, unknown_id

WAIT_SECONDS = 60  # for what the gateway does by itself; reached only when something is wrong
NAME = "Sonderbar-Zwiebel-4711.pdf"
WORDS = "Zwetschgendatschi description 0815"


def until(look, what):
    """What `look` returns once it is true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.02)


class Keeping(GatewayTest):
    """People and shorthands."""

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.olive, cls.oscar = gw.token("records_owner", "olive"), gw.token("records_owner", "oscar")
        cls.morgan = gw.manager
        cls.asim = gw.token("assessor", "asim")
        cls.others = {"claimant": cls.ada, "assessor": cls.asim,
                      "auditor": gw.token("auditor", "audrey"),
                      "operator": gw.token("operator", "olga"),
                      "claims_system": gw.system,
                      "health_professional": gw.token("health_professional", "dr-gray")}

    def claim(self, **members):
        return self.gw.create_claim("ada", assigned_to=["asim"], **members)

    def letter(self, claim=None, data=None, **options):
        data = data or samples.pdf(str(uuid.uuid4()))
        answer = self.expect(self.gw.upload(claim or self.claim(), data, self.ada, **options), 201)
        return answer.json["artefact"]["id"]

    def call(self, method, artefact, what, token, reason="because"):
        body = None if reason is None else {"reason": reason}
        return self.gw.request(method, f"/v1/artefacts/{artefact}/{what}", token, body)

    def status(self, artefact, token=None):
        return self.gw.get(f"/v1/artefacts/{artefact}", token or self.morgan).json["status"]

    def read(self, artefact, token=None):
        return self.gw.get(f"/v1/artefacts/{artefact}/content", token or self.ada)

    def events(self, claim, token, name=None):
        found = self.expect(self.gw.get(f"/v1/claims/{claim}/history?limit=200", token), 200).items()
        return [e for e in found if name is None or e["event"] == name]

    def dispose(self, artefact):
        self.expect(self.call("POST", artefact, "disposal", self.olive), 201)
        return self.expect(self.call("POST", artefact, "disposal/approval", self.oscar), 201).json

    def disposal(self, artefact):
        answer = self.gw.get(f"/v1/artefacts/{artefact}/disposal", self.olive)
        return answer.json["disposal"] if answer.status == 200 else None

    def destroyed(self, artefact):
        def done():
            found = self.disposal(artefact)
            return found if found and found["state"] == "done" else None
        return until(done, "a disposal")

    def checks(self):
        """The log verifies and the store is whole."""
        for command in (("log", "verify"), ("scrub",)):
            done = self.gw.command(*command, "--config", self.gw.config, check=False)
            self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())


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

    def recording(self):
        claim = self.claim()
        made = self.gw.create_assessment(claim, self.asim)
        self.expect(self.gw.choose(made, self.asim, "notice", now(-9000)), 201)
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
        both = self.gw.forge().token("olive", ["records_owner", "case_manager"]) \
            if hasattr(self.gw.forge(), "token") else None
        if both:
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



def files_below(folder):
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def where(folder, needle):
    """The files that hold these bytes, in whatever page, free or not."""
    return [str(p.relative_to(folder)) for p in files_below(folder) if needle in p.read_bytes()]


class Destroyed(Keeping):
    """No grace period: what two people agreed on is destroyed by the next tick."""

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.disposal_grace", "0 s")
        gw.setting("policy.backups_kept", "35 d")

    def database(self, folder=None):
        path = (pathlib.Path(folder) if folder else self.gw.dir) / "data" / "gateway.db"
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def row(self, sql, *values, folder=None):
        db = self.database(folder)
        try:
            return db.execute(sql, values).fetchone()
        finally:
            db.close()

    def header(self, artefact, folder=None):
        found = self.row("SELECT x.header FROM headers h JOIN header_slots x ON x.slot = h.slot"
                         " WHERE h.artefact = ?", uuid.UUID(artefact).bytes, folder=folder)
        return found and found[0]

    def payload(self, artefact, folder=None):
        found = list(((pathlib.Path(folder) if folder else self.gw.dir) / "data" / "blobs")
                     .rglob(f"{artefact}.age"))
        return found[0] if found else None

    def secrets(self, artefact, sent):
        """What may be nowhere afterwards, by name."""
        header = self.header(artefact)
        stanzas = [line for line in header.split(b"\n") if line and not line.startswith(b"->")
                   and not line.startswith(b"age-encryption") and not line.startswith(b"---")]
        self.assertEqual(len(stanzas), 2, header)  # the file key for the service and for recovery
        sealed = self.row("SELECT sealed_filename, sealed_description FROM artefacts WHERE id = ?",
                          uuid.UUID(artefact).bytes)
        return {"header": header, "service stanza": stanzas[0], "recovery stanza": stanzas[1],
                "payload": self.payload(artefact).read_bytes()[:4096], "digest": bytes.fromhex(sha256(sent)),
                "digest in the log": sha256(sent).encode(), "sealed name": sealed[0],
                "sealed description": sealed[1]}

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
        for _ in range(6):
            item = self.letter()
            self.expect(self.call("POST", item, "disposal", self.olive), 201)
            answers = {}

            def hold():
                answers["hold"] = self.call("PUT", item, "hold", self.morgan)
            racer = threading.Thread(target=hold)
            racer.start()
            approved = self.call("POST", item, "disposal/approval", self.oscar)
            racer.join()
            self.expect(approved, (201, 409))
            if answers["hold"].status == 201:
                self.assertEqual(self.status(item), "available")
                self.expect(self.read(item), 200)
                later = self.letter()  # destroyed behind it: the tick went past the held one
                self.dispose(later)
                self.destroyed(later)
                self.assertEqual(self.status(item), "available")
                self.expect(self.read(item), 200)
            else:
                self.expect(answers["hold"], 409)
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

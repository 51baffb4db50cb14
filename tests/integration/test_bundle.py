#!/usr/bin/env python3
"""Bundles: the zip of a claim that real tools read, whose every byte is accounted for in the log, that the
claimant may have without learning what the harm rule keeps back."""

import io
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import uuid
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now, sha256, unknown_id

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from tests.inspect.clamd import EICAR, GOOD, Clamd  # noqa: E402

NAMES = ["letter.pdf", "../../etc/passwd", "CON", "a\u202egnp.exe", "Brief an Frau M\u00fcller.pdf", "x" * 250 + ".pdf",
         "a<b>&\"'c.pdf", "\u043f\u0438\u0441\u044c\u043c\u043e.pdf", "C:\\Users\\ada\\scan 1.JPG", ".htaccess", "name.with.dots.tiff",
         "a b  c .pdf", "\u7533\u8acb\u66f8.pdf", "\U0001f600.pdf", "trailing. . .", "%2e%2e%2f.txt"]
SAFE = re.compile(r"(documents|audio)/\d{4}_\d{4}-\d{2}-\d{2}_[\w-]+_[\w-]+\.[a-z0-9]{2,4}")


def pages(n):
    """A PDF of n empty pages."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>",
               b"<</Type/Pages/Kids[" + b" ".join(b"%d 0 R" % (3 + i) for i in range(n)) + b"]/Count %d>>" % n]
    objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"] * n
    out, offsets = bytearray(b"%PDF-1.4\n%" + uuid.uuid4().hex.encode() + b"\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref))


class Opened:
    """A bundle that was fetched whole."""

    def __init__(self, answer):
        self.answer, self.zip = answer, zipfile.ZipFile(io.BytesIO(answer.body))
        self.names = self.zip.namelist()
        self.raw = self.zip.read("manifest.json")
        self.manifest = json.loads(self.raw)
        self.items = self.manifest["documents"] + self.manifest["audio"]
        self.left = self.manifest.get("left_out", [])
        self.id = self.manifest["about"]["bundle"]

    def ids(self):
        return [i["artefact"] for i in self.items]


class Base(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada, cls.rupa = gw.token("claimant", "ada"), gw.token("representative", "rupa")
        cls.assessor, cls.records = gw.token("assessor", "asim"), gw.token("records_owner", "robin")
        gw.manager

    def setUp(self):
        self.claim = self.gw.create_claim("ada", assigned_to=["asim"], parties=[
            self.gw.party("rupa"), self.gw.party("carl", "carer")])

    def get(self, token=None, query="?purpose=appeal", claim=None, **more):
        return self.gw.get(f"/v1/claims/{claim or self.claim}/bundle{query}", token or self.gw.manager, **more)

    def fetch(self, token=None, query="?purpose=appeal", claim=None):
        answer = self.expect(self.get(token, query, claim), 200)
        self.assertEqual(answer.headers["Content-Type"], "application/zip")
        return Opened(answer)

    def own(self, token=None, claim=None):
        return self.fetch(token or self.ada, "", claim)

    def send(self, data, name="letter.pdf", media="application/pdf", claim=None, token=None, kind="further_evidence"):
        answer = self.gw.upload(claim or self.claim, data, token or self.ada, kind, media, name)
        return self.expect(answer, 201).json["artefact"]["id"]

    def send_named(self, name, data, media="application/pdf"):
        """None: names that mean something to a system are refused at the door."""
        answer = self.gw.upload(self.claim, data, self.ada, "further_evidence", media, name)
        self.expect(answer, (201, 400))
        return answer.json["artefact"]["id"] if answer.status == 201 else None

    def letter(self, claim=None, name="letter.pdf"):
        return self.send(samples.pdf(str(uuid.uuid4())), name, claim=claim)

    def report(self, claim=None, text="SR1"):
        """Evidence under the harm rule."""
        answer = self.gw.upload(claim or self.claim, samples.pdf(f"{text} {uuid.uuid4()}"), kind="medical_report",
                                filename="prognosis.pdf", cert=self.gw.gp_certificate)
        return self.expect(answer, 201).json["artefact"]["id"]

    def record(self, data=None, claim=None):
        assessment = self.gw.create_assessment(claim or self.claim)
        self.expect(self.gw.choose(assessment, self.assessor, "notice", now(-7000)), 201)
        answer = self.gw.upload(claim or self.claim, data or samples.wav(1, uuid.uuid4().int), self.assessor,
                                "assessment_audio", "audio/wav", "recording.wav", self.gw.recording(assessment))
        return self.expect(answer, 201).json["artefact"]["id"], assessment

    def opt_out(self, assessment):
        self.expect(self.gw.choose(assessment, self.ada, "opt_out", now(-3500)), 201)

    def logged(self, bundle, *actions):
        base = sqlite3.connect(f"file:{self.gw.dir}/data/gateway.db?mode=ro", uri=True)
        try:
            rows = base.execute("SELECT details FROM ledger_entries WHERE details IS NOT NULL ORDER BY seq")
            told = [json.loads(r[0]) for r in rows]
        finally:
            base.close()
        return [t for t in told if t.get("bundle") == bundle and t["action"] in actions]

    def closed(self, bundle):
        """Its last entry, which is written behind the answer."""
        deadline = time.monotonic() + fixture.REQUEST_SECONDS
        while True:
            found = self.logged(bundle, "bundle.closed")
            if found or time.monotonic() > deadline:
                self.assertEqual(len(found), 1, bundle)
                return found[0]
            time.sleep(0.05)


class Contents(Base):
    def test_real_tools_read_what_was_sent(self):
        sent = {}
        for number, (media, make) in enumerate(samples.TYPES.items()):
            data, name = make(), f"{number} of a type"
            sent[self.send(data, name, media)] = (data, media, name)
        for name in NAMES:
            data = samples.pdf(str(uuid.uuid4()))
            sent[self.send_named(name, data)] = (data, "application/pdf", name)
        sent.pop(None)  # some of the names are refused
        self.assertGreater(len(sent), len(samples.TYPES) + 8)
        got = self.fetch()
        self.assertEqual(set(got.ids()), set(sent))
        self.assertIsNone(got.zip.testzip())
        for item in got.items:
            data, media, name = sent[item["artefact"]]
            self.assertEqual(got.zip.read(item["file"]), data, item)
            self.assertEqual((item["sha256"], item["size"], item["media_type"]), (sha256(data), len(data), media))
            self.assertRegex(item["file"], SAFE)
            self.assertLess(len(item["file"].encode()), 180)
            self.assertEqual(item["file"].startswith("audio/"), media.startswith("audio/"))
            told = self.gw.get(f"/v1/artefacts/{item['artefact']}", self.gw.manager).json
            self.assertEqual(item["filename"], told["filename"], name)
        self.assertTrue(any("M\u00fcller" in n for n in got.names))
        self.assertEqual([i["number"] for i in got.items], list(range(1, len(sent) + 1)))
        self.assertEqual(len(set(n.lower() for n in got.names)), len(got.names))
        self.assertEqual(set(got.names), {"index.html", "manifest.json"} | {i["file"] for i in got.items}
                         | {i["receipt"] for i in got.items})
        self.by_tools(got)

    def by_tools(self, got):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.gw.folder))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "b.zip").write_bytes(got.answer.body)
        for argv in (["unzip", "-tq", "b.zip"], ["7z", "t", "-bd", "b.zip"], ["bsdtar", "-tf", "b.zip"]):
            done = subprocess.run(argv, cwd=folder, capture_output=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
            self.assertEqual(done.returncode, 0, (argv, done.stdout, done.stderr))
            self.assertEqual(done.stderr, b"", argv)
        # without seeking, as it comes from the line
        (folder / "out").mkdir()
        done = subprocess.run(["bsdtar", "-xf", "-"], cwd=folder / "out", input=got.answer.body, capture_output=True,
                              env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        for item in got.items:
            self.assertEqual(sha256((folder / "out" / item["file"]).read_bytes()), item["sha256"])

    def test_receipts_verify_and_the_log_has_it_all(self):
        data = samples.pdf(str(uuid.uuid4()))
        self.send(data)
        self.record()
        self.report()
        got = self.fetch()
        for item in got.items:
            done = self.gw.verify(got.zip.read(item["receipt"]).decode(), got.zip.read(item["file"]))
            self.assertEqual(done.returncode, 0, done)
        opened, = self.logged(got.id, "bundle.opened")
        self.assertEqual(opened["manifest_sha256"], sha256(got.raw))
        self.assertEqual((opened["claim"], opened["purpose"], opened["items"], opened["role"]),
                         (self.claim, "appeal", 3, "case_manager"))
        self.assertEqual(got.answer.headers["Evidence-Bundle"], got.id)
        order = self.logged(got.id, "bundle.opened", "read.opened", "bundle.closed")
        self.assertEqual(order[0]["action"], "bundle.opened")
        self.assertEqual([e["artefact"] for e in order if e["action"] == "read.opened"], got.ids())
        closed = self.closed(got.id)
        self.assertEqual((closed["transfer"], closed["sent"]), ("complete", len(got.answer.body)))
        # a second bundle opens all of them once more: no read without an entry of its own
        again = self.fetch()
        self.assertEqual(len(self.logged(again.id, "read.opened")), 3)
        deadline = time.monotonic() + fixture.REQUEST_SECONDS
        while len(told := self.logged(got.id, "read.closed")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual({e["artefact"]: e["served"] for e in told}, {i["artefact"]: i["size"] for i in got.items})

    def test_the_page_is_valid_and_accessible(self):
        for name in NAMES:
            self.send_named(name, samples.pdf(str(uuid.uuid4())))
        self.record()
        hidden, assessment = self.record()
        self.opt_out(assessment)
        got = self.fetch()
        page = got.zip.read("index.html")
        done = subprocess.run(["tidy", "-quiet", "-errors", "-utf8"], input=page, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""), page.decode())
        text = page.decode()
        self.assertIn('<html lang="en-GB">', text)
        self.assertEqual(text.count("<h1>"), 1)
        self.assertEqual(text.count("<table>"), 3)
        self.assertEqual(text.count("<caption>"), 3)
        self.assertNotRegex(text, r"<th(?! scope=\"(col|row)\")[ >]")
        self.assertNotIn("<b>&", text)
        links = re.findall(r'href="([^"]+)"', text)
        self.assertEqual({urllib.parse.unquote(h) for h in links}, set(got.names) - {"index.html"})
        self.assertEqual([left["artefact"] for left in got.left], [hidden])

    def test_sizes_from_nothing_to_many(self):
        empty = self.fetch()
        self.assertEqual((empty.items, empty.left, sorted(empty.names)), ([], [], ["index.html", "manifest.json"]))
        sent = [self.send(samples.text(1 + n, uuid.uuid4()), f"{n}.txt", "text/plain") for n in range(100)]
        many = self.fetch()
        self.assertEqual(many.ids(), sent)  # oldest first
        self.assertIsNone(many.zip.testzip())
        self.by_tools(many)
        self.assertEqual(self.closed(many.id)["transfer"], "complete")

    def test_some_items_in_an_order(self):
        ids = [self.letter() for _ in range(4)]
        audio, _ = self.record()
        wanted = [ids[3], audio, ids[0]]
        got = self.fetch(query="?purpose=appeal&items=" + ",".join(wanted))
        self.assertEqual(got.ids(), [ids[3], ids[0], audio])  # audio stands apart
        self.assertEqual([i["number"] for i in got.items], [1, 2, 3])
        for items, status in (("", 400), (ids[0] + ",", 400), ("x", 400), (f"{ids[0]},{ids[0]}", 400),
                              (unknown_id(), 404), (",".join([unknown_id()] * 101), 400)):
            self.expect(self.get(query=f"?purpose=appeal&items={items}"), status)
        foreign = self.letter(self.gw.create_claim("ada"))
        self.assertSame(self.get(query=f"?purpose=appeal&items={foreign}"),
                        self.get(query=f"?purpose=appeal&items={unknown_id()}"))
        hidden, assessment = self.record()
        self.opt_out(assessment)
        self.expect(self.get(query=f"?purpose=appeal&items={ids[0]},{hidden}"), 409, "not-available")

    def test_head_opens_nothing(self):
        self.letter()
        count = lambda: len(self.logged_all())
        before = count()
        answer = self.gw.request("HEAD", f"/v1/claims/{self.claim}/bundle?purpose=appeal", self.gw.manager)
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"", "application/zip"))
        self.assertEqual(count(), before)

    def logged_all(self):
        base = sqlite3.connect(f"file:{self.gw.dir}/data/gateway.db?mode=ro", uri=True)
        try:
            return base.execute("SELECT seq FROM ledger_entries WHERE action LIKE 'bundle.%'").fetchall()
        finally:
            base.close()


class Permission(Base):
    def test_who_may(self):
        self.letter()
        self.assertEqual(len(self.fetch().items), 1)
        self.assertEqual(len(self.fetch(query="?purpose=decision").items), 1)
        for token, query in ((self.ada, ""), (self.rupa, ""), (self.gw.manager, "?purpose=subject_access"),
                             (self.records, "?purpose=subject_access")):
            self.assertEqual(len(self.fetch(token, query).items), 1, query)

    def test_who_may_not(self):
        self.letter()
        for role, subject in (("assessor", "asim"), ("auditor", "audrey"), ("health_professional", "dr-gray"),
                              ("claims_system", "registry"), ("operator", "olga")):
            for query in ("", "?purpose=appeal", "?purpose=audit", "?purpose=assessment"):
                self.expect(self.get(self.gw.token(role, subject), query), 403, "not-permitted")
        for role, subject in (("claimant", "eve"), ("representative", "carl"), ("representative", "eve")):
            token = self.gw.token(role, subject)
            self.expect(self.get(token, ""), (403, 404))
            if subject == "eve":
                self.assertSame(self.get(token, ""), self.get(token, "", unknown_id()))
        self.expect(self.gw.get(f"/v1/claims/{self.claim}/bundle"), 401)
        for query in ("", "?purpose=audit", "?purpose=own", "?purpose=assessment"):
            self.expect(self.get(query=query), 400, "purpose-required")
        self.expect(self.get(self.records, "?purpose=appeal"), 400, "purpose-required")
        self.expect(self.get(query="?purpose=appeal&purpose=appeal"), 400)
        self.expect(self.get(query="?purpose=appeal&colour=red"), 400)
        self.expect(self.get(claim="nothing"), 404)

    def test_ended_authority(self):
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa", since=-7200, until=-3600)])
        self.letter(claim)
        self.expect(self.get(self.rupa, "", claim), 404)


class Harm(Base):
    def shape(self, got):
        """All of it but ids, digests, dates and sizes."""
        blank = lambda text: re.sub(r"\d+(\.\d+)? (bytes|KB)", "SIZE", re.sub(
            r"[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:.]+Z|\d+ [A-Z]\w+ \d{4}|EXT-[-0-9a-f]+|\"size\":\d+", "X",
            fixture.UUID.sub("ID", text)))
        return got.names, blank(got.raw.decode()), blank(got.zip.read("index.html").decode())

    def test_the_claimants_copy_tells_nothing(self):
        plain, full = self.gw.create_claim("ada", parties=[self.gw.party("rupa")]), self.claim
        hidden = []
        for n in range(3):
            for claim in (plain, full):
                self.letter(claim, f"letter-{n}.pdf")
            hidden.append(self.report(full))
        secrets = [h.encode() for h in hidden]
        words = [b"medical", b"prognosis", b"SR1", b"harm", b"left_out", b"Left out"]  # base64 may spell them by chance
        for artefact in hidden:
            told = self.gw.get(f"/v1/artefacts/{artefact}", self.gw.manager).json
            secrets += [told["sha256"].encode()]
        for token, query in ((self.ada, ""), (self.rupa, ""), (self.gw.manager, "?purpose=subject_access"),
                             (self.records, "?purpose=subject_access")):
            one, other = self.fetch(token, query, plain), self.fetch(token, query, full)
            self.assertEqual(self.shape(one), self.shape(other))
            self.assertEqual([i["number"] for i in other.items], [1, 2, 3])
            for secret in secrets:
                self.assertNotIn(secret, other.answer.body)
                for name in other.names:
                    self.assertNotIn(secret, other.zip.read(name), name)
            for name in (n for n in other.names if not n.startswith("receipts/")):
                for word in words:
                    self.assertNotIn(word, name.encode())
                    self.assertNotIn(word, other.zip.read(name), name)
            self.assertNotIn("Evidence-Left-Out", other.answer.headers)
        for token, query in ((self.ada, ""), (self.gw.manager, "?purpose=subject_access")):
            sep = "&" if query else "?"
            self.assertSame(self.get(token, f"{query}{sep}items={hidden[0]}", full),
                            self.get(token, f"{query}{sep}items={unknown_id()}", full))
        for query in ("?purpose=decision", "?purpose=appeal"):
            self.assertTrue(set(hidden) <= set(self.fetch(query=query, claim=full).ids()))

    def test_the_history_of_a_bundle_with_hidden_things(self):
        plain, full = self.gw.create_claim("ada"), self.gw.create_claim("ada")
        for claim in (plain, full):
            self.letter(claim)
        hidden = self.report(full)
        shapes = []
        for claim in (plain, full):
            got = self.fetch(claim=claim)
            self.closed(got.id)
            events = self.gw.get(f"/v1/claims/{claim}/history", self.ada).items()
            self.assertNotIn(hidden, json.dumps(events))
            shapes.append([{k: v if k in ("event", "by", "purpose", "transfer", "kind") else None for k, v in e.items()}
                           for e in events if e["event"] != "read.closed"])
        self.assertEqual(*shapes)
        self.assertIn("bundle.opened", [e["event"] for e in shapes[0]])

    def test_what_a_reviewer_released_is_in(self):
        letter, report = self.letter(), self.report()
        path = f"/v1/artefacts/{report}/harm-release"
        self.assertEqual(self.own().ids(), [letter])
        self.expect(self.gw.post(path, self.records, {"reason": "talked over with the claimant", "reviewer": "Dr Invented"}), 201)
        for got in (self.own(), self.fetch(query="?purpose=subject_access")):
            self.assertEqual(got.ids(), [letter, report])
            self.assertNotIn("receipt", got.items[1])
        self.expect(self.gw.post(path + "/revocation", self.records, {"reason": "too early"}), 201)
        self.assertEqual(self.own().ids(), [letter])

    def test_receipts_of_others_stay_with_staff(self):
        mine, theirs = self.letter(), self.expect(self.gw.upload(
            self.claim, samples.pdf(str(uuid.uuid4())), cert=self.gw.gp_certificate), 201).json["artefact"]["id"]
        for got, receipts in ((self.own(), [True, False]), (self.fetch(), [True, True]),
                              (self.fetch(query="?purpose=subject_access"), [True, False])):
            self.assertEqual(got.ids(), [mine, theirs])
            self.assertEqual(["receipt" in i for i in got.items], receipts)


class Inspected(Base):
    """With a scanner: what is infected, and how many pages things have."""

    @classmethod
    def configure(cls, gw):
        cls.clamd = Clamd(*GOOD).start()
        gw.setting("policy.inspection", True).setting("inspection.clamd_socket", str(cls.clamd.socket))
        gw.setting("inspection.clamd_conf", "").setting("inspection.infected", "restrict")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.clamd.close()

    def test_pages_are_numbered_through(self):
        self.send(pages(3), "three.pdf")
        self.send(samples.text(100), "unknown.txt", "text/plain")
        self.send(samples.JPEG, "picture.jpg", "image/jpeg")
        self.send(samples.wav(2), "sound.wav", "audio/wav", kind="claimant_recording")
        self.send(pages(2), "two.pdf")
        got = self.fetch()
        self.assertEqual([(i["filename"], i.get("first_page"), i.get("last_page")) for i in got.items],
                         [("three.pdf", 1, 3), ("unknown.txt", None, None), ("picture.jpg", 4, 4), ("two.pdf", 5, 6),
                          ("sound.wav", None, None)])
        self.assertEqual(got.manifest["about"]["pages"], 6)
        self.assertEqual(got.manifest["audio"][0]["duration_ms"], 2000)

    def test_what_is_infected_is_left_out(self):
        kept = self.send(pages(1))
        infected = self.send(samples.pdf() + b"%" + EICAR, "eicar.pdf")
        got = self.fetch()
        self.assertEqual((got.ids(), [(left["artefact"], left["status"], left["reason"]) for left in got.left]),
                         ([kept], [(infected, "restricted", "infected")]))
        for copy in (self.own(), self.fetch(query="?purpose=subject_access")):
            self.assertEqual((copy.ids(), [(left["artefact"], left.get("reason")) for left in copy.left]),
                             ([kept], [(infected, None)]))
            self.assertNotIn(EICAR, copy.answer.body)


class IntakeOnly(unittest.TestCase):
    def test_gives_nothing_out(self):
        gw = fixture.Gateway().init().setting("policy.intake_only", True)
        self.addCleanup(gw.remove)
        gw.start()
        try:
            claim = gw.create_claim("ada")
            for token, query in ((gw.token("claimant", "ada"), ""), (gw.manager, "?purpose=appeal")):
                answer = gw.get(f"/v1/claims/{claim}/bundle{query}", token)
                self.assertEqual((answer.status, answer.problem), (503, "intake-only"))
        finally:
            gw.stop()


if __name__ == "__main__":
    unittest.main()

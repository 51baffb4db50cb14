#!/usr/bin/env python3
"""Inspection through the whole server, with a clamd of the tests' own: what is infected is refused
wherever it hides, nothing is released unlooked-at, and what comes while the scanner is away is kept
and done later."""

import concurrent.futures
import io
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import zipfile

sys.path.insert(0, os.environ["EG_SOURCE"])
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gateway_fixture as fixture  # noqa: E402
import samples  # noqa: E402
import test_memory  # noqa: E402
from gateway_fixture import Gateway, GatewayTest, Session, sha256  # noqa: E402
from tests.inspect.clamd import EICAR, GOOD, LARGE, Clamd  # noqa: E402

WAIT_SECONDS = 60


def zipped(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()


def docx(*more):
    """The least that is taken for one; `more` are further members."""
    types = ('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
             '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
             'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>')
    rels = ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
            'officeDocument" Target="word/document.xml"/></Relationships>')
    body = ('<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
            '<w:body><w:p><w:r><w:t>a letter</w:t></w:r></w:p></w:body></w:document>')
    return zipped(("[Content_Types].xml", types), ("_rels/.rels", rels), ("word/document.xml", body), *more)


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def pdf_with_attachment(data):
    """A letter that carries a file: what a reader would find under its attachments."""
    whole = samples.pdf("see the attachment")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a.txt)6 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length 39>>\nstream\nBT /F1 12 Tf 72 720 Td (a letter) Tj ET\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Filespec/F(a.txt)/EF<</F 7 0 R>>>>",
        b"<</Type/EmbeddedFile/Length %d>>\nstream\n" % len(data) + data + b"\nendstream",
    ]
    out, offsets = bytearray(whole[:9]), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    return bytes(out)


class Inspected(GatewayTest):
    clamd_lines = GOOD
    infected = "refuse"

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.clamd = Clamd(*cls.clamd_lines).start()
        cls.gw = Gateway(cls.release)
        try:
            cls.gw.init(str(cls.clamd.socket))
            cls.gw.setting("inspection.clamd_conf", str(cls.clamd.conf))
            cls.gw.setting("inspection.retry", "1 s").setting("inspection.retry_max", "1 s")
            cls.gw.setting("inspection.infected", cls.infected)
            cls.configure(cls.gw)
            cls.gw.start()
            cls.prepare(cls.gw)
        except BaseException:
            cls.failed = True
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            cls.close()
        finally:
            cls.clamd.close()

    @classmethod
    def prepare(cls, gw):
        cls.claim = gw.create_claim("ada")
        cls.ada = gw.token("claimant", "ada")

    def send(self, data, media="application/pdf", token=None, **more):
        return self.gw.upload(self.claim, data, token or self.ada, media=media, **more)

    def listed(self):
        return {a["id"]: a for a in self.gw.list_all(self.claim, self.gw.manager)}

    def sends_clean(self, data, media="application/pdf", **more):
        told = self.expect(self.send(data, media, **more), 201).json["artefact"]
        self.assertEqual(told["status"], "available", told)
        return told

    def refused(self, data, media="application/pdf", problem="contains-virus", status=422, **more):
        before = self.listed()
        answer = self.expect(self.send(data, media, **more), status, problem)
        self.assertEqual(self.listed(), before)
        return answer

    def content(self, artefact, purpose="decision"):
        return self.gw.get(f"/v1/artefacts/{artefact}/content?purpose={purpose}", self.gw.manager)

    def history(self, event):
        path, found = f"/v1/claims/{self.claim}/history?limit=200", []
        while path:
            answer = self.expect(self.gw.get(path, self.gw.manager), 200)
            found += [e for e in answer.items() if e["event"] == event]
            path = answer.next()
        return found


class Outcomes(Inspected):
    def test_clean_ones_are_available_at_once(self):
        letter = samples.pdf("a clean letter")
        told = self.sends_clean(letter)
        self.assertEqual(self.content(told["id"]).body, letter)
        self.sends_clean(samples.jpeg("a picture"), "image/jpeg", filename="p.jpg")
        self.sends_clean(b"Dear decision maker", "text/plain", filename="a.txt")
        self.sends_clean(docx(), DOCX, filename="a.docx")

    def test_eicar_whole(self):
        answer = self.refused(EICAR, "text/plain", filename="a.txt")
        self.assertEqual(answer.json["detail"], "The selected file contains a virus")
        receipt = answer.json["receipt"]
        done = self.gw.verify(receipt)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"upload.refused", done.stdout)

    def form(self, *files):
        body = b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nfurther_evidence\r\n'
        for number, data in enumerate(files):
            body += (f'--x\r\nContent-Disposition: form-data; name="file"; filename="{number}.txt"\r\n'
                     "Content-Type: text/plain\r\n\r\n").encode() + data + b"\r\n"
        return self.gw.request("POST", f"/v1/claims/{self.claim}/artefacts", self.ada, body + b"--x--\r\n",
                               {"Content-Type": "multipart/form-data; boundary=x"})

    def test_eicar_in_a_form(self):
        answer = self.expect(self.form(b"one " + EICAR), 422, "contains-virus")
        self.assertEqual(self.gw.verify(answer.json["receipt"]).returncode, 0)
        both = self.form(b"a harmless file of a form", b"two " + EICAR)
        self.assertEqual(both.status, 207, both)
        good, bad = both.json["results"]
        self.assertEqual((good["artefact"]["status"], bad["status"]), ("available", 422))
        self.assertEqual(self.gw.verify(bad["problem"]["receipt"]).returncode, 0)

    def test_eicar_in_pieces(self):
        for piece in (1, 7, 67):
            body = (EICAR[i:i + piece] for i in range(0, len(EICAR), piece))
            self.expect(self.gw.upload(self.claim, body, self.ada, media="text/plain", filename="b.txt"),
                        422, "contains-virus")

    def test_eicar_across_the_blocks_of_the_sealing(self):
        for boundary in (65536, 262144):
            self.refused(b"a" * (boundary - 30) + EICAR + b"\n" + b"b" * 300000, "text/plain", filename="a.txt")

    def test_eicar_in_a_zipped_document(self):
        self.refused(docx(("word/media/a.txt", EICAR)), DOCX, filename="a.docx")
        self.refused(docx(("a.zip", zipped(("b.txt", EICAR)))), DOCX, filename="b.docx")

    def test_eicar_in_the_attachment_of_a_pdf(self):
        self.sends_clean(pdf_with_attachment(b"harmless"))
        self.refused(pdf_with_attachment(EICAR))

    def test_behind_padding_is_never_available(self):
        data = docx(("word/media/a.bin", b"\0" * (30 << 20) + EICAR))
        told = self.expect(self.send(data, DOCX, filename="p.docx"), 201).json["artefact"]
        self.assertEqual(told["status"], "could_not_scan", told)
        self.expect(self.content(told["id"]), 409, "not-available")

    def test_what_cannot_be_read_is_told(self):
        answer = self.refused(b"%PDF-1.7\nnothing of a PDF follows", problem="unreadable-file")
        self.assertNotIn("receipt", answer.json)

    def test_a_type_in_disguise_is_told(self):
        self.refused(b"GIF89a" + samples.pdf(), "image/jpeg", "type-not-allowed", 415)

    def test_the_log_tells_engine_and_signatures(self):
        told = self.sends_clean(samples.pdf("what the log tells"))
        receipt = self.gw.get(f"/v1/artefacts/{told['id']}/receipt", self.ada).body.decode()
        done = self.gw.verify(receipt, samples.pdf("what the log tells"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in (b'"inspection": "clean"', b'"engine": "ClamAV '):  # two lines have no version
            self.assertIn(word, done.stdout)

    def test_resumable_uploads_are_inspected_as_a_whole(self):
        """In three requests, the virus across two of them: what came first is read back."""
        data = b"a" * 200000 + EICAR + b"\n"
        for cut in ((100000, 200030), (1, 2), (70000, len(data) - 1)):
            answer = self.tus(data, cut)
            self.assertEqual(answer.problem, "contains-virus", cut)
            self.assertEqual(self.gw.verify(answer.json["receipt"]).returncode, 0)
        clean = b"c" * 200000
        answer = self.tus(clean, (65536, 131072))
        self.assertEqual(answer.status, 204, answer)
        found = [a for a in self.listed().values() if a["sha256"] == sha256(clean)]
        self.assertEqual([a["status"] for a in found], ["available"])

    def test_a_refusal_by_the_draft_has_its_receipt(self):
        """In one request, and by the last of two."""
        path = f"/v1/uploads?claim={self.claim}&kind=further_evidence"
        for version in ("6", "8"):
            head = {"Upload-Draft-Interop-Version": version, "Content-Type": "text/plain",
                    "Content-Disposition": 'attachment; filename="d.txt"'}
            whole = self.gw.request("POST", path, self.ada, b"whole " + EICAR, {**head, "Upload-Complete": "?1"})
            made = self.expect(self.gw.request("POST", path, self.ada, b"first, ", {**head, "Upload-Complete": "?0"}),
                               201)
            last = self.gw.request("PATCH", made.headers["Location"], self.ada, EICAR, {
                "Upload-Draft-Interop-Version": version, "Content-Type": "application/partial-upload",
                "Upload-Offset": "7", "Upload-Complete": "?1"})
            for answer in (whole, last):
                self.expect(answer, 422, "contains-virus")
                done = self.gw.verify(answer.json["receipt"])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(b"upload.refused", done.stdout)

    def tus(self, data, cuts):
        import base64
        meta = {"claim": self.claim, "kind": "further_evidence", "filename": "r.txt", "filetype": "text/plain"}
        head = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": ",".join(
            f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in meta.items())}
        made = self.gw.request("POST", "/v1/uploads", self.ada, None, head)
        self.assertEqual(made.status, 201, made)
        path = "/" + made.headers["Location"].split("/", 3)[-1] if "://" in made.headers["Location"] \
            else made.headers["Location"]
        at = 0
        for end in (*cuts, len(data)):
            answer = self.gw.request("PATCH", path, self.ada, data[at:end], {
                "Tus-Resumable": "1.0.0", "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"})
            at = end
        return answer

    def test_readiness_and_figures(self):
        self.sends_clean(samples.pdf("counted"))
        ready = self.gw.ops("/readyz").json
        self.assertEqual(ready["checks"]["inspection"], "ok", ready)
        self.assertEqual(self.gw.metric("evidence_scanner_good"), 1)
        self.assertGreaterEqual(self.gw.metric("evidence_inspected_clean_total"), 1)

    def test_a_recording_that_does_not_fit_its_times_waits(self):
        token = self.gw.token("assessor", "avery")
        claim = self.gw.create_claim("ben", assigned_to=["avery"])
        assessment = self.gw.create_assessment(claim)
        self.expect(self.gw.choose(assessment, self.gw.token("claimant", "ben"), "notice",
                                   effective="2020-01-01T00:00:00Z"), 201)
        for seconds, start, status, reason in ((20, -100, "available", None),
                                               (150, -100, "quarantined", "recording-interval"),
                                               (21, -1000, "quarantined", "recording-interval")):
            data = samples.wav(seconds)
            told = self.expect(self.gw.upload(
                claim, data, token, kind="assessment_audio", media="audio/wav", filename="a.wav",
                params=self.gw.recording(assessment, start, -60)), 201).json["artefact"]
            self.assertEqual((told["status"], told.get("status_reason")), (status, reason), told)


class Locked(Inspected):
    """A PDF with a password: refused in the words people know, kept, and opened by a second call."""

    WORD = "Pa55 word"

    @classmethod
    def configure(cls, gw):
        gw.setting("inspection.password_tries", 3)
        gw.setting("inspection.rescan_recent", "0 s")

    def locked(self, plain, word="Pa55 word", bits="256"):
        return samples.locked_pdf(plain, word, bits)

    def waits(self, data):
        """Sends it; the id under which it waits."""
        answer = self.expect(self.send(data), 422, "password-protected")
        self.assertEqual(answer.json["detail"], "The selected file is password protected")
        self.assertEqual(self.gw.verify(answer.json["receipt"]).returncode, 0)
        told = answer.json["artefact"]
        self.assertEqual((told["status"], told["status_reason"]), ("quarantined", "password-protected"))
        self.assertEqual(answer.json["password"]["send_to"], f"/v1/artefacts/{told['id']}/password")
        self.expect(self.content(told["id"]), 409, "not-available")
        return told["id"]

    def open(self, artefact, word, token=None):
        return self.gw.post(f"/v1/artefacts/{artefact}/password", token or self.ada, {"password": word})

    def everything_stored(self):
        return b"".join(f.read_bytes() for f in self.gw.folder.rglob("*") if f.is_file() and f.suffix != ".pdf")

    def test_the_password_opens_it_and_is_kept_nowhere(self):
        for bits in ("40", "128", "256"):
            word = f"Rümpel£stilz-{bits}"
            data = self.locked(samples.pdf(f"a secret of {bits} bits"), word, bits)
            artefact = self.waits(data)
            opened = self.expect(self.open(artefact, word), 200)
            self.assertEqual(opened.json["artefact"]["status"], "available", opened)
            self.assertEqual(self.content(artefact).body, data)
            done = self.gw.verify(opened.json["receipt"])
            self.assertIn(b'"inspection": "clean"', done.stdout)
            found = self.gw.get(f"/v1/artefacts/{artefact}", self.ada).json["inspection"]
            self.assertEqual((found["outcome"], found["pages"], found["flags"]), ("clean", 1, ["encrypted"]))
            self.assertEqual([e["purpose"] for e in self.history("inspection.opened") if e["artefact"] == artefact],
                             ["password"])
            self.expect(self.open(artefact, word), 409, "conflict")
            again = self.expect(self.send(data), 201).json["artefact"]
            self.assertEqual((again["id"], again["status"]), (artefact, "available"))
            stored = self.everything_stored()
            for coding in ("utf-8", "latin-1"):
                self.assertNotIn(word.encode(coding), stored)

    def test_a_wrong_one_is_told_and_counted(self):
        data = self.locked(samples.pdf("guess it"))
        artefact = self.waits(data)
        for word in ("wrong", "x" * 127, "pässwörd"):
            answer = self.expect(self.open(artefact, word), 422, "wrong-password")
            self.assertEqual(answer.json["title"], "The password does not open the file")
        self.expect(self.open(artefact, self.WORD), 409, "conflict")  # no more tries
        self.assertEqual(self.waits(data), artefact)  # whoever has the file begins anew
        self.expect(self.open(artefact, self.WORD), 200)

    def test_who_may_and_what_is_asked(self):
        artefact = self.waits(self.locked(samples.pdf("mine")))
        path = f"/v1/artefacts/{artefact}/password"
        foreign = self.open(artefact, self.WORD, self.gw.token("claimant", "eve"))
        missing = self.gw.post("/v1/artefacts/0192f0c0-0000-7000-8000-000000000000/password", self.ada,
                               {"password": "x"})
        self.expect(foreign, 404)
        self.assertEqual(foreign.json, missing.json)
        self.expect(self.open(artefact, self.WORD, self.gw.token("auditor", "olga")), 403)
        for body in ({}, {"password": 1}, {"password": "x" * 128}, {"password": "x", "more": 1}):
            self.expect(self.gw.post(path, self.ada, body), 400)
        self.expect(self.open(artefact, self.WORD, self.gw.manager), 200)  # who was told it on the phone
        clean = self.sends_clean(samples.pdf("no password at all"))
        self.expect(self.open(clean["id"], "x"), 409, "conflict")

    def test_a_virus_behind_the_password(self):
        data = self.locked(pdf_with_attachment(EICAR))
        self.assertNotIn(EICAR, data)
        artefact = self.waits(data)
        answer = self.expect(self.open(artefact, self.WORD), 422, "contains-virus")
        self.assertEqual(self.gw.verify(answer.json["receipt"]).returncode, 0)
        told = self.gw.get(f"/v1/artefacts/{artefact}", self.ada).json
        self.assertEqual((told["status"], told["status_reason"]), ("refused", "contains-virus"))
        self.expect(self.open(artefact, self.WORD), 409)
        self.assertNotEqual(self.waits(data), artefact)  # nothing of the first is left to repeat

    def test_a_virus_beside_the_document(self):
        """Behind its end, in bytes that opening it leaves out."""
        self.refused(self.locked(samples.pdf("beside")) + b"\n%" + EICAR + b"\n")
        self.clamd.stop()
        data = self.locked(samples.pdf("beside, unseen")) + b"\n%" + EICAR + b"\n"
        artefact = self.waits(data)
        self.expect(self.open(artefact, self.WORD), 503, "try-again")
        self.clamd.start()
        self.expect(self.open(artefact, self.WORD), 422, "contains-virus")

    def test_resumable_uploads_are_told_the_same(self):
        data = self.locked(samples.pdf("in one request, the draft's way"))
        head = {"Upload-Draft-Interop-Version": "8", "Content-Type": "application/pdf", "Upload-Complete": "?1"}
        sent = self.gw.request("POST", f"/v1/uploads?claim={self.claim}&kind=further_evidence", self.ada, data, head)
        told = self.expect(sent, 422, "password-protected").json
        self.expect(self.open(told["artefact"]["id"], self.WORD), 200)


class LockedOut(Inspected):
    """By policy nothing is kept of it."""

    @classmethod
    def configure(cls, gw):
        gw.setting("inspection.locked", "refuse")

    def test_a_password_is_told(self):
        answer = self.refused(samples.locked_pdf(samples.pdf("secret"), "a word"), problem="password-protected")
        self.assertNotIn("artefact", answer.json)


class Views(Inspected):
    infected = "restrict"

    def view(self, artefact, query="purpose=decision", token=None):
        return self.gw.get(f"/v1/artefacts/{artefact}/view?{query}", token or self.gw.manager)

    def test_the_metadata_tells_what_was_found(self):
        told = self.sends_clean(samples.pdf("one page"))
        found = self.gw.get(f"/v1/artefacts/{told['id']}", self.ada).json["inspection"]
        self.assertEqual((found["outcome"], found["reason"], found["pages"], found["type"]),
                         ("clean", None, 1, "application/pdf"))
        self.assertTrue(found["engine"].startswith("ClamAV "))
        self.assertEqual(found["flags"], [])

    def test_a_page_as_a_picture(self):
        told = self.sends_clean(samples.pdf("to be seen"))
        path = f"/v1/artefacts/{told['id']}/view"
        answer = self.expect(self.view(told["id"], "purpose=decision&page=1"), 200)
        self.assertIn(answer.headers["Content-Type"], ("image/png", "image/jpeg"))
        self.assertTrue(answer.body.startswith((b"\x89PNG", b"\xff\xd8")))
        self.assertEqual(answer.headers["Content-Security-Policy"], "sandbox; default-src 'none'")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertTrue(answer.headers["Content-Disposition"].startswith("inline"))
        self.assertEqual(answer.headers["Link"], f'</v1/artefacts/{told["id"]}/content>; rel="original"')
        self.assertEqual(answer.headers["Evidence-Pages"], "1")
        self.expect(self.view(told["id"], "purpose=decision&page=2"), 404)
        self.expect(self.view(told["id"], "purpose=decision&page=0"), 400)
        self.expect(self.gw.get(path, self.gw.manager), 400, "purpose-required")
        self.expect(self.gw.get(path, self.ada), 403)
        self.assertEqual([e["purpose"] for e in self.history("read.opened") if e["artefact"] == told["id"]],
                         ["decision"])

    def test_a_picture_as_a_picture(self):
        told = self.sends_clean(samples.jpeg("seen"), "image/jpeg", filename="p.jpg")
        self.expect(self.view(told["id"]), 200)

    def test_infected_evidence_is_seen_by_a_release_and_never_given_out(self):
        infected = samples.pdf("genuine, but infected") + b"%" + EICAR + b"\n"
        told = self.expect(self.send(infected), 201).json["artefact"]
        self.assertEqual((told["status"], told["status_reason"]), ("restricted", "infected"))
        owner = self.gw.token("records_owner", "robin")
        path = f"/v1/artefacts/{told['id']}/view-release"
        self.expect(self.view(told["id"]), 409, "not-available")
        self.expect(self.gw.post(path, self.gw.manager, {"reason": "needed"}), 403)
        self.expect(self.gw.post(path, owner, {}), 400)
        self.expect(self.gw.post(path, owner, {"reason": "for the appeal"}), 201)
        self.expect(self.gw.post(path, owner, {"reason": "again"}), 409, "conflict")
        picture = self.expect(self.view(told["id"]), 200)
        self.assertNotIn(EICAR, picture.body)
        self.expect(self.content(told["id"]), 409, "not-available")
        self.expect(self.gw.get(f"/v1/artefacts/{told['id']}/view?purpose=decision", self.ada), 403)
        self.assertEqual(len([e for e in self.history("view.opened") if e["artefact"] == told["id"]]), 1)
        self.assertEqual([e["reason"] for e in self.history("view.released")], ["for the appeal"])

    def test_no_release_of_what_is_clean(self):
        told = self.sends_clean(samples.pdf("clean enough"))
        answer = self.gw.post(f"/v1/artefacts/{told['id']}/view-release",
                              self.gw.token("records_owner", "robin"), {"reason": "why not"})
        self.expect(answer, 409)

    def test_the_outline_of_a_recording(self):
        told = self.sends_clean(samples.wav(2), "audio/wav", filename="a.wav", kind="claimant_recording")
        path = f"/v1/artefacts/{told['id']}/waveform"
        outline = self.expect(self.gw.get(path, self.ada), 200).json
        self.assertEqual(len(outline["peaks"]), 1000)
        self.assertLess(abs(outline["duration_ms"] - 2000), 50)
        self.assertTrue(0 < max(outline["peaks"]) <= outline["full_scale"])
        self.expect(self.gw.get(path, self.gw.manager), 400, "purpose-required")
        self.expect(self.gw.get(path, self.gw.token("claimant", "eve")), 404)
        self.expect(self.view(told["id"]), 404)
        letter = self.sends_clean(samples.pdf("silent"))
        self.expect(self.gw.get(f"/v1/artefacts/{letter['id']}/waveform", self.ada), 404)


class Rescan(Inspected):
    """The scanner learns: what it took for clean is looked at again."""

    WORDS = b"a new virus that nobody knew of"

    @classmethod
    def configure(cls, gw):
        gw.setting("inspection.rescan_recent", "0 s")

    def rescan(self, *argv, code):
        done = self.gw.command("rescan", "--config", self.gw.config, *argv, check=False, timeout=300)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return done.stdout.decode()

    def test_new_signatures_find_old_evidence(self):
        old = self.sends_clean(b"Dear all, " + self.WORDS, "text/plain", filename="old.txt")
        clean = self.sends_clean(samples.pdf("still clean"))
        self.assertIn("2 looked at, 0 infected", self.rescan("--all", code=0))
        self.clamd.stop()
        (self.clamd.folder / "db/more.ndb").write_text(f"Test.New.Virus:0:*:{self.WORDS.hex()}\n")
        os.chmod(self.clamd.folder / "db/more.ndb", 0o644)
        self.clamd.start()
        told = self.rescan("--since", "2026-01-01T00:00:00Z", code=1)
        self.assertIn(f"{old['id']}: virus Test.New.Virus.UNOFFICIAL, available -> restricted", told)
        self.assertIn("2 looked at, 1 infected", told)
        self.expect(self.content(old["id"]), 409, "not-available")
        self.assertEqual(self.content(clean["id"]).body, samples.pdf("still clean"))
        self.assertEqual(self.listed()[old["id"]]["status_reason"], "infected")
        opened = [e for e in self.history("inspection.opened") if e["artefact"] == clean["id"]]
        self.assertEqual([e["purpose"] for e in opened], ["rescan", "rescan"])
        self.assertEqual(len([e for e in self.history("inspection.done") if e["artefact"] == old["id"]]), 2)
        self.assertIn("1 looked at, 0 infected", self.rescan("--all", code=0))  # it is not opened any more
        self.assertIn("0 looked at", self.rescan("--since", "2126-01-01T00:00:00Z", code=0))

    def test_the_command_line(self):
        for argv in ((), ("--all", "--since", "2026-01-01T00:00:00Z"), ("--since", "yesterday")):
            self.rescan(*argv, code=2)


class Signed:
    """In front of a clamd whose two lines have no version: says one, and passes all else on."""

    def __init__(self, clamd):
        self.real, self.version = str(clamd.socket), 27001
        self.socket = clamd.folder / "signed.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            first = peer.recv(65536)
            if first.startswith(b"zVERSION"):
                peer.sendall(b"ClamAV 1.4.3/%d/Sun Nov 22 10:00:00 2026\0" % self.version)
                return
            with socket.socket(socket.AF_UNIX) as real:
                real.connect(self.real)
                real.sendall(first)
                back = threading.Thread(target=self.copy, args=(real, peer), daemon=True)
                back.start()
                self.copy(peer, real)
                back.join()

    @staticmethod
    def copy(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class NewSignatures(Inspected):
    @classmethod
    def configure(cls, gw):
        cls.signed = Signed(cls.clamd)
        gw.setting("inspection.clamd_socket", str(cls.signed.socket))

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.signed.close()

    def test_what_is_recent_is_looked_at_again(self):
        words = b"words that will be a virus"
        old = self.sends_clean(words, "text/plain", filename="old.txt")
        clean = self.sends_clean(samples.pdf("clean before and after"))
        found = self.gw.get(f"/v1/artefacts/{old['id']}", self.ada).json["inspection"]
        self.assertEqual((found["signatures"], found["signatures_at"]), ("27001", "2026-11-22T10:00:00.000000Z"))
        (self.clamd.folder / "db/more.ndb").write_text(f"Test.New.Virus:0:*:{words.hex()}\n")
        os.chmod(self.clamd.folder / "db/more.ndb", 0o644)
        self.clamd.stop()
        self.clamd.start()
        self.signed.version = 27002
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline and self.gw.metric("evidence_rescanned_total") < 2:
            time.sleep(0.2)
        self.assertEqual({i: a["status"] for i, a in self.listed().items()},
                         {old["id"]: "restricted", clean["id"]: "available"})
        self.assertEqual(self.gw.metric("evidence_rescan_found_total"), 1)
        found = self.gw.get(f"/v1/artefacts/{clean['id']}", self.ada).json["inspection"]
        self.assertEqual((found["outcome"], found["signatures"]), ("clean", "27002"))
        self.assertEqual({e["artefact"] for e in self.history("inspection.opened")}, {old["id"], clean["id"]})
        time.sleep(3)  # two more looks at the version: nothing is opened again
        self.assertEqual(self.gw.metric("evidence_rescanned_total"), 2)


class Limits(Inspected):
    clamd_lines = ("AlertExceedsMax yes", "AlertEncrypted yes", "StreamMaxLength 26M", "MaxFileSize 26M",
                   "MaxScanSize 100M")

    @classmethod
    def configure(cls, gw):
        gw.setting("inspection.rescan_recent", "0 s")

    def setUp(self):
        self.restart(self.clamd_lines)

    def restart(self, lines):
        self.clamd.stop()
        self.clamd.lines = lines
        self.clamd.write_conf()
        self.clamd.start()

    def test_what_is_longer_than_clamd_takes_is_not_available(self):
        data = b"a" * (27 << 20) + EICAR
        told = self.expect(self.send(data, "text/plain", filename="long.txt"), 201).json["artefact"]
        self.assertEqual((told["status"], told["status_reason"]), ("could_not_scan", "scanner-size"))
        self.expect(self.content(told["id"]), 409, "not-available")
        self.restart(LARGE)
        done = self.gw.command("rescan", "--config", self.gw.config, "--all", check=False, timeout=300)
        self.assertEqual(done.returncode, 1, (done.stdout, done.stderr))
        self.assertIn(b"could_not_scan -> restricted", done.stdout)

    def test_a_clamd_that_hides_its_limits_releases_nothing(self):
        self.restart([line for line in LARGE if not line.startswith("AlertExceedsMax")])
        told = self.expect(self.send(samples.pdf("under a careless scanner")), 201).json["artefact"]
        self.assertEqual((told["status"], told["status_reason"]), ("quarantined", "not-inspected"))
        self.assertIn("AlertExceedsMax", self.gw.ops("/readyz").json["checks"]["inspection"])
        self.restart(LARGE)
        deadline = time.monotonic() + WAIT_SECONDS
        while self.listed()[told["id"]]["status"] == "quarantined" and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(self.listed()[told["id"]]["status"], "available")


class Restricted(Inspected):
    infected = "restrict"

    def test_infected_evidence_is_kept_for_nobody_to_open(self):
        told = self.expect(self.send(EICAR, "text/plain", filename="a.txt"), 201).json["artefact"]
        self.assertEqual((told["status"], told["status_reason"]), ("restricted", "infected"))
        for purpose in ("decision", "appeal"):
            self.expect(self.content(told["id"], purpose), 409, "not-available")
        self.expect(self.gw.get(f"/v1/artefacts/{told['id']}/content", self.ada), 409, "not-available")


class Away(Inspected):
    def settled(self, ids, seconds=WAIT_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            listed = self.listed()
            states = {i: listed[i]["status"] for i in ids}
            if "quarantined" not in states.values() or time.monotonic() > deadline:
                return states
            time.sleep(0.2)

    def tearDown(self):
        if self.clamd.process is None:
            self.clamd.start()
        self.settled([i for i, a in self.listed().items() if a.get("status_reason") == "not-inspected"])

    def test_nobody_lets_out_of_quarantine_what_was_not_inspected(self):
        """A recording without proof of notice that came while the scanner was away."""
        claim = self.gw.create_claim("ben", assigned_to=["asim"])
        assessment, owner = self.gw.create_assessment(claim), self.gw.token("records_owner", "rosa")
        self.clamd.stop()
        sent = self.expect(self.gw.upload(
            claim, samples.wav(60), self.gw.token("assessor", "asim"), kind="assessment_audio", media="audio/wav",
            filename="a.wav", params=self.gw.recording(assessment, -120, -60)), 201).json["artefact"]
        self.assertEqual((sent["status"], sent["status_reason"]), ("quarantined", "recording-no-notice"))
        path = f"/v1/artefacts/{sent['id']}"
        reason = {"reason": "told by telephone"}
        self.expect(self.gw.post(f"{path}/quarantine-release", owner, reason), 409, "conflict")
        self.clamd.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            told = (self.gw.get(path, owner).json["inspection"] or {}).get("outcome")
            if told == "clean" or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.assertEqual(told, "clean")
        done = self.expect(self.gw.post(f"{path}/quarantine-release", owner, reason), 200).json
        self.assertEqual(done["status"], "available")

    def test_stopped_is_kept_and_done_later(self):
        self.clamd.stop()
        letter = samples.pdf("while it was away")
        clean = self.expect(self.send(letter), 201).json["artefact"]
        virus = self.expect(self.send(b"x" + EICAR, "text/plain", filename="v.txt"), 201).json["artefact"]
        for a in (clean, virus):
            self.assertEqual((a["status"], a["status_reason"]), ("quarantined", "not-inspected"))
            self.expect(self.content(a["id"]), 409, "not-available")
        ready = self.gw.ops("/readyz")
        self.assertEqual(ready.status, 200, ready)
        self.assertTrue(ready.json["ready"] and ready.json["warning"])
        self.assertIn("clamd does not answer", ready.json["checks"]["inspection"])
        self.assertEqual(self.gw.metric("evidence_inspections_due"), 2)
        self.assertEqual(self.gw.metric("evidence_scanner_good"), 0)
        self.clamd.start()
        states = self.settled([clean["id"], virus["id"]])
        self.assertEqual(states, {clean["id"]: "available", virus["id"]: "restricted"})
        self.assertEqual(self.content(clean["id"]).body, letter)
        self.expect(self.content(virus["id"]), 409, "not-available")
        self.assertEqual(len([e for e in self.history("inspection.done") if e["artefact"] == virus["id"]]), 1)
        self.assertEqual(self.gw.metric("evidence_inspections_due"), 0)

    def test_stalled_is_kept_and_done_later(self):
        os.kill(self.clamd.process.pid, signal.SIGSTOP)
        try:
            letter = samples.pdf("while it hung")
            told = self.expect(self.send(letter), 201).json["artefact"]
            self.assertEqual((told["status"], told["status_reason"]), ("quarantined", "not-inspected"))
        finally:
            os.kill(self.clamd.process.pid, signal.SIGCONT)
        self.assertEqual(self.settled([told["id"]]), {told["id"]: "available"})

    def test_what_is_due_outlives_the_process(self):
        self.clamd.stop()
        told = self.expect(self.send(samples.pdf("over a restart")), 201).json["artefact"]
        self.gw.kill()
        self.clamd.start()
        self.gw.start()
        self.assertEqual(self.settled([told["id"]]), {told["id"]: "available"})
        self.assertEqual(self.content(told["id"]).body, samples.pdf("over a restart"))

    def test_a_restart_in_the_middle_of_100_uploads(self):
        def one(number):
            infected = number % 10 == 3
            data = (f"letter {number} ".encode() + EICAR if infected
                    else f"letter {number} of many".encode())
            with concurrent_lock:
                sent.append(number)
                if len(sent) == 40:
                    self.clamd.stop()
                if len(sent) == 70:
                    self.clamd.start()
            return infected, data, self.send(data, "text/plain", filename=f"{number}.txt")

        concurrent_lock, sent = threading.Lock(), []
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, range(100)))
        kept = {}
        for infected, data, answer in answers:
            if answer.status == 422:
                self.assertTrue(infected, answer)
                self.assertEqual(answer.problem, "contains-virus")
                continue
            told = self.expect(answer, 201).json["artefact"]
            self.assertFalse(infected and told["status"] == "available", "released unscanned")
            kept[told["id"]] = infected, data
        states = self.settled(kept)
        for artefact, (infected, data) in kept.items():
            self.assertEqual(states[artefact], "restricted" if infected else "available")
            if not infected:
                self.assertEqual(self.content(artefact).body, data)


@unittest.skipUnless(fixture.is_release(), "sanitizers need memory of their own: no release build")
class Large(Inspected):
    """However large a recording is, the gateway with all its inspectors stays small."""

    release = True
    clamd_lines = LARGE
    LIMIT = 128 << 20

    @classmethod
    def configure(cls, gw):
        gw.setting("inspection.wait", "10 min")

    def test_a_large_recording(self):
        size = 1 << 30 if fixture.long_campaign() else 256 << 20
        data = test_memory.Bytes(size)
        with test_memory.Peak(self.gw) as peak, Session(self.gw, timeout=600) as session:
            answer = session.request("POST", f"/v1/claims/{self.claim}/artefacts?kind=claimant_recording", self.ada,
                                     iter(data), {"Content-Type": "audio/wav", "Content-Length": str(size)})
        told = self.expect(answer, 201).json["artefact"]
        self.assertEqual((told["status"], told["sha256"]), ("available", data.digest.hexdigest()))
        self.assertLess(peak.value, self.LIMIT)


if __name__ == "__main__":
    unittest.main(verbosity=2)

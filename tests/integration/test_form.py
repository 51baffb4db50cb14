#!/usr/bin/env python3
"""Evidence by multipart/form-data: what browsers without scripts and curl -F send."""

import base64
import hashlib
import html
import itertools
import json
import random
import re
import shutil
import socket
import struct
import time
import unittest
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, sha256, unknown_id
from test_memory import LIMIT, Bytes, Peak

FILES = 5  # of a form, in these tests
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
NUMBERS = itertools.count(1)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def digest(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def letter(pad=0):
    """A file that nobody has sent before."""
    return samples.pdf(f"letter {next(NUMBERS)} {uuid.uuid4()}", pad)


def field(name, value):
    value = value if isinstance(value, bytes) else value.encode()
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value


def file(data, name="letter.pdf", media="application/pdf"):
    name = name if isinstance(name, bytes) else name.encode()
    return (b'Content-Disposition: form-data; name="file"; filename="' + name + b'"\r\n'
            + f"Content-Type: {media}\r\n\r\n".encode() + data)


def hashes(datas):
    return sorted(map(sha256, datas))


def form(*parts, end=True):
    body = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + p + b"\r\n" for p in parts)
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


KIND = field("kind", "further_evidence")
NO_FILE = file(b"", "", "application/octet-stream")


class Base(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("limits.form_files", FILES)

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.assessor = gw.token("assessor", "asim")

    def setUp(self):
        self.claim = self.gw.create_claim("ada", assigned_to=["asim"])

    def path(self, claim=None):
        return f"/v1/claims/{claim or self.claim}/artefacts"

    def send(self, body, token=None, query="", claim=None, boundary=BOUNDARY, **headers):
        return self.gw.request(
            "POST", self.path(claim) + query, token or self.ada, body,
            {"Content-Type": f"multipart/form-data; boundary={boundary}",
             **{k.replace("_", "-"): v for k, v in headers.items()}})

    def curl(self, *argv, token=None, **options):
        return self.gw.curl(self.path(), *argv, token=token or self.ada, **options)

    def on_disk(self, data, name="letter.pdf"):
        path = self.gw.folder / f"sent-{uuid.uuid4().hex}"
        path.mkdir()
        (path / name).write_bytes(data)
        self.addCleanup(shutil.rmtree, path)
        return path / name

    def stored(self, claim=None):
        """Hashes of what the claim has, in no order."""
        return sorted(a["sha256"] for a in self.gw.list_all(claim or self.claim, self.ada))

    def outcomes(self, answer):
        return [(r["filename"], r["status"],
                 r["problem"]["type"].removeprefix("/problems/") if "problem" in r else None)
                for r in answer.json["results"]]


class Shapes(Base):
    def test_one_file_is_answered_as_if_it_had_come_by_itself(self):
        data = letter()
        raw = self.expect(self.gw.upload(self.claim, letter(), self.ada), 201)
        answer = self.expect(self.curl(
            "-F", "kind=further_evidence", "-F", "description=from my GP", "-F",
            f"file=@{self.on_disk(data)};type=application/pdf"), 201)
        self.assertEqual(set(answer.json), set(raw.json))
        told = answer.json["artefact"]
        self.assertEqual(set(told), set(raw.json["artefact"]))
        self.assertEqual(answer.headers["Location"], f"/v1/artefacts/{told['id']}")
        self.assertEqual(answer.headers["Repr-Digest"], digest(data))
        self.assertEqual(
            (told["kind"], told["filename"], told["description"], told["media_type"],
             told["size"], told["sha256"]),
            ("further_evidence", "letter.pdf", "from my GP", "application/pdf", len(data),
             sha256(data)))
        done = self.gw.verify(answer.json["receipt"], data)
        self.assertEqual(done.returncode, 0, done.stderr)
        read = self.gw.get(f"/v1/artefacts/{told['id']}/content", self.ada)
        self.assertEqual((read.status, read.body), (200, data))

    def test_several_files_have_a_result_each_in_order(self):
        datas = [letter(), samples.text(700, next(NUMBERS)), letter(9000)]
        argv = ["-F", "kind=further_evidence"]
        for n, data in enumerate(datas):
            argv += ["-F", f"file=@{self.on_disk(data, f'{n}.bin')}"]
        answer = self.expect(self.curl(*argv), 201)
        self.assertEqual(set(answer.json), {"results"})
        self.assertEqual(self.outcomes(answer), [(f"{n}.bin", 201, None) for n in range(3)])
        for data, result in zip(datas, answer.json["results"]):
            self.assertEqual(set(result), {"filename", "status", "artefact", "receipt"})
            self.assertEqual(result["artefact"]["sha256"], sha256(data))
            self.assertEqual(self.gw.verify(result["receipt"], data).returncode, 0)
        self.assertEqual(self.stored(), hashes(datas))

    def test_a_mixed_outcome(self):
        also = letter()
        answer = self.expect(self.send(form(
            KIND, file(b"\x7fELF\x02\x01\x01\0" * 4000, "b.exe", "application/octet-stream"),
            file(b"", "c.pdf"), file(letter(), "d\u202efdp.exe"),
            file(letter(), "e.pdf", "nonsense"), file(also, "f.pdf"))), 207)
        self.assertEqual(self.outcomes(answer), [
            ("b.exe", 415, "type-not-allowed"), ("c.pdf", 400, "file-empty"),
            ("", 400, "invalid-request"), ("e.pdf", 400, "invalid-request"),
            ("f.pdf", 201, None)])
        for result in answer.json["results"][:4]:
            self.assertEqual(set(result), {"filename", "status", "problem"})
            self.assertEqual(set(result["problem"]), {"type", "title", "status", "detail"})
            self.assertEqual(result["problem"]["status"], result["status"])
        self.assertEqual(self.stored(), hashes([also]))

    def test_all_refused_is_no_success(self):
        answer = self.expect(self.send(form(KIND, file(b"", "a"), file(b"", "b"))), 207)
        self.assertEqual([o[1] for o in self.outcomes(answer)], [400, 400])
        self.assertEqual(self.stored(), [])

    def test_a_refused_file_alone_is_a_problem(self):
        for part, status, problem in (
                (file(b"", "a.pdf"), 400, "file-empty"),
                (file(b"\0\1\2", "a.bin", "application/octet-stream"), 415, "type-not-allowed"),
                (file(letter(), "a.jpg", "image/jpeg"), 415, "type-not-allowed"),
                (file(letter(), "a\tb"), 400, "invalid-request"),
                (file(letter(), "x" * 300), 400, "invalid-request")):
            with self.subTest(part=part[:90]):
                self.expect(self.send(form(KIND, part)), status, problem)
                self.expect(self.send(form(part, KIND)), status, problem)
        self.expect(self.send(form(field("kind", "nonsense"), file(letter()))), 400,
                    "invalid-request")
        self.expect(self.send(form(file(letter()))), 400, "invalid-request")
        self.expect(self.send(form(field("kind", "medical_report"), file(letter()))), 403,
                    "not-permitted")
        self.expect(self.send(form(file(letter()), field("kind", "medical_report"))), 403,
                    "not-permitted")
        self.assertEqual(self.stored(), [])

    def test_an_input_that_was_left_empty(self):
        data = letter()
        answer = self.expect(self.send(form(NO_FILE, KIND, NO_FILE, file(data), NO_FILE)), 201)
        self.assertEqual(answer.json["artefact"]["sha256"], sha256(data))
        # without a name, but not without bytes
        answer = self.expect(self.send(form(KIND, file(letter(), ""))), 201)
        self.assertEqual(answer.json["artefact"]["filename"], "")
        answer = self.expect(self.send(form(
            KIND, b'Content-Disposition: form-data; name="file"\r\n\r\nplain words')), 201)
        self.assertEqual(answer.json["artefact"]["media_type"], "text/plain")
        before = self.stored()
        self.expect(self.send(form(KIND, NO_FILE)), 400, "file-empty")
        self.expect(self.send(form(NO_FILE, NO_FILE, KIND)), 400, "file-empty")
        self.expect(self.send(form(NO_FILE), claim=unknown_id()), 404, "claim-not-found")
        self.expect(self.send(form(KIND)), 400, "invalid-request")
        self.expect(self.send(form()), 400, "invalid-request")
        self.assertEqual(self.stored(), before)

    def test_raw_and_form_side_by_side(self):
        self.expect(self.gw.upload(self.claim, letter(), self.ada,
                                   media="multipart/mixed; boundary=x"), 415)
        self.expect(self.gw.upload(self.claim, letter(), self.ada,
                                   media="multipart/form-data; boundary=x"), 400)
        self.expect(self.send(form(KIND, file(letter())), Content_Encoding="gzip"), 415)
        self.expect(self.send(form(KIND, file(letter())), token="nonsense"), 401)
        answer = self.send(form(KIND, file(letter())), Content_Encoding="identity")
        self.expect(answer, 201)

    def test_the_query_may_describe_it(self):
        data = letter()
        answer = self.expect(self.send(form(file(data)), query="?kind=carer_statement"), 201)
        self.assertEqual(answer.json["artefact"]["kind"], "carer_statement")
        self.expect(self.send(form(KIND, file(letter())), query="?kind=carer_statement"), 400)
        self.expect(self.send(form(file(letter())), query="?kind=carer_statement&colour=red"), 400)


class Fields(Base):
    def test_the_kind_may_come_last(self):
        datas = [letter(), letter(), samples.wav(seed=next(NUMBERS))]
        parts = [file(datas[0]), file(datas[1]), file(datas[2], "a.wav", "audio/wav")]
        answer = self.expect(self.send(form(*parts, KIND)), 201)
        self.assertEqual([r["artefact"]["kind"] for r in answer.json["results"]],
                         ["further_evidence"] * 3)
        self.assertEqual(self.stored(), hashes(datas))
        # each is held against the kind when it is known
        answer = self.expect(self.send(form(
            file(letter()), file(samples.wav(seed=next(NUMBERS)), "a.wav", "audio/wav"),
            field("kind", "carer_statement"), file(letter()))), 207)
        self.assertEqual([o[1:] for o in self.outcomes(answer)],
                         [(201, None), (415, "type-not-allowed"), (201, None)])

    def test_large_files_before_the_kind(self):
        """Each has a worker of its own, all open at once."""
        datas = [samples.text(9 * 1000 * 1000 + n, next(NUMBERS)) for n in range(3)]
        answer = self.expect(self.send(form(*(file(d, f"{n}.txt", "text/plain")
                                              for n, d in enumerate(datas)), KIND)), 201)
        self.assertEqual([r["artefact"]["sha256"] for r in answer.json["results"]],
                         [sha256(d) for d in datas])

    def test_descriptions(self):
        words = field("description", "two lines\r\nfrom \u00c5sa\r\n")
        for parts in ((KIND, words, file(letter())), (KIND, file(letter()), words),
                      (file(letter()), words, KIND), (words, file(letter()), KIND)):
            answer = self.expect(self.send(form(*parts)), 201)
            self.assertEqual(answer.json["artefact"]["description"], "two lines\nfrom \u00c5sa\n")
        # it counts for what is not accepted when it comes: all while the kind is unknown
        answer = self.expect(self.send(form(file(letter()), file(letter()), words, KIND)), 201)
        self.assertEqual([r["artefact"]["description"] == "" for r in answer.json["results"]],
                         [False, False])
        answer = self.expect(self.send(form(KIND, file(letter()), file(letter()), words)), 201)
        self.assertEqual([r["artefact"]["description"] == "" for r in answer.json["results"]],
                         [True, False])
        answer = self.expect(self.send(form(KIND, field("description", ""), field("assessment", ""),
                                            file(letter()))), 201)
        self.assertEqual(answer.json["artefact"]["description"], "")

    def test_what_a_form_may_not_say(self):
        for parts in (
                (KIND, KIND, file(letter())),
                (KIND, field("colour", "red"), file(letter())),
                (KIND, field("description", b"\xff\xfe"), file(letter())),
                (KIND, field("description", b"bell \x07"), file(letter())),
                (KIND, field("description", b"nul \0"), file(letter())),
                (KIND, field("description", "x" * 1001), file(letter())),
                (KIND, field("assessment", "nonsense"), file(letter())),
                (KIND, field("recording_started_at", "yesterday"), file(letter())),
                (field("kind", "further\nevidence"), file(letter())),
                (field("_charset_", "iso-8859-1"), KIND, file(letter())),
                (KIND, file(letter()).replace(b'name="file"', b'name="upload"')),
                (file(b"further_evidence").replace(b'name="file"', b'name="kind"'), file(letter())),
        ):
            with self.subTest(parts=str(parts)[:120]):
                answer = self.expect(self.send(form(*parts)), 400, "invalid-request")
                self.assertNotIn("results", answer.json)
        self.assertEqual(self.stored(), [])
        self.expect(self.send(form(field("_charset_", "UTF-8"), KIND, file(letter()))), 201)

    def test_recordings(self):
        def sent(assessment, order, **times):
            said = self.gw.recording(assessment, **times)
            parts = [field("kind", "assessment_audio"), *(field(k, v) for k, v in said.items())]
            sound = file(samples.wav(seed=next(NUMBERS)), "a.wav", "audio/wav")
            parts.insert({"first": 0, "second": 1, "last": len(parts)}[order], sound)
            return self.send(form(*parts), token=self.assessor)
        for order in ("first", "second", "last"):
            with self.subTest(order=order):
                known = self.gw.create_assessment(self.claim)
                self.expect(self.gw.choose(known, self.ada, "notice", fixture.now(-7000)), 201)
                told = self.expect(sent(known, order), 201).json["artefact"]
                self.assertEqual((told["assessment"], told["status"]), (known, "available"))
                self.expect(self.gw.choose(known, self.ada, "opt_out", fixture.now(-4000)), 201)
                self.expect(sent(known, order), 409, "recording-opted-out")
                unknown = self.gw.create_assessment(self.claim)
                told = self.expect(sent(unknown, order), 201).json["artefact"]
                self.assertEqual((told["status"], told["status_reason"]),
                                 ("quarantined", "recording-no-notice"))
                self.expect(sent(known, order, started=-1200, stopped=-3000), 400)
                self.expect(sent(unknown_id(), order), 400)
        self.expect(self.send(form(field("kind", "assessment_audio"),
                                   file(samples.wav(seed=next(NUMBERS)), "a.wav", "audio/wav")),
                              token=self.assessor), 400, "invalid-request")


class Names(Base):
    def test_names_as_senders_write_them(self):
        for sent, kept in (
                (b"plain.pdf", "plain.pdf"),
                ("br\u00e9f \u4e2d\u6587 \U0001f4c4.pdf".encode(), "br\u00e9f \u4e2d\u6587 \U0001f4c4.pdf"),
                (b"a %22quoted%22 name.pdf", 'a "quoted" name.pdf'),
                (b'a \\"quoted\\" name.pdf', 'a "quoted" name.pdf'),
                (b"100%25 %41.pdf", "100%25 %41.pdf"),
                (b"C:\\Users\\ada\\letter.pdf", "letter.pdf"),
                (b"C:\\fakepath\\letter.pdf", "letter.pdf"),
                (b"/home/ada/letter.pdf", "letter.pdf"),
                (b"../../etc/passwd", "passwd"),
                (b"..\\..\\boot.ini", "boot.ini"),
                (b"a;b=c.pdf", "a;b=c.pdf"),
                (b"<script>alert(1)</script>", "script>"),
                (b"x" * 255, "x" * 255)):
            with self.subTest(sent=sent[:60]):
                answer = self.expect(self.send(form(KIND, file(letter(), sent))), 201)
                self.assertEqual(answer.json["artefact"]["filename"], kept)

    def test_names_that_are_refused(self):
        for sent in (b"a%0D%0AX: b.pdf", b"a%0A", b"..", b"a/..", b"/", b"\xff\xfe.pdf",
                     "a\u202efdp.exe".encode(), "a\u0085b".encode(), b"x" * 256, b"x" * 3000):
            with self.subTest(sent=sent[:60]):
                answer = self.expect(self.send(form(KIND, file(letter(), sent))), 400,
                                     "invalid-request")
                self.assertNotIn("Content-Disposition", answer.json["detail"])
        for sent in (b"a\0b", b"a\rb", b"a\nb", b"a\r\nb: c", b"x" * 10000, b'a"b'):
            with self.subTest(sent=sent[:60]):
                self.expect(self.send(form(KIND, file(letter(), sent))), 400, "invalid-request")
        self.assertEqual(self.stored(), [])

    def test_what_curl_makes_of_them(self):
        for name in ('say "hi".pdf', "br\u00e9f.pdf", "semi;colon.pdf", "back\\slash.pdf"):
            with self.subTest(name=name):
                path = self.on_disk(letter(), "x.pdf")
                quoted = name.replace("\\", "\\\\").replace('"', '\\"')
                answer = self.expect(self.curl("-F", "kind=further_evidence", "-F",
                                               f'file=@{path};filename="{quoted}"'), 201)
                self.assertEqual(answer.json["artefact"]["filename"], name.rsplit("\\", 1)[-1])


class Pages(Base):
    def page(self, body, status):
        answer = self.send(body, Accept=BROWSER)
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertTrue(answer.headers["Content-Security-Policy"].startswith("default-src 'none'"))
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        text = answer.body.decode()
        self.assertNotRegex(text, r"<(script|style|img|link|a|form|iframe)\b")
        return text

    def test_received(self):
        data = letter()
        text = self.page(form(KIND, field("description", "<b>&\"'"), file(data, "a&b <i>.pdf")), 201)
        self.assertIn("<h1>Your evidence was received</h1>", text)
        self.assertIn("<h2>a&amp;b &lt;i&gt;.pdf</h2>", text)
        self.assertIn("&lt;b&gt;&amp;&quot;&#39;", text)
        receipt = html.unescape(re.search(r"<pre>(.*?)</pre>", text, re.S).group(1))
        self.assertEqual(self.gw.verify(receipt, data).returncode, 0)
        self.assertEqual(self.stored(), [sha256(data)])

    def test_the_same_again(self):
        data = letter()
        first = self.expect(self.send(form(KIND, file(data))), 201).json["artefact"]
        told = self.expect(self.send(form(KIND, file(data), file(letter()), file(data))), 201)
        self.assertEqual([r["artefact"].get("duplicate_of") for r in told.json["results"]],
                         [first["id"], None, first["id"]])
        text = self.page(form(KIND, file(data)), 201)
        self.assertIn("had been received already", text)
        self.assertEqual(len(self.stored()), 2)

    def test_some_received(self):
        text = self.page(form(KIND, file(letter(), "a.pdf"), file(b"", "b.pdf"),
                              file(letter(), "c.pdf")), 207)
        self.assertIn("<h1>Some files were not received</h1>", text)
        self.assertEqual(re.findall(r"<h2>(.*?)</h2>", text), ["a.pdf", "b.pdf", "c.pdf"])
        self.assertEqual(text.count("<pre>"), 2)
        self.assertEqual(text.count("The selected file is empty"), 1)

    def test_problems(self):
        text = self.page(form(KIND, NO_FILE), 400)
        self.assertIn("<h1>There is a problem</h1>", text)
        self.assertIn("The selected file is empty", text)
        text = self.page(form(KIND, file(b"\0\1", "a", "application/octet-stream")), 415)
        self.assertIn("The selected file must be a PDF", text)
        text = self.page(form(field("colour", "red")), 400)
        self.assertIn("unknown field", text)
        text = self.page(form(KIND, file(letter(), "a.pdf"), file(letter(), "b.pdf"), end=False), 400)
        self.assertIn("breaks off", text)
        self.assertEqual(re.findall(r"<h2>(.*?)</h2>", text), ["a.pdf"])
        answer = self.send(form(KIND, file(letter())), claim=unknown_id(), Accept=BROWSER)
        self.assertEqual((answer.status, answer.headers["Content-Type"]),
                         (404, "text/html; charset=utf-8"))

    def test_who_gets_one(self):
        for accept, page in (("*/*", False), ("application/json", False), ("text/html", True),
                             ("text/html, application/json", False),
                             ("text/html;q=0.3, application/json;q=0.2", True),
                             ("text/html;q=0", False)):
            with self.subTest(accept=accept):
                answer = self.send(form(KIND, file(letter())), Accept=accept)
                self.assertEqual(answer.status, 201)
                self.assertEqual(answer.headers["Content-Type"].startswith("text/html"), page)


class Limits(Base):
    def test_number_of_files(self):
        datas = [letter() for _ in range(FILES + 1)]
        answer = self.expect(self.send(form(KIND, *map(file, datas[:FILES]))), 201)
        self.assertEqual(len(answer.json["results"]), FILES)
        # what was accepted before one too many came is told beside the problem
        datas = [letter() for _ in range(FILES + 1)]
        answer = self.expect(self.send(form(KIND, *map(file, datas))), 400, "invalid-request")
        self.assertIn(f"at most {FILES} files", answer.json["detail"])
        accepted = [r["artefact"]["sha256"] for r in answer.json["results"]]
        self.assertEqual(accepted, [sha256(d) for d in datas[:FILES - 1]])
        self.assertLess(set(accepted), set(self.stored()))
        self.assertEqual(len(self.stored()), 2 * FILES - 1)
        # and nothing where nothing was
        before = self.stored()
        answer = self.expect(self.send(form(*map(file, datas), KIND)), 400, "invalid-request")
        self.assertNotIn("results", answer.json)
        self.assertEqual(self.stored(), before)

    def test_of_the_parser(self):
        data = letter()
        for body, words in (
                (form(*[NO_FILE] * 129, KIND), "128 parts"),
                (form(KIND, field("description", "x" * 4097), file(data)), "4096 bytes"),
                (form(KIND, file(data, media="application/pdf; x=" + "y" * 5000)), "header"),
                (b"x" * 9000 + b"\r\n" + form(KIND, file(data)), "outside"),
                (form(KIND, file(data)) + b"x" * 9000, "outside")):
            with self.subTest(words=words):
                answer = self.expect(self.send(body), 400, "invalid-request")
                self.assertIn(words, answer.json["detail"])
        self.assertEqual(self.stored(), [])
        self.expect(self.send(b"x" * 8000 + b"\r\n" + form(KIND, file(data)) + b"x" * 8000), 201)

    def test_malformed(self):
        good = form(KIND, file(letter()))
        boundary = BOUNDARY.encode()
        for body, words in (
                (b"", "boundary"), (b"hello", "boundary"), (good[:-4], "breaks off"),
                (good.replace(b"form-data", b"attachment"), "form-data"),
                (good.replace(b"\r\n", b"\n"), "boundary"),
                (good.replace(boundary, b"other"), "boundary"),
                (good.replace(b'name="kind"', b'name="kind'), "quoted"),
                (good.replace(b"Content-Type: application/pdf",
                              b"Content-Type: multipart/mixed; boundary=y"), "multipart"),
                (good.replace(b"Content-Type:", b"Content-Transfer-Encoding: base64\r\nContent-Type:"),
                 "Encoding"),
                (good.replace(boundary + b"--\r\n", boundary + b"--x"), "line")):
            with self.subTest(words=words, body=body[:80]):
                answer = self.expect(self.send(body), 400, "invalid-request")
                self.assertIn(words, answer.json["detail"])
        for boundary in ("", "x" * 71, '"x', "x; boundary=x", "x*y"):
            with self.subTest(boundary=boundary):
                self.expect(self.send(good, boundary=boundary), 400, "invalid-request")
        self.assertEqual(self.stored(), [])

    def test_a_missing_end_keeps_nothing_of_the_last_file(self):
        datas = [letter() for _ in range(3)]
        answer = self.expect(self.send(form(KIND, *map(file, datas), end=False)), 400)
        self.assertEqual([r["artefact"]["sha256"] for r in answer.json["results"]],
                         [sha256(d) for d in datas[:2]])
        self.assertEqual(self.stored(), hashes(datas[:2]))

    def test_cut_anywhere(self):
        """Chunks of a few bytes, records of their own: the same as in one piece."""
        dice = random.Random(7)
        for _ in range(4):
            data, words = letter(), samples.text(3000, next(NUMBERS))
            words += b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n\r\n"
            body = form(KIND, file(words, "a.txt", "text/plain"), file(data, "b.pdf"))
            cuts = sorted(dice.sample(range(len(body)), 200))
            pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)]) if b > a]
            with self.gw.socket() as s:
                s.sendall((f"POST {self.path()} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           f"Authorization: Bearer {self.ada}\r\nConnection: close\r\n"
                           f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n").encode())
                for piece in pieces:
                    s.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                s.sendall(b"0\r\n\r\n")
                got = b"".join(iter(lambda: s.recv(65536), b""))
            self.assertIn(b" 201 ", got.split(b"\r\n")[0], got)
            results = json.loads(got.partition(b"\r\n\r\n")[2])["results"]
            self.assertEqual([r["artefact"]["sha256"] for r in results],
                             [sha256(words), sha256(data)])


class Whole(Base):
    """What concerns the form as a whole."""

    def test_content_digest(self):
        datas = [letter(), letter()]
        body = form(KIND, *map(file, datas))
        self.expect(self.send(body, Content_Digest=digest(b"another")), 400, "digest-mismatch")
        self.expect(self.send(body, Content_Digest="sha-256=:nonsense:"), 400)
        self.assertEqual(self.stored(), [])
        answer = self.expect(self.send(body, Content_Digest=digest(body)), 201)
        self.assertEqual(len(answer.json["results"]), 2)
        self.assertEqual(self.stored(), hashes(datas))
        self.expect(self.send(form(KIND, file(letter())), Content_Digest="md5=:AA==:"), 201)

    def test_repr_digest_means_nothing_here(self):
        data = letter()
        body = form(KIND, file(data))
        for value in (digest(data), digest(body), "md5=:AA==:"):
            self.expect(self.send(body, Repr_Digest=value), 400, "invalid-request")
        self.assertEqual(self.stored(), [])

    def trailer(self, body, *headers, **trailers):
        with self.gw.socket() as s:
            s.sendall("\r\n".join([
                f"POST {self.path()} HTTP/1.1", "Host: 127.0.0.1", "Connection: close",
                f"Authorization: Bearer {self.ada}", "Transfer-Encoding: chunked",
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}", *headers, "", ""
            ]).encode())
            s.sendall(b"%x\r\n%s\r\n0\r\n" % (len(body), body))
            s.sendall("".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in trailers.items())
                      .encode() + b"\r\n")
            got = b"".join(iter(lambda: s.recv(65536), b""))
        return int(got.split()[1]), json.loads(got.partition(b"\r\n\r\n")[2])

    def test_a_digest_behind_the_form(self):
        body = form(KIND, file(letter()), file(letter()))
        announced = "Trailer: Content-Digest"
        status, told = self.trailer(body, announced, Content_Digest=digest(b"another"))
        self.assertEqual((status, told["type"]), (400, "/problems/digest-mismatch"))
        self.assertEqual(self.stored(), [])
        status, told = self.trailer(body, Repr_Digest=digest(body))
        self.assertEqual((status, len(told["results"])), (400, 1))
        body = form(KIND, file(letter()))
        for headers in ((), (f"Content-Digest: {digest(body + b'x')}",)):
            status, told = self.trailer(body, *headers, Content_Digest=digest(body))
            self.assertEqual((status, "results" in told), (400, False))
        status, told = self.trailer(body, announced, Content_Digest=digest(body))
        self.assertEqual(status, 201)

    def test_somebody_elses_claim(self):
        eve = self.gw.token("claimant", "eve")
        body = form(KIND, file(letter()), file(letter()))
        foreign = self.expect(self.send(body, token=eve), 404, "claim-not-found")
        missing = self.expect(self.send(body, token=eve, claim=unknown_id()), 404)
        nonsense = self.expect(self.send(body, token=eve, claim="nonsense"), 404)
        raw = self.expect(self.gw.upload(self.claim, letter(), eve), 404)
        for other in (missing, nonsense, raw):
            self.assertEqual(foreign.json, other.json)
        self.assertEqual(self.stored(), [])

    def test_an_idempotency_key_is_one_for_each_file(self):
        datas = [letter(), letter()]
        parts = [file(d, f"{n}.pdf") for n, d in enumerate(datas)]
        key = f'"{uuid.uuid4()}"'
        first = self.expect(self.send(form(KIND, *parts), Idempotency_Key=key), 201)
        again = self.expect(self.send(form(*parts, KIND), Idempotency_Key=key), 201)
        self.assertEqual([r["artefact"]["id"] for r in first.json["results"]],
                         [r["artefact"]["id"] for r in again.json["results"]])
        other = self.expect(self.send(form(KIND, parts[0], file(letter())), Idempotency_Key=key), 207)
        self.assertEqual([o[1:] for o in self.outcomes(other)],
                         [(201, None), (422, "idempotency-key-reused")])
        # what was refused is tried anew
        more = self.expect(self.send(form(KIND, *parts, file(b"", "c")), Idempotency_Key=key), 207)
        self.assertEqual([o[1] for o in self.outcomes(more)], [201, 201, 400])
        datas.append(letter())
        more = self.expect(self.send(form(KIND, *parts, file(datas[2], "c")),
                                     Idempotency_Key=key), 201)
        self.assertEqual(self.stored(), hashes(datas))
        self.expect(self.send(form(KIND, *parts), Idempotency_Key="k" * 126), 400)
        self.expect(self.send(form(KIND, file(letter())), Idempotency_Key="k" * 125), 201)

    def test_a_certificate_does_not_act_for_another_sites_page(self):
        body = form(field("kind", "medical_report"), file(letter()))
        doctor, token = self.gw.gp_certificate, self.gw.token("health_professional", "dr-gray")
        host = f"127.0.0.1:{self.gw.port}"
        own = {"Origin": f"https://{host}", "Sec-Fetch-Site": "same-origin"}
        for told, status in (({}, 201), (own, 201), ({"Sec-Fetch-Site": "none"}, 201),
                             ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
                             ({"Origin": f"http://{host}"}, 403),
                             ({"Sec-Fetch-Site": "cross-site"}, 403),
                             ({**own, "Sec-Fetch-Site": "same-site"}, 403)):
            for sent, headers in ((form(field("kind", "medical_report"), file(letter())), {
                    "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}),
                    (letter(), {"Content-Type": "application/pdf"})):
                with self.subTest(told=told, headers=headers):
                    raw = "?kind=medical_report" if sent.startswith(b"%PDF") else ""
                    answer = self.gw.request("POST", self.path() + raw, None, sent,
                                             {**headers, **told}, cert=doctor)
                    self.expect(answer, status, "not-permitted" if status == 403 else None)
        answer = self.gw.request("POST", self.path(), token, body, {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
        self.expect(answer, 201)  # who has a token was given it

    def test_a_connection_that_breaks(self):
        datas = [letter(), letter(), letter(400000)]
        whole = form(KIND, *map(file, datas))
        for sent, kept in ((len(form(KIND, *map(file, datas[:2]), end=False)) + 200000, 2),
                           (len(form(KIND, end=False)) + 500, 2)):
            s = self.gw.socket()
            s.sendall((f"POST {self.path()} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       f"Authorization: Bearer {self.ada}\r\nContent-Length: {len(whole)}\r\n"
                       f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
                       ).encode() + whole[:sent])
            deadline = time.monotonic() + 30
            while len(self.stored()) < kept and time.monotonic() < deadline:
                time.sleep(0.05)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        self.assertEqual(self.stored(), hashes(datas[:2]))
        # the broken ones are given up: their room is free again
        deadline = time.monotonic() + 30
        while not (idle := re.search(r"^\S*uploads\S* 0$", self.gw.ops("/metrics").body.decode(),
                                     re.M)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(idle)
        self.assertEqual(self.stored(), hashes(datas[:2]))

    def test_a_killed_gateway(self):
        """What a form was told is there; what it was not told leaves no part of itself."""
        data = letter()
        self.expect(self.send(form(KIND, file(data))), 201)
        s = self.gw.socket()
        body = form(KIND, file(letter()), end=False)
        s.sendall((f"POST {self.path()} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                   f"Authorization: Bearer {self.ada}\r\nContent-Length: {len(body) * 2}\r\n"
                   f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n").encode() + body)
        self.gw.kill()
        s.close()
        self.gw.start()
        self.assertEqual(self.stored(), [sha256(data)])


@unittest.skipUnless(fixture.is_release(), "sanitizers need memory of their own: no release build")
class Memory(Base):
    release = True

    @classmethod
    def configure(cls, gw):
        pass  # as many files as it comes with

    def test_as_many_large_files_as_may_wait_for_their_kind(self):
        sources = [Bytes(9 << 20) for _ in range(20)]
        parts = [file(b"".join(s), "a.wav", "audio/wav") + str(n).encode()
                 for n, s in enumerate(sources)]
        body = form(*parts, field("kind", "claimant_recording"))
        with Peak(self.gw) as peak:
            answer = self.expect(self.send(body), 201)
        self.assertEqual(len(answer.json["results"]), 20)
        print(f"20 files of 9 MiB before their kind: peak {peak.value / 2 ** 20:.1f} MiB",
              flush=True)
        self.assertLess(peak.value, LIMIT)

    def test_large_files_in_constant_memory(self):
        size, n = 64 << 20, 2
        sources = [Bytes(size) for _ in range(n)]
        head = [form(field("kind", "claimant_recording"), end=False)]
        lead = b"--" + BOUNDARY.encode() + b"\r\n" + file(b"", "a.wav", "audio/wav")
        length = len(head[0]) + n * (len(lead) + size + 2) + len(BOUNDARY) + 6

        def body():
            yield head[0]
            for source in sources:
                yield lead
                yield from source
                yield b"\r\n"
            yield f"--{BOUNDARY}--\r\n".encode()
        with Peak(self.gw) as peak:
            answer = self.gw.request(
                "POST", self.path(), self.ada, body(),
                {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
                 "Content-Length": str(length)}, timeout=300)
        self.expect(answer, 201)
        print(f"{n} files of {size >> 20} MiB in a form: peak {peak.value / 2 ** 20:.1f} MiB",
              flush=True)
        self.assertEqual([r["artefact"]["sha256"] for r in answer.json["results"]],
                         [s.digest.hexdigest() for s in sources])
        self.assertGreater(peak.samples, 3)
        self.assertLess(peak.value, LIMIT)

    def test_curl_sends_a_large_file(self):
        data = samples.wav(0.01) + bytes(64 << 20)
        answer = self.expect(self.curl(
            "-F", "kind=claimant_recording", "-F",
            f"file=@{self.on_disk(data, 'a.wav')};type=audio/wav", timeout=300), 201)
        self.assertEqual(answer.json["artefact"]["sha256"], sha256(data))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""draft-ietf-httpbis-resumable-upload, interop versions 6 (-04, -05) and 8 (-09 and later) by the
letter: a row for every MUST of a server, with the section that says so. Interop 5 and 7 share the
code; a short row each holds them. tus-js-client's way of speaking it stands at the end."""

import base64
import collections
import hashlib
import json
import unittest
import urllib.parse

import samples
from gateway_fixture import sha256, unknown_id
from uploads import DRAFT_TYPE, TUS_TYPE, Upload, UploadTest, letter, metadata

IANA = "https://iana.org/assignments/http-problem-types#"


def digest(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


class DraftTest(UploadTest):
    def speak(self, version, method, path, headers=None, body=None, **options):
        sent = dict(headers or {})
        if version is not None:
            sent["Upload-Draft-Interop-Version"] = str(version)
        answer = self.ask(method, path, sent, body, **options)
        self.assertIsNone(answer.headers["Tus-Resumable"])
        return answer

    def target(self, **more):
        return "/v1/uploads?" + urllib.parse.urlencode(
            {"claim": self.claim, "kind": "further_evidence", **more})

    def make(self, version, data=None, send=0, length=True, token=None, claim=None, **headers):
        data = letter() if data is None else data
        sent = {"Upload-Complete": "?0", "Content-Type": "application/pdf",
                "Content-Disposition": "inline; filename=\"letter.pdf\"",
                **({"Upload-Length": str(len(data))} if length else {}),
                **{k.replace("_", "-"): v for k, v in headers.items()}}
        sent = {k: v for k, v in sent.items() if v is not None}
        answer = self.expect(self.speak(
            version, "POST", self.target(**({"claim": claim} if claim else {})), sent,
            data[:send] or None, token=token), 201)
        return Upload(answer.headers["Location"], data, send)

    def patch(self, version, upload, size=None, last=True, status=None, offset=None, body=None,
              **headers):
        body = upload.left[:size] if body is None else body
        sent = {"Content-Type": DRAFT_TYPE, "Upload-Complete": "?1" if last else "?0",
                "Upload-Offset": str(upload.offset if offset is None else offset),
                **{k.replace("_", "-"): v for k, v in headers.items()}}
        status = status or (201 if last or version in (5, 6) else 204)
        answer = self.expect(self.speak(version, "PATCH", upload.url, sent, body), status)
        if answer.status < 300:
            upload.offset += len(body)
            self.assertEqual(answer.headers["Upload-Offset"], str(upload.offset))
        return answer

    def facts(self, version, upload, status=204):
        answer = self.expect(self.speak(version, "HEAD", upload.url), status)
        return answer.headers

    def whole(self, answer, data):
        """What the usual upload answers with."""
        told = answer.json
        self.assertEqual(set(told), {"artefact", "receipt"})
        self.assertEqual(answer.headers["Upload-Complete"], "?1")
        self.assertEqual(answer.headers["Repr-Digest"], digest(data))
        self.assertEqual(self.artefact_of(answer), told["artefact"]["id"])
        self.assertEqual(told["artefact"]["filename"], "letter.pdf")
        self.assertEqual(self.content(told["artefact"]["id"]), data)
        self.assertEqual(self.gw.verify(told["receipt"], data).returncode, 0)
        return told


# --- the table ------------------------------------------------------------------------------------

Row = collections.namedtuple(
    "Row", "section must start method headers body status has lacks problem then",
    defaults=({}, None, 204, {}, (), None, None))
SAME = "the offset is unchanged"
BOTH, OLD, NEW = (6, 8), (6,), (8,)


def left(u):
    return u.left


def at(u):
    return str(u.offset)


def length(u):
    return str(len(u.data))


def piece(**headers):
    told = {"Content-Type": DRAFT_TYPE, "Upload-Offset": at, "Upload-Complete": "?0",
            **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {k: v for k, v in told.items() if v is not None}


def create(**headers):
    told = {"Upload-Complete": "?0", "Content-Type": "application/pdf",
            **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {k: v for k, v in told.items() if v is not None}


def limits(value):
    return {k: int(v) for k, v in (m.strip().split("=") for m in value.split(","))}


POST = dict(start="target", method="POST")
ROWS = [(versions, row) for versions, rows in (
    (BOTH, [
        # --- creation (-05 section 4, -11 section 4.2)
        Row("Upload Creation", "incomplete: 201, Location, Upload-Complete: ?0, Upload-Limit", **POST,
            headers=create(), body=b"%PDF-1.4\n" + b"x" * 91, status=201,
            has={"Location": lambda v: v.startswith("/v1/uploads/"), "Upload-Complete": "?0",
                 "Upload-Offset": "100", "Upload-Limit": lambda v: limits(v)["max-size"] > 0}),
        Row("Upload Creation", "without content: a URL", **POST, headers=create(), status=201,
            has={"Location": None, "Upload-Complete": "?0", "Upload-Offset": "0",
                 "Upload-Limit": None}),
        Row("Upload Creation", "an empty representation is a file that is empty", **POST,
            headers=create(Upload_Complete="?1"), status=400, problem="file-empty",
            has={"Upload-Complete": None}),
        *(Row("Upload Creation", "Upload-Complete is a Boolean, other values are ignored whole:"
              f" {bad!r}", **POST, headers=create(Upload_Complete=bad), body=b"x",
              status=400, lacks=("Location",))
          for bad in ("1", "true", "?2", "?1, ?0", "?", "", None)),
        Row("Upload Creation", "with parameters it is the same Boolean", **POST,
            headers=create(Upload_Complete="?0;a=1"), status=201),
        *(Row("Upload Creation/Length", f"Upload-Length and Content-Length differ: 400, {other}",
              **POST, headers=create(Upload_Complete="?1", Upload_Length=other), body=b"%PDF-1.4",
              status=400, lacks=("Location",)) for other in ("7", "9", "0")),
        Row("Upload Creation/Limits", "more than max-size: 413", **POST,
            headers=create(Upload_Length=str(2 ** 49)), status=413, lacks=("Location",),
            has={"Upload-Limit": lambda v: limits(v)["max-size"] > 0}),
        Row("Upload Creation", "somebody else's claim", "their target", "POST", create(), None, 404,
            lacks=("Location",), problem="claim-not-found"),
        *(Row("Upload Creation/Length", f"a malformed Upload-Length is ignored whole: {bad!r}", **POST,
              headers=create(Upload_Length=bad), status=201, has={"Location": None})
          for bad in ("-5", "5.0", "abc", "\"5\"", "1000000000000000", "")),
        # --- offset retrieval (-05 section 5, -11 section 4.3)
        *(Row("Offset Retrieval", f"Upload-Offset, Upload-Complete, Upload-Length, no-store: {start}",
              start, "HEAD", {}, None, 204,
              {"Upload-Offset": at, "Upload-Complete": complete, "Upload-Length": length,
               "Cache-Control": "no-store", "Upload-Limit": lambda v: limits(v)["max-size"] > 0})
          for start, complete in (("new", "?0"), ("half", "?0"), ("all but complete", "?0"),
                                  ("complete", "?1"))),
        Row("Offset Retrieval", "Upload-Length is left out while it is not known", "open-ended",
            "HEAD", {}, None, 204, {"Upload-Offset": at, "Upload-Complete": "?0"},
            ("Upload-Length",)),
        *(Row("Offset Retrieval", f"not found: {start}", start, "HEAD", {}, None, 404, {},
              ("Upload-Offset",)) for start in ("unknown", "foreign", "nonsense")),
        # --- append (-05 section 6, -11 section 4.4)
        *(Row("Upload Append", f"is {DRAFT_TYPE}, else 415: {bad}", "half", "PATCH",
              {**piece(Content_Type=bad)}, left, 415, then=SAME)
          for bad in ("application/octet-stream", TUS_TYPE, None, "application/partial-upload-2")),
        *(Row("Upload Append", f"another offset is 409 with the right one: {why}", start, "PATCH",
              piece(Upload_Offset=offset, Upload_Complete=complete), left, 409,
              {"Upload-Offset": at, "Upload-Complete": "?0"},
              problem=IANA + "mismatching-upload-offset", then=SAME)
          for why, start, offset in (("overlap", "half", "0"), ("gap", "half", "1001"),
                                     ("far", "new", "999999999999999"), ("back", "half", "999"))
          for complete in ("?0", "?1")),
        *(Row("Upload Append", f"Upload-Offset is a non-negative Integer, else ignored: {bad!r}", "half",
              "PATCH", piece(Upload_Offset=bad), left, 400, then=SAME)
          for bad in ("-1", "1000.0", "\"1000\"", "abc", None, "1000 1000", "1000000000000000", "")),
        Row("Upload Append", "an Integer with parameters", "half", "PATCH",
            piece(Upload_Offset="1000;a", Upload_Complete="?0;b"), lambda u: u.left[:10],
            "appended", {"Upload-Offset": "1010", "Upload-Complete": "?0"}, then=10),
        Row("Upload Append", "incomplete is acknowledged with ?0 and the new offset", "half", "PATCH",
            piece(), lambda u: u.left[:500], "appended",
            {"Upload-Offset": "1500", "Upload-Complete": "?0"}, then=500),
        Row("Upload Append", "nothing to append is no harm", "half", "PATCH", piece(), b"",
            "appended", {"Upload-Offset": at}, then=SAME),
        Row("Upload Append", "the offset that equals the length is not completion", "half", "PATCH",
            piece(), left, "appended", {"Upload-Complete": "?0", "Upload-Offset": length},
            ("Link",)),
        Row("Upload Append", "an empty append with ?1 completes", "all but complete", "PATCH",
            piece(Upload_Complete="?1"), b"", 201, {"Upload-Complete": "?1", "Link": None}),
        Row("Upload Append", "the rest with ?1 completes", "half", "PATCH",
            piece(Upload_Complete="?1"), left, 201,
            {"Upload-Complete": "?1", "Upload-Offset": length, "Link": None}),
        Row("Upload Append", "the length is recorded when it is told with the end", "open-ended",
            "PATCH", piece(Upload_Complete="?1"), left, 201,
            {"Upload-Complete": "?1", "Upload-Offset": length}),
        *(Row("Upload Append/Length", f"other than recorded is 400: {why}", "half", "PATCH",
              piece(**headers), body, 400, then=SAME)
          for why, headers, body in (
              ("too few with ?1", {"Upload_Complete": "?1"}, lambda u: u.left[:-1]),
              ("none with ?1", {"Upload_Complete": "?1"}, b""),
              ("another Upload-Length", {"Upload_Length": "99"}, b"x"),
              ("two that differ", {"Upload_Complete": "?1", "Upload_Length": "99"}, left))),
        Row("Upload Append", "404 for what is not there", "unknown", "PATCH",
            piece(Upload_Offset="0"), b"x", 404, lacks=("Upload-Offset",)),
        Row("Upload Append", "404 for somebody else's", "foreign", "PATCH", piece(), b"x", 404,
            lacks=("Upload-Offset",)),
        # --- cancellation (-05 section 7, -11 section 4.5)
        *(Row("Upload Cancellation", f"204: {start}", start, "DELETE", {}, None, 204, then="gone")
          for start in ("new", "half", "all but complete", "open-ended")),
        Row("Upload Cancellation", "404 for what is not there", "unknown", "DELETE", {}, None, 404),
        Row("Upload Cancellation", "404 for somebody else's", "foreign", "DELETE", {}, None, 404),
        # --- limits
        Row("Limits", "OPTIONS tells Upload-Limit", "target", "OPTIONS", {}, None, 204,
            {"Upload-Limit": lambda v: limits(v)["max-size"] >= 8 << 30,
             "Accept-Patch": lambda v: DRAFT_TYPE in v}),
        # --- Integrity Digests
        Row("Integrity Digests/Content", "a wrong Content-Digest: not appended", "half", "PATCH",
            piece(Content_Digest=digest(b"other")), left, 400, problem="digest-mismatch", then=SAME),
        Row("Integrity Digests/Content", "a right Content-Digest", "half", "PATCH",
            piece(Content_Digest=lambda u: digest(u.left[:50])), lambda u: u.left[:50], "appended",
            then=50),
        Row("Integrity Digests/Content", "an algorithm that is not ours is passed over", "half",
            "PATCH", piece(Content_Digest="md5=:AAAA:"), lambda u: u.left[:50], "appended", then=50),
        Row("Integrity Digests/Representation", "a wrong Repr-Digest: nothing is kept", **POST,
            headers=create(Upload_Complete="?1", Repr_Digest=digest(b"other")),
            body=lambda u: letter(), status=400, problem="digest-mismatch"),
        # --- callers
        Row("Callers", "nobody", "half", "HEAD", {"Authorization": ""}, None, 401),
    ]),
    (OLD, [
        *(Row("Offset Retrieval", f"-05: 400 with {name}", "half", "HEAD", {name: value}, None, 400,
              then=SAME) for name, value in (("Upload-Offset", "0"), ("Upload-Complete", "?0"),
                                             ("Upload-Length", "5"))),
        *(Row("Upload Cancellation", f"-05: 400 with {name}", "half", "DELETE", {name: value}, None,
              400, then=SAME) for name, value in (("Upload-Offset", "0"),
                                                  ("Upload-Complete", "?0"))),
        *(Row("Offset Retrieval", f"-05: {method} of what is no longer active is 404", "ended", method,
              {}, None, 404, lacks=("Upload-Offset",)) for method in ("HEAD", "DELETE")),
        Row("Upload Append", "-05: what is no longer active is 404", "ended", "PATCH", piece(), b"x",
            404),
        *(Row("Upload Append", f"-05: to a completed upload is 400, {why}", "complete", "PATCH",
              piece(Upload_Complete=complete), body, 400, {"Upload-Offset": at},
              problem=IANA + "completed-upload") for why, complete, body in (
                  ("empty", "?1", b""), ("empty, more to come", "?0", b""), ("bytes", "?1", b"x"))
          if not (complete == "?1" and body)),
        Row("Upload Append", "-05: without Upload-Complete more is to come", "half", "PATCH",
            piece(Upload_Complete=None), lambda u: u.left[:5], 201, {"Upload-Complete": "?0"}, then=5),
        Row("Upload Append", "-05: more than the length is 400, what fits is kept", "half", "PATCH",
            piece(), lambda u: u.left + b"more", 400,
            {"Upload-Offset": lambda v, u: u.offset <= int(v) <= len(u.data)}),
        Row("Limits", "-05: the lifetime is `expires`", "half", "HEAD", {}, None, 204,
            {"Upload-Limit": lambda v: limits(v)["expires"] > 0}),
    ]),
    (NEW, [
        Row("Offset Retrieval", "-11: fields of the request do not matter", "half", "HEAD",
            {"Upload-Complete": "?1", "Upload-Offset": "7"}, None, 204, {"Upload-Offset": at}),
        *(Row("Offset Retrieval", f"-11: {method} of what has ended is 410", "ended", method, {}, None,
              410, lacks=("Upload-Offset",)) for method in ("HEAD", "DELETE")),
        *(Row("Upload Append", f"-11: Upload-Complete is required: {bad!r}", "half", "PATCH",
              piece(Upload_Complete=bad), left, 400, then=SAME)
          for bad in (None, "1", "true", "?1;A=1", "?0, ?1")),
        Row("Upload Append", "-11: bytes to a completed upload are an inconsistent length", "complete",
            "PATCH", piece(), b"x", 400, {"Upload-Complete": "?0"},
            problem=IANA + "inconsistent-upload-length", then=SAME),
        Row("Upload Append", "-11: an empty append with ?1 to a completed upload: the answer again",
            "complete", "PATCH", piece(Upload_Complete="?1"), b"", 201,
            {"Upload-Complete": "?1", "Link": None, "Repr-Digest": None}),
        Row("Upload Append", "-11: 409 has Upload-Complete: ?0, also when it is complete", "complete",
            "PATCH", piece(Upload_Offset="5", Upload_Complete="?1"), b"", 409,
            {"Upload-Complete": "?0", "Upload-Offset": at},
            problem=IANA + "mismatching-upload-offset"),
        *(Row("Upload Append/Length", f"-11: lengths that contradict have a problem type: {why}", "half",
              "PATCH", piece(**headers), body, 400, {"Upload-Complete": "?0"},
              problem=IANA + "inconsistent-upload-length", then=SAME) for why, headers, body in (
                  ("too few", {"Upload_Complete": "?1"}, b""),
                  ("two", {"Upload_Complete": "?1", "Upload_Length": "99"}, left))),
        Row("Upload Append/Length", "-11: more than the length ends the upload", "half", "PATCH",
            piece(), lambda u: u.left + b"more", 400, {"Upload-Complete": "?0"},
            problem=IANA + "inconsistent-upload-length", then="gone"),
        Row("Limits", "-11: the lifetime is max-age", "half", "HEAD", {}, None, 204,
            {"Upload-Limit": lambda v: limits(v)["max-age"] > 0}),
    ]),
) for row in rows]


class ByTheLetter(DraftTest):
    """The table, for each version that a row is about."""

    def start(self, name, version):
        if name in ("target", "their target", "unknown", "nonsense"):
            return Upload({"target": self.target(), "their target": self.target(claim=self.other),
                           "unknown": f"/v1/uploads/{unknown_id()}",
                           "nonsense": "/v1/uploads/nonsense"}[name], letter())
        if name == "foreign":
            return self.make(version, send=1000, token=self.bob, claim=self.other)
        upload = self.make(version, send=0 if name == "new" else 1000, length=name != "open-ended")
        if name == "all but complete":
            self.patch(version, upload, last=False)
        elif name == "complete":
            self.patch(version, upload)
        elif name == "ended":
            self.expect(self.speak(version, "DELETE", upload.url), 204)
        return upload

    def check_headers(self, row, upload, answer):
        for name, wanted in row.has.items():
            got = answer.headers[name]
            note = f"{name}: {got!r} of {answer!r}"
            self.assertIsNotNone(got, note)
            if wanted in (at, length):
                self.assertEqual(got, wanted(upload), note)
            elif callable(wanted):
                arity = wanted.__code__.co_argcount
                self.assertTrue(wanted(got, upload) if arity == 2 else wanted(got), note)
            elif wanted is not None:
                self.assertEqual(got, wanted, note)
        for name in row.lacks:
            self.assertIsNone(answer.headers[name], f"{name} of {answer!r}")

    def check_problem(self, row, answer):
        told = json.loads(answer.body)
        kind = row.problem if row.problem.startswith("https:") else f"/problems/{row.problem}"
        self.assertEqual((told["type"], told["status"]), (kind, answer.status))
        if kind.endswith("mismatching-upload-offset"):
            self.assertEqual(str(told["expected-offset"]), answer.headers["Upload-Offset"])
            self.assertIn("provided-offset", told)

    def check_afterwards(self, row, version, upload):
        if row.then == "gone":
            self.facts(version, upload, 404 if version < 7 else 410)
        elif row.then is not None:
            expected = upload.offset + (0 if row.then == SAME else row.then)
            self.assertEqual(self.facts(version, upload)["Upload-Offset"], str(expected))

    def run_row(self, version, row):
        upload = self.start(row.start, version)
        headers = {k: v(upload) if callable(v) else v for k, v in row.headers.items()}
        token = "" if headers.pop("Authorization", None) is not None else None
        body = row.body(upload) if callable(row.body) else row.body
        answer = self.speak(version, row.method, upload.url, headers, body, token=token)
        wanted = {"appended": 201 if version < 7 else 204}.get(row.status, row.status)
        self.assertEqual(answer.status, wanted, repr(answer))
        self.check_headers(row, upload, answer)
        if row.problem:
            self.check_problem(row, answer)
        elif answer.status >= 400 and answer.body:
            self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.check_afterwards(row, version, upload)
        self.give_up(upload, answer, {"Upload-Draft-Interop-Version": "8"})

    def test_every_row(self):
        self.assertGreater(len(ROWS), 90)
        for versions, row in ROWS:
            for version in versions:
                with self.subTest(version=version, section=row.section, must=row.must):
                    self.run_row(version, row)


# --- what stands together -------------------------------------------------------------------------

class Whole(DraftTest):
    def test_in_one_request(self):
        """The usual case: the creation carries everything."""
        for version in (5, 6, 7, 8, None):
            with self.subTest(version=version):
                data = letter()
                answer = self.expect(self.speak(version, "POST", self.target(description="mine"), {
                    "Upload-Complete": "?1", "Content-Type": "application/pdf",
                    "Content-Disposition": "inline; filename=\"letter.pdf\""}, data), 201)
                told = self.whole(answer, data)
                self.assertEqual(told["artefact"]["description"], "mine")
                self.assertEqual(answer.headers["Upload-Offset"], str(len(data)))
                upload = Upload(answer.headers["Location"], data, len(data))
                self.assertEqual(self.facts(version or 8, upload)["Upload-Complete"], "?1")
                self.assertSameReceipt(self.told(upload.url)["receipt"], told["receipt"])

    def test_in_parts(self):
        for version in (5, 6, 7, 8):
            with self.subTest(version=version):
                upload = self.make(version, letter(200000), send=70000)
                if version == 5:
                    self.assertIsNone(self.facts(5, upload)["Upload-Limit"])
                    answer = self.speak(5, "PATCH", upload.url, {
                        "Upload-Offset": "70000", "Upload-Complete": "?0"}, upload.left[:5])
                    self.expect(answer, 201)  # no Content-Type is asked for
                    upload.offset += 5
                self.patch(version, upload, 65536, last=False)
                self.whole(self.patch(version, upload), upload.data)
                self.assertEqual(self.kept().count(sha256(upload.data)), 1)

    def test_of_unknown_length_and_chunked(self):
        for version in (6, 8):
            with self.subTest(version=version):
                data = letter()
                answer = self.expect(self.speak(version, "POST", self.target(), {
                    "Upload-Complete": "?0", "Content-Disposition": "inline; filename=letter.pdf"},
                    iter([data[:100], data[100:500]])), 201)
                upload = Upload(answer.headers["Location"], data, 500)
                self.assertEqual(answer.headers["Upload-Offset"], "500")
                self.assertIsNone(self.facts(version, upload)["Upload-Length"])
                answer = self.speak(version, "PATCH", upload.url, {
                    "Upload-Complete": "?1", "Upload-Offset": "500", "Content-Type": DRAFT_TYPE},
                    iter([data[500:]]))
                self.whole(self.expect(answer, 201), data)

    def test_versions_that_are_not_spoken(self):
        for version in (4, 9, 0, 999):
            answer = self.speak(version, "POST", self.target(), {"Upload-Complete": "?0"})
            self.expect(answer, 412, "unsupported-version")
        for malformed in ("eight", "8.0", "?1", ""):
            answer = self.ask("POST", self.target(), {"Upload-Complete": "?0",
                              "Upload-Draft-Interop-Version": malformed})
            self.expect(answer, 201)  # ignored whole: the newest

    def test_an_upload_that_turns_out_to_be_wrong(self):
        """The answer is that of the whole, and says so."""
        for version in (6, 8):
            upload = self.make(version, b"\0\1\2\3" * 300, send=300, Content_Type=None)
            answer = self.patch(version, upload, status=415)
            self.assertEqual((answer.problem, answer.headers["Upload-Complete"]),
                             ("type-not-allowed", "?1"))
            self.facts(version, upload, 404 if version == 6 else 410)

    def test_a_digest_of_the_whole(self):
        for version in (6, 8):
            upload = self.make(version, send=500, Repr_Digest=digest(b"other"))
            answer = self.patch(version, upload, status=400)
            self.assertEqual((answer.problem, answer.headers["Upload-Complete"]),
                             ("digest-mismatch", "?1"))
            data = letter()
            upload = self.make(version, data, send=500, Repr_Digest=digest(data))
            self.whole(self.patch(version, upload), data)

    def test_words_of_a_creation(self):
        for more, headers, status in (
                ({"claim": ""}, {}, 400), ({"claim": unknown_id()}, {}, 404), ({"kind": ""}, {}, 400),
                ({"kind": "medical_report"}, {}, 403), ({"colour": "red"}, {}, 400),
                ({}, {"Content-Type": "multipart/form-data; boundary=x"}, 415),
                ({}, {"Content-Encoding": "gzip"}, 415), ({}, {"Content-Type": "text/html"}, 415),
                ({}, {"Content-Disposition": "inline; filename=\"..\""}, 400),
                ({}, {"Upload-Metadata": metadata(kind="correspondence")}, 400)):
            with self.subTest(more=more, headers=headers):
                answer = self.speak(8, "POST", self.target(**more), {"Upload-Complete": "?0",
                                                                     **headers})
                self.expect(answer, status)
                self.assertIsNone(answer.headers["Location"])

    def test_an_idempotency_key_makes_one_upload(self):
        data = letter()
        head = {"Upload-Complete": "?1", "Idempotency-Key": '"once"',
                "Content-Disposition": "inline; filename=letter.pdf"}
        first = self.expect(self.speak(8, "POST", self.target(), head, data), 201)
        again = self.expect(self.speak(8, "POST", self.target(), head, data), 201)
        self.assertEqual(again.headers["Location"], first.headers["Location"])
        self.assertSameReceipt(self.whole(again, data)["receipt"], first.json["receipt"])
        self.assertEqual(self.kept().count(sha256(data)), 1)

    def test_reading_carries_the_facts(self):
        upload = self.make(8, send=1000)
        answer = self.expect(self.speak(8, "GET", upload.url), 200)
        self.assertEqual((answer.headers["Upload-Offset"], answer.headers["Upload-Complete"]),
                         ("1000", "?0"))
        self.assertEqual(answer.json["upload"]["state"], "open")
        self.assertIn("expires_at", answer.json["upload"])
        self.assertIsNone(self.gw.get(upload.url, self.ada).headers["Upload-Offset"])


class Network(DraftTest):
    def test_what_came_before_the_connection_broke_is_kept(self):
        for version in (6, 8):
            upload = self.make(version, letter(200000), send=10)
            s = self.stall("PATCH", upload.url, {
                "Upload-Draft-Interop-Version": version, "Upload-Complete": "?1", "Upload-Offset": 10,
                "Content-Type": DRAFT_TYPE}, upload.data[10:150000], len(upload.data) - 10)
            self.await_read(s)
            facts = self.facts(version, upload)
            self.assertEqual(facts["Upload-Complete"], "?0")
            upload.offset = int(facts["Upload-Offset"])
            self.assertLessEqual(upload.offset, 150000)
            self.assertGreater(upload.offset, 100000)
            self.whole(self.patch(version, upload), upload.data)
            s.close()

    def test_a_lost_answer(self):
        for version in (6, 8):
            upload = self.make(version, send=1000)
            first = self.patch(version, upload)
            self.assertEqual(self.facts(version, upload)["Upload-Complete"], "?1")
            self.assertSameReceipt(self.told(upload.url)["receipt"], first.json["receipt"])
            self.patch(version, upload, status=409, offset=1000, body=upload.data[1000:])
            if version == 8:
                again = self.patch(version, upload, body=b"")
                self.assertEqual(again.json["artefact"], first.json["artefact"])
                self.assertSameReceipt(again.json["receipt"], first.json["receipt"])
            self.assertEqual(self.kept().count(sha256(upload.data)), 1)

    def test_somebody_elses_is_no_other_than_nothing(self):
        upload, nobody = self.make(8, send=1000), f"/v1/uploads/{unknown_id()}"
        for version in (6, 8):
            for method, headers, body in (
                    ("HEAD", {}, None), ("GET", {}, None), ("DELETE", {}, None),
                    ("PATCH", {"Content-Type": DRAFT_TYPE, "Upload-Offset": "1000",
                               "Upload-Complete": "?0"}, b"x")):
                theirs = self.speak(version, method, upload.url, headers, body, token=self.bob)
                self.expect(theirs, 404)
                self.assertSame(theirs, self.speak(version, method, nobody, headers, body,
                                                   token=self.bob))

    def test_an_expired_token_costs_a_login(self):
        upload, old = self.make(8, send=1000), self.expired_token()
        for method, headers, body in (("HEAD", {}, None), ("PATCH", {
                "Content-Type": DRAFT_TYPE, "Upload-Offset": "1000", "Upload-Complete": "?1"},
                upload.left)):
            answer = self.expect(self.speak(8, method, upload.url, headers, body, token=old), 423)
            self.assertIn('error="invalid_token"', answer.headers["WWW-Authenticate"])
        self.whole(self.patch(8, upload), upload.data)


class TusJsClient(DraftTest):
    """As tus-js-client 4.3.1 speaks with protocol: ietf-draft-03 (interop 5) and ietf-draft-05 (6)."""

    def test_creation_first_then_pieces(self):
        for version in (5, 6):
            data = letter()
            answer = self.expect(self.speak(version, "POST", "/v1/uploads", {
                "Upload-Length": str(len(data)), "Upload-Metadata": metadata(**self.words()),
                "Upload-Complete": "?0"}), 201)
            url = answer.headers["Location"]
            typed = {"Content-Type": DRAFT_TYPE} if version == 6 else {}
            answer = self.expect(self.speak(version, "PATCH", url, {
                **typed, "Upload-Offset": "0", "Upload-Complete": "?0"}, data[:1000]), 201)
            self.assertEqual(answer.headers["Upload-Offset"], "1000")
            answer = self.expect(self.speak(version, "PATCH", url, {
                **typed, "Upload-Offset": "1000", "Upload-Complete": "?1"}, data[1000:]), 201)
            self.assertEqual(answer.headers["Upload-Offset"], str(len(data)))
            self.whole(answer, data)

    def test_with_the_creation(self):
        data = letter()
        answer = self.expect(self.speak(6, "POST", "/v1/uploads", {
            "Upload-Length": str(len(data)), "Upload-Metadata": metadata(**self.words()),
            "Content-Type": DRAFT_TYPE, "Upload-Complete": "?1"}, data), 201)
        self.whole(answer, data)
        self.assertEqual(answer.headers["Upload-Offset"], str(len(data)))


if __name__ == "__main__":
    unittest.main()

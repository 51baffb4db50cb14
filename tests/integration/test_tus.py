#!/usr/bin/env python3
"""tus 1.0.0 by the letter: a row for every MUST of the core and of the extensions that are offered,
with the section that says so; then what clients and networks really do."""

import base64
import collections
import hashlib
import sqlite3
import threading
import unittest
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import Session, sha256, unknown_id
from uploads import DRAFT_TYPE, TUS_TYPE, Upload, UploadTest, letter, metadata

EXTENSIONS = {"creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum",
              "termination", "concatenation"}


def digest(algorithm, data):
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def checksum(algorithm, data):
    return f"{algorithm} {digest(algorithm, data)}"


class TusTest(UploadTest):
    def tus(self, method, path, headers=None, body=None, version="1.0.0", **options):
        sent = dict(headers or {})
        if version is not None:
            sent["Tus-Resumable"] = version
        answer = self.ask(method, path, sent, body, **options)
        if method != "OPTIONS":
            self.assertEqual(answer.headers.get_all("Tus-Resumable"), ["1.0.0"], repr(answer))
        return answer

    def make(self, data=None, send=0, length=True, words=None, token=None, **headers):
        data = letter() if data is None else data
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        sent.update({"Upload-Length": str(len(data))} if length else {"Upload-Defer-Length": "1"})
        told = self.words() if words is None else words
        if told:
            sent["Upload-Metadata"] = metadata(**told)
        answer = self.expect(self.tus("POST", "/v1/uploads", sent, token=token), 201)
        upload = Upload(answer.headers["Location"], data)
        if send:
            self.patch(upload, send, token=token)
        return upload

    def patch(self, upload, size=None, status=204, offset=None, body=None, token=None, session=None,
              **headers):
        body = upload.left[:size] if body is None else body
        answer = self.expect(self.tus(
            "PATCH", upload.url, {"Content-Type": TUS_TYPE, "Upload-Offset":
                                  str(upload.offset if offset is None else offset),
                                  **{k.replace("_", "-"): v for k, v in headers.items()}},
            body, token=token, session=session), status)
        if answer.status == 204:
            upload.offset = int(answer.headers["Upload-Offset"])
        return answer

    def offset(self, upload, token=None):
        return int(self.expect(self.tus("HEAD", upload.url, token=token), 200)
                   .headers["Upload-Offset"])

    def part(self, data, send=None):
        upload = self.make(data, words={}, Upload_Concat="partial")
        if send is None or send:
            self.patch(upload, send)
        return upload

    def join(self, *parts, status=201, words=None, **headers):
        urls = " ".join(p if isinstance(p, str) else p.url for p in parts)
        answer = self.expect(self.tus("POST", "/v1/uploads", {
            "Upload-Concat": f"final;{urls}", "Upload-Metadata": metadata(**(words or self.words())),
            **{k.replace("_", "-"): v for k, v in headers.items()}}), status)
        return answer


# --- the table ------------------------------------------------------------------------------------

Row = collections.namedtuple("Row", "section must start method headers body status has lacks then",
                             defaults=({}, None, 204, {}, (), None))
POST = dict(start="collection", method="POST")
SAME = "the offset is unchanged"


def left(u):
    return u.left


def at(u):
    return str(u.offset)


def length(u):
    return str(len(u.data))


def piece(**headers):
    """Headers of a good PATCH, but for those given; None leaves one out."""
    told = {"Content-Type": TUS_TYPE, "Upload-Offset": at,
            **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {k: v for k, v in told.items() if v is not None}


def create(**headers):
    told = {"Upload-Length": "3000", "Upload-Metadata": lambda t: metadata(**t.words()),
            **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {k: v for k, v in told.items() if v is not None}


CORE, CREATION = "Core Protocol", "Creation"
ROWS = [
    # --- Core Protocol / Headers
    *(Row(f"{CORE}/Upload-Offset", f"is a non-negative integer: {bad!r}", "half", "PATCH",
          piece(Upload_Offset=bad), left, 400, then=SAME)
      for bad in ("-1", "", "one", "1.5", "0x10", "+1", "1 ", "99999999999999999999", "1, 1", None)
      if bad != "1 "),
    *(Row(f"{CORE}/Upload-Length", f"is a non-negative integer: {bad!r}", **POST,
          headers=create(Upload_Length=bad), status=400, lacks=("Location",))
      for bad in ("-1", "", "many", "1.0", "1e3", "99999999999999999999")),
    Row(f"{CORE}/Tus-Version", "is a comma-separated list of versions", "collection", "OPTIONS",
        has={"Tus-Version": "1.0.0"}),
    *(Row(f"{CORE}/Tus-Resumable", f"{method} of version {bad!r} is 412 with Tus-Version, and nothing"
          " is processed", "half", method, {**(piece() if method == "PATCH" else {}),
                                            "Tus-Resumable": bad},
          left if method == "PATCH" else None, 412, {"Tus-Version": "1.0.0"},
          ("Upload-Offset",), SAME)
      for method in ("HEAD", "PATCH", "DELETE")
      for bad in ("0.2.2", "1.0.1", "2.0.0", "", "1.0.0, 0.2.2", "1", None)),
    *(Row(f"{CORE}/Tus-Resumable", f"a creation of version {bad!r} is 412", **POST,
          headers={**create(), "Tus-Resumable": bad}, status=412, has={"Tus-Version": "1.0.0"},
          lacks=("Location",)) for bad in ("0.2.2", "", None)),
    *(Row(f"{CORE}/Tus-Resumable", f"stands on every answer: {why}", start, method, headers, body,
          status) for why, start, method, headers, body, status in (
              ("404", "unknown", "HEAD", {}, None, 404), ("404", "nonsense", "HEAD", {}, None, 404),
              ("404", "foreign", "PATCH", piece(), left, 404), ("401", "half", "HEAD",
               {"Authorization": ""}, None, 401), ("401", "collection", "POST",
               {"Authorization": "", **create()}, None, 401), ("405", "half", "PUT", {}, b"x", 405),
              ("405", "collection", "DELETE", {}, None, 405), ("405", "half", "POST", {}, None, 405),
              ("410", "ended", "HEAD", {}, None, 410), ("200", "half", "GET", {}, None, 200),
              ("a body that is not wanted", "half", "DELETE", {}, b"x", 400))),
    Row(f"{CORE}/Tus-Extension", "is a comma-separated list", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: set(v.split(",")) == EXTENSIONS}),
    Row(f"{CORE}/Tus-Max-Size", "is a non-negative integer", "collection", "OPTIONS",
        has={"Tus-Max-Size": lambda v: v.isdigit() and int(v) >= 8 << 30}),
    *(Row(f"{CORE}/X-HTTP-Method-Override", f"replaces the method {method}", "half", method,
          {**piece(), "X-HTTP-Method-Override": "PATCH"}, left, 204, {"Upload-Offset": length})
      for method in ("POST", "PUT", "DELETE", "PATCH", "GET")),
    Row(f"{CORE}/X-HTTP-Method-Override", "the actual method is ignored", "half", "DELETE",
        {"X-HTTP-Method-Override": "HEAD"}, None, 200, {"Upload-Offset": at}, then=SAME),
    Row(f"{CORE}/X-HTTP-Method-Override", "the actual method is ignored", "half", "PATCH",
        {**piece(), "X-HTTP-Method-Override": "PUT"}, left, 405, then=SAME),
    Row(f"{CORE}/X-HTTP-Method-Override", "is a method like another", "half", "POST",
        {"X-HTTP-Method-Override": "DELETE"}),
    # --- Core Protocol / Requests
    *(Row(f"{CORE}/HEAD", f"Upload-Offset and Upload-Length always: {start}", start, "HEAD", {}, None,
          200, {"Upload-Offset": at, "Upload-Length": length, "Cache-Control": "no-store"},
          ("Upload-Defer-Length",)) for start in ("new", "half", "finished", "part", "whole part",
                                                  "final")),
    *(Row(f"{CORE}/HEAD", f"no Upload-Offset without a resource: {start}", start, "HEAD", {}, None,
          status, {"Cache-Control": "no-store"}, ("Upload-Offset", "Upload-Length"))
      for start, status in (("unknown", 404), ("foreign", 404), ("nonsense", 404), ("ended", 410))),
    *(Row(f"{CORE}/PATCH", f"is {TUS_TYPE}, else 415: {bad}", "half", "PATCH",
          piece(Content_Type=bad), left, 415, then=SAME)
      for bad in ("application/octet-stream", "application/pdf", None, "nonsense", DRAFT_TYPE)),
    Row(f"{CORE}/PATCH", "parameters of the type do not matter", "half", "PATCH",
        piece(Content_Type="Application/Offset+Octet-Stream; x=1"), left, 204),
    *(Row(f"{CORE}/PATCH", f"another offset is 409 and changes nothing: {why}", start, "PATCH",
          piece(Upload_Offset=offset), left, 409, {"Upload-Offset": at}, then=SAME)
      for why, start, offset in (
          ("overlap", "half", "0"), ("gap", "half", lambda u: str(u.offset + 1)),
          ("one back", "half", lambda u: str(u.offset - 1)), ("far", "new", str(2 ** 62)),
          ("finished", "finished", "0"))),
    Row(f"{CORE}/PATCH", "204 with the new Upload-Offset: the sum", "half", "PATCH", piece(),
        lambda u: u.left[:700], 204, {"Upload-Offset": lambda v, u: int(v) == u.offset + 700},
        then=700),
    Row(f"{CORE}/PATCH", "204 with the new Upload-Offset: nothing was sent", "half", "PATCH", piece(),
        b"", 204, {"Upload-Offset": at}, then=SAME),
    Row(f"{CORE}/PATCH", "404 for what is not there", "unknown", "PATCH", piece(), b"x", 404),
    *(Row(f"{CORE}/OPTIONS", f"204 or 200 with Tus-Version, whatever Tus-Resumable says: {version!r}",
          start, "OPTIONS", {"Tus-Resumable": version}, None, 204, {"Tus-Version": "1.0.0"},
          ("Upload-Offset",)) for start in ("collection", "half") for version in
      (None, "1.0.0", "0.2.2", "")),
    Row(f"{CORE}/OPTIONS", "anybody may ask", "collection", "OPTIONS", {"Authorization": ""}, None,
        204, {"Tus-Version": "1.0.0", "Allow": "POST, OPTIONS"}),
    # --- Creation
    Row(CREATION, "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "creation" in v.split(",")}),
    *(Row(f"{CREATION}/Upload-Defer-Length", f"is 1, else 400: {bad!r}", **POST,
          headers=create(Upload_Length=None, Upload_Defer_Length=bad), status=400,
          lacks=("Location",)) for bad in ("0", "2", "", "true", "01", "1.0")),
    Row(f"{CREATION}/POST", "a length or its deferral: neither", **POST,
        headers=create(Upload_Length=None), status=400, lacks=("Location",)),
    Row(f"{CREATION}/POST", "a length or its deferral: both", **POST,
        headers=create(Upload_Defer_Length="1"), status=400, lacks=("Location",)),
    Row(f"{CREATION}/Upload-Defer-Length", "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "creation-defer-length" in v.split(",")}),
    Row(f"{CREATION}/Upload-Defer-Length", "stands on every HEAD while the length is unknown",
        "deferred", "HEAD", {}, None, 200, {"Upload-Defer-Length": "1", "Upload-Offset": at},
        ("Upload-Length",)),
    Row(f"{CREATION}/Upload-Defer-Length", "is omitted if the length is not deferred", "new", "HEAD",
        {}, None, 200, {"Upload-Length": length}, ("Upload-Defer-Length",)),
    Row(f"{CREATION}/POST", "the length may come with a later PATCH", "deferred", "PATCH",
        piece(Upload_Length=length), left, 204, {"Upload-Offset": length, "Link": None}),
    *(Row(f"{CREATION}/POST", "once set the length must not be changed", start, "PATCH",
          piece(Upload_Length=other), lambda u: u.left[:10], 400, then=SAME)
      for start in ("half",) for other in ("99999", "1", lambda u: str(len(u.data) + 1))),
    Row(f"{CREATION}/POST", "the same length again is no change", "half", "PATCH",
        piece(Upload_Length=length), left, 204),
    Row(f"{CREATION}/POST", "a length below the offset is none", "deferred", "PATCH",
        piece(Upload_Length="1"), b"", 400, then=SAME),
    Row(f"{CREATION}/POST", "an empty file is complete at once, and refused as evidence", **POST,
        headers=create(Upload_Length="0"), status=400, lacks=("Location",)),
    Row(f"{CREATION}/POST", "an empty part is complete at once", **POST,
        headers=create(Upload_Length="0", Upload_Metadata=None, Upload_Concat="partial"), status=201,
        has={"Upload-Offset": "0"}),
    *(Row(f"{CREATION}/Upload-Metadata", f"pairs of key and base64, keys unique: {bad!r}", **POST,
          headers=create(Upload_Metadata=lambda t, bad=bad: metadata(**t.words()) + bad), status=400,
          lacks=("Location",))
      for bad in (",claim MDE5MGEwMDA=", ",x,x", ",x Zg==,x Zg==", ",", ",,x Zg==", ",x Zg", ",x Z!==",
                  ",x  Zg==", ",x Zg== y", ", Zg==,", ",x Zh==")),
    Row(f"{CREATION}/Upload-Metadata", "the value may be empty, the space left out", **POST,
        headers=create(Upload_Metadata=lambda t: metadata(**t.words()) + ",confidential,empty "),
        status=201),
    *(Row(f"{CREATION}/Upload-Metadata", f"is told by HEAD as specified: {start}", start, "HEAD", {},
          None, 200, {"Upload-Metadata": lambda v, u: v == u.metadata})
      for start in ("own words", "own words, finished")),
    *(Row(f"{CREATION}/POST", f"413 beyond the maximum: {size}", **POST,
          headers=create(Upload_Length=size), status=413, lacks=("Location",))
      for size in (str((8 << 30) + 1), str(2 ** 62), "9223372036854775807")),
    Row(f"{CREATION}/POST", "413 beyond the maximum: a part of no kind", **POST,
        headers=create(Upload_Length=str(2 ** 60), Upload_Metadata=None, Upload_Concat="partial"),
        status=413, lacks=("Location",)),
    Row(f"{CREATION}/POST", "201 and the Location of the resource", **POST, headers=create(),
        status=201, has={"Location": lambda v: v.startswith("/v1/uploads/"), "Upload-Offset": "0"}),
    # --- Creation With Upload
    Row("Creation With Upload", "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "creation-with-upload" in v.split(",")}),
    Row("Creation With Upload", "Upload-Offset after what was accepted", **POST,
        headers=create(Content_Type=TUS_TYPE), body=b"%PDF-1.4\n" + b"x" * 991, status=201,
        has={"Upload-Offset": "1000", "Location": None, "Upload-Expires": None}),
    *(Row("Creation With Upload", f"bytes are {TUS_TYPE}: {bad}", **POST,
          headers=create(Content_Type=bad), body=b"x" * 10, status=415, lacks=("Location",))
      for bad in ("application/pdf", None)),
    Row("Creation With Upload", "not more than the length", **POST,
        headers=create(Content_Type=TUS_TYPE, Upload_Length="5"), body=b"%PDF-1.4", status=400,
        lacks=("Location",)),
    # --- Expiration
    Row("Expiration", "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "expiration" in v.split(",")}),
    Row("Expiration/Upload-Expires", "in the answer to POST", **POST, headers=create(), status=201,
        has={"Upload-Expires": "date"}),
    Row("Expiration/Upload-Expires", "in every answer to PATCH", "half", "PATCH", piece(),
        lambda u: u.left[:5], 204, {"Upload-Expires": "date"}),
    Row("Expiration/Upload-Expires", "in every answer to PATCH: of a part", "whole part", "PATCH",
        piece(), b"", 204, {"Upload-Expires": "date"}),
    Row("Expiration/Upload-Expires", "in every answer to PATCH: 409", "half", "PATCH",
        piece(Upload_Offset="0"), left, 409, {"Upload-Expires": "date"}),
    Row("Expiration/Upload-Expires", "not of what is complete: it stays", "half", "PATCH", piece(),
        left, 204, {"Link": None}, ("Upload-Expires",)),
    # --- Checksum
    Row("Checksum", "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "checksum" in v.split(",")}),
    Row("Checksum", "checksum-trailer is announced only if trailers work", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "checksum-trailer" not in v.split(",")}),
    Row("Checksum/Tus-Checksum-Algorithm", "stands on OPTIONS, sha1 is among them, lower case",
        "collection", "OPTIONS", has={"Tus-Checksum-Algorithm": "sha1,sha256"}),
    *(Row("Checksum/PATCH", f"{algorithm} that is right", "half", "PATCH",
          piece(Upload_Checksum=lambda u, a=algorithm: checksum(a, u.left[:900])),
          lambda u: u.left[:900], 204, {"Upload-Offset": lambda v, u: int(v) == u.offset + 900},
          then=900) for algorithm in ("sha1", "sha256")),
    *(Row("Checksum/PATCH", f"{algorithm} that is wrong is 460, the piece discarded", start, "PATCH",
          piece(Upload_Checksum=lambda u, a=algorithm: checksum(a, b"other")), left, 460, then=SAME)
      for algorithm in ("sha1", "sha256") for start in ("new", "half", "part")),
    *(Row("Checksum/PATCH", f"an unknown algorithm is 400, the piece discarded: {bad!r}", "half",
          "PATCH", piece(Upload_Checksum=bad), left, 400, then=SAME)
      for bad in ("md5 1B2M2Y8AsgTpgAmY7PhCfg==", "crc32 AAAAAA==", "SHA1 " + digest("sha1", b""), "",
                  "sha1", "sha1 ", "sha1 AAAA", "sha1  " + digest("sha1", b""),
                  "sha256 " + digest("sha1", b""), "sha512 " + digest("sha512", b""))),
    # --- Termination
    Row("Termination", "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "termination" in v.split(",")}),
    *(Row("Termination/DELETE", f"204: {start}", start, "DELETE", {}, None, 204, then=410)
      for start in ("new", "half", "deferred", "part", "whole part")),
    Row("Termination/DELETE", "404 for what is not there", "unknown", "DELETE", {}, None, 404),
    Row("Termination/DELETE", "404 for somebody else's", "foreign", "DELETE", {}, None, 404),
    # --- Concatenation
    Row("Concatenation", "is announced", "collection", "OPTIONS",
        has={"Tus-Extension": lambda v: "concatenation" in v.split(",")}),
    Row("Concatenation", "concatenation-unfinished is announced only if it works", "collection",
        "OPTIONS", has={"Tus-Extension": lambda v: "concatenation-unfinished" not in v.split(",")}),
    *(Row("Concatenation/Upload-Concat", f"is partial or final;...: {bad!r}", **POST,
          headers=create(Upload_Concat=bad), status=400, lacks=("Location",))
      for bad in ("", "Partial", "partial;", "whole", "partial;/v1/uploads/x")),
    *(Row("Concatenation/Upload-Concat", f"final names uploads: {bad!r}", **POST,
          headers=create(Upload_Concat=bad, Upload_Length=None), status=400, lacks=("Location",))
      for bad in ("final", "final;", "final; ", "final;/v1/artefacts/x", "final;nonsense",
                  "final;" + " ".join(f"/v1/uploads/{unknown_id()}" for _ in range(65)))),
    Row("Concatenation/Upload-Concat", "parts that are nobody's", **POST, headers=create(
        Upload_Concat=f"final;/v1/uploads/{unknown_id()}", Upload_Length=None), status=404,
        lacks=("Location",)),
    *(Row("Concatenation/HEAD", f"Upload-Concat as received, and Upload-Offset: {start}", start,
          "HEAD", {}, None, 200, {"Upload-Concat": "partial", "Upload-Offset": at,
                                  "Upload-Length": length}) for start in ("part", "whole part")),
    Row("Concatenation/HEAD", "of a final upload: Upload-Offset equals Upload-Length", "final", "HEAD",
        {}, None, 200, {"Upload-Offset": length, "Upload-Length": length,
                        "Upload-Concat": lambda v, u: v == u.concat}),
    *(Row("Concatenation/PATCH", "403 for a final upload, nothing is modified", "final", "PATCH",
          piece(Upload_Offset=offset), body, 403, then=SAME)
      for offset, body in ((at, b"more"), ("0", b"again"), (at, b""))),
    Row("Concatenation/PATCH", "Upload-Concat on the PATCH of a part is no harm", "part", "PATCH",
        piece(Upload_Concat="partial"), left, 204, {"Upload-Offset": length}),
]


class ByTheLetter(TusTest):
    """The table. Each row has an upload of its own."""

    def start(self, name):
        ended = {"ended": "half", "whole part": "part", "own words, finished": "own words",
                 "finished": "half"}.get(name, name)
        if name in ("collection", "unknown", "nonsense"):
            url = {"collection": "/v1/uploads", "unknown": f"/v1/uploads/{unknown_id()}",
                   "nonsense": "/v1/uploads/nonsense"}[name]
            return Upload(url, letter())
        if name == "final":
            data = letter()
            urls = [self.part(data[:1000]).url, self.part(data[1000:]).url]
            answer = self.join(*urls)
            upload = Upload(answer.headers["Location"], data, len(data))
            upload.concat = f"final;{urls[0]} {urls[1]}"
            return upload
        if name == "foreign":
            return self.make(send=1000, token=self.bob, words=self.words(claim=self.other))
        if ended == "part":
            upload = self.part(letter(), 1000)
        elif ended == "own words":
            told = {**self.words(), "colour": "red", "empty": None}
            upload = self.make(words=told)
            upload.metadata = metadata(**told)
        else:
            upload = self.make(send=0 if name == "new" else 1000, length=name != "deferred")
        if name != ended and name != "ended":
            self.patch(upload)
        elif name == "ended":
            self.expect(self.tus("DELETE", upload.url), 204)
        return upload

    def evaluated(self, value, upload, name):
        if not callable(value):
            return value
        return value(self if name == "Upload-Metadata" else upload)

    def check_headers(self, row, upload, answer):
        for name, wanted in row.has.items():
            got = answer.headers[name]
            note = f"{name}: {got!r} of {answer!r}"
            self.assertIsNotNone(got, note)
            if wanted == "date":
                self.assertExpires(got)
            elif callable(wanted) and wanted in (at, length):
                self.assertEqual(got, wanted(upload), note)
            elif callable(wanted):
                arity = wanted.__code__.co_argcount
                self.assertTrue(wanted(got, upload) if arity == 2 else wanted(got), note)
            elif wanted is not None:
                self.assertEqual(got, wanted, note)
        for name in row.lacks:
            self.assertIsNone(answer.headers[name], f"{name} of {answer!r}")

    def check_afterwards(self, row, upload):
        if row.then == 410:
            self.expect(self.tus("HEAD", upload.url), 410)
        elif row.then is not None:
            expected = upload.offset + (0 if row.then == SAME else row.then)
            self.assertEqual(self.offset(upload), expected)

    def run_row(self, row):
        upload = self.start(row.start)
        version = row.headers.get("Tus-Resumable", "1.0.0")
        headers = {k: self.evaluated(v, upload, k) for k, v in row.headers.items()
                   if k != "Tus-Resumable"}
        anonymous = "Authorization" in headers
        headers.pop("Authorization", None)
        answer = self.tus(row.method, upload.url, headers,
                          self.evaluated(row.body, upload, "body"), version,
                          token="" if anonymous else None)
        if row.method == "OPTIONS":
            self.assertIn(answer.status, (200, 204))
            self.assertIsNone(answer.headers["Tus-Resumable"])
        else:
            self.expect(answer, row.status)
        self.check_headers(row, upload, answer)
        self.check_afterwards(row, upload)
        self.give_up(upload, answer, {"Tus-Resumable": "1.0.0"})

    def test_every_row(self):
        self.assertGreater(len(ROWS), 150)
        for row in ROWS:
            with self.subTest(section=row.section, must=row.must):
                self.run_row(row)


# --- what stands together -------------------------------------------------------------------------

class Whole(TusTest):
    """From the first request to the receipt."""

    def check(self, answer, data):
        artefact = self.artefact_of(answer)
        self.assertEqual(answer.headers["Repr-Digest"], f"sha-256=:{digest('sha256', data)}:")
        self.assertEqual(self.content(artefact), data)
        self.assertIn(sha256(data), self.kept())
        return artefact

    def test_in_one_piece(self):
        upload = self.make()
        answer = self.patch(upload)
        artefact = self.check(answer, upload.data)
        told = self.told(upload.url)
        self.assertEqual(set(told), {"upload", "artefact", "receipt"})
        self.assertEqual(told["artefact"]["id"], artefact)
        self.assertEqual(told["artefact"]["filename"], "letter.pdf")
        self.assertEqual(told["upload"], {"id": upload.id, "claim": self.claim,
                         "kind": "further_evidence", "state": "finished", "offset":
                         len(upload.data), "length": len(upload.data)})
        self.assertEqual(self.gw.verify(told["receipt"], upload.data).returncode, 0)

    def test_in_many_pieces_over_chunks_of_the_sealing(self):
        upload = self.make(letter(300000))
        for size in (1, 65535, 1, 65536, 65537, 100, None):
            answer = self.patch(upload, size)
        self.check(answer, upload.data)

    def test_with_the_creation(self):
        data = letter()
        answer = self.expect(self.tus("POST", "/v1/uploads", {
            "Upload-Length": str(len(data)), "Content-Type": TUS_TYPE,
            "Upload-Metadata": metadata(**self.words())}, data), 201)
        self.check(answer, data)
        self.assertEqual(answer.headers["Upload-Offset"], str(len(data)))
        self.assertEqual(answer.json["upload"]["state"], "finished")
        self.assertEqual(self.gw.verify(answer.json["receipt"], data).returncode, 0)

    def test_with_the_creation_in_parts_and_a_checksum(self):
        data = letter()
        head = {"Upload-Length": str(len(data)), "Content-Type": TUS_TYPE,
                "Upload-Metadata": metadata(**self.words())}
        before = self.kept()
        self.expect(self.tus("POST", "/v1/uploads", {**head, "Upload-Checksum": checksum(
            "sha1", b"other")}, data), 460)
        self.assertEqual(self.kept(), before)
        answer = self.expect(self.tus("POST", "/v1/uploads", {**head, "Upload-Checksum": checksum(
            "sha256", data[:2000])}, data[:2000]), 201)
        upload = Upload(answer.headers["Location"], data, 2000)
        self.check(self.patch(upload, Upload_Checksum=checksum("sha1", data[2000:])), data)

    def test_chunked_and_without_a_length(self):
        upload = self.make(length=False)
        half = len(upload.data) // 2
        self.expect(self.ask("PATCH", upload.url, {
            "Content-Type": TUS_TYPE, "Upload-Offset": "0", "Tus-Resumable": "1.0.0"},
            iter([upload.data[:10], upload.data[10:half]])), 204)
        upload.offset = half
        self.assertEqual(self.offset(upload), half)
        self.patch(upload)
        self.assertEqual(self.told(upload.url)["upload"]["state"], "open")
        self.check(self.patch(upload, body=b"", Upload_Length=str(len(upload.data))), upload.data)

    def test_description_and_recording(self):
        assessment = self.gw.create_assessment(self.claim)
        self.gw.choose(assessment, self.ada, "notice", fixture.now(-7000))
        assessor = self.gw.token("assessor", "avery")
        claim = self.gw.create_claim("ada", assigned_to=["avery"])
        assessment = self.gw.create_assessment(claim)
        self.gw.choose(assessment, assessor, "notice", fixture.now(-7000))
        data = samples.wav(seed=4)
        told = {"claim": claim, "kind": "assessment_audio", "filename": "a.wav",
                "filetype": "audio/wav", **self.gw.recording(assessment)}
        upload = self.make(data, words=told, token=assessor)
        answer = self.patch(upload, token=assessor)
        found = self.told(upload.url, assessor)["artefact"]
        self.assertEqual((found["id"], found["assessment"], found["media_type"]),
                         (self.artefact_of(answer), assessment, "audio/wav"))

    def test_query_arguments_say_the_same(self):
        data = letter()
        path = f"/v1/uploads?claim={self.claim}&kind=further_evidence&filename=q.pdf"
        answer = self.expect(self.tus("POST", path, {"Upload-Length": str(len(data))}), 201)
        upload = Upload(answer.headers["Location"], data)
        self.check(self.patch(upload), data)
        self.assertEqual(self.told(upload.url)["artefact"]["filename"], "q.pdf")
        for query, words in ((path + "&colour=red", None), (path, {"claim": self.claim}),
                             (path + "&kind=correspondence", None)):
            self.expect(self.tus("POST", query, {
                "Upload-Length": "5", **({"Upload-Metadata": metadata(**words)} if words else {})}),
                400)

    def test_words_that_are_wrong(self):
        for wrong, status in (({"claim": None}, 400), ({"claim": unknown_id()}, 404),
                              ({"claim": self.other}, 404), ({"claim": "x"}, 404),
                              ({"kind": "nonsense"}, 400), ({"kind": None}, 400),
                              ({"kind": "medical_report"}, 403), ({"filename": ".."}, 400),
                              ({"filename": "a\r\nb"}, 400), ({"filename": "x" * 300}, 400),
                              ({"filetype": "nonsense"}, 400), ({"filetype": "text/html"}, 415),
                              ({"assessment": "x"}, 400), ({"request": "x"}, 400),
                              ({"recording_started_at": "yesterday"}, 400),
                              ({"description": "x" * 5000}, 400)):
            with self.subTest(wrong=wrong):
                answer = self.tus("POST", "/v1/uploads", {
                    "Upload-Length": "50", "Upload-Metadata": metadata(**self.words(**wrong))})
                self.expect(answer, (status, 413) if wrong.get("filename", "")[:2] == "xx" else status)
                self.assertIsNone(answer.headers["Location"])

    def test_what_the_whole_turns_out_to_be(self):
        """A refusal at the end ends the upload; the reason can be read."""
        for data, status, problem in ((b"\0\1\2\3" * 200, 415, "type-not-allowed"),):
            upload = self.make(data, words=self.words(filetype=None))
            before = self.kept()
            self.expect(self.tus("PATCH", upload.url, {
                "Content-Type": TUS_TYPE, "Upload-Offset": "0"}, data), status, problem)
            self.expect(self.tus("HEAD", upload.url), 410)
            answer = self.expect(self.ask("GET", upload.url), 410, "upload-gone")
            self.assertEqual((answer.json["upload"]["state"], answer.json["upload"]["reason"]),
                             ("failed", problem))
            self.assertEqual(self.kept(), before)

    def test_a_digest_of_the_whole(self):
        for good in (True, False):
            data = letter()
            stated = data if good else b"other"
            upload = self.make(data, Repr_Digest=f"sha-256=:{digest('sha256', stated)}:")
            self.patch(upload, 1000)
            if good:
                self.check(self.patch(upload), data)
            else:
                self.patch(upload, status=400, Upload_Checksum=checksum("sha1", upload.left))
                self.expect(self.tus("HEAD", upload.url), 410)

    def test_termination_of_what_is_finished(self):
        upload = self.make()
        artefact = self.check(self.patch(upload), upload.data)
        answer = self.tus("DELETE", upload.url)
        self.assertIn(answer.status, (204, 403, 409), repr(answer))
        self.assertEqual(self.content(artefact), upload.data, "evidence is not ended by its upload")

    def test_an_idempotency_key_makes_one_upload(self):
        key = {"Idempotency_Key": '"one-upload"'}
        data = letter()
        first, again = self.make(data, **key), self.make(data, **key)
        self.assertEqual(first.url, again.url)
        self.check(self.patch(first), data)
        answer = self.expect(self.tus("POST", "/v1/uploads", {
            "Upload-Length": str(len(data)), "Upload-Metadata": metadata(**self.words()),
            "Idempotency-Key": '"one-upload"', "Content-Type": TUS_TYPE}, data), 201)
        self.assertEqual(answer.headers["Location"], first.url)
        self.check(answer, data)

    def test_an_idempotency_key_finds_what_a_dead_connection_brought(self):
        """The server has not noticed yet that the first connection is dead."""
        data = letter(200000)
        head = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)),
                "Upload-Metadata": metadata(**self.words()), "Content-Type": TUS_TYPE,
                "Idempotency-Key": '"dead-line"'}
        s = self.stall("POST", "/v1/uploads", head, data[:150000], len(data))
        self.await_read(s)
        answer = self.expect(self.tus("POST", "/v1/uploads", head, data), 201)
        upload = Upload(answer.headers["Location"], data, int(answer.headers["Upload-Offset"]))
        self.assertEqual(upload.offset, 150000)
        s.close()
        self.check(self.patch(upload), data)


class Concatenation(TusTest):
    def test_parts_in_order(self):
        data = letter(200000)
        parts = [self.part(data[at:at + 70000]) for at in range(0, len(data), 70000)]
        answer = self.join(*parts)
        artefact = self.artefact_of(answer)
        self.assertEqual(self.content(artefact), data)
        self.assertEqual(answer.json["upload"]["length"], len(data))
        self.assertEqual(self.gw.verify(answer.json["receipt"], data).returncode, 0)

    def test_absolute_urls(self):
        data = letter()
        parts = [self.part(data[:100]), self.part(data[100:])]
        self.assertEqual(self.content(self.artefact_of(self.join(
            *(f"https://127.0.0.1:{self.gw.port}{p.url}" for p in parts)))), data)

    def test_a_part_that_is_not_whole(self):
        """Without concatenation-unfinished."""
        data = letter()
        parts = [self.part(data[:1000]), self.part(data[1000:], 500)]
        self.join(*parts, status=400)
        self.patch(parts[1])
        self.assertEqual(self.content(self.artefact_of(self.join(*parts))), data)

    def test_what_is_no_part_or_not_ones_own(self):
        data = letter()
        mine, whole = self.part(data), self.make(letter())
        theirs = self.expect(self.tus("POST", "/v1/uploads", {
            "Upload-Concat": "partial", "Upload-Length": "5", "Content-Type": TUS_TYPE}, b"12345",
            token=self.bob), 201).headers["Location"]
        self.join(mine, theirs, status=404)
        self.join(mine, whole, status=400)
        self.join(mine, f"/v1/uploads/{unknown_id()}", status=404)
        self.join(mine, words=self.words(claim=self.other), status=404)
        self.join(mine, status=400, Upload_Length=str(len(data)))
        self.join(mine, status=400, Upload_Defer_Length="1")
        self.join(mine)

    def test_a_part_of_another_claim(self):
        data = letter()
        part = self.make(data, words={"claim": self.gw.create_claim("ada")}, Upload_Concat="partial")
        self.patch(part)
        self.join(part, status=400)

    def test_metadata_of_parts_stays_theirs(self):
        data = letter()
        part = self.make(data, words={"filename": "part.bin", "colour": "red"},
                         Upload_Concat="partial")
        self.patch(part)
        answer = self.join(part)
        self.assertEqual(answer.json["artefact"]["filename"], "letter.pdf")
        head = self.expect(self.tus("HEAD", answer.headers["Location"]), 200)
        self.assertEqual(head.headers["Upload-Metadata"], metadata(**self.words()))

    def test_as_many_parts_as_there_may_be(self):
        data = letter(6000)
        size = len(data) // 64 + 1
        parts = [self.part(data[at:at + size]) for at in range(0, len(data), size)]
        answer = self.join(*parts)
        self.assertEqual(self.content(self.artefact_of(answer)), data)
        head = self.expect(self.tus("HEAD", answer.headers["Location"]), 200)
        self.assertEqual(head.headers["Upload-Concat"], "final;" + " ".join(p.url for p in parts))


class Network(TusTest):
    """Gaps, overlaps, repeats, two writers, lost answers, lies."""

    def send_half(self, upload, size):
        return self.stall("PATCH", upload.url, {
            "Tus-Resumable": "1.0.0", "Content-Type": TUS_TYPE, "Upload-Offset": str(upload.offset)},
            upload.left[:size], len(upload.left))

    def test_what_came_before_the_connection_broke_is_kept(self):
        for how in ("close", "reset"):
            with self.subTest(how=how):
                upload = self.make(letter(200000))
                s = self.send_half(upload, 100000)
                self.await_read(s)
                if how == "close":
                    s.close()
                else:
                    self.reset(s)
                # who only looks does not hurry it
                self.eventually(lambda: self.told(upload.url)["upload"]["offset"], 100000)
                upload.offset = self.offset(upload)
                self.assertEqual(upload.offset, 100000)
                answer = self.patch(upload)
                self.assertEqual(self.content(self.artefact_of(answer)), upload.data)

    def test_a_stalled_connection_is_taken_over(self):
        """HEAD on a new connection makes the stale one let go of its lock: at once, and what it had
        brought counts."""
        upload = self.make(letter(200000))
        s = self.send_half(upload, 150000)
        self.await_read(s)
        upload.offset = self.offset(upload)
        self.assertLessEqual(upload.offset, 150000)
        self.assertGreater(upload.offset, 100000)
        answer = self.patch(upload)
        self.assertEqual(self.content(self.artefact_of(answer)), upload.data)
        try:
            s.sendall(upload.data[150000:])
            got = s.recv(65536)
            self.assertIn(b" 423 ", got.split(b"\r\n")[0])
        except OSError:
            pass  # or the connection is gone
        s.close()
        self.assertEqual(self.kept().count(sha256(upload.data)), 1)

    def test_two_writers(self):
        """At the same offset at the same time: one artefact, bit-exact, whoever wins."""
        upload = self.make(letter(400000))
        answers, barrier = [], threading.Barrier(4)

        def write():
            with Session(self.gw) as session:
                barrier.wait()
                answers.append(self.tus("PATCH", upload.url, {
                    "Content-Type": TUS_TYPE, "Upload-Offset": "0"}, upload.data, session=session))
        threads = [threading.Thread(target=write) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for answer in answers:
            self.assertIn(answer.status, (204, 409, 423), repr(answer))
        upload.offset = self.offset(upload)
        if upload.offset < len(upload.data):
            self.patch(upload)
        told = self.told(upload.url)
        self.assertEqual(self.content(told["artefact"]["id"]), upload.data)
        self.assertEqual(self.kept().count(sha256(upload.data)), 1)

    def test_the_same_piece_twice(self):
        upload = self.make()
        self.patch(upload, 1000)
        self.patch(upload, status=409, offset=0, body=upload.data[:1000])
        self.assertEqual(self.content(self.artefact_of(self.patch(upload))), upload.data)

    def test_completing_twice_is_one_receipt(self):
        upload = self.make(send=1000)
        first = self.patch(upload)
        told = self.told(upload.url)
        # the answer was lost: the client asks where it stands, or repeats its last request
        self.assertEqual(self.offset(upload), len(upload.data))
        self.patch(upload, status=409, offset=1000, body=upload.data[1000:])
        again = self.patch(upload, body=b"")
        self.assertEqual(self.artefact_of(again), self.artefact_of(first))
        self.assertEqual(again.headers["Repr-Digest"], first.headers["Repr-Digest"])
        later = self.told(upload.url)
        self.assertEqual(later["artefact"], told["artefact"])
        self.assertSameReceipt(later["receipt"], told["receipt"])
        self.assertEqual(self.kept().count(sha256(upload.data)), 1)

    def test_lying_about_the_size(self):
        upload = self.make(send=1000)
        self.patch(upload, status=400, body=upload.left + b"more")
        found = self.offset(upload)
        self.assertLessEqual(found, len(upload.data))
        if found < len(upload.data):
            upload.offset = found
            self.patch(upload)
        told = self.told(upload.url)
        self.assertEqual(self.content(told["artefact"]["id"]), upload.data)
        # fewer bytes than promised to HTTP are no whole request
        upload = self.make()
        s = self.send_half(upload, 500)
        s.close()
        self.eventually(lambda: self.told(upload.url)["upload"]["offset"], 500)
        self.assertNotIn(sha256(upload.data), self.kept())

    def test_a_broken_piece_with_a_checksum_is_dropped(self):
        upload = self.make(letter(200000))
        s = self.stall("PATCH", upload.url, {
            "Tus-Resumable": "1.0.0", "Content-Type": TUS_TYPE, "Upload-Offset": "0",
            "Upload-Checksum": checksum("sha1", upload.data)}, upload.data[:150000],
            len(upload.data))
        self.await_read(s)
        s.close()
        self.assertEqual(self.offset(upload), 0)
        self.patch(upload, Upload_Checksum=checksum("sha1", upload.data))

    def test_somebody_elses_is_no_other_than_nothing(self):
        upload, nobody = self.make(send=1000), f"/v1/uploads/{unknown_id()}"
        for method, headers, body in (
                ("HEAD", {}, None), ("GET", {}, None), ("DELETE", {}, None),
                ("PATCH", {"Content-Type": TUS_TYPE, "Upload-Offset": "1000"}, b"x"),
                ("PATCH", {"Content-Type": TUS_TYPE, "Upload-Offset": "0"}, b"x")):
            with self.subTest(method=method):
                theirs = self.tus(method, upload.url, headers, body, token=self.bob)
                self.expect(theirs, 404)
                self.assertSame(theirs, self.tus(method, nobody, headers, body, token=self.bob))
        for token in (self.gw.manager, self.gw.token("operator", "ops")):
            self.expect(self.tus("HEAD", upload.url, token=token), (403, 404))
        self.assertEqual(self.offset(upload), 1000)


class Restart(TusTest):
    def test_an_upload_survives_the_process(self):
        upload = self.make(letter(200000), send=130000)
        for how in ("stop", "kill"):
            if how == "stop":
                self.gw.stop()
            else:
                self.gw.kill()
                self.gw.process = None
            self.gw.start()
            self.assertEqual(self.offset(upload), upload.offset, how)
            self.patch(upload, 20000)
        answer = self.patch(upload)
        self.assertEqual(self.content(self.artefact_of(answer)), upload.data)

    def test_what_nobody_went_on_with(self):
        """Expiration: 410 after the time of Upload-Expires, whether it was noticed or not."""
        uploads = [self.make(send=1000), self.part(letter(), 1000), self.part(letter())]
        going_on = self.make(send=1000)
        self.gw.stop()
        with sqlite3.connect(self.gw.dir / "data/gateway.db") as db:
            for upload in uploads:
                found = db.execute("UPDATE uploads SET expires_at = 1000000 WHERE id = ?",
                                   (uuid.UUID(upload.id).bytes,))
                self.assertEqual(found.rowcount, 1)
        self.gw.start()
        for upload in uploads:
            answer = self.expect(self.tus("HEAD", upload.url), 410)
            self.assertIsNone(answer.headers["Upload-Offset"])
            self.patch(upload, status=410)
            self.expect(self.tus("DELETE", upload.url), 410)
        self.join(uploads[2], status=410)
        self.eventually(lambda: [self.ask("GET", u.url).json["upload"]["state"] for u in uploads],
                        ["expired"] * 3)
        self.patch(going_on)


class Trouble(TusTest):
    """What goes wrong on our side costs time, not the upload."""

    def test_the_last_request_meets_trouble(self):
        """Every byte is here and no artefact: tus counts that as done, so HEAD does not say it before
        it is; 423 is what makes clients ask again."""
        upload = self.make(send=1000)
        db = sqlite3.connect(self.gw.dir / "data/gateway.db", isolation_level=None)
        db.execute("BEGIN IMMEDIATE")  # nothing can be committed
        answer = self.tus("PATCH", upload.url, {"Content-Type": TUS_TYPE, "Upload-Offset": "1000"},
                          upload.left)
        self.expect(answer, 503)
        answer = self.tus("HEAD", upload.url)
        self.assertEqual(answer.status, 423, repr(answer))
        self.assertIsNotNone(answer.headers["Retry-After"])
        self.assertIsNone(answer.headers["Upload-Offset"])
        db.execute("ROLLBACK")
        db.close()
        upload.offset = self.offset(upload)
        if upload.offset < len(upload.data):
            self.patch(upload)
        told = self.told(upload.url)
        self.assertEqual(told["upload"]["state"], "finished")
        self.assertEqual(self.content(told["artefact"]["id"]), upload.data)


class Expired(TusTest):
    """An expired token costs a login, not the upload."""

    def test_a_resume_with_an_expired_token(self):
        upload, old = self.make(send=1000), self.expired_token()
        for method, headers, body in (("HEAD", {}, None), ("DELETE", {}, None), ("PATCH", {
                "Content-Type": TUS_TYPE, "Upload-Offset": "1000"}, upload.left)):
            with self.subTest(method=method):
                answer = self.tus(method, upload.url, headers, body, token=old)
                self.expect(answer, 423)
                if method != "HEAD":
                    self.assertEqual(answer.problem, "token-expired")
                self.assertIn('error="invalid_token"', answer.headers["WWW-Authenticate"])
                self.assertIsNone(answer.headers["Upload-Offset"])
        self.assertEqual(self.offset(upload), 1000)
        self.patch(upload)

    def test_elsewhere_it_is_a_401(self):
        old = self.expired_token()
        upload = self.make()
        for answer in (self.gw.get("/v1/claims", old), self.gw.get(upload.url, old),
                       self.tus("POST", "/v1/uploads", {"Upload-Length": "5"}, token=old)):
            self.expect(answer, 401, "unauthenticated")

    def test_only_if_nothing_else_is_wrong(self):
        old = self.expired_token()
        upload = self.make()
        head, body, signature = old.split(".")
        for bad in (f"{head}.{body}.{'A' * len(signature)}", "nonsense",
                    self.gw.forge().token("ada", aud="other", iat=1700000000, exp=1700000600)):
            self.expect(self.tus("HEAD", upload.url, token=bad), 401)
        self.expect(self.tus("HEAD", upload.url, token=""), 401)


if __name__ == "__main__":
    unittest.main()

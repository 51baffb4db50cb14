"""The resource of unfinished uploads, as clients of tus and of the IETF's draft speak to it, header
by header; what their tests share."""

import base64
import email.utils
import pathlib
import re
import socket
import time
import uuid

import samples
from gateway_fixture import GatewayTest, Session, unknown_id

TUS_TYPE = "application/offset+octet-stream"
DRAFT_TYPE = "application/partial-upload"
LINK = re.compile(r'^</v1/artefacts/([0-9a-f-]{36})>; rel="item"$')


def letter(pad=3000):
    """A file that nobody has sent before."""
    return samples.pdf(f"letter {uuid.uuid4()}", pad=pad)


def metadata(**words):
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" if v is not None else k
                    for k, v in words.items())


class Upload:
    """One of them, and what the client knows of it."""

    def __init__(self, url, data, offset=0):
        self.url, self.data, self.offset = url, data, offset

    @property
    def id(self):
        return self.url.rsplit("/", 1)[1]

    @property
    def left(self):
        return self.data[self.offset:]


class UploadTest(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.open_uploads_per_person", 200)

    @classmethod
    def prepare(cls, gw):
        cls.ada, cls.bob = gw.token("claimant", "ada"), gw.token("claimant", "bob")
        cls.claim, cls.other = gw.create_claim("ada"), gw.create_claim("bob")

    def ask(self, method, path, headers=None, body=None, token=None, session=None):
        asker = session or self.gw
        return asker.request(method, path, self.ada if token is None else token or None, body,
                             headers)

    def words(self, **more):
        return {"claim": self.claim, "kind": "further_evidence", "filename": "letter.pdf",
                "filetype": "application/pdf", **more}

    def kept(self, claim=None):
        return [a["sha256"] for a in self.gw.list_all(claim or self.claim, self.gw.manager,
                                                      limit=200)]

    def told(self, url, token=None):
        """The JSON of an upload."""
        return self.expect(self.ask("GET", url, token=token), 200).json

    def content(self, artefact, token=None):
        return self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content", token or self.ada),
                           200).body

    def artefact_of(self, answer):
        found = LINK.match(answer.headers["Link"] or "")
        self.assertTrue(found, repr(answer))
        return found.group(1)

    def assertSameReceipt(self, one, other):
        """Of the same entry; the proof may be against a later checkpoint."""
        entry = [[line for line in r.split("\n") if line.startswith(("extra ", "index "))]
                 for r in (one, other)]
        self.assertEqual(len(entry[0]), 2, one)
        self.assertEqual(entry[0], entry[1])

    def give_up(self, upload, answer, headers):
        """A person has only so many unfinished uploads."""
        for url in (upload.url, answer.headers["Location"]):
            if url and url.startswith("/v1/uploads/"):
                self.ask("DELETE", url, headers)

    def expired_token(self, subject="ada"):
        """Good but for its expiry."""
        at = int(time.time())
        return self.gw.forge().token(subject, iat=at - 900, exp=at - 300)

    def assertExpires(self, value):
        """An HTTP date of the future."""
        self.assertRegex(value or "", r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|"
                         r"Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$")
        at = email.utils.parsedate_to_datetime(value).timestamp()
        self.assertGreater(at, time.time())

    def stall(self, method, path, headers, body, size, token=None):
        """A connection whose client promised `size` bytes, sent `body` and fell silent."""
        s = self.gw.socket()
        head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1",
                f"Authorization: Bearer {token or self.ada}", f"Content-Length: {size}"]
        head += [f"{k}: {v}" for k, v in headers.items()]
        s.sendall("\r\n".join([*head, "", ""]).encode() + body)
        return s

    def await_read(self, s):
        """Until the server has taken what was sent on s, and is likely to have put it away."""
        self.gw.await_read(s)
        time.sleep(0.2)

    @staticmethod
    def reset(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        s.close()

    def eventually(self, what, wanted, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            got = what()
            if got == wanted or time.monotonic() > deadline:
                self.assertEqual(got, wanted)
                return
            time.sleep(0.05)


__all__ = ["DRAFT_TYPE", "LINK", "Session", "TUS_TYPE", "Upload", "UploadTest", "letter",
           "metadata", "unknown_id"]

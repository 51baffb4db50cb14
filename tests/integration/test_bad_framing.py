#!/usr/bin/env python3
"""Requests whose framing lies: each gets its refusal, the connection ends, and the server goes on."""

import re
import socket
import ssl
import threading
import time
import unittest

import samples
from gateway_fixture import GatewayTest

ANSWER_SECONDS = 60


class Reply:
    """What came back on a raw connection until it ended or fell silent."""

    def __init__(self, raw, closed):
        self.raw, self.closed = raw, closed
        # libmicrohttpd 0.9.75 writes the head of an error page of its own twice: one answer.
        head, _, more = raw.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 4") and more.startswith(head + b"\r\n\r\n<html>"):
            raw = more
        self.answers, rest = [], raw
        while rest.startswith(b"HTTP/"):
            head, mark, rest = rest.partition(b"\r\n\r\n")
            status = int(head.split()[1])
            length = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.I)
            size = int(length.group(1)) if length and status >= 200 else 0
            self.answers.append((status, head, rest[:size]))
            rest = rest[size:]
        self.rest = rest

    @property
    def statuses(self):
        return [s for s, _, _ in self.answers]

    def __repr__(self):
        return f"<{self.statuses} closed={self.closed} {self.raw[:500]!r}>"


class Raw(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada").encode()
        cls.claim = gw.create_claim("ada").encode()

    def tearDown(self):
        self.assertTrue(self.gw.alive(), "the server is gone")
        answer = self.gw.get("/v1/claims", self.ada.decode())
        self.assertEqual(answer.status, 200, "the server does not serve any more")

    def talk(self, *pieces, quiet=None, shut=False, pause=0.05):
        """Sends the pieces, reads until the server closes (or for `quiet` seconds of silence)."""
        s = self.gw.socket(timeout=quiet or ANSWER_SECONDS)
        got, closed = b"", False
        try:
            try:
                for n, piece in enumerate(pieces):
                    if n:
                        time.sleep(pause)
                    s.sendall(piece)
                if shut:
                    s = s.unwrap()
            except (BrokenPipeError, ConnectionResetError, ssl.SSLError, OSError):
                pass
            while True:
                try:
                    piece = s.recv(65536)
                except (TimeoutError, socket.timeout):
                    break
                except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError, OSError):
                    closed = True
                    break
                if not piece:
                    closed = True
                    break
                got += piece
        finally:
            s.close()
        return Reply(got, closed)

    def get(self, line=b"GET /v1/claims HTTP/1.1", *fields, host=b"Host: 127.0.0.1", auth=True):
        head = [line]
        head += [host] if host else []
        head += [b"Authorization: Bearer " + self.ada] if auth else []
        return b"\r\n".join([*head, *fields, b"", b""])

    def post(self, *fields, line=None, auth=True):
        return self.get(line or b"POST /v1/claims/%s/artefacts?kind=further_evidence HTTP/1.1"
                        % self.claim, b"Content-Type: application/pdf", *fields, auth=auth)

    def refused(self, *pieces, status=(400,), **options):
        """One refusal, nothing after it, and the end of the connection."""
        wanted = (status,) if isinstance(status, int) else status
        before = self.kept()
        reply = self.talk(*pieces, **options)
        self.assertTrue(reply.closed, f"the connection was left open: {reply!r}")
        final = [s for s in reply.statuses if s >= 200]
        self.assertEqual(len(final), 1, repr(reply))
        self.assertIn(final[0], wanted, repr(reply))
        self.assertEqual(reply.rest, b"", "more than one answer")
        self.assertEqual(self.kept(), before, "something was committed")
        return reply

    def kept(self):
        return [a["id"] for a in self.gw.list_all(self.claim.decode(), self.gw.manager,
                                                  limit=200)]


class Heads(Raw):
    def test_a_good_one_is_served(self):
        reply = self.talk(self.get(b"GET /v1/claims HTTP/1.1", b"Connection: close"))
        self.assertEqual(reply.statuses, [200], repr(reply))

    def test_lengths_and_codings_together(self):
        pdf = samples.pdf()
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(pdf), pdf)
        cases = [
            (b"Content-Length: %d" % len(pdf), b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(pdf)),
            (b"Transfer-Encoding: chunked", b"Content-Length: 0"),
        ]
        for fields in cases:
            with self.subTest(fields=fields):
                self.refused(self.post(*fields) + chunked)

    def test_twice(self):
        pdf = samples.pdf()
        size = b"Content-Length: %d" % len(pdf)
        for fields in ((size, b"Content-Length: 5"), (b"Content-Length: 5", size), (size, size),
                       (size, b"content-LENGTH: %d" % len(pdf)),
                       (b"Content-Length: %d, %d" % (len(pdf), len(pdf)),)):
            with self.subTest(fields=fields):
                self.refused(self.post(*fields) + pdf)
        self.refused(self.post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")
                     + b"0\r\n\r\n")
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"Host: 127.0.0.1"))
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"Host: evil.example"))
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"Authorization: Bearer x"))
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"authorization: Bearer " + self.ada))

    def test_names_that_are_none(self):
        for field in (b"Content-Length : 5", b"Content-Length\t: 5", b"X Y: 1", b"X(Y): 1",
                      b"X\x01Y: 1", b"X\x7fY: 1", b"X\xc3\xa9: 1", b": 1", b"X@: 1", b"X[]: 1",
                      b"nocolon", b"X,Y: 1", b'"X": 1'):
            with self.subTest(field=field):
                self.refused(self.get(b"GET /v1/claims HTTP/1.1", field))

    def test_values_with_control_characters(self):
        for field in (b"X: a\x01b", b"X: a\x1bb", b"X: \x7f", b"X: a\x0bb", b"X: a\x08",
                      b"X: a\rb", b"X: a\0b", b"X: \0", b"Host\0: a"):
            with self.subTest(field=field):
                self.refused(self.get(b"GET /v1/claims HTTP/1.1", field))

    def test_bare_line_ends(self):
        good = self.get()
        for bad in (good.replace(b"\r\n", b"\n"), good.replace(b"\r\n", b"\n", 1),
                    good[:-2] + b"\n", good.replace(b"\r\n", b"\r", 1),
                    self.get(b"GET /v1/claims HTTP/1.1", b"X: a\nY: b"),
                    self.get(b"GET /v1/claims HTTP/1.1", b"X: a\rY: b"),
                    self.get(b"GET /v1/claims HTTP/1.1", b"X: a\r\rY: b"),
                    self.get(b"GET /v1/claims HTTP/1.1", b"X: a\n")):
            with self.subTest(bad=bad[:60]):
                # after a lone CR the head may not be over yet: then the deadline ends it
                self.refused(bad, b"\r\n\r\n", status=(400, 408))

    def test_folded_headers(self):
        for fields in ((b"X: a", b" folded: b"), (b"X: a", b"\tb"),
                       (b"X: a", b" Authorization: Bearer x"), (b" X: first",)):
            with self.subTest(fields=fields):
                self.refused(self.get(b"GET /v1/claims HTTP/1.1", *fields))
        # a folded line must not become a header that gives authority
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"X: a",
                              b" Authorization: Bearer " + self.ada, auth=False),
                     status=(400, 401))
        self.refused(b"GET /v1/claims HTTP/1.1\r\n Host: a\r\n\r\n")

    def test_transfer_codings(self):
        for value in (b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked, chunked",
                      b"xchunked", b"chunkedx", b'"chunked"', b"chunked;q=1", b"chunked,",
                      b",chunked", b"", b"gzip", b"chun ked", b"\x0bchunked", b"chunked\0"):
            with self.subTest(value=value):
                self.refused(self.post(b"Transfer-Encoding: " + value)
                             + b"5\r\nhello\r\n0\r\n\r\n", status=(400, 501))

    def test_old_version_with_chunks(self):
        self.refused(self.post(b"Transfer-Encoding: chunked", line=(
            b"POST /v1/claims/%s/artefacts?kind=further_evidence HTTP/1.0" % self.claim))
            + b"5\r\nhello\r\n0\r\n\r\n")

    def test_lengths_that_are_none(self):
        for value in (b"-1", b"+5", b"0x5", b"5 5", b"5,5", b"18446744073709551616",
                      b"18446744073709551615", b"9223372036854775808", b"99999999999999999999999",
                      b"5.0", b"5e3", b"", b"five", b"\x0b5", b"0o5", b"5;", b"1_000", b"5-"):
            with self.subTest(value=value):
                huge = value.isdigit() and len(value) > 17
                self.refused(self.post(b"Content-Length: " + value) + b"hello",
                             status=(400, 413) if huge else (400,))

    def test_versions_and_request_lines(self):
        for line, status in (
                (b"GET /v1/claims HTTP/2.0", (400, 505)), (b"GET /v1/claims HTTP/1.2", (400, 505)),
                (b"GET /v1/claims HTTP/0.9", (400, 505)), (b"GET /v1/claims HTTP/11", (400, 505)),
                (b"GET /v1/claims http/1.1", (400, 505)), (b"GET /v1/claims", (400, 505)),
                (b"GET  /v1/claims HTTP/1.1", (400,)), (b"GET /v1/claims HTTP/1.1 x", (400, 505)),
                (b"GET /v1/cl aims HTTP/1.1", (400, 505)), (b"GET\t/v1/claims\tHTTP/1.1", (400,)),
                (b"G\x01T /v1/claims HTTP/1.1", (400,)), (b"GET v1/claims HTTP/1.1", (400, 404)),
                (b"GET /v1/cl\x00aims HTTP/1.1", (400,)), (b"GET /v1/cl\x7faims HTTP/1.1", (400,)),
                (b"GET http://evil.example/v1/claims HTTP/1.1", (400, 404, 421)),
                (b"CONNECT 127.0.0.1:22 HTTP/1.1", (400, 404, 405, 501)),
                (b"PRI * HTTP/2.0", (400, 505)), (b"", (400, 408))):
            with self.subTest(line=line):
                reply = self.talk(self.get(line, b"Connection: close"))
                self.assertTrue(reply.closed, repr(reply))
                if reply.statuses:
                    self.assertIn(reply.statuses[0], status, repr(reply))
                    self.assertEqual(len(reply.statuses), 1, repr(reply))

    def test_host(self):
        self.refused(self.get(host=None))
        for host in (b"Host: a b", b"Host: a,b", b"Host: a/b", b"Host: @"):
            with self.subTest(host=host):
                self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"Connection: close",
                                      host=host), status=(400, 421))

    def test_trace_gives_nothing_back(self):
        reply = self.talk(self.get(b"TRACE /v1/claims HTTP/1.1", b"Connection: close"))
        self.assertIn(reply.statuses[0], (400, 404, 405, 501))
        self.assertNotIn(self.ada, reply.raw)

    def test_long_targets_and_heads(self):
        self.refused(self.get(b"GET /v1/claims?stage=" + b"x" * 60000 + b" HTTP/1.1"), status=414)
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"X: " + b"x" * 60000), status=431)
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", *[b"X-%d: y" % n for n in range(6000)]),
                     status=431)
        self.refused(self.get(b"GET /v1/claims HTTP/1.1", b"X" * 60000 + b": y"),
                     status=(400, 431))
        self.refused(b"X" * 60000 + b" /v1/claims HTTP/1.1\r\n\r\n", status=(400, 414, 431, 501))
        reply = self.talk(self.get(b"GET /v1/claims HTTP/1.1", b"X: " + b"x" * 8000,
                                   b"Connection: close"))
        self.assertEqual(reply.statuses, [200], "8 KB of head is an honest client")

    def test_endless_head(self):
        pieces = [b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n"] + [
            b"".join(b"X-%d-%d: %s\r\n" % (n, m, b"y" * 100) for m in range(100))
            for n in range(300)]
        reply = self.talk(*pieces, pause=0)
        self.assertTrue(reply.closed)
        if reply.statuses:
            self.assertEqual(reply.statuses[0], 431, repr(reply))


class Bodies(Raw):
    def test_chunks_that_lie(self):
        pdf = samples.pdf()
        good = b"%x\r\n%s\r\n" % (len(pdf), pdf)
        cases = {
            "sign": b"-5\r\nhello\r\n0\r\n\r\n", "plus": b"+5\r\nhello\r\n0\r\n\r\n",
            "prefix": b"0x5\r\nhello\r\n0\r\n\r\n", "not hex": b"g\r\nhello\r\n0\r\n\r\n",
            "empty size": b"\r\nhello\r\n0\r\n\r\n",
            "2^64": b"10000000000000000\r\nhello\r\n0\r\n\r\n",
            "2^64 - 1": b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            "2^65": b"20000000000000005\r\nhello\r\n0\r\n\r\n",
            "no line end after data": good[:-2] + b"0\r\n\r\n",
            "wrong end": good[:-2] + b"xx0\r\n\r\n",
            "too long": b"5\r\nhelloo\r\n0\r\n\r\n",
        }
        for name, body in cases.items():
            with self.subTest(name=name):
                before = self.kept()
                reply = self.talk(self.post(b"Transfer-Encoding: chunked") + body, quiet=3)
                self.assertNotIn(201, reply.statuses, repr(reply))
                for status in reply.statuses:
                    self.assertIn(status, (400, 413), repr(reply))
                self.assertEqual(self.kept(), before)

    def test_endless_chunk_size(self):
        before = self.kept()
        for endless in (b"0" * 70000, b"5;" + b"x" * 3000000, b"5" + b" " * 100000, b"f" * 100):
            with self.subTest(endless=endless[:4]):
                reply = self.talk(self.post(b"Transfer-Encoding: chunked") + endless[:10],
                                  endless[10:], quiet=5)
                self.assertNotIn(201, reply.statuses)
                self.assertTrue(reply.closed or not reply.statuses, repr(reply))
        self.assertEqual(self.kept(), before)

    def test_truncated(self):
        pdf, before = samples.pdf(pad=100000), self.kept()
        for head, body in ((b"Content-Length: %d" % len(pdf), pdf[:-1]),
                           (b"Content-Length: %d" % len(pdf), b""),
                           (b"Transfer-Encoding: chunked", b"%x\r\n%s" % (len(pdf), pdf[:-1])),
                           (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(pdf), pdf)),
                           (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n"
                            % (len(pdf), pdf))):
            for how in ("close", "shut", "reset"):
                with self.subTest(head=head, how=how, sent=len(body)):
                    if how == "shut":
                        reply = self.talk(self.post(head) + body, shut=True, quiet=2)
                        self.assertNotIn(201, reply.statuses)
                        continue
                    s = self.gw.socket()
                    s.sendall(self.post(head) + body)
                    if how == "reset":
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     b"\x01\0\0\0\0\0\0\0")
                    time.sleep(0.05)
                    s.close()
        time.sleep(0.5)
        self.assertEqual(self.kept(), before)

    def test_more_than_declared_is_the_next_request(self):
        """What follows the declared length is a request of its own, and no part of the file."""
        pdf = samples.pdf("exactly this")
        reply = self.talk(self.post(b"Content-Length: %d" % len(pdf)) + pdf
                          + b"EXTRA / HTTP/1.1\r\n\r\n")
        self.assertEqual(reply.statuses[0], 201, repr(reply))
        self.assertIn(b'"size":%d' % len(pdf), reply.raw.replace(b" ", b""))
        self.assertNotIn(201, reply.statuses[1:])

    def test_trailers_give_no_authority(self):
        pdf = samples.pdf()
        body = b"%x\r\n%s\r\n0\r\nAuthorization: Bearer %s\r\n\r\n" % (len(pdf), pdf, self.ada)
        before = self.kept()
        reply = self.talk(self.post(b"Transfer-Encoding: chunked", auth=False) + body)
        self.assertEqual([s for s in reply.statuses if s >= 200], [401], repr(reply))
        self.assertEqual(self.kept(), before)
        for trailer in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: evil",
                        b"Authorization: Bearer x", b"Content-Type: text/html",
                        b"Idempotency-Key: \"x\"", b"X\0Y: 1", b"bad name: 1"):
            with self.subTest(trailer=trailer):
                before = self.kept()
                body = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(pdf), pdf, trailer)
                reply = self.talk(self.post(b"Transfer-Encoding: chunked", b"Connection: close")
                                  + body)
                final = [s for s in reply.statuses if s >= 200]
                self.assertEqual(len(final), 1, repr(reply))
                self.assertIn(final[0], (400, 201))
                if final[0] == 201:  # ignored: then it changed nothing
                    self.assertIn(b'"application/pdf"', reply.raw)
                else:
                    self.assertEqual(self.kept(), before)

    def test_bodies_of_reads(self):
        for method in (b"GET", b"HEAD", b"DELETE"):
            reply = self.talk(self.get(method + b" /v1/claims HTTP/1.1", b"Content-Length: 5",
                                       b"Connection: close") + b"hello")
            self.assertEqual(len([s for s in reply.statuses if s >= 200]), 1, repr(reply))
            self.assertLess(reply.statuses[-1], 500)

    def test_expectations(self):
        pdf = samples.pdf("expected")
        s = self.gw.socket()
        s.sendall(self.post(b"Content-Length: %d" % len(pdf), b"Expect: 100-continue"))
        first = s.recv(4096)
        self.assertTrue(first.startswith(b"HTTP/1.1 100"), first)
        s.sendall(pdf)
        self.assertIn(b" 201 ", s.recv(65536))
        s.close()
        # refused before a byte of it is asked for
        s = self.gw.socket()
        s.sendall(self.post(b"Content-Length: %d" % len(pdf), b"Expect: 100-continue",
                            auth=False))
        self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 401"))
        s.close()


class Pipelines(Raw):
    def test_two_good_ones(self):
        reply = self.talk(self.get() + self.get(b"GET /v1/claims HTTP/1.1", b"Connection: close"))
        self.assertEqual(reply.statuses, [200, 200], repr(reply))

    def test_nothing_after_a_refusal(self):
        second = self.get(b"GET /v1/claims?smuggled=1 HTTP/1.1")
        for first in (self.get(b"GET /v1/claims HTTP/1.1", b"X : 1"),
                      self.get(b"GET /v1/claims HTTP/1.1", b"Host: again"),
                      self.post(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
                      self.post(b"Content-Length: -1"),
                      self.post(b"Transfer-Encoding: gzip")):
            with self.subTest(first=first[-60:]):
                reply = self.refused(first + second, status=(400, 501))
                self.assertIn(b"connection: close", reply.answers[0][1].lower())

    def test_after_a_refusal_of_what_was_asked(self):
        """401, 404 and 403 are no lies about framing: the next request counts."""
        reply = self.talk(self.get(auth=False) + self.get(b"GET /v1/nowhere HTTP/1.1")
                          + self.get(b"GET /v1/claims HTTP/1.1", b"Connection: close"))
        self.assertIn(reply.statuses, ([401, 404, 200], [401]), repr(reply))

    def test_a_request_hidden_in_a_refused_body(self):
        """The body of a refused upload is never taken for a request."""
        hidden = self.get(b"GET /v1/claims?hidden=1 HTTP/1.1")
        for fields, body in (((b"Content-Length: %d" % len(hidden),), hidden),
                             ((b"Transfer-Encoding: chunked",),
                              b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden))):
            reply = self.talk(self.post(*fields, auth=False) + body
                              + self.get(b"GET /v1/claims HTTP/1.1", b"Connection: close"))
            self.assertIn([s for s in reply.statuses if s >= 200], ([401, 200], [401]), repr(reply))


class StillSending(Raw):
    """A refusal reaches a client that has not finished sending."""

    SIZE = 12 * 1000 * 1000

    def send_all(self, head, size, rate=None):
        """Sends on although the answer may be there already; Reply."""
        s = self.gw.socket(timeout=ANSWER_SECONDS)
        broken = None
        try:
            s.sendall(head)
            sent, piece = 0, b"x" * 16384
            while sent < size:
                s.sendall(piece[:size - sent])
                sent += len(piece)
                if rate:
                    time.sleep(len(piece) / rate)
        except OSError as e:
            broken = e
        got = b""
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
                if Reply(got, False).answers:
                    break
        except OSError as e:
            broken = broken or e
        s.close()
        return Reply(got, True), broken

    def test_each_refusal_arrives(self):
        size = b"Content-Length: %d" % self.SIZE
        big = self.gw.token("claimant", "bob").encode()
        cases = {
            "no token": (self.post(size, auth=False), 401),
            "type": (self.get(b"POST /v1/claims/%s/artefacts?kind=further_evidence HTTP/1.1"
                              % self.claim, b"Content-Type: text/html", size), 415),
            "kind": (self.get(b"POST /v1/claims/%s/artefacts?kind=nonsense HTTP/1.1"
                              % self.claim, b"Content-Type: application/pdf", size), 400),
            "role": (self.get(b"POST /v1/claims/%s/artefacts?kind=medical_report HTTP/1.1"
                              % self.claim, b"Content-Type: application/pdf", size), 403),
            "foreign": (self.post(size).replace(self.ada, big), 404),
            "route": (self.get(b"POST /v1/nowhere HTTP/1.1", size), 404),
            "verb": (self.get(b"PUT /v1/claims HTTP/1.1", size), 405),
            "framing": (self.post(size, size), 400),
            "json too large": (self.get(b"POST /v1/claims HTTP/1.1",
                                        b"Content-Type: application/json", size), (403, 413)),
        }
        for name, (head, status) in cases.items():
            with self.subTest(name=name):
                reply, broken = self.send_all(head, self.SIZE)
                self.assertTrue(reply.statuses, f"{broken}: {reply!r}")
                wanted = status if isinstance(status, tuple) else (status,)
                self.assertIn(reply.statuses[0], wanted, repr(reply))

    def test_with_curl(self):
        answer = self.gw.curl(f"/v1/claims/{self.claim.decode()}/artefacts?kind=nonsense",
                              "--header", "Expect:", "--header", "Content-Type: application/pdf",
                              token=self.ada.decode(), data=b"x" * self.SIZE)
        self.expect(answer, 400)

    def test_slow_senders_at_once(self):
        result = []
        threads = [threading.Thread(target=lambda: result.append(self.send_all(
            self.post(b"Content-Length: 1000000", auth=False), 1000000, rate=500000)))
            for _ in range(10)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([r.statuses for r, _ in result], [[401]] * 10)


if __name__ == "__main__":
    unittest.main()

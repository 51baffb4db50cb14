#!/usr/bin/env python3
"""Digests (RFC 9530) of what is sent and of what is given out."""

import base64
import hashlib
import re
import unittest

import samples
from gateway_fixture import GatewayTest


def stated(data, algorithm="sha256"):
    name = {"sha256": "sha-256", "sha512": "sha-512", "md5": "md5"}[algorithm]
    return f"{name}=:{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}:"


class Digests(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada")

    def chunked(self, data, trailers=(), headers=()):
        """The status and problem of an upload whose length nobody states."""
        head = [f"POST /v1/claims/{self.claim}/artefacts?kind=further_evidence HTTP/1.1",
                "Host: 127.0.0.1", f"Authorization: Bearer {self.ada}",
                "Content-Type: application/pdf", "Transfer-Encoding: chunked",
                "Connection: close", *headers]
        half = len(data) // 2
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[:half], data[half:]))
        with self.gw.socket() as s:
            s.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body + b"0\r\n"
                      + "".join(f"{t}\r\n" for t in trailers).encode() + b"\r\n")
            got = b""
            while piece := s.recv(65536):
                got += piece
        name = re.search(rb'"/problems/([a-z-]+)"', got)
        return int(got.split()[1]), name.group(1).decode() if name else None

    def test_trailers_are_checked(self):
        data, n = samples.pdf("in pieces"), 0

        def fresh():
            nonlocal n
            n += 1
            return samples.pdf(f"in pieces {n}")
        wrong = stated(b"something else")
        for names in (["Repr-Digest"], ["Content-Digest"], ["Repr-Digest", "Content-Digest"]):
            data = fresh()
            right = [f"{name}: {stated(data)}" for name in names]
            self.assertEqual(self.chunked(data, right), (201, None), names)
            for at in range(len(names)):
                lied = [f"{n}: {wrong if i == at else stated(data)}"
                        for i, n in enumerate(names)]
                self.assertEqual(self.chunked(data, lied), (400, "digest-mismatch"), lied)
        # one of another algorithm says nothing, one that cannot be read is refused
        data = fresh()
        self.assertEqual(self.chunked(data, [f"Repr-Digest: {stated(data, 'sha512')}"]),
                         (201, None))
        for bad in ("sha-256=nonsense", "sha-256=:AAAA:"):
            for name in ("Repr-Digest", "Content-Digest"):
                self.assertEqual(self.chunked(fresh(), [f"{name}: {bad}"]),
                                 (400, "invalid-request"), (name, bad))

    def test_head_and_trailer_have_to_agree(self):
        data = samples.pdf("said twice")
        right, wrong = stated(data), stated(b"something else")
        for name in ("Repr-Digest", "Content-Digest"):
            self.assertEqual(self.chunked(data, [f"{name}: {right}"],
                                          [f"Repr-Digest: {wrong}"]), (400, "digest-mismatch"))
            self.assertEqual(self.chunked(data, [f"{name}: {wrong}"],
                                          [f"Repr-Digest: {right}"]), (400, "digest-mismatch"))
        self.assertEqual(self.gw.list_all(self.gw.create_claim("ada"), self.ada), [])
        self.assertEqual(self.chunked(data, [f"Content-Digest: {right}"],
                                      [f"Repr-Digest: {right}"]), (201, None))

    def test_heads_are_checked(self):
        data = samples.pdf("in one")
        right, wrong = stated(data), stated(b"something else")
        for headers in ({"Repr-Digest": wrong}, {"Content-Digest": wrong},
                        {"Repr-Digest": right, "Content-Digest": wrong}):
            self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), 400,
                        "digest-mismatch")
        answer = self.expect(self.gw.upload(self.claim, data, self.ada, headers={
            "Repr-Digest": f"{stated(data, 'md5')}, {right}", "Content-Digest": right}), 201)
        self.assertEqual(answer.headers["Repr-Digest"], right)

    def test_what_a_reader_wants(self):
        data = samples.pdf("given out")
        artefact = self.gw.upload(self.claim, data, self.ada).json["artefact"]["id"]
        path = f"/v1/artefacts/{artefact}/content"
        for want, given in ((None, True), ("sha-256=1", True), ("sha-512=3, sha-256=10", True),
                            ("sha-512=10", True), ("nonsense;;", True), ("sha-256=0", False),
                            ("sha-256=0, sha-512=9", False)):
            for method in ("GET", "HEAD"):
                for more in ({}, {"Range": "bytes=3-9"}):
                    headers = {**more, **({"Want-Repr-Digest": want} if want else {})}
                    answer = self.gw.request(method, path, self.ada, headers=headers)
                    self.expect(answer, 206 if more and method == "GET" else 200)
                    self.assertEqual(answer.headers["Repr-Digest"],
                                     stated(data) if given else None, (want, method, more))
                    self.assertEqual(answer.headers["ETag"].strip('"'),
                                     hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Names that would like to be something else: traversal in every encoding, control characters,
right-to-left overrides, symbolic links planted in the store. And names in the log."""

import shutil
import unittest
import urllib.parse
import uuid

import samples
from gateway_fixture import GatewayTest

TRAVERSALS = [
    "../../../../etc/passwd", "..\\..\\..\\windows\\win.ini", "/etc/passwd", "C:\\boot.ini",
    "C:boot.ini", "\\\\server\\share\\x", "....//....//etc/passwd", "..", ".", "../", "a/../../b",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252f", "..%c0%af..%c0%afetc/passwd",
    "..%00/etc/passwd", "file:///etc/passwd", "~/.ssh/id", "a/b/c.pdf", "a\\b\\c.pdf",
    "CON", "NUL.pdf", "aux", "COM1.txt", "letter.pdf::$DATA", ".htaccess", "-rf", "*", "?",
    "|id", "`id`", "$(id)", ";id", "a\tb.pdf", " ", "  letter.pdf  ", "letter.pdf.", "...",
]


class Names(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada")

    def assertSafe(self, name):
        self.assertNotEqual(name, "")
        self.assertNotIn(name, (".", ".."))
        self.assertLessEqual(len(name.encode()), 255)
        for char in name:
            self.assertNotIn(char, "/\\")
            self.assertFalse(ord(char) < 32 or 0x7f <= ord(char) < 0xa0, repr(name))
            self.assertFalse(0x202a <= ord(char) <= 0x202e or 0x2066 <= ord(char) <= 0x2069
                             or ord(char) in (0x200e, 0x200f, 0x061c, 0xfeff), repr(name))

    def sent(self, disposition, raw=False):
        """Uploads with a Content-Disposition: refused, or kept under a safe name."""
        data = samples.pdf(str(uuid.uuid4()))
        before = self.files_outside()
        headers = {"Content-Disposition": disposition} if disposition is not None else {}
        answer = self.gw.upload(self.claim, data, self.ada, filename=None, headers=headers)
        self.assertEqual(self.files_outside(), before)
        if answer.status == 400:
            return None
        told = self.expect(answer, 201).json["artefact"]
        if told["filename"] or "filename=" in (disposition or ""):
            self.assertSafe(told["filename"])
        read = self.gw.get(f"/v1/artefacts/{told['id']}/content", self.ada)
        self.assertEqual(read.body, data)
        shown = read.headers["Content-Disposition"]
        self.assertTrue(shown.startswith("attachment"), shown)
        self.assertNotIn('filename=""', shown)
        self.assertEqual(len(read.headers.get_all("Content-Disposition")), 1)
        for bad in ("..", "/", "\\\\"):
            plain = urllib.parse.unquote(shown.split("filename*=UTF-8''")[-1])
            if bad == "..":
                self.assertNotIn(plain, ("..", "."))
            else:
                self.assertNotIn(bad, plain)
        self.assertTrue(all(32 <= ord(c) < 127 for c in shown), shown)
        return told["filename"]

    def files_outside(self):
        """What stands beside the set-up, where nothing may appear."""
        return {str(p) for p in self.gw.folder.iterdir()} | {
            str(p) for p in self.gw.dir.iterdir()}

    def test_traversals(self):
        for name in TRAVERSALS:
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            with self.subTest(name=name):
                self.sent(f'attachment; filename="{quoted}"')
                self.sent("attachment; filename*=UTF-8''" + urllib.parse.quote(name, safe=""))

    def test_characters(self):
        for name in ("a\0b.pdf", "a\nb.pdf", "a\r\nX-Evil: 1.pdf", "a\x1b[31mb.pdf", "a\x7fb",
                     "invoice\u202efdp.exe", "\u202a", "\u2066x\u2069", "\u200f", "\ufeff",
                     "a\u0085b", "a\x9fb", "\ud7ff", "🙂.pdf", "Ünïcode ß.pdf", "名前.pdf",
                     "e\u0301.pdf", "<script>alert(1)</script>.pdf", '"quoted".pdf',
                     "'; DROP TABLE artefacts; --", "%s%s%s%n", "a" * 255 + ".pdf", "x" * 10000,
                     "é" * 200, "🙂" * 100):
            with self.subTest(name=name[:30]):
                self.sent("attachment; filename*=UTF-8''" + urllib.parse.quote(name, safe=""))

    def test_honest_names_stay(self):
        for name in ("letter.pdf", "Ünïcode ß.pdf", "名前.pdf", "🙂.pdf", "O'Neill & Sons (2).pdf",
                     "100% sure.pdf", "a b  c.pdf"):
            with self.subTest(name=name):
                self.assertEqual(self.sent("attachment; filename*=UTF-8''"
                                           + urllib.parse.quote(name, safe="")), name)
        self.assertEqual(self.sent('attachment; filename="plain.pdf"'), "plain.pdf")
        self.assertEqual(self.sent('attachment; filename=token.pdf'), "token.pdf")
        self.assertEqual(self.sent('attachment; filename="say \\"hi\\".pdf"'), 'say "hi".pdf')
        self.assertEqual(self.sent('attachment; filename="old.pdf"; filename*=UTF-8\'\'n%C3%A9.pdf'),
                         "né.pdf")

    def test_malformed_dispositions(self):
        for text in ("attachment; filename*=UTF-8''%ff%fe", "attachment; filename*=UTF-8''%c0%ae",
                     "attachment; filename*=UTF-8''%zz", "attachment; filename*=UTF-8''%",
                     "attachment; filename*=latin1''a.pdf", "attachment; filename*=a.pdf",
                     'attachment; filename="open', "attachment; filename=", "attachment; filename",
                     'attachment; filename="a"; filename="b"', ";", "", "inline", "attachment",
                     "attachment; filename*=UTF-8''%ed%a0%80", 'form-data; name="x"', "a" * 5000,
                     "attachment; filename*0=a; filename*1=b",
                     "attachment; filename*=UTF-8''a\u00e9".encode().decode("latin-1")):
            with self.subTest(text=text[:40]):
                self.sent(text)
        self.sent(None)

    def test_raw_bytes_in_the_header(self):
        for raw in (b"\xff\xfe", b"\xc3\xa9.pdf", b"\x80", b"a\tb"):
            s = self.gw.socket()
            data = samples.pdf()
            s.sendall(b"POST /v1/claims/%s/artefacts?kind=further_evidence HTTP/1.1\r\nHost: a\r\n"
                      b"Authorization: Bearer %s\r\nContent-Type: application/pdf\r\n"
                      b'Content-Disposition: attachment; filename="%s"\r\nConnection: close\r\n'
                      b"Content-Length: %d\r\n\r\n" % (self.claim.encode(), self.ada.encode(), raw,
                                                       len(data)) + data)
            got = b""
            while piece := s.recv(65536):
                got += piece
            s.close()
            self.assertIn(int(got.split()[1]), (201, 400), got[:300])
            got.decode("utf-8")  # whatever it says is text

    def test_paths_of_requests(self):
        artefact = self.expect(self.gw.upload(self.claim, samples.pdf(), self.ada),
                               201).json["artefact"]["id"]
        for path in ("/../../etc/passwd", "/v1/../../etc/passwd", "/v1/artefacts/../../etc/passwd",
                     "/v1/artefacts/%2e%2e/%2e%2e/etc/passwd", "/v1/artefacts/..%2f..%2fetc%2fpasswd",
                     "/v1/artefacts/%252e%252e%252fetc", "/v1/artefacts/..%5c..%5cetc",
                     "/v1/artefacts/..%c0%afetc", "/v1/artefacts/%00", f"/v1/artefacts/{artefact}%00",
                     f"/v1/artefacts/{artefact}%2fcontent", f"/v1/artefacts/{artefact}/../{artefact}",
                     f"/v1/artefacts/{artefact}/./content", f"/v1//artefacts/{artefact}",
                     f"//v1/artefacts/{artefact}", f"/v1/artefacts/{artefact}/",
                     f"/v1/artefacts/{artefact};x=1", f"/V1/artefacts/{artefact}",
                     f"/v1/artefacts/{artefact}/content/../receipt", "/log/tile/../../keys/log.key",
                     "/log/tile/0/..%2f..%2f..%2fkeys%2flog.key", "/log/tile/0/x001/../../x",
                     "/log/../keys/log.key", "/log/tile/%2e%2e/%2e%2e/gateway.conf",
                     "/problems/../../gateway.conf", "/problems/..%2f..%2fgateway.conf",
                     "/problems/%00", "/problems/" + "x" * 3000, "/%", "/%zz", "/%0d%0aX:1",
                     "/v1/artefacts/%ff", "/?", "/#"):
            with self.subTest(path=path[:60]):
                answer = self.gw.get(path, self.ada)
                if "content" not in path and answer.status == 200:
                    self.assertIn(path, ("/?", "/#"))
                self.assertLess(answer.status, 500, repr(answer))
                for secret in (b"root:", b"PRIVATE", b"listen"):
                    self.assertNotIn(secret, answer.body)
                self.assertNotIn("X", answer.headers)

    def test_symbolic_links_planted_in_the_store(self):
        data = samples.pdf("planted", pad=100000)
        blobs = self.gw.dir / "data" / "blobs"
        before = {p for p in blobs.rglob("*") if p.is_file()}
        artefact = self.expect(self.gw.upload(self.claim, data, self.ada),
                               201).json["artefact"]["id"]
        fresh = [p for p in blobs.rglob("*") if p.is_file() and p not in before
                 and p.stat().st_size >= len(data)]
        self.assertEqual(len(fresh), 1, fresh)
        blob, kept = fresh[0], self.gw.folder / "kept"
        shutil.copy2(blob, kept)
        path = f"/v1/artefacts/{artefact}/content?purpose=decision"
        self.assertEqual(self.gw.get(path, self.gw.manager).body, data)
        try:
            for target in (kept, "/etc/passwd", "/dev/zero", "/nowhere", blobs):
                blob.unlink()
                blob.symlink_to(target)
                answer = self.read(path)
                self.assertNotEqual(answer, data, f"a link to {target} was followed")
                self.assertNotIn(b"root:", answer)
            # the folder of it
            blob.unlink()
            shutil.copy2(kept, blob)
            parent, away = blob.parent, self.gw.folder / "away"
            if parent != blobs:
                shutil.move(parent, away)
                parent.symlink_to(away)
                self.assertNotEqual(self.read(path), data, "a link to the folder was followed")
                parent.unlink()
                shutil.move(away, parent)
        finally:
            if blob.is_symlink() or not blob.exists():
                blob.unlink(missing_ok=True)
                shutil.copy2(kept, blob)
            kept.unlink()
        self.assertEqual(self.read(path), data, "and it reads again when it is back")

    def read(self, path):
        """What arrives of a body, even if it breaks off."""
        try:
            return self.gw.get(path, self.gw.manager).body
        except Exception as e:
            return getattr(e, "partial", b"")

    def test_claims_with_odd_texts(self):
        for change in ({"external_reference": "a\0b"}, {"external_reference": "a\nb"},
                       {"stage": "a\x1b[31m"}, {"benefit": "\u202epip"},
                       {"claimant": {"name": "a\0b"}}, {"claimant": {"subject": "a\0b"}},
                       {"assigned_to": ["a\0b"]}):
            body = self.gw.claim_body("ada")
            for name, value in change.items():
                body[name] = {**body[name], **value} if isinstance(value, dict) else value
            with self.subTest(change=str(change)):
                answer = self.gw.post("/v1/claims", self.gw.system, body)
                self.assertIn(answer.status, (201, 400, 422))
                if "\0" in str(change) or "\\x00" in repr(change):
                    self.assertNotEqual(answer.status, 201, "a NUL was taken")
                self.assertNotIn(b"\x1b", answer.body)

    def test_the_log_holds_no_names(self):
        name, description = "Very Private Letter", "Very Private Description"
        body = self.gw.claim_body("ada")
        claim = self.gw.post("/v1/claims", self.gw.system, body).json["id"]
        self.gw.upload(claim, samples.pdf(), self.ada, filename=f"{name}.pdf",
                       params={"description": description})
        self.gw.upload(claim, b"", self.ada, filename=f"{name}.pdf",
                       params={"description": description})
        self.gw.upload(claim, b"MZ", self.ada, filename=f"{name}\r\n\x1b.pdf", media="text/evil")
        self.gw.get(f"/v1/claims?external_reference={body['external_reference']}", self.gw.manager)
        said = self.gw.stderr()
        for word in (name, description, "Private", body["claimant"]["nino"],
                     body["claimant"]["name"], "Invented", "1971-03-02", "\x1b"):
            self.assertNotIn(word, said)


if __name__ == "__main__":
    unittest.main()

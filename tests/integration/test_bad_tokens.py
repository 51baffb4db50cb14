#!/usr/bin/env python3
"""Tokens that lie: each is refused as RFC 6750 says, and none of them opens anything."""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import threading
import time
import unittest

import forge
from forge import b64, unb64
from gateway_fixture import GatewayTest

SKEW = 30  # seconds that are forgiven, as the settings say


class Base(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.issuer = gw.forge()
        cls.claim = gw.create_claim("ada")
        cls.path = f"/v1/claims/{cls.claim}"

    def ask(self, token, **options):
        return self.gw.get(self.path, token, **options)

    def assertRefused(self, token, status=401, error="invalid_token", **options):
        answer = self.ask(token, **options)
        self.expect(answer, status)
        challenge = answer.headers.get("WWW-Authenticate", "")
        self.assertTrue(challenge.startswith("Bearer"), repr(answer))
        if error:
            self.assertIn(f'error="{error}"', challenge)
        said = f"{answer.headers}{answer.body}"
        self.assertNotIn(self.claim, answer.body.decode().replace(self.path, ""))
        if token and len(token) > 40:
            self.assertNotIn(token[-30:], said, "the answer repeats the token")
        return answer

    def tearDown(self):
        self.assertEqual(self.ask(self.issuer.token()).status, 200, "a good token is refused")


class Forged(Base):
    def test_a_good_one(self):
        self.assertEqual(self.ask(self.issuer.token()).status, 200)
        self.assertEqual(self.ask(self.issuer.token(head={"typ": "application/at+jwt"})).status,
                         200)
        for scheme in ("bearer", "BEARER"):
            answer = self.gw.get(self.path, headers={
                "Authorization": f"{scheme} {self.issuer.token()}"})
            self.assertEqual(answer.status, 200)

    def test_missing(self):
        answer = self.assertRefused(None, error=None)
        self.assertNotIn("error=", answer.headers["WWW-Authenticate"])
        for value in ("Bearer", "Bearer ", "Basic YTpi", "Digest x", "", "Token x",
                      f"Basic {self.issuer.token()}", self.issuer.token(),
                      f"Bearer{self.issuer.token()}", f"Bearer  x {self.issuer.token()}",
                      f"Bearer {self.issuer.token()} x", f"Bearer {self.issuer.token()},x"):
            with self.subTest(value=value[:30]):
                answer = self.gw.get(self.path, headers={"Authorization": value})
                self.expect(answer, (400, 401))
        good = self.issuer.token()
        self.expect(self.gw.get(f"{self.path}?access_token={good}"), (400, 401))
        self.expect(self.gw.get(self.path, headers={"Cookie": f"access_token={good}"}), 401)

    def test_two_authorization_headers(self):
        good = self.issuer.token()
        for first, second in ((good, "x"), ("x", good), (good, good)):
            s = self.gw.socket()
            s.sendall(f"GET {self.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {first}\r\n"
                      f"Authorization: Bearer {second}\r\n\r\n".encode())
            self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 400"))
            s.close()

    def test_algorithms(self):
        issuer = self.issuer
        body = issuer.body()
        for alg in ("none", "None", "NONE", "", "HS256", "RS256", "ES384", "ES512", "EdDSA",
                    "PS256", "es256", "ES256K", "dir"):
            head = {**issuer.head, "alg": alg}
            with self.subTest(alg=alg):
                self.assertRefused(issuer.raw(head, body))
                self.assertRefused(issuer.raw(head, body, b""))
        for alg in (None, 256, ["ES256"], {"a": 1}, True):
            with self.subTest(alg=alg):
                self.assertRefused(issuer.raw({**issuer.head, "alg": alg}, body))
        head = {k: v for k, v in issuer.head.items() if k != "alg"}
        self.assertRefused(issuer.raw(head, body))

    def test_hmac_with_the_public_key(self):
        public = forge.public(self.issuer.jwk)
        x, y = unb64(public["x"]), unb64(public["y"])
        der = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\x04" + x + y
        pem = (b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der)
               + b"-----END PUBLIC KEY-----\n")
        published = (self.gw.dir / "issuer" / "jwks.json").read_bytes()
        for key in (der, pem, pem.strip(), b"\x04" + x + y, x, x + y, published, b"", b"\0" * 32,
                    json.dumps(public).encode()):
            self.assertRefused(self.issuer.hmac_token(key))

    def test_keys_in_the_token(self):
        own = forge.new_key(self.issuer.jwk["kid"])
        attacker = forge.Issuer(own, self.issuer.head, self.issuer.claims)
        attacker.body = self.issuer.body
        for head in ({}, {"jwk": forge.public(own)}, {"jku": "https://127.0.0.1:1/jwks.json"},
                     {"x5u": "https://127.0.0.1:1/x.pem"}, {"kid": "mine", "jwk":
                     forge.public(own)}, {"kid": None, "jwk": forge.public(own)},
                     {"x5c": ["AAAA"]}):
            with self.subTest(head=list(head)):
                self.assertRefused(attacker.token(head=head))

    def test_remote_keys_are_not_fetched(self):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/keys"
        own = forge.new_key("elsewhere")
        attacker = forge.Issuer(own, self.issuer.head, self.issuer.claims)
        for head in ({"jku": url}, {"x5u": url}, {"kid": url}, {"kid": "elsewhere", "jku": url}):
            self.assertRefused(attacker.token(head=head))
        self.assertRefused(attacker.token(iss=url))
        server.shutdown()
        server.server_close()
        self.assertEqual(asked, [])

    def test_embedded_certificate_fields_are_ignored_under_the_right_key(self):
        for head in ({"jku": "https://127.0.0.1:1/"}, {"x5u": "https://127.0.0.1:1/"},
                     {"jwk": forge.public(forge.new_key("x"))}):
            with self.subTest(head=list(head)):
                answer = self.ask(self.issuer.token(head=head))
                self.assertIn(answer.status, (200, 401))

    def test_crit(self):
        for crit in (["exp"], ["b64"], [], ["x"], "x", [1], None):
            with self.subTest(crit=crit):
                head = {**self.issuer.head, "crit": crit, "b64": True, "x": 1}
                self.assertRefused(self.issuer.raw(head, self.issuer.body()))

    def test_kids(self):
        for kid in ("unknown", "../../../../etc/passwd", "/dev/null", "' OR 1=1 --",
                    "a\0b", "x" * 5000, "\u202e", "%00", "\r\nX: 1", "${jndi:ldap://x}",
                    self.issuer.jwk["kid"] + "\0", self.issuer.jwk["kid"] + " ",
                    self.issuer.jwk["kid"].upper() + "x"):
            with self.subTest(kid=kid[:20]):
                self.assertRefused(self.issuer.token(head={"kid": kid}))
        for kid in (7, ["a"], {"a": 1}, True):
            with self.subTest(kid=kid):
                self.assertRefused(self.issuer.token(head={"kid": kid}))

    def test_times(self):
        at = int(time.time())
        good = {"just expired": dict(iat=at - 600, exp=at - SKEW // 3),
                "clock ahead": dict(iat=at + SKEW // 3, exp=at + 600),
                "not before, within the skew": dict(nbf=at + SKEW // 3)}
        for name, members in good.items():
            with self.subTest(name=name):
                self.assertEqual(self.ask(self.issuer.token(**members)).status, 200)
        bad = {"expired": dict(iat=at - 600, exp=at - SKEW - 5),
               "long expired": dict(iat=at - 10 ** 6, exp=at - 10 ** 6 + 600),
               "not yet": dict(nbf=at + SKEW + 60), "from the future": dict(iat=at + 3000,
               exp=at + 3600), "too long a life": dict(exp=at + 10 ** 6),
               "for ever": dict(exp=2 ** 62), "huge": dict(exp=2 ** 70),
               "text": dict(exp=str(at + 600)), "negative": dict(exp=-1), "null": dict(exp=[]),
               "before it was issued": dict(iat=at + 20, exp=at - 10), "real": dict(exp=1e300),
               "iat text": dict(iat="now"), "nbf text": dict(nbf="now"), "bool": dict(exp=True)}
        for name, members in bad.items():
            with self.subTest(name=name):
                self.assertRefused(self.issuer.token(**members))

    def test_an_expired_token_is_not_served_from_a_cache(self):
        for left in (3, 15, 60):  # a busy machine may be too late for the first
            at = int(time.time())
            token = self.issuer.token(iat=at - 600, exp=at - SKEW + left)
            if self.ask(token).status == 200:
                break
        else:
            self.fail("it never was good")
        time.sleep(max(0.0, at + left + 1.5 - time.time()))
        self.assertRefused(token)

    def test_issuer_audience_type(self):
        good = self.issuer.claims
        for members in (dict(iss="https://evil.example"), dict(iss=good["iss"] + "/"),
                        dict(iss=good["iss"].upper()), dict(iss=""), dict(iss=[good["iss"]]),
                        dict(aud="other"), dict(aud=[]), dict(aud=["other"]), dict(aud=""),
                        dict(aud={"a": 1}), dict(sub=""), dict(sub=7), dict(sub="x" * 5000),
                        dict(sub="a\0b"), dict(client_id=""), dict(jti="")):
            with self.subTest(members=str(members)[:40]):
                self.assertRefused(self.issuer.token(**members))
        for typ in ("JWT", "jwt", "id+jwt", "logout+jwt", "", None, 7, "at+jwt;x"):
            with self.subTest(typ=typ):
                self.assertRefused(self.issuer.token(head={"typ": typ}))
        for missing in ("iss", "aud", "exp", "iat", "sub", "client_id", "jti"):
            with self.subTest(missing=missing):
                self.assertRefused(self.issuer.token(**{missing: None}))
        several = self.issuer.token(aud=["other", good["aud"] if isinstance(good["aud"], str)
                                         else good["aud"][0]])
        self.assertEqual(self.ask(several).status, 200)

    def test_roles(self):
        for roles in ([], ["nonsense"], ["Claimant"], ["claimant "]):
            with self.subTest(roles=roles):
                self.assertRefused(self.issuer.token(roles=roles), 403, "insufficient_scope")
        name = next(k for k, v in self.issuer.claims.items() if "case_manager" in str(v))
        for value in (None, 7, {"claimant": True}, [["claimant"]], True):
            with self.subTest(value=value):
                claims = {**self.issuer.body(), name: value}
                answer = self.ask(self.issuer.raw(self.issuer.head, claims))
                self.expect(answer, (401, 403))
        self.assertEqual(self.ask(self.issuer.token(roles=["nonsense", "claimant"])).status, 200)

    def test_duplicate_members(self):
        issuer = self.issuer
        body, head = json.dumps(issuer.body()), json.dumps(issuer.head)
        evil = json.dumps(issuer.body("bob"))
        for text in (body[:-1] + ', "sub": "ada"}', '{"sub": "bob", ' + body[1:],
                     body[:-1] + ', "exp": 99999999999}', evil[:-1] + ', "s\\u0075b": "ada"}'):
            self.assertRefused(issuer.raw(issuer.head, text))
        for text in (head[:-1] + ', "alg": "ES256"}', '{"alg": "none", ' + head[1:],
                     head[:-1] + f', "kid": "{issuer.jwk["kid"]}"}}'):
            self.assertRefused(issuer.raw(text, issuer.body()))

    def test_degenerate_signatures(self):
        n = forge.N.to_bytes(32, "big")
        zero, one, top = b"\0" * 32, b"\0" * 31 + b"\1", (forge.N - 1).to_bytes(32, "big")
        p = forge.P.to_bytes(32, "big")
        for signature in (zero + zero, zero + one, one + zero, n + n, n + one, one + n, p + p,
                          b"\xff" * 64, one + one, top + top, b"", b"\0", b"\0" * 63, b"\0" * 65,
                          b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\0" * 10000):
            with self.subTest(signature=signature[:8]):
                self.assertRefused(self.issuer.raw(self.issuer.head, self.issuer.body(),
                                                   signature))
        # a right signature in the wrong shape
        head, body, good = self.issuer.token().split(".")
        raw = unb64(good)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")

        def der(value):
            data = value.to_bytes(33, "big").lstrip(b"\0") or b"\0"
            return b"\x02" + bytes([len(data) + (data[0] >> 7)]) + b"\0" * (data[0] >> 7) + data
        inner = der(r) + der(s)
        for other in (b"\x30" + bytes([len(inner)]) + inner, raw + b"\0", raw[:-1], raw[32:]
                      + raw[:32], b"\0" + raw, (r + forge.N).to_bytes(33, "big") + raw[32:]):
            self.assertRefused(f"{head}.{body}.{b64(other)}")

    def test_changed_in_any_part(self):
        parts = self.issuer.token().split(".")
        for n in range(3):
            for at in (0, len(parts[n]) // 2, len(parts[n]) - 2):
                changed = parts[n][:at] + ("A" if parts[n][at] != "A" else "B") \
                    + parts[n][at + 1:]
                token = ".".join(parts[:n] + [changed] + parts[n + 1:])
                with self.subTest(part=n, at=at):
                    self.assertRefused(token)

    def test_shapes(self):
        good = self.issuer.token()
        head, body, signature = good.split(".")
        for token in ("x", ".", "..", "...", "a.b.c", f"{head}.{body}", f"{head}.{body}.",
                      f".{body}.{signature}", f"{head}..{signature}", good + ".",
                      good + ".x.y", good + "=", head + "=." + body + "." + signature,
                      f"{head}.{body}.{signature}==", good.replace("-", "+").replace("_", "/")
                      + "+", f"{head}.{body}.{signature[:-1]}!", f"{head}.{b64(b'[]')}.{signature}",
                      f"{b64(b'null')}.{body}.{signature}", f"{b64(b'')}.{body}.{signature}"):
            with self.subTest(token=token[:20]):
                answer = self.ask(token)
                self.expect(answer, (400, 401))
        # five parts: JWE
        jwe = ".".join([b64(json.dumps({"alg": "dir", "enc": "A256GCM", "typ": "at+jwt",
                                        "kid": self.issuer.jwk["kid"]}).encode()),
                        "", b64(b"\0" * 12), b64(b"x" * 100), b64(b"\0" * 16)])
        self.assertRefused(jwe)
        unencoded = {**self.issuer.head, "zip": "DEF"}
        answer = self.ask(self.issuer.raw(unencoded, self.issuer.body()))
        self.assertIn(answer.status, (200, 401))

    def test_large_and_deep(self):
        answer = self.ask("x" * (1 << 20))
        self.assertIn(answer.status, (400, 401, 431))
        for depth in (10000,):
            deep = b"[" * depth + b"]" * depth
            for text in (deep, b'{"a":' + deep + b"}"):
                signed = self.issuer.raw(self.issuer.head, text)
                answer = self.ask(signed)
                self.assertIn(answer.status, (400, 401, 431))
                answer = self.ask(self.issuer.raw(text, self.issuer.body()))
                self.assertIn(answer.status, (400, 401, 431))
        deep = b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"
        self.assertRefused(self.issuer.raw(self.issuer.head, deep))
        wide = json.dumps({**self.issuer.body(), **{f"m{n}": 1 for n in range(600)}})
        self.assertIn(self.ask(self.issuer.raw(self.issuer.head, wide)).status, (200, 401))

    def test_flood_leaves_the_log_readable(self):
        before = len(self.gw.stderr())
        for n in range(300):
            self.ask(f"{n}.{n}.{n}\x1b[31m" if n % 2 else f"{n}.{n}.{n}")
        said = self.gw.stderr()[before:]
        self.assertLess(len(said), 400 * 1000)
        self.assertNotIn("\x1b", said)

    def test_no_token_in_the_log(self):
        good, bad = self.issuer.token(), self.issuer.token(iss="https://evil.example")
        self.ask(good)
        self.ask(bad)
        said = self.gw.stderr()
        for token in (good, bad):
            for part in token.split("."):
                self.assertNotIn(part, said)


class Bound(Base):
    """Certificate-bound tokens (RFC 8705)."""

    def thumbprint(self, cert):
        der = ssl.PEM_cert_to_DER_cert(pathlib.Path(cert[0]).read_text())
        return b64(hashlib.sha256(der).digest())

    def test_bound(self):
        right = self.gw.client_certificate("surgery")
        other = self.gw.client_certificate("claims-system")
        token = self.issuer.token(cnf={"x5t#S256": self.thumbprint(right)})
        self.assertEqual(self.ask(token, cert=right).status, 200)
        self.assertRefused(token)
        self.assertRefused(token, cert=other)
        # the cache must not forget the binding
        self.assertEqual(self.ask(token, cert=right).status, 200)
        self.assertRefused(token)

    def test_bindings_we_do_not_know(self):
        right = self.gw.client_certificate("surgery")
        mark = self.thumbprint(right)
        for cnf in ({"x5t#S256": ""}, {"x5t#S256": mark + "="}, {"x5t#S256": 7}, "x", [], {},
                    {"jkt": mark}, {"jwk": {}}, {"x5t#S256": mark[:-1]}, {"x5t#S512": mark}):
            with self.subTest(cnf=str(cnf)[:30]):
                self.assertRefused(self.issuer.token(cnf=cnf))
                answer = self.ask(self.issuer.token(cnf=cnf), cert=right)
                self.assertEqual(answer.status, 401)

    def test_a_certificate_of_another_authority(self):
        folder = self.gw.folder / "foreign"
        folder.mkdir(exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=surgery",
                        "-addext", "subjectAltName=URI:urn:evidence-gateway:dev:gp-surgery",
                        "-keyout", folder / "k", "-out", folder / "c"], check=True,
                       capture_output=True)
        foreign = (str(folder / "c"), str(folder / "k"))
        token = self.issuer.token(cnf={"x5t#S256": self.thumbprint(foreign)})
        try:
            answer = self.ask(token, cert=foreign)
            self.assertEqual(answer.status, 401)
        except (ssl.SSLError, ConnectionError):
            pass  # refused in the handshake


class KeySetInAFile(GatewayTest):
    """The set changes while the server runs."""

    def write(self, keys):
        path = self.gw.dir / "issuer" / "jwks.json"
        other = path.with_suffix(".new")
        other.write_text(json.dumps({"keys": keys}))
        os.chmod(other, 0o644)
        other.rename(path)

    def test_rotation_and_removal(self):
        issuer = self.gw.forge()
        claim = self.gw.create_claim("ada")
        path = f"/v1/claims/{claim}"
        old = forge.public(issuer.jwk)
        fresh = forge.new_key("fresh/key+2=")
        second = forge.Issuer(fresh, {**issuer.head, "kid": fresh["kid"]}, issuer.claims)
        a, b = issuer.token(), second.token()
        self.assertEqual([self.gw.get(path, t).status for t in (a, b)], [200, 401])

        def wait(token, status):
            deadline = time.monotonic() + 60
            while self.gw.get(path, token).status != status:
                self.assertLess(time.monotonic(), deadline, f"still not {status}")
                time.sleep(0.2)
        self.write([old, forge.public(fresh)])
        wait(b, 200)
        self.assertEqual(self.gw.get(path, a).status, 200)
        # removed: also what is in the cache of verified tokens is gone
        self.write([forge.public(fresh)])
        wait(a, 401)
        self.assertEqual(self.gw.get(path, second.token()).status, 200)
        # an unreadable set is an outage: the last one goes on serving
        (self.gw.dir / "issuer" / "jwks.json").write_text("{ not a key set")
        time.sleep(1)
        self.assertEqual(self.gw.get(path, second.token()).status, 200)
        self.assertIn(self.gw.get(path, issuer.token()).status, (401, 503))
        (self.gw.dir / "issuer" / "jwks.json").unlink()
        time.sleep(1)
        self.assertEqual(self.gw.get(path, second.token()).status, 200)
        self.assertIn(self.gw.get(path, issuer.token()).status, (401, 503))
        self.write([old])
        wait(issuer.token(), 200)
        wait(second.token(), 401)


class KeySetAtAnAddress(GatewayTest):
    """A set that is fetched: refetched for an unknown key, but rarely; kept through an outage."""

    @classmethod
    def configure(cls, gw):
        cls.key = forge.new_key("one")
        cls.keys, cls.fetched, cls.broken = [cls.key], [], False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):
                cls.fetched.append(time.monotonic())
                if cls.broken:
                    handler.send_error(503)
                    return
                body = json.dumps({"keys": [forge.public(k) for k in cls.keys]}).encode()
                handler.send_response(200)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(self, *_):
                pass

        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        row = f'''  {{
    issuer = "https://login.invalid";
    audience = "urn:evidence-gateway";
    jwks_url = "http://127.0.0.1:{cls.server.server_port}/jwks";
    allow_plain_http = true;
    allowed_roles = [ "claimant" ];
    refetch_min = "2 s";
  }}'''
        gw.edit("gateway.conf", r"^(issuers\s*[:=]\s*\(.*?\})(\s*\))", rf"\g<1>,\n{row}\g<2>")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.server.shutdown()
        cls.server.server_close()

    def test_all(self):
        base = self.gw.forge()
        claims = {**base.claims, "iss": "https://login.invalid"}
        claim = self.gw.create_claim("ada")

        def token(key, **members):
            made = forge.Issuer(key, {**base.head, "kid": key["kid"]}, claims)
            return made.token("web-user", **members)

        def status(key, **members):
            return self.gw.get("/v1/claims", token(key, **members)).status
        self.assertEqual(status(self.key), 200)
        self.assertEqual(self.gw.get(f"/v1/claims/{claim}", token(self.key)).status, 404)
        # this issuer may not make case managers
        self.assertEqual(status(self.key, roles=["case_manager"]), 403)
        # an unknown key: one fetch for many requests
        before, foreign = len(type(self).fetched), forge.new_key("two")
        time.sleep(2.2)
        started = time.monotonic()
        self.assertEqual({status(foreign) for _ in range(30)}, {401})
        self.assertLessEqual(len(self.fetched) - before, 2 + (time.monotonic() - started) / 2)
        # the key appears
        self.keys.append(foreign)
        deadline = time.monotonic() + 60
        while status(foreign) != 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)
        # the address fails: the set goes on serving, an unknown key is still refused
        type(self).broken = True
        time.sleep(2.2)
        self.assertIn(status(forge.new_key("three")), (401, 503))
        self.assertEqual((status(self.key), status(foreign)), (200, 200))
        type(self).broken = False
        # removed from the set: gone with the next fetch
        self.keys.remove(self.key)
        time.sleep(2.2)
        self.assertEqual(status(forge.new_key("four")), 401)
        deadline = time.monotonic() + 60
        while status(self.key) != 401:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)
        self.assertEqual(status(foreign), 200)


if __name__ == "__main__":
    unittest.main()

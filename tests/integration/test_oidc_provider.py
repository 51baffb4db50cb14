#!/usr/bin/env python3
"""Tokens of a real issuer: the npm package oidc-provider mints RFC 9068 access tokens over TLS, and
the authenticator takes them, follows the issuer's key rotation and outlives its outage."""

import base64
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

SOURCE = pathlib.Path(os.environ.get("EG_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ["EG_BUILD"])
PACKAGE = "oidc-provider@8.8.1"
MODULES = BUILD / "npm" / "oidc"
TOOL = BUILD / "tests" / "auth_tool"
AUDIENCE = "https://gateway.test/"
KEYS_SECONDS = 1.2  # auth_tool holds a set for a second and refetches once a second


def install():
    if (MODULES / "node_modules" / "oidc-provider" / "package.json").exists():
        return
    MODULES.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(MODULES), PACKAGE],
                   check=True, stdout=subprocess.DEVNULL, timeout=300)


def openssl(*argv):
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)


def certificate(folder, name, extensions, ca=None):
    """A P-256 key and certificate `name`.key and .pem, self-signed or by `ca`."""
    config = folder / f"{name}.cnf"
    config.write_text("[req]\ndistinguished_name=dn\n[dn]\n[ext]\n" + extensions)
    by = ["-CA", folder / f"{ca}.pem", "-CAkey", folder / f"{ca}.key"] if ca else []
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-days", "2", "-config", config, "-extensions", "ext",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *by)


class Lines:
    """A program that answers each line with a line."""

    def __init__(self, *argv):
        self.process = subprocess.Popen([str(a) for a in argv], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def read(self):
        return self.process.stdout.readline().rstrip("\n")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        return status


class RealIssuer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        install()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-oidc-"))
        self.addCleanup(shutil.rmtree, self.folder)
        certificate(self.folder, "ca", "basicConstraints=critical,CA:TRUE\n"
                    "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
        certificate(self.folder, "server", "subjectAltName=IP:127.0.0.1\n"
                    "extendedKeyUsage=serverAuth\n", ca="ca")
        certificate(self.folder, "client", "extendedKeyUsage=clientAuth\n", ca="ca")
        openssl("x509", "-in", self.folder / "client.pem", "-outform", "DER",
                "-out", self.folder / "client.der")
        self.provider = Lines("node", SOURCE / "tests/support/oidc/provider.mjs", MODULES,
                              self.folder / "server.pem", self.folder / "server.key", AUDIENCE)
        self.addCleanup(self.provider.close)
        self.meta = json.loads(self.provider.read())

    def tool(self, *options):
        program = Lines(TOOL, "--ca", self.folder / "ca.pem", *options, self.meta["issuer"], AUDIENCE,
                        self.meta["jwks_uri"], "-")
        self.addCleanup(lambda: self.assertEqual(program.close(), 0))
        return program

    def token(self, client="surgery", resource=AUDIENCE, with_certificate=False):
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if with_certificate:
            context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        form = {"grant_type": "client_credentials", "resource": resource, "scope": "evidence"}
        basic = base64.b64encode(f"{client}:secret-of-{client}".encode()).decode()
        request = urllib.request.Request(self.meta["token_endpoint"],
                                         data=urllib.parse.urlencode(form).encode(),
                                         headers={"Authorization": "Basic " + basic})
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                return json.load(answer)["access_token"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"the provider answered {e.code}: {e.read().decode()}") from e

    def principal(self, client="surgery"):
        return f"principal {self.meta['issuer']} {client} {client} health_professional"

    def test_a_token_is_taken(self):
        token = self.token()
        head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        self.assertEqual((head["typ"], head["alg"]), ("at+jwt", "ES256"))
        tool = self.tool()
        self.assertEqual(tool.ask(token), self.principal())
        self.assertEqual(tool.ask(token), self.principal())  # remembered
        one = subprocess.run([TOOL, "--ca", self.folder / "ca.pem", self.meta["issuer"], AUDIENCE,
                              self.meta["jwks_uri"], token], capture_output=True, text=True)
        self.assertEqual((one.returncode, one.stdout.strip()), (0, self.principal()))

    def test_what_is_not_for_us_is_refused(self):
        tool = self.tool()
        token = self.token()
        self.assertIn("not for us", tool.ask(self.token(resource="https://else.test/")))
        self.assertRegex(tool.ask(self.token(resource="https://opaque.test/")),
                         "^failure unauthenticated 3 ")
        self.assertRegex(tool.ask(self.token(client="nobody")), "^failure unauthenticated 4 ")
        head, claims, signature = token.split(".")
        forged = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        forged = forged.replace(b"health_professional", b"case_manager")
        forged = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        self.assertIn("does not verify", tool.ask(f"{head}.{forged}.{signature}"))
        self.assertEqual(tool.ask(token), self.principal())

    def test_rotation_is_followed(self):
        tool = self.tool()
        old = self.token()
        self.assertEqual(tool.ask(old), self.principal())
        self.assertEqual(self.provider.ask("rotate keep"), "done")
        new = self.token()
        self.assertNotEqual(old.split(".")[0], new.split(".")[0])  # another kid
        time.sleep(KEYS_SECONDS)
        self.assertEqual(tool.ask(new), self.principal())
        self.assertEqual(tool.ask(old), self.principal())
        self.assertEqual(self.provider.ask("rotate drop"), "done")
        time.sleep(KEYS_SECONDS)
        self.assertEqual(tool.ask(new), self.principal())
        self.assertRegex(tool.ask(old), "^failure unauthenticated 3 .*not in the")

    def test_an_outage_is_outlived(self):
        tool = self.tool()
        known, unseen = self.token(), self.token()
        self.assertEqual(tool.ask(known), self.principal())
        self.provider.ask("rotate keep")
        foreign = self.token()
        self.assertEqual(self.provider.ask("close"), "done")
        time.sleep(KEYS_SECONDS)
        self.assertEqual(tool.ask(known), self.principal())
        self.assertEqual(tool.ask(unseen), self.principal())
        self.assertRegex(tool.ask(foreign), "^failure unavailable 0 ")  # no fault of the token

    def test_the_issuer_is_authenticated_too(self):
        token = self.token()
        (self.folder / "other").mkdir()
        certificate(self.folder / "other", "ca", "basicConstraints=critical,CA:TRUE\n")
        one = subprocess.run([TOOL, "--ca", self.folder / "other" / "ca.pem", self.meta["issuer"],
                              AUDIENCE, self.meta["jwks_uri"], token], capture_output=True, text=True)
        self.assertEqual(one.returncode, 1)
        self.assertRegex(one.stdout, "^failure unavailable 0 ")

    def test_a_bound_token_needs_its_certificate(self):
        token = self.token(client="bound", with_certificate=True)
        ca = ("--client-ca", self.folder / "ca.pem")
        self.assertRegex(self.tool().ask(token), "^failure unauthenticated 3 ")
        self.assertRegex(self.tool(*ca).ask(token), "^failure unauthenticated 3 ")
        with_it = self.tool(*ca, "--certificate", self.folder / "client.der")
        self.assertEqual(with_it.ask(token), self.principal("bound"))
        certificate(self.folder, "second", "extendedKeyUsage=clientAuth\n", ca="ca")
        openssl("x509", "-in", self.folder / "second.pem", "-outform", "DER",
                "-out", self.folder / "second.der")
        with_another = self.tool(*ca, "--certificate", self.folder / "second.der")
        self.assertIn("another certificate", with_another.ask(token))


if __name__ == "__main__":
    unittest.main(verbosity=2)

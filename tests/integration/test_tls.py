#!/usr/bin/env python3
"""TLS as scanners, attackers and careless administrators meet it."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import xml.etree.ElementTree

import gateway_fixture as fixture
import pki
import samples
from gateway_fixture import GatewayTest

URI = "URI:urn:evidence-gateway:dev:gp-surgery"

# What testssl may report although nothing is wrong with us, each with its reason.
ALLOWED = {
    "cert_chain_of_trust": "the development authority is nobody's root",
    "cert_trust": "the scanner asks for an address, the certificate is for localhost as well",
    "cert_revocation": "a development certificate names no revocation list",
    "cert_crlDistributionPoints": "the same",
    "cert_ocspURL": "the same",
    "cert_mustStapleExtension": "the same",
    "DNS_CAArecord": "an address has no DNS records",
    "cert_eTLS": "informational",
    "HTTP_status_code": "/ asks for a login",
    "overall_grade": "the grade is capped for a certificate without trust",
    "grade_cap_reason_1": "the same",
    "engine_problem": "of the scanner itself",
    "secure_client_renego": "the scanner takes a connection that is closed in good order for one "
                            "that renegotiated; test_renegotiation looks more closely",
}
# What it may say when it could not look, as (id, finding), each with its reason.
NOT_LOOKED_AT = {
    ("sessionresumption_ticket", "check failed because of connect problem"):
        "its client hangs up without waiting for the ticket, which TLS 1.3 sends after the handshake, "
        "and has nothing to come back with then; test_sessions_resume waits for the ticket",
}
BAD = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL"}


def s_client(gw, *argv, data=b"", timeout=60):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gw.port}", "-CAfile", str(gw.ca), *argv],
        input=data, capture_output=True, timeout=timeout)
    return (done.stdout + done.stderr).decode(errors="replace")


class Base(GatewayTest):
    def tearDown(self):
        self.assertTrue(self.gw.alive(), "the server is gone")
        self.assertEqual(self.gw.get("/v1/claims").status, 401)


class Scanners(Base):
    @unittest.skipUnless(shutil.which("sslscan"), "sslscan is not installed")
    def test_sslscan(self):
        done = subprocess.run(["sslscan", "--no-colour", "--show-certificate", "--xml=-",
                               f"127.0.0.1:{self.gw.port}"], capture_output=True, timeout=120)
        told = xml.etree.ElementTree.fromstring(done.stdout)
        enabled = {f"{p.get('type')}{p.get('version')}" for p in told.iter("protocol")
                   if p.get("enabled") == "1"}
        self.assertEqual(enabled, {"tls1.2", "tls1.3"})
        ciphers = [(c.get("sslversion"), c.get("cipher"), int(c.get("bits")))
                   for c in told.iter("cipher")]
        self.assertTrue(ciphers)
        for version, cipher, bits in ciphers:
            self.assertGreaterEqual(bits, 128, cipher)
            self.assertTrue("GCM" in cipher or "CHACHA20" in cipher, cipher)
            if version == "TLSv1.2":
                self.assertTrue(cipher.startswith("ECDHE-"), cipher)
        for compression in told.iter("compression"):
            self.assertEqual(compression.get("supported"), "0")
        for heartbleed in told.iter("heartbleed"):
            self.assertEqual(heartbleed.get("vulnerable"), "0")
        for group in told.iter("group"):
            self.assertIn(group.get("name").lower(), ("x25519", "secp256r1 (nist p-256)",
                                                      "secp384r1 (nist p-384)"))
        for renegotiation in told.iter("renegotiation"):
            self.assertTrue(renegotiation.get("supported") == "0"
                            or renegotiation.get("secure") == "1")

    @unittest.skipUnless(shutil.which("testssl"), "testssl is not installed")
    def test_testssl(self):
        wrong = self.scan()
        for _ in range(2):  # a warning says that it could not look: on a busy machine, once more
            if any("(WARN)" in line for line in wrong):
                wrong = self.scan()
        self.assertEqual(wrong, [])

    def scan(self):
        out = self.gw.folder / "testssl.json"
        out.unlink(missing_ok=True)
        done = subprocess.run(
            ["testssl", "--quiet", "--warnings", "off", "--color", "0", "--nodns", "none",
             "--add-ca", str(self.gw.ca), "--jsonfile", str(out), "--protocols",
             "--server-defaults", "--std", "--fs", "--server-preference", "--heartbleed",
             "--ccs-injection", "--ticketbleed", "--robot", "--renegotiation", "--compression",
             "--poodle", "--tls-fallback", "--sweet32", "--freak", "--drown", "--logjam",
             "--beast", "--lucky13", "--rc4", f"127.0.0.1:{self.gw.port}"],
            capture_output=True, timeout=400)
        self.assertTrue(out.exists(), done.stdout[-2000:])
        found = json.loads(out.read_text())
        self.assertGreater(len(found), 40)
        return [f"{f['id']} ({f['severity']}): {f['finding']}" for f in found
                if f["severity"] in BAD and f["id"] not in ALLOWED
                and (f["id"], f["finding"]) not in NOT_LOOKED_AT]


class Handshakes(Base):
    def assertNoHandshake(self, *argv):
        said = s_client(self.gw, *argv)
        self.assertTrue("Cipher is (NONE)" in said or "Cipher    : 0000" in said
                        or "no protocols available" in said, said[-1500:])

    def test_old_versions(self):
        for version in ("-tls1", "-tls1_1"):
            self.assertNoHandshake(version, "-cipher", "ALL:@SECLEVEL=0")
        # SSL 3.0 and 2.0, which openssl cannot speak any more
        for hello in (bytes.fromhex("16030000 2f 01 00002b 0300".replace(" ", "")) + b"\0" * 32
                      + bytes.fromhex("0000040035000a0100"),
                      bytes.fromhex("802e0100020015000000100100800300800700c006004002008004"
                                    "0080" + "00" * 20)):
            s = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60)
            s.sendall(hello)
            try:
                got = s.recv(4096)
            except OSError:
                got = b""
            s.close()
            self.assertFalse(got.startswith(b"\x16"), "a handshake went on")

    def test_weak_ciphers(self):
        for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "AES256-SHA256", "ECDHE-RSA-AES128-SHA",
                       "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-SHA",
                       "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM8", "ADH-AES128-SHA",
                       "AECDH-AES128-SHA", "NULL", "eNULL", "PSK"):
            with self.subTest(cipher=cipher):
                self.assertNoHandshake("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")

    def test_good_ones(self):
        for version in ("-tls1_2", "-tls1_3"):
            self.assertIn("Verify return code: 0", s_client(self.gw, version))

    def test_renegotiation(self):
        """The server ends a connection that asks for it."""
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.gw.port}", "-tls1_2", "-msg"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(1)
        client.stdin.write(b"R\n")
        client.stdin.flush()
        try:
            client.wait(60)  # its input is open: only the server can have ended it
        except subprocess.TimeoutExpired:
            client.kill()
            self.fail("the connection goes on")
        said = client.stdout.read().decode(errors="replace")
        client.stdin.close()
        client.stdout.close()
        self.assertIn("RENEGOTIATING", said)
        self.assertEqual(len(re.findall("<<< TLS 1.2, Handshake .*ServerHello\n", said)), 1)

    def test_early_data_is_not_taken(self):
        session, early = self.gw.folder / "session", self.gw.folder / "early"
        early.write_bytes(b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n\r\n")
        s_client(self.gw, "-tls1_3", "-sess_out", str(session),
                 data=b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        if session.exists():
            said = s_client(self.gw, "-tls1_3", "-sess_in", str(session), "-early_data", str(early))
            self.assertNotIn("Early data was accepted", said)

    def test_plain_http(self):
        s = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60)
        s.sendall(b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            got = s.recv(4096)
        except OSError:
            got = b""
        s.close()
        self.assertNotIn(b" 200 ", got)

    def test_truncated_and_fuzzed(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = outgoing.read()
        dice = random.Random(29)
        blobs = [hello[:n] for n in range(0, len(hello), 23)]
        for _ in range(200):
            mutant = bytearray(hello)
            for _ in range(dice.randrange(1, 12)):
                mutant[dice.randrange(len(mutant))] = dice.randrange(256)
            blobs.append(bytes(mutant))
        blobs += [dice.randbytes(dice.randrange(1, 5000)) for _ in range(100)]
        blobs += [b"\x16\x03\x01\xff\xff" + dice.randbytes(20000), b"\x17\x03\x03\x40\x00"
                  + dice.randbytes(16384), b"\x15\x03\x03\x00\x02\x02\x28", b"\x14\x03\x03\0\1\1"]
        for blob in blobs:
            s = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60)
            try:
                s.sendall(blob)
                s.shutdown(socket.SHUT_WR)
                s.settimeout(0.05)
                s.recv(4096)
            except OSError:
                pass
            s.close()

    def test_garbage_inside_the_session(self):
        dice = random.Random(30)
        for _ in range(30):
            s = self.gw.socket()
            s.settimeout(5)
            try:
                s.sendall(dice.randbytes(dice.randrange(1, 3000)) + b"\r\n\r\n")
                s.recv(4096)
            except OSError:
                pass
            s.close()


class Resumption(Base):
    def test_sessions_resume(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                context = ssl.create_default_context(cafile=str(self.gw.ca))
                context.minimum_version = context.maximum_version = version
                session, reused = None, []
                for _ in range(4):
                    plain = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60)
                    s = context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
                    s.sendall(b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertTrue(s.recv(8192).startswith(b"HTTP/1.1 401"))
                    reused.append(s.session_reused)
                    session = s.session
                    s.close()
                self.assertEqual(reused, [False, True, True, True])

    def test_a_resumed_session_keeps_its_certificate_or_has_none(self):
        """Resumption gives nobody a certificate that was not verified."""
        claim = self.gw.create_claim("ada")
        context = ssl.create_default_context(cafile=str(self.gw.ca))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = None
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60)
            s = context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
            s.sendall(f"GET /v1/claims/{claim} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.assertTrue(s.recv(8192).startswith(b"HTTP/1.1 401"))
            session = s.session
            s.close()


class Rotation(Base):
    def test_rotation_under_load(self):
        authority = pki.Authority.of(self.gw)
        names = "IP:127.0.0.1,DNS:localhost"
        ada = self.gw.token("claimant", "ada")
        claim = self.gw.create_claim("ada")
        stop, failures, counts = threading.Event(), [], [0, 0]

        def load(n):
            with fixture.Session(self.gw) as session:
                while not stop.is_set():
                    try:
                        if n % 2:
                            session.close()  # a new handshake each time
                        answer = self.gw.upload(claim, samples.pdf(pad=1000 * n), ada,
                                                session=session)
                        if answer.status != 201:
                            failures.append(answer)
                        counts[n % 2] += 1
                    except Exception as e:
                        failures.append(e)

        threads = [threading.Thread(target=load, args=(n,)) for n in range(6)]
        for t in threads:
            t.start()
        served = []
        try:
            for _ in range(8):
                certificate, key = authority.issue(names, "serverAuth")
                for source, target in ((certificate, "tls/server.pem"), (key, "tls/server.key")):
                    fresh = self.gw.dir / (target + ".new")
                    shutil.copy(source, fresh)
                    os.chmod(fresh, 0o600 if target.endswith("key") else 0o644)
                    fresh.rename(self.gw.dir / target)
                self.gw.process.send_signal(signal.SIGHUP)
                wanted = ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())
                deadline = time.monotonic() + 60
                while True:
                    s = self.gw.socket()
                    shown = s.getpeercert(binary_form=True)
                    s.close()
                    if shown == wanted:
                        break
                    self.assertLess(time.monotonic(), deadline, "the new one is not served")
                    time.sleep(0.05)
                served.append(wanted)
                time.sleep(0.5)
            deadline = time.monotonic() + 120
            while min(counts) <= 10 and time.monotonic() < deadline:
                time.sleep(0.1)  # a slow machine takes longer for the same load
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertEqual(failures[:3], [], f"{len(failures)} of {sum(counts)} failed")
        self.assertGreater(min(counts), 10)
        self.assertEqual(len(set(served)), 8)

    def test_a_broken_pair_does_not_replace_the_good_one(self):
        good = (self.gw.dir / "tls/server.pem").read_bytes()
        try:
            for bad in (b"", b"no certificate", good[:200]):
                (self.gw.dir / "tls/server.pem").write_bytes(bad)
                self.gw.process.send_signal(signal.SIGHUP)
                time.sleep(0.5)
                self.assertEqual(self.gw.get("/v1/claims").status, 401)
        finally:
            (self.gw.dir / "tls/server.pem").write_bytes(good)
            self.gw.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)


class ClientCertificates(Base):
    @classmethod
    def prepare(cls, gw):
        cls.claim = gw.create_claim("ada")
        cls.authority = pki.Authority.of(gw)

    def send(self, cert):
        """The status of a GP's upload with this certificate; 0 if the handshake was refused."""
        try:
            return self.gw.upload(self.claim, samples.pdf("SR1"), kind="medical_report",
                                  cert=cert).status
        except (ssl.SSLError, ConnectionError):
            return 0

    def assertRefused(self, cert):
        self.assertIn(self.send(cert), (0, 401))

    def test_good(self):
        self.assertEqual(self.send(self.gw.gp_certificate), 201)
        self.assertEqual(self.send(self.authority.issue(URI)), 201)

    def test_wrong_authority(self):
        foreign = pki.Authority(self.gw.folder / "foreign")
        same_name = pki.Authority(self.gw.folder / "imitation", name="Development CA")
        for authority in (foreign, same_name):
            self.assertRefused(authority.issue(URI))

    def test_expired_and_not_yet(self):
        self.assertRefused(self.authority.issue(URI, start="20200101000000Z",
                                                end="20210101000000Z"))
        self.assertRefused(self.authority.issue(URI, start="20450101000000Z",
                                                end="20460101000000Z"))

    def test_wrong_purpose(self):
        self.assertRefused(self.authority.issue(URI, usage="serverAuth"))
        self.assertRefused(self.authority.issue(URI, usage="codeSigning"))

    def test_nobody_we_know(self):
        for names in ("URI:urn:evidence-gateway:dev:gp-surgery2", "URI:urn:evidence-gateway:dev:",
                      "DNS:gp-surgery", "URI:URN:EVIDENCE-GATEWAY:DEV:GP-SURGERY",
                      "email:surgery@example.org"):
            with self.subTest(names=names):
                self.assertRefused(self.authority.issue(names))

    def test_roles_of_a_certificate(self):
        self.assertEqual(self.gw.get(f"/v1/claims/{self.claim}",
                                     cert=self.gw.client_certificate("claims-system")).status, 200)
        self.assertIn(self.gw.get(f"/v1/claims/{self.claim}",
                                  cert=self.gw.gp_certificate).status, (403, 404))

    def test_a_token_beside_a_certificate_counts(self):
        ada = self.gw.token("claimant", "ada")
        foreign = pki.Authority(self.gw.folder / "foreign2").issue(URI)
        for cert in (self.gw.gp_certificate, foreign):
            try:
                self.assertEqual(self.gw.get(f"/v1/claims/{self.claim}", ada, cert=cert).status, 200)
            except (ssl.SSLError, ConnectionError):
                self.assertEqual(cert, foreign)

    def test_revoked(self):
        cert = self.authority.issue(URI)
        self.assertEqual(self.send(cert), 201)
        target = self.gw.dir / "tls/crl.pem"
        good = target.read_bytes()

        def install(**options):
            fresh = self.gw.dir / "tls/crl.new"
            self.authority.crl(fresh, **options)
            os.chmod(fresh, 0o644)
            fresh.rename(target)
            self.gw.process.send_signal(signal.SIGHUP)

        def wait(certificate, refused):
            deadline = time.monotonic() + 60
            while (self.send(certificate) in (0, 401)) != refused:
                self.assertLess(time.monotonic(), deadline, f"refused: {not refused}")
                time.sleep(0.2)
        try:
            self.authority.revoke(cert[0])
            install()
            wait(cert, True)
            self.assertEqual(self.send(self.gw.gp_certificate), 201)
            # an expired list refuses everybody
            install(lastupdate="20200101000000Z", nextupdate="20200201000000Z")
            wait(self.gw.gp_certificate, True)
            install()
            wait(self.gw.gp_certificate, False)
            self.assertRefused(cert)
            # a list of somebody else is none
            foreign = pki.Authority(self.gw.folder / "foreign3")
            foreign.crl(target)
            self.gw.process.send_signal(signal.SIGHUP)
            wait(self.gw.gp_certificate, True)
        finally:
            target.write_bytes(good)
            self.gw.process.send_signal(signal.SIGHUP)
            wait(self.gw.gp_certificate, False)



if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The command line: a set-up from nothing, tokens, keys and their rotation beside a running server, export, scrub, the log."""

import base64
import json
import os
import pathlib
import pty
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

import gateway_fixture as fixture
import samples
from gateway_fixture import Gateway, GatewayTest, receipt_of

GOOD, FAILED, USAGE, ENVIRONMENT = 0, 1, 2, 3


def part(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Commands(unittest.TestCase):
    """Without a server."""

    @classmethod
    def setUpClass(cls):
        cls.gw = Gateway()
        cls.gw.command("init", "--dir", cls.gw.dir, "--listen", "127.0.0.1:0", "--ops-listen", "[::1]:0")

    @classmethod
    def tearDownClass(cls):
        cls.gw.remove()

    def run_command(self, *argv, code=GOOD):
        done = self.gw.command(*argv, check=False)
        self.assertEqual(done.returncode, code, f"{argv}: {done}")
        if code in (USAGE, ENVIRONMENT):
            self.assertEqual(done.stdout, b"", argv)
            self.assertIn(b"evidence-gateway", done.stderr)
        return done

    # --- init ------------------------------------------------------------------------------

    def test_secrets_are_for_their_owner_alone(self):
        secrets = 0
        for path in [self.gw.dir, *self.gw.dir.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            if path.is_dir():
                self.assertEqual(mode, 0o700, path)
            elif path.suffix in (".key", ".identity") or path.name == "dev.key.json":
                self.assertEqual(mode, 0o400, path)
                secrets += 1
            else:
                self.assertEqual(mode & 0o022, 0, path)
        self.assertEqual(secrets, 10)
        self.assertEqual(stat.S_IMODE((self.gw.dir / "data/gateway.db").stat().st_mode), 0o600)

    def test_a_set_up_is_made_once(self):
        before = {p: p.read_bytes() for p in self.gw.dir.rglob("*") if p.is_file()}
        self.run_command("init", "--dir", self.gw.dir, code=ENVIRONMENT)
        self.assertEqual(before, {p: p.read_bytes() for p in self.gw.dir.rglob("*") if p.is_file()})

    def test_a_folder_with_something_in_it_is_left_alone(self):
        folder = self.gw.folder / "used"
        folder.mkdir()
        (folder / "letter").write_text("x")
        self.run_command("init", "--dir", folder, code=ENVIRONMENT)
        self.assertEqual([p.name for p in folder.iterdir()], ["letter"])

    def test_an_empty_folder_is_taken_and_closed(self):
        folder = self.gw.folder / "empty"
        folder.mkdir(mode=0o755)
        self.run_command("init", "--dir", folder)
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        self.run_command("check-config", "--config", folder / "gateway.conf")

    def test_init_wants_loopback(self):
        for option in ("--listen", "--ops-listen"):
            for address in ("0.0.0.0:8443", "192.0.2.1:1", "[::]:1", "localhost:1", "127.0.0.1"):
                self.run_command("init", "--dir", self.gw.folder / "never", option, address, code=USAGE)
        self.assertFalse((self.gw.folder / "never").exists())

    def openssl(self, *argv):
        done = subprocess.run(["openssl", *map(str, argv)], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.decode()

    def test_certificates_are_what_openssl_wants(self):
        ca = self.gw.dir / "ca.pem"
        for file, purpose in (("tls/server.pem", "sslserver"), ("clients/gp-surgery.pem", "sslclient"),
                              ("clients/claims-system.pem", "sslclient")):
            self.openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, "-crl_check", "-CRLfile",
                         self.gw.dir / "tls/crl.pem", self.gw.dir / file)
        names = self.openssl("x509", "-in", self.gw.dir / "tls/server.pem", "-noout", "-ext", "subjectAltName")
        for name in ("IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1", "DNS:localhost"):
            self.assertIn(name, names)
        names = self.openssl("x509", "-in", self.gw.dir / "clients/gp-surgery.pem", "-noout", "-ext", "subjectAltName")
        self.assertIn("URI:urn:evidence-gateway:dev:gp-surgery", names)
        serials = {self.openssl("x509", "-in", self.gw.dir / f, "-noout", "-serial")
                   for f in ("ca.pem", "tls/server.pem", "clients/gp-surgery.pem")}
        self.assertEqual(len(serials), 3)

    # --- the command line --------------------------------------------------------------------

    def test_every_command_has_help(self):
        listed = self.run_command("--help").stdout.decode()
        self.assertEqual(self.run_command("help").stdout.decode(), listed)
        names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
        self.assertIn("serve", names)
        for name in names:
            if name == "version":
                continue
            commands = [(name,)]
            if name in ("keys", "log"):
                table = self.run_command(name, "--help").stdout.decode()
                commands = [(name, line.split()[0]) for line in table.splitlines() if line.startswith("  ")]
                self.assertGreaterEqual(len(commands), 2)
            for command in commands:
                self.assertIn(b"usage: evidence-gateway " + " ".join(command).encode(),
                              self.run_command(*command, "--help").stdout)

    def test_wrong_use_is_explained(self):
        conf = self.gw.config
        for argv in ([], ["serv"], ["keys"], ["keys", "lose"], ["token"], ["token", "--config"],
                     ["token", "--config", conf, "--subject", "a"], ["token", "--conf", conf],
                     ["token", "--config", conf, "--role", "king", "--subject", "a"],
                     ["token", "--config", conf, "--role", "auditor", "--subject", "a", "--ttl", "1h"],
                     ["token", "--config", conf, "--role", "auditor", "--subject", "a", "--ttl", "0"],
                     ["token", "--config", conf, "--role", "auditor", "--subject", "a", "--ttl", "86400"],
                     ["check-config", "--config", conf, "--config", conf], ["check-config", "--config", conf, "more"],
                     ["scrub", "--json=yes", "--config", conf], ["verify", "--key", "x"],
                     ["log", "proof", "--config", conf, "-1"], ["keys", "retire", "--config", conf],
                     ["export", "--config", conf, "--artefact", "x", "--recipient", "y", "--out", "/nowhere/z"],
                     ["keeper"], ["keeper", "99"], ["keeper", "x"], ["help", "me"]):
            self.run_command(*argv, code=USAGE)

    def test_version(self):
        self.assertRegex(self.run_command("version").stdout.decode(), r"^evidence-gateway \d+\.\d+\.\d+\n$")

    def test_settings_are_printed(self):
        self.assertIn(b"# read_session = ", self.run_command("help", "settings").stdout)
        self.assertIn(b"| `read_session` |", self.run_command("help", "settings", "--markdown").stdout)

    # --- check-config ------------------------------------------------------------------------

    def changed(self, old, new):
        """A copy of the set-up with another configuration."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.gw.folder)) / "copy"
        shutil.copytree(self.gw.dir, folder, symlinks=True)
        text = (folder / "gateway.conf").read_text()
        self.assertIn(old, text)
        (folder / "gateway.conf").write_text(text.replace(old, new, 1))
        return folder

    def test_check_config_tells_what_is_in_effect(self):
        told = self.run_command("check-config", "--config", self.gw.config).stdout.decode()
        self.assertIn('server.ops_listen = "[::1]:0"\n', told)
        self.assertIn("policy.inspection = false\n", told)
        for warning in ("inspection-off", "development-issuer", "assessors-any-claim", "log-name-reserved"):
            self.assertIn(f"warning: {warning}: ", told)
        self.assertIn("\n0 errors, ", told)

    def test_check_config_minds_the_intake_key(self):
        folder = self.changed("listen", "listen")
        key = folder / "keys/intake.key"
        told = self.run_command("check-config", "--config", folder / "gateway.conf").stdout.decode()
        self.assertNotIn("no-intake-key", told)
        key.unlink()
        told = self.run_command("check-config", "--config", folder / "gateway.conf").stdout.decode()
        self.assertIn("warning: no-intake-key: ", told)

    def test_check_config_finds_what_is_wrong_with_files(self):
        breakages = {
            "private_key_file": lambda d: (d / "tls/server.key").chmod(0o644),
            "log_key_file": lambda d: (d / "keys/log.key").unlink(),
            "state_file": lambda d: (d / "state/ledger.state").unlink(),
            "keyring": lambda d: (d / "keyring/keyring.json").write_text("{}"),
            "kinds": lambda d: (d / "kinds.conf").write_text("kinds = ();"),
            "client_crl_file": lambda d: (d / "tls/crl.pem").write_text("no list"),
            "certificate_file": lambda d: (d / "tls/server.pem").write_text("no certificate"),
            "database_file": lambda d: (d / "data/gateway.db").chmod(0o660),
            "keys_dir": lambda d: (d / "keys").chmod(0o777),
            "intake key": lambda d: (d / "keys/intake.key").chmod(0o440),
        }
        for name, breakage in breakages.items():
            folder = self.changed("listen", "listen")
            breakage(folder)
            told = self.run_command("check-config", "--config", folder / "gateway.conf", code=FAILED).stdout.decode()
            errors = [line for line in told.splitlines() if line.startswith("error: ")]
            self.assertEqual(len(errors), 1, told)
            self.assertIn(name, errors[0])

    def test_a_configuration_that_is_not_understood(self):
        for old, new, says in (("inspection = false", "inspection = 0", "policy.inspection: wants true or false"),
                               ("inspection = false", "inspections = false", "policy.inspections: there is no such"),
                               ("issuers = (", "issuers = ((", "syntax error")):
            folder = self.changed(old, new)
            for command in (("check-config",), ("serve",), ("scrub",), ("keys", "list"),
                            ("token", "--role", "auditor", "--subject", "a")):
                done = self.gw.command(*command, "--config", folder / "gateway.conf", check=False)
                self.assertIn(done.returncode, (USAGE,) if command != ("serve",) else (USAGE, ENVIRONMENT), done)
                self.assertIn(says.encode(), done.stderr)
                self.assertRegex(done.stderr.decode(), r"gateway\.conf:\d+: ")
        self.run_command("check-config", "--config", "/nowhere/gateway.conf", code=ENVIRONMENT)

    def test_the_development_issuer_stays_on_loopback(self):
        for old, new in (('  listen = "127.0.0.1:0"', '  listen = "0.0.0.0:0"'),
                         ('ops_listen = "[::1]:0"', 'ops_listen = "[::]:0"')):
            conf = self.changed(old, new) / "gateway.conf"
            self.run_command("check-config", "--config", conf, code=USAGE)
            self.run_command("token", "--config", conf, "--role", "auditor", "--subject", "a", code=USAGE)
            done = self.gw.command("serve", "--config", conf, check=False, timeout=30)
            self.assertIn(done.returncode, (USAGE, ENVIRONMENT))
            self.assertIn(b"loopback", done.stderr)
        conf = self.changed('  listen = "127.0.0.1:0"', '  listen = "0.0.0.0:0"') / "gateway.conf"
        conf.write_text(conf.read_text().replace("  enabled = true;", "  enabled = false;"))
        self.run_command("check-config", "--config", conf)
        self.run_command("token", "--config", conf, "--role", "auditor", "--subject", "a", code=FAILED)

    # --- token -------------------------------------------------------------------------------

    def test_a_token_says_what_was_asked_for(self):
        done = self.run_command("token", "--config", self.gw.config, "--role", "claimant", "--role=auditor",
                                "--subject", "ada", "--ttl", "60", "--scope", "a b", "--client-id", "portal")
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), 1)
        self.assertEqual(done.stderr, b"")
        head, claims = map(part, lines[0].split(".")[:2])
        key = json.loads((self.gw.dir / "issuer/jwks.json").read_text())["keys"][0]
        self.assertEqual(head, {"alg": "ES256", "typ": "at+jwt", "kid": key["kid"]})
        self.assertNotIn("d", key)
        self.assertEqual(claims["roles"], ["claimant", "auditor"])
        self.assertEqual((claims["iss"], claims["aud"], claims["sub"], claims["client_id"], claims["scope"]),
                         ("urn:evidence-gateway:dev", "urn:evidence-gateway", "ada", "portal", "a b"))
        self.assertEqual(claims["exp"] - claims["iat"], 60)
        self.assertLess(abs(claims["iat"] - time.time()), 60)
        again = self.run_command("token", "--config", self.gw.config, "--role", "claimant", "--subject", "ada")
        self.assertNotEqual(part(again.stdout.decode().split(".")[1])["jti"], claims["jti"])

    def test_a_key_file_that_others_can_read_is_refused(self):
        folder = self.changed("listen", "listen")
        (folder / "issuer/dev.key.json").chmod(0o444)
        self.run_command("token", "--config", folder / "gateway.conf", "--role", "auditor", "--subject", "a",
                         code=ENVIRONMENT)

    # --- keys and log, nobody serving ----------------------------------------------------------

    def keys(self, conf):
        rows = [line.split() for line in
                self.run_command("keys", "list", "--config", conf).stdout.decode().splitlines()]
        return {row[0]: row[1] for row in rows if row[0] not in ("recovery", "column")}

    def test_a_key_s_life(self):
        conf = self.changed("listen", "listen") / "gateway.conf"
        folder = conf.parent
        first, = self.keys(conf)
        second = self.run_command("keys", "add", "--config", conf).stdout.decode().strip()
        self.assertEqual(self.keys(conf), {first: "active", second: "loaded"})
        self.assertEqual(stat.S_IMODE((folder / f"keys/{second}.identity").stat().st_mode), 0o400)
        self.run_command("keys", "retire", "--config", conf, first, code=FAILED)
        self.run_command("keys", "rotate", "--config", conf, "--to", "0" * 16, code=ENVIRONMENT)
        self.run_command("keys", "rotate", "--config", conf)
        self.assertEqual(self.keys(conf), {first: "loaded", second: "active"})
        self.run_command("keys", "rotate", "--config", conf, "--to", first)
        self.assertEqual(self.keys(conf), {first: "active", second: "loaded"})
        self.run_command("keys", "rotate", "--config", conf, "--to", second)
        self.run_command("keys", "retire", "--config", conf, first)
        self.assertEqual(self.keys(conf), {first: "retired", second: "active"})
        self.assertFalse((folder / f"keys/{first}.identity").exists())
        self.run_command("keys", "retire", "--config", conf, first)  # again: harmless
        self.run_command("keys", "retire", "--config", conf, second, code=FAILED)
        self.run_command("keys", "retire", "--config", conf, "0" * 16, code=ENVIRONMENT)
        self.run_command("keys", "rotate", "--config", conf, "--to", first, code=FAILED)
        told = self.run_command("log", "verify", "--config", conf).stdout.decode()
        self.assertTrue(told.startswith("5 entries signed"), told)
        with sqlite3.connect(folder / "data/gateway.db") as db:
            actions = [row[0] for row in db.execute("SELECT action FROM ledger_entries ORDER BY seq")]
        self.assertEqual(actions, ["key.added", "key.rewrap", "key.rewrap", "key.rewrap", "key.retired"])
        proof = self.run_command("log", "proof", "--config", conf, "2").stdout.decode()
        self.assertTrue(proof.startswith("old 2\n"))
        self.assertIn("\n\nevidence-gateway.invalid/log\n5\n", proof)
        self.run_command("log", "proof", "--config", conf, "6", code=USAGE)

    def test_one_keys_command_at_a_time(self):
        conf = self.changed("listen", "listen") / "gateway.conf"
        holder = subprocess.Popen(["flock", "-x", str(conf.parent / "keyring"), "sleep", "60"])
        try:
            deadline = time.monotonic() + 20
            while self.gw.command("keys", "add", "--config", conf, check=False).returncode == GOOD:
                self.assertLess(time.monotonic(), deadline)
            self.run_command("keys", "rotate", "--config", conf, code=ENVIRONMENT)
            self.run_command("keys", "list", "--config", conf)  # looking is free
        finally:
            holder.terminate()
            holder.wait()

    def test_a_foreign_key_file_stops_everything(self):
        folder = self.changed("listen", "listen")
        (folder / "keys/log.key").chmod(0o444)
        self.run_command("keys", "add", "--config", folder / "gateway.conf", code=ENVIRONMENT)
        self.run_command("log", "verify", "--config", folder / "gateway.conf", code=ENVIRONMENT)


class Serving(GatewayTest):
    """Beside a running server."""

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada")

    def sent(self, pad=0):
        data = samples.pdf(f"letter {time.monotonic_ns()}", pad=pad)
        answer = self.expect(self.gw.upload(self.claim, data, token=self.ada), 201)
        return answer.json["artefact"]["id"], data, receipt_of(answer)

    def content(self, artefact):
        return self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content", self.ada), 200).body

    def run_command(self, *argv, code=GOOD):
        done = self.gw.command(*argv, "--config", self.gw.config, check=False)
        self.assertEqual(done.returncode, code, f"{argv}: {done}")
        return done

    def reload(self):
        before = self.gw.stderr().count('"reload')
        self.gw.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while self.gw.stderr().count('"reload') < before + 3:  # certificate, keyring, keeper
            self.assertLess(time.monotonic(), deadline, self.gw.stderr()[-2000:])
            time.sleep(0.05)

    def opened_by_age(self, file, identity):
        done = subprocess.run(["age", "-d", "-i", str(identity), str(file)], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def key_counts(self):
        rows = [line.split() for line in self.run_command("keys", "list").stdout.decode().splitlines()]
        return {row[0]: (row[1], int(row[2])) for row in rows if row[0] not in ("recovery", "column")}

    def database(self):
        return sqlite3.connect(self.gw.dir / "data/gateway.db", timeout=20)

    def test_rotation_under_a_running_server(self):
        old = [self.sent() for _ in range(70)]  # more than a page
        first = next(k for k, v in self.key_counts().items() if v[0] == "active")
        second = self.run_command("keys", "add").stdout.decode().strip()
        self.reload()
        self.run_command("keys", "rotate")
        counts = self.key_counts()
        self.assertEqual(counts[first][1], 0)
        self.assertEqual(counts[second][0], "active")
        between = self.sent()
        self.assertEqual(self.key_counts()[first][1], 1)  # the server has not been told yet
        self.run_command("keys", "retire", first, code=FAILED)
        self.reload()
        later = self.sent()
        self.run_command("keys", "rotate")
        self.run_command("keys", "retire", first)
        self.reload()
        for artefact, data, _ in old[::10] + [between, later]:
            self.assertEqual(self.content(artefact), data)
        self.assertFalse((self.gw.dir / f"keys/{first}.identity").exists())
        self.assertEqual(self.run_command("scrub").returncode, GOOD)
        self.run_command("log", "verify")
        self.assertEqual(self.gw.ops("/readyz").status, 200)

    def test_a_rotation_that_was_killed_is_finished_by_the_next(self):
        sent = [self.sent() for _ in range(150)]
        added = self.run_command("keys", "add").stdout.decode().strip()
        self.reload()
        killed = subprocess.Popen([self.gw.binary, "keys", "rotate", "--config", str(self.gw.config)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while killed.poll() is None and self.key_counts().get(added, ("", 0))[1] == 0:
            self.assertLess(time.monotonic(), deadline)
        killed.kill()
        killed.wait()
        for artefact, data, _ in sent[::30]:  # whichever key each one has by now
            self.assertEqual(self.content(artefact), data)
        self.reload()
        self.run_command("keys", "rotate", "--to", added)
        counts = self.key_counts()
        self.assertEqual(sum(n for key, (_, n) in counts.items() if key != added), 0)
        self.assertGreaterEqual(counts[added][1], 150)
        self.assertEqual(self.content(sent[0][0]), sent[0][1])
        self.run_command("log", "verify")

    def test_export_opens_with_age(self):
        identity = self.gw.folder / "person.identity"
        made = subprocess.run(["age-keygen", "-o", str(identity)], capture_output=True, timeout=30)
        recipient = made.stderr.decode().split()[-1]
        for pad in (0, 70000, 300000):
            artefact, data, _ = self.sent(pad)
            out = self.gw.folder / f"{artefact}.age"
            self.run_command("export", "--artefact", artefact, "--recipient", recipient, "--out", out, "--reason",
                             "a test of the export")
            self.assertEqual(self.opened_by_age(out, identity), data)
            self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
            self.run_command("export", "--artefact", artefact, "--recipient", recipient, "--out", out,
                             code=ENVIRONMENT)  # never over a file
        with self.database() as db:
            details, sealed = db.execute("SELECT details, sealed FROM ledger_entries WHERE action = 'artefact.exported' "
                                         "ORDER BY seq DESC LIMIT 1").fetchone()
        self.assertGreater(len(sealed), len(details) + len("a test of the export"))  # the reason is in there
        details = json.loads(details)
        self.assertEqual((details["artefact"], details["recipient"], details.get("reason"), details["actor"]),
                         (artefact, recipient, None, f"local#{os.getuid()}"))
        missing = self.gw.folder / "missing.age"
        self.run_command("export", "--artefact", fixture.unknown_id(), "--recipient", recipient, "--out", missing,
                         code=ENVIRONMENT)
        self.assertFalse(missing.exists())

    def test_a_restricted_recording_is_not_exported(self):
        assessor = self.gw.token("assessor", "asim")
        claim = self.gw.create_claim("ada", assigned_to=["asim"])
        assessment = self.gw.create_assessment(claim, self.gw.system)
        self.expect(self.gw.choose(assessment, assessor, "notice", effective=fixture.now(-7000)), (200, 201))
        answer = self.expect(self.gw.upload(claim, samples.wav(), token=assessor, kind="assessment_audio",
                                            media="audio/wav", filename="a.wav",
                                            params=self.gw.recording(assessment)), 201)
        artefact = answer.json["artefact"]["id"]
        self.expect(self.gw.choose(assessment, self.ada, "opt_out", effective=fixture.now(-6000)), (200, 201))
        self.assertEqual(self.gw.settled(artefact)["status"], "restricted")
        out = self.gw.folder / "recording.age"
        recipient = json.loads((self.gw.dir / "keyring/keyring.json").read_text())["recovery"]
        self.run_command("export", "--artefact", artefact, "--recipient", recipient, "--out", out, code=FAILED)
        self.assertFalse(out.exists())
        self.run_command("log", "verify")  # its status follows from the log

    def test_the_recovery_identity_alone_opens_an_artefact(self):
        artefact, data, _ = self.sent(100000)
        raw = bytes.fromhex(artefact.replace("-", ""))
        with self.database() as db:
            header, = db.execute("SELECT x.header FROM headers h JOIN header_slots x ON x.slot = h.slot "
                                 "WHERE h.artefact = ?", (raw,)).fetchone()
        sealed, = (self.gw.dir / "data/blobs").rglob(f"{artefact}.age")
        whole = self.gw.folder / "whole.age"
        whole.write_bytes(header + sealed.read_bytes())
        self.assertEqual(self.opened_by_age(whole, self.gw.dir / "offline/recovery.identity"), data)

    def test_a_receipt_verifies_with_its_file(self):
        _, data, receipt = self.sent()
        self.assertEqual(self.gw.verify(receipt, data).returncode, GOOD)
        self.assertEqual(self.gw.verify(receipt).returncode, GOOD)
        self.assertEqual(self.gw.verify(receipt, data + b"x").returncode, FAILED)
        self.assertEqual(self.gw.verify(receipt.replace("index ", "index 1"), data).returncode, FAILED)
        self.assertEqual(self.gw.verify("no receipt").returncode, FAILED)
        vkey = (self.gw.dir / "log.vkey").read_text().strip()
        file = self.gw.folder / "one.receipt"
        file.write_text(receipt)
        self.gw.command("verify", file, "--key", vkey)
        self.gw.command("verify", "-", "--key", vkey, "--quiet", input=receipt.encode())
        other = vkey[:-6] + ("AAAAA=" if not vkey.endswith("AAAAA=") else "BBBBB=")
        self.assertNotEqual(self.gw.command("verify", file, "--key", other, check=False).returncode, GOOD)
        self.assertEqual(self.gw.command("verify", "/nowhere", "--key", vkey, check=False).returncode, ENVIRONMENT)

    def test_scrub_shows_its_progress_on_a_terminal(self):
        self.sent()
        master, slave = pty.openpty()
        done = subprocess.run([self.gw.binary, "scrub", "--config", str(self.gw.config)], stdout=subprocess.PIPE,
                              stderr=slave, timeout=120)
        os.close(slave)
        shown = os.read(master, 65536)
        os.close(master)
        self.assertEqual(done.returncode, GOOD)
        self.assertIn(b"scrub [", shown)


class Certificates(GatewayTest):
    """certs/make-client-certificate, and a revocation while the server runs."""

    @classmethod
    def script(cls, gw, *argv):
        tool = pathlib.Path(__file__).parents[2] / "certs/make-client-certificate"
        return subprocess.run([str(tool), str(gw.dir), *argv], capture_output=True, text=True, timeout=60)

    @classmethod
    def configure(cls, gw):
        for name in ("north-surgery", "south-surgery"):
            done = cls.script(gw, name, "health_professional")
            row = done.stdout[done.stdout.index("  {"):]
            gw.edit("gateway.conf", r"certificates = \(", lambda found: f"{found.group(0)}\n{row},", count=1)

    def status(self, name, session=None):
        clients = self.gw.dir / "clients"
        cert = str(clients / f"{name}.pem"), str(clients / f"{name}.key")
        path = f"/v1/claims/{fixture.unknown_id()}"
        return (session.request("GET", path) if session else self.gw.get(path, cert=cert)).status

    def test_issued_and_revoked(self):
        for name in ("north-surgery", "south-surgery", "gp-surgery"):
            self.assertEqual(self.status(name), 404)  # somebody, and there is no such claim
        clients = self.gw.dir / "clients"
        cert = str(clients / "north-surgery.pem"), str(clients / "north-surgery.key")
        with fixture.Session(self.gw, cert) as kept:
            self.assertEqual(self.status("north-surgery", kept), 404)
            self.assertEqual(self.script(self.gw, "--revoke", "north-surgery").returncode, 0)
            deadline = time.monotonic() + 30
            while self.status("north-surgery") == 404:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
            self.assertEqual(self.status("north-surgery"), 401)
            self.assertEqual(self.status("north-surgery", kept), 401)
        self.assertEqual(self.status("south-surgery"), 404)
        self.assertEqual(self.script(self.gw, "--revoke", "gp-surgery").returncode, 0)

    def test_wrong_use(self):
        for argv in (["x"], ["x", "king"], ["X", "auditor"], ["../x", "auditor"], ["--revoke", "nobody"],
                     ["gp-surgery", "auditor"], []):
            done = self.script(self.gw, *argv)
            self.assertEqual(done.returncode, 2, done)
        self.assertIn("usage", self.script(self.gw, "--help").stderr + self.script(self.gw).stderr)


class Damage(GatewayTest):
    """What scrub and log verify are for. The server is stopped before anything is broken."""

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        claim = gw.create_claim("ada")
        cls.artefacts = []
        for n in range(4):
            answer = gw.upload(claim, samples.pdf(f"letter {n}", pad=n * 70000), token=cls.ada)
            cls.artefacts.append(answer.json["artefact"]["id"])
        answer = gw.post(f"/v1/claims/{claim}/consents", cls.ada,
                         {"event_id": "e-1", "purpose": "gp_report", "decision": "given", "statement_version": "1",
                          "effective_at": fixture.now()})
        cls.consent = answer.status
        gw.stop()
        subprocess.run(["cp", "-a", str(gw.dir), str(gw.folder / "good")], check=True)

    def setUp(self):
        shutil.rmtree(self.gw.dir)
        subprocess.run(["cp", "-a", str(self.gw.folder / "good"), str(self.gw.dir)], check=True)

    def run_command(self, *argv, code):
        done = self.gw.command(*argv, "--config", self.gw.config, check=False)
        self.assertEqual(done.returncode, code, f"{argv}: {done}")
        return done.stdout.decode()

    def blob(self, n):
        found, = (self.gw.dir / "data/blobs").rglob(f"{self.artefacts[n]}.age")
        return found

    def scrubbed(self, code):
        told = json.loads(self.run_command("scrub", "--json", code=code))
        self.assertEqual(told["artefacts"], 4)
        self.assertEqual(told["damaged"], sum(f["damage"] for f in told["findings"]))
        return told

    def test_nothing_is_wrong(self):
        self.assertEqual(self.consent, 201)
        self.assertEqual(self.scrubbed(GOOD)["findings"], [])
        told = self.run_command("log", "verify", code=GOOD)
        self.assertIn(" 5 records compared, 0 cosignatures good, 0 erased, 0 unlawful", told)

    def test_one_flipped_bit_is_found(self):
        for n, at in ((0, 0), (2, 65000), (3, -1)):
            path = self.blob(n)
            raw = bytearray(path.read_bytes())
            raw[at] ^= 0x10
            path.chmod(0o600)
            path.write_bytes(raw)
        told = self.scrubbed(FAILED)
        self.assertEqual({f["artefact"] for f in told["findings"]}, {self.artefacts[n] for n in (0, 2, 3)})

    def test_missing_short_and_foreign_payloads_are_found(self):
        self.blob(0).unlink()
        os.truncate(self.blob(1), 40)
        path = self.blob(2)
        raw = path.read_bytes()
        path.unlink()
        path.symlink_to("/etc/passwd")
        stray = fixture.unknown_id()
        path = self.blob(3).parent / f"{stray}.age"
        folder = self.gw.dir / "data/blobs/objects" / stray.replace("-", "")[:6] / stray.replace("-", "")[6:8]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stray}.age").write_bytes(raw)
        told = self.scrubbed(FAILED)
        self.assertEqual(told["damaged"], 3)
        self.assertEqual(told["orphans"], 1)
        self.assertIn(stray, {f["artefact"] for f in told["findings"] if not f["damage"]})

    def broken(self, *statements):
        with sqlite3.connect(self.gw.dir / "data/gateway.db") as db:
            for statement in statements:
                self.assertGreater(db.execute(*statement).rowcount, 0, statement)

    def raw(self, n):
        return bytes.fromhex(self.artefacts[n].replace("-", ""))

    def test_lost_and_spoilt_headers_are_found(self):
        self.broken(("UPDATE header_slots SET header = zeroblob(length(header)) WHERE slot = "
                     "(SELECT slot FROM headers WHERE artefact = ?)", (self.raw(0),)),
                    ("DELETE FROM headers WHERE artefact = ?", (self.raw(1),)))
        told = self.scrubbed(FAILED)
        self.assertEqual({f["artefact"] for f in told["findings"]}, {self.artefacts[0], self.artefacts[1]})

    def unlawful(self, *statements):
        self.broken(*statements)
        told = self.run_command("log", "verify", code=FAILED)
        self.assertIn("UNLAWFUL", told)
        return told

    def test_a_changed_entry_is_found(self):
        told = self.unlawful(("UPDATE ledger_entries SET details = replace(details, 'upload', 'UPLOAD') WHERE action = 'upload.committed'",))
        self.assertIn("commitment", told)

    def test_a_lost_entry_is_found(self):
        self.unlawful(("DELETE FROM ledger_entries WHERE seq = (SELECT max(seq) FROM ledger_entries)",))

    def test_records_that_say_something_else_are_found(self):
        self.assertIn("digest or size", self.unlawful(("UPDATE artefacts SET size = size + 1 WHERE id = ?",
                                                       (self.raw(0),))))

    def sql(self, text):
        with sqlite3.connect(self.gw.dir / "data/gateway.db") as db:
            return db.execute(text).fetchall()

    def test_an_entry_is_erased_by_an_order_in_the_log(self):
        """Its leaf stays, the log verifies, the receipt that somebody holds goes on verifying; a row that was emptied
        without an order is found."""
        entries = [e for e in self.sql("SELECT seq, details FROM ledger_entries ORDER BY seq") if "upload.committed" in e[1]]
        entry, secret = entries[0][0], json.loads(entries[0][1])["sha256"]
        told = self.run_command("log", "erase", "--entry", entry, "--reason", "a court order", code=GOOD)
        self.assertIn("details erased", told)
        self.run_command("log", "erase", "--entry", entry, "--reason", "again", code=FAILED)
        self.run_command("log", "erase", "--entry", 10 ** 9, "--reason", "none", code=FAILED)
        self.assertIn(" 1 erased, 0 unlawful", self.run_command("log", "verify", code=GOOD))
        order, = [json.loads(e[1]) for e in self.sql("SELECT seq, details FROM ledger_entries WHERE details IS NOT NULL")
                  if "entry.erased" in e[1]]
        self.assertEqual((order["entry"], order["erased_action"], order.get("reason")),
                         (entry, "upload.committed", None))  # what people write is sealed
        sealed, = self.sql("SELECT length(sealed) FROM ledger_entries WHERE action = 'entry.erased'")
        self.assertGreater(sealed[0], len("a court order"))
        self.assertEqual([r for r in self.sql("SELECT seq, details FROM ledger_entries WHERE details IS NOT NULL")
                          if secret in r[1]], [])
        self.sql(f"UPDATE ledger_entries SET details = NULL, salt = NULL, action = NULL, actor = NULL, claim = NULL, "
                 f"artefact = NULL WHERE seq = {entries[1][0]}")
        self.assertIn("unordered", self.run_command("log", "verify", code=FAILED))

    def test_a_status_that_nobody_logged_is_found(self):
        told = self.unlawful(("UPDATE artefacts SET status = 'restricted' WHERE id = ?", (self.raw(1),)))
        self.assertIn("by the log it is available", told)

    def test_a_consent_that_nobody_gave_is_found(self):
        told = self.unlawful(("UPDATE consent_events SET decision = 'withdrawn'",))
        self.assertIn("a recorded consent", told)

    def test_a_database_that_was_set_back_takes_no_entries(self):
        with sqlite3.connect(self.gw.dir / "data/gateway.db") as db:
            size, = db.execute("SELECT max(seq) FROM ledger_entries").fetchone()
        subprocess.run(["cp", "-a", str(self.gw.dir), str(self.gw.folder / "later")], check=True)
        try:
            self.run_command("keys", "add", code=GOOD)
            state = (self.gw.dir / "state/ledger.state").read_bytes()
            shutil.rmtree(self.gw.dir)
            shutil.copytree(self.gw.folder / "later", self.gw.dir)
            (self.gw.dir / "state/ledger.state").write_bytes(state)
            done = self.gw.command("keys", "add", "--config", self.gw.config, check=False)
            self.assertEqual(done.returncode, ENVIRONMENT, done)
            self.assertIn(b"the log takes no entries", done.stderr)
            self.assertEqual(len(list((self.gw.dir / "keys").glob("*.identity"))), 1)
            self.assertIn("UNLAWFUL", self.run_command("log", "verify", code=FAILED))
            self.assertGreater(size, 0)
        finally:
            shutil.rmtree(self.gw.folder / "later")


if __name__ == "__main__":
    unittest.main(verbosity=2)

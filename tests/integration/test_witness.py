#!/usr/bin/env python3
"""Witnesses: a strict one written from the specification, and hostile ones. Cosignatures are
asked for, verified, kept, carried by receipts, and checked by two verifiers that share no code."""

import base64
import http.client
import http.server
import os
import pathlib
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, receipt_of

SOURCE = pathlib.Path(os.environ.get("EG_SOURCE", pathlib.Path(__file__).parents[2]))
sys.path.insert(0, str(SOURCE / "tests" / "support" / "witness"))
import witness as c2sp  # noqa: E402

GOOD, FAILED, USAGE, ENVIRONMENT = 0, 1, 2, 3
GO_FOLDER = SOURCE / "tests" / "support" / "verify-receipt"
GO_PATH = "/usr/share/gocode"  # where Debian puts golang.org/x/mod
DASH = c2sp.DASH

work = tempfile.TemporaryDirectory(prefix="eg-witness-")
GO_VERIFIER = os.path.join(work.name, "verify-receipt")


def setUpModule():
    env = dict(os.environ, GO111MODULE="off", GOPATH=GO_PATH, GOFLAGS="",
               GOCACHE=os.path.join(os.environ.get("EG_BUILD", work.name), "go-cache"))
    subprocess.run(["go", "build", "-o", GO_VERIFIER, "."], cwd=GO_FOLDER, env=env, check=True)


def tearDownModule():
    work.cleanup()


def size_of(note):
    """Of the checkpoint in a note or a receipt."""
    return int(note[:note.rindex("\n\n")].rsplit("\n", 2)[1])


def cosigners(note):
    return re.findall(f"^{DASH}(w\\S*) ", note, flags=re.M)


class Base(GatewayTest):
    @classmethod
    def configure(cls, gw):
        cls.servers = []
        cls.w1 = cls.witness("w1.example")
        cls.write_witnesses(gw, cls.w1)

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada")

    @classmethod
    def close(cls):
        for server in cls.servers:
            server.stop()
        super().close()

    @classmethod
    def witness(cls, name, trusted=True, handler=c2sp.Handler, prefix=""):
        folder = tempfile.mkdtemp(dir=work.name)
        made = c2sp.Witness(folder, name, [cls.gw.vkey.read_text()] if trusted else [])
        server = c2sp.Server(made, prefix=prefix, handler=handler).start()
        cls.servers.append(server)
        return server

    @classmethod
    def write_witnesses(cls, gw, *servers):
        rows = ",\n".join(f'  {{ url = "{s.url}"; vkey = "{s.witness.key.vkey}"; '
                          "allow_plain_http = true; }" for s in servers)
        gw.edit("gateway.conf", r"^witnesses = \(.*?\);", f"witnesses = (\n{rows}\n);")

    def push(self, *servers, code=GOOD, more=()):
        """`log witness-push`, with the configured witnesses or these: what was printed."""
        argv = [a for s in servers for a in ("--witness", f"{s.url}={s.witness.key.vkey}")]
        done = self.gw.command("log", "witness-push", "--config", self.gw.config, *argv, *more,
                               check=False)
        self.assertEqual(done.returncode, code, f"{done.stdout}\n{done.stderr}")
        said = done.stdout.decode() + done.stderr.decode()
        return "".join(line for line in said.splitlines(True) if not line.startswith("{"))

    def sent(self, data=None):
        data = data or samples.pdf(f"letter {os.urandom(8).hex()}", pad=300)
        answer = self.gw.upload(self.claim, data, self.ada)
        self.expect(answer, 201)
        return answer.json["artefact"]["id"], data, receipt_of(answer)

    def receipt(self, artefact):
        return receipt_of(self.expect(
            self.gw.get(f"/v1/artefacts/{artefact}/receipt", self.ada), 200))

    def checkpoint(self, query="", status=200):
        answer = self.expect(self.gw.get(f"/log/checkpoint{query}"), status)
        return answer.body.decode()

    def verdicts(self, receipt, data, *servers, keys=None):
        """Exit codes of our verifier and of the one in Go, and what ours said."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=work.name))
        (folder / "receipt").write_text(receipt)
        (folder / "evidence").write_bytes(data)
        keys = keys or [s.witness.key.vkey for s in servers]
        ours = ["verify", folder / "receipt", folder / "evidence", "--key", self.gw.vkey]
        go = 0
        for n, key in enumerate(keys):
            (folder / f"w{n}.vkey").write_text(key + "\n")
            ours += ["--witness", folder / f"w{n}.vkey" if n % 2 == 0 else key]
            go = go or subprocess.run(
                [GO_VERIFIER, "-witness", folder / f"w{n}.vkey", self.gw.vkey,
                 folder / "receipt", folder / "evidence"], capture_output=True).returncode
        if not keys:
            go = subprocess.run([GO_VERIFIER, self.gw.vkey, folder / "receipt",
                                 folder / "evidence"], capture_output=True).returncode
        done = self.gw.command(*ours, check=False)
        return (done.returncode, go), done.stdout.decode() + done.stderr.decode()

    def body(self, old_size):
        """A request as `log proof` prints it."""
        return self.gw.command("log", "proof", "--config", self.gw.config, str(old_size)).stdout

    def sql(self, text):
        with sqlite3.connect(self.gw.dir / "data" / "gateway.db", timeout=10) as db:
            return db.execute(text).fetchall()


class Receipts(Base):
    """In the order of their numbers: one log that grows."""

    def test_1_a_push_is_carried_by_receipts(self):
        artefact, data, first = self.sent()
        self.assertEqual(cosigners(first), [])
        self.assertEqual(self.checkpoint("?cosigned=true", 404)[:1], "{")
        said = self.push()
        self.assertRegex(said, r"\Aw1\.example: cosigned \d+ entries at 20\S+Z\n\Z")

        later = self.receipt(artefact)  # without a restart
        self.assertEqual(cosigners(later), ["w1.example"])
        codes, said = self.verdicts(later, data, self.w1)
        self.assertEqual(codes, (GOOD, GOOD), said)
        self.assertRegex(said, r"good: cosigned by the witness w1\.example at 20\S+Z\n")
        self.assertEqual(self.verdicts(later, data)[0], (GOOD, GOOD))
        self.assertEqual(self.verdicts(first, data)[0], (GOOD, GOOD))
        codes, said = self.verdicts(first, data, self.w1)
        self.assertEqual(codes, (FAILED, FAILED))
        self.assertIn("w1.example", said)
        codes, _ = self.verdicts(later, data + b"x", self.w1)
        self.assertEqual(codes, (FAILED, FAILED))

    def test_2_growth_and_a_second_push(self):
        old, old_data, _ = self.sent()
        self.push()
        seen = size_of(self.checkpoint("?cosigned=true"))
        new, new_data, at_once = self.sent()
        self.assertGreater(size_of(at_once), seen)
        self.assertEqual(cosigners(at_once), [])
        # What others have seen is worth more than what is newer, as long as it covers the entry.
        self.assertEqual((size_of(self.receipt(old)), cosigners(self.receipt(old))),
                         (seen, ["w1.example"]))
        self.assertEqual(cosigners(self.receipt(new)), [])
        self.assertEqual(cosigners(self.checkpoint()), [])
        self.assertEqual(size_of(self.checkpoint("?cosigned=true")), seen)

        self.w1.witness.requests.clear()
        self.push()
        self.assertEqual([r[0] for r in self.w1.witness.requests], [seen])
        for artefact, data in ((old, old_data), (new, new_data)):
            receipt = self.receipt(artefact)
            self.assertGreater(size_of(receipt), seen)
            self.assertEqual(self.verdicts(receipt, data, self.w1)[0], (GOOD, GOOD))
        self.assertEqual(cosigners(self.checkpoint()), ["w1.example"])
        self.assertEqual(self.checkpoint(), self.checkpoint("?cosigned=true"))

    def test_3_without_growth_the_time_is_renewed(self):
        self.push()
        size = size_of(self.checkpoint("?cosigned=true"))
        self.w1.witness.requests.clear()
        self.push()
        self.assertEqual(self.w1.witness.requests, [(size, size)])
        self.assertEqual(cosigners(self.checkpoint()), ["w1.example"])

    def test_4_two_witnesses_meet_on_one_checkpoint(self):
        second = self.witness("w2.example", prefix="/some/path")
        artefact, data, _ = self.sent()
        said = self.push(self.w1, second)
        self.assertEqual(said.count("cosigned"), 2)
        receipt = self.receipt(artefact)
        self.assertEqual(cosigners(receipt), ["w1.example", "w2.example"])
        codes, said = self.verdicts(receipt, data, self.w1, second)
        self.assertEqual(codes, (GOOD, GOOD), said)
        self.assertEqual(said.count("cosigned by the witness"), 2)
        third = self.witness("w3.example")
        codes, said = self.verdicts(receipt, data, self.w1, second, third)
        self.assertEqual(codes, (FAILED, FAILED))
        self.assertIn("w3.example", said)

    def test_5_the_witness_stands_elsewhere_than_we_know(self):
        self.sent()
        self.push()
        stood = size_of(self.checkpoint("?cosigned=true"))
        self.sql("DELETE FROM ledger_cosignatures")  # as if somebody else had asked it
        self.sent()
        self.w1.witness.requests.clear()
        self.push()
        self.assertEqual([old for old, _ in self.w1.witness.requests], [0, stood])
        self.assertEqual(cosigners(self.checkpoint()), ["w1.example"])

    def test_6_pushes_beside_uploads(self):
        made, failed = [], []

        def sender():
            try:
                for _ in range(6):
                    made.append(self.sent())
            except BaseException as e:  # noqa: B902
                failed.append(e)
        threads = [threading.Thread(target=sender) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            self.push()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.push()
        for artefact, data, _ in made[::4]:
            receipt = self.receipt(artefact)
            self.assertEqual(self.verdicts(receipt, data, self.w1)[0], (GOOD, GOOD))

    def test_7_the_replay_is_content(self):
        self.push()
        done = self.gw.command("log", "verify", "--config", self.gw.config)
        self.assertIn(b" 0 unlawful", done.stdout)

    def test_7a_the_replay_reads_the_cosignatures(self):
        kept = self.sql("SELECT count(*) FROM ledger_cosignatures")[0][0]
        self.assertGreater(kept, 0)
        told = self.verify()
        known = self.sql("SELECT count(*) FROM ledger_cosignatures WHERE witness = 'w1.example'")
        self.assertIn(f" {known[0][0]} cosignatures good", told)
        size, line = self.sql("SELECT size, line FROM ledger_cosignatures"
                              " WHERE witness = 'w1.example' ORDER BY size DESC LIMIT 1")[0]
        body = base64.b64decode(line.split()[-1])
        bad = line.replace(line.split()[-1],
                           base64.b64encode(body[:-1] + bytes([body[-1] ^ 1])).decode())
        self.sql(f"UPDATE ledger_cosignatures SET line = '{bad}' WHERE size = {size}"
                 " AND witness = 'w1.example'")
        self.assertIn(f"UNLAWFUL: entry {size}: cosignature", self.verify(code=FAILED))
        self.sql(f"UPDATE ledger_cosignatures SET line = '{line}' WHERE size = {size}"
                 " AND witness = 'w1.example'")
        self.assertIn(" 0 unlawful", self.verify())

    def verify(self, code=GOOD):
        done = self.gw.command("log", "verify", "--config", self.gw.config, check=False)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout.decode()

    def test_8_cosignatures_outlive_a_restart(self):
        artefact, data, _ = self.sent()
        self.push()
        self.gw.stop()
        self.gw.start()
        receipt = self.receipt(artefact)
        self.assertEqual(self.verdicts(receipt, data, self.w1)[0], (GOOD, GOOD))

    def test_9_what_is_no_key_of_a_witness(self):
        artefact, data, _ = self.sent()
        self.push()
        receipt = self.receipt(artefact)
        log_key = self.gw.vkey.read_text().strip()
        for key in ("nonsense", log_key):
            codes, _ = self.verdicts(receipt, data, keys=[key])
            self.assertIn(codes[0], (USAGE, ENVIRONMENT), key)
            self.assertNotEqual(codes[1], GOOD)


class Troubles(Base):
    """Witnesses that are away, mistaken or hostile: nothing of theirs is kept."""

    def refused(self, server, code, *words):
        self.sent()
        said = self.push(server, code=code)
        for word in words:
            self.assertIn(word, said)
        name = server.witness.key.name
        self.assertIn(name, said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertEqual(self.sql(f"SELECT * FROM ledger_cosignatures WHERE witness = '{name}'"),
                         [])

    def hostile(self, name, lie):
        """lie(handler, honest answer) -> status, body, headers"""
        class Liar(c2sp.Handler):
            def answer(self, status, body, content_type="text/plain"):
                status, body, headers = lie(self, body)
                data = body if isinstance(body, bytes) else body.encode()
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True
        return self.witness(name, handler=Liar)

    def test_down(self):
        server = self.witness("wdown.example")
        server.stop()
        self.servers.remove(server)
        self.refused(server, ENVIRONMENT, "fetch")
        said = self.push(server, self.w1, code=ENVIRONMENT)  # the others are asked all the same
        self.assertIn("w1.example: cosigned", said)
        self.assertIn("wdown.example: ", said)

    def test_a_failed_check_says_more_than_trouble(self):
        down, liar = self.witness("wdown2.example"), self.hostile(
            "wliar.example", lambda h, body: (422, "no\n", {}))
        down.stop()
        self.servers.remove(down)
        for order in ((down, liar, self.w1), (self.w1, liar, down), (liar, down, self.w1)):
            self.push(*order, code=FAILED)

    def test_does_not_know_the_log(self):
        self.refused(self.witness("wstranger.example", trusted=False), ENVIRONMENT,
                     "does not know this log")

    def test_has_another_key_for_the_log(self):
        server = self.witness("wother.example", trusted=False)
        origin = self.gw.vkey.read_text().split("+")[0]
        server.witness.logs[origin] = bytes(32)
        self.refused(server, ENVIRONMENT, "does not accept the signature")

    def test_we_have_another_key_for_the_witness(self):
        server = self.witness("wkey.example")
        server.witness.key.vkey = c2sp.Key(pathlib.Path(tempfile.mkdtemp(dir=work.name)) / "k",
                                           "wkey.example").vkey
        self.refused(server, FAILED, "no cosignature of its key")

    def test_signs_garbage(self):
        def flip(at):
            def lie(handler, body):
                name, blob = body.removeprefix(DASH).strip().split(" ")
                data = bytearray(base64.b64decode(blob))
                data[at] ^= 1
                return 200, f"{DASH}{name} {base64.b64encode(data).decode()}\n", {}
            return lie

        def other_text(handler, body):
            key = handler.server.witness.key
            return 200, key.cosign(b"another/log\n1\n" + base64.b64encode(bytes(32)) + b"\n", 1), {}

        def timeless(handler, body):
            last = list(handler.server.witness.state.values())[0]["note"]
            text = last[:last.index("\n\n") + 1].encode()
            return 200, handler.server.witness.key.cosign(text, 0), {}

        lies = {
            "signature": flip(-1), "time": flip(8), "key-id": flip(0), "text": other_text,
            "timeless": timeless, "twice": lambda h, body: (200, body * 2, {}),
        }
        for name, lie in lies.items():
            with self.subTest(name):
                self.refused(self.hostile(f"w{name}.example", lie), FAILED)

    def test_answers_nonsense(self):
        page = "<html>" + "x" * 200 + "</html>\n"
        lies = {
            "page": lambda h, body: (200, page, {}),
            "empty": lambda h, body: (200, "", {}),
            "cut": lambda h, body: (200, body[:-1], {}),
            "long": lambda h, body: (200, body + "x" * (1 << 20), {}),
            "many": lambda h, body: (200, body + f"{DASH}x AAAAAAAA\n" * 16, {}),
            "binary": lambda h, body: (200, bytes(range(256)), {}),
            "status": lambda h, body: (500, body, {}),
            "teapot": lambda h, body: (418, body, {}),
            "created": lambda h, body: (201, body, {}),
            "elsewhere": lambda h, body: (302, body, {"Location": self.w1.url}),
            "not-a-size": lambda h, body: (409, "7", {}),
            "changing": lambda h, body: (409, "1\n", {}),
        }
        for name, lie in lies.items():
            with self.subTest(name):
                self.refused(self.hostile(f"w{name}.example", lie), ENVIRONMENT)

    def test_says_that_it_has_seen_more(self):
        self.refused(self.hostile("wmore.example", lambda h, body: (409, "9999\n", {})), FAILED,
                     "9999")

    def test_hangs_up(self):
        class Mute(c2sp.Handler):
            def do_POST(self):
                self.close_connection = True
        self.refused(self.witness("wmute.example", handler=Mute), ENVIRONMENT)

    def test_wrong_use(self):
        log_key = self.gw.vkey.read_text().strip()
        key = self.w1.witness.key.vkey
        for given in ("nonsense", key, f"{self.w1.url}={log_key}", f"{self.w1.url}=",
                      f"http://witness.example={key}", f"ftp://127.0.0.1={key}", f"={key}"):
            with self.subTest(given):
                self.assertIn("--witness[0]", self.push(code=USAGE, more=("--witness", given)))
        self.push(code=USAGE, more=("--witness", f"https://{'x' * 1025}={key}"))
        self.push(code=USAGE, more=("--no-such",))

    def test_nobody_is_configured(self):
        saved = self.gw.config.read_text()
        try:
            self.write_witnesses(self.gw)
            self.assertIn("no witness is configured", self.push(code=USAGE))
        finally:
            self.gw.config.write_text(saved)


class OverTls(Base):
    """As in production: https, with authorities of its own."""

    @classmethod
    def configure(cls, gw):
        cls.servers = []
        cls.w1 = cls.witness("wtls.example")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(gw.dir / "tls" / "server.pem", gw.dir / "tls" / "server.key")
        cls.w1.socket = context.wrap_socket(cls.w1.socket, server_side=True)
        cls.w1.url = cls.w1.url.replace("http:", "https:")
        cls.row(gw, f'ca_file = "{gw.ca}";')

    @classmethod
    def row(cls, gw, more):
        gw.edit("gateway.conf", r"^witnesses = \(.*?\);",
                f'witnesses = ( {{ url = "{cls.w1.url}/"; vkey = "{cls.w1.witness.key.vkey}"; '
                f"{more} }} );")

    def test_the_authority_that_is_configured(self):
        artefact, data, _ = self.sent()
        self.push()
        self.assertEqual(self.verdicts(self.receipt(artefact), data, self.w1)[0], (GOOD, GOOD))
        self.row(self.gw, "")
        said = self.push(code=ENVIRONMENT)
        self.assertIn("certificate", said)
        self.row(self.gw, f'ca_file = "{self.gw.ca}";')


class RestoredCopy(Base):
    """An older copy of the database forks the log. The gateway refuses to sign it; where its own
    memory of what it signed was put back, too (a whole machine's snapshot), the witness does."""

    FILES = ("data/gateway.db", "data/gateway.db-wal", "data/gateway.db-shm")

    def copy(self, source, target, names):
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).unlink(missing_ok=True)
            if (source / name).exists():
                shutil.copy2(source / name, target / name)

    def test_restored(self):
        snapshot = self.gw.folder / "snapshot"
        state = ["state/" + p.name for p in (self.gw.dir / "state").iterdir() if p.is_file()]
        self.assertEqual(len(state), 1)
        self.sent()
        self.push()
        self.gw.stop()
        self.copy(self.gw.dir, snapshot, [*self.FILES, *state])
        self.gw.start()
        for _ in range(5):
            self.sent()
        self.push()
        seen = size_of(self.checkpoint("?cosigned=true"))
        self.gw.stop()

        self.copy(snapshot, self.gw.dir, self.FILES)
        self.assertIn("the log takes no entries", self.push(code=ENVIRONMENT))
        self.copy(snapshot, self.gw.dir, state)
        self.gw.start()
        self.assertLess(size_of(self.checkpoint()), seen)
        self.assertIn(f"it has cosigned {seen} entries", self.push(code=FAILED))
        while size_of(self.sent()[2]) < seen:
            pass
        self.assertIn("does not continue", self.push(code=FAILED))
        artefact, _, _ = self.sent()
        self.assertIn("does not continue", self.push(code=FAILED))
        self.assertEqual(cosigners(self.receipt(artefact)), [])
        origin = self.gw.vkey.read_text().split("+")[0]
        self.assertEqual(self.w1.witness.state[origin]["size"], seen)


class TheWitness(Base):
    """That the witness of these tests is as strict as the specification wants it."""

    def post(self, body, path="/add-checkpoint"):
        at = urllib.parse.urlsplit(self.w1.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
        connection.request("POST", path, body=body)
        answer = connection.getresponse()
        told = answer.status, answer.read().decode(), answer.headers["Content-Type"]
        connection.close()
        return told

    def test_statuses(self):
        self.sent()
        first = self.body(0).decode()
        head, note = first.split("\n\n", 1)
        size = size_of(note)
        name, _, root = note.split("\n")[:3]
        signature = note.rsplit(" ", 1)[1]
        self.assertEqual(head, "old 0")

        def refused(status, text):
            self.assertEqual(self.post(text.encode())[0], status, text)
        refused(404, first.replace(name, "another.example/log"))
        refused(403, first.replace(root, base64.b64encode(bytes(32)).decode()))
        refused(403, first.replace(f"{DASH}{name} ", f"{DASH}another.example "))
        refused(403, first + f"{DASH}{name} " + base64.b64encode(
            base64.b64decode(signature)[:4] + bytes(64)).decode() + "\n")
        refused(400, first.replace("old 0", f"old {size + 1}"))
        refused(409, first.replace("old 0", "old 1"))
        refused(422, first.replace("old 0\n", f"old 0\n{root}\n"))
        for text in (first.replace("old 0", "old 00"), first.replace("old 0", "old  0"),
                     first.replace("old 0\n", ""), first[:-1], first.replace("\n", "\r\n"), "",
                     first.replace("old 0\n", "old 0\n" + f"{root}\n" * 64)):
            refused(400, text)
        self.assertEqual(self.post(first.encode(), "/other")[0], 404)
        self.assertEqual(self.w1.witness.state, {})

        # What `log proof` prints is a request.
        status, line, _ = self.post(first.encode())
        self.assertEqual((status, line[:2]), (200, DASH))
        self.assertEqual(self.post(first.encode())[::2], (409, "text/x.tlog.size"))
        self.assertEqual(self.post(first.encode())[1], f"{size}\n")
        self.sent()
        second = self.body(size).decode()
        lines = second.split("\n")
        self.assertGreater(lines.index(""), 1)
        refused(422, "\n".join(lines[:1] + lines[2:]))
        refused(422, "\n".join(lines[:2] + lines[1:]))
        refused(422, second.replace(lines[1], base64.b64encode(bytes(32)).decode()))
        self.assertEqual(self.post(second.encode())[0], 200)
        refused(409, second)

        again = c2sp.Witness(self.w1.witness.folder, "w1.example", [self.gw.vkey.read_text()])
        self.assertEqual(again.key.vkey, self.w1.witness.key.vkey)
        self.assertEqual(again.state, self.w1.witness.state)
        origin = c2sp.hashlib.sha256(name.encode()).hexdigest()
        self.assertEqual(size_of(again.checkpoint(origin)), size_of(second))

    def test_example_of_the_specification(self):
        """tlog-cosignature's vkey rule, and every consistency proof of small trees."""
        leaves = [c2sp.hashlib.sha256(b"\x00" + bytes([n])).digest() for n in range(20)]

        def root(some):
            if len(some) == 1:
                return some[0]
            split = 1 << (len(some) - 1).bit_length() - 1
            return c2sp.node(root(some[:split]), root(some[split:]))

        def proof(first, some, whole=True):
            if first == len(some):
                return [] if whole else [root(some)]
            split = 1 << (len(some) - 1).bit_length() - 1
            if first <= split:
                return proof(first, some[:split], whole) + [root(some[split:])]
            return proof(first - split, some[split:], False) + [root(some[:split])]
        for second in range(2, 20):
            for first in range(1, second):
                good = proof(first, leaves[:second])
                roots = root(leaves[:first]), root(leaves[:second])
                self.assertTrue(c2sp.consistent(first, roots[0], second, roots[1], good))
                self.assertFalse(c2sp.consistent(first, roots[1], second, roots[1], good))
                self.assertFalse(c2sp.consistent(first, roots[0], second, roots[0], good))
                self.assertFalse(c2sp.consistent(first, roots[0], second, roots[1], good[1:]))
                self.assertFalse(
                    c2sp.consistent(first, roots[0], second, roots[1], good + [leaves[0]]))


if __name__ == "__main__":
    unittest.main()

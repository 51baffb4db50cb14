#!/usr/bin/env python3
"""evidence-send against the real server: what it sends arrives bit by bit, once, and it says
"received" only when a good receipt of these bytes is stored; whatever breaks in between."""

import base64
import hashlib
import json
import os
import pathlib
import pty
import random
import re
import select
import socket
import stat
import subprocess
import threading
import time
import unittest
import uuid

import pki
import samples
from gateway_fixture import GatewayTest, sha256, unknown_id
from sender import LOCAL, RECEIVED, REFUSED, UNREACHABLE, UNVERIFIED, USAGE, Sender, resent
from tampering_proxy import TamperingProxy
from wire import Wire

MIB = 1 << 20


def letter(size=300000):
    """A file that nobody has sent before."""
    return samples.text(size, uuid.uuid4())


class SendTest(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada")

    def setUp(self):
        self.sender = Sender(self.gw, self.ada)
        self.addCleanup(self.sender.remove)

    def wire(self):
        """A line to the server; all that a test sends goes over it, so that the service stays one
        service."""
        wire = Wire(lambda: self.gw.port)
        self.addCleanup(wire.close)
        return wire

    def kept(self, data, claim=None):
        """How often these bytes are there."""
        return sum(a["sha256"] == sha256(data)
                   for a in self.gw.list_all(claim or self.claim, self.gw.manager, limit=200))

    def content(self, artefact, token=None):
        return self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content", token or self.ada),
                           200).body

    def assertReceived(self, done, file, data, verified=True):
        """And nothing but the receipt is left beside the file."""
        self.assertEqual(done.code, RECEIVED, repr(done))
        told = done.result
        self.assertEqual((told["outcome"], told["exit"], told["verified"]), ("received", 0, verified))
        self.assertEqual((told["sha256"], told["size"]), (sha256(data), len(data)))
        self.assertEqual(self.sender.left(file), [".receipt"])
        receipt = pathlib.Path(told["receipt"])
        self.assertEqual(stat.S_IMODE(receipt.stat().st_mode), 0o600)
        checked = self.gw.verify(receipt.read_text(), data)
        self.assertEqual(checked.returncode, 0, checked)
        self.assertEqual(self.content(told["artefact"]), data)
        self.assertEqual(self.kept(data), 1)
        self.assertEqual(resent(self.sender.trace()), [])
        return told


class Plain(SendTest):
    def test_a_file(self):
        data = letter()
        file = self.sender.file("letter.txt", data)
        told = self.assertReceived(
            self.sender.send(self.claim, file, description="Two pages, by hand"), file, data)
        artefact = self.gw.get(f"/v1/artefacts/{told['artefact']}", self.ada).json
        self.assertEqual((artefact["filename"], artefact["description"], artefact["kind"]),
                         ("letter.txt", "Two pages, by hand", "further_evidence"))
        self.assertEqual([s["step"] for s in self.sender.trace()], ["create", "send", "result"])

    def test_sizes_around_pieces(self):
        """A byte; pieces that end with the file, one before and one behind; many pieces."""
        for size in (1, 65535, 65536, 65537, 131072, 10 * 65536 + 1):
            with self.subTest(size=size):
                self.sender.forget_trace()
                data = letter(size) if size > 1 else b"x"
                file = self.sender.file(f"{size}.txt", data)
                self.assertReceived(self.sender.send(self.claim, file, piece_size="64KiB"), file,
                                    data)
                sent = [s["len"] for s in self.sender.trace() if s["step"] == "send"]
                self.assertEqual(sum(sent), size)
                self.assertLessEqual(max(sent), 65536)

    def test_a_name_of_its_own(self):
        data = letter()
        file = self.sender.file("scan0001.txt", data)
        told = self.assertReceived(
            self.sender.send(self.claim, file, filename="Brief – Ärztin.txt",
                             filetype="text/plain"), file, data)
        self.assertEqual(self.gw.get(f"/v1/artefacts/{told['artefact']}", self.ada)
                         .json["filename"], "Brief – Ärztin.txt")

    def test_several_files(self):
        """One result each; of the outcomes the gravest is the exit code."""
        good = [letter(1000 + n) for n in range(3)]
        files = [self.sender.file(f"{n}.txt", data) for n, data in enumerate(good)]
        done = self.sender.send(self.claim, *files)
        self.assertEqual(done.code, RECEIVED, done)
        self.assertEqual([r["sha256"] for r in done.results], [sha256(d) for d in good])
        self.assertEqual(len({r["artefact"] for r in done.results}), 3)

        more = letter()
        mixed = [self.sender.folder / "missing.txt",
                 self.sender.file("program.txt", b"\x7fELF" + os.urandom(500)),
                 self.sender.file("more.txt", more)]
        done = self.sender.send(self.claim, *mixed)
        self.assertEqual([r["outcome"] for r in done.results], ["local", "refused", "received"])
        self.assertEqual(done.code, REFUSED)
        self.assertEqual(self.sender.send(self.claim, mixed[0], mixed[2]).code, LOCAL)

    def test_running_again_sends_nothing_again(self):
        data, other = letter(), letter()
        file = self.sender.file("letter.txt", data)
        first = self.assertReceived(self.sender.send(self.claim, file), file, data)
        self.sender.forget_trace()
        again = self.sender.send(self.claim, file, *self.sender.folder.glob("letter.txt.*"))
        self.assertEqual((again.code, again.result["already"], again.result["artefact"]),
                         (RECEIVED, True, first["artefact"]))
        self.assertIn("left out", again.err)
        self.assertEqual(self.sender.trace(), [])
        # For another claim it goes, and the first receipt stays.
        claim = self.gw.create_claim("ada")
        elsewhere = self.sender.send(claim, file)
        self.assertEqual(elsewhere.code, RECEIVED, elsewhere)
        self.assertNotEqual(elsewhere.result["artefact"], first["artefact"])
        self.assertTrue(elsewhere.result["receipt"].endswith("letter.txt.receipt.2"))
        # And with another content the same name is another file.
        file.write_bytes(other)
        changed = self.sender.send(self.claim, file)
        self.assertEqual((changed.code, changed.result["already"]), (RECEIVED, False))
        self.assertEqual((self.kept(data), self.kept(other)), (1, 1))

    def test_the_same_bytes_from_elsewhere(self):
        """Nothing is stored twice; the receipt is of an entry of its own."""
        data = letter()
        first = self.sender.send(self.claim, self.sender.file("letter.txt", data)).result
        copy = self.sender.file("copy.txt", data)
        told = self.assertReceived(self.sender.send(self.claim, copy), copy, data)
        self.assertEqual((told["artefact"], told["duplicate"], told["already"]),
                         (first["artefact"], True, False))

    def test_without_a_key_it_says_so(self):
        data = letter()
        file = self.sender.file("letter.txt", data)
        done = self.sender.send(self.claim, file, key=False, json=False)
        self.assertEqual(done.code, RECEIVED, done)
        self.assertIn("NOT verified", done.out)
        self.assertEqual(self.sender.left(file), [".receipt"])

    def test_words_and_silence(self):
        data = letter()
        file = self.sender.file("letter.txt", data)
        done = self.sender.send(self.claim, file, json=False)
        self.assertRegex(done.out, r"letter\.txt: received as [0-9a-f-]{36}; the receipt is "
                                   r"\S+letter\.txt\.receipt, verified\n$")
        self.assertEqual(done.err, "")
        other = self.sender.file("other.txt", letter())
        done = self.sender.send(self.claim, other, json=False, quiet=True)
        self.assertEqual((done.code, done.out, done.err), (RECEIVED, "", ""))

    def test_a_bar_on_a_terminal(self):
        file = self.sender.file("letter.txt", letter(3 * MIB))
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.sender.argv(self.claim, file, json=False,
                                                    piece_size="64KiB"),
                                   stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            shown += piece
        out, _ = process.communicate(timeout=60)
        os.close(ours)
        self.assertEqual(process.returncode, RECEIVED, shown)
        self.assertIn(b"of 3.0 MiB", shown)
        self.assertIn(b"received as", out)
        self.assertTrue(shown.endswith(b"\r\x1b[K"), "the bar goes when it is over")

    def test_memory_is_constant(self):
        """What is held does not grow with the file: a piece is not a buffer."""
        peaks, wire = [], self.wire()
        for size in 1, 64:
            file = self.sender.folder / f"{size}.txt"
            with open(file, "wb") as out:
                for _ in range(size):
                    out.write(letter(MIB))
            wire.hold_after(size * MIB - MIB // 8)
            process = self.sender.start(self.claim, file, port=wire.port, piece_size="1GiB")
            wire.await_hold()
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)))
            wire.release()
            self.assertEqual(self.sender.finish(process).code, RECEIVED)
        self.assertLess(peaks[1] - peaks[0], 8 * 1024, peaks)

    def test_the_digest_of_the_whole_goes_with_the_last_piece(self):
        data = letter(200000)
        file = self.sender.file("letter.txt", data)
        with TamperingProxy(self.gw, pki.Authority.of(self.gw).issue(
                "IP:127.0.0.1", "serverAuth")) as proxy:
            done = self.sender.send(self.claim, file, port=proxy.port, piece_size="64KiB")
        self.assertReceived(done, file, data)
        digests = [h.get("Repr-Digest") for m, _, h in proxy.seen if m == "PATCH"]
        whole = base64.b64encode(hashlib.sha256(data).digest()).decode()
        self.assertEqual(digests, [None] * 3 + [f"sha-256=:{whole}:"])
        keys = {h.get("Idempotency-Key") for m, _, h in proxy.seen if m == "POST"}
        self.assertEqual(len(keys), 1)
        self.assertNotIn(None, keys)


class Refused(SendTest):
    """What is final is said in the words of the service, and no second attempt is made."""

    def refused(self, done, problem):
        self.assertEqual(done.code, REFUSED, done)
        told = done.result
        self.assertEqual((told["outcome"], told["problem"]), ("refused", problem))
        self.assertIn(told["message"], done.err)
        self.assertNotIn("trying again", done.err)
        return told

    def test_a_type(self):
        file = self.sender.file("letter.txt", b"\x7fELF" + os.urandom(300000))
        told = self.refused(self.sender.send(self.claim, file, piece_size="64KiB"),
                            "type-not-allowed")
        self.assertIn("PDF", told["message"])
        self.assertEqual(self.sender.left(file), [])

    def test_a_refusal_whose_answer_is_lost(self):
        """The upload has ended when the client asks; it says why, and nothing is sent again."""
        file = self.sender.file("letter.txt", b"\x7fELF" + os.urandom(3000))
        lost = []

        def lose(method, _, answer):
            if method == "PATCH" and not lost:
                lost.append(answer.status)
                raise ConnectionAbortedError
        with TamperingProxy(self.gw, pki.Authority.of(self.gw).issue(
                "IP:127.0.0.1", "serverAuth"), lose) as proxy:
            proxy.server.handle_error = lambda *_: None
            done = self.sender.send(self.claim, file, port=proxy.port)
        self.assertEqual(lost, [415])
        self.assertEqual((done.code, done.result["problem"]), (REFUSED, "type-not-allowed"), done)
        self.assertEqual([m for m, *_ in proxy.seen], ["POST", "PATCH", "HEAD", "GET"])
        self.assertEqual(self.sender.left(file), [])

    def test_a_type_that_is_stated(self):
        file = self.sender.file("letter.txt", letter())
        self.refused(self.sender.send(self.claim, file, filetype="video/mp4"), "type-not-allowed")
        self.assertEqual([s["step"] for s in self.sender.trace()], ["create"])

    def test_a_claim(self):
        file = self.sender.file("letter.txt", letter())
        for claim in unknown_id(), self.gw.create_claim("bob"):
            self.refused(self.sender.send(claim, file), "claim-not-found")
            self.assertEqual(self.sender.left(file), [])

    def test_a_kind(self):
        file = self.sender.file("letter.txt", letter())
        self.refused(self.sender.send(self.claim, file, kind="assessment_report"), "not-permitted")
        self.refused(self.sender.send(self.claim, file, kind="nonsense"), "invalid-request")

    def test_a_recording_after_an_opt_out(self):
        assessment = self.gw.create_assessment(self.claim)
        self.expect(self.gw.choose(assessment, self.ada, "opt_out"), (200, 201))
        sender = Sender(self.gw, self.gw.token("assessor", "asa"))
        self.addCleanup(sender.remove)
        audio = sender.file("assessment.wav", samples.wav(seconds=2, seed=random.random()))
        claim = self.gw.create_claim("ada", assigned_to=["asa"])
        assessment = self.gw.create_assessment(claim)
        options = {"kind": "assessment_audio", "assessment": assessment,
                   "recording_started": "2026-11-20T10:00:00Z",
                   "recording_stopped": "2026-11-20T11:00:00Z"}
        self.expect(self.gw.choose(assessment, self.ada, "opt_out",
                                   effective="2026-11-20T09:00:00Z"), (200, 201))
        done = sender.send(claim, audio, **options)
        self.assertEqual((done.code, done.result["problem"]), (REFUSED, "recording-opted-out"), done)

    def test_no_file(self):
        for name, data in ("empty.txt", b""), ("folder", None):
            file = self.sender.folder / name
            file.mkdir() if data is None else file.write_bytes(data)
            done = self.sender.send(self.claim, file)
            self.assertEqual((done.code, done.result["outcome"]), (LOCAL, "local"), done)
        file = self.sender.file("letter.txt", letter())
        folder = self.sender.folder / "closed"
        folder.mkdir()
        inside = folder / "letter.txt"
        file.replace(inside)
        mount = subprocess.run(["mount", "--bind", "-o", "ro", str(folder), str(folder)],
                               capture_output=True)
        if mount.returncode == 0:  # root writes wherever it is not mounted read-only
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
            try:
                done = self.sender.send(self.claim, inside)
            finally:
                subprocess.run(["umount", str(folder)], check=True)
            self.assertEqual(done.code, LOCAL, done)
            self.assertEqual(self.sender.trace(), [], "nothing is sent that could not be resumed")

    def test_wrong_use(self):
        file = self.sender.file("letter.txt", letter())
        self.assertEqual(self.sender.send("not-an-id", file).code, USAGE)
        self.assertEqual(self.sender.send(self.claim, file, piece_size="1").code, USAGE)
        self.assertEqual(self.sender.send(self.claim).code, USAGE)
        self.sender.token_file.write_text("")
        self.assertEqual(self.sender.send(self.claim, file).code, USAGE)
        self.assertEqual(self.sender.trace(), [])


class Broken(SendTest):
    """Whatever breaks, the upload goes on where it was, and the bytes arrive once."""

    def test_the_client_is_killed(self):
        """kill -9 in the middle of a piece: the next run asks and goes on."""
        data, wire = letter(4 * MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB + MIB // 2)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="256KiB")
        wire.await_hold()
        self.sender.kill(process)
        wire.cut()
        wire.release()
        self.assertIn(".upload", self.sender.left(file))
        state = file.with_name("letter.txt.upload")
        self.assertEqual(stat.S_IMODE(state.stat().st_mode), 0o600)
        before = len(self.sender.trace())
        done = self.sender.send(self.claim, file, port=wire.port, piece_size="256KiB")
        self.assertReceived(done, file, data)
        later = self.sender.trace()[before:]
        self.assertEqual(later[0]["step"], "ask")
        self.assertGreaterEqual(later[0]["offset"], MIB)
        self.assertIn("going on at", done.err)

    def test_the_client_is_killed_again_and_again(self):
        data, wire = letter(3 * MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        dice = random.Random(5)
        for _ in range(10):
            wire.hold_after(dice.randrange(1, MIB // 4))
            process = self.sender.start(self.claim, file, port=wire.port, piece_size="128KiB")
            wire.await_hold()
            self.sender.kill(process)
            wire.cut()
            wire.release()
        self.assertReceived(self.sender.send(self.claim, file, port=wire.port), file, data)

    def test_the_answer_to_the_creation_is_lost(self):
        """The second run's key gives the upload that the first has made."""
        data, wire = letter(), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.mute = True
        process = self.sender.start(self.claim, file, port=wire.port)
        time.sleep(0.5)
        self.sender.kill(process)
        wire.cut()
        wire.release()
        self.assertReceived(self.sender.send(self.claim, file, port=wire.port), file, data)

    def test_the_last_answer_is_lost(self):
        """The artefact is there, and the client does not know: it asks, and gets its receipt."""
        data = letter()
        file = self.sender.file("letter.txt", data)
        lost = []

        def lose(method, _, answer):
            if method == "PATCH" and not lost:
                lost.append(answer.status)
                raise ConnectionAbortedError
        with TamperingProxy(self.gw, pki.Authority.of(self.gw).issue(
                "IP:127.0.0.1", "serverAuth"), lose) as proxy:
            proxy.server.handle_error = lambda *_: None
            done = self.sender.send(self.claim, file, port=proxy.port)
        self.assertEqual(lost, [204])
        self.assertReceived(done, file, data)

    def test_the_connection_breaks(self):
        data, wire = letter(3 * MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="1MiB")
        for count in 100000, 700000, 1000000:
            wire.hold_after(count)
            wire.await_hold()
            wire.cut()
            wire.release()
        done = self.sender.finish(process)
        self.assertReceived(done, file, data)
        self.assertIn("trying again", done.err)

    def test_the_server_restarts(self):
        data, wire = letter(4 * MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="256KiB")
        wire.await_hold()
        self.gw.stop()
        wire.cut()
        wire.release()
        time.sleep(0.5)
        self.gw.start()
        self.assertReceived(self.sender.finish(process), file, data)

    def test_nobody_is_there(self):
        file = self.sender.file("letter.txt", letter())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = taken.getsockname()[1]
        done = self.sender.send(self.claim, file, port=free, retry_for=1)
        self.assertEqual((done.code, done.result["outcome"]), (UNREACHABLE, "unreachable"), done)
        self.assertIn("run again", done.err)
        self.assertEqual(self.sender.left(file), [".upload"])
        done = self.sender.send(self.claim, file, retry_for=0, port=free)
        self.assertEqual(done.code, UNREACHABLE)
        self.assertNotIn("trying again", done.err)

    def test_somebody_else_is_there(self):
        """A certificate that nobody vouches for: not one byte of the token goes there."""
        file = self.sender.file("letter.txt", letter())
        other = pki.Authority(self.gw.folder / f"other.{uuid.uuid4()}")
        with TamperingProxy(self.gw, other.issue("IP:127.0.0.1", "serverAuth")) as proxy:
            proxy.server.handle_error = lambda *_: None
            done = self.sender.send(self.claim, file, port=proxy.port)
        self.assertEqual(done.code, UNREACHABLE, done)
        self.assertIn("not trusted", done.err)
        self.assertNotIn("trying again", done.err)
        self.assertEqual(proxy.seen, [])
        good = pki.Authority.of(self.gw).issue("DNS:elsewhere.example", "serverAuth")
        with TamperingProxy(self.gw, good) as proxy:
            proxy.server.handle_error = lambda *_: None
            done = self.sender.send(self.claim, file, port=proxy.port)
        self.assertEqual((done.code, proxy.seen), (UNREACHABLE, []), done)

    def test_a_location_elsewhere_is_not_followed(self):
        file = self.sender.file("letter.txt", letter())

        def elsewhere(method, _, answer):
            if method == "POST":
                del answer.headers["Location"]
                answer.headers["Location"] = f"https://localhost:{self.gw.port}/v1/uploads/1"
        with TamperingProxy(self.gw, pki.Authority.of(self.gw).issue(
                "IP:127.0.0.1", "serverAuth"), elsewhere) as proxy:
            done = self.sender.send(self.claim, file, port=proxy.port)
        self.assertEqual(done.code, REFUSED, done)
        self.assertEqual([m for m, *_ in proxy.seen], ["POST"])

    def test_two_at_once(self):
        data, wire = letter(MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB // 2)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="64KiB")
        wire.await_hold()
        second = self.sender.send(self.claim, file, port=wire.port)
        self.assertEqual(second.code, UNREACHABLE, second)
        self.assertIn("another evidence-send", second.err)
        wire.release()
        self.assertReceived(self.sender.finish(process), file, data)

    def begun(self, data, name="letter.txt"):
        """A part of it is there, and its sender is gone."""
        wire = self.wire()
        file = self.sender.file(name, data)
        wire.hold_after(len(data) // 2)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="64KiB")
        wire.await_hold()
        self.sender.kill(process)
        wire.cut()
        wire.release()
        self.assertIn(".upload", self.sender.left(file))
        self.sender.forget_trace()
        self.port = wire.port
        return file

    def test_the_file_changes_between_two_runs(self):
        for change in "touch", "same size and time":
            with self.subTest(change=change):
                data, other = letter(MIB), letter(MIB)
                file = self.begun(data)
                before = file.stat()
                file.write_bytes(other)
                if change != "touch":
                    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
                done = self.sender.send(self.claim, file, port=self.port)
                self.assertReceived(done, file, other)
                self.assertIn("starting again from the beginning", done.err)
                self.assertEqual(self.kept(data), 0)
                file.with_name("letter.txt.receipt").unlink()

    def test_the_file_changes_while_it_is_sent(self):
        data, other, wire = letter(MIB), letter(MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB // 2)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="64KiB")
        wire.await_hold()
        file.write_bytes(other)
        wire.release()
        done = self.sender.finish(process)
        self.assertReceived(done, file, other)
        self.assertIn("was changed while it was sent", done.err)
        self.assertEqual(self.kept(data), 0)

    def test_another_claim_between_two_runs(self):
        data = letter(MIB)
        file = self.begun(data)
        claim = self.gw.create_claim("ada")
        done = self.sender.send(claim, file, port=self.port)
        self.assertEqual(done.code, RECEIVED, done)
        self.assertIn("another claim", done.err)
        self.assertEqual((self.kept(data), self.kept(data, claim)), (0, 1))

    def test_a_damaged_state(self):
        data = letter(MIB)
        file = self.begun(data)
        state = file.with_name("letter.txt.upload")
        state.write_bytes(state.read_bytes()[:-20])
        done = self.sender.send(self.claim, file, port=self.port)
        self.assertReceived(done, file, data)
        self.assertIn("damaged", done.err)

    def test_a_state_that_leads_elsewhere(self):
        """Whoever can write beside the file cannot have the token sent to another host."""
        data = letter(MIB)
        file = self.begun(data)
        state = file.with_name("letter.txt.upload")
        told = json.loads(state.read_text())
        with socket.create_server(("127.0.0.1", 0)) as listener:
            told["upload"] = f"https://127.0.0.1:{listener.getsockname()[1]}/v1/uploads/1"
            state.write_text(json.dumps(told))
            self.assertReceived(self.sender.send(self.claim, file, port=self.port), file, data)
            self.assertEqual(select.select([listener], [], [], 0)[0], [])

    def test_killed_between_the_receipt_and_the_end(self):
        """The state is still there, and so is the receipt: nothing is asked."""
        data = letter(MIB)
        file = self.begun(data)
        state = file.with_name("letter.txt.upload")
        left = state.read_bytes()
        first = self.sender.send(self.claim, file, port=self.port)
        self.assertReceived(first, file, data)
        state.write_bytes(left)
        self.sender.forget_trace()
        again = self.sender.send(self.claim, file, port=self.port)
        self.assertEqual((again.code, again.result["already"]), (RECEIVED, True), again)
        self.assertEqual((self.sender.trace(), self.sender.left(file)), ([], [".receipt"]))

    def test_the_upload_is_given_up_at_the_service(self):
        data = letter(MIB)
        file = self.begun(data)
        url = json.loads(file.with_name("letter.txt.upload").read_text())["upload"]
        path = url[url.index("/v1/"):]
        self.expect(self.gw.request("DELETE", path, self.ada, headers={"Tus-Resumable": "1.0.0"}),
                    204)
        done = self.sender.send(self.claim, file, port=self.port)
        self.assertReceived(done, file, data)
        self.assertIn("starting again", done.err)


class Login(SendTest):
    def expired(self):
        at = int(time.time())
        return self.gw.forge().token("ada", iat=at - 900, exp=at - 300)

    def test_a_token_that_expires_in_mid_upload(self):
        """It waits for another, says so, and loses nothing."""
        data, wire = letter(4 * MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="256KiB")
        wire.await_hold()
        self.sender.renew(self.expired())
        wire.release()
        self.sender.wait_for_trace(lambda line: line["status"] in (401, 423))
        time.sleep(0.6)
        self.assertIsNone(process.poll())
        self.sender.renew(self.ada)
        done = self.sender.finish(process)
        self.assertReceived(done, file, data)
        self.assertIn("does not accept the token", done.err)
        uploads = {s["upload"] for s in self.sender.trace() if s["upload"]}
        self.assertEqual(len(uploads), 1)

    def test_a_token_that_is_expired_from_the_start(self):
        data = letter()
        file = self.sender.file("letter.txt", data)
        self.sender.renew(self.expired())
        process = self.sender.start(self.claim, file)
        self.sender.wait_for_trace(lambda line: line["status"] == 401)
        self.sender.renew(self.ada)
        self.assertReceived(self.sender.finish(process), file, data)

    def test_nobody_logs_in(self):
        file = self.sender.file("letter.txt", letter())
        self.sender.renew(self.expired())
        done = self.sender.send(self.claim, file, retry_for=1)
        self.assertEqual(done.code, UNREACHABLE, done)
        self.assertIn("did not change", done.err)
        self.sender.renew(self.ada)
        self.assertEqual(self.sender.send(self.claim, file).code, RECEIVED)

    def test_a_resume_with_an_expired_token(self):
        data, wire = letter(MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB // 2)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="64KiB")
        wire.await_hold()
        self.sender.kill(process)
        wire.cut()
        wire.release()
        self.sender.renew(self.expired())
        process = self.sender.start(self.claim, file, port=wire.port)
        self.sender.wait_for_trace(lambda line: line["status"] in (401, 423))
        self.sender.renew(self.ada)
        self.assertReceived(self.sender.finish(process), file, data)
        uploads = {s["upload"] for s in self.sender.trace() if s["upload"]}
        self.assertEqual(len(uploads), 1)


class Surgery(SendTest):
    """A GP's system: a certificate instead of a token, and the report that the claimant never sees."""

    def test_a_medical_report(self):
        sender = Sender(self.gw, cert=self.gw.gp_certificate)
        self.addCleanup(sender.remove)
        data = samples.pdf(f"invented report {uuid.uuid4()}", pad=200000)
        file = sender.file("report.pdf", data)
        done = sender.send(self.claim, file, kind="medical_report", piece_size="64KiB")
        self.assertEqual((done.code, done.result["verified"]), (RECEIVED, True), done)
        self.assertEqual(self.kept(data), 1)
        seen = self.gw.list_all(self.claim, self.ada)
        self.assertNotIn(done.result["artefact"], [a["id"] for a in seen])

    def test_a_foreign_certificate(self):
        other = pki.Authority(self.gw.folder / f"other.{uuid.uuid4()}")
        sender = Sender(self.gw, cert=other.issue("URI:urn:x"))
        self.addCleanup(sender.remove)
        file = sender.file("report.pdf", samples.pdf(str(uuid.uuid4())))
        done = sender.send(self.claim, file, kind="medical_report", retry_for=1)
        self.assertIn(done.code, (REFUSED, UNREACHABLE), done)
        self.assertEqual(sender.left(file), [".upload"] if done.code == UNREACHABLE else [])


class PublicPlane(SendTest):
    """A server that takes in and gives nothing out still gives receipts."""

    @classmethod
    def prepare(cls, gw):
        super().prepare(gw)
        gw.stop()
        gw.setting("policy.intake_only", True)
        gw.start()

    def test_a_file(self):
        data, wire = letter(MIB), self.wire()
        file = self.sender.file("letter.txt", data)
        wire.hold_after(MIB // 2)
        process = self.sender.start(self.claim, file, port=wire.port, piece_size="64KiB")
        wire.await_hold()
        wire.cut()
        wire.release()
        done = self.sender.finish(process)
        self.assertEqual((done.code, done.result["verified"]), (RECEIVED, True), done)


class Tampered(SendTest):
    """Somebody between the client and the service changes the receipt: it is not "received"."""

    def tampered(self, change, key=True):
        """The proxy, still there and honest from now on; the file and its bytes."""
        data, rogue = letter(), [True]
        file = self.sender.file(f"{uuid.uuid4()}.txt", data)

        def alter(method, _, answer):
            if method == "GET" and rogue[0]:
                told = answer.json
                change(told)
                answer.body = json.dumps(told).encode()
        proxy = TamperingProxy(self.gw, self.certificate, alter)
        self.addCleanup(proxy.close)
        done = self.sender.send(self.claim, file, port=proxy.port, key=key)
        rogue[0] = False
        self.assertEqual((done.code, done.result["outcome"]), (UNVERIFIED, "unverified"), done)
        self.assertIsNone(done.result["receipt"])
        self.assertFalse(done.result["verified"])
        self.assertEqual(self.sender.left(file), [".upload"], "the next run can ask again")
        return proxy, file, data

    @classmethod
    def prepare(cls, gw):
        super().prepare(gw)
        cls.certificate = pki.Authority.of(gw).issue("IP:127.0.0.1", "serverAuth")

    def test_one_byte(self):
        dice = random.Random(11)

        def one(told):
            text = told["receipt"]
            at = dice.choice([i for i, c in enumerate(text) if c.isalnum()])
            told["receipt"] = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1:]
        for n in range(8):
            with self.subTest(n=n):
                proxy, file, data = self.tampered(one)
        # Once it is honest the same upload gets its receipt, and nothing is sent again.
        self.sender.forget_trace()
        self.assertReceived(self.sender.send(self.claim, file, port=proxy.port), file, data)
        self.assertEqual(sum(s["len"] for s in self.sender.trace() if s["step"] == "send"), 0)

    def test_a_good_receipt_of_something_else(self):
        first = self.sender.file("first.txt", letter())
        self.assertEqual(self.sender.send(self.claim, first).code, RECEIVED)
        other = first.with_name("first.txt.receipt").read_text()

        def swap(told):
            told["receipt"] = other
        self.tampered(swap)
        self.tampered(swap, key=False)

        artefact = self.gw.list_all(self.claim, self.gw.manager)[0]["id"]

        def rename(told):
            told["artefact"]["id"] = unknown_id() if artefact == told["artefact"]["id"] else artefact
        self.tampered(rename)

    def test_no_receipt_at_all(self):
        def nothing(told):
            told["receipt"] = "c2sp.org/tlog-proof@v1\n"
        self.tampered(nothing)
        self.tampered(nothing, key=False)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The inspector with a real clamd: what carries a virus is found wherever it hides, what was not
looked at is never clean, and clamd's absence, limits and settings are told for what they are."""

import io
import os
import pathlib
import select
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
import zlib

sys.path.insert(0, os.environ["EG_SOURCE"])
from tests.inspect.clamd import EICAR, GOOD, LARGE, Clamd  # noqa: E402
from tests.inspect.make_corpus import pages_pdf, stream, wav  # noqa: E402
from tests.inspect.inspector import PLAIN, SANITIZED, Inspector  # noqa: E402

VIRUS = "Test.Eicar.Body.UNOFFICIAL"


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()


def attachment(data, compressed):
    filters = b""
    if compressed:
        data, filters = zlib.compress(data), b"/Filter/FlateDecode"
    names = b"/Names<</EmbeddedFiles<</Names[(a)<</Type/Filespec/F(a)/EF<</F 6 0 R>>>>]>>>>"
    return pages_pdf(catalog=names, more=[stream(data, b"/Type/EmbeddedFile" + filters)])


class WithClamd(unittest.TestCase):
    clamd_lines = GOOD

    @classmethod
    def setUpClass(cls):
        cls.clamd = Clamd(*cls.clamd_lines).start()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-inspect."))

    @classmethod
    def tearDownClass(cls):
        cls.clamd.close()
        subprocess.run(["rm", "-rf", str(cls.folder)], check=True)

    def file(self, data, name="file"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def inspector(self, program=PLAIN, **options):
        inspector = Inspector(program, self.clamd.socket, **options)
        self.addCleanup(inspector.close)
        return inspector


def children(pid):
    told = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): os.readlink(f"/proc/{child}/exe") for child in told}


class Programs(WithClamd):
    """One program for each family of types: each does its own, and one that dies comes again."""

    def clean(self, inspector, declared, data):
        v = inspector.inspect(declared, self.file(data))
        self.assertEqual((v["outcome"], v["type"]), ("clean", declared), v)

    def test_one_that_dies_is_started_again(self):
        inspector = self.inspector()
        self.clean(inspector, "application/pdf", pages_pdf())
        (router,) = children(inspector.process.pid)
        members = {pathlib.Path(exe).name: pid for pid, exe in children(router).items()}
        self.assertEqual(set(members), {PLAIN.name + suffix for suffix in
                                        ("", "-pdf", "-picture", "-heic", "-audio", "-office", "-view")})
        before = members[PLAIN.name + "-pdf"]
        watches = [os.pidfd_open(pid) for pid in (before, *children(before))]
        os.kill(before, signal.SIGKILL)
        for watch in watches:  # its nursery goes with it, and so does their socket
            select.select([watch], [], [])
            os.close(watch)
        self.clean(inspector, "application/pdf", pages_pdf())
        self.clean(inspector, "audio/wav", wav())
        self.assertNotIn(before, children(router))
        self.assertIn("inspector.member_died", inspector.log())

    def test_no_program_understands_what_is_anothers(self):
        v = self.inspector().inspect("application/pdf", self.file(wav()))
        self.assertEqual((v["outcome"], v["type"]), ("type-mismatch", "audio/wav"), v)


class Virus(WithClamd):
    def check_virus(self, inspector, declared, data, piece=65536):
        v = inspector.inspect(declared, self.file(data), piece)
        self.assertEqual((v["outcome"], v["virus"]), ("virus", VIRUS), v)
        self.assertEqual(v["engine"][:7], "ClamAV ", v)

    def test_whole_and_split(self):
        inspector = self.inspector(SANITIZED)
        self.check_virus(inspector, "text/plain", EICAR)
        for piece in range(1, len(EICAR) + 1):
            self.check_virus(inspector, "text/plain", EICAR, piece)

    def test_split_over_every_boundary(self):
        """Its bytes across the end of a 64 KiB piece, of a pipe's page and of our own copies."""
        inspector = self.inspector()
        for boundary in (4096, 65536, 262144):
            for before in range(0, len(EICAR) + 1, 3):
                data = b"a" * (boundary - before) + EICAR + b"\n"
                self.check_virus(inspector, "text/plain", data)

    def test_in_a_zip(self):
        self.check_virus(self.inspector(), "application/zip", zipped(("a.txt", EICAR)))

    def test_in_a_zip_in_a_zip(self):
        data = zipped(("b.zip", zipped(("a.txt", EICAR))))
        self.check_virus(self.inspector(), "application/zip", data)

    def test_behind_padding_is_never_clean(self):
        """clamd says OK to this one (1.4, AlertExceedsMax on): our own bound is what holds."""
        data = zipped(("a.bin", b"\0" * (30 << 20) + EICAR))
        v = self.inspector().inspect("application/zip", self.file(data))
        self.assertEqual(v["outcome"], "could-not-scan", v)


    def test_in_a_pdf_attachment(self):
        for attached, compressed in ((EICAR, False), (EICAR, True), (zipped(("a", EICAR)), True)):
            self.check_virus(self.inspector(), "application/pdf", attachment(attached, compressed))

    def test_behind_padding_in_a_pdf_attachment(self):
        data = attachment(b"\0" * (30 << 20) + EICAR, True)
        v = self.inspector().inspect("application/pdf", self.file(data))
        self.assertIn(v["outcome"], ("could-not-scan", "virus"), v)

    def test_many_members_before_it(self):
        """More than clamd looks at altogether, each of them small enough."""
        members = [(f"{i}", bytes([i]) * (20 << 20)) for i in range(7)]
        v = self.inspector().inspect("application/zip", self.file(zipped(*members, ("z", EICAR))))
        self.assertIn(v["outcome"], ("could-not-scan", "virus"), v)


class Large(WithClamd):
    clamd_lines = LARGE

    def test_a_gibibyte_of_audio_in_constant_memory(self):
        """The limit on its memory is a fraction of the file: holding it would fail."""
        size, path = 1 << 30, self.folder / "long.wav"
        with open(path, "wb") as f:
            f.write(wav(data=b"")[:40] + struct.pack("<I", size))
            f.truncate(44 + size)
        v = self.inspector(memory=384 << 20, finish_ms=400000).inspect("audio/wav", path)
        self.assertEqual((v["outcome"], v["duration_ms"], v["n_peaks"]), ("clean", size * 1000 // 16000, 1000), v)


class Settings(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-inspect."))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", str(self.folder)], check=True))

    def start(self, *lines, signatures=True, **options):
        clamd = Clamd(*lines, signatures=signatures)
        self.addCleanup(clamd.close)
        inspector = Inspector(PLAIN, clamd.socket, conf=clamd.conf, **options)
        self.addCleanup(inspector.close)
        return clamd, inspector

    def letter(self, data=b"Dear madam"):
        path = self.folder / "letter.txt"
        path.write_bytes(data)
        return path

    def inspect(self, inspector, data=b"Dear madam", declared="text/plain"):
        v = inspector.inspect(declared, self.letter(data))
        return v["outcome"], v["reason"]

    def test_no_clamd(self):
        clamd, inspector = self.start(*GOOD)
        self.assertEqual(self.inspect(inspector), ("could-not-scan", "scanner-unreachable"))
        self.assertFalse(inspector.health()["reachable"])
        clamd.start()
        self.assertEqual(self.inspect(inspector), ("clean", "none"))
        self.assertTrue(inspector.health()["good"])
        clamd.stop()
        self.assertEqual(self.inspect(inspector), ("could-not-scan", "scanner-unreachable"))
        clamd.start()
        self.assertEqual(self.inspect(inspector), ("clean", "none"))

    def test_a_clamd_that_hides_its_limits_is_not_believed(self):
        clamd, inspector = self.start("MaxFileSize 25M")
        clamd.start()
        health = inspector.health()
        self.assertTrue(health["reachable"] and health["detects"], health)
        self.assertFalse(health["tells_limits"] or health["good"], health)
        self.assertEqual(self.inspect(inspector), ("could-not-scan", "scanner-settings"))
        data = zipped(("a.bin", b"\0" * (30 << 20) + EICAR))
        outcome, _ = self.inspect(inspector, data, "application/zip")
        self.assertEqual(outcome, "could-not-scan")
        # what it does find stands
        self.assertEqual(self.inspect(inspector, EICAR)[0], "virus")
        # started again with good settings, it is tried again
        clamd.stop()
        clamd.write_conf("AlertExceedsMax yes")
        clamd.start()
        self.assertEqual(self.inspect(inspector), ("clean", "none"))
        # and the other way round
        clamd.stop()
        clamd.write_conf()
        clamd.start()
        self.assertEqual(self.inspect(inspector), ("could-not-scan", "scanner-settings"))

    def test_a_clamd_without_signatures_is_not_believed(self):
        clamd, inspector = self.start(*GOOD, signatures=False)
        clamd.start()
        self.assertEqual(self.inspect(inspector), ("could-not-scan", "scanner-settings"))
        self.assertFalse(inspector.health()["detects"])

    def test_a_clamd_that_stops_early_is_not_believed(self):
        for line in "MaxFileSize 20M", "MaxScanSize 80M", "StreamMaxLength 20M":
            with self.subTest(line=line):
                clamd, inspector = self.start(line, "AlertExceedsMax yes")
                clamd.start()
                health = inspector.health()
                self.assertTrue(health["detects"] and health["tells_limits"], health)
                self.assertFalse(health["reaches"], health)
                self.assertEqual(self.inspect(inspector), ("could-not-scan", "scanner-settings"))

    def test_debian_defaults_suffice(self):
        clamd, inspector = self.start("MaxFileSize 25M", "MaxScanSize 100M", "StreamMaxLength 25M",
                                      "AlertExceedsMax yes")
        clamd.start()
        self.assertTrue(inspector.health()["good"])

    def test_stream_limit(self):
        clamd, inspector = self.start("AlertExceedsMax yes", "StreamMaxLength 25M", largest=30 << 20)
        clamd.start()
        self.assertEqual(self.inspect(inspector, b"letter\n" * 4000000),
                         ("could-not-scan", "scanner-size"))
        health = inspector.health()
        self.assertTrue(health["limits_known"], health)
        self.assertFalse(health["limits_fit"], health)

    def test_limits_that_fit(self):
        clamd, inspector = self.start(*GOOD, largest=20 << 20)
        clamd.start()
        self.assertTrue(inspector.health()["limits_fit"])

    def test_not_clamd_at_all(self):
        clamd, inspector = self.start(*GOOD, clamd_wait_ms=1000)
        server = subprocess.Popen(
            [sys.executable, "-c", "import socket,sys\n"
             "s=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen(9)\nprint(flush=True)\n"
             "while True:\n c,_=s.accept()\n c.recv(9)\n c.sendall(sys.argv[2].encode()+b'\\0')\n c.close()\n",
             str(clamd.socket), "stream: OK and more"], stdout=subprocess.PIPE)
        server.stdout.readline()
        try:
            outcome, reason = self.inspect(inspector)
            self.assertEqual((outcome, reason), ("could-not-scan", "scanner-answer"))
            self.assertFalse(inspector.health()["reachable"])
        finally:
            server.kill()
            server.wait()
            server.stdout.close()

    def test_policy_refuses_what_degrades(self):
        if os.geteuid() != 0:
            self.skipTest("there is no other way here to lack something")
        clamd = Clamd(*GOOD)
        self.addCleanup(clamd.close)
        with Inspector(PLAIN, clamd.socket, user="", required=1) as inspector:
            self.assertEqual(inspector.process.wait(30), 3)
            self.assertIn("lacks", inspector.log())
        with Inspector(PLAIN, clamd.socket, user="") as inspector:
            self.assertFalse(inspector.health()["sandbox_complete"])
            self.assertIn("same user", inspector.log())

    def test_types(self):
        clamd, inspector = self.start(*GOOD)
        clamd.start()
        self.assertEqual(self.inspect(inspector, b"{}", "text/plain"), ("type-mismatch", "none"))
        self.assertEqual(self.inspect(inspector, b"<html><body>x</body></html>", "text/html"),
                         ("could-not-scan", "no-step"))
        self.assertEqual(self.inspect(inspector, b"\xff\xd8\xff\xe0" + b"\0" * 60, "text/plain"),
                         ("type-mismatch", "none"))
        self.assertEqual(self.inspect(inspector, b"letter\n" * 2000 + b"\0"), ("unreadable", "none"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

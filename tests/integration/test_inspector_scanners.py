#!/usr/bin/env python3
"""A scanner serves several artefacts one after the other: it keeps nothing of one for the next, is
replaced in time, and whoever kills it costs nobody more than the artefact it was at work on."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.environ["EG_SOURCE"])
from tests.inspect.clamd import EICAR, GOOD, Clamd  # noqa: E402
from tests.inspect.inspector import HOSTILE, HOSTILE_SCANNER, PLAIN, Inspector  # noqa: E402

SERVES = 64  # SCANNER_SERVES of gateway/inspector/scanners.h
KEPT = 4  # SCANNERS_KEPT


def children(pid):
    try:
        return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def descendants(pid):
    return {p for child in children(pid) for p in {child} | descendants(child)}


def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def sleeps(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


class Scanners(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clamd = Clamd(*GOOD).start()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-scanners."))
        cls.folder.chmod(0o755)

    @classmethod
    def tearDownClass(cls):
        cls.clamd.close()
        subprocess.run(["rm", "-rf", str(cls.folder)], check=True)

    def start(self, program=PLAIN, **options):
        inspector = Inspector(program, self.clamd.socket, **options)
        self.addCleanup(inspector.close)
        inspector.health()  # all its programs are there now
        self.before = descendants(inspector.process.pid)
        return inspector

    def look(self, inspector, data, declared="text/plain"):
        path = self.folder / "file"
        path.write_bytes(data)
        v = inspector.inspect(declared, path)
        return v["outcome"], v["reason"]

    def scanners(self, inspector):
        """Those that wait for their next artefact, once nobody is at work any more."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            born = descendants(inspector.process.pid) - self.before
            try:
                # one that sleeps with its own four descriptors has said that it is done; who sleeps
                # after that, has heard it
                if born and all(len(os.listdir(f"/proc/{p}/fd")) == 4 and sleeps(p) for p in born) \
                        and all(sleeps(parent(p)) for p in born):
                    return born
            except FileNotFoundError:
                pass  # one has ended between two looks
        self.fail(f"still at work: {born}")

    @unittest.skipUnless(os.geteuid() == 0, "whose descriptors nobody else may list")
    def test_one_after_the_other(self):
        inspector = self.start()
        said, seen = [], set()
        for data in (b"a letter", EICAR, b"\x00\x01\x02", b"a letter", EICAR, b"a letter"):
            said.append(self.look(inspector, data)[0])
            seen |= self.scanners(inspector)
        self.assertEqual([said[i] for i in (0, 1, 3, 4, 5)], ["clean", "virus", "clean", "virus", "clean"])
        self.assertNotIn(said[2], ("clean", "virus"))
        self.assertEqual(len(seen), 1, "it was not used again")

    @unittest.skipUnless(os.geteuid() == 0, "whose descriptors nobody else may list")
    def test_replaced_when_it_has_served(self):
        inspector = self.start()
        seen = []
        for number in range(SERVES + 2):
            self.assertEqual(self.look(inspector, b"letter %d" % number)[0], "clean")
            if number != SERVES - 1:  # when it goes there is nobody to wait for
                (pid,) = self.scanners(inspector)
                seen += [pid] if pid not in seen else []
        self.assertEqual(len(seen), 2, seen)
        self.assertEqual(self.scanners(inspector), {seen[1]}, "the first one is still there")

    def test_replaced_when_its_cpu_time_runs_out(self):
        """With one second of it, half of that is none: nobody serves twice, and nobody minds."""
        inspector = self.start(cpu_s=1)
        for number in range(5):
            self.assertEqual(self.look(inspector, b"letter %d" % number)[0], "clean")
            deadline = time.monotonic() + 30
            while descendants(inspector.process.pid) != self.before and time.monotonic() < deadline:
                time.sleep(0.005)
            self.assertEqual(descendants(inspector.process.pid), self.before, "it stayed")

    @unittest.skipUnless(os.geteuid() == 0, "whose descriptors nobody else may list")
    def test_killed_while_it_waits(self):
        inspector = self.start()
        for _ in range(3):
            self.assertEqual(self.look(inspector, b"a letter")[0], "clean")
            for pid in self.scanners(inspector):
                os.kill(pid, signal.SIGKILL)

    def test_what_an_examiner_did_is_forgotten(self):
        inspector = self.start(HOSTILE)
        for act, expected in (("forge magic", ("could-not-scan", "examiner-forged")),
                              ("nothing", ("clean", "")),
                              ("fork", ("could-not-scan", "examiner-died")),
                              ("nothing", ("clean", "")),
                              ("forge twice", ("could-not-scan", "examiner-forged")),
                              ("nothing", ("clean", ""))):
            with self.subTest(act=act):
                got = self.look(inspector, act.encode() + b"\n")
                self.assertEqual(got[0], expected[0], got)
                if expected[1]:
                    self.assertEqual(got[1], expected[1])

    def test_a_scanner_that_lies_gains_one_artefact(self):
        """Every other job is lied about: done when it is not, done many times over, gone when it is there. None
        of those is clean, all others are, and whoever lied does not stay."""
        inspector = self.start(HOSTILE_SCANNER, finish_ms=2000, pool=2)
        said = [self.look(inspector, b"nothing\n") for _ in range(20)]
        clean = [outcome == "clean" for outcome, _ in said]
        self.assertEqual(clean, [clean[0] != (i % 2 == 1) for i in range(20)], said)
        left = descendants(inspector.process.pid) - self.before
        self.assertLessEqual(len(left), KEPT)


if __name__ == "__main__":
    unittest.main(verbosity=1)

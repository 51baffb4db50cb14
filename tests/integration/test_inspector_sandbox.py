#!/usr/bin/env python3
"""An examiner in foreign hands gains nothing: every act of tests/inspect/hostile.c is tried inside
the sandbox of the real one, fails, is reported, and the next artefact is inspected as if nothing
had been."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.environ["EG_SOURCE"])
from tests.inspect.clamd import EICAR, GOOD, Clamd  # noqa: E402
from tests.inspect.inspector import HOSTILE, Inspector  # noqa: E402

SIGSYS, SIGSEGV, SIGXCPU, SIGKILL = 31, 11, 24, 9
REFUSED = 1
# System calls by number (x86-64): each would be of use to somebody.
CALLS = {"socketpair": 53, "bpf": 321, "io_uring_setup": 425, "keyctl": 250, "unshare": 272, "setns": 308,
         "mount": 165, "perf_event_open": 298, "userfaultfd": 323, "pidfd_getfd": 438, "setuid": 105,
         "prctl": 157, "seccomp": 317, "reboot": 169, "shmget": 29, "memfd_create": 319, "dup": 32,
         "openat2": 437, "open_by_handle_at": 304, "splice": 275, "vmsplice": 278, "ioctl": 16}


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clamd = Clamd(*GOOD).start()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-hostile."))
        cls.folder.chmod(0o755)

    @classmethod
    def tearDownClass(cls):
        cls.clamd.close()
        subprocess.run(["rm", "-rf", str(cls.folder)], check=True)

    def start(self, **options):
        inspector = Inspector(HOSTILE, self.clamd.socket, **options)
        self.addCleanup(inspector.close)
        return inspector

    def act(self, inspector, act, tail=b""):
        path = self.folder / "act.txt"
        path.write_bytes(act.encode() + b"\n" + tail)
        return inspector.inspect("text/plain", path)

    def check_killed(self, inspector, act, signal=SIGSYS):
        with self.subTest(act=act):
            before = len(inspector.events())
            v = self.act(inspector, act)
            self.assertEqual((v["outcome"], v["reason"]), ("could-not-scan", "examiner-died"), v)
            deadline = time.monotonic() + 20
            killed = []
            while not killed and time.monotonic() < deadline:
                killed = [e for e in inspector.events()[before:] if e["event"] == "inspector.killed"]
            self.assertTrue(killed, "it was not reported")
            self.assertEqual((killed[0]["part"], killed[0]["signal"]), ("parser", signal))

    def test_sandbox_is_complete(self):
        if os.geteuid() != 0:
            self.skipTest("no user to change to")
        health = self.start(required=1).health()
        self.assertTrue(health["sandbox_complete"], health)

    def test_system_calls_kill(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with self.start() as inspector:
                pid = inspector.process.pid
                for act in ("open /etc/passwd", f"open {self.folder}/act.txt", "open /proc/self/mem",
                            f"write {self.folder}/planted", "write /tmp/planted",
                            f"connect-unix {self.clamd.socket}", f"connect-inet {port}", "fork",
                            "exec /bin/sh", f"ptrace {pid}", "ptrace 1", f"peek {pid}", "signal 1",
                            f"signal {pid}", "signal -1", "executable"):
                    self.check_killed(inspector, act)
                v = self.act(inspector, "nothing")
                self.assertEqual(v["outcome"], "clean", v)
        self.assertFalse((self.folder / "planted").exists())

    def test_other_calls_kill(self):
        with self.start() as inspector:
            for number in CALLS.values():
                self.check_killed(inspector, f"call {number}")

    def test_refused(self):
        with self.start() as inspector:
            for act in ("descriptors", "log forged"):
                with self.subTest(act=act):
                    v = self.act(inspector, act)
                    self.assertEqual((v["outcome"], v["members"]), ("clean", REFUSED), v)
            self.assertNotIn("forged", inspector.log())

    def test_memory(self):
        with self.start(memory=256 << 20) as inspector:
            v = self.act(inspector, "memory")
            self.assertEqual((v["outcome"], v["members"]), ("clean", REFUSED), v)

    def test_crash(self):
        with self.start() as inspector:
            self.check_killed(inspector, "crash", SIGSEGV)

    def test_cpu_time(self):
        with self.start(cpu_s=1) as inspector:
            v = self.act(inspector, "spin")
            self.assertEqual((v["outcome"], v["reason"]), ("could-not-scan", "examiner-died"), v)

    def test_hang_is_killed_at_its_deadline(self):
        with self.start(finish_ms=1500, pool=1) as inspector:
            for act in ("spin", "sleep"):
                v = self.act(inspector, act)
                self.assertEqual((v["outcome"], v["reason"]), ("could-not-scan", "deadline"), v)
            self.assertEqual(inspector.stats()["killed"], 2)
            # its place in the pool is free again
            self.assertEqual(self.act(inspector, "nothing")["outcome"], "clean")

    def test_forged_reports(self):
        with self.start() as inspector:
            for how in ("magic", "short", "long", "twice", "outcome", "virus", "control"):
                with self.subTest(how=how):
                    v = self.act(inspector, f"forge {how}")
                    self.assertEqual((v["outcome"], v["reason"], v["virus"]),
                                     ("could-not-scan", "examiner-forged", ""), v)

    def test_a_virus_cannot_be_talked_away(self):
        """Whatever the examiner does or says, clamd had the bytes and its word stands."""
        with self.start() as inspector:
            for act in ("forge nothing", "forge magic", "fork", "crash", "descriptors"):
                with self.subTest(act=act):
                    v = self.act(inspector, act, EICAR)
                    self.assertEqual((v["outcome"], v["virus"]), ("virus", "Test.Eicar.Body.UNOFFICIAL"), v)

    def test_renderer(self):
        with self.start() as inspector:
            path, out = self.folder / "act.txt", self.folder / "out"
            for act in ("nothing", "fork", f"connect-unix {self.clamd.socket}", "executable",
                        "write /tmp/planted", f"signal {os.getpid()}"):
                with self.subTest(act=act):
                    path.write_text(act)
                    told = inspector.render("text/plain", 0, path, out)
                    self.assertEqual(told["error"], "unavailable", told)
                    self.assertEqual(out.read_bytes(), b"")
            # it may open, but there is nothing to open
            for act in ("open /etc/passwd", "open /proc/self/status"):
                path.write_text(act)
                self.assertEqual(inspector.render("text/plain", 0, path, out)["error"], "unavailable")

    def test_no_inspectors_are_left(self):
        with self.start() as inspector:
            self.act(inspector, "nothing")
            children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(inspector.process.pid)],
                                      capture_output=True, text=True).stdout.split()
            self.assertEqual(len(children), 1)
            outer = children[0]
            nursery = subprocess.run(["ps", "-o", "pid=", "--ppid", outer], capture_output=True,
                                     text=True).stdout.split()
            self.assertEqual(len(nursery), 1)
            # a nursery that dies is replaced, and what waits is inspected
            os.kill(int(nursery[0]), SIGKILL)
            self.assertEqual(self.act(inspector, "nothing")["outcome"], "clean")
            self.assertIn("inspector.nursery_died", inspector.log())
        for pid in (outer, nursery[0]):
            self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""Every file of the corpus (tests/inspect/make_corpus.py) through the real inspector with a real
clamd, twice: built with the sanitizers, which find faults of memory, and as it is installed,
where a system call too many kills."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.environ["EG_SOURCE"])
from tests.inspect.clamd import GOOD, Clamd  # noqa: E402
from tests.inspect.inspector import PLAIN, SANITIZED, Inspector  # noqa: E402
from tests.inspect.make_corpus import make  # noqa: E402

LEAST = 150
# An honest inspector never says these, whatever it is given.
DISHONEST = {"examiner-died", "examiner-stalled", "examiner-forged", "no-verdict", "deadline", "stalled", "busy",
             "spawner", "scanner-unreachable", "scanner-answer", "scanner-settings"}
RENDERED = {"application/pdf": "image/png", "image/jpeg": "image/jpeg", "image/png": "image/jpeg",
            "image/gif": "image/jpeg", "image/webp": "image/jpeg", "image/tiff": "image/jpeg", "image/heic": "image/jpeg"}


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-corpus."))
        cls.cases = make(cls.folder)
        cls.clamd = Clamd(*GOOD).start()

    @classmethod
    def tearDownClass(cls):
        cls.clamd.close()
        subprocess.run(["rm", "-rf", str(cls.folder)], check=True)

    def test_is_large_enough(self):
        self.assertGreaterEqual(len([c for c in self.cases if c["outcome"]]), LEAST)

    def check(self, case, verdict):
        self.assertNotIn(verdict["reason"], DISHONEST, verdict)
        if case["outcome"] is not None:
            self.assertEqual(verdict["outcome"], case["outcome"], verdict)
        for field in set(case) - {"file", "type", "outcome"}:
            self.assertEqual(verdict[field], case[field], (field, verdict))
        if verdict["outcome"] == "clean":
            self.assertEqual(verdict["type"], case["type"])

    def run_all(self, program):
        with Inspector(program, self.clamd.socket, pool=2, peaks=1) as inspector:
            for case in self.cases:
                with self.subTest(file=case["file"]):
                    self.check(case, inspector.inspect(case["type"], self.folder / case["file"]))
            events = [e for e in inspector.events() if e["event"].startswith("inspector.")]
            self.assertEqual(events, [])

    def test_sanitized(self):
        self.run_all(SANITIZED)

    def test_as_installed(self):
        self.run_all(PLAIN)

    def render_all(self, program):
        out = self.folder / "drawn"
        with Inspector(program, self.clamd.socket, pool=2, render_ms=60000) as inspector:
            for case in self.cases:
                with self.subTest(file=case["file"]):
                    told = inspector.render(case["type"], 0, self.folder / case["file"], out)
                    self.assertIn(told["error"], ("ok", "not-found"), told)
                    if case["outcome"] == "clean" and case["type"] in RENDERED:
                        self.assertEqual(told["media_type"], RENDERED[case["type"]], told)
                    if case["type"] not in RENDERED:
                        self.assertEqual(told["error"], "not-found")
                    self.assertEqual(out.stat().st_size, told["bytes"])
                    if told["error"] == "ok":
                        head = out.read_bytes()[:8]
                        self.assertTrue(head[:3] == b"\xff\xd8\xff" or head == b"\x89PNG\r\n\x1a\n")

    def test_rendered_sanitized(self):
        self.render_all(SANITIZED)

    def test_rendered_as_installed(self):
        self.render_all(PLAIN)

    def size(self, path):
        return subprocess.run(["identify", "-format", "%w %h %k", str(path)], capture_output=True, text=True,
                              check=True).stdout.split()

    def test_what_is_drawn(self):
        out = self.folder / "drawn"
        with Inspector(PLAIN, self.clamd.socket) as inspector:
            def draw(kind, name, page=0):
                return inspector.render(kind, page, self.folder / name, out)
            told = draw("application/pdf", "good.pdf", 2)
            self.assertEqual((told["width"], told["height"], told["pages"]), (1239, 1754, 3))
            self.assertGreater(int(self.size(out)[2]), 2, "the letters are missing")
            self.assertEqual(draw("application/pdf", "good.pdf", 3)["error"], "not-found")
            self.assertEqual(draw("application/pdf", "password-256.pdf")["error"], "not-found")
            self.assertEqual(draw("image/tiff", "pages.tiff", 2)["pages"], 3)
            self.assertEqual(draw("image/tiff", "pages.tiff", 3)["error"], "not-found")
            told = draw("image/jpeg", "turned.jpg")  # by its Exif, onto its side
            self.assertEqual((told["width"], told["height"]), (480, 640))
            self.assertEqual(self.size(out)[:2], ["480", "640"])
            subprocess.run(["convert", "-size", "5000x3000", "gradient:", str(self.folder / "large.png")], check=True)
            told = draw("image/png", "large.png")
            self.assertEqual((told["width"], told["height"]), (1667, 1000))
            self.assertEqual(draw("text/plain", "letter.txt")["error"], "not-found")


if __name__ == "__main__":
    unittest.main(verbosity=2)

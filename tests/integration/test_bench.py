#!/usr/bin/env python3
"""tools/bench measures: its smallest run gives figures that can be true. How large they are is
nobody's concern here."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest


class Bench(unittest.TestCase):
    def run_bench(self, *argv):
        source, build = os.environ["EG_SOURCE"], os.environ["EG_BUILD"]
        with tempfile.TemporaryDirectory(prefix="eg-it.") as folder:
            out = pathlib.Path(folder) / "figures.json"
            done = subprocess.run(
                [f"{source}/tools/bench", "--quick", "--seconds", "4", "--no-build", "--build",
                 build, "--dir", folder, "--json", str(out), *argv],
                capture_output=True, text=True, timeout=300)
            told = json.loads(out.read_text()) if out.exists() else None
            left = [p.name for p in pathlib.Path(folder).glob("eg-bench.*")]
        return done, told, left

    def test_put_64k(self):
        done, told, left = self.run_bench("--workload", "put-64k")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(left, [], "the temporary folder was left behind")
        gateway = told["servers"]["gateway"]
        figures = gateway["workloads"]["put-64k"]
        self.assertEqual(figures["errors"], 0, figures)
        self.assertGreater(figures["requests"], 0)
        self.assertEqual(figures["bytes"], figures["requests"] * 65536)
        self.assertEqual(figures["connections"], 16)
        self.assertGreater(figures["wall_s"], 0)
        self.assertAlmostEqual(figures["per_s"], figures["requests"] / figures["wall_s"], delta=1)
        self.assertLessEqual(figures["p50_ms"], figures["p99_ms"])
        self.assertGreater(figures["server_cpu_s"], 0)
        self.assertGreater(figures["peak_mib"], 1)
        with self.subTest("durable at the answer"):
            self.check_flushes(gateway["flushes"])

    def check_flushes(self, flushes):
        if flushes is None:
            self.skipTest("strace may not look at processes here")
        self.assertTrue(any("data/blobs/" in f for f in flushes), flushes)
        self.assertTrue(any(f.startswith("fdatasync(") and "gateway.db-wal" in f
                            for f in flushes), flushes)

    def test_unknown_workload(self):
        done, told, left = self.run_bench("--workload", "put-nothing")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("put-64k", done.stderr)
        self.assertIsNone(told)
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""tools/quickstart, the newcomer's one command: its whole main job, all but installing and
building. It runs from a copy of tools/ that has nothing else beside it, so that whatever it would
write into the source tree is seen, whoever else works there meanwhile."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

import gateway_fixture as fixture

RUN_SECONDS = 300
GONE_SECONDS = 60
ID = fixture.UUID.pattern
MARK = "EG_QUICKSTART_TEST"


def tree(folder):
    """Everything below a folder, so that two looks at it may be compared."""
    return {str(p.relative_to(folder)): (p.stat().st_mode, p.read_bytes() if p.is_file() else None)
            for p in sorted(folder.rglob("*"))}


class Quickstart(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-it-quickstart."))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.source, cls.made, cls.caller = (cls.folder / n for n in ("source", "made", "caller"))
        shutil.copytree(pathlib.Path(os.environ["EG_SOURCE"]) / "tools", cls.source / "tools")
        cls.made.mkdir()
        cls.caller.mkdir()
        cls.before = tree(cls.source)
        cls.build = pathlib.Path(fixture.program(release=True)).resolve().parent
        cls.mark = f"{MARK}={uuid.uuid4()}"
        cls.status, cls.said, cls.complaints, cls.session = cls.quickstart()
        cls.steps = dict(re.findall(r"^== (\w+)[.:] ([^\0]*?)(?=^== |\Z)", cls.said, re.M))

    @classmethod
    def quickstart(cls):
        """Exit status, output, standard error, and the session that all its processes are in."""
        process = subprocess.Popen(
            [cls.source / "tools/quickstart", "--built", cls.build, "--in", "../made", "--exit"],
            cwd=cls.caller, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, MARK: cls.mark.partition("=")[2]})
        try:
            said, complaints = process.communicate(timeout=RUN_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()
            raise
        return process.returncode, said, complaints, process.pid

    def assertStep(self, step, *patterns):
        self.assertIn(step, self.steps, f"{self.said}\n{self.complaints}")
        for pattern in patterns:
            self.assertRegex(self.steps[step], pattern)

    def of_step(self, step, pattern):
        found = re.search(pattern, self.steps.get(step, ""), re.M)
        self.assertIsNotNone(found, f"step {step}: {pattern}\n{self.said}\n{self.complaints}")
        return found.group(1)

    def own_folder(self):
        found = list(self.made.iterdir())
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].name.startswith("quickstart-"), found)
        return found[0]

    # --- the whole -----------------------------------------------------------------------------

    def test_every_step_is_done_and_it_ends_with_0(self):
        self.assertEqual(self.status, 0, f"{self.said}\n{self.complaints}")
        self.assertEqual(list(self.steps), [*map(str, range(1, 13)), "Done"], self.said)
        self.assertTrue(self.said.endswith("\n== Done: every step did what it says.\n"), self.said)
        self.assertNotIn("quickstart:", self.complaints)

    def test_nothing_is_written_beside_its_own_folder(self):
        self.assertEqual(tree(self.source), self.before)
        self.assertEqual(list(self.caller.iterdir()), [])
        self.own_folder()

    @classmethod
    def processes(cls):
        """Those of its session, and those that have left it and still carry its mark."""
        found = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()
                ours = int(state[3]) == cls.session
                if not ours:
                    ours = cls.mark.encode() in (folder / "environ").read_bytes().split(b"\0")
                if ours and state[0] != "Z":
                    found[int(folder.name)] = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass  # it has just ended, or is somebody else's
        return found

    def test_no_process_is_left(self):
        scanner = self.of_step("2", r"^   clamd, process (\d+),")
        gateway = self.of_step("3", r", process (\d+)$")
        self.assertNotEqual(scanner, gateway)
        deadline = time.monotonic() + GONE_SECONDS
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(left, {})

    def test_the_scanner_is_gone_and_the_gateway_has_drained(self):
        made = self.own_folder() / "gateway"
        socket = re.search(r'^ *clamd_socket *= *"([^"]+)"', (made / "gateway.conf").read_text(),
                           re.M).group(1)
        self.assertFalse(pathlib.Path(socket).parent.exists(), socket)
        events = [json.loads(line)["event"] for line in
                  (made / "gateway.log").read_text().splitlines()]
        self.assertIn("drain", events)
        self.assertNotIn("error", [json.loads(line)["level"] for line in
                                   (made / "gateway.log").read_text().splitlines()])

    # --- step by step --------------------------------------------------------------------------

    def test_the_gateway_that_was_named_is_set_up_and_started(self):
        self.assertStep("1", re.escape(f"is the one in {self.build}\n"),
                        r"(?m)^   evidence-gateway \d+\.\d+\.\d+$")
        self.assertStep("2", r"(?m)^   clamd, process \d+,", "log.vkey",
                        r"offline/recovery\.identity", "artefacts are inspected")
        self.assertStep("3", r"listening on https://127\.0\.0\.1:\d+, "
                             r"operations on http://127\.0\.0\.1:\d+, process \d+")

    def test_papers_are_sent_and_the_receipt_verifies_offline(self):
        for name in ("letter.pdf", "photo.jpg", "sr1.pdf", "assessment.flac"):
            size = (self.own_folder() / "papers" / name).stat().st_size
            self.assertGreater(size, 1000, name)
            self.assertStep("4", rf"(?m)^ +{size} bytes  {re.escape(name)}$")
        claim = self.of_step("5", rf"^   claim ({ID})$")
        self.assertStep("6", rf"(?m)^   photo\.jpg +-> artefact {ID}, status available$")
        letter = self.of_step("6", rf"^   letter\.pdf +-> artefact ({ID}), status available$")
        self.assertStep("6", r"(?m)^   good: entry \d+ of the log \S+, in a tree of \d+ entries",
                        r"(?m)^   good: the file is the one that was received$",
                        r'"action": "upload\.committed"', rf'"artefact": "{letter}"',
                        rf'"claim": "{claim}"', r'"inspection": "clean"')

    def test_the_infected_letter_is_refused_with_a_receipt(self):
        self.assertStep("6", r"(?m)^   infected\.txt -> 422 /problems/contains-virus: ",
                        r'"action": "upload\.refused"', r'"inspection": "virus"',
                        r'"virus": "Test\.Eicar\.(Body|Hash)\S*"')
        self.assertNotIn("infected.txt", self.steps["10"])

    def test_the_medical_report_is_there_and_the_claimant_does_not_see_it(self):
        self.assertStep("7", rf"(?m)^   sr1\.pdf +-> artefact {ID}$",
                        r"list still shows 2 items, and asking for the SR1 answers 404")
        self.assertStep("10", r"(?m)  medical_report  sr1\.pdf  \d+ bytes  available$")

    def test_a_recording_is_stored_and_one_after_the_opt_out_is_refused(self):
        self.assertStep("8", r"choice is noticed",
                        rf"(?m)^   assessment\.flac -> artefact {ID}, status available$")
        self.assertGreater(int(self.of_step(
            "9", r"^   choice is opted_out, with a receipt of (\d+) bytes$")), 100)
        self.assertStep("9", r"(?m)^   409 /problems/recording-opted-out: ")

    def test_the_case_manager_reads_and_the_claimant_sees_who_did(self):
        letter = self.of_step("6", rf"^   letter\.pdf +-> artefact ({ID}),")
        audio = self.of_step("8", rf"^   assessment\.flac -> artefact ({ID}),")
        size = (self.own_folder() / "papers/assessment.flac").stat().st_size
        listed = re.findall(r"(?m)^   \S+Z  (\w+)  (\S+)  \d+ bytes  available$", self.steps["10"])
        self.assertCountEqual(listed, [
            ("further_evidence", "letter.pdf"), ("further_evidence", "photo.jpg"),
            ("medical_report", "sr1.pdf"), ("assessment_audio", "assessment.flac")])
        self.assertStep("10", r"the letter that comes out is the letter that went in",
                        rf"(?m)^   bytes {size // 2}-\d+ of {size} came alone, and are the right")
        opened = re.findall(rf"(?m)^     \S+Z  case_manager opened ({ID}) for decision$",
                            self.steps["10"])
        self.assertCountEqual(opened, [letter, audio])

    def test_the_export_opens_with_the_ordinary_age(self):
        self.assertStep("11", r"audio\.age: \d+ bytes sealed", "age -d gives the recording back")
        papers = self.own_folder() / "papers"
        self.assertTrue((papers / "audio.age").read_bytes().startswith(b"age-encryption.org/v1\n"))
        self.assertEqual((papers / "audio.out").read_bytes(),
                         (papers / "assessment.flac").read_bytes())

    def test_the_operator_sees_it_ready_its_log_whole_and_nothing_damaged(self):
        ready = json.loads(self.of_step("12", r"^   (\{.*\})$"))
        self.assertIs(ready["ready"], True)
        self.assertEqual(set(ready["checks"].values()), {"ok"}, ready)
        signed = int(self.of_step("12", r"^   (\d+) entries signed, \d+ records compared, "))
        self.assertGreater(signed, 10)
        self.assertStep("12", r"0 erased, 0 unlawful\n", r"(?m)^   4 artefacts, \d+ bytes read, "
                                                         r"0 damaged, 0 objects without a record$")

    # --- what it is told -----------------------------------------------------------------------

    def test_what_it_does_not_know_is_answered_with_its_usage(self):
        for words in (["--ext"], ["--exit", "now"], ["--built"],
                      ["--built", self.folder / "nowhere"], ["--in", self.folder / "nowhere"]):
            done = subprocess.run([self.source / "tools/quickstart", *words], cwd=self.caller,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (2, ""), f"{words}: {done}")
            for option in ("--exit", "--built FOLDER", "--in FOLDER"):
                self.assertIn(option, done.stderr)
        self.assertEqual(tree(self.source), self.before)


if __name__ == "__main__":
    unittest.main(verbosity=2)

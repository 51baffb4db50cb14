"""Drives inspect_tool, and through it the real client library and the real program."""

import json
import os
import pathlib
import subprocess
import tempfile

BUILD = pathlib.Path(os.environ["EG_BUILD"])
TOOL = BUILD / "tests/inspect/inspect_tool"
SANITIZED = BUILD / "evidence-inspector"      # finds faults of memory
PLAIN = BUILD / "tests/inspect/inspector_plain"  # as installed: the filter kills
HOSTILE = BUILD / "tests/inspect/inspector_hostile"
HOSTILE_SCANNER = BUILD / "tests/inspect/inspector_hostile_scanner"


class Inspector:
    """`with Inspector(PLAIN, clamd.socket, pool=2) as i: i.inspect(type, path)`"""

    def __init__(self, program, socket, **options):
        if os.geteuid() == 0:
            options.setdefault("user", "nobody")
        # appended to by its processes, read here by another description: their offset is their own
        self.log_file = tempfile.NamedTemporaryFile("a", prefix="eg-inspector.", suffix=".log")
        self.process = subprocess.Popen(
            [str(TOOL), str(program), str(socket), *(f"{k}={v}" for k, v in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log_file, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        if not self.log_file.closed:
            self.whole_log = self.log()
            self.log_file.close()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"inspect_tool ended: {self.log()}")
        return json.loads(answer)

    def inspect(self, declared, path, piece=65536):
        return self.ask(f"{declared} {piece} {path}")

    def render(self, declared, page, path, out):
        return self.ask(f"render {declared} {page} {path} {out}")

    def health(self):
        return self.ask("health")

    def stats(self):
        return self.ask("stats")

    def log(self):
        if self.log_file.closed:
            return self.whole_log
        return pathlib.Path(self.log_file.name).read_text()

    def events(self):
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

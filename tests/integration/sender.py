"""evidence-send, run as a GP's system would run it.

    EG_SEND   the program, else the one in EG_BUILD
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

RECEIVED, REFUSED, USAGE, UNREACHABLE, UNVERIFIED, LOCAL = range(6)
RUN_SECONDS = 120


def program(release=False):
    built = pathlib.Path(os.environ.get("EG_BUILD", "/nonexistent")) / "evidence-send"
    path = os.environ.get("EG_SEND", str(built))
    installed = pathlib.Path(os.environ.get("EG_RELEASE_BIN", "/nonexistent")).with_name(
        "evidence-send")
    if release and os.access(installed, os.X_OK):
        path = str(installed)
    if not os.access(path, os.X_OK):
        raise RuntimeError("EG_SEND does not name the program under test")
    return path


class Done:
    """A run that has ended: its exit code, what it told, one result for each file."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out.decode(), err.decode()

    @property
    def results(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self):
        found, = self.results
        return found

    def __repr__(self):
        return f"<exit {self.code}\n{self.out}{self.err}>"


class Sender:
    """Somebody who sends: a folder with files, a token or a certificate."""

    def __init__(self, gw, token=None, cert=None, release=False):
        self.gw, self.cert, self.binary = gw, cert, program(release)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sender.", dir=gw.folder))
        self.token_file = self.folder / "token"
        self.trace_file = self.folder / "trace"
        if token:
            self.renew(token)
        else:
            self.token_file = None

    def renew(self, token):
        """As whoever keeps a token fresh should: in one step."""
        new = self.folder / "token.fresh"
        new.write_text(token + "\n")
        new.replace(self.token_file)

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def argv(self, claim, *files, port=None, kind="further_evidence", key=True, json=True, ca=None,
             **options):
        told = [self.binary, "--url", f"https://127.0.0.1:{port or self.gw.port}", "--ca",
                str(ca or self.gw.ca), "--claim", claim, "--kind", kind, "--trace",
                str(self.trace_file)]
        if self.token_file:
            told += ["--token-file", str(self.token_file)]
        if self.cert:
            told += ["--cert", self.cert[0], "--key", self.cert[1]]
        if key:
            told += ["--log-key", str(self.gw.vkey)]
        for name, value in options.items():
            name = "--" + name.replace("_", "-")
            told += [name] if value is True else [name, str(value)]
        return told + (["--json"] if json else []) + [str(f) for f in files]

    def start(self, claim, *files, **options):
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        return subprocess.Popen(self.argv(claim, *files, **options), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean)

    def send(self, claim, *files, seconds=RUN_SECONDS, **options):
        return self.finish(self.start(claim, *files, **options), seconds)

    @staticmethod
    def finish(process, seconds=RUN_SECONDS):
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"evidence-send goes on after {seconds} s\n"
                                 f"{(out + err).decode()}") from None
        return Done(process.returncode, out, err)

    @staticmethod
    def kill(process):
        """As an outage would; what it said."""
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        return Done(process.returncode, out, err)

    def trace(self):
        """What it asked and was answered; a line that was being written when it was killed is none."""
        if not self.trace_file.exists():
            return []
        told = []
        for line in self.trace_file.read_text().splitlines():
            try:
                told.append(json.loads(line))
            except json.JSONDecodeError:
                pass
        return told

    def forget_trace(self):
        self.trace_file.unlink(missing_ok=True)

    def wait_for_trace(self, wanted, seconds=60):
        """The first line that `wanted` is true of."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.trace():
                if wanted(line):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"it did not come so far: {self.trace()}")

    def left(self, file):
        """What stands beside a file: the endings."""
        return sorted(p.name.removeprefix(file.name) for p in file.parent.glob(file.name + ".*"))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def resent(trace):
    """What is wrong in a trace: a piece that begins before what the service had acknowledged, or a
    service that takes an acknowledgement back."""
    acknowledged, wrong = {}, []
    for line in trace:
        upload = line["upload"]
        known = acknowledged.get(upload, 0)
        if line["step"] == "send" and line["from"] < known:
            wrong.append(f"{known} were acknowledged, and it sent from {line['from']}")
        if line["step"] in ("ask", "send") and line["status"] in (200, 204):
            if line["offset"] < known:
                wrong.append(f"{known} were acknowledged, and then {line['offset']}")
            acknowledged[upload] = max(known, line["offset"])
    return wrong

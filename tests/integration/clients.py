"""Clients that others wrote, from npm: their packages in the versions of js/package-lock.json, and
the programs in js/ that drive them, spoken to in lines of JSON."""

import fcntl
import hashlib
import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent / "js"
HINT = "tools/install-dependencies --test installs it"
INSTALL_SECONDS = 300
ANSWER_SECONDS = 90


def program(*names):
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError(f"there is no {names[0]}: {HINT}")


def modules(source=HERE):
    """The folder that has node_modules, filled once for each state of the lock."""
    lock = source / "package-lock.json"
    state = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    name = "clients" if source == HERE else source.name
    folder = pathlib.Path(os.environ.get("EG_BUILD", tempfile.gettempdir())) / "npm" / f"{name}-{state}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for name in "package.json", "package-lock.json":
                shutil.copy(source / name, folder)
            done = subprocess.run([program("npm"), "ci", "--silent", "--no-audit", "--no-fund",
                                   "--ignore-scripts", "--prefix", str(folder)],
                                  capture_output=True, text=True, timeout=INSTALL_SECONDS)
            if done.returncode != 0:
                raise RuntimeError(f"npm ci: {done.stdout}{done.stderr}")
            (folder / "complete").touch()
    return folder


class Driver:
    """js/<script>: gets its job as one line of JSON, then commands; tells events."""

    def __init__(self, script, job, ca=None):
        self.events, self.queue = [], queue.Queue()
        self.process = subprocess.Popen(
            [program("node", "nodejs"), str(HERE / script)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "EG_MODULES": str(modules()),
                 **({"NODE_EXTRA_CA_CERTS": str(ca)} if ca else {})})
        self.said = []
        self.ears = [threading.Thread(target=self._listen, daemon=True),
                     threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True)]
        for ear in self.ears:
            ear.start()
        self.tell(**job)

    def _listen(self):
        for line in self.process.stdout:
            self.queue.put(json.loads(line))
        self.queue.put(None)

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def until(self, name, seconds=ANSWER_SECONDS):
        """The next event of that name; an error that was not waited for fails the test."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self.queue.get(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} within {seconds} s: {self.events[-12:]}") from None
            if event is None:
                raise AssertionError(f"the client ended before {name}: {self.events[-12:]}\n"
                                     f"{''.join(self.said)[-4000:]}")
            self.events.append(event)
            if event["event"] == name:
                return event
            if event["event"] == "error":
                raise AssertionError(f"{name}: the client gave up: {event}\n{self.events[-12:]}")

    def all(self, name):
        return [e for e in self.events if e["event"] == name]

    def requests(self, method=None):
        """Answered requests, [(method, status), ...], or the statuses of one method's."""
        told = [(e["method"], e["status"]) for e in self.all("answer")]
        return told if method is None else [s for m, s in told if m == method]

    def close(self):
        """It ends with its input; its exit status."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for ear in self.ears:
            ear.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode

"""What the kernel says about processes: CPU time, memory, and who else was running."""

import mmap
import os
import pathlib
import signal
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.2
STOP_SECONDS = 40
TOUCH_BYTES = 2 << 30


def tree(roots):
    """The processes and everything they started."""
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        if pid in found:
            continue
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
            found.append(pid)
            for task in tasks:
                children = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text()
                todo += map(int, children.split())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def cpu_seconds(roots):
    """User and system time of the tree, with the children that have ended."""
    total = 0
    for pid in tree(roots):
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, stat.rsplit(")", 1)[1].split()[11:15]))
    return total / TICK


def machine_seconds():
    """Busy time of all cores (without interrupts), and time the hypervisor took away."""
    user, nice, system, *rest = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system) / TICK, rest[4] / TICK


def memory_mib(roots):
    """Proportional set size of the tree."""
    total = 0
    for pid in tree(roots):
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except (OSError, ProcessLookupError):
            continue
    return total / 1024


class Watch:
    """Samples a tree's memory beside a run; knows its peak afterwards."""

    def __init__(self, roots):
        self.roots, self.peak, self.over = roots, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.is_set():
            self.peak = max(self.peak, memory_mib(self.roots))
            self.over.wait(SAMPLE_SECONDS)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Clocks:
    """CPU used by the server and by everybody else since it was made."""

    def __init__(self, roots, mine=()):
        self.roots, self.mine = roots, list(mine)
        self.begun = self._read()

    def _read(self):
        used = os.times()
        busy, stolen = machine_seconds()
        return (time.monotonic(), cpu_seconds(self.roots), cpu_seconds(self.mine),
                used.user + used.system, busy, stolen)

    def server(self):
        return cpu_seconds(self.roots) - self.begun[1]

    def read(self):
        wall, server, mine, own, busy, stolen = (
            now - then for now, then in zip(self._read(), self.begun))
        return {"others_cpu_s": max(0.0, busy - server - mine - own), "stolen_s": stolen,
                "seen_wall_s": wall}


def settle(clocks, seconds=20.0):
    """Waits until the server rests, so that work put off until after the answers is counted."""
    deadline, last, still = time.monotonic() + seconds, clocks.server(), 0
    while still < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
        now = clocks.server()
        still = still + 1 if now - last < 1.5 / TICK else 0
        last = now
    return last


def touch_memory():
    """A hypervisor takes free pages back and the first touch is dear: have them before a run."""
    block = b"\1" * (16 << 20)
    with mmap.mmap(-1, TOUCH_BYTES) as memory:
        for _ in range(TOUCH_BYTES // len(block)):
            memory.write(block)


def stop(process, ask=signal.SIGTERM):
    """Asks this one process to end, and waits."""
    if process.poll() is None:
        process.send_signal(ask)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()

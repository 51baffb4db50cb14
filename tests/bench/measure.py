"""One run of one workload against one server, and what came of it."""

import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import time

from processes import Clocks, Watch, memory_mib, settle, touch_memory, tree

STRACE_SECONDS = 1.0
ANSWER_BYTES = 60  # a socket write of so many bytes is an answer, not a TLS alert
GIB = 1 << 30


class Driver:
    """bench_driver with one server and one workload."""

    def __init__(self, binary, server, workload):
        self.binary, self.server, self.workload = binary, server, workload

    def argv(self, request, extra):
        return [self.binary, "--workload", self.workload["name"], "--port",
                str(self.server.port), *request.argv(self.server.folder), *extra]

    def start(self, request, extra=()):
        """Begins, and comes back when the warm-up is over."""
        process = subprocess.Popen(self.argv(request, extra), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"bench_driver: {process.communicate()[1].strip()}")
        return process

    @staticmethod
    def go(process):
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"bench_driver: {process.communicate()[1].strip()}")
        return json.loads(line)

    @staticmethod
    def end(process):
        said = process.communicate()[1].strip()
        return said

    def plain(self, request, extra):
        """Without measuring: to store what will be read."""
        process = self.start(request, extra)
        told = self.go(process)
        self.end(process)
        if told["errors"]:
            raise RuntimeError(f"{self.server.name}: {told['first_error']}")


def measured(driver, request, extra):
    """Runs and adds what the server used."""
    os.sync()
    server = driver.server
    process = driver.start(request, extra)
    with Watch(server.roots()) as watch:
        clocks = Clocks(server.roots(), [process.pid])
        told = driver.go(process)
        told["answered_cpu_s"] = clocks.server()
        told.update(clocks.read())
        driver.end(process)
        told["server_cpu_s"] = settle(clocks)
    told["peak_mib"] = max(watch.peak, memory_mib(server.roots()))
    requests = max(1, told["requests"])
    told["per_s"] = requests / told["wall_s"]
    told["mb_per_s"] = told["bytes"] / told["wall_s"] / 1e6
    told["cpu_us_per_request"] = told["server_cpu_s"] * 1e6 / requests
    if told["bytes"] >= 16 << 20:
        told["cpu_s_per_gib"] = told["server_cpu_s"] * GIB / told["bytes"]
    return told


def median_of(runs):
    """The run's figures, each the median; the runs themselves stay beside them."""
    result = {"runs": runs}
    for key, value in runs[0].items():
        if isinstance(value, (int, float)) and all(key in r for r in runs):
            result[key] = statistics.median(r[key] for r in runs)
    result["errors"] = sum(r["errors"] for r in runs)
    for run in runs:
        if "first_error" in run:
            result["first_error"] = run["first_error"]
    return result


# --- was it durable at the answer? ------------------------------------------------------------

CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<at>[\d.]+)\s+(?P<text>.*)$")
FLUSHES = ("fsync", "fdatasync", "syncfs")


def events(text):
    """(time at which it had been done, call, first argument, result) in order of time."""
    open_calls, found = {}, []
    for line in text.splitlines():
        match = CALL.match(line)
        if not match:
            continue
        pid, words = match["pid"], match["text"]
        if words.endswith("<unfinished ...>"):
            open_calls[pid] = words
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", words)
        if resumed:
            words = open_calls.pop(pid, "").replace("<unfinished ...>", "") + words[resumed.end():]
        call = re.match(r"(\w+)\((.*)\)\s+=\s+(-?\d+)", words)
        if call:
            took = re.search(r"<([\d.]+)>$", words)
            at = float(match["at"]) + (float(took[1]) if took and not resumed else 0)
            found.append((at, call[1], call[2], int(call[3])))
    return sorted(found)


def path_of(argument):
    match = re.match(r"\d+<([^>]*)>", argument)
    return match[1] if match else ""


def flushes_before_answer(text, folder, begun):
    """Names of what was flushed between `begun` and the first byte of the answer."""
    flushed = []
    for at, call, argument, result in events(text):
        if at < begun:
            continue
        if call in FLUSHES and result == 0:
            name = path_of(argument).removeprefix(str(folder) + "/")
            flushed.append(f"{call}({name})")
        elif call not in FLUSHES and "TCP" in argument.split(",")[0] and result >= ANSWER_BYTES:
            return flushed
    return None


def durability(driver, request):
    """One upload under strace: what was on the disk when the client had its answer."""
    server = driver.server
    process = driver.start(request, ["--requests", "1", "--warm-up", "1", "--connections", "1"])
    log = pathlib.Path(server.folder) / "strace"
    argv = ["strace", "-f", "-ttt", "-T", "-yy", "-s", "0", "-o", str(log), "-e",
            "trace=fsync,fdatasync,syncfs,write,writev,sendto,sendmsg,sendfile"]
    for pid in tree(server.roots()):
        argv += ["-p", str(pid)]
    try:
        strace = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except FileNotFoundError:
        process.kill()
        process.wait()
        return None
    time.sleep(STRACE_SECONDS)
    begun = time.time()
    told = driver.go(process)
    time.sleep(STRACE_SECONDS / 2)
    strace.send_signal(signal.SIGINT)
    strace.wait()
    driver.end(process)
    if told["errors"] or not log.exists():
        return None
    return flushes_before_answer(log.read_text(errors="replace"), server.folder, begun)


# --- a whole workload -------------------------------------------------------------------------

def extra_arguments(workload, options):
    extra = ["--seconds", str(options.seconds)]
    if options.quick:
        extra.append("--quick")
    if workload["object"]:
        extra += ["--object", str(workload["object"])]
    return extra


def run_upload(binary, make, workload, options):
    """A fresh folder and a fresh server."""
    server = make()
    try:
        touch_memory()
        server.start()
        driver = Driver(binary, server, workload)
        return measured(driver, server.upload(), extra_arguments(workload, options))
    finally:
        server.empty()


def run_read(binary, server, workload, request, options):
    """The server started again on the folder it has: what is read was stored before."""
    try:
        touch_memory()
        server.start()
        driver = Driver(binary, server, workload)
        return measured(driver, request, extra_arguments(workload, options))
    finally:
        server.stop()


def run_durability(binary, make, workload):
    server = make()
    try:
        server.start()
        return durability(Driver(binary, server, workload), server.upload())
    finally:
        server.empty()


def store(binary, server, workload, name, size):
    """Stores one object and says how it is read."""
    driver = Driver(binary, server, workload)
    extra = ["--requests", "1", "--warm-up", "0", "--connections", "1", "--size", str(size)]
    return server.stored(name, lambda request: driver.plain(request, extra))

"""docs/benchmark.md: the tables, and how they came about."""

import pathlib
import re
import subprocess

GATEWAY = "gateway"
GIB = 1 << 30

# (workload, what is compared, unit, format, whether more is better)
ROWS = [
    ("put-1g", "cpu_s_per_gib", "CPU s/GiB", "{:.2f}", False),
    ("put-1g", "mb_per_s", "MB/s", "{:,.0f}", True),
    ("put-256k", "per_s", "req/s", "{:,.0f}", True),
    ("put-256k", "p99_ms", "p99 ms", "{:.0f}", False),
    ("put-64k", "per_s", "req/s", "{:,.0f}", True),
    ("put-64k", "p99_ms", "p99 ms", "{:.0f}", False),
    ("put-64k", "cpu_us_per_request", "CPU us/request", "{:,.0f}", False),
    ("put-64k-1", "per_s", "req/s", "{:,.0f}", True),
    ("put-64k-1", "p50_ms", "p50 ms", "{:.2f}", False),
    ("put-1k", "per_s", "req/s", "{:,.0f}", True),
    ("get-1g", "cpu_s_per_gib", "CPU s/GiB", "{:.2f}", False),
    ("get-1g", "mb_per_s", "MB/s", "{:,.0f}", True),
    ("range-1", "p50_ms", "p50 ms", "{:.2f}", False),
    ("range-16", "per_s", "req/s", "{:,.0f}", True),
    ("range-16", "p99_ms", "p99 ms", "{:.1f}", False),
    ("connect-full", "cpu_us_per_request", "CPU us/connection", "{:,.0f}", False),
    ("connect-resumed", "cpu_us_per_request", "CPU us/connection", "{:,.0f}", False),
    ("list", "per_s", "pages/s", "{:,.0f}", True),
    ("list", "p50_ms", "p50 ms", "{:.2f}", False),
]


def machine(folder):
    """In general terms: what matters for the figures."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    flags = re.search(r"^flags\s*:(.*)$", info, re.M)[1].split()
    cores = len(re.findall(r"^processor\s*:", info, re.M))
    have = [words for flag, words in (("aes", "AES"), ("sha_ni", "SHA"), ("avx512f", "AVX-512"))
            if flag in flags]
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    kind, source = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True,
                                  text=True).stdout.strip(), ""
    found = subprocess.run(["findmnt", "-no", "FSTYPE,SOURCE", "-T", folder],
                           capture_output=True, text=True).stdout.split()
    if len(found) == 2:
        kind, source = found
    journal = ""
    if kind == "ext4":
        task = pathlib.Path("/sys/fs/ext4") / pathlib.Path(source).name / "journal_task"
        has = task.exists() and task.read_text().strip() != "<none>"
        journal = " with a journal" if has else " without a journal"
    kernel = ".".join(pathlib.Path("/proc/sys/kernel/osrelease").read_text().split(".")[:2])
    kind_of_machine = "virtual machine" if "hypervisor" in flags else "machine"
    return (f"{kind_of_machine}, {cores} cores ({', '.join(have)} instructions), "
            f"{memory / (1 << 20):.0f} GiB of memory, {kind}{journal}, Linux {kernel}")


def figure(result, server, workload, key):
    return result["servers"][server]["workloads"].get(workload, {}).get(key)


def cell(result, server, row):
    workload, key, _, words, _ = row
    value = figure(result, server, workload, key)
    if value is None:
        return "-"
    mine = figure(result, GATEWAY, workload, key)
    text = words.format(value)
    if server == GATEWAY or not mine or not value:
        return f"**{text}**" if server == GATEWAY else text
    ratio = mine / value if row[4] else value / mine
    return f"{text} ({ratio:.2f})"


def table(result):
    servers = list(result["servers"])
    names = [result["servers"][s]["words"] for s in servers]
    lines = ["| workload | " + " | ".join(names) + " |", "|---" * (len(servers) + 1) + "|"]
    for row in ROWS:
        if not any(row[0] in result["servers"][s]["workloads"] for s in servers):
            continue
        words = result["workloads"][row[0]]
        lines.append(f"| {words}: {row[2]} | "
                     + " | ".join(cell(result, s, row) for s in servers) + " |")
    lines.append("| peak memory of all uploads, MiB | " + " | ".join(
        peak(result, s, "put-") for s in servers) + " |")
    lines.append("| peak memory of all reads, MiB | " + " | ".join(
        peak(result, s, "get-", "range-") for s in servers) + " |")
    lines.append("| seals what it stores | " + " | ".join(
        "yes" if result["servers"][s]["seals"] else "no" for s in servers) + " |")
    lines.append("| flushed to disk before the answer | " + " | ".join(
        durable(result["servers"][s]) for s in servers) + " |")
    return lines


def peak(result, server, *prefixes):
    found = [w["peak_mib"] for name, w in result["servers"][server]["workloads"].items()
             if name.startswith(prefixes)]
    return f"{max(found):.0f}" if found else "-"


def durable(server):
    flushes = server.get("flushes")
    if flushes is None:
        return "not seen"
    return f"yes ({len(flushes)} flushes)" if flushes else "no"


def faults(result):
    lines = []
    for name, server in result["servers"].items():
        for workload, told in server["workloads"].items():
            if told.get("errors"):
                lines.append(f"- {server['words']}, {workload}: {told['errors']:.0f} requests "
                             f"failed ({told.get('first_error', '')}).")
        for workload, why in server.get("unavailable", {}).items():
            lines.append(f"- {server['words']}, {workload}: not measured: {why}")
    return lines


def runs_in_words(n):
    return "1 run" if n == 1 else f"{n} runs"


def quiet(result):
    """The others' share of the machine beside each run, median and worst."""
    shares = sorted(run["others_cpu_s"] / run["seen_wall_s"] / result["cores"]
                    for server in result["servers"].values()
                    for told in server["workloads"].values() for run in told["runs"])
    return shares[len(shares) // 2], shares[-1]


METHOD = """\
## Method
- One command measures everybody in the same run, in turn, so that a ratio compares like with like;
  figures of two days do not. In brackets: how many times better the gateway is (below 1: worse).
- Server and load driver share the machine. The driver (`tests/bench/driver`) is one thread on epoll
  and OpenSSL; TLS 1.3 with AES-256-GCM for everybody, connections kept open, one request at a time
  on each.
- Uploads go to a fresh folder and a fresh process; reads to a process started again on what it had
  stored. Each run has a warm-up of its own. 2 GiB of memory are touched first, because a
  hypervisor takes free pages back. Given is the median of {runs}.
- The list is of a claim with 1,000 artefacts in a database of {artefacts:,}, filled by
  `tests/bench/fill_database` through the program's own code.
- CPU is user and system time of the server's whole process tree, from the first measured request
  until it rests again, so that work put off until after the answers counts. Memory is the peak of
  the tree's proportional set size.
- The gateway does all that it does in service: tokens, permissions, sealing for two recipients,
  the record, the signed log and a receipt in every answer. Inspection is off, as in the set-up for
  development. The peers know no log, no receipts and no permissions.
- *Flushed before the answer*: under strace, one upload; a flush counts if it had returned before
  the first byte of the answer was written to the socket. The gateway flushes the payload, its
  folder, the database's journal and the keeper's state.
- Other processes took {others:.0%} of the machine beside the median run, {worst:.0%} beside the worst.
"""
NO_JOURNAL = "- A file system without a journal makes a flush cheaper than on most servers."


def write(result, path):
    others, worst = quiet(result)
    lines = ["# Benchmark", "",
             "Made by `tools/bench`; do not edit by hand.", "",
             f"{result['date']}, `{result['command']}`; {result['machine']}.", "",
             "![The gateway beside its peers](benchmark.svg)", "", *table(result), ""]
    if faults(result):
        lines += [*faults(result), ""]
    lines += METHOD.format(runs=runs_in_words(result["runs"]), artefacts=result["artefacts"], others=others,
                           worst=worst).splitlines()
    if "without a journal" in result["machine"]:
        lines.append(NO_JOURNAL)
    lines += ["", *parts(result)]
    pathlib.Path(path).write_text("\n".join(lines).rstrip() + "\n")


def parts(result):
    """The measurements of single parts, and what was decided by them."""
    lines = ["## Decisions", ""]
    alone = figure(result, GATEWAY, "put-64k-1", "per_s")
    many = figure(result, GATEWAY, "put-64k", "per_s")
    if alone and many:
        lines += [f"- **One commit for all who wait.** 64 KiB uploads one after the other, each "
                  f"with a commit of its own: {alone:,.0f}/s; sixteen at once, which share commits "
                  f"and signatures: {many:,.0f}/s, {many / alone:.1f} times as many.", ""]
    for words, text in result.get("parts", {}).items():
        lines += [f"- **{words}**", "", "  ```", *("  " + line for line in text.splitlines()),
                  "  ```", ""]
    return lines if len(lines) > 2 else []

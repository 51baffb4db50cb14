#!/usr/bin/env python3
"""How long the auditor's questions take over a long log, and the list of a claim with 1,000 artefacts:
the answers of a running gateway over TLS, token and all, medians and the slowest of each.

    EG_BIN=build/release/evidence-gateway query_speed.py TOOLS [ENTRIES]

TOOLS is the folder with fill_log and fill_database (build/release/tests/bench)."""

import pathlib
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "integration"))
import gateway_fixture  # noqa: E402

ROUNDS = 21


def fill(tool, gw, count):
    began = time.monotonic()
    done = subprocess.run([tool, gw.config, str(count)], check=True, capture_output=True)
    print(f"{tool.name} {count}: {time.monotonic() - began:.0f} s", flush=True)
    return done.stdout.decode().split()


def timed(session, token, path):
    """Milliseconds, one after the other on one connection: median and slowest."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = session.request("GET", path, token)
        took.append(1000 * (time.perf_counter() - began))
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer}")
    return statistics.median(took), max(took), answer


def events(gw, told):
    claim, artefact, busy, rare, often, seldom = told
    auditor = gw.token("auditor", "audrey")
    with gateway_fixture.Session(gw) as session:
        first = session.request("GET", "/v1/audit/events?limit=1", auditor).json["events"][0]
        begin, end = first["time"], gateway_fixture.now()
        filters = {"claim": [claim], "artefact": [artefact], "actor": [busy, rare],
                   "action": [often, seldom], "from": [begin], "to": [end]}
        slowest = {}
        for mask in range(1 << len(filters)):
            chosen = [k for i, k in enumerate(filters) if mask >> i & 1]
            cases = [{}]
            for name in chosen:
                cases = [{**c, name: v} for c in cases for v in filters[name]]
            for case in cases:
                path = "/v1/audit/events?" + urllib.parse.urlencode(case)
                median, worst, answer = timed(session, auditor, path)
                names = "+".join(n for n in chosen if n not in ("from", "to")) or "times alone"
                found = slowest.get(names, (0, 0, 0))
                slowest[names] = max(found, (median, worst, len(answer.json["events"])))
        for names, (median, worst, n) in sorted(slowest.items(), key=lambda s: -s[1][0]):
            print(f"| {names} | {median:.1f} | {worst:.1f} | {n} |")


def claim_list(gw, claim):
    with gateway_fixture.Session(gw) as session:
        for limit in (50, 200):
            median, worst, answer = timed(session, gw.manager,
                                          f"/v1/claims/{claim}/artefacts?limit={limit}")
            print(f"| claim list, {len(answer.items())} of 1,000 | {median:.1f} | {worst:.1f} |")
        took = []
        for _ in range(ROUNDS):
            began, path = time.perf_counter(), f"/v1/claims/{claim}/artefacts?limit=200"
            while path:
                path = session.request("GET", path, gw.manager).next()
            took.append(1000 * (time.perf_counter() - began))
        print(f"| claim list, all 1,000 in pages of 200 | {statistics.median(took):.1f} |"
              f" {max(took):.1f} |")


def main():
    tools, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10 ** 6
    gw = gateway_fixture.Gateway(release=True).init()
    try:
        told = fill(tools / "fill_log", gw, count)
        big = fill(tools / "fill_database", gw, 20000)[-1]
        gw.start()
        print("| filters | median ms | slowest ms | events |\n|---|---|---|---|")
        events(gw, told)
        claim_list(gw, big)
    finally:
        gw.stop()
        gw.remove()


if __name__ == "__main__":
    main()

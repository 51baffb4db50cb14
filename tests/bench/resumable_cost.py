#!/usr/bin/env python3
"""What it costs the server that an upload can resume: the same file once as one plain request and
once in pieces over tus, in turns, so that both meet the same neighbours.

  tests/bench/resumable_cost.py [--build DIR] [--mib 1024] [--piece 8MiB] [--rounds 3] [--dir DIR]

Prints CPU seconds per GiB (the whole process tree, from /proc), the peak memory, and the median
ratio. What it stores goes with its folder.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import servers  # noqa: E402
from processes import Clocks, Watch, settle, touch_memory  # noqa: E402

MIB = 1 << 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(HERE.parent.parent / "build" / "release"))
    parser.add_argument("--mib", type=int, default=1024, help="size of the file")
    parser.add_argument("--piece", default="8MiB", help="bytes of one request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default="/var/tmp")
    return parser.parse_args()


def letter(path, mib):
    """A file that begins like a PDF."""
    with open(path, "wb") as out:
        out.write(b"%PDF-1.7\n".ljust(64))
        for _ in range(mib):
            out.write(os.urandom(MIB))


def plain(gateway, claim, path):
    return ["curl", "-sS", "--fail", "--cacert", gateway.dir / "ca.pem", "-X", "POST", "-T", path,
            "-H", gateway.authorization("claimant", "bench-claimant"),
            "-H", "Content-Type: application/pdf", "-o", gateway.folder / "answer",
            f"https://127.0.0.1:{gateway.port}/v1/claims/{claim}/artefacts?kind=further_evidence"]


def resumable(gateway, claim, path, options):
    token = gateway.folder / "token"
    token.write_text(gateway.token("claimant", "bench-claimant"))
    token.chmod(0o600)
    return [f"{options.build}/evidence-send", "--url", f"https://127.0.0.1:{gateway.port}",
            "--ca", gateway.dir / "ca.pem", "--token-file", token, "--claim", claim, "--kind",
            "further_evidence", "--piece-size", options.piece, "--log-key",
            gateway.dir / "log.vkey", "--quiet", path]


def measured(gateway, argv, mib):
    touch_memory()
    os.sync()
    with Watch(gateway.roots()) as watch:
        clocks = Clocks(gateway.roots())
        subprocess.run([str(a) for a in argv], check=True)
        used = settle(clocks)
    return {"cpu_s_per_gib": used * 1024 / mib, "peak_mib": watch.peak}


def main():
    options = arguments()
    servers.Gateway.binary = f"{options.build}/evidence-gateway"
    base = pathlib.Path(tempfile.mkdtemp(prefix="eg-resume.", dir=options.dir))
    ways = {"plain": [], "resumable": []}
    try:
        path = base / "letter.pdf"
        letter(path, options.mib)
        gateway = servers.Gateway(base)
        gateway.start()
        gateway.claims_make()
        claims = iter(gateway.claims)
        for _ in range(options.rounds):
            ways["plain"].append(measured(gateway, plain(gateway, next(claims), path),
                                          options.mib))
            ways["resumable"].append(measured(
                gateway, resumable(gateway, next(claims), path, options), options.mib))
            print(json.dumps({name: runs[-1] for name, runs in ways.items()}), flush=True)
        gateway.stop()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    ratio = statistics.median(r["cpu_s_per_gib"] / p["cpu_s_per_gib"]
                              for p, r in zip(ways["plain"], ways["resumable"]))
    print(f"pieces of {options.piece}: {ratio:.2f} times the CPU of the plain upload, "
          f"{max(r['peak_mib'] for r in ways['resumable']):.0f} MiB at most")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What it costs the server that every upload is inspected: the same kinds of PDF to a gateway that
inspects and to one that does not, in turns, so that both meet the same neighbours.

  tests/bench/inspection_cost.py [--build DIR] [--rounds 5] [--clamd SOCKET] [--sizes 64KiB,5MiB] [--sound]

With --sound they are recordings (WAV, 16 bits, stereo) instead, one in each turn.

Prints for each size the server's CPU of one upload (user and system time of its whole process tree,
from /proc, inspectors included, clamd not), the ratio of the medians, and by how much the median
upload takes longer. Without --clamd it starts one of its own with the two lines of the tests' database;
what clamd itself uses, and how long it takes alone for such a file, is told apart. What it stores goes with its folder.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "tests" / "integration")]

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}
UPLOADS = {"small": 40, "large": 10}  # in one turn: enough ticks of the kernel's clock
LARGE = 1 << 20
WARM_UP = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clamd", help="the socket of a clamd that is there")
    parser.add_argument("--sizes", default="64KiB,5MiB")
    parser.add_argument("--sound", action="store_true")
    return parser.parse_args()


def size_of(text):
    return int(text[:-3]) * UNITS[text[-3:]]


def letter(size):
    """A page with a picture that fills it up: what a scanner at home makes, and never the same."""
    side = max(1, int((size - 1200) ** 0.5))
    picture = os.urandom(side * side)
    draw = b"q 500 0 0 700 40 40 cm /I Do Q"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
        b"<</Length %d>>\nstream\n%b\nendstream" % (len(draw), draw),
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8/Length %d>>\n"
        b"stream\n%b\nendstream" % (side, side, len(picture), picture)]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    return bytes(out)


def recording(size):
    """Noise, of a piece that is never the same twice: only its length matters to who decodes it."""
    noise = os.urandom(1 << 20)
    samples = (noise * (size // len(noise) + 1))[:size - 44 & ~3]
    return (b"RIFF" + (len(samples) + 36).to_bytes(4, "little") + b"WAVEfmt " +
            bytes.fromhex("10000000 0100 0200 44ac0000 10b10200 0400 1000") + b"data" +
            len(samples).to_bytes(4, "little") + samples)


class Side:
    """One gateway, and what was measured of it."""

    def __init__(self, gateway, session, sound, clamd=None):
        self.gateway, self.session, self.clamd = gateway, session, clamd
        self.kind, self.type = ("claimant_recording", "audio/wav") if sound else ("further_evidence", "application/pdf")
        self.claim = gateway.create_claim("bench")
        self.token = gateway.token("claimant", "bench")
        self.cpu, self.clamd_cpu, self.seconds = [], [], []

    def upload(self, data):
        begun = time.monotonic()
        answer = self.session.request("POST", f"/v1/claims/{self.claim}/artefacts?kind={self.kind}",
                                      self.token, data, {"Content-Type": self.type})
        taken = time.monotonic() - begun
        if answer.status != 201 or answer.json["artefact"]["status"] != "available":
            raise SystemExit(f"not stored and available: {answer}")
        return taken

    def turn(self, letters):
        roots = [self.gateway.process.pid]
        clocks, theirs = Clocks(roots), Clocks(self.clamd) if self.clamd else None
        self.seconds += [self.upload(data) for data in letters]
        self.cpu.append(settle(clocks) / len(letters))
        if theirs:
            self.clamd_cpu.append(theirs.server() / len(letters))


def alone(path, data):
    """How long clamd takes by itself for what it has not seen before."""
    begun = time.monotonic()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"zINSTREAM\0" + len(data).to_bytes(4, "big") + data + bytes(4))
        if s.recv(64) != b"stream: OK\0":
            raise SystemExit("clamd does not find it clean")
    return time.monotonic() - begun


def measure(size, rounds, sides, clamd, make):
    for side in sides.values():
        side.cpu, side.clamd_cpu, side.seconds = [], [], []
        for _ in range(WARM_UP):
            side.upload(make(size))
    by_itself = []
    count = 1 if make is recording else UPLOADS["large" if size >= LARGE else "small"]
    for number in range(rounds):
        for side in list(sides.values())[::1 if number % 2 == 0 else -1]:
            side.turn([make(size) for _ in range(count)])
        by_itself += [alone(clamd, make(size)) for _ in range((count + 1) // 2)]
    off, on = sides["off"], sides["on"]
    middle = statistics.median
    return {
        "bytes": size, "uploads": count * rounds,
        "cpu_ms_off": round(1000 * middle(off.cpu), 2), "cpu_ms_on": round(1000 * middle(on.cpu), 2),
        "cpu_ratio": round(middle(on.cpu) / middle(off.cpu), 2),
        "clamd_cpu_ms": round(1000 * middle(on.clamd_cpu), 2) if on.clamd_cpu else None,
        "median_ms_off": round(1000 * middle(off.seconds), 1), "median_ms_on": round(1000 * middle(on.seconds), 1),
        "clamd_alone_ms": round(1000 * middle(by_itself), 1),
        "median_ms_more": round(1000 * (middle(on.seconds) - middle(off.seconds)), 1),
    }


def main():
    options = arguments()
    program = str(pathlib.Path(options.build).resolve() / "evidence-gateway")
    os.environ.update(EG_BIN=program, EG_RELEASE_BIN=program, EG_SOURCE=str(ROOT),
                      EG_BUILD=str(pathlib.Path(options.build).resolve()))
    global Clocks, settle
    from processes import Clocks, settle
    from gateway_fixture import Gateway, Session
    from tests.inspect.clamd import GOOD, LARGE, Clamd

    clamd = None if options.clamd else Clamd(*(LARGE if options.sound else GOOD)).start()
    gateways = {}
    try:
        for name, scanner in (("off", "none"), ("on", options.clamd or str(clamd.socket))):
            gateways[name] = gateway = Gateway(True)
            gateway.init(scanner)
            gateway.setting("inspection.wait", "10 min")
            gateway.start()
        sides = {name: Side(g, Session(g, timeout=600), options.sound, [clamd.process.pid] if clamd and name == "on" else None)
                 for name, g in gateways.items()}
        for size in options.sizes.split(","):
            print(json.dumps(measure(size_of(size), options.rounds, sides, options.clamd or str(clamd.socket),
                                     recording if options.sound else letter)), flush=True)
    finally:
        for gateway in gateways.values():
            try:
                gateway.stop()
            finally:
                gateway.remove()
        if clamd:
            clamd.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Kill -9 of the gateway while uploads are on their way: they go on, and nothing that was
acknowledged is sent again.

    EG_BIN=... EG_RELEASE_BIN=... EG_BUILD=... tests/campaigns/kill9_resumable.py [--uploads 300]
        [--seed N] [--keep]

Eight evidence-send at a time send files of a few MiB in small pieces, each file another. Whenever a
random number of bytes has come in, every process of the gateway gets SIGKILL, and it starts again,
on another port: the clients reach it over a proxy that keeps its own. The bytes decide and not the
clock, so that a fast machine is hit as often as a slow one. The oracle:

- Does every client end with a receipt that verifies?
- In each client's trace: does the service ever take an acknowledged offset back, and does any piece
  begin before what was acknowledged? How much was sent more often than once?
- Is each file there once, bit by bit? Are `scrub` and `log verify` clean?
- Is nothing of the uploads left over in the store?

Exit status 1 and one line for each thing that is wrong.
"""

import argparse
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import arrivals  # noqa: E402
import gateway_fixture as fixture  # noqa: E402
import samples  # noqa: E402
from cutting_proxy import CuttingProxy  # noqa: E402
from sender import RECEIVED, Sender, resent  # noqa: E402

AT_ONCE = 8
SMALLEST, LARGEST = 1 << 20, 6 << 20
PIECES = ("64KiB", "128KiB", "512KiB", "2MiB")
UPLOAD_SECONDS = 600
UP_BYTES = (256 << 10, 12 << 20)  # what the gateway takes in before it is killed
DOWN_SECONDS = (0.0, 0.5)         # and how long it is away, beside its start
LOOK_SECONDS = 0.005
SWEEP_SECONDS = 10
AGE_SECONDS = 2 * 3600  # older than what may belong to a running commit


class Running:
    """A client at work on one file."""

    def __init__(self, campaign, number):
        dice = random.Random(f"{campaign.seed}/{number}")
        size = dice.randrange(SMALLEST, LARGEST)
        self.number, self.started = number, time.monotonic()
        self.data = samples.text(size, f"{campaign.seed}/{number}")
        self.claim = campaign.claim
        self.sender = Sender(campaign.gw, campaign.token, release=True)
        self.file = self.sender.file(f"{number}.txt", self.data)
        self.process = self.sender.start(self.claim, self.file, port=campaign.proxy.port,
                                         piece_size=dice.choice(PIECES), retry_for=UPLOAD_SECONDS)

    def ended(self):
        return self.process.poll() is not None

    def late(self):
        return time.monotonic() - self.started > UPLOAD_SECONDS


class Campaign:
    def __init__(self, arguments):
        self.count, self.seed = arguments.uploads, arguments.seed
        self.dice = random.Random(self.seed)
        self.gw = fixture.Gateway(release=True)
        self.gw.init()
        self.arrivals = arrivals.Arrivals(self.gw)
        self.proxy, self.running, self.begun, self.ended = None, [], 0, 0
        self.kills = self.resumed = self.size = self.sent = 0
        self.started = time.monotonic()

    def close(self):
        for client in self.running:
            client.process.kill()
            client.process.communicate()
        if self.proxy:
            self.proxy.close()

    # --- clients -------------------------------------------------------------------------------

    def look_at(self, client):
        """A client that has ended: is its word good, and did it keep to the rules?"""
        done = client.sender.finish(client.process, 10)
        wrong = self.arrivals.wrong
        self.arrivals.expect(client.claim, client.data)
        if done.code != RECEIVED or not done.result["verified"]:
            wrong(f"client {client.number}: {str(done)[:2000]}")
        if client.sender.left(client.file) != [".receipt"]:
            wrong(f"client {client.number} left {client.sender.left(client.file)}")
        trace = client.sender.trace()
        for what in resent(trace):
            wrong(f"client {client.number}: {what}")
        if len({line["upload"] for line in trace if line["upload"]}) != 1:
            wrong(f"client {client.number} began again: {str(done)[:2000]}")
        self.resumed += any(line["step"] == "ask" for line in trace)
        self.size += len(client.data)
        self.sent += sum(line["handed"] - line["from"] for line in trace if line["step"] == "send")
        self.ended += 1
        client.sender.remove()

    def turn(self):
        """Those that have ended make room for others."""
        for client in [c for c in self.running if c.ended() or c.late()]:
            self.running.remove(client)
            if client.late() and not client.ended():
                self.arrivals.wrong(f"client {client.number} does not come to an end")
                client.process.kill()
            self.look_at(client)
        while len(self.running) < AT_ONCE and self.begun < self.count:
            self.running.append(Running(self, self.begun))
            self.begun += 1

    def watch(self, size):
        """Until so many bytes have come in, or everybody has ended."""
        enough = self.proxy.carried_up + size
        while self.proxy.carried_up < enough and self.running:
            self.turn()
            time.sleep(LOOK_SECONDS)

    # --- questions -----------------------------------------------------------------------------

    def age(self):
        """Two hours pass for the files of the store: what has no record by then is swept."""
        then = time.time() - AGE_SECONDS
        for path in (self.gw.dir / "data" / "blobs").rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))

    def nothing_left_over(self, artefacts):
        """One object for each artefact, and nothing else."""
        store = self.gw.dir / "data" / "blobs"
        deadline = time.monotonic() + SWEEP_SECONDS
        while True:
            files = [p.relative_to(store) for p in store.rglob("*") if p.is_file()]
            other = [p for p in files if p.parts[0] != "objects"]
            if not other and len(files) == artefacts:
                return
            if time.monotonic() > deadline:
                self.arrivals.wrong(f"left over: {len(files)} files for {artefacts} artefacts, "
                                    f"{len(other)} of them no objects: {other[:5]}")
                return
            time.sleep(0.2)

    # --- the campaign --------------------------------------------------------------------------

    def tell(self):
        again = self.sent - self.size
        print(f"{self.ended} uploads, {self.kills} times killed, {self.resumed} uploads resumed, "
              f"{self.size >> 20} MiB, of which {100 * again / max(1, self.size):.1f} % went again "
              f"because they were not acknowledged, {len(self.arrivals.problems)} wrong, "
              f"{time.monotonic() - self.started:.0f} s", flush=True)

    def run(self):
        self.gw.start()
        self.claim = self.gw.create_claim("ada")
        self.token = self.gw.token("claimant", "ada")
        self.proxy = CuttingProxy(lambda: self.gw.port, self.seed, whole=1.0)
        self.turn()
        while self.running:
            self.watch(self.dice.randint(*UP_BYTES))
            if not self.running:
                break
            self.gw.kill()
            self.kills += 1
            time.sleep(self.dice.uniform(*DOWN_SECONDS))
            self.gw.start()
            if self.kills % 25 == 0:
                self.tell()
        self.tell()
        there = self.arrivals.check()
        self.arrivals.commands()
        self.gw.stop()
        self.age()
        self.gw.start()
        self.nothing_left_over(there)
        self.gw.stop()
        if self.resumed < self.count / 4:
            self.arrivals.wrong("hardly an upload was hit: this was no campaign")
        print(f"{there} artefacts, each read back", flush=True)
        return not self.arrivals.problems


def main():
    parser = argparse.ArgumentParser(description="kill -9 of the gateway under resumable uploads")
    parser.add_argument("--uploads", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(2 ** 32))
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    arguments = parser.parse_args()
    sys.exit(arrivals.run(Campaign(arguments), arguments, "kill9_resumable"))


if __name__ == "__main__":
    main()

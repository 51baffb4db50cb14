#!/usr/bin/env python3
"""Kill -9 under load, again and again: what was acknowledged is there, and nothing else is.

    EG_BIN=... EG_RELEASE_BIN=... tests/campaigns/kill9.py --cycles 300 [--seed N] [--keep]

A cycle: 16 clients upload; each answer of 201 is written to a file of its own and flushed before
the client goes on. At a random moment every process of the gateway gets SIGKILL. It starts again,
and the oracle asks:

- Does every acknowledged artefact read back bit by bit, now and at the end of the campaign?
- Does every receipt verify, by the program's `verify` and by the tree in Python?
- Is nothing listed that is not whole: what nobody got an answer for is there completely or not?
- Is nothing left over in the store? (What has no record is swept when it is an hour old: between
  outage and start the files are made to look older.)
- Is `scrub` clean, is `log verify` clean, does the newest checkpoint continue every checkpoint that
  was ever handed out?

Exit status 1 and one line for each thing that is wrong.
"""

import argparse
import base64
import concurrent.futures
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import gateway_fixture as fixture  # noqa: E402
import samples  # noqa: E402
import transparency  # noqa: E402

CLIENTS = 16
SIZES = (1, 700, 4096, 16384, 65535, 65536, 65537, 131072, 300000)
SWEEP_SECONDS = 5
PATIENCE_SECONDS = 30
AGE_SECONDS = 2 * 3600  # older than what may belong to a running commit
VERIFIERS = 2
TOLD = 30  # of what is wrong, the rest is counted


class Oracle:
    """What was acknowledged, as it stands on the disk."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.all = {}

    def acknowledge(self, artefact, sha256, size, receipt):
        path = self.folder / f"{artefact}.json"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, json.dumps({"id": artefact, "sha256": sha256, "size": size,
                                     "receipt": receipt}).encode())
            os.fsync(fd)
        finally:
            os.close(fd)

    def load(self):
        """Those that are new since the last time."""
        fresh = {}
        for path in self.folder.glob("*.json"):
            if path.stem not in self.all:
                try:
                    fresh[path.stem] = json.loads(path.read_text())
                except json.JSONDecodeError:
                    continue  # not flushed: the client itself had not got so far
        self.all.update(fresh)
        return fresh


class Campaign:
    def __init__(self, cycles, seed):
        self.cycles, self.dice, self.seed = cycles, random.Random(seed), seed
        self.gw = fixture.Gateway(release=True)
        self.gw.init()
        for quota in ("person_bytes", "person_artefacts", "claim_bytes", "claim_artefacts"):
            self.gw.setting(f"policy.quota_{quota}", 0)  # one person sends a million files
        self.oracle = Oracle(self.gw.folder / "oracle")
        self.problems, self.checkpoints = [], {}
        self.claims, self.listed, self.unanswered = [], {}, 0
        self.started = time.monotonic()

    def wrong(self, text):
        if len(self.problems) < TOLD:
            print(f"WRONG: {text}", flush=True)
        self.problems.append(text)

    # --- load ----------------------------------------------------------------------------------

    def client(self, number, cycle, claim, token, stop):
        dice = random.Random(f"{self.seed}/{cycle}/{number}")
        session = fixture.Session(self.gw, timeout=20)
        count = 0
        while not stop.is_set():
            size = dice.choice(SIZES) + dice.randrange(50)
            head = f"{number}-{count}-{dice.random()}\n".encode()[:max(size, 8)]
            data = head + samples.text(max(0, size - len(head)), number)  # another file each time
            try:
                answer = self.gw.upload(claim, data, token, media="text/plain",
                                        filename=f"{number}-{count}.txt", session=session)
            except Exception:
                break  # the outage
            if answer.status == 201:
                told = answer.json
                self.oracle.acknowledge(told["artefact"]["id"], fixture.sha256(data), len(data),
                                        told["receipt"])
                count += 1
            elif answer.status < 500:
                self.wrong(f"an upload was refused: {answer}")
                break
            time.sleep(dice.uniform(0, 0.06))
        session.close()

    def outage(self, cycle):
        claim = self.gw.create_claim("ada")
        token = self.gw.token("claimant", "ada")
        self.claims.append(claim)
        stop = threading.Event()
        clients = [threading.Thread(target=self.client, args=(n, cycle, claim, token, stop))
                   for n in range(CLIENTS)]
        for c in clients:
            c.start()
        time.sleep(self.dice.uniform(0.1, 0.9))
        self.gw.kill()
        stop.set()
        for c in clients:
            c.join()
        return claim

    # --- questions -----------------------------------------------------------------------------

    def patiently(self, session, path, token):
        """The keeper gives out so many openings a second, and says so to whoever wants more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = session.request("GET", path, token)
            if answer.status != 503 or time.monotonic() > deadline:
                return answer
            time.sleep(0.2)

    def read_back(self, wanted, note):
        token = self.gw.token("claimant", "ada")

        def some(part):
            with fixture.Session(self.gw) as session:
                for artefact, record in part:
                    answer = self.patiently(session, f"/v1/artefacts/{artefact}/content", token)
                    if answer.status != 200:
                        self.wrong(f"{note}: {artefact} lost: {answer.status} {answer.body[:200]}")
                    elif fixture.sha256(answer.body) != record["sha256"]:
                        self.wrong(f"{note}: {artefact} is not what was sent")
        items = list(wanted.items())
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(some, [items[n::4] for n in range(4)]))

    def verify_receipts(self, fresh):
        def one(item):
            artefact, record = item
            try:
                receipt = transparency.Receipt(record["receipt"])
                problem = receipt.problem(record["sha256"])
                if problem or receipt.details["artefact"] != artefact:
                    self.wrong(f"receipt of {artefact}: {problem}")
                self.checkpoints[receipt.checkpoint.size] = receipt.checkpoint.root
            except Exception as e:
                self.wrong(f"receipt of {artefact}: {type(e).__name__}: {e}")
            done = self.gw.command("verify", "-", "--key", self.gw.vkey, check=False,
                                   input=record["receipt"].encode())
            if done.returncode != 0:
                self.wrong(f"verify, {artefact}: {done.stderr.decode().strip()}")
        with concurrent.futures.ThreadPoolExecutor(VERIFIERS) as pool:
            list(pool.map(one, fresh.items()))

    def list_is_whole(self, claim, fresh):
        """Everything listed is complete; what was acknowledged is listed."""
        found = {a["id"]: a for a in self.gw.list_all(claim, self.gw.manager, limit=200)}
        for artefact in fresh:
            if artefact not in found:
                self.wrong(f"{artefact} was acknowledged and is not listed")
        for artefact, told in found.items():
            if told["status"] != "available" or told["size"] <= 0:
                self.wrong(f"listed but not whole: {told}")
        unanswered = {i: {"sha256": a["sha256"]} for i, a in found.items() if i not in fresh}
        self.unanswered += len(unanswered)
        self.read_back(unanswered, "without an answer")
        self.listed.update(found)

    def nothing_left_over(self):
        store = self.gw.dir / "data" / "blobs"
        deadline = time.monotonic() + SWEEP_SECONDS
        while True:
            partial = [p for p in (store / "partial").rglob("*") if p.is_file()]
            whole = [p for p in (store / "objects").rglob("*") if p.is_file()]
            if not partial and len(whole) == len(self.listed):
                return
            if time.monotonic() > deadline:
                self.wrong(f"left over: {len(partial)} unfinished files, {len(whole)} sealed ones "
                           f"for {len(self.listed)} artefacts")
                return
            time.sleep(0.1)

    def age(self):
        """Two hours pass for the files of the store."""
        then = time.time() - AGE_SECONDS
        for path in (self.gw.dir / "data" / "blobs").rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))

    def continues(self, sizes):
        """The newest checkpoint continues those of these sizes."""
        token = self.gw.token("auditor", "audrey")
        with fixture.Session(self.gw) as session:
            for size in sizes:
                answer = session.request("GET", f"/log/proof?from={size}", token)
                if answer.status != 200:
                    self.wrong(f"no proof from {size}: {answer}")
                    continue
                told = answer.json
                newest = transparency.Checkpoint(told["checkpoint"])
                proof = [base64.b64decode(h) for h in told["proof"]]
                if newest.size < size or not transparency.consistent(
                        size, self.checkpoints[size], newest.size, newest.root, proof):
                    self.wrong(f"the log forked between {size} and {newest.size}")

    def commands(self):
        for argv in (("scrub", "--config", self.gw.config),
                     ("log", "verify", "--config", self.gw.config)):
            done = self.gw.command(*argv, check=False, timeout=600)
            if done.returncode != 0:
                self.wrong(f"{argv[0]}: exit {done.returncode}: "
                           f"{(done.stdout + done.stderr).decode()[-1000:]}")

    # --- the campaign --------------------------------------------------------------------------

    def run(self):
        self.gw.start()
        for cycle in range(1, self.cycles + 1):
            claim = self.outage(cycle)
            self.age()
            self.gw.start()
            fresh = self.oracle.load()
            self.read_back(fresh, f"cycle {cycle}")
            self.verify_receipts(fresh)
            self.list_is_whole(claim, fresh)
            self.nothing_left_over()
            self.continues(self.dice.sample(sorted(self.checkpoints),
                                            min(8, len(self.checkpoints))))
            if cycle % 20 == 0:
                self.commands()
            if cycle % 10 == 0 or cycle == self.cycles:
                print(f"cycle {cycle}: {len(self.oracle.all)} acknowledged, {self.unanswered} "
                      f"stored without an answer, {len(self.problems)} wrong, "
                      f"{time.monotonic() - self.started:.0f} s", flush=True)
            if len(self.problems) > 20:
                break
        self.read_back(self.oracle.all, "at the end")
        self.continues(sorted(self.checkpoints))
        self.commands()
        self.gw.stop()
        self.commands()
        if not self.oracle.all:
            self.wrong("nothing was acknowledged: this was no load")
        return not self.problems


def main():
    parser = argparse.ArgumentParser(description="kill -9 under load")
    parser.add_argument("--cycles", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(2 ** 32)
    campaign = Campaign(options.cycles, seed)
    print(f"seed {seed}, folder {campaign.gw.folder}", flush=True)
    good = False
    try:
        good = campaign.run()
    finally:
        if campaign.gw.alive():
            campaign.gw.kill()
        if not good:
            print(campaign.gw.keep_logs("kill9"), flush=True)
        if not options.keep:
            campaign.gw.remove()
    print("good" if good else f"{len(campaign.problems)} things are wrong", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

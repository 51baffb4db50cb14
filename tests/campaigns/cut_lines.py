#!/usr/bin/env python3
"""Uploads over lines that break: each arrives, bit by bit, and is one artefact.

    EG_BIN=... EG_RELEASE_BIN=... EG_BUILD=... tests/campaigns/cut_lines.py [--uploads 1000]
        [--seed N] [--keep] [--only evidence-send|tus-js]

Every connection goes through a proxy that cuts most of them after a random number of bytes, up or
down: in the handshake, in a head, in a piece, in the answer. Half of the uploads is sent by
evidence-send, the other half by tus-js-client (where node is installed); eight at a time; each file
is another. When all are through, a case manager lists the claims and reads everything.

Exit status 1 and one line for each thing that is wrong.
"""

import argparse
import concurrent.futures
import math
import pathlib
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import arrivals  # noqa: E402
import clients  # noqa: E402
import gateway_fixture as fixture  # noqa: E402
import samples  # noqa: E402
from cutting_proxy import CuttingProxy  # noqa: E402
from sender import RECEIVED, Sender, resent  # noqa: E402

AT_ONCE = 8
PEOPLE = ("ada", "bob", "cyd", "dee")
LARGEST = 3 << 20
PIECES = ("64KiB", "256KiB", "1MiB", "8MiB")
UPLOAD_SECONDS = 600
TUS_JS_SECONDS, TUS_JS_RUNS = 60, 10
EVERY = 100  # a line of progress


class Campaign:
    def __init__(self, arguments):
        self.count, self.seed = arguments.uploads, arguments.seed
        self.gw = fixture.Gateway(release=True)
        self.gw.init()
        # A client that loses the answer to a creation leaves an upload behind, until it expires.
        self.gw.setting("policy.open_uploads_per_person", 1000000)
        self.gw.setting("policy.upload_records_per_person", 100000000)
        self.arrivals = arrivals.Arrivals(self.gw)
        self.proxy = None
        self.lock, self.done, self.sent, self.hung = threading.Lock(), 0, {}, 0
        self.kinds = ["evidence-send", "tus-js"]
        if not (shutil.which("node") and shutil.which("npm")):
            print("node and npm are not there: no tus-js-client", flush=True)
            self.kinds = ["evidence-send"]
        if arguments.only:
            self.kinds = [arguments.only]
        self.started = time.monotonic()

    def close(self):
        if self.proxy:
            self.proxy.close()

    # --- one upload --------------------------------------------------------------------------

    def data(self, number, dice):
        size = int(math.exp(dice.uniform(0, math.log(LARGEST))))
        mark = f"{self.seed} {number} ".encode()  # in front: short ones differ, too
        return (mark + samples.text(size, dice.random()))[:max(size, len(mark))]

    def evidence_send(self, number, person, data, dice):
        sender = Sender(self.gw, self.gw.token("claimant", person), release=True)
        try:
            file = sender.file(f"{number}.txt", data)
            done = sender.send(self.claims[person], file, port=self.proxy.port,
                               piece_size=dice.choice(PIECES), seconds=UPLOAD_SECONDS)
            if done.code != RECEIVED:
                return f"{done}"
            if not done.result["verified"] or sender.left(file) != [".receipt"]:
                return f"{done}: {sender.left(file)}"
            return "; ".join(resent(sender.trace()))
        finally:
            sender.remove()

    def tus_js(self, number, person, data, dice):
        file = self.gw.folder / f"tus-{number}.txt"
        storage = file.with_suffix(".storage")
        file.write_bytes(data)
        job = {"endpoint": f"https://127.0.0.1:{self.proxy.port}/v1/uploads", "file": str(file),
               "token": self.gw.token("claimant", person), "storage": str(storage),
               "metadata": {"claim": self.claims[person], "kind": "further_evidence",
                            "filename": file.name, "filetype": "text/plain"},
               "options": {"chunkSize": dice.choice((65536, 1 << 20, 1 << 30))}}
        try:
            return self.tus_js_runs(job)
        finally:
            for path in file, storage:
                path.unlink(missing_ok=True)

    def tus_js_runs(self, job):
        """In Node tus-js-client 4.3.1 waits for ever when a connection breaks behind the head of an
        answer: nobody listens for that. Then it is ended, and goes on from its storage, as it would
        when a person loads a page again."""
        for _ in range(TUS_JS_RUNS):
            client = clients.Driver("tus.mjs", job, self.gw.ca)
            try:
                client.until("done", TUS_JS_SECONDS)
                return ""
            except AssertionError as e:
                last = e
                if any(event["event"] == "error" for event in client.events):
                    raise
                with self.lock:
                    self.hung += 1
            finally:
                client.close()
        raise last

    def upload(self, number):
        dice = random.Random(f"{self.seed}/{number}")
        kind, person = self.kinds[number % len(self.kinds)], PEOPLE[number // 2 % len(PEOPLE)]
        data = self.data(number, dice)
        send = self.evidence_send if kind == "evidence-send" else self.tus_js
        try:
            wrong = send(number, person, data, dice)
        except Exception as e:
            wrong = f"{type(e).__name__}: {e}"
        with self.lock:
            self.arrivals.expect(self.claims[person], data)
            if wrong:
                self.arrivals.wrong(f"{kind} {number}, {len(data)} bytes: {wrong[:2000]}")
            self.sent[kind] = self.sent.get(kind, 0) + 1
            self.done += 1
            if self.done % EVERY == 0:
                self.tell()

    # --- the campaign --------------------------------------------------------------------------

    def tell(self):
        told = ", ".join(f"{n} by {kind}" for kind, n in sorted(self.sent.items()))
        print(f"{self.done} uploads ({told}), {self.proxy.count} connections, of which "
              f"{self.proxy.cuts['up']} were cut on their way up and {self.proxy.cuts['down']} on "
              f"their way down, tus-js-client hung {self.hung} times, "
              f"{len(self.arrivals.problems)} wrong, "
              f"{time.monotonic() - self.started:.0f} s", flush=True)

    def run(self):
        self.gw.start()
        self.claims = {person: self.gw.create_claim(person) for person in PEOPLE}
        for person in PEOPLE:
            self.gw.token("claimant", person)
        if "tus-js" in self.kinds:
            clients.modules()
        self.proxy = CuttingProxy(lambda: self.gw.port, self.seed)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.upload, range(self.count)))
        self.tell()
        there = self.arrivals.check()
        self.arrivals.commands()
        self.gw.stop()
        if sum(self.proxy.cuts.values()) < self.count / 2:
            self.arrivals.wrong("the lines hardly broke: this was no campaign")
        print(f"{there} artefacts, each read back", flush=True)
        return not self.arrivals.problems


def main():
    parser = argparse.ArgumentParser(description="uploads over lines that break")
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(2 ** 32))
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    parser.add_argument("--only", choices=("evidence-send", "tus-js"))
    arguments = parser.parse_args()
    sys.exit(arrivals.run(Campaign(arguments), arguments, "cut_lines"))


if __name__ == "__main__":
    main()

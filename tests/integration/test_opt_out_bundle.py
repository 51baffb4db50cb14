#!/usr/bin/env python3
"""An opt-out against a bundle that holds the recording: whatever the interleaving, the cut-off holds.

The cut-off is the order of the log. Where the opt-out's entry stands before the one that would have opened the
recording for the bundle, there is no such entry, and no byte of the recording left; and an opt-out that was
answered before the bundle was asked for is in none. A bundle is whole or broken, never whole without what its
manifest lists. 400 interleavings, 10,000 with EG_CAMPAIGN=long; EG_SEED repeats a run's delays."""

import collections
import hashlib
import http.client
import io
import json
import os
import random
import sqlite3
import threading
import time
import unittest
import zipfile

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now

LANES = 8
PER_CLAIM = 10


class Round:
    """What one of them saw."""

    def __init__(self, artefact, assessment, data):
        self.artefact, self.assessment, self.data = artefact, assessment, data
        self.bundle = self.status = None
        self.body, self.whole = b"", False
        self.opted_first = False

    @property
    def leaked(self):
        """A piece of the recording, of any length that cannot be chance, is in what came."""
        return self.data[44:76] in self.body

    @property
    def holds_it(self):
        return self.whole and self.data in self.body


class Lane:
    """A claimant and a case manager with a connection each, who set off together again and again."""

    def __init__(self, test, number, rounds, seed):
        self.test, self.gw, self.rounds = test, test.gw, rounds
        self.dice = random.Random(f"{seed}/{number}")
        self.done, self.problems = [], []
        self.span = 0.02  # of the random delays: about how long a bundle takes

    def run(self):
        try:
            with fixture.Session(self.gw) as out, fixture.Session(self.gw) as down:
                while len(self.done) < self.rounds:
                    claim = self.gw.create_claim("ada", assigned_to=["asim"])
                    for n in range(3):
                        answer = self.gw.upload(claim, samples.pdf(f"{self.dice.random()}"), self.test.tokens["claimant"],
                                                session=out)
                        assert answer.status == 201, answer
                    for _ in range(min(PER_CLAIM, self.rounds - len(self.done))):
                        self.once(claim, out, down)
        except BaseException as e:
            self.problems.append(f"{type(e).__name__}: {e}")

    def prepared(self, claim, out):
        token, gw = self.test.tokens, self.gw
        made = out.request("POST", f"/v1/claims/{claim}/assessments", token["assessor"], {
            "channel": "telephone", "scheduled_at": now(-7200), "provider": "Invented"})
        assessment = made.json["id"]
        assert gw.choose(assessment, token["assessor"], "notice", now(-7000), session=out).status == 201
        data = samples.wav(seconds=self.dice.choice((0.01, 0.5, 5, 20)), seed=self.dice.random())
        answer = gw.upload(claim, data, token["assessor"], "assessment_audio", "audio/wav", "a.wav",
                           gw.recording(assessment), session=out)
        assert answer.status == 201, answer
        return Round(answer.json["artefact"]["id"], assessment, data)

    def fetch(self, claim, down, r):
        if down.connection is None:
            down._open()
        try:
            down.connection.request("GET", f"/v1/claims/{claim}/bundle?purpose=appeal",
                                    headers={"Authorization": f"Bearer {self.test.tokens['manager']}"})
            told = down.connection.getresponse()
            r.status, r.bundle = told.status, told.headers.get("Evidence-Bundle")
            r.body, r.whole = told.read(), True
        except http.client.IncompleteRead as cut:
            r.body = cut.partial
            down.close()
        except (http.client.HTTPException, OSError):
            down.close()

    def once(self, claim, out, down):
        r, together, answered = self.prepared(claim, out), threading.Barrier(2), threading.Event()
        delays = self.dice.uniform(0, self.span), self.dice.uniform(0, self.span)
        effective, answers = now(self.dice.choice((-3600, -2000, 0))), {}

        def bundle():
            together.wait()
            time.sleep(delays[0])
            r.opted_first = answered.is_set()
            started = time.monotonic()
            self.fetch(claim, down, r)
            self.span += (min(time.monotonic() - started, 0.3) * 1.5 - self.span) * 0.1

        other = threading.Thread(target=bundle)
        other.start()
        together.wait()
        time.sleep(delays[1])
        answers = self.gw.choose(r.assessment, self.test.tokens["claimant"], "opt_out", effective, session=out)
        answered.set()
        other.join()
        if answers.status != 201:
            self.problems.append(f"opt-out: {answers}")
        after = out.request("GET", f"/v1/artefacts/{r.artefact}/content?purpose=appeal", self.test.tokens["manager"])
        if after.status < 400:
            self.problems.append(f"{r.artefact} is served after the opt-out")
        self.look(r)
        r.leak, r.held = r.leaked, r.holds_it
        r.body = r.data = b""  # 10,000 of them
        self.done.append(r)

    def look(self, r):
        """One bundle by itself: whole and as its manifest says, or broken."""
        if r.status != 200:
            self.problems.append(f"the bundle: {r.status} {r.body[:300]}")
            return
        try:
            archive = zipfile.ZipFile(io.BytesIO(r.body))
        except zipfile.BadZipFile:
            if r.whole:
                self.problems.append(f"{r.bundle}: ended well, and is no archive")
            return
        if not r.whole:
            self.problems.append(f"{r.bundle}: cut, and yet a whole archive")
        manifest = json.loads(archive.read("manifest.json"))
        for item in manifest["documents"] + manifest["audio"]:
            if hashlib.sha256(archive.read(item["file"])).hexdigest() != item["sha256"]:
                self.problems.append(f"{r.bundle}: {item['file']} is not what the manifest says")
        listed = r.artefact in [i["artefact"] for i in manifest["audio"]]
        left = r.artefact in [i["artefact"] for i in manifest.get("left_out", [])]
        if listed == left or listed != r.holds_it:
            self.problems.append(f"{r.bundle}: listed {listed}, left out {left}, held {r.holds_it}")


class Race(GatewayTest):
    release = True

    def entries(self):
        """By artefact and bundle the entry that opened it; by assessment the opt-out's."""
        opened, opted = {}, {}
        base = sqlite3.connect(f"file:{self.gw.dir}/data/gateway.db?mode=ro", uri=True)
        try:
            for seq, details in base.execute("SELECT seq, details FROM ledger_entries WHERE details IS NOT NULL"):
                told = json.loads(details)
                if told["action"] == "read.opened" and "bundle" in told:
                    opened[told["artefact"], told["bundle"]] = seq
                elif told["action"] == "choice.opt_out":
                    opted[told["assessment"]] = seq
        finally:
            base.close()
        return opened, opted

    def judge(self, r, opened, opted):
        """The outcome, or what is wrong."""
        at = opened.get((r.artefact, r.bundle))
        if r.assessment not in opted:
            return None, f"{r.assessment}: the opt-out is not in the log"
        if at is not None and at > opted[r.assessment]:
            return None, f"{r.bundle}: opened by entry {at}, after the opt-out's {opted[r.assessment]}"
        if r.leak and at is None:
            return None, f"{r.bundle}: has the recording, which was not opened for it"
        if r.opted_first and (r.leak or at is not None):
            return None, f"{r.bundle}: asked for after the opt-out was answered, and has the recording"
        if not r.whole:
            return "stopped, opened before" if at is not None else "stopped, never opened", None
        return "whole with it" if r.held else "whole without it", None

    def test_the_cut_off_holds(self):
        rounds = 10000 if fixture.long_campaign() else 400
        if not fixture.is_release():
            rounds = min(rounds, 200)  # the sanitizers make it slow
        seed = os.environ.get("EG_SEED") or str(random.randrange(2 ** 32))
        print(f"EG_SEED={seed}", flush=True)
        self.tokens = {"assessor": self.gw.token("assessor", "asim"), "manager": self.gw.manager,
                       "claimant": self.gw.token("claimant", "ada")}
        self.gw.system
        lanes = [Lane(self, n, rounds // LANES, seed) for n in range(LANES)]
        threads = [threading.Thread(target=lane.run) for lane in lanes]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        opened, opted = self.entries()
        outcomes, problems = collections.Counter(), [p for lane in lanes for p in lane.problems]
        for r in (r for lane in lanes for r in lane.done):
            outcome, wrong = self.judge(r, opened, opted)
            if wrong:
                problems.append(wrong)
            else:
                outcomes[outcome] += 1
        print(f"{dict(outcomes)}", flush=True)
        self.assertEqual(problems[:5], [], f"{len(problems)} problems")
        self.assertEqual(sum(outcomes.values()), rounds // LANES * LANES)
        for order in ("whole with it", "whole without it"):
            self.assertGreater(outcomes[order], 0, "the race was not one")


if __name__ == "__main__":
    unittest.main()

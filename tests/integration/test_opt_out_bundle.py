#!/usr/bin/env python3
"""An opt-out against a bundle that holds the recording: whatever the interleaving, the cut-off holds.

The cut-off is the order of the log. Where the opt-out's entry stands before the one that would have opened the
recording for the bundle, there is no such entry, and no byte of the recording left; and an opt-out that was
answered before the bundle was asked for is in none. A bundle is whole or broken, never whole without what its
manifest lists. 400 interleavings, 10,000 with EG_CAMPAIGN=long; EG_SEED repeats a run's delays."""

import hashlib
import http.client
import io
import json
import sqlite3
import threading
import unittest
import zipfile

import opt_out_rounds
import samples


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


class Lane(opt_out_rounds.Lane):
    """A claimant and a case manager."""

    per_claim, most, stretch = 10, 0.3, 1.5

    def __init__(self, *told):
        super().__init__(*told)
        self.done = []

    def begun(self, claim, claimant):
        for _ in range(3):
            answer = self.gw.upload(claim, samples.pdf(f"{self.dice.random()}"), self.test.tokens["claimant"],
                                    session=claimant)
            assert answer.status == 201, answer

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

    def once(self, claim, down, out):
        assessment, data = self.noticed(claim, out), self.sound(0.01, 0.5, 5, 20)
        r, answered = Round(self.stored(claim, assessment, data, out), assessment, data), threading.Event()

        def bundle():
            r.opted_first = answered.is_set()
            self.fetch(claim, down, r)

        with self.against(bundle):
            self.opt_out(assessment, out)
            answered.set()
        after = out.request("GET", f"/v1/artefacts/{r.artefact}/content?purpose=appeal", self.test.tokens["manager"])
        if after.status < 400:
            self.problems.append(f"{r.artefact} is served after the opt-out")
        self.look(r)
        r.leak, r.held = r.leaked, r.holds_it
        self.lean(rival_first=r.leak)
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


class Race(opt_out_rounds.RaceTest):
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

    def outcome(self, r, opened, opted):
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
        lanes = self.lanes(Lane, 400, 200)
        opened, opted = self.entries()
        for lane in lanes:
            for r in lane.done:
                outcome, wrong = self.outcome(r, opened, opted)
                if wrong:
                    lane.problems.append(wrong)
                else:
                    lane.outcomes[outcome] += 1
        self.judge(lanes, ("whole with it", "whole without it"), 0)


if __name__ == "__main__":
    unittest.main()

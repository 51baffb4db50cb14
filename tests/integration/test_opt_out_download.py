#!/usr/bin/env python3
"""An opt-out against a download of the recording. The cut-off is the opt-out's entry in the log, and
for the client the answer to it: a read is either opened before that entry, and then listed as a
retrieval whose copy is to be deleted, or refused; nothing asked for after the answer is given out.
1,000 seeded interleavings, 10,000 with EG_CAMPAIGN=long; EG_SEED repeats a run's delays."""

import collections
import http.client
import ssl
import unittest

import opt_out_rounds

REFUSED = (404, 409, 410, 451)
CUT = (http.client.IncompleteRead, ConnectionError, ssl.SSLError)


class Lane(opt_out_rounds.Lane):
    """A reader and a claimant."""

    span, most, stretch = 0.01, 0.1, 1.2

    def once(self, claim, reader, claimant):
        assessment, data = self.noticed(claim, claimant), self.sound(0.5, 5, 20, 60)
        artefact = self.stored(claim, assessment, data, claimant)
        path, token = f"/v1/artefacts/{artefact}/content?purpose=assessment", self.test.tokens["assessor"]
        answers = []

        def download():
            try:
                answers.append(reader.request("GET", path, token))
            except CUT as e:
                answers.append(e)

        with self.against(download):
            self.opt_out(assessment, claimant)
            later = claimant.request("GET", path, token)  # behind the answer: too late
        if later.status not in REFUSED or b"RIFF" in later.body:
            self.problems.append(f"{artefact} is served after the opt-out's answer: {later}")
        return assessment, artefact, self.outcome(artefact, data, answers[0])

    def outcome(self, artefact, data, read):
        if isinstance(read, CUT):
            end = "cut short"
        elif read.status == 200:
            end = "served first"
            if read.body != data:
                self.problems.append(f"{artefact}: other bytes were served")
        else:
            end = "opted out first"
            if read.status not in REFUSED or b"RIFF" in read.body:
                self.problems.append(f"download: {read}")
        self.outcomes[end] += 1
        self.lean(rival_first=end != "opted out first")
        return end

    def history(self, claim):
        events, cursor = [], ""
        while cursor is not None:
            page = self.gw.get(f"/v1/claims/{claim}/history?limit=200{cursor}",
                               self.test.tokens["manager"]).json
            events += page["events"]
            cursor = f"&cursor={page['next']}" if "next" in page else None
        return events

    def ended(self, claim, rounds):
        """What was read was opened before the opt-out's entry, and is on the list."""
        events = self.history(claim)
        opened = collections.defaultdict(list)
        for e in events:
            if e["event"] == "read.opened":
                opened[e["artefact"]].append(e)
        cut_off = {e["assessment"]: e["entry"] for e in events if e["event"] == "choice.opt_out"}
        for assessment, artefact, end in rounds:
            reads = opened[artefact]
            if len(reads) != (0 if end == "opted out first" else 1):
                self.problems.append(f"{artefact}: {end}, and opened {len(reads)} times")
            if any(e["entry"] > cut_off[assessment] for e in reads):
                self.problems.append(f"{artefact} was opened behind the opt-out's entry")
            listed = self.gw.get(f"/v1/artefacts/{artefact}/retrievals",
                                 self.test.tokens["manager"]).json
            told = {r["session"] for r in listed["retrievals"] if "deletion_requested_at" in r}
            if listed["status"] != "restricted" or told != {e["session"] for e in reads}:
                self.problems.append(f"{artefact}: {end}, but listed {listed}")


class Race(opt_out_rounds.RaceTest):
    def test_the_opt_out_cuts_off(self):
        self.judge(self.lanes(Lane, 1000, 304), ("served first", "opted out first"), 0.05)


if __name__ == "__main__":
    unittest.main()

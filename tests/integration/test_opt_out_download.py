#!/usr/bin/env python3
"""An opt-out against a download of the recording. The cut-off is the opt-out's entry in the log, and
for the client the answer to it: a read is either opened before that entry, and then listed as a
retrieval whose copy is to be deleted, or refused; nothing asked for after the answer is given out.
1,000 seeded interleavings, 10,000 with EG_CAMPAIGN=long; EG_SEED repeats a run's delays."""

import collections
import http.client
import os
import random
import ssl
import threading
import time
import unittest

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now

LANES = 8
PER_CLAIM = 25
REFUSED = (404, 409, 410, 451)
CUT = (http.client.IncompleteRead, ConnectionError, ssl.SSLError)


class Lane:
    """A reader and a claimant with a connection each, who set off together again and again."""

    def __init__(self, test, number, rounds, seed):
        self.test, self.gw, self.rounds = test, test.gw, rounds
        self.dice = random.Random(f"{seed}/{number}")
        self.outcomes, self.problems = collections.Counter(), []
        self.span = 0.01  # of the random delays: about how long a download takes

    def run(self):
        try:
            with fixture.Session(self.gw) as reader, fixture.Session(self.gw) as claimant:
                done = 0
                while done < self.rounds:
                    claim = self.gw.create_claim("ada", assigned_to=["asim"])
                    ended = [self.once(claim, reader, claimant)
                             for _ in range(min(PER_CLAIM, self.rounds - done))]
                    done += len(ended)
                    self.in_the_log(claim, ended)
        except BaseException as e:
            self.problems.append(f"{type(e).__name__}: {e}")

    def recording(self, claim, session):
        token, gw = self.test.tokens, self.gw
        made = session.request("POST", f"/v1/claims/{claim}/assessments", token["assessor"], {
            "channel": "telephone", "scheduled_at": now(-7200), "provider": "Invented"}).json["id"]
        noticed = gw.choose(made, token["assessor"], "notice", now(-7000), session=session)
        assert noticed.status == 201, noticed
        data = samples.wav(seconds=self.dice.choice((0.5, 5, 20, 60)), seed=self.dice.random())
        sent = gw.upload(claim, data, token["assessor"], "assessment_audio", "audio/wav", "a.wav",
                         gw.recording(made), session=session)
        assert sent.status == 201 and sent.json["artefact"]["status"] == "available", sent
        return made, sent.json["artefact"]["id"], data

    def once(self, claim, reader, claimant):
        token, gw = self.test.tokens, self.gw
        assessment, artefact, data = self.recording(claim, claimant)
        path = f"/v1/artefacts/{artefact}/content?purpose=assessment"
        delays = self.dice.uniform(0, self.span), self.dice.uniform(0, self.span)
        effective = now(self.dice.choice((-3600, -2000, 0)))
        answers, together = {}, threading.Barrier(2)

        def download():
            together.wait()
            time.sleep(delays[0])
            begun = time.monotonic()
            try:
                answers["read"] = reader.request("GET", path, token["assessor"])
            except CUT as e:
                answers["read"] = e
            answers["took"] = time.monotonic() - begun

        other = threading.Thread(target=download)
        other.start()
        together.wait()
        time.sleep(delays[1])
        choice = gw.choose(assessment, token["claimant"], "opt_out", effective, session=claimant)
        later = claimant.request("GET", path, token["assessor"])  # behind the answer: too late
        other.join()
        self.span += (min(answers["took"], 0.1) * 2 - self.span) * 0.1
        if choice.status != 201:
            self.problems.append(f"opt-out: {choice}")
        if later.status not in REFUSED or b"RIFF" in later.body:
            self.problems.append(f"{artefact} is served after the opt-out's answer: {later}")
        return assessment, artefact, self.outcome(artefact, data, answers["read"])

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
        return end

    def history(self, claim):
        events, cursor = [], ""
        while cursor is not None:
            page = self.gw.get(f"/v1/claims/{claim}/history?limit=200{cursor}",
                               self.test.tokens["manager"]).json
            events += page["events"]
            cursor = f"&cursor={page['next']}" if "next" in page else None
        return events

    def in_the_log(self, claim, ended):
        """What was read was opened before the opt-out's entry, and is on the list."""
        events = self.history(claim)
        opened = collections.defaultdict(list)
        for e in events:
            if e["event"] == "read.opened":
                opened[e["artefact"]].append(e)
        cut_off = {e["assessment"]: e["entry"] for e in events if e["event"] == "choice.opt_out"}
        for assessment, artefact, end in ended:
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


class Race(GatewayTest):
    release = True

    def test_the_opt_out_cuts_off(self):
        rounds = 10000 if fixture.long_campaign() else 1000
        if not fixture.is_release():
            rounds = min(rounds, 304)  # the sanitizers make it slow
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
        outcomes = sum((lane.outcomes for lane in lanes), collections.Counter())
        problems = [p for lane in lanes for p in lane.problems]
        print(f"{dict(outcomes)}, {len(problems)} violations", flush=True)
        self.assertEqual(problems[:5], [], f"{len(problems)} problems")
        self.assertEqual(sum(outcomes.values()), rounds // LANES * LANES)
        for order in ("served first", "opted out first"):
            self.assertGreater(outcomes[order], rounds * 0.05, "the race was not one")


if __name__ == "__main__":
    unittest.main()

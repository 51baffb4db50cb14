#!/usr/bin/env python3
"""An opt-out against the commit of the recording: whatever the interleaving, no recording is
available afterwards. 2,000 interleavings, 10,000 with EG_CAMPAIGN=long; EG_SEED repeats a run's
delays."""

import collections
import os
import random
import threading
import time
import unittest

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now

LANES = 8
PER_CLAIM = 25


class Lane:
    """Two senders with a connection each, who set off together again and again."""

    def __init__(self, test, number, rounds, seed):
        self.test, self.gw, self.rounds = test, test.gw, rounds
        self.dice = random.Random(f"{seed}/{number}")
        self.outcomes, self.problems = collections.Counter(), []
        self.span = 0.02  # of the random delays: about how long an upload takes

    def run(self):
        try:
            with fixture.Session(self.gw) as up, fixture.Session(self.gw) as out:
                done = 0
                while done < self.rounds:
                    claim = self.gw.create_claim("ada", assigned_to=["asim"])
                    for _ in range(min(PER_CLAIM, self.rounds - done)):
                        self.once(claim, up, out)
                        done += 1
                    self.survivors(claim)
        except BaseException as e:
            self.problems.append(f"{type(e).__name__}: {e}")

    def once(self, claim, up, out):
        token, gw = self.test.tokens, self.gw
        made = out.request("POST", f"/v1/claims/{claim}/assessments", token["assessor"], {
            "channel": "telephone", "scheduled_at": now(-7200), "provider": "Invented"})
        assessment = made.json["id"]
        noticed = gw.choose(assessment, token["assessor"], "notice", now(-7000), session=out)
        assert noticed.status == 201, noticed
        data = samples.wav(seconds=self.dice.choice((0.01, 0.5, 5, 20)),
                           seed=self.dice.random())
        delays = self.dice.uniform(0, self.span), self.dice.uniform(0, self.span)
        effective = now(self.dice.choice((-3600, -2000, 0)))
        params, answers, together = gw.recording(assessment), {}, threading.Barrier(2)

        def upload():
            together.wait()
            time.sleep(delays[0])
            started = time.monotonic()
            answers["upload"] = gw.upload(claim, data, token["assessor"], "assessment_audio",
                                          "audio/wav", "a.wav", params, session=up)
            answers["took"] = time.monotonic() - started

        def opt_out():
            together.wait()
            time.sleep(delays[1])
            answers["choice"] = gw.choose(assessment, token["claimant"], "opt_out", effective,
                                          session=out)

        other = threading.Thread(target=upload)
        other.start()
        opt_out()
        other.join()
        if answers["choice"].status != 201:
            self.problems.append(f"opt-out: {answers['choice']}")
        answer = answers["upload"]
        self.span += (min(answers["took"], 0.2) * 1.5 - self.span) * 0.1
        if answer.status == 201:
            self.outcomes["committed first"] += 1
            artefact = answer.json["artefact"]["id"]
            told = out.request("GET", f"/v1/artefacts/{artefact}/content?purpose=assessment",
                               token["assessor"])
            if told.status < 400:
                self.problems.append(f"{artefact} is served after the opt-out")
        elif answer.status == 409 and answer.problem == "recording-opted-out":
            self.outcomes["opted out first"] += 1
        else:
            self.problems.append(f"upload: {answer}")
        view = out.request("GET", f"/v1/assessments/{assessment}", token["claimant"])
        if view.json["choice"] != "opted_out" or '"available"' in view.body.decode():
            self.problems.append(f"after both: {view}")

    def survivors(self, claim):
        for status in ("available", "quarantined", "receiving"):
            left = self.gw.list_all(claim, self.test.tokens["manager"], limit=200,
                                    kind="assessment_audio", status=status)
            if left:
                self.problems.append(f"survivors of {claim}: {left}")


class Race(GatewayTest):
    release = True

    def test_no_survivor(self):
        rounds = 10000 if fixture.long_campaign() else 2000
        if not fixture.is_release():
            rounds = min(rounds, 600)  # the sanitizers make it slow
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
        print(f"{dict(outcomes)}", flush=True)
        self.assertEqual(problems[:5], [], f"{len(problems)} problems")
        self.assertEqual(sum(outcomes.values()), rounds // LANES * LANES)
        for order in ("committed first", "opted out first"):
            self.assertGreater(outcomes[order], rounds * 0.05, "the race was not one")


if __name__ == "__main__":
    unittest.main()

"""Rounds of an opt-out against a rival, an upload, a download or a bundle of the recording, in lanes
side by side. EG_SEED repeats a run's delays; EG_CAMPAIGN=long goes 10,000 rounds."""

import collections
import contextlib
import os
import random
import threading
import time

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now

LANES = 8


class Lane:
    """A rival and a claimant with a connection each, who set off together again and again. A test
    says what a round is: once(), which returns what ended() will want to know of it."""

    per_claim = 25
    span = 0.02  # of the random delays, about what the rival takes: so much in the beginning,
    most, stretch = 0.2, 0.8  # then what it took, up to so much, times this

    def __init__(self, test, number, rounds, seed):
        self.test, self.gw, self.rounds = test, test.gw, rounds
        self.dice = random.Random(f"{seed}/{number}")
        self.outcomes, self.problems = collections.Counter(), []
        self.lead = 0  # seconds that the rival is given before the opt-out; below 0, the other way

    def begun(self, claim, claimant):
        """A new claim is there."""

    def ended(self, claim, rounds):
        """Its rounds are over."""

    def run(self):
        try:
            with fixture.Session(self.gw) as rival, fixture.Session(self.gw) as claimant:
                done = 0
                while done < self.rounds:
                    claim = self.gw.create_claim("ada", assigned_to=["asim"])
                    self.begun(claim, claimant)
                    rounds = [self.once(claim, rival, claimant)
                              for _ in range(min(self.per_claim, self.rounds - done))]
                    done += len(rounds)
                    self.ended(claim, rounds)
        except BaseException as e:
            self.problems.append(f"{type(e).__name__}: {e}")

    def noticed(self, claim, session):
        """A new assessment whose recording may be sent."""
        assessor = self.test.tokens["assessor"]
        made = session.request("POST", f"/v1/claims/{claim}/assessments", assessor, {
            "channel": "telephone", "scheduled_at": now(-7200), "provider": "Invented"})
        assessment = made.json["id"]
        noticed = self.gw.choose(assessment, assessor, "notice", now(-7000), session=session)
        assert noticed.status == 201, noticed
        return assessment

    def sound(self, *seconds):
        return samples.wav(seconds=self.dice.choice(seconds), seed=self.dice.random())

    def send(self, claim, assessment, data, session):
        return self.gw.upload(claim, data, self.test.tokens["assessor"], "assessment_audio",
                              "audio/wav", "a.wav", self.gw.recording(assessment), session=session)

    def stored(self, claim, assessment, data, session):
        """The artefact of a recording that is there to be read."""
        sent = self.send(claim, assessment, data, session)
        assert sent.status == 201 and sent.json["artefact"]["status"] == "available", sent
        return sent.json["artefact"]["id"]

    @contextlib.contextmanager
    def against(self, rival):
        """Both set off together, and each waits its delay: rival() in a thread of its own, the body
        in this one. When it is over, both are."""
        delays = (self.dice.uniform(0, self.span) + max(0, -self.lead),
                  self.dice.uniform(0, self.span) + max(0, self.lead))
        together, told = threading.Barrier(2), {}

        def run():
            together.wait()
            time.sleep(delays[0])
            begun = time.monotonic()
            try:
                rival()
            except BaseException as e:
                told["failed"] = e
            told["took"] = time.monotonic() - begun

        other = threading.Thread(target=run)
        other.start()
        together.wait()
        time.sleep(delays[1])
        try:
            yield
        finally:
            other.join()
        if "failed" in told:
            raise told["failed"]
        self.span += (min(told["took"], self.most) * self.stretch - self.span) * 0.1

    def lean(self, rival_first):
        """Who was first gets less of a start in the next round: so both orders come about, however
        slow the machine is and however busy."""
        self.lead += self.span * (-0.05 if rival_first else 0.05)

    def opt_out(self, assessment, session):
        effective = now(self.dice.choice((-3600, -2000, 0)))
        choice = self.gw.choose(assessment, self.test.tokens["claimant"], "opt_out", effective,
                                session=session)
        if choice.status != 201:
            self.problems.append(f"opt-out: {choice}")


class RaceTest(GatewayTest):
    release = True

    def lanes(self, lane, rounds, slow_rounds):
        """Lanes that have gone all their rounds; `slow_rounds` with sanitizers."""
        rounds = 10000 if fixture.long_campaign() else rounds
        if not fixture.is_release():
            rounds = min(rounds, slow_rounds)
        seed = os.environ.get("EG_SEED") or str(random.randrange(2 ** 32))
        print(f"EG_SEED={seed}", flush=True)
        self.tokens = {"assessor": self.gw.token("assessor", "asim"), "manager": self.gw.manager,
                       "claimant": self.gw.token("claimant", "ada")}
        self.gw.system
        lanes = [lane(self, n, rounds // LANES, seed) for n in range(LANES)]
        threads = [threading.Thread(target=lane.run) for lane in lanes]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return lanes

    def judge(self, lanes, orders, share):
        """No violation, an outcome for every round, and of both orders a share: it was a race."""
        outcomes = sum((lane.outcomes for lane in lanes), collections.Counter())
        problems = [p for lane in lanes for p in lane.problems]
        rounds = sum(lane.rounds for lane in lanes)
        print(f"{dict(outcomes)}, {len(problems)} violations", flush=True)
        self.assertEqual(problems[:5], [], f"{len(problems)} problems")
        self.assertEqual(sum(outcomes.values()), rounds)
        for order in orders:
            self.assertGreater(outcomes[order], rounds * share, "the race was not one")

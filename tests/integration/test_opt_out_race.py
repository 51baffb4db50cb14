#!/usr/bin/env python3
"""An opt-out against the commit of the recording: whatever the interleaving, no recording is
available afterwards. 2,000 interleavings, 10,000 with EG_CAMPAIGN=long; EG_SEED repeats a run's
delays."""

import unittest

import opt_out_rounds


class Lane(opt_out_rounds.Lane):
    """A sender of recordings and a claimant."""

    def once(self, claim, sender, claimant):
        assessment = self.noticed(claim, claimant)
        data, answers = self.sound(0.01, 0.5, 5, 20), []
        with self.against(lambda: answers.append(self.send(claim, assessment, data, sender))):
            self.opt_out(assessment, claimant)
        answer = answers[0]
        self.lean(rival_first=answer.status == 201)
        if answer.status == 201:
            self.outcomes["committed first"] += 1
            artefact = answer.json["artefact"]["id"]
            told = claimant.request("GET", f"/v1/artefacts/{artefact}/content?purpose=assessment",
                                    self.test.tokens["assessor"])
            if told.status < 400:
                self.problems.append(f"{artefact} is served after the opt-out")
        elif answer.status == 409 and answer.problem == "recording-opted-out":
            self.outcomes["opted out first"] += 1
        else:
            self.problems.append(f"upload: {answer}")
        view = claimant.request("GET", f"/v1/assessments/{assessment}",
                                self.test.tokens["claimant"])
        if view.json["choice"] != "opted_out" or '"available"' in view.body.decode():
            self.problems.append(f"after both: {view}")

    def ended(self, claim, rounds):
        for status in ("available", "quarantined", "receiving"):
            left = self.gw.list_all(claim, self.test.tokens["manager"], limit=200,
                                    kind="assessment_audio", status=status)
            if left:
                self.problems.append(f"survivors of {claim}: {left}")


class Race(opt_out_rounds.RaceTest):
    def test_no_survivor(self):
        self.judge(self.lanes(Lane, 2000, 600), ("committed first", "opted out first"), 0.05)


if __name__ == "__main__":
    unittest.main()

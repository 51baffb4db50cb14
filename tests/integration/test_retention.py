#!/usr/bin/env python3
"""Retention: when it begins, what a dry run shows, lists that two people sign, and a policy that
may become longer by itself but shorter only by two people (docs/keeping.md)."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples
from gateway_fixture import now, unknown_id
from keeping import Keeping, until


class Retention(Keeping):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.disposal_grace", "0 s")
        gw.edit("kinds.conf", r'"730 d"', '"1 s"')

    def close_claim(self, claim, stage="closed"):
        self.expect(self.gw.request("PATCH", f"/v1/claims/{claim}", self.gw.system, {"stage": stage}), 200)

    def due(self, query="", token=None):
        found, path = {}, "/v1/retention/due" + query
        while path:
            answer = self.expect(self.gw.get(path, token or self.olive), 200)
            found.update({d["artefact"]: d for d in answer.json["due"]})
            path = answer.next()
        return found

    def becomes_due(self, *items):
        return until(lambda: (lambda d: d if set(items) <= set(d) else None)(self.due()), "what is due")

    def command(self, *argv, check=True):
        return self.gw.command("retention", "--config", self.gw.config, *argv, check=check)

    def dry_run(self, *argv):
        told = json.loads(self.command("--dry-run", "--json", *argv).stdout)
        return {a["artefact"]: a for a in told["artefacts"]}

    def sign(self, made, token):
        return self.gw.post(f"/v1/retention/lists/{made}/approval", token)

    def draw(self):
        return self.gw.post("/v1/retention/lists", self.olive, {"reason": "monthly"})

    def test_when_it_begins(self):
        first, second = self.claim(), self.claim()
        item, alive = self.letter(first), self.letter(first)
        self.expect(self.gw.post(f"/v1/artefacts/{alive}/links", self.morgan,
                                 {"claim": second, "reason": "both"}), 201)
        far = "?at=2099-01-01T00:00:00Z"
        self.assertFalse({item, alive} & set(self.due(far)))  # interest in the claim is alive
        self.close_claim(first)
        found = self.due(far)
        self.assertEqual({item, alive} & set(found), {item})  # the last of all its claims counts
        self.assertEqual(found[item]["claim"], first)
        self.close_claim(second)
        ended = self.due(far)[alive]["interest_ended_at"]
        self.assertGreater(ended, found[item]["interest_ended_at"])
        self.close_claim(second)  # said again: it ended when it ended
        self.assertEqual(self.due(far)[alive]["interest_ended_at"], ended)
        self.close_claim(second, "appeal")
        self.assertEqual({item, alive} & set(self.due(far)), {item})
        self.becomes_due(item)
        born_closed = self.gw.create_claim("ada", stage="closed")
        self.becomes_due(self.letter(born_closed))

    def test_a_dry_run_shows_exactly_what_goes(self):
        claim = self.claim()
        goes, held, under_way = self.letter(claim), self.letter(claim), self.letter(claim)
        other = self.letter()  # of a claim that is alive
        self.close_claim(claim)
        self.expect(self.call("PUT", held, "hold", self.morgan), 201)
        self.expect(self.call("POST", under_way, "disposal", self.olive), 201)
        shown = self.becomes_due(goes, held, under_way)
        for dry in (shown, self.dry_run()):
            self.assertNotIn(other, dry)
            self.assertEqual([(dry[i]["held"], dry[i]["proposed"]) for i in (goes, held, under_way)],
                             [(False, False), (True, False), (False, True)])
        would = {i for i, d in self.dry_run().items() if not d["held"] and not d["proposed"]}
        self.assertIn(goes, would)
        before = self.gw.get("/v1/retention/lists", self.olive).json
        made = self.expect(self.draw(), 201).json
        self.assertEqual(self.gw.get("/v1/retention/lists", self.olive).json["lists"][1:], before["lists"])
        listed = self.expect(self.gw.get(f"/v1/retention/lists/{made['id']}", self.olive), 200).json
        self.assertEqual(set(listed["artefacts"]), would)  # it changed nothing and left nothing out
        self.expect(self.sign(made["id"], self.olive), 403, "not-permitted")
        self.expect(self.sign(made["id"], self.morgan), 403)
        self.expect(self.sign(unknown_id(), self.oscar), 404)
        self.assertEqual(self.status(goes), "available")
        self.assertEqual(self.expect(self.sign(made["id"], self.oscar), 201).json["state"], "approved")
        self.expect(self.sign(made["id"], self.oscar), 409)
        for item in would:
            self.assertEqual(self.destroyed(item)["list"], made["id"])
        self.assertEqual([self.status(i) for i in (held, under_way, other)], ["available"] * 3)
        self.assertNotIn(goes, self.due())
        self.checks()

    def test_who(self):
        for token in (self.morgan, *self.others.values()):
            for path in ("policy", "due", "lists", f"lists/{unknown_id()}"):
                self.expect(self.gw.get(f"/v1/retention/{path}", token), 403, "not-permitted")
            self.expect(self.gw.post("/v1/retention/lists", token, {"reason": "x"}), 403)
            self.expect(self.gw.post("/v1/retention/shortening", token,
                                     {"policy_sha256": "0" * 64, "reason": "x"}), 403)

    def test_what_changes_leaves_the_list(self):
        claim, again = self.claim(), self.claim()
        items, revived = [self.letter(claim) for _ in range(3)], self.letter(again)
        self.close_claim(claim)
        self.close_claim(again)
        self.becomes_due(revived, *items)
        made = self.expect(self.draw(), 201).json["id"]
        self.expect(self.call("PUT", items[0], "hold", self.morgan), 201)
        self.expect(self.call("DELETE", items[1], "disposal", self.olive, None), 204)
        self.close_claim(again, "appeal")
        self.expect(self.sign(made, self.oscar), 201)
        self.destroyed(items[2])
        self.assertEqual([self.status(i) for i in (items[0], items[1], revived)], ["available"] * 3)
        # a dropped list lets all go that was not destroyed
        made = self.expect(self.draw(), 201).json["id"]
        self.assertIn(items[1], self.gw.get(f"/v1/retention/lists/{made}", self.olive).json["artefacts"])
        self.expect(self.gw.request("DELETE", f"/v1/retention/lists/{made}", self.oscar), 204)
        self.expect(self.sign(made, self.oscar), 409)
        self.assertIsNone(self.disposal(items[1]))

    def test_a_list_of_the_command_needs_two_signatures(self):
        claim = self.claim()
        item = self.letter(claim)
        self.close_claim(claim)
        self.becomes_due(item)
        made = self.command().stdout.decode().strip()
        self.assertIsNone(self.disposal(item))
        drawn = self.gw.get(f"/v1/retention/lists/{made}", self.olive).json
        self.assertEqual(drawn["state"], "drawn")
        self.assertTrue(drawn["drawn_by"].startswith("local#"))
        self.assertEqual(self.expect(self.sign(made, self.olive), 201).json["state"], "proposed")
        self.assertEqual(self.disposal(item)["state"], "proposed")
        self.expect(self.sign(made, self.olive), 403)
        self.expect(self.sign(made, self.oscar), 201)
        self.destroyed(item)
        for wrong in (("--at", "2099-01-01T00:00:00Z"), ("--dry-run", "--at", "soon"), ("--json",)):
            self.assertEqual(self.command(*wrong, check=False).returncode, 2)

    def test_harm_binds_a_records_owner_who_is_a_representative(self):
        claim = self.claim(parties=[self.gw.party("oscar")])
        sent = self.expect(self.gw.upload(claim, samples.pdf("sr1 " + unknown_id()),
                                          self.others["health_professional"], kind="medical_report"), 201)
        harmful, plain = sent.json["artefact"]["id"], self.letter(claim)
        self.close_claim(claim)
        self.becomes_due(harmful, plain)
        self.assertEqual({harmful, plain} & set(self.due("", self.oscar)), {plain})
        made = self.expect(self.draw(), 201).json["id"]
        path = f"/v1/retention/lists/{made}"
        whole, part = (self.gw.get(path, token).json for token in (self.olive, self.oscar))
        self.assertIn(harmful, whole["artefacts"])
        self.assertNotIn(harmful, part["artefacts"])
        self.assertEqual((part["items"], whole["items"]), (len(part["artefacts"]), len(whole["artefacts"])))
        self.expect(self.call("POST", harmful, "disposal/approval", self.oscar), 404)
        self.expect(self.sign(made, self.oscar), 201)  # what is not theirs to see is left out
        self.destroyed(plain)
        self.assertEqual(self.disposal(harmful)["state"], "proposed")
        self.assertEqual(self.status(harmful), "available")

    def restart(self, was, becomes):
        self.gw.stop()
        self.gw.edit("kinds.conf", f'retention = "{was}"', f'retention = "{becomes}"')
        self.gw.start()

    def policy(self):
        told = self.expect(self.gw.get("/v1/retention/policy", self.olive), 200).json
        return told, {k["kind"]: k for k in told["kinds"]}

    def test_shorter_takes_two_and_longer_none(self):
        day = 86400
        _, kinds = self.policy()
        self.assertEqual((kinds["assessment_audio"]["seconds"], kinds["further_evidence"]["seconds"]),
                         (425 * day, 1))
        nothing = {"policy_sha256": self.policy()[0]["policy_sha256"], "reason": "x"}
        self.expect(self.gw.post("/v1/retention/shortening", self.olive, nothing), 409)  # shortens nothing
        self.restart("425 d", "500 d")
        told, kinds = self.policy()
        self.assertEqual(kinds["assessment_audio"]["seconds"], 500 * day)
        self.assertEqual(kinds["assessment_audio"]["policy_sha256"], told["policy_sha256"])
        self.restart("500 d", "400 d")
        told, kinds = self.policy()
        self.assertEqual((kinds["assessment_audio"]["seconds"], kinds["assessment_audio"]["wanted_seconds"]),
                         (500 * day, 400 * day))
        wanted = {"policy_sha256": told["policy_sha256"]}
        path = "/v1/retention/shortening"
        self.expect(self.gw.post(path + "/approval", self.oscar, wanted), 409)  # nobody proposed it
        self.expect(self.gw.post(path, self.olive, {"policy_sha256": "0" * 64, "reason": "x"}), 409)
        self.expect(self.gw.post(path, self.olive, {**wanted, "reason": "new schedule"}), 201)
        self.expect(self.gw.post(path, self.oscar, {**wanted, "reason": "again"}), 409)
        self.expect(self.gw.post(path + "/approval", self.olive, wanted), 403, "not-permitted")
        self.assertEqual(self.policy()[0]["shortening"]["proposed_by"], "olive")
        self.assertEqual(self.policy()[1]["assessment_audio"]["seconds"], 500 * day)
        # another file: the proposal was not for it
        self.restart("400 d", "300 d")
        other = {"policy_sha256": self.policy()[0]["policy_sha256"]}
        for body in (wanted, other):
            self.expect(self.gw.post(path + "/approval", self.oscar, body), 409)
        self.restart("300 d", "400 d")
        self.expect(self.gw.post(path + "/approval", self.oscar, wanted), 201)
        told, kinds = self.policy()
        self.assertEqual(kinds["assessment_audio"]["seconds"], 400 * day)
        self.assertNotIn("wanted_seconds", kinds["assessment_audio"])
        self.assertNotIn("shortening", told)
        self.restart("400 d", "keep")
        self.assertEqual(self.policy()[1]["assessment_audio"]["seconds"], 0)
        self.restart("keep", "400 d")  # after "keep" everything is shorter
        self.assertEqual(self.policy()[1]["assessment_audio"]["seconds"], 0)
        self.checks()

    def test_a_shorter_policy_tried_out(self):
        claim = self.claim()
        sent = self.expect(self.gw.upload(claim, samples.pdf(unknown_id()), self.morgan,
                                          kind="correspondence"), 201)
        item = sent.json["artefact"]["id"]
        longer, shorter = (self.gw.folder / f"{n}.conf" for n in ("longer", "shorter"))
        text = (self.gw.dir / "kinds.conf").read_text()
        longer.write_text(text.replace('"1 s"', '"9000 d"'))
        shorter.write_text(text)
        self.close_claim(claim)
        soon = now(3600)
        self.assertIn(item, self.dry_run("--at", soon, "--kinds", shorter))
        self.assertNotIn(item, self.dry_run("--at", soon, "--kinds", longer))
        self.assertIn(item, self.due(f"?at={soon}"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The auditor: questions to the log, samples that a stranger can draw again, content by way of an
open sample alone. The drawing here is written from docs/audit.md."""

import datetime
import hashlib
import unittest
import urllib.parse
import uuid

import samples
from gateway_fixture import GatewayTest, now, unknown_id


def draw(population, size, seed):
    """docs/audit.md, "How it is drawn": lines "<id> <stratum>" in, (id, stratum) out."""
    members = [tuple(line.split(" ", 1)) for line in population.splitlines()]
    strata = {}
    for artefact, stratum in members:
        strata.setdefault(stratum.encode(), []).append(artefact)
    total, size = len(members), min(size, len(members))
    take = {name: size * len(ids) // total for name, ids in strata.items()}
    left = sorted(strata, key=lambda name: (-(size * len(strata[name]) % total), name))
    for name in left[:size - sum(take.values())]:
        take[name] += 1

    def rank(artefact):
        return hashlib.sha256(f"{seed}:{artefact}".encode()).digest()
    return [(artefact, name.decode()) for name in sorted(strata)
            for artefact in sorted(strata[name], key=rank)[:take[name]]]


def lines(members):
    return "".join(f"{artefact} {stratum}\n" for artefact, stratum in members)


class AuditTest(GatewayTest):
    notice = "0 s"

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.audit_notice", cls.notice)

    @classmethod
    def prepare(cls, gw):
        cls.start = now(-1)
        cls.ada, cls.auditor = gw.token("claimant", "ada"), gw.token("auditor", "audrey")
        cls.asim, cls.owner = gw.token("assessor", "asim"), gw.token("records_owner", "rosa")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"])
        cls.letters = [cls.letter(gw) for _ in range(7)]
        cls.reports = [cls.report(gw) for _ in range(3)]

    @classmethod
    def letter(cls, gw):
        return gw.upload(cls.claim, samples.pdf(f"letter {uuid.uuid4()}"),
                         cls.ada).json["artefact"]["id"]

    @classmethod
    def report(cls, gw):
        answer = gw.upload(cls.claim, samples.pdf(f"SR1 {uuid.uuid4()}"), kind="medical_report",
                           cert=gw.gp_certificate)
        return answer.json["artefact"]["id"]

    def draw(self, size, seed="2026-11", strata=(), token=None, since=None, until=None, **more):
        body = {"population": {"from": since or self.start, "to": until or now(), **more},
                "size": size, "seed": seed, "strata": list(strata)}
        return self.gw.post("/v1/audit/samples", token or self.auditor, body)

    def whole(self, sample):
        return self.expect(self.gw.get(f"/v1/audit/samples/{sample}", self.auditor), 200).json

    def population(self, sample):
        path = f"/v1/audit/samples/{sample}/population"
        return self.expect(self.gw.get(path, self.auditor), 200).body.decode()

    def read(self, artefact, token=None, purpose="audit"):
        return self.gw.get(f"/v1/artefacts/{artefact}/content?purpose={purpose}",
                           token or self.auditor)

    def events(self, **filters):
        path, found = "/v1/audit/events?" + urllib.parse.urlencode(filters), []
        while path:
            answer = self.expect(self.gw.get(path, self.auditor), 200)
            found += answer.json["events"]
            path = answer.next()
        return found


class Samples(AuditTest):
    def test_a_stranger_draws_the_same(self):
        for size, strata in ((4, ()), (5, ["kind"]), (3, ["role", "month"]), (100, ["kind"]),
                             (1, ["month", "kind", "role"])):
            with self.subTest(size=size, strata=strata):
                seed = f"seed of {size} £"
                made = self.expect(self.draw(size, seed, strata), 201)
                told = self.whole(made.json["id"])
                population = self.population(made.json["id"])
                self.assertEqual(hashlib.sha256(population.encode()).hexdigest(),
                                 told["population"]["sha256"])
                mine = draw(population, size, seed)
                self.assertEqual([(i["artefact"], i["stratum"]) for i in told["sample"]], mine)
                self.assertEqual(hashlib.sha256(lines(mine).encode()).hexdigest(), told["sha256"])
                self.assertEqual(told["count"], min(size, told["population"]["count"]))
                ids = [line.split()[0] for line in population.splitlines()]
                self.assertEqual(ids, sorted(ids))
                self.assertLessEqual(set(self.letters + self.reports), set(ids))

    def test_strata_are_what_they_say(self):
        made = self.expect(self.draw(4, strata=["kind", "role"]), 201).json["id"]
        found = dict(line.split(" ", 1) for line in self.population(made).splitlines())
        self.assertEqual(found[self.letters[0]], "further_evidence/claimant")
        self.assertEqual(found[self.reports[0]], "medical_report/health_professional")

    def test_the_same_seed_the_same_sample_another_seed_another(self):
        until = now()
        one, again, other = (self.whole(self.expect(self.draw(5, seed, until=until), 201)
                                        .json["id"]) for seed in ("a", "a", "b"))
        self.assertEqual(one["sample"], again["sample"])
        self.assertEqual(one["population"], again["population"])
        self.assertNotEqual(one["sample"], other["sample"])

    def test_it_is_frozen_logged_and_announced(self):
        made = self.expect(self.draw(3), 201).json
        before, population = self.whole(made["id"]), self.population(made["id"])
        self.letter(self.gw)
        self.assertEqual(self.whole(made["id"]), before)
        self.assertEqual(self.population(made["id"]), population)
        logged = [e["details"] for e in self.events(action="audit.sampled")
                  if e["details"]["sample"] == made["id"]]
        self.assertEqual(len(logged), 1)
        self.assertEqual((logged[0]["population_sha256"], logged[0]["sample_sha256"],
                          logged[0]["seed"]),
                         (before["population"]["sha256"], before["sha256"], before["seed"]))
        for token in (self.owner, self.gw.manager):  # those who are looked at know of it
            listed = self.expect(self.gw.get("/v1/audit/samples?limit=1", token), 200)
            self.assertEqual(len(listed.json["samples"]), 1)
            self.assertIsNotNone(listed.next())
            self.expect(self.gw.get(f"/v1/audit/samples/{made['id']}", token), 200)

    def test_content_by_way_of_a_sample_alone(self):
        outside = self.letter(self.gw)
        until = now()
        inside = self.letter(self.gw)
        self.expect(self.read(inside), 404)
        self.expect(self.draw(1, since=until), 201)
        self.expect(self.read(inside), 200)
        self.expect(self.read(outside), 404)
        for purpose in ("decision", "appeal", "assessment"):
            self.expect(self.read(inside, purpose=purpose), 400, "purpose-required")
        self.expect(self.read(inside, self.gw.token("auditor", "another")), 404)
        self.expect(self.gw.get(f"/v1/artefacts/{outside}", self.auditor), 200)

    def test_a_named_reader(self):
        since = now()
        inside = self.letter(self.gw)
        body = {"population": {"from": since, "to": now()}, "size": 1, "seed": "x",
                "reader": "aurel"}
        made = self.expect(self.gw.post("/v1/audit/samples", self.auditor, body), 201).json
        self.assertEqual(made["reader"]["subject"], "aurel")
        self.expect(self.read(inside), 404)
        self.expect(self.read(inside, self.gw.token("auditor", "aurel")), 200)
        # a name is no role
        self.expect(self.read(inside, self.gw.token("records_owner", "aurel")), (400, 404))

    def test_restricted_evidence_is_in_no_sample(self):
        since = now(-1)
        assessment = self.gw.create_assessment(self.claim)
        self.expect(self.gw.choose(assessment, self.asim, "notice", now(-7000)), 201)
        audio = self.expect(self.gw.upload(
            self.claim, samples.wav(), self.asim, kind="assessment_audio", media="audio/wav",
            filename="a.wav", params=self.gw.recording(assessment)), 201).json["artefact"]["id"]
        drawn = self.expect(self.draw(9, kind="assessment_audio", since=since), 201).json
        self.assertEqual(drawn["population"]["count"], 1)
        self.expect(self.read(audio), 200)
        self.expect(self.gw.choose(assessment, self.ada, "opt_out", now(-3500)), 201)
        self.expect(self.read(audio), (404, 409))  # it stays in the sample, and is shut
        self.assertEqual(self.whole(drawn["id"])["sample"][0]["artefact"], audio)
        self.expect(self.draw(9, kind="assessment_audio", since=since), 400)
        again = self.expect(self.draw(900, since=self.start), 201).json
        self.assertGreaterEqual(again["population"]["excluded"]["restricted"], 1)
        self.assertNotIn(audio, self.population(again["id"]))

    def test_who(self):
        made = self.expect(self.draw(1), 201).json["id"]
        drawers = {"claimant": "ada", "case_manager": "morgan", "assessor": "asim",
                   "records_owner": "rosa", "operator": "olga", "claims_system": "registry",
                   "health_professional": "gray", "representative": "rupa"}
        for role, subject in drawers.items():
            token = self.gw.token(role, subject)
            with self.subTest(role=role):
                self.expect(self.draw(1, token=token), 403, "not-permitted")
                self.expect(self.gw.get("/v1/audit/events", token), 403, "not-permitted")
                reads = 200 if role in ("case_manager", "records_owner") else 403
                for path in ("", f"/{made}", f"/{made}/population"):
                    self.expect(self.gw.get(f"/v1/audit/samples{path}", token), reads)
        self.expect(self.gw.get(f"/v1/audit/samples/{unknown_id()}", self.auditor), 404)

    def test_bad(self):
        good = {"population": {"from": self.start, "to": now()}, "size": 1, "seed": "x"}
        for change in ({"size": 0}, {"size": 1001}, {"size": "1"}, {"seed": ""},
                       {"seed": "x" * 65}, {"strata": ["claim"]}, {"strata": ["kind", "kind"]},
                       {"strata": ["kind,role"]}, {"strata": [1]}, {"colour": "red"},
                       {"population": {}}, {"population": {"from": now(), "to": self.start}},
                       {"population": {"from": self.start, "to": now(3600)}},
                       {"population": {"from": now(-9e6), "to": now(-8e6)}}):
            with self.subTest(change=change):
                self.expect(self.gw.post("/v1/audit/samples", self.auditor, {**good, **change}),
                            400)


class Notice(AuditTest):
    notice = "12 d"

    def test_nothing_is_read_before_the_notice_is_over(self):
        made = self.expect(self.draw(100), 201).json
        times = {n: datetime.datetime.fromisoformat(t) for n, t in (
            ("drawn", made["drawn_at"]), ("from", made["reader"]["from"]),
            ("until", made["reader"]["until"]))}
        self.assertEqual(times["from"] - times["drawn"], datetime.timedelta(days=12))
        self.assertEqual(times["until"] - times["from"], datetime.timedelta(days=30))
        for artefact in self.letters + self.reports:
            self.assertSame(self.read(artefact), self.read(unknown_id()))


class Events(AuditTest):
    def test_every_filter(self):
        letter = self.letters[0]
        everything = self.events()
        self.assertEqual([e["entry"] for e in everything],
                         sorted(e["entry"] for e in everything))
        self.assertGreater(len(everything), 12)
        uploaded = self.events(action="upload.committed")
        self.assertEqual(len(uploaded), 10)
        for event in uploaded:
            self.assertEqual(event["details"]["action"], "upload.committed")
        mine = next(e for e in uploaded if e["details"]["artefact"] == letter)
        actor, at = mine["details"]["actor"], mine["time"]
        filters = {"artefact": letter, "claim": self.claim, "actor": actor,
                   "action": "upload.committed", "from": at, "to": now()}
        for mask in range(1 << len(filters)):
            chosen = {k: v for i, (k, v) in enumerate(filters.items()) if mask >> i & 1}
            found = self.events(**chosen)
            wanted = [e["entry"] for e in everything if self.fits(e, chosen)]
            # what was asked meanwhile is in the log, too
            asked = [e["entry"] for e in found if e["details"]["action"] == "audit.read"]
            self.assertEqual([e["entry"] for e in found if e["entry"] not in asked],
                             [i for i in wanted if i not in asked], chosen)
            self.assertIn(mine["entry"], [e["entry"] for e in found])

    @staticmethod
    def fits(event, filters):
        details = event["details"]
        same = all(details.get(k) == v for k, v in filters.items() if k not in ("from", "to"))
        return same and filters.get("from", "") <= event["time"] < filters.get("to", "9")

    def test_pages(self):
        until = now()
        whole = [e["entry"] for e in self.events(to=until)]
        for limit in (1, 2, 7, 200):
            self.assertEqual([e["entry"] for e in self.events(to=until, limit=limit)], whole)

    def test_the_reading_is_logged(self):
        self.events(claim=self.claim, action="claim.created", limit=5)
        logged = [e["details"] for e in self.events(action="audit.read")
                  if e["details"].get("asked_action") == "claim.created"]
        self.assertEqual([(d["count"], d["claim"], d["role"]) for d in logged],
                         [(1, self.claim, "auditor")])
        history = self.gw.get(f"/v1/claims/{self.claim}/history", self.ada)
        self.assertNotIn("audit.read", history.body.decode())

    def test_bad(self):
        for query in ("claim=x", "artefact=", "from=yesterday", "to=1", "limit=0", "limit=201",
                      "cursor=x", "colour=red", "action=a&action=b"):
            self.expect(self.gw.get(f"/v1/audit/events?{query}", self.auditor), 400)

    def test_a_question_that_nothing_fits(self):
        for query in (f"claim={unknown_id()}", "actor=nobody", "action=none",
                      "from=2100-01-01T00:00:00Z", "to=1999-01-01T00:00:00Z"):
            self.assertEqual(self.expect(self.gw.get(f"/v1/audit/events?{query}", self.auditor),
                                         200).json, {"events": []})


if __name__ == "__main__":
    unittest.main()

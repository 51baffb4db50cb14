#!/usr/bin/env python3
"""Who may act, and when no longer: scopes, one appointee, deaths and sixteenth birthdays; and what
an opt-out brings about beside the recording's status."""

import datetime
import unittest
import urllib.parse
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now, unknown_id


def born(years, days=0):
    """The date of birth of somebody who is so old today, and so many days."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    day = today.replace(day=28) if (today.month, today.day) == (2, 29) else today
    return (day.replace(year=day.year - years) - datetime.timedelta(days=days)).isoformat()


class People(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.asim = gw.token("assessor", "asim")
        cls.rupa = gw.token("representative", "rupa")
        cls.rosa = gw.token("records_owner", "rosa")

    def claim(self, *parties, **claimant):
        body = self.gw.claim_body("ada", assigned_to=["asim"], parties=list(parties))
        body["claimant"].update(claimant)
        return self.expect(self.gw.post("/v1/claims", self.gw.system, body), 201).json["id"]

    def send(self, claim, token, kind="further_evidence"):
        return self.gw.upload(claim, samples.pdf(str(uuid.uuid4())), token, kind)

    def change(self, claim, status=200, **members):
        return self.expect(self.gw.request("PATCH", f"/v1/claims/{claim}", self.gw.system, members),
                           status).json

    def recording(self, claim, effective=None):
        """An assessment after a notice, and its recording, which is available."""
        made = self.gw.create_assessment(claim)
        self.expect(self.gw.choose(made, self.asim, "notice", now(-7000)), 201)
        sent = self.gw.upload(claim, samples.wav(seed=uuid.uuid4().int), self.asim,
                              "assessment_audio", "audio/wav", "a.wav", self.gw.recording(made))
        return made, self.expect(sent, 201).json["artefact"]["id"]

    # --- scopes ------------------------------------------------------------------------------

    def calls(self, claim, artefact, assessment):
        """What somebody who acts for the claimant may ask for, by the cover it needs."""
        get, gw = self.gw.get, self.gw
        return {
            "any": [lambda t: get(f"/v1/claims/{claim}", t)],
            "read": [lambda t: get(f"/v1/claims/{claim}/history", t),
                     lambda t: get(f"/v1/claims/{claim}/artefacts", t),
                     lambda t: get(f"/v1/artefacts/{artefact}", t),
                     lambda t: get(f"/v1/artefacts/{artefact}/content", t)],
            "upload": [lambda t: self.send(claim, t)],
            "carer_statement": [lambda t: self.send(claim, t, "carer_statement")],
            "choice": [lambda t: gw.choose(assessment, t, "opt_in"),
                       lambda t: gw.post(f"/v1/claims/{claim}/consents", t, {
                           "event_id": str(uuid.uuid4()), "purpose": "contact_gp",
                           "decision": "given", "statement_version": "1",
                           "effective_at": now()})],
        }

    def test_a_scope_is_what_it_says(self):
        covers = {"read": {"read"}, "upload": {"upload", "carer_statement"},
                  "evidence": {"read", "upload", "carer_statement"},
                  "carer_statement": {"carer_statement"}, "choice": {"choice"},
                  "read,choice": {"read", "choice"},
                  "all": {"read", "upload", "carer_statement", "choice"}}
        for scope, wanted in covers.items():
            claim = self.claim(self.gw.party("rupa", scope=scope))
            letter = self.expect(self.send(claim, self.ada), 201).json["artefact"]["id"]
            calls = self.calls(claim, letter, self.gw.create_assessment(claim))
            for needed, asks in calls.items():
                for n, ask in enumerate(asks):
                    with self.subTest(scope=scope, needed=needed, n=n):
                        answer = ask(self.rupa)
                        if needed in wanted | {"any"}:
                            self.assertIn(answer.status, (200, 201), repr(answer))
                        else:
                            self.assertIn(answer.status, (403, 404), repr(answer))

    def test_who_may_only_send_sees_what_they_sent(self):
        claim = self.claim(self.gw.party("rupa", kind="carer", scope="upload"))
        mine = self.expect(self.send(claim, self.rupa, "carer_statement"), 201)
        mine = mine.json["artefact"]["id"]
        self.expect(self.gw.get(f"/v1/artefacts/{mine}", self.rupa), 200)
        self.expect(self.gw.get(f"/v1/artefacts/{mine}/receipt", self.rupa), 200)
        self.assertEqual([c["id"] for c in self.gw.get("/v1/claims?limit=50", self.rupa)
                          .json["claims"] if c["id"] == claim], [claim])
        theirs = self.expect(self.send(claim, self.ada), 201).json["artefact"]["id"]
        self.assertSame(self.gw.get(f"/v1/artefacts/{theirs}", self.rupa),
                        self.gw.get(f"/v1/artefacts/{unknown_id()}", self.rupa))

    def test_registrations_are_checked(self):
        party = self.gw.party
        for parties in ([party("rupa", scope="everything")],
                        [party("rupa", since=-10, until=-20)],
                        [party("rupa"), party("rita", since=-60)]):
            body = self.gw.claim_body("ada", parties=parties)
            self.expect(self.gw.post("/v1/claims", self.gw.system, body), 400, "invalid-request")
        claim = self.claim(party("rupa"))
        self.change(claim, 400, parties=[party("rupa", scope="everything")])
        self.expect(self.gw.get(f"/v1/claims/{claim}", self.rupa), 200)

    def test_one_appointee_at_a_time(self):
        party = self.gw.party
        claim = self.claim(party("rupa", since=-9000, until=-60), party("rita", since=-60))
        self.expect(self.gw.get(f"/v1/claims/{claim}", self.rupa), 404)
        rita = self.gw.token("representative", "rita")
        self.expect(self.gw.get(f"/v1/claims/{claim}", rita), 200)

    # --- sixteen, and death ------------------------------------------------------------------

    def test_sixteen(self):
        parent = self.gw.party("rupa", since=-9000)
        child = self.claim(parent, date_of_birth=born(16, -2))
        self.expect(self.send(child, self.rupa), 201)
        grown = self.claim(self.gw.party("rupa", since=-86400 * 40), date_of_birth=born(16, 20))
        self.assertSame(self.gw.get(f"/v1/claims/{grown}", self.rupa),
                        self.gw.get(f"/v1/claims/{unknown_id()}", self.rupa))
        self.expect(self.send(grown, self.rupa), 404)
        self.expect(self.send(grown, self.ada), 201)
        again = {k: v for k, v in parent.items() if k != "from"}  # from now on
        self.change(grown, parties=[again])
        self.expect(self.send(grown, self.rupa), 201)

    def test_death(self):
        claim = self.claim(self.gw.party("rupa"))
        made, audio = self.recording(claim)
        sent = self.expect(self.send(claim, self.rupa), 201).json["artefact"]["id"]
        died = now(-30)
        self.expect(self.gw.request("PATCH", f"/v1/claims/{claim}", self.gw.manager,
                                    {"claimant": {"died_at": died}}), 403)
        self.change(claim, 400, claimant={"died_at": now(86400)})
        self.change(claim, 400, claimant={"name": "Somebody Else"})
        told = self.change(claim, claimant={"died_at": died})
        self.assertTrue(told["claimant"]["died_at"].startswith(died[:19]))
        for token in (self.ada, self.rupa):
            self.expect(self.gw.get(f"/v1/claims/{claim}", token), 404)
            self.expect(self.gw.get(f"/v1/claims/{claim}/artefacts", token), 404)
            self.expect(self.gw.get(f"/v1/artefacts/{sent}", token), 404)
            self.expect(self.gw.choose(made, token, "opt_out"), 404)
            self.expect(self.send(claim, token), 404)
            self.assertNotIn(claim, [c["id"] for c in self.gw.get(
                "/v1/claims?limit=50", token).json["claims"]])
        self.expect(self.gw.choose(made, self.asim, "opt_out"), 409, "conflict")
        self.assertEqual(self.gw.settled(audio)["status"], "available")
        kept = self.expect(self.gw.get(f"/v1/artefacts/{sent}", self.gw.manager), 200).json
        self.assertEqual(kept["status"], "available")
        executor = self.gw.party("rupa", kind="executor", since=-1)
        self.change(claim, parties=[executor])
        self.expect(self.send(claim, self.rupa), 201)
        self.change(claim, claimant={"died_at": None})
        self.expect(self.gw.get(f"/v1/claims/{claim}", self.ada), 200)

    # --- on whose behalf ---------------------------------------------------------------------

    def test_the_history_says_for_whom(self):
        claim = self.claim(self.gw.party("rupa"))
        made = self.gw.create_assessment(claim)
        self.expect(self.send(claim, self.rupa), 201)
        self.expect(self.send(claim, self.ada), 201)
        self.expect(self.gw.choose(made, self.asim, "opt_out"), 201)
        events = self.gw.get(f"/v1/claims/{claim}/history", self.gw.manager).json["events"]
        whose = {(e["event"], e["by"]["role"]): e.get("on_behalf_of") for e in events if "by" in e}
        self.assertEqual(whose["upload.committed", "representative"], "ada")
        self.assertIsNone(whose["upload.committed", "claimant"])
        self.assertEqual(whose["choice.opt_out", "assessor"], "ada")

    # --- what an opt-out brings about --------------------------------------------------------

    def test_every_event_has_its_receipt(self):
        made = self.gw.create_assessment(self.claim(self.gw.party("rupa")))
        ids = ["plain", "with/slash and space?", "ünïcode #%41", str(uuid.uuid4())]
        for n, (event_id, token) in enumerate(zip(ids, (self.asim, self.ada, self.rupa, self.ada))):
            event = ("notice", "opt_out", "opt_in", "opt_out")[n]
            self.expect(self.gw.choose(made, token, event, event_id=event_id,
                                       notice_sha256="ab" * 32), 201)
        history = self.gw.get(f"/v1/assessments/{made}", self.ada).json["history"]
        self.assertEqual([e["event_id"] for e in history], ids)
        for event in history:
            self.assertEqual(event["notice_sha256"], "ab" * 32)
            self.assertIn(event["authority"], ("claimant", "appointee", "assessor"))
            self.assertEqual(len(event["policy_sha256"]), 64)
            path = f"/v1/assessments/{made}/choice/{urllib.parse.quote(event['event_id'], safe='')}"
            receipt = self.expect(self.gw.get(f"{path}/receipt", self.ada), 200).body.decode()
            done = self.gw.verify(receipt)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.expect(self.gw.get(f"{path}/receipt", self.gw.token("claimant", "bob")), 404)
        self.expect(self.gw.get(f"/v1/assessments/{made}/choice/none/receipt", self.ada), 404)
        for bad in ({"notice_sha256": "ab"}, {"notice_sha256": "z" * 64}, {"channel": "smoke"},
                    {"on_behalf_of": "mallory"}):
            self.expect(self.gw.choose(made, self.asim, "opt_out", **bad), 400)

    def test_retrievers_and_incident(self):
        claim = self.claim()
        made, audio = self.recording(claim)
        path = f"/v1/artefacts/{audio}"
        for token, purpose in ((self.asim, "?purpose=assessment"), (self.ada, "")):
            self.expect(self.gw.get(f"{path}/content{purpose}", token), 200)
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-4000), event_id="o"), 201)
        told = self.expect(self.gw.get(f"{path}/retrievals", self.gw.manager), 200).json
        self.assertEqual((told["status"], len(told["retrievals"])), ("restricted", 2))
        self.assertEqual(told["sha256"], self.gw.get(path, self.gw.manager).json["sha256"])
        theirs = [r for r in told["retrievals"] if r["by"]["subject"] == "asim"][0]
        hers = [r for r in told["retrievals"] if r["by"]["subject"] == "ada"][0]
        self.assertIn("deletion_requested_at", theirs)
        self.assertNotIn("deletion_requested_at", hers)
        self.expect(self.gw.get(f"{path}/retrievals", self.ada), 403)
        self.assertSame(
            self.gw.get(f"{path}/retrievals", self.gw.token("assessor", "abel")),
            self.gw.get(f"/v1/artefacts/{unknown_id()}/retrievals", self.gw.token("assessor", "abel")))
        deleted = f"{path}/retrievals/{theirs['session']}/deleted"
        self.expect(self.gw.post(deleted, self.gw.manager, {}), 404)
        first = self.expect(self.gw.post(deleted, self.asim, {}), 200).json
        again = self.expect(self.gw.post(deleted, self.asim, {}), 200).json
        self.assertEqual(first["deletion_confirmed_at"], again["deletion_confirmed_at"])

        open_ones = self.gw.get("/v1/incidents?open=true&limit=100", self.rosa).json["incidents"]
        incident = [i for i in open_ones if i["artefact"] == audio]
        self.assertEqual([i["event_id"] for i in incident], ["o"])
        shown = self.gw.get(f"/v1/assessments/{made}", self.ada).json["incidents"]
        self.assertEqual([i["id"] for i in shown], [incident[0]["id"]])
        review = f"/v1/incidents/{incident[0]['id']}/review"
        self.expect(self.gw.post(review, self.gw.manager, {"outcome": "x"}), 403)
        self.expect(self.gw.post(review, self.rosa, {"outcome": "the provider was told"}), 200)
        self.expect(self.gw.post(review, self.rosa, {"outcome": "again"}), 409)
        self.expect(self.gw.get("/v1/incidents", self.ada), 403)
        events = [e["event"] for e in
                  self.gw.get(f"/v1/claims/{claim}/history", self.gw.manager).json["events"]]
        for wanted in ("incident.raised", "incident.reviewed", "copy.deletion_requested",
                       "copy.deletion_confirmed", "recording.restricted"):
            self.assertIn(wanted, events)

    def test_the_quarantine_has_an_owner(self):
        claim = self.claim()
        made = self.gw.create_assessment(claim)
        sent = self.gw.upload(claim, samples.wav(seed=uuid.uuid4().int), self.asim,
                              "assessment_audio", "audio/wav", "a.wav", self.gw.recording(made))
        audio = sent.json["artefact"]
        self.assertEqual(audio["status"], "quarantined")
        release = f"/v1/artefacts/{audio['id']}/quarantine-release"
        for token in (self.ada, self.asim, self.gw.manager, self.gw.token("operator", "olga")):
            self.expect(self.gw.post(release, token, {"reason": "x"}), 403)
        self.expect(self.gw.post(release, self.rosa, {}), 400)
        done = self.expect(self.gw.post(release, self.rosa, {"reason": "told by telephone"}), 200)
        self.assertEqual(done.json["status"], "available")
        self.expect(self.gw.post(release, self.rosa, {"reason": "again"}), 409)


if __name__ == "__main__":
    unittest.main()

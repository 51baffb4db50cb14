#!/usr/bin/env python3
"""Who may do what, over the wire: every role on every call, on a claim that is theirs, on another
one and on one that does not exist. The last two cannot be told apart."""

import json
import re
import threading
import time
import unittest
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now, unknown_id

# (call, method, path, body); {claim}, {artefact}, {assessment} are filled in.
CALLS = {
    "claim.read": ("GET", "/v1/claims/{claim}", None),
    "claim.update": ("PATCH", "/v1/claims/{claim}", {"stage": "evidence"}),
    "claim.history": ("GET", "/v1/claims/{claim}/history", None),
    "artefact.list": ("GET", "/v1/claims/{claim}/artefacts", None),
    "artefact.read": ("GET", "/v1/artefacts/{artefact}", None),
    "artefact.receipt": ("GET", "/v1/artefacts/{artefact}/receipt", None),
    "artefact.content": ("GET", "/v1/artefacts/{artefact}/content{purpose}", None),
    "artefact.head": ("HEAD", "/v1/artefacts/{artefact}/content{purpose}", None),
    "artefact.link": ("POST", "/v1/artefacts/{artefact}/links",
                      {"claim": "{spare}", "reason": "a test"}),
    "artefact.unlink": ("DELETE", "/v1/artefacts/{artefact}/links/{spare}", None),
    "assessment.create": ("POST", "/v1/claims/{claim}/assessments",
                          {"channel": "video", "scheduled_at": "2026-05-01T10:00:00Z",
                           "provider": "Invented"}),
    "assessment.read": ("GET", "/v1/assessments/{assessment}", None),
    "choice.notice": ("POST", "/v1/assessments/{assessment}/choice", "notice"),
    "choice.set": ("POST", "/v1/assessments/{assessment}/choice", "opt_in"),
    "consent.give": ("POST", "/v1/claims/{claim}/consents", "consent"),
    "consent.read": ("GET", "/v1/claims/{claim}/consents", None),
    "upload.further_evidence": ("POST", "/v1/claims/{claim}/artefacts?kind=further_evidence",
                                "pdf"),
    "upload.medical_report": ("POST", "/v1/claims/{claim}/artefacts?kind=medical_report", "pdf"),
    "upload.assessment_report": (
        "POST", "/v1/claims/{claim}/artefacts?kind=assessment_report", "pdf"),
    "upload.correspondence": ("POST", "/v1/claims/{claim}/artefacts?kind=correspondence", "pdf"),
}
READS = {"claim.read", "artefact.list", "artefact.read", "artefact.receipt", "artefact.content",
         "artefact.head"}
OWNER = READS | {"claim.history", "assessment.read", "upload.further_evidence"}
CHOOSES = {"choice.notice", "choice.set", "consent.give", "consent.read"}
ASSESSES = READS | {"assessment.create", "assessment.read", "choice.notice", "choice.set",
                    "upload.assessment_report"}

# Person of ada's claim -> what succeeds there. `knows`: calls that fail with 403 because no row
# of the role has the action whatever the claim; everything else fails like a missing claim.
PEOPLE = {
    "claimant": ("claimant", "ada", OWNER | CHOOSES),
    "appointee": ("representative", "rupa", OWNER | CHOOSES),
    "carer": ("representative", "carl", OWNER),
    "assessor": ("assessor", "asim", ASSESSES),
    "case_manager": ("case_manager", "morgan", READS | {
        "claim.history", "artefact.link", "artefact.unlink", "assessment.read", "consent.read",
        "upload.further_evidence", "upload.correspondence"}),
    "auditor": ("auditor", "audrey", {  # content by way of a sample alone: test_audit.py
        "claim.read", "artefact.list", "artefact.read", "artefact.receipt", "claim.history"}),
    "records_owner": ("records_owner", "rosa", READS),
    "claims_system": ("claims_system", "registry", {
        "claim.read", "claim.update", "assessment.create", "assessment.read", "choice.notice"}),
    "health_professional": ("health_professional", "dr-gray", {
        "upload.further_evidence", "upload.medical_report"}),
    "operator": ("operator", "olga", set()),
}
# Who has no tie to ada's claim (any more, or yet): nothing succeeds.
STRANGERS = {
    "other claimant": ("claimant", "bob"),
    "other representative": ("representative", "rob"),
    "ended appointee": ("representative", "ended"),
    "coming appointee": ("representative", "coming"),
    "other assessor": ("assessor", "abel"),
}
# Roles whose rows hold for any claim: they reach every claim there is.
EVERYWHERE = {"case_manager", "auditor", "records_owner", "claims_system"}
PURPOSES = {"assessor": "?purpose=assessment", "case_manager": "?purpose=decision",
            "auditor": "?purpose=audit", "records_owner": "?purpose=subject_access"}
SUCCESS = {200, 201, 204}


class Table(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.own = cls.make(gw, "ada", assigned_to=["asim"], parties=[
            gw.party("rupa"), gw.party("carl", kind="carer", scope="evidence"),
            gw.party("ended", since=-9000, until=-5), gw.party("coming", since=9000)])
        cls.missing = {name: unknown_id() for name in ("claim", "artefact", "assessment")}
        cls.spare = gw.create_claim("zoe")

    @classmethod
    def make(cls, gw, claimant, **members):
        claim = gw.create_claim(claimant, **members)
        token = gw.token("claimant", claimant)
        answer = gw.upload(claim, samples.pdf(claimant), token)
        assert answer.status == 201, answer
        artefact = answer.json["artefact"]["id"]
        gw.settled(artefact)
        return {"claim": claim, "artefact": artefact, "assessment": gw.create_assessment(claim)}

    def ask(self, call, who, token, place):
        method, path, body = CALLS[call]
        headers = {}
        if body == "pdf":
            body, headers = samples.pdf(str(uuid.uuid4())), {"Content-Type": "application/pdf"}
        elif body == "consent":
            body = {"event_id": str(uuid.uuid4()), "purpose": "contact_gp", "decision": "given",
                    "statement_version": "1", "effective_at": now()}
        elif isinstance(body, str):
            body = {"event_id": str(uuid.uuid4()), "event": body, "effective_at": now(),
                    "channel": "web", "notice_version": "1"}
        elif body is not None:
            body = json.loads(json.dumps(body).replace("{spare}", self.spare))
        return self.gw.request(method, path.format(
            **place, spare=self.spare, purpose=PURPOSES.get(who, "")), token, body, headers)

    def test_on_their_own_claim(self):
        for who, (role, subject, may) in PEOPLE.items():
            token = self.gw.token(role, subject)
            for call in CALLS:
                with self.subTest(who=who, call=call):
                    answer = self.ask(call, who, token, self.own)
                    if call in may:
                        self.assertIn(answer.status, SUCCESS, repr(answer))
                    else:
                        self.assertIn(answer.status, (403, 404), repr(answer))
                        if answer.body:
                            self.assertIsNotNone(answer.problem)

    def test_on_a_claim_that_is_not_theirs(self):
        people = {**{k: v[:2] for k, v in PEOPLE.items() if k not in EVERYWHERE}, **STRANGERS}
        theirs = self.make(self.gw, "zoe")
        for who, (role, subject) in people.items():
            token = self.gw.token(role, subject)
            for place in [theirs] + ([self.own] if who in STRANGERS else []):
                for call in CALLS:
                    if who == "health_professional" and call.startswith("upload."):
                        continue  # may send to any claim, so knows that it is there
                    with self.subTest(who=who, call=call):
                        foreign = self.ask(call, who, token, place)
                        missing = self.ask(call, who, token, self.missing)
                        self.assertIn(foreign.status, (403, 404), repr(foreign))
                        self.assertSame(foreign, missing)

    def test_a_missing_claim_for_those_who_reach_every_claim(self):
        for who in EVERYWHERE | {"health_professional"}:
            role, subject, may = PEOPLE[who]
            token = self.gw.token(role, subject)
            for call in may:
                with self.subTest(who=who, call=call):
                    self.assertEqual(self.ask(call, who, token, self.missing).status, 404)

    def test_identifiers_of_other_shapes(self):
        """Not our kind of identifier is not there either."""
        token = self.gw.token("claimant", "ada")
        for odd in ("1", "x", self.own["artefact"].upper(), "0" * 36, "-" * 36,
                    str(uuid.uuid4()), self.own["artefact"] + "0", self.own["artefact"][:-1],
                    self.own["artefact"].replace("-", "")):
            with self.subTest(odd=odd):
                answer = self.gw.get(f"/v1/artefacts/{odd}", token)
                if odd == self.own["artefact"].upper():
                    self.assertIn(answer.status, (200, 404))
                else:
                    self.expect(answer, 404)

    def test_nobody(self):
        for call, (method, path, body) in CALLS.items():
            for place in (self.own, self.missing):
                with self.subTest(call=call):
                    answer = self.ask(call, "nobody", None, place)
                    self.assertEqual(answer.status, 401, repr(answer))
                    self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
            self.assertSame(self.ask(call, "nobody", None, self.own),
                            self.ask(call, "nobody", None, self.missing), call)

    def test_the_operator_reads_nothing(self):
        token = self.gw.token("operator", "olga")
        for call in CALLS:
            answer = self.ask(call, "operator", token, self.own)
            self.assertEqual(answer.status, 403, f"{call}: {answer!r}")
        for purpose in ("decision", "assessment", "appeal", "audit", "subject_access"):
            answer = self.gw.get(f"/v1/artefacts/{self.own['artefact']}/content?purpose={purpose}",
                                 token)
            self.assertEqual(answer.status, 403)
        self.assertEqual(self.gw.get("/v1/claims", token).status, 403)

    def test_claim_lists_hold_only_ones_own(self):
        for role, subject in STRANGERS.values():
            answer = self.expect(self.gw.get("/v1/claims", self.gw.token(role, subject)), 200)
            self.assertNotIn(self.own["claim"], answer.body.decode())
        for who in ("claimant", "appointee", "assessor"):
            role, subject, _ = PEOPLE[who]
            answer = self.expect(self.gw.get("/v1/claims?limit=50",
                                             self.gw.token(role, subject)), 200)
            self.assertIn(self.own["claim"], answer.body.decode())
        answer = self.gw.get("/v1/claims", self.gw.token("health_professional", "dr-gray"))
        self.assertIn(answer.status, (200, 403))
        self.assertNotIn(self.own["claim"], answer.body.decode())

    def test_the_same_subject_of_another_issuer_is_somebody_else(self):
        """A certificate's subject is not a token's subject."""
        cert = self.gw.gp_certificate
        answer = self.gw.upload(self.own["claim"], samples.pdf("gp"), kind="medical_report",
                                cert=cert)
        told = self.expect(answer, 201).json["artefact"]
        self.assertEqual(told["uploaded_by"]["me"], True)
        mapped = re.findall(r'^\s*subject = "([^"]+)"', self.gw.config.read_text(), re.M)
        self.assertTrue(mapped)
        for subject in mapped:
            token = self.gw.token("health_professional", subject)
            self.expect(self.gw.get(f"/v1/artefacts/{told['id']}", token), 404)

    def test_wrong_verbs(self):
        token = self.gw.token("claimant", "ada")
        place = self.own
        for method, path, allowed in (
                ("DELETE", "/v1/claims", {"GET", "POST"}),
                ("PUT", f"/v1/claims/{place['claim']}", {"GET", "PATCH"}),
                ("PATCH", f"/v1/claims/{place['claim']}/artefacts", {"GET", "POST"}),
                ("POST", f"/v1/claims/{place['claim']}/history", {"GET"}),
                ("POST", f"/v1/artefacts/{place['artefact']}/content", {"GET", "HEAD"}),
                ("DELETE", f"/v1/artefacts/{place['artefact']}/content", {"GET", "HEAD"}),
                ("PUT", f"/v1/artefacts/{place['artefact']}/receipt", {"GET"}),
                ("GET", f"/v1/assessments/{place['assessment']}/choice", {"POST"}),
                ("BREW", f"/v1/artefacts/{place['artefact']}", {"GET"})):
            with self.subTest(method=method, path=path):
                answer = self.gw.request(method, path, token)
                self.assertIn(answer.status, (405, 501) if method == "BREW" else (405,))
                if answer.status == 405:
                    stated = {m.strip() for m in answer.headers["Allow"].split(",")}
                    self.assertLessEqual(allowed, stated)
                    self.assertNotIn(method, stated)
        self.expect(self.gw.get("/v2/claims", token), 404)
        self.expect(self.gw.get("/", None), (200, 303, 302, 404, 401))

    def test_a_forwarded_identity_gives_no_authority(self):
        for headers in ({"X-Forwarded-User": "morgan"}, {"X-Remote-User": "morgan"},
                        {"X-SSL-Client-Cert": "x"}, {"Forwarded": "for=127.0.0.1"},
                        {"X-HTTP-Method-Override": "DELETE"}):
            answer = self.gw.get(f"/v1/claims/{self.own['claim']}", headers=headers)
            self.assertEqual(answer.status, 401)


class EndedInMidUpload(GatewayTest):
    """Authority that ends while the bytes are on their way: not committed."""

    def upload_while(self, claim, token, change, **options):
        data, go, under_way, result = samples.pdf(pad=200000), threading.Event(), \
            threading.Event(), []

        def body():
            yield data[:100000]
            under_way.set()
            go.wait(60)
            yield data[100000:]

        with fixture.Session(self.gw) as session:
            thread = threading.Thread(target=lambda: result.append(self.gw.upload(
                claim, body(), token, session=session, **options)))
            thread.start()
            under_way.wait(30)
            time.sleep(0.2)
            try:
                change()
            finally:
                go.set()
                thread.join(60)
        return result[0]

    def assertNothing(self, claim):
        kept = self.gw.list_all(claim, self.gw.manager)
        self.assertEqual([a for a in kept if a["status"] != "refused"], [])

    def test_party_removed(self):
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa")])
        token = self.gw.token("representative", "rupa")
        answer = self.upload_while(claim, token, lambda: self.expect(self.gw.request(
            "PATCH", f"/v1/claims/{claim}", self.gw.system, {"parties": []}), 200))
        self.expect(answer, (403, 404))
        self.assertNothing(claim)

    def test_party_runs_out(self):
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa", until=3)])
        answer = self.upload_while(claim, self.gw.token("representative", "rupa"),
                                   lambda: time.sleep(3.5))
        self.expect(answer, (403, 404))
        self.assertNothing(claim)

    def test_assignment_removed(self):
        claim = self.gw.create_claim("ada", assigned_to=["asim"])
        answer = self.upload_while(
            claim, self.gw.token("assessor", "asim"), lambda: self.expect(self.gw.request(
                "PATCH", f"/v1/claims/{claim}", self.gw.system, {"assigned_to": []}), 200),
            kind="assessment_report")
        self.expect(answer, (403, 404))
        self.assertNothing(claim)

    def test_nothing_ends(self):
        """The same, undisturbed, is accepted: the tests above fail for their reason."""
        claim = self.gw.create_claim("ada", parties=[self.gw.party("rupa")])
        answer = self.upload_while(claim, self.gw.token("representative", "rupa"), lambda: None)
        self.expect(answer, 201)


if __name__ == "__main__":
    unittest.main()

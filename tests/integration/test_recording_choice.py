#!/usr/bin/env python3
"""The recording choice: recorded by default after a notice, and never against an opt-out."""

import threading
import unittest
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, now, unknown_id


class Choice(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.rupa = gw.token("representative", "rupa")
        cls.carl = gw.token("representative", "carl")
        cls.asim = gw.token("assessor", "asim")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"], parties=[
            gw.party("rupa"), gw.party("carl", kind="carer", scope="evidence")])

    def assessment(self, notice=True):
        made = self.gw.create_assessment(self.claim, self.asim)
        if notice:
            self.expect(self.gw.choose(made, self.asim, "notice", now(-7000)), 201)
        return made

    def view(self, assessment, token=None):
        return self.expect(self.gw.get(f"/v1/assessments/{assessment}", token or self.ada),
                           200).json

    def state(self, assessment):
        return self.view(assessment)["choice"]

    def audio(self, assessment, started=-3000, stopped=-1200, **options):
        options.setdefault("data", samples.wav(seed=uuid.uuid4().int))
        return self.gw.upload(self.claim, options.pop("data"), self.asim, "assessment_audio",
                              "audio/wav", "interview.wav",
                              self.gw.recording(assessment, started, stopped), **options)

    def recordings(self, assessment, status=None):
        found = [a for a in self.gw.list_all(self.claim, self.gw.manager, limit=200,
                                             kind="assessment_audio")
                 if a["assessment"] == assessment]
        return [a for a in found if status in (None, a["status"])]

    def assertNotServed(self, artefact):
        for token, purpose in ((self.ada, ""), (self.rupa, ""), (self.asim, "assessment"),
                               (self.gw.manager, "decision"), (self.gw.manager, "appeal"),
                               (self.gw.token("auditor", "audrey"), "audit"),
                               (self.gw.token("records_owner", "rosa"), "subject_access")):
            for method in ("GET", "HEAD"):
                query = f"?purpose={purpose}" if purpose else ""
                answer = self.gw.request(method, f"/v1/artefacts/{artefact}/content{query}",
                                         token)
                self.assertIn(answer.status, (403, 404, 409, 410, 451), repr(answer))
                self.assertNotIn(b"RIFF", answer.body)
                self.assertNotIn("ETag", answer.headers)

    # --- the machine -------------------------------------------------------------------------

    def test_states(self):
        made = self.assessment(notice=False)
        self.assertEqual(self.state(made), "no_notice")
        for event, state in (("notice", "noticed"), ("opt_out", "opted_out"),
                             ("opt_in", "noticed"), ("opt_out", "opted_out")):
            answer = self.expect(self.gw.choose(made, self.ada, event), 201)
            self.assertEqual(self.state(made), state)
            done = self.gw.verify(answer.json["receipt"])
            self.assertEqual(done.returncode, 0, done.stderr)
        told = self.view(made)
        history = [v for k, v in told.items() if k in ("history", "events")][0]
        self.assertEqual([e["event"] for e in history], ["notice", "opt_out", "opt_in", "opt_out"])
        for event in history:
            for member in ("event_id", "effective_at", "recorded_at", "channel"):
                self.assertIn(member, event)

    def test_recorded_after_a_notice(self):
        made = self.assessment()
        data = samples.wav(seed=1)
        answer = self.expect(self.audio(made, data=data), 201)
        artefact = answer.json["artefact"]["id"]
        self.assertEqual(self.gw.settled(artefact)["status"], "available")
        for token in (self.ada, self.rupa):
            self.assertEqual(self.gw.get(f"/v1/artefacts/{artefact}/content", token).body, data)
        shown = str(self.view(made))
        self.assertIn(artefact, shown)
        self.assertIn("available", shown)

    def test_refused_at_the_start(self):
        made = self.assessment()
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-4000)), 201)
        answer = self.expect(self.audio(made), 409, "recording-opted-out")
        self.assertNotIn(b"receipt", answer.body)
        self.assertEqual(self.recordings(made, "available"), [])
        # a slow sender is told before the end of the body
        pieces = []

        def body():
            for n in range(40):
                pieces.append(n)
                yield samples.wav(seconds=0.5, seed=n)
        self.expect(self.audio(made, data=body()), 409, "recording-opted-out")

    def test_opt_out_without_a_notice_counts(self):
        made = self.assessment(notice=False)
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-4000)), 201)
        self.expect(self.audio(made), 409, "recording-opted-out")
        # a notice that comes later does not undo it
        self.expect(self.gw.choose(made, self.asim, "notice", now(-3900)), 201)
        self.assertEqual(self.state(made), "opted_out")
        self.expect(self.audio(made), 409, "recording-opted-out")
        self.assertEqual(self.recordings(made, "available"), [])

    def test_refused_inside_the_commit(self):
        """The opt-out comes while the bytes are on their way."""
        made = self.assessment()
        under_way, go, result = threading.Event(), threading.Event(), []
        data = samples.wav(seconds=8)

        def body():
            yield data[:100000]
            under_way.set()
            go.wait(30)
            yield data[100000:]

        with fixture.Session(self.gw) as session:
            thread = threading.Thread(target=lambda: result.append(
                self.audio(made, data=body(), session=session)))
            thread.start()
            under_way.wait(30)
            try:
                self.expect(self.gw.choose(made, self.ada, "opt_out"), 201)
            finally:
                go.set()
                thread.join(60)
        self.expect(result[0], 409, "recording-opted-out")
        self.assertEqual(self.recordings(made, "available"), [])
        for artefact in self.recordings(made):
            self.assertNotServed(artefact["id"])

    def test_quarantined_without_proof_of_notice(self):
        made = self.assessment(notice=False)
        answer = self.expect(self.audio(made), (201, 202))
        artefact = answer.json["artefact"]
        self.assertEqual(artefact["status"], "quarantined")
        self.assertNotServed(artefact["id"])
        # a notice shown after the recording is no proof of one before it
        self.expect(self.gw.choose(made, self.asim, "notice", now(-60)), 201)
        self.assertEqual(self.gw.settled(artefact["id"])["status"], "quarantined")
        self.assertNotServed(artefact["id"])

    def test_notice_after_the_recording_began(self):
        made = self.assessment(notice=False)
        self.expect(self.gw.choose(made, self.asim, "notice", now(-60)), 201)
        answer = self.expect(self.audio(made, started=-3000, stopped=-1200), (201, 202))
        self.assertEqual(answer.json["artefact"]["status"], "quarantined")

    def test_late_opt_out_restricts(self):
        for effective in (-4000, -3000, -2000, -600, 0):
            with self.subTest(effective=effective):
                made = self.assessment()
                artefact = self.expect(self.audio(made), 201).json["artefact"]["id"]
                self.assertEqual(self.gw.settled(artefact)["status"], "available")
                self.expect(self.gw.choose(made, self.ada, "opt_out", now(effective)), 201)
                self.assertEqual(self.gw.settled(artefact)["status"], "restricted")
                self.assertNotServed(artefact)
                self.assertEqual(self.recordings(made, "available"), [])

    def test_late_opt_out_ends_a_running_read_session(self):
        made = self.assessment()
        artefact = self.expect(self.audio(made), 201).json["artefact"]["id"]
        path = f"/v1/artefacts/{artefact}/content?purpose=assessment"
        with fixture.Session(self.gw) as session:
            first = session.request("GET", path, self.asim, headers={"Range": "bytes=0-9"})
            self.assertEqual(first.status, 206)
            self.expect(self.gw.choose(made, self.ada, "opt_out"), 201)
            second = session.request("GET", path, self.asim, headers={"Range": "bytes=10-19"})
        self.assertIn(second.status, (403, 404, 409, 410, 451))
        history = self.gw.get(f"/v1/claims/{self.claim}/history", self.gw.manager)
        self.assertIn(artefact, history.body.decode())

    def test_late_opt_out_cuts_a_running_download(self):
        made = self.assessment()
        data = samples.wav(seconds=3000)
        artefact = self.expect(self.audio(made, data=data), 201).json["artefact"]["id"]
        s = self.gw.socket()
        s.sendall(f"GET /v1/artefacts/{artefact}/content?purpose=assessment HTTP/1.1\r\nHost: a\r\n"
                  f"Authorization: Bearer {self.asim}\r\n\r\n".encode())
        self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 200"))
        self.expect(self.gw.choose(made, self.ada, "opt_out"), 201)
        got = 0
        try:
            while piece := s.recv(1 << 20):
                got += len(piece)
        except OSError:
            pass
        s.close()
        self.assertLess(got, len(data) - (8 << 20), "it was served to the end")

    def test_opt_in_again_releases_nothing_older(self):
        made = self.assessment()
        artefact = self.expect(self.audio(made), 201).json["artefact"]["id"]
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-3500)), 201)
        self.expect(self.gw.choose(made, self.ada, "opt_in", now(-3400)), 201)
        self.assertEqual(self.gw.settled(artefact)["status"], "restricted")
        self.assertNotServed(artefact)

    def test_opt_in_counts_from_then_on(self):
        made = self.assessment()
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-6000)), 201)
        self.expect(self.gw.choose(made, self.ada, "opt_in", now(-2000)), 201)
        self.expect(self.audio(made, started=-3000, stopped=-2500), 409, "recording-opted-out")
        answer = self.expect(self.audio(made, started=-1900, stopped=-1200), 201)
        self.assertEqual(self.gw.settled(answer.json["artefact"]["id"])["status"], "available")

    # --- repeats -----------------------------------------------------------------------------

    def test_repeats_are_harmless_and_conflicts_refused(self):
        made = self.assessment()
        event, at = str(uuid.uuid4()), now(-100)
        first = self.expect(self.gw.choose(made, self.ada, "opt_out", at, event), 201)
        again = self.expect(self.gw.choose(made, self.ada, "opt_out", at, event), 200)
        self.assertEqual(first.json.get("choice"), again.json.get("choice"))
        self.expect(self.gw.choose(made, self.ada, "opt_in", at, event), 409)
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-50), event), 409)
        self.assertEqual(self.state(made), "opted_out")
        # a repeat after an opt-in does not opt out again
        self.expect(self.gw.choose(made, self.ada, "opt_in"), 201)
        self.expect(self.gw.choose(made, self.ada, "opt_out", at, event), 200)
        self.assertEqual(self.state(made), "noticed")

    def test_the_same_event_many_times_at_once(self):
        made, event, at, answers = self.assessment(), str(uuid.uuid4()), now(-100), []
        threads = [threading.Thread(target=lambda: answers.append(
            self.gw.choose(made, self.ada, "opt_out", at, event))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(a.status for a in answers), [200] * 7 + [201])

    def test_order_of_arrival_does_not_matter(self):
        """An opt-out that was effective before an opt-in and arrives after it."""
        made = self.assessment()
        self.expect(self.gw.choose(made, self.ada, "opt_in", now(-1000)), 201)
        self.expect(self.gw.choose(made, self.ada, "opt_out", now(-2000)), 201)
        self.expect(self.audio(made, started=-1800, stopped=-1500), 409, "recording-opted-out")
        self.assertEqual(self.recordings(made, "available"), [])

    # --- who ---------------------------------------------------------------------------------

    def test_who_may(self):
        for token, members in ((self.ada, {}), (self.rupa, {}),
                               (self.asim, {"on_behalf_of": "ada"})):
            made = self.assessment()
            for event, state in (("opt_out", "opted_out"), ("opt_in", "noticed")):
                self.expect(self.gw.choose(made, token, event, **members), 201)
                self.assertEqual(self.state(made), state)

    def test_who_may_not(self):
        made = self.assessment()
        gw = self.gw
        cases = [
            ("carer", self.carl, None, 403), ("manager", gw.manager, None, 403),
            ("clinician", None, gw.gp_certificate, 403),
            ("system", gw.system, None, 403), ("auditor", gw.token("auditor", "audrey"), None, 403),
            ("owner", gw.token("records_owner", "rosa"), None, 403),
            ("operator", gw.token("operator", "olga"), None, 403),
            ("stranger", gw.token("claimant", "bob"), None, 404),
            ("other assessor", gw.token("assessor", "abel"), None, 404),
            ("nobody", None, None, 401),
        ]
        for who, token, cert, status in cases:
            for event in ("opt_out", "opt_in"):
                with self.subTest(who=who, event=event):
                    answer = gw.request("POST", f"/v1/assessments/{made}/choice", token, {
                        "event_id": str(uuid.uuid4()), "event": event, "effective_at": now(),
                        "channel": "web", "notice_version": "1"}, cert=cert)
                    self.expect(answer, (status, 404) if status == 403 else status)
        self.assertEqual(self.state(made), "noticed")
        self.assertSame(
            gw.choose(made, gw.token("claimant", "bob"), "opt_out", now(-9), "e1"),
            gw.choose(unknown_id(), gw.token("claimant", "bob"), "opt_out", now(-9), "e1"))

    def test_ended_authority(self):
        claim = self.gw.create_claim("ada", assigned_to=["asim"], parties=[
            self.gw.party("ex", since=-9000, until=-10), self.gw.party("soon", since=9000)])
        made = self.gw.create_assessment(claim)
        for subject in ("ex", "soon"):
            token = self.gw.token("representative", subject)
            self.expect(self.gw.choose(made, token, "opt_out", now(-100)), 404)
            self.expect(self.gw.get(f"/v1/assessments/{made}", token), 404)

    def test_bad_events(self):
        made = self.assessment()
        good = {"event_id": str(uuid.uuid4()), "event": "opt_out", "effective_at": now(),
                "channel": "web", "notice_version": "1"}
        for change in ({"event": "stop"}, {"event": ""}, {"event_id": ""}, {"event_id": 1},
                       {"event_id": "x" * 5000}, {"effective_at": "today"}, {"colour": "red"},
                       {"effective_at": now(86400 * 30)}, {"channel": "x" * 5000}):
            with self.subTest(change=str(change)[:60]):
                self.expect(self.gw.post(f"/v1/assessments/{made}/choice", self.ada,
                                         {**good, **change}), (400, 422))
        for member in ("event_id", "event"):
            left = {k: v for k, v in good.items() if k != member}
            self.expect(self.gw.post(f"/v1/assessments/{made}/choice", self.ada, left), 400)
        self.assertEqual(self.state(made), "noticed")

    def test_events_cannot_be_changed(self):
        made = self.assessment()
        for method in ("PUT", "PATCH", "DELETE"):
            answer = self.gw.request(method, f"/v1/assessments/{made}/choice", self.ada, {})
            self.expect(answer, 405)
            self.assertIn("POST", answer.headers["Allow"])

    def test_assessments(self):
        body = {"channel": "telephone", "scheduled_at": now(3600), "provider": "Invented"}
        path = f"/v1/claims/{self.claim}/assessments"
        for token in (self.asim, self.gw.system):
            made = self.expect(self.gw.post(path, token, body), 201).json
            self.assertEqual(made["choice"], "no_notice")
        for token in (self.ada, self.rupa, self.gw.manager):
            self.expect(self.gw.post(path, token, body), 403)
        self.expect(self.gw.post(path, self.gw.token("assessor", "abel"), body), 404)
        self.expect(self.gw.post(f"/v1/claims/{unknown_id()}/assessments", self.asim, body), 404)
        self.expect(self.gw.post(path, self.asim, {**body, "colour": "red"}), 400)
        self.expect(self.gw.post(path, self.asim, {**body, "scheduled_at": "soon"}), 400)


class Consents(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"], parties=[
            gw.party("rupa"), gw.party("carl", kind="carer", scope="evidence")])

    def consent(self, decision="given", token=None, event_id=None, claim=None, **members):
        return self.gw.post(f"/v1/claims/{claim or self.claim}/consents", token or self.ada, {
            "event_id": event_id or str(uuid.uuid4()), "purpose": "contact_gp",
            "decision": decision, "statement_version": "2026-1", "effective_at": now(), **members})

    def listed(self, token=None):
        return self.expect(self.gw.get(f"/v1/claims/{self.claim}/consents", token or self.ada),
                           200).items()

    def test_append_only_and_receipted(self):
        before = self.listed()
        given, at = str(uuid.uuid4()), now(-10)
        first = self.expect(self.consent("given", event_id=given, effective_at=at), 201)
        done = self.gw.verify(first.json["receipt"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.expect(self.consent("given", event_id=given, effective_at=at), 200)
        self.expect(self.consent("withdrawn", event_id=given, effective_at=at), 409)
        self.expect(self.consent("withdrawn"), 201)
        after = self.listed()
        self.assertEqual(len(after), len(before) + 2)
        for old in before:
            self.assertIn(old, after)
        self.assertEqual(sorted(c["decision"] for c in after if c not in before),
                         ["given", "withdrawn"])
        for method in ("PUT", "PATCH", "DELETE"):
            self.expect(self.gw.request(method, f"/v1/claims/{self.claim}/consents", self.ada),
                        405)

    def test_who(self):
        self.expect(self.consent(token=self.gw.token("representative", "rupa")), 201)
        for who in (self.gw.token("representative", "carl"), self.gw.manager, self.gw.system,
                    self.gw.token("assessor", "asim"), self.gw.token("auditor", "audrey"),
                    self.gw.token("operator", "olga")):
            self.expect(self.consent(token=who), (403, 404))
        bob = self.gw.token("claimant", "bob")
        self.assertSame(self.consent(token=bob, event_id="e"),
                        self.consent(token=bob, event_id="e", claim=unknown_id()))
        self.assertTrue(self.listed(self.gw.manager))
        self.expect(self.gw.get(f"/v1/claims/{self.claim}/consents", bob), 404)

    def test_bad(self):
        for change in ({"decision": ""}, {"purpose": ""}, {"colour": "red"}, {"event_id": ""},
                       {"effective_at": "now"}, {"statement_version": 3}):
            with self.subTest(change=change):
                self.expect(self.gw.post(f"/v1/claims/{self.claim}/consents", self.ada, {
                    "event_id": str(uuid.uuid4()), "purpose": "contact_gp", "decision": "given",
                    "statement_version": "1", "effective_at": now(), **change}), (400, 422))


if __name__ == "__main__":
    unittest.main()

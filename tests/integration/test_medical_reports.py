#!/usr/bin/env python3
"""Medical reports: sent as a form or a PDF, linked to the claim they belong to or kept on the tray,
and never seen by whom the harm rule keeps them from."""

import base64
import hashlib
import json
import time
import unittest
import uuid

import reports
import samples
from gateway_fixture import GatewayTest, sha256, unknown_id


class Reports(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.report_overdue", "1 min")

    @classmethod
    def prepare(cls, gw):
        cls.doctor = gw.token("health_professional", "dr-gray")
        cls.other_doctor = gw.token("health_professional", "dr-other")
        cls.auditor = gw.token("auditor", "audrey")

    def send(self, report, token=None, headers=None):
        body = report if isinstance(report, bytes) else json.dumps(report).encode()
        return self.gw.request("POST", "/v1/medical-reports", token or self.doctor, body,
                               {"Content-Type": "application/json", **(headers or {})})

    def send_pdf(self, *parts, token=None, headers=None):
        body, kind = reports.multipart(*parts)
        return self.gw.request("POST", "/v1/medical-reports", token or self.doctor, body,
                               {**kind, **(headers or {})})

    def sent(self, report, **more):
        return self.expect(self.send(report, **more), 201).json

    def claim_of(self, report, name=None, **members):
        who = reports.claimant(report, name)
        return self.register(who, **members), self.gw.token("claimant", who["subject"])

    def register(self, who, **members):
        body = {**self.gw.claim_body(**members), "claimant": who}
        return self.expect(self.gw.post("/v1/claims", self.gw.system, body), 201).json["id"]

    def artefact(self, artefact, token=None):
        return self.expect(self.gw.get(f"/v1/artefacts/{artefact}", token or self.gw.manager),
                           200).json

    def history(self, claim, token=None):
        return self.expect(self.gw.get(f"/v1/claims/{claim}/history?limit=200",
                                       token or self.gw.manager), 200).json["events"]

    def tray(self, token=None, limit=200):
        path, found = f"/v1/unlinked?limit={limit}", []
        while path:
            answer = self.expect(self.gw.get(path, token or self.gw.manager), 200)
            found += answer.json["reports"]
            path = answer.next()
        return found

    def on_tray(self, artefact):
        return [r for r in self.tray() if r["id"] == artefact]

    # --- the form ----------------------------------------------------------------------------

    def test_kept_byte_for_byte(self):
        body = json.dumps(reports.form(), indent=7, ensure_ascii=False).encode()
        answer = self.expect(self.send(body, headers={
            "Repr-Digest": "sha-256=:" + base64.b64encode(
                hashlib.sha256(body).digest()).decode() + ":"}), 201)
        told = answer.json["artefact"]
        self.assertEqual((told["kind"], told["media_type"], told["size"], told["sha256"]),
                         ("medical_report", "application/json", len(body), sha256(body)))
        self.assertEqual(answer.headers["Location"], f"/v1/artefacts/{told['id']}")
        self.assertIs(answer.json["linked"], False)
        self.assertIsNone(told["claim"])
        self.assertEqual(told["links"], [])
        done = self.gw.verify(answer.json["receipt"], body)
        self.assertEqual(done.returncode, 0, done.stderr)
        for token, purpose in ((self.gw.manager, "?purpose=decision"), (self.doctor, "")):
            read = self.expect(self.gw.get(f"/v1/artefacts/{told['id']}/content{purpose}", token),
                               200)
            self.assertEqual(read.body, body)
        self.expect(self.gw.get(f"/v1/artefacts/{told['id']}/receipt", self.gw.manager), 200)

    def test_a_form_that_is_none(self):
        for change, value in (("diagnosis", "x" * 127), ("nhs_number", "9434765919"),
                              ("patient_aware_of_prognosis", None), ("date_criteria_met", "2999-01-01")):
            self.expect(self.send(reports.form(**{change: value})), 400, "invalid-request")
        self.expect(self.send(reports.form(patient={"nino": "QQ123456C"})), 400, "invalid-request")
        self.expect(self.send(b"{}"), 400, "invalid-request")
        self.expect(self.send(b""), 400, "invalid-request")
        self.expect(self.send(b" " * 70000), 413, "file-too-large")
        self.expect(self.send(reports.form(), headers={"Content-Type": "text/plain"}), 415,
                    "type-not-allowed")
        self.expect(self.send(reports.form(), headers={
            "Repr-Digest": "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"}), 400,
            "digest-mismatch")
        self.expect(self.gw.request("POST", "/v1/medical-reports?nino=AB123456C", self.doctor,
                                    json.dumps(reports.form()).encode(),
                                    {"Content-Type": "application/json"}), 400, "invalid-request")

    def test_only_who_may_sign(self):
        for role in ("claimant", "representative", "assessor", "case_manager", "auditor",
                     "records_owner", "claims_system", "operator"):
            token = self.gw.token(role, f"{role}-1")
            self.expect(self.send(reports.form(), token=token), 403, "not-permitted")
            # before anything in it is looked at
            self.expect(self.send(b"{}", token=token), 403, "not-permitted")
        self.expect(self.send(reports.form(), token="none"), 401)

    def test_a_claim_that_is_named(self):
        report = reports.form()
        claim, claimant = self.claim_of(reports.form())  # somebody else's: the sender has the word
        report["claim"] = claim
        told = self.sent(report)
        self.assertIs(told["linked"], True)
        self.assertEqual(told["artefact"]["claim"], claim)
        self.assertEqual(self.on_tray(told["artefact"]["id"]), [])
        entry, = [e for e in self.history(claim) if e["event"] == "upload.committed"]
        self.assertEqual((entry["linked_by"], entry["identity"]), ("sender", "differs"))
        report["claim"] = unknown_id()
        self.expect(self.send(report), 404, "claim-not-found")
        report["claim"] = "EXT-1"
        self.expect(self.send(report), 404, "claim-not-found")

    def test_once_for_a_key(self):
        key, report = f'"{uuid.uuid4()}"', reports.form()
        first = self.expect(self.send(report, headers={"Idempotency-Key": key}), 201)
        again = self.expect(self.send(report, headers={"Idempotency-Key": key}), 201)
        self.assertEqual(again.json["artefact"]["id"], first.json["artefact"]["id"])
        self.assertEqual(again.json["linked"], False)
        self.expect(self.send(reports.form(), headers={"Idempotency-Key": key}), 422,
                    "idempotency-key-reused")
        claim, _ = self.claim_of(report)
        again = self.expect(self.send(report, headers={"Idempotency-Key": key}), 201)
        self.assertEqual(again.json["linked"], True)
        self.assertNotIn(claim, again.body.decode())

    # --- a PDF -------------------------------------------------------------------------------

    def pdf_fields(self, number, name="Zoe O'Invented", born="1950-02-28"):
        return [("patient_name", name), ("date_of_birth", born), ("nino", number)]

    def test_a_pdf_and_whose_it_is(self):
        number, data = reports.nino(), samples.pdf(f"a report {uuid.uuid4()}")
        file = ("file", data, "sr1.pdf", "application/pdf")
        for parts in ([*self.pdf_fields(number), ("form", "ds1500"), file],
                      [file, ("form", "ds1500"), *self.pdf_fields(number)]):
            told = self.expect(self.send_pdf(*parts), 201).json
            waiting, = self.on_tray(told["artefact"]["id"])
            self.assertEqual(waiting["patient"], {"name": "Zoe O'Invented",
                                                  "date_of_birth": "1950-02-28", "nino": number})
            self.assertEqual((waiting["form"], waiting["media_type"]), ("ds1500", "application/pdf"))
            read = self.gw.get(f"/v1/artefacts/{told['artefact']['id']}/content?purpose=decision",
                               self.gw.manager)
            self.assertEqual(self.expect(read, 200).body, data)

    def test_a_pdf_that_is_none(self):
        file = ("file", samples.pdf("x"), "sr1.pdf", "application/pdf")
        fields = self.pdf_fields(reports.nino())
        self.expect(self.send_pdf(*fields), 400, "invalid-request")
        self.expect(self.send_pdf(*fields[1:], file), 400, "invalid-request")
        self.expect(self.send_pdf(fields[0], file), 400, "invalid-request")
        self.expect(self.send_pdf(*fields, file, file), 400, "invalid-request")
        self.expect(self.send_pdf(*fields, fields[0], file), 400, "invalid-request")
        self.expect(self.send_pdf(*fields, ("kind", "correspondence"), file), 400, "invalid-request")
        self.expect(self.send_pdf(*self.pdf_fields("QQ123456C"), file), 400, "invalid-request")
        self.expect(self.send_pdf(*self.pdf_fields(reports.nino(), born="2999-01-01"), file), 400,
                    "invalid-request")
        self.expect(self.send_pdf(*fields, ("claim", unknown_id()), file), 404, "claim-not-found")
        self.expect(self.send_pdf(*fields, ("file", b"text", "a.txt", "text/plain")), 415,
                    "type-not-allowed")
        self.expect(self.send_pdf(*fields, ("file", b"no pdf at all", "a.pdf", "application/pdf")),
                    415, "type-not-allowed")
        self.expect(self.send_pdf(*fields, ("file", b"", "a.pdf", "application/pdf")), 400,
                    "file-empty")
        self.expect(self.send_pdf(*fields, file, headers={
            "Content-Digest": "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"}), 400,
            "digest-mismatch")
        self.expect(self.send_pdf(*fields, file, token=self.gw.manager), 403, "not-permitted")

    def test_once_for_a_key_and_the_same_words(self):
        number, data = reports.nino(), samples.pdf(f"a report {uuid.uuid4()}")
        file, key = ("file", data, "sr1.pdf", "application/pdf"), {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        first = self.expect(self.send_pdf(*self.pdf_fields(number), file, headers=key), 201)
        again = self.expect(self.send_pdf(*self.pdf_fields(number), file, headers=key), 201)
        self.assertEqual(again.json["artefact"]["id"], first.json["artefact"]["id"])
        self.expect(self.send_pdf(*self.pdf_fields(reports.nino()), file, headers=key), 422,
                    "idempotency-key-reused")

    # --- matching ----------------------------------------------------------------------------

    def test_matched_with_a_claim_that_is_there(self):
        report = reports.form()
        claim, _ = self.claim_of(report, "ZOE OINVENTED")
        told = self.sent(report)
        self.assertIs(told["linked"], True)
        self.assertNotIn(claim, json.dumps(told))
        artefact = told["artefact"]["id"]
        self.assertEqual(self.on_tray(artefact), [])
        self.assertEqual(self.artefact(artefact)["claim"], claim)
        self.assertEqual([a["id"] for a in self.gw.list_all(claim, self.gw.manager)], [artefact])
        # its sender did not name the claim, and does not learn of it
        mine = self.artefact(artefact, self.doctor)
        self.assertIsNone(mine["claim"])
        self.assertEqual(mine["links"], [])
        receipt = self.gw.get(f"/v1/artefacts/{artefact}/receipt", self.doctor)
        self.assertNotIn(claim, self.expect(receipt, 200).body.decode())
        entry, = [e for e in self.history(claim) if e["event"] == "report.linked"]
        self.assertEqual((entry["artefact"], entry["linked_by"]), (artefact, "match"))
        self.assertNotIn("by", entry)

    def test_matched_when_the_claim_comes(self):
        report = reports.form()
        waiting = [self.sent(report)["artefact"]["id"],
                   self.sent({**report, "treatment": "More"})["artefact"]["id"]]
        other = self.sent(reports.form())["artefact"]["id"]
        claim, claimant = self.claim_of(report, "zoe o invented")
        self.assertEqual(sorted(a["id"] for a in self.gw.list_all(claim, self.gw.manager)),
                         sorted(waiting))
        for artefact in waiting:
            self.assertEqual(self.on_tray(artefact), [])
        self.assertEqual(len(self.on_tray(other)), 1)
        linked = [e["artefact"] for e in self.history(claim) if e["event"] == "report.linked"]
        self.assertEqual(sorted(linked), sorted(waiting))
        self.hidden(claim, claimant, waiting)

    def test_who_is_not_the_same(self):
        report = reports.form()
        patient = report["patient"]
        artefact = self.sent(report)["artefact"]["id"]
        for change in ({"nino": reports.nino()}, {"date_of_birth": "1950-02-27"},
                       {"name": "Zoë Other"}, {"nino": ""}):
            who = {"subject": "c", "name": patient["name"], "nino": patient["nino"],
                   "date_of_birth": patient["date_of_birth"], **change}
            self.register({k: v for k, v in who.items() if v})
            self.assertEqual(len(self.on_tray(artefact)), 1, change)

    def test_nobody_decides_between_two(self):
        report = reports.form()
        first, _ = self.claim_of(report)
        second, _ = self.claim_of(report)
        artefact = self.sent(report)["artefact"]["id"]
        self.assertEqual(len(self.on_tray(artefact)), 1)
        third, _ = self.claim_of(report)
        self.assertEqual(len(self.on_tray(artefact)), 1)
        for claim in (first, second, third):
            self.assertEqual(self.gw.list_all(claim, self.gw.manager), [])

    def test_without_a_number_it_waits(self):
        report = reports.form()
        self.claim_of(report)
        del report["patient"]["nino"]
        self.assertEqual(len(self.on_tray(self.sent(report)["artefact"]["id"])), 1)

    # --- the tray ----------------------------------------------------------------------------

    def test_the_tray(self):
        sent = [self.sent(reports.form())["artefact"] for _ in range(5)]
        ids = [a["id"] for a in sent]
        for limit in (1, 2, 200):
            listed = [r["id"] for r in self.tray(limit=limit)]
            self.assertEqual([i for i in listed if i in ids], ids)
        whole = self.tray()
        self.assertEqual([r["received_at"] for r in whole],
                         sorted(r["received_at"] for r in whole))
        row, = [r for r in whole if r["id"] == ids[0]]
        self.assertEqual((row["form"], row["overdue"], row["status"]), ("sr1", False, "available"))
        self.assertGreaterEqual(row["age_seconds"], 0)
        for role in ("claimant", "representative", "health_professional", "assessor", "auditor",
                     "records_owner", "claims_system", "operator"):
            self.expect(self.gw.get("/v1/unlinked", self.gw.token(role, "x")), 403, "not-permitted")
        self.expect(self.gw.get("/v1/unlinked?limit=0", self.gw.manager), 400, "invalid-request")
        self.expect(self.gw.get("/v1/unlinked?nino=x", self.gw.manager), 400, "invalid-request")

    def test_linked_by_a_person(self):
        report = reports.form()
        del report["patient"]["nino"]
        artefact = self.sent(report)["artefact"]["id"]
        claim, claimant = self.claim_of(reports.form())
        path, body = f"/v1/unlinked/{artefact}/link", {"claim": claim, "reason": "by address"}
        for role in ("claimant", "health_professional", "assessor", "auditor", "claims_system",
                     "operator"):
            self.expect(self.gw.post(path, self.gw.token(role, "dr-gray"), body), (403, 404))
        self.assertEqual(len(self.on_tray(artefact)), 1)
        self.expect(self.gw.post(path, self.gw.manager, {**body, "claim": unknown_id()}), 404,
                    "claim-not-found")
        self.expect(self.gw.post(path, self.gw.manager, {"claim": claim}), 400, "invalid-request")
        self.expect(self.gw.post(f"/v1/unlinked/{unknown_id()}/link", self.gw.manager, body), 404,
                    "not-found")
        letter = self.expect(self.gw.upload(claim, samples.pdf("a letter"), claimant), 201)
        self.expect(self.gw.post(f"/v1/unlinked/{letter.json['artefact']['id']}/link",
                                 self.gw.manager, body), 404, "not-found")
        key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        done = self.expect(self.gw.request("POST", path, self.gw.manager, body, key), 201).json
        self.assertEqual(done["claim"], claim)
        again = self.expect(self.gw.request("POST", path, self.gw.manager, body, key), 201).json
        self.assertEqual(again, done)
        self.expect(self.gw.post(path, self.gw.manager, body), 409, "conflict")
        self.assertEqual(self.on_tray(artefact), [])
        entry, = [e for e in self.history(claim) if e["event"] == "report.linked"]
        self.assertEqual((entry["linked_by"], entry["reason"], entry["by"]["role"]),
                         ("case_manager", "by address", "case_manager"))
        self.hidden(claim, claimant, [artefact])

    def test_the_other_road_to_a_claim(self):
        report = reports.form()
        artefact = self.sent(report)["artefact"]["id"]
        claim, _ = self.claim_of(reports.form())
        self.expect(self.gw.post(f"/v1/artefacts/{artefact}/links", self.gw.manager,
                                 {"claim": claim, "reason": "seen elsewhere"}), 201)
        self.assertEqual(self.on_tray(artefact), [])
        later, _ = self.claim_of(report)  # it waits no longer: nothing is taken
        self.assertEqual(self.gw.list_all(later, self.gw.manager), [])

    # --- the harm rule -----------------------------------------------------------------------

    def hidden(self, claim, claimant, artefacts):
        """As if they were not there: lists, metadata, content, receipts, history, counts."""
        self.assertEqual([a for a in self.gw.list_all(claim, claimant) if a["id"] in artefacts], [])
        self.assertEqual(self.gw.list_all(claim, claimant, kind="medical_report"), [])
        told = json.dumps(self.history(claim, claimant)) + self.expect(
            self.gw.get(f"/v1/claims/{claim}", claimant), 200).body.decode()
        for word in [*artefacts, "report", "medical", "sr1"]:
            self.assertNotIn(word, told)
        for artefact in artefacts:
            for part in ("", "/content", "/receipt", "/print", "/view"):
                mine = self.gw.get(f"/v1/artefacts/{artefact}{part}", claimant)
                none = self.gw.get(f"/v1/artefacts/{unknown_id()}{part}", claimant)
                self.assertIn(mine.status, (403, 404), repr(mine))
                self.assertSame(mine, none, part)

    def test_the_harm_rule(self):
        report = reports.form()
        claim, claimant = self.claim_of(report, parties=[
            self.gw.party("rupa"), self.gw.party("carl", kind="carer", scope="evidence")])
        artefact = self.sent(report)["artefact"]["id"]
        self.hidden(claim, claimant, [artefact])
        self.hidden(claim, self.gw.token("representative", "rupa"), [artefact])
        named = self.sent({**reports.form(), "claim": claim})["artefact"]["id"]
        self.hidden(claim, claimant, [artefact, named])
        # another sender sees nothing of it either
        for part in ("", "/content", "/print"):
            self.expect(self.gw.get(f"/v1/artefacts/{artefact}{part}", self.other_doctor), 404,
                        "not-found")

    # --- what goes first ---------------------------------------------------------------------

    def test_special_rules_go_first(self):
        me = f"asim-{uuid.uuid4()}"
        order = [self.gw.create_claim(assigned_to=[me], special_rules=special)
                 for special in (True, False, True, False, True)]
        wanted = [order[i] for i in (4, 2, 0, 3, 1)]
        for token in (self.gw.token("assessor", me), self.gw.token("case_manager", me)):
            for limit in (1, 2, 3, 50):
                path, found = f"/v1/claims?assigned_to=me&limit={limit}", []
                while path:
                    answer = self.expect(self.gw.get(path, token), 200)
                    found += [c["id"] for c in answer.json["claims"]]
                    path = answer.next()
                self.assertEqual(found, wanted, limit)

    def test_the_order_tells_no_claimant(self):
        subject = f"ada-{uuid.uuid4()}"
        made = [self.gw.create_claim(subject, special_rules=special)
                for special in (True, False, True, False)]
        listed = self.expect(self.gw.get("/v1/claims", self.gw.token("claimant", subject)), 200)
        self.assertEqual([c["id"] for c in listed.json["claims"]], made[::-1])

    # --- at rest -----------------------------------------------------------------------------

    def test_nothing_plain_in_the_database(self):
        report = reports.form(patient={"name": "Quentin Unheardof"})
        report["patient"]["date_of_birth"] = "1931-12-13"
        self.sent(report)
        self.claim_of(reports.form(), "Someone Unmatched")
        found = b"".join(p.read_bytes() for p in (self.gw.dir / "data").rglob("*") if p.is_file())
        self.assertIn(b"medical_reports", found)
        for word in (report["patient"]["nino"], "Unheardof", "unheardof", "1931-12-13"):
            self.assertNotIn(word.encode(), found)


class TwoPlanes(GatewayTest):
    """A plane that only takes in can neither read nor match; the full one does on the same store."""

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.intake_only", True)

    def test_matched_by_the_full_gateway(self):
        doctor = self.gw.token("health_professional", "dr-gray")
        reports_sent, claims = [reports.form(), reports.form()], []
        body = {**self.gw.claim_body(), "claimant": reports.claimant(reports_sent[0])}
        claims.append(self.expect(self.gw.post("/v1/claims", self.gw.system, body), 201).json["id"])
        artefacts = []
        for report in reports_sent:
            answer = self.gw.request("POST", "/v1/medical-reports", doctor, json.dumps(report).encode(),
                                     {"Content-Type": "application/json"})
            self.assertIs(self.expect(answer, 201).json["linked"], False)
            artefacts.append(answer.json["artefact"]["id"])
        self.gw.stop()
        self.gw.setting("policy.intake_only", False).start()
        deadline = time.monotonic() + 60
        while True:  # its tick looks for what nobody has looked for
            waiting = self.expect(self.gw.get("/v1/unlinked", self.gw.manager), 200).json["reports"]
            if len(waiting) < 2 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        row, = waiting
        self.assertEqual((row["id"], row["patient"]["nino"]),
                         (artefacts[1], reports_sent[1]["patient"]["nino"]))
        self.assertEqual([a["id"] for a in self.gw.list_all(claims[0], self.gw.manager)], artefacts[:1])


if __name__ == "__main__":
    unittest.main(verbosity=2)

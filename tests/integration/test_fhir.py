#!/usr/bin/env python3
"""The FHIR R4 facade: a report as a DocumentReference, read back by its sender alone, and every
resource that leaves here held against two validators that others wrote."""

import base64
import copy
import hashlib
import json
import os
import pathlib
import subprocess
import unittest
import uuid

import clients
import reports
import samples
from gateway_fixture import GatewayTest, sha256, unknown_id

HERE = pathlib.Path(__file__).parent / "js-fhir"
FHIR = "application/fhir+json"
NINO = "https://evidence-gateway.invalid/fhir/Id/nino"
CLAIM = "https://evidence-gateway.invalid/fhir/Id/claim"
NHS = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"


def document(data, number=None, **members):
    number = number or reports.nino()
    return {
        "resourceType": "DocumentReference",
        "contained": [{
            "resourceType": "Patient", "id": "patient", "birthDate": "1950-02-28",
            "name": [{"family": "O’Invented", "given": ["Zoë", "Ann"]}],
            "identifier": [{"system": NINO, "value": number}]}],
        "status": "current",
        "type": {"text": "SR1"},
        "category": [{"text": "Medical evidence, special rules"}],
        "subject": {"reference": "#patient", "identifier": {"system": NINO, "value": number}},
        "date": "2026-01-02T03:04:05.678Z",
        "author": [{"display": "Dr Gray", "identifier": {
            "system": "https://fhir.hl7.org.uk/Id/gmc-number", "value": "1234567"}}],
        "custodian": {"identifier": {"system": ODS, "value": "B81001"}},
        "content": [{"attachment": {
            "contentType": "application/pdf", "data": base64.b64encode(data).decode(),
            "size": len(data), "title": "sr1.pdf",
            "hash": base64.b64encode(hashlib.sha1(data).digest()).decode()}}],
        **members}


def at(resource, path):
    """The object that holds the last name of the path, and that name."""
    *names, last = path
    for name in names:
        resource = resource[name]
    return resource, last


class Fhir(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.doctor = gw.token("health_professional", "dr-gray")
        cls.seen = []

    def post(self, resource, token=None, headers=None):
        body = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        answer = self.gw.request("POST", "/fhir/DocumentReference", token or self.doctor, body,
                                 {"Content-Type": FHIR, **(headers or {})})
        return self.resource(answer)

    def read(self, artefact, token=None):
        return self.resource(self.gw.get(f"/fhir/DocumentReference/{artefact}",
                                         token or self.doctor))

    def resource(self, answer):
        """Whatever it is, it is a resource; kept for the validators."""
        self.assertEqual(answer.headers["Content-Type"], FHIR, repr(answer))
        self.seen.append(answer.json)
        return answer

    def outcome(self, answer, status, code, expression=None):
        self.assertEqual(answer.status, status, repr(answer))
        told = answer.json
        self.assertEqual(told["resourceType"], "OperationOutcome")
        issue, = told["issue"]
        self.assertEqual((issue["severity"], issue["code"]), ("error", code), told)
        if expression:
            self.assertEqual(issue["expression"], [expression], told)
        return issue

    # --- the way in and back -----------------------------------------------------------------

    def test_there_and_back(self):
        number, data = reports.nino(), samples.pdf(f"a report {uuid.uuid4()}")
        sent = document(data, number)
        answer = self.post({**sent, "id": "mine", "meta": {"profile": ["https://example.test/p"]},
                            "text": {"status": "generated", "div": "<div>x</div>"}})
        self.assertEqual(answer.status, 201, repr(answer))
        made = answer.json
        self.assertEqual(answer.headers["Location"],
                         f"/fhir/DocumentReference/{made['id']}/_history/1")
        self.assertEqual(answer.headers["ETag"], 'W/"1"')
        attachment = made["content"][0]["attachment"]
        self.assertNotIn("data", attachment)
        self.assertEqual(attachment["extension"][0]["valueString"], sha256(data))
        back = self.read(made["id"])
        self.assertEqual((back.status, back.json), (200, made))
        kept = copy.deepcopy(made)
        for name in "id", "meta":
            del kept[name]
        del kept["content"][0]["attachment"]["extension"]
        del sent["content"][0]["attachment"]["data"]
        self.assertEqual(kept, sent)
        content = self.gw.get(f"/v1/artefacts/{made['id']}/content?purpose=decision",
                              self.gw.manager)
        self.assertEqual(self.expect(content, 200).body, data)
        receipt = self.gw.get(f"/v1/artefacts/{made['id']}/receipt", self.doctor)
        self.assertEqual(self.gw.verify(self.expect(receipt, 200).body.decode(), data).returncode, 0)
        row, = [r for r in self.gw.get("/v1/unlinked?limit=200", self.gw.manager).json["reports"]
                if r["id"] == made["id"]]
        self.assertEqual(row["patient"], {"name": "Zoë Ann O’Invented", "nino": number,
                                          "date_of_birth": "1950-02-28"})

    def test_it_finds_its_claim(self):
        report = reports.form()
        claim = self.gw.post("/v1/claims", self.gw.system, {
            **self.gw.claim_body(), "claimant": reports.claimant(report, "Z. OINVENTED")}).json["id"]
        made = self.post(document(samples.pdf("a"), report["patient"]["nino"]))
        self.assertEqual(made.status, 201, repr(made))
        self.assertEqual([a["id"] for a in self.gw.list_all(claim, self.gw.manager)],
                         [made.json["id"]])
        self.assertNotIn(claim, made.body.decode() + self.read(made.json["id"]).body.decode())
        other = self.gw.create_claim()
        named = self.post(document(samples.pdf("b"), context={"related": [
            {"identifier": {"system": CLAIM, "value": other}}]}))
        self.assertEqual([a["id"] for a in self.gw.list_all(other, self.gw.manager)],
                         [named.json["id"]])

    def test_the_least_that_is_taken(self):
        sent = document(samples.pdf("c"))
        del sent["contained"], sent["subject"]["reference"]
        del sent["content"][0]["attachment"]["title"]
        sent["subject"]["identifier"] = {"system": NHS, "value": "9434765919"}
        self.assertEqual(self.post(sent).status, 201)

    def test_once_for_a_key(self):
        sent, key = document(samples.pdf("d")), {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        first, again = self.post(sent, headers=key), self.post(sent, headers=key)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(again.json["id"], first.json["id"])
        self.outcome(self.post(document(samples.pdf("d")), headers=key), 422, "business-rule")

    # --- refusals ----------------------------------------------------------------------------

    def test_what_is_asked_for(self):
        whole = document(samples.pdf("e"))
        for path in (("status",), ("type",), ("category",), ("subject",), ("date",), ("author",),
                     ("custodian",), ("content",), ("content", 0, "attachment"),
                     ("content", 0, "attachment", "contentType"), ("content", 0, "attachment", "data"),
                     ("content", 0, "attachment", "size"), ("content", 0, "attachment", "hash"),
                     ("subject", "identifier"), ("custodian", "identifier"),
                     ("contained", 0, "id"), ("resourceType",)):
            sent = copy.deepcopy(whole)
            holder, last = at(sent, path)
            del holder[last]
            self.outcome(self.post(sent), 400, "invalid")

    def test_what_is_wrong(self):
        whole, data = document(samples.pdf("f")), samples.pdf("f")
        doc = "DocumentReference"
        for path, value, expression in (
                (("status",), "superseded", f"{doc}.status"),
                (("status",), "", f"{doc}.status"),
                (("type",), {}, f"{doc}.type"),
                (("type", "text"), " ", f"{doc}.type.text"),
                (("type", "coding"), [], f"{doc}.type.coding"),
                (("category",), [], f"{doc}.category"),
                (("category",), {"text": "x"}, f"{doc}.category"),
                (("category", 0, "text"), None, f"{doc}.category[0].text"),
                (("date",), "2026-01-02", f"{doc}.date"),
                (("author", 0, "display"), 7, f"{doc}.author[0].display"),
                (("custodian", "identifier", "system"), NHS, f"{doc}.custodian.identifier"),
                (("custodian", "identifier", "value"), "b81001", f"{doc}.custodian.identifier"),
                (("subject", "identifier", "value"), "QQ123456C", f"{doc}.subject.identifier.value"),
                (("subject", "identifier"), {"system": NHS, "value": "9434765918"},
                 f"{doc}.subject.identifier.value"),
                (("subject", "reference"), "#nobody", f"{doc}.subject.reference"),
                (("contained", 0, "gender"), "F", f"{doc}.contained[0].gender"),
                (("contained", 0, "birthDate"), "28/02/1950", f"{doc}.contained[0].birthDate"),
                (("contained", 0, "birthDate"), "2999-01-01", f"{doc}.contained[0].birthDate"),
                (("content",), whole["content"] * 2, f"{doc}.content"),
                (("content", 0, "attachment", "contentType"), "text/plain",
                 f"{doc}.content[0].attachment.contentType"),
                (("content", 0, "attachment", "size"), len(data) + 1,
                 f"{doc}.content[0].attachment.size"),
                (("content", 0, "attachment", "size"), -1, f"{doc}.content[0].attachment.size"),
                (("content", 0, "attachment", "data"), "not base64!",
                 f"{doc}.content[0].attachment.data"),
                (("content", 0, "attachment", "hash"), "aGFzaA==",
                 f"{doc}.content[0].attachment.hash"),
                (("relatesTo",), [{"code": "replaces"}], doc),
                (("nhsNumber",), "9434765919", doc)):
            sent = copy.deepcopy(whole)
            holder, last = at(sent, path)
            holder[last] = value
            with self.subTest(path=path, value=str(value)[:40]):
                self.outcome(self.post(sent), 400, "invalid", expression)
        wrong = copy.deepcopy(whole)
        wrong["content"][0]["attachment"]["hash"] = base64.b64encode(bytes(20)).decode()
        issue = self.outcome(self.post(wrong), 400, "invalid")
        self.assertEqual(issue["details"]["coding"][0]["code"], "digest-mismatch")
        self.outcome(self.post(document(b"no pdf")), 415, "not-supported")
        self.outcome(self.post(b"{"), 400, "invalid")
        self.outcome(self.post(whole, headers={"Content-Type": "application/xml"}), 415,
                     "not-supported")
        self.outcome(self.post({**whole, "context": {"related": [
            {"identifier": {"system": CLAIM, "value": unknown_id()}}]}}), 404, "not-found")

    def test_no_message_tells_a_value(self):
        sent = document(samples.pdf("g"))
        sent["subject"]["identifier"]["value"] = "QQ123456C"
        sent["contained"][0]["gender"] = "Unheardof"
        self.assertNotIn("Unheardof", self.post(sent).body.decode())
        sent["contained"][0]["gender"] = "female"
        self.assertNotIn("QQ123456C", self.post(sent).body.decode())

    def test_only_who_may(self):
        made = self.post(document(samples.pdf("h"))).json["id"]
        for role in ("claimant", "representative", "assessor", "case_manager", "auditor",
                     "claims_system", "operator"):
            token = self.gw.token(role, "dr-gray")
            self.outcome(self.post(document(samples.pdf("h")), token), 403, "forbidden")
            self.outcome(self.read(made, token), 403, "forbidden")
        other = self.gw.token("health_professional", "dr-other")
        foreign, none = self.read(made, other), self.read(unknown_id(), other)
        self.outcome(foreign, 404, "not-found")
        self.assertSame(foreign, none)
        self.assertSame(self.read("no-id", other), none)
        answer = self.post(document(samples.pdf("h")), "none")
        self.outcome(answer, 401, "login")
        self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))
        # what came by another road has no resource
        answer = self.gw.request("POST", "/v1/medical-reports", self.doctor,
                                 json.dumps(reports.form()).encode(),
                                 {"Content-Type": "application/json"})
        self.outcome(self.read(self.expect(answer, 201).json["artefact"]["id"]), 404, "not-found")

    # --- what there is, and the validators ---------------------------------------------------

    def test_metadata(self):
        answer = self.resource(self.gw.get("/fhir/metadata"))
        self.assertEqual(answer.status, 200)
        told = answer.json
        self.assertEqual((told["resourceType"], told["fhirVersion"]), ("CapabilityStatement", "4.0.1"))
        rows = told["rest"][0]["resource"]
        self.assertEqual([(r["type"], [i["code"] for i in r["interaction"]]) for r in rows],
                         [("DocumentReference", ["create", "read"])])

    def test_zz_both_validators_agree(self):
        """Last by its name: everything that was answered above."""
        self.resource(self.gw.get("/fhir/metadata"))
        self.post(document(samples.pdf("i")))
        self.post(b"[]")
        kinds = {r["resourceType"] for r in self.seen}
        self.assertEqual(kinds, {"DocumentReference", "OperationOutcome", "CapabilityStatement"})
        self.assertEqual([w for r in self.seen for w in empties(r)], [])
        broken = [{"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]},
                  {**document(samples.pdf("j")), "status": "none"}]
        found = validate(self.seen + broken)
        for resource, row in zip(self.seen, found):
            self.assertEqual(row, {"medplum": [], "solara": []}, resource)
        for row in found[len(self.seen):]:  # they do find what is wrong
            self.assertTrue(row["medplum"] or row["solara"])


def empties(value, path=""):
    """What R4 forbids everywhere and neither validator sees."""
    if value in ("", [], {}) or value is None:
        return [path]
    rows = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    return [w for k, v in rows for w in empties(v, f"{path}.{k}")]


def validate(resources):
    done = subprocess.run([clients.program("node", "nodejs"), str(HERE / "validate.mjs")],
                          input=json.dumps(resources).encode(), capture_output=True, timeout=120,
                          env={**os.environ, "EG_MODULES": str(clients.modules(HERE))})
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode()[-2000:])
    return json.loads(done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)

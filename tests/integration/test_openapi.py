#!/usr/bin/env python3
"""docs/openapi.yaml against the running server: every operation is exercised, every answer is valid,
and the routes of the program and the paths of the document are the same."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gateway_fixture as fixture
import reports
import samples
import test_fhir

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from tests.inspect.clamd import EICAR, GOOD, Clamd  # noqa: E402

SOURCE = pathlib.Path(os.environ.get("EG_SOURCE", pathlib.Path(__file__).parents[2]))
PACKAGES = ["ajv@8.17.1", "ajv-formats@3.0.1", "yaml@2.6.1", "@seriousme/openapi-schema-validator@2.3.1"]
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
FLAC = b"fLaC\x00\x00\x00\x22\x10\x00\x10\x00" + b"\x00" * 6 + b"\x0a\xc4\x40\xf0" + b"\x00" * 40


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def form(files, salt):
    """Each of the files is one that was not sent before, unless it is empty."""
    part = '--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
    body = (part % "kind").encode() + b"further_evidence\r\n"
    for n, data in enumerate(files):
        body += (part % f'file"; filename="{n}.pdf').encode() + data + (b"%%%d-%d" % (salt, n) if data else b"") + b"\r\n"
    return body + b"--x--\r\n"


def node_modules():
    folder = pathlib.Path(os.environ.get("EG_BUILD", tempfile.gettempdir())) / "npm-openapi"
    if not (folder / "node_modules" / "yaml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES],
                       check=True, timeout=300, capture_output=True)
    return folder / "node_modules"


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gw = fixture.Gateway().init().start()
        cls.exchanges = []

    @classmethod
    def tearDownClass(cls):
        cls.gw.stop()
        cls.gw.remove()

    def call(self, method, path, role=None, subject=None, body=None, headers=None):
        token = self.gw.token(role, subject) if role else None
        answer = self.gw.request(method, path, token, body, headers)
        self.exchanges.append({
            "method": method, "path": path, "status": answer.status,
            "headers": {k.lower(): v for k, v in answer.headers.items()},
            "body": answer.body.decode("utf-8", "replace"),
            "request": json.dumps(body) if isinstance(body, dict) else None})
        return answer

    def audited(self, item):
        call, auditor = self.call, ("auditor", "audrey")
        call("GET", "/v1/audit/events?limit=1&action=upload.committed", *auditor)
        call("GET", "/v1/audit/events?colour=red", *auditor)
        draft = {"population": {"from": fixture.now(-3600), "to": fixture.now()}, "size": 2, "seed": "s", "strata": ["kind"]}
        made = call("POST", "/v1/audit/samples", *auditor, draft).json["id"]
        call("POST", "/v1/audit/samples", *auditor, draft)
        call("POST", "/v1/audit/samples", "operator", "ops", draft)
        call("GET", "/v1/audit/samples?limit=1", *auditor)
        call("GET", f"/v1/audit/samples/{made}", *auditor)
        call("GET", f"/v1/audit/samples/{made}/population", *auditor)
        call("GET", f"/v1/statistics?month={fixture.now()[:7]}", *auditor)
        call("GET", f"/v1/statistics?month={fixture.now()[:7]}&format=csv", *auditor)
        call("GET", "/v1/statistics?month=2026", *auditor)
        report = self.gw.upload(self.gw.create_claim("ida"), PDF + b" report", kind="medical_report",
                                cert=self.gw.gp_certificate).json["artefact"]["id"]
        release = {"reviewer": "Dr Invented", "reason": "known to the patient"}
        call("POST", f"/v1/artefacts/{report}/harm-release", "records_owner", "rosa", release)
        call("POST", f"/v1/artefacts/{report}/harm-release", "records_owner", "rosa", release)
        call("POST", f"/v1/artefacts/{report}/harm-release", "claimant", "ada", release)
        call("POST", f"/v1/artefacts/{report}/harm-release/revocation", "records_owner", "rosa", {"reason": "a mistake"})
        call("POST", f"/v1/artefacts/{report}/harm-release/revocation", "records_owner", "rosa", {"reason": "a mistake"})
        call("POST", f"/v1/artefacts/{item}/harm-release", "records_owner", "rosa", release)

    def test_document_and_server_agree(self):
        call = self.call
        draft = self.gw.claim_body("ada", assigned_to=["casey", "avery"], parties=[
            {"subject": "sam", "role": "representative", "kind": "appointee", "from": fixture.now(-60)}])
        claim = call("POST", "/v1/claims", "claims_system", "registry", draft).json["id"]
        call("POST", "/v1/claims", "claims_system", "registry", draft)
        call("POST", "/v1/claims", "claims_system", "registry", {**draft, "colour": "red"})
        call("POST", "/v1/claims", "claimant", "ada", draft)
        other = call("POST", "/v1/claims", "claims_system", "registry", self.gw.claim_body("bob")).json["id"]
        call("PATCH", f"/v1/claims/{claim}", "claims_system", "registry", {"stage": "decision"})
        call("GET", "/v1/claims?limit=1", "case_manager", "casey")
        call("GET", "/v1/claims?assigned_to=me", "case_manager", "casey")
        call("GET", f"/v1/claims/{claim}", "claimant", "ada")
        call("GET", f"/v1/claims/{claim}", "case_manager", "casey")
        call("GET", f"/v1/claims/{claim}", "claimant", "eve")
        self.requests(claim)
        path = f"/v1/claims/{claim}/artefacts"
        sent = {"Content-Type": "application/pdf", "Content-Disposition": 'attachment; filename="a.pdf"'}
        item = call("POST", path + "?kind=further_evidence&description=x", "claimant", "ada", PDF, sent).json["artefact"]["id"]
        call("POST", path + "?kind=further_evidence", "claimant", "ada", b"", sent)
        call("POST", path + "?kind=further_evidence", "claimant", "ada", b"\x00\x01\x02", {})
        call("POST", path + "?kind=further_evidence", "claimant", "ada", PDF, {**sent, "Repr-Digest": "sha-256=:" + "A" * 43 + "=:"})
        for files, accept in ((1, "*/*"), (2, "*/*"), (2, "text/html")):
            for last in (PDF, b""):
                call("POST", path, "claimant", "ada", form([PDF] * (files - 1) + [last], files + len(accept)), {**FORM, "Accept": accept})
        call("POST", path, "claimant", "ada", form([PDF, PDF], 99)[:-4], FORM)
        call("GET", path + "?limit=1&kind=further_evidence&status=available", "case_manager", "casey")
        call("GET", path + "?limit=0", "case_manager", "casey")
        call("GET", f"/v1/artefacts/{item}", "claimant", "ada")
        call("GET", f"/v1/artefacts/{item}/receipt", "claimant", "ada")
        content = f"/v1/artefacts/{item}/content"
        etag = call("GET", content + "?purpose=decision", "case_manager", "casey").headers["ETag"]
        call("HEAD", content, "claimant", "ada")
        call("GET", content, "claimant", "ada", headers={"Range": "bytes=1-3"})
        call("GET", content, "claimant", "ada", headers={"Range": "bytes=100000-"})
        call("GET", content, "claimant", "ada", headers={"If-None-Match": etag})
        call("GET", content, "case_manager", "casey")
        call("GET", content, "operator", "ops")
        call("POST", f"/v1/artefacts/{item}/links", "case_manager", "casey", {"claim": other, "reason": "earlier claim"})
        call("DELETE", f"/v1/artefacts/{item}/links/{other}", "case_manager", "casey")
        call("POST", f"/v1/artefacts/{item}/links", "case_manager", "casey", {"claim": other, "reason": "wrong", "move_from": other})
        call("POST", f"/v1/artefacts/{item}/links", "case_manager", "casey", {"claim": other, "reason": "wrong", "move_from": claim})
        call("POST", f"/v1/artefacts/{item}/links", "case_manager", "casey", {"claim": claim, "reason": "right", "move_from": other})
        call("GET", f"/v1/artefacts/{item}/links", "auditor", "audrey")
        call("GET", f"/v1/artefacts/{item}/links", "claimant", "ada")
        assessment = call("POST", f"/v1/claims/{claim}/assessments", "assessor", "avery",
                          {"channel": "phone", "provider": "Invented", "scheduled_at": fixture.now(-7200)}).json["id"]
        event = {"event_id": "n1", "event": "notice", "effective_at": fixture.now(-7000), "notice_version": "1", "channel": "web"}
        call("POST", f"/v1/assessments/{assessment}/choice", "assessor", "avery", event)
        call("POST", f"/v1/assessments/{assessment}/choice", "assessor", "avery", event)
        query = (f"?kind=assessment_audio&assessment={assessment}&recording_started_at={fixture.now(-3600)}"
                 f"&recording_stopped_at={fixture.now(-1800)}")
        call("POST", path + query, "assessor", "avery", FLAC, {"Content-Type": "audio/flac"})
        call("POST", f"/v1/assessments/{assessment}/choice", "claimant", "ada",
             {"event_id": "o1", "event": "opt_out", "effective_at": fixture.now(-10)})
        call("POST", path + query, "assessor", "avery", FLAC, {"Content-Type": "audio/flac"})
        call("GET", f"/v1/assessments/{assessment}", "claimant", "ada")
        consent = {"event_id": "c1", "purpose": "contact_gp", "decision": "given", "statement_version": "1",
                   "effective_at": fixture.now(-5)}
        call("POST", f"/v1/claims/{claim}/consents", "claimant", "ada", consent)
        call("POST", f"/v1/claims/{claim}/consents", "claimant", "ada", consent)
        call("GET", f"/v1/claims/{claim}/consents", "claimant", "ada")
        for query, who in (("", ("claimant", "ada")), ("?purpose=appeal", ("case_manager", "casey")), ("", ("case_manager", "casey")),
                           (f"?purpose=decision&items={item}", ("case_manager", "casey")), ("", ("claimant", "eve"))):
            call("GET", f"/v1/claims/{claim}/bundle{query}", *who)
        call("HEAD", f"/v1/claims/{claim}/bundle", "claimant", "ada")
        call("GET", f"/v1/claims/{claim}/history", "claimant", "ada")
        call("GET", f"/v1/claims/{claim}/history?limit=2", "case_manager", "casey")
        self.uploads(claim)
        self.inspected()
        self.audited(item)
        self.recorded(claim)
        self.kept()
        self.reported(claim)
        call("GET", "/log/checkpoint")
        call("GET", "/log/proof?leaf=0", "auditor", "audrey")
        call("GET", "/log/proof?from=1", "auditor", "audrey")
        call("GET", "/log/proof?from=1", "claimant", "ada")
        call("GET", "/log/tile/0/000.p/1", "auditor", "audrey")
        call("GET", "/problems/file-empty")
        call("GET", "/problems/nothing")
        call("GET", "/v1/claims")
        self.check()

    def recorded(self, claim):
        call, now = self.call, fixture.now
        made = [self.gw.create_assessment(claim) for _ in range(2)]
        event = {"event_id": "n/1", "event": "notice", "effective_at": now(-7000), "channel": "in_person",
                 "notice_version": "1", "notice_sha256": "0" * 64}
        call("POST", f"/v1/assessments/{made[0]}/choice", "assessor", "avery", event)
        call("POST", f"/v1/assessments/{made[0]}/choice", "assessor", "avery", {**event, "channel": "smoke"})
        call("GET", f"/v1/assessments/{made[0]}/choice/n%2F1/receipt", "claimant", "ada")
        call("GET", f"/v1/assessments/{made[0]}/choice/none/receipt", "claimant", "ada")
        audio, quarantined = (call(
            "POST", f"/v1/claims/{claim}/artefacts?kind=assessment_audio&assessment={one}&recording_started_at="
            f"{now(-3600)}&recording_stopped_at={now(-1800)}", "assessor", "avery", FLAC + bytes([n]),
            {"Content-Type": "audio/flac"}).json["artefact"]["id"] for n, one in enumerate(made))
        release = f"/v1/artefacts/{quarantined}/quarantine-release"
        call("POST", release, "records_owner", "rosa", {"reason": "told by telephone"})
        call("POST", release, "records_owner", "rosa", {"reason": "told by telephone"})
        call("GET", f"/v1/artefacts/{audio}/content?purpose=assessment", "assessor", "avery")
        call("POST", f"/v1/assessments/{made[0]}/choice", "claimant", "ada",
             {"event_id": "o1", "event": "opt_out", "effective_at": now(-5000)})
        session = call("GET", f"/v1/artefacts/{audio}/retrievals", "auditor", "audrey").json["retrievals"][0]["session"]
        call("GET", f"/v1/artefacts/{audio}/retrievals", "claimant", "ada")
        call("POST", f"/v1/artefacts/{audio}/retrievals/{session}/deleted", "assessor", "avery")
        call("POST", f"/v1/artefacts/{audio}/retrievals/{session}/deleted", "case_manager", "casey")
        incident = call("GET", "/v1/incidents?open=true", "case_manager", "casey").json["incidents"][-1]["id"]
        call("POST", f"/v1/incidents/{incident}/review", "records_owner", "rosa", {"outcome": "looked into"})
        call("POST", f"/v1/incidents/{incident}/review", "records_owner", "rosa", {"outcome": "again"})
        call("GET", "/v1/incidents?limit=1", "records_owner", "rosa")
        call("GET", f"/v1/assessments/{made[0]}", "claimant", "ada")
        call("PATCH", f"/v1/claims/{claim}", "claims_system", "registry", {"claimant": {"died_at": now(-3)}})
        call("GET", f"/v1/claims/{claim}", "case_manager", "casey")
        call("PATCH", f"/v1/claims/{claim}", "claims_system", "registry", {"claimant": {"died_at": None}})

    def kept(self):
        """Restriction, holds, disposal and retention, on a claim of their own and a policy that wants to be shorter."""
        call, one, other = self.call, ("records_owner", "olive"), ("records_owner", "oscar")
        self.gw.edit("kinds.conf", '"730 d"', '"1 s"')
        self.gw.stop()
        self.gw.start()
        claim = self.gw.create_claim("ada")
        items = [call("POST", f"/v1/claims/{claim}/artefacts?kind=further_evidence", "claimant", "ada", PDF + b"%kept" + bytes([48 + n]),
                      {"Content-Type": "application/pdf"}).json["artefact"]["id"] for n in range(2)]
        path, why = f"/v1/artefacts/{items[0]}", {"reason": "said"}
        for method, what, who, body in (
                ("POST", "restriction", one, why), ("POST", "restriction", one, why), ("GET", "", one, None),
                ("DELETE", "restriction", one, None), ("PUT", "hold", one, why), ("PUT", "hold", one, why),
                ("POST", "disposal", one, why), ("GET", "", one, None), ("DELETE", "hold", one, None),
                ("POST", "disposal", one, why), ("POST", "disposal/approval", one, None),
                ("POST", "disposal/approval", other, None), ("GET", "disposal", one, None), ("GET", "", one, None),
                ("DELETE", "disposal", one, why), ("GET", "disposal", one, None)):
            call(method, path + ("/" + what if what else ""), *who, body)
        call("GET", "/v1/retention/policy", "claimant", "ada")
        wanted = call("GET", "/v1/retention/policy", *one).json["policy_sha256"]
        call("POST", "/v1/retention/shortening", *one, {"policy_sha256": wanted, "reason": "decided"})
        call("GET", "/v1/retention/policy", *one)
        call("POST", "/v1/retention/shortening/approval", *one, {"policy_sha256": wanted})
        call("POST", "/v1/retention/shortening/approval", *other, {"policy_sha256": wanted})
        call("POST", "/v1/retention/lists", *one, why)
        call("PATCH", f"/v1/claims/{claim}", "claims_system", "registry", {"stage": "closed"})
        call("GET", "/v1/retention/due?at=2099-01-01T00:00:00Z&limit=1", *one)
        call("GET", "/v1/retention/due?policy=wanted&kind=further_evidence", *one)
        deadline = time.monotonic() + 60
        while len(call("GET", "/v1/retention/due", *one).json["due"]) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        made = call("POST", "/v1/retention/lists", *one, why).json["id"]
        call("GET", "/v1/retention/lists", *one)
        call("POST", f"/v1/retention/lists/{made}/approval", *one)
        call("POST", f"/v1/retention/lists/{made}/approval", *other)
        call("GET", f"/v1/retention/lists/{made}", *one)
        call("DELETE", f"/v1/retention/lists/{made}", *one)

    def reported(self, claim):
        call, gp, manager = self.call, ("health_professional", "dr-gray"), ("case_manager", "casey")
        report, pdf = reports.form(), samples.pdf("a report")
        waiting = call("POST", "/v1/medical-reports", *gp, report).json["artefact"]["id"]
        call("POST", "/v1/medical-reports", *gp, {**reports.form(), "claim": claim})
        call("POST", "/v1/medical-reports", *gp, {**report, "nhs_number": "9434765919"})
        call("POST", "/v1/medical-reports", "claimant", "ada", report)
        body, kind = reports.multipart(("patient_name", "Zoe Invented"), ("date_of_birth", "1950-02-28"),
                                       ("file", pdf, "a.pdf", "application/pdf"))
        call("POST", "/v1/medical-reports", *gp, body, kind)
        call("GET", "/v1/unlinked?limit=1", *manager)
        call("GET", "/v1/unlinked", "claimant", "ada")
        call("GET", f"/v1/artefacts/{waiting}", *manager)
        call("GET", f"/v1/artefacts/{waiting}/print?purpose=decision", *manager)
        link = {"claim": claim, "reason": "by address"}
        call("POST", f"/v1/unlinked/{waiting}/link", *manager, link)
        call("POST", f"/v1/unlinked/{waiting}/link", *manager, link)
        fhir = {"Content-Type": "application/fhir+json"}
        made = call("POST", "/fhir/DocumentReference", *gp, json.dumps(test_fhir.document(pdf)).encode(), fhir).json["id"]
        call("POST", "/fhir/DocumentReference", *gp, b"{}", fhir)
        call("POST", "/fhir/DocumentReference", None, None, b"{}", fhir)
        call("GET", f"/fhir/DocumentReference/{made}", *gp)
        call("GET", f"/fhir/DocumentReference/{made}", *manager)
        call("GET", "/fhir/metadata")
        call("GET", f"/v1/claims/{claim}/history", *manager)

    def requests(self, claim):
        path, call = f"/v1/claims/{claim}/requests", self.call
        ask = {"what": "A letter", "kind": "further_evidence", "from_role": "claimant", "due": "2099-12-01"}
        made = [call("POST", path, "case_manager", "casey", ask).json["request"]["id"] for _ in range(2)]
        call("POST", path, "claimant", "ada", ask)
        call("PATCH", f"{path}/{made[0]}", "case_manager", "casey", {"what": "Two letters", "due": None})
        call("DELETE", f"{path}/{made[0]}", "case_manager", "casey")
        call("DELETE", f"{path}/{made[0]}", "case_manager", "casey")
        call("POST", f"/v1/claims/{claim}/artefacts?kind=further_evidence&request={made[1]}", "claimant", "ada",
             PDF + b"%1", {"Content-Type": "application/pdf"})
        call("GET", path, "claimant", "ada")
        call("GET", path, "case_manager", "casey")
        lease = {"reason": "Awaiting the GP", "until": fixture.now(3600)}
        call("PUT", f"/v1/claims/{claim}/lease", "assessor", "avery", lease)
        call("GET", f"/v1/claims/{claim}", "assessor", "avery")
        call("PUT", f"/v1/claims/{claim}/lease", "claimant", "ada", lease)
        call("DELETE", f"/v1/claims/{claim}/lease", "case_manager", "casey")
        call("GET", "/v1/claims?ageing=true", "case_manager", "casey")
        contacts = {"contacts": [{"subject": "ada", "channel": "email", "address": "ada@example.invalid"}]}
        call("PUT", f"/v1/claims/{claim}/contacts", "claims_system", "registry", contacts)
        call("GET", f"/v1/claims/{claim}/contacts", "claims_system", "registry")
        call("PUT", f"/v1/claims/{claim}/contacts", "claimant", "ada", contacts)
        call("GET", f"/v1/claims/{claim}/messages", "case_manager", "casey")

    def uploads(self, claim):
        words = f"?claim={claim}&kind=further_evidence&filename=a.pdf"
        tus = {"Tus-Resumable": "1.0.0"}
        bytes_of_tus = {**tus, "Content-Type": "application/offset+octet-stream"}
        draft = {"Upload-Draft-Interop-Version": "8"}

        def call(method, path, body=None, headers=None, who="ada"):
            return self.call(method, path, "claimant" if who else None, who, body, headers)
        begun = call("POST", "/v1/uploads" + words, None, {**tus, "Upload-Length": str(len(PDF) + 1)})
        url = begun.headers["Location"]
        call("OPTIONS", "/v1/uploads", who=None)
        call("OPTIONS", url, who=None)
        call("HEAD", url, None, tus)
        call("HEAD", url, None, {})
        call("GET", url)
        call("GET", url, who="eve")
        call("PATCH", url, PDF, {**bytes_of_tus, "Upload-Offset": "0"})
        call("PATCH", url, PDF, {**bytes_of_tus, "Upload-Offset": "0"})
        call("PATCH", url, b"x", {**bytes_of_tus, "Upload-Offset": str(len(PDF)),
                                  "Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="})
        call("PATCH", url, b"\n", {**bytes_of_tus, "Upload-Offset": str(len(PDF))})
        call("GET", url)
        call("PUT", url, b"x", tus)
        call("POST", "/v1/uploads" + words, PDF + b"\n\n", {**bytes_of_tus, "Upload-Length": str(len(PDF) + 2)})
        part = call("POST", "/v1/uploads", None, {**tus, "Upload-Length": "5", "Upload-Concat": "partial"})
        call("GET", part.headers["Location"])
        call("DELETE", part.headers["Location"], None, tus)
        call("GET", part.headers["Location"])
        call("POST", "/v1/uploads", None, {**tus, "Upload-Length": "5"})
        begun = call("POST", "/v1/uploads" + words, PDF, {**draft, "Upload-Complete": "?0"})
        url, piece = begun.headers["Location"], {**draft, "Content-Type": "application/partial-upload"}
        call("HEAD", url, None, draft)
        call("PATCH", url, b"x", {**piece, "Upload-Offset": "0", "Upload-Complete": "?0"})
        call("PATCH", url, b"\n\n\n", {**piece, "Upload-Offset": str(len(PDF)), "Upload-Complete": "?1"})
        call("POST", "/v1/uploads" + words, PDF + b"\n", {**draft, "Upload-Complete": "?1"})

    def inspected(self):
        """The same calls of another server, that has a scanner and keeps what is infected."""
        clamd = Clamd(*GOOD).start()
        self.addCleanup(clamd.close)
        plain, type(self).gw = self.gw, fixture.Gateway().init(str(clamd.socket)).setting(
            "inspection.infected", "restrict").start()
        try:
            claim = self.gw.create_claim("ada")
            path = f"/v1/claims/{claim}/artefacts?kind=further_evidence"
            letter, infected = (self.call("POST", path, "claimant", "ada", data, {"Content-Type": "application/pdf"}
                                          ).json["artefact"]["id"]
                                for data in (samples.pdf(), samples.pdf() + b"%" + EICAR))
            sound = self.call("POST", f"/v1/claims/{claim}/artefacts?kind=claimant_recording", "claimant", "ada",
                              samples.wav(1), {"Content-Type": "audio/wav"}).json["artefact"]["id"]
            for item in (letter, infected, sound):
                self.call("GET", f"/v1/artefacts/{item}", "claimant", "ada")
                self.call("GET", f"/v1/artefacts/{item}/waveform", "claimant", "ada")
            locked = self.call("POST", path, "claimant", "ada", samples.locked_pdf(samples.pdf(), "a word"),
                               {"Content-Type": "application/pdf"}).json["password"]["send_to"]
            for word in ("another", "a word", "again"):
                self.call("POST", locked, "claimant", "ada", {"password": word})
            release = f"/v1/artefacts/{infected}/view-release"
            self.call("GET", f"/v1/artefacts/{infected}/view?purpose=decision", "case_manager", "casey")
            self.call("POST", release, "records_owner", "robin", {"reason": "for the appeal"})
            self.call("POST", release, "records_owner", "robin", {"reason": "again"})
            report = self.call("POST", "/v1/medical-reports", "health_professional", "dr-gray", reports.form()).json["artefact"]["id"]
            self.call("GET", f"/v1/artefacts/{report}/print?purpose=decision", "case_manager", "casey")
            for item in (letter, infected):
                self.call("GET", f"/v1/artefacts/{item}/view?purpose=decision&page=1", "case_manager", "casey")
            self.gw.setting("inspection.infected", "refuse").stop()
            self.gw.start()
            self.call("POST", path, "claimant", "ada", EICAR, {"Content-Type": "text/plain"})
        finally:
            inspected, type(self).gw = self.gw, plain
            inspected.stop()
            inspected.remove()

    def check(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as told:
            json.dump(self.exchanges, told)
            told.flush()
            done = subprocess.run(
                ["node", str(SOURCE / "tests/support/openapi/check.mjs"), str(SOURCE / "docs/openapi.yaml"), told.name],
                env={**os.environ, "EG_NODE_MODULES": str(node_modules())}, capture_output=True, text=True, timeout=120)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(len(self.exchanges), 45)

    def test_routes_and_paths_are_the_same(self):
        table = (SOURCE / "gateway/routes/routes.c").read_text()
        rows = set(re.findall(r'READ\("([^"]+)"', table))
        routes = {("GET", p) for p in rows}
        routes |= {("POST", p) for p in re.findall(r'CREATE\("([^"]+)"', table)}
        routes |= set(re.findall(r'WRITE\("(\w+)", "([^"]+)"', table))
        routes |= {("POST", p) for p in re.findall(r'CREATE\("([^"]+)"', table)}
        routes |= set(re.findall(r'\.method = "(\w+)",\s*\.pattern = "([^"]+)"', table))
        document = (SOURCE / "docs/openapi.yaml").read_text()
        paths, at = set(), None
        for line in document.split("\n"):
            if found := re.match(r"  (/\S*):$", line):
                at = found.group(1)
            elif line == "components:":
                at = None
            elif at and (found := re.match(r"    (get|head|post|put|patch|delete|options):$", line)):
                paths.add((found.group(1).upper(), at))
        self.assertGreater(len(paths), 15)
        self.assertEqual({(m, p.replace("{rest...}", "{rest}")) for m, p in routes}, paths)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The print of a form: what is read out of the page again is what was filled in, drawn by a process
without keys, and nothing of it ever on a disk."""

import copy
import json
import pathlib
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.environ["EG_SOURCE"])
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reports  # noqa: E402
import samples  # noqa: E402
from gateway_fixture import Gateway, GatewayTest, unknown_id  # noqa: E402
from tests.inspect.clamd import GOOD, Clamd  # noqa: E402

LABELS = (  # of the printed sheet, and where in the form the value is
    ("Name", "patient", "name"), ("Address", "patient", "address"), ("Postcode", "patient", "postcode"),
    ("Date of birth", "patient", "date_of_birth"), ("National Insurance number", "patient", "nino"),
    ("Name", "representative", "name"), ("Address", "representative", "address"),
    ("Diagnosis", "diagnosis"), ("Date of diagnosis", "date_of_diagnosis"),
    ("Date the special rules criteria were met", "date_criteria_met"),
    ("Other diagnoses", "other_diagnoses"),
    ("Is the patient aware of the diagnosis?", "patient_aware_of_diagnosis"),
    ("Is the patient aware of the prognosis?", "patient_aware_of_prognosis"),
    ("Clinical features", "clinical_features"), ("Treatment", "treatment"),
    ("Role", "declaration", "role"), ("GMC number", "declaration", "gmc_number"),
    ("NMC PIN", "declaration", "nmc_pin"), ("Name", "declaration", "name"),
    ("Address", "declaration", "address"), ("Postcode", "declaration", "postcode"),
    ("Phone", "declaration", "phone"))
ROLES = {"general_practitioner": "General Practitioner", "specialist_nurse": "Specialist nurse"}


def value_at(report, path):
    value = report
    for name in path:
        value = (value or {}).get(name)
    return {True: "Yes", False: "No", None: "Not stated"}.get(value, ROLES.get(value, value)) \
        if not isinstance(value, str) else ROLES.get(value, value)


def squeezed(text):
    return re.sub(r"\s+", "", text)


def read_out(pdf):
    """The text in the order in which it was drawn, page by page, without the feet."""
    done = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode()


class Print(GatewayTest):
    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.clamd = Clamd(*GOOD).start()
        cls.gw = Gateway(cls.release)
        try:
            cls.gw.init(str(cls.clamd.socket)).setting("inspection.clamd_conf", str(cls.clamd.conf))
            cls.gw.start()
            cls.doctor = cls.gw.token("health_professional", "dr-gray")
        except BaseException:
            cls.failed = True
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            cls.close()
        finally:
            cls.clamd.close()

    def sent(self, report):
        answer = self.gw.request("POST", "/v1/medical-reports", self.doctor, json.dumps(report).encode(),
                                 {"Content-Type": "application/json"})
        told = self.expect(answer, 201).json["artefact"]
        self.assertEqual(told["status"], "available", told)
        return told

    def print(self, artefact, token=None, purpose="?purpose=decision"):
        return self.gw.get(f"/v1/artefacts/{artefact}/print{purpose}", token or self.gw.manager)

    def printed(self, report):
        told = self.sent(report)
        answer = self.expect(self.print(told["id"]), 200)
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")
        self.assertEqual(answer.headers["Evidence-Derivative"], "rendered")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        with tempfile.NamedTemporaryFile(suffix=".pdf") as page:
            page.write(answer.body)
            page.flush()
            checked = subprocess.run(["qpdf", "--check", page.name], capture_output=True, timeout=60)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        return told, answer.body

    def assertReadsOut(self, report):
        told, pdf = self.printed(report)
        text = squeezed(read_out(pdf))
        feet = list(re.finditer(rf"Printedfrom{told['id']},received[0-9TZ:-]+,SHA-256{told['sha256']}"
                                r"SR1,page(\d+)of(\d+)", text))
        self.assertEqual([f.groups() for f in feet],
                         [(str(n + 1), str(len(feet))) for n in range(len(feet))])
        self.assertGreater(len(feet), 0, text)
        for foot in reversed(feet):
            text = text[:foot.start()] + text[foot.end():]
        text = re.sub(r"(Patient'srepresentative|Patient|Condition|Declaration)(?=Name|Diagnosis|Role)", "", text)
        wanted = "".join(squeezed(label + value_at(report, path)) for label, *path in LABELS)
        self.assertEqual(text.split("endoflife", 1)[1], wanted)

    def test_field_by_field(self):
        report = reports.form()
        report["patient"]["nino"] = "AB123456C"
        self.assertReadsOut(report)

    def test_what_was_left_out_is_said(self):
        report = reports.form("AB123456C")
        del report["representative"], report["other_diagnoses"]
        report["declaration"] = {**report["declaration"], "role": "specialist_nurse", "nmc_pin": "12A3456B"}
        del report["declaration"]["gmc_number"]
        self.assertReadsOut(report)

    def test_the_longest_of_all(self):
        report = copy.deepcopy(reports.form("AB123456C"))
        for holder, name, n in ((report, "diagnosis", 126), (report, "other_diagnoses", 132),
                                (report, "clinical_features", 236), (report, "treatment", 250),
                                (report["patient"], "address", 250), (report["patient"], "name", 100),
                                (report["declaration"], "name", 100), (report["declaration"], "address", 250)):
            holder[name] = ("Wörter – und Ω, " * 20)[:n - 1] + "."
        report["clinical_features"] = "W" * 236  # not a blank to break at
        self.assertReadsOut(report)

    def test_the_same_bytes_again(self):
        told, pdf = self.printed(reports.form())
        self.assertEqual(self.expect(self.print(told["id"]), 200).body, pdf)

    def test_who_prints(self):
        told = self.sent(reports.form())
        artefact = told["id"]
        self.expect(self.print(artefact, purpose=""), 400, "purpose-required")
        self.expect(self.print(artefact, purpose="?purpose=own"), 400, "purpose-required")
        self.expect(self.print(artefact, self.gw.token("operator", "ops")), 403, "not-permitted")
        self.expect(self.print(artefact, self.gw.token("health_professional", "dr-other"), ""), 404, "not-found")
        self.expect(self.print(unknown_id()), 404, "not-found")
        self.expect(self.print(artefact, self.doctor, ""), 200)
        # with subject access the harm rule holds for staff, too
        self.expect(self.print(artefact, purpose="?purpose=subject_access"), 400, "purpose-required")
        claim = self.gw.create_claim("ada")
        letter = self.expect(self.gw.upload(claim, samples.pdf(), self.gw.token("claimant", "ada")), 201)
        self.expect(self.print(letter.json["artefact"]["id"]), 404, "not-found")
        # it is a read of the original, and logged as one
        self.gw.post(f"/v1/unlinked/{artefact}/link", self.gw.manager, {"claim": claim, "reason": "by address"})
        self.expect(self.print(artefact, self.gw.token("case_manager", "casey")), 200)
        events = self.gw.get(f"/v1/claims/{claim}/history?limit=200", self.gw.manager).json["events"]
        self.assertIn((artefact, "decision"), [(e.get("artefact"), e.get("purpose")) for e in events
                                               if e["event"] == "read.opened"])

    def test_nothing_on_a_disk(self):
        report = reports.form()
        report["treatment"] = "Quinquireme of Nineveh"
        self.printed(report)
        held = b"".join(p.read_bytes() for p in self.gw.folder.rglob("*") if p.is_file())
        for word in (b"Nineveh", report["patient"]["nino"].encode()):
            self.assertNotIn(word, held)


if __name__ == "__main__":
    unittest.main(verbosity=2)

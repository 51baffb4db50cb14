#!/usr/bin/env python3
"""The monthly statistics: every fraction is counted again here, from the log and from what this test
did, in the month and over the windows that end with it."""

import csv
import datetime
import io
import sqlite3
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, now

WINDOWS = {"month": 1, "rolling_3": 3, "rolling_12": 12, "cumulative": 10 ** 6}


def month_of(text):
    return int(text[:4]) * 12 + int(text[5:7]) - 1


def month_text(month):
    return f"{month // 12:04}-{month % 12 + 1:02}"


class Statistics(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada, cls.asim = gw.token("claimant", "ada"), gw.token("assessor", "asim")
        cls.auditor = gw.token("auditor", "audrey")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"])
        cls.this = month_of(now())
        # Letters of this month, of two, five and fourteen months ago; each read by its sender.
        cls.ages = {0: 3, 2: 2, 5: 1, 14: 2}
        for age, count in cls.ages.items():
            for _ in range(count):
                artefact = cls.letter(gw)
                gw.get(f"/v1/artefacts/{artefact}/content?purpose=decision", gw.manager)
                if age:
                    cls.shift(gw, artefact, age)
        gw.upload(cls.claim, b"", cls.ada)
        for _ in range(2):
            gw.upload(cls.claim, b"\x00\x01\x02", cls.ada, media="application/x-made-up")
        cls.recordings(gw)
        if month_of(now()) != cls.this:
            raise unittest.SkipTest("a month ended while this was prepared")

    @classmethod
    def letter(cls, gw):
        answer = gw.upload(cls.claim, samples.pdf(str(uuid.uuid4())), cls.ada)
        return answer.json["artefact"]["id"]

    @classmethod
    def recordings(cls, gw):
        """Three assessments with a notice and a recording, one without; one opts out."""
        cls.assessments = [gw.create_assessment(cls.claim) for _ in range(4)]
        for assessment in cls.assessments[:3]:
            gw.choose(assessment, cls.asim, "notice", now(-7000))
            gw.upload(cls.claim, samples.wav(seed=len(assessment)), cls.asim,
                      kind="assessment_audio", media="audio/wav", filename="a.wav",
                      params=gw.recording(assessment))
        gw.choose(cls.assessments[0], cls.ada, "opt_out", now(-3500))

    @classmethod
    def shift(cls, gw, artefact, months):
        """It all happened so many months ago: no call can say so, the records can."""
        month = cls.this - months
        at = int(datetime.datetime(month // 12, month % 12 + 1, 15,
                                   tzinfo=datetime.timezone.utc).timestamp() * 1e6)
        key = uuid.UUID(artefact).bytes
        with sqlite3.connect(gw.dir / "data/gateway.db", timeout=60) as db:
            db.execute("UPDATE artefacts SET received_at = ? WHERE id = ?", (at, key))
            db.execute("UPDATE ledger_entries SET time = ? WHERE artefact = ?", (at, key))
            db.execute("UPDATE artefact_times SET available_at = ? WHERE artefact = ?",
                       (at + 1500000, key))
            db.execute("UPDATE artefact_openings SET at = ? WHERE artefact = ?",
                       (at + 4000000, key))
        db.close()

    def ask(self, month=None, token=None, **options):
        path = f"/v1/statistics?month={month or month_text(self.this)}"
        return self.gw.get(path, token or self.auditor, **options)

    def measures(self, month=None):
        told = self.expect(self.ask(month), 200).json
        return {(m["name"], m.get("of", "")): m for m in told["measures"]}

    def assertFraction(self, measure, window, numerator, denominator):
        self.assertEqual(measure[window], {"numerator": numerator, "denominator": denominator},
                         f"{measure['name']} {measure.get('of')} {window}")

    def letters_in(self, window, month=None):
        last = month or self.this
        return sum(n for age, n in self.ages.items()
                   if last - WINDOWS[window] < self.this - age <= last)

    def test_outcomes_of_uploads(self):
        found = self.measures()
        refused = [m for (name, of), m in found.items() if of.startswith("refused/")]
        for window in WINDOWS:
            letters = self.letters_in(window)
            whole = letters + 3 + 3  # the recordings, and what was refused
            self.assertFraction(found["uploads.outcome", "received/further_evidence"], window,
                                letters, whole)
            self.assertFraction(found["uploads.outcome", "received/assessment_audio"], window, 3,
                                whole)
            self.assertFraction(found["uploads.outcome", "refused/file-empty"], window, 1, whole)
            self.assertEqual(sum(m[window]["numerator"] for m in refused), 3)

    def test_an_older_month(self):
        found = self.measures(month_text(self.this - 5))
        measure = found["uploads.outcome", "received/further_evidence"]
        for window in WINDOWS:
            letters = self.letters_in(window, self.this - 5)
            self.assertFraction(measure, window, letters, letters)
        self.assertEqual([self.letters_in(w, self.this - 5) for w in WINDOWS], [1, 1, 3, 3])
        before = self.measures(month_text(self.this - 20))
        self.assertFraction(before["assessments.opted_out", ""], "cumulative", 0, 0)

    def test_reads_by_purpose(self):
        found = self.measures()
        for window in WINDOWS:
            self.assertFraction(found["reads.purpose", "decision"], window,
                                self.letters_in(window), self.letters_in(window))

    def test_choices_and_recordings(self):
        found = self.measures()
        self.assertFraction(found["assessments.opted_out", ""], "month", 1, 3)
        self.assertFraction(found["recordings.restricted", ""], "rolling_12", 1, 3)

    def test_times_of_what_was_shifted(self):
        """1.5 seconds to available, 2.5 more to the first opening, five and fourteen months ago."""
        for age in (5, 14):
            found = self.measures(month_text(self.this - age))
            n = self.ages[age]
            self.assertFraction(found["time.receipt_to_available", ""], "month", 1500000 * n, n)
            self.assertFraction(found["time.available_to_first_opening", "case_manager"],
                                "month", 2500000 * n, n)
            self.assertFraction(found["available.within_24_hours", ""], "month", n, n)

    def test_the_log_says_the_same(self):
        events, path = [], "/v1/audit/events?limit=200"
        while path:
            answer = self.expect(self.gw.get(path, self.auditor), 200)
            events += answer.json["events"]
            path = answer.next()
        received = [e for e in events if e["details"]["action"] == "upload.committed"]
        found = self.measures()["uploads.outcome", "received/further_evidence"]
        for window, length in WINDOWS.items():
            self.assertEqual(found[window]["numerator"], sum(
                e["details"]["kind"] == "further_evidence"
                and self.this - length < month_of(e["time"]) <= self.this for e in received))

    def test_csv(self):
        wanted = self.expect(self.ask(), 200).json
        for answer in (self.ask(headers={"Accept": "text/csv"}),
                       self.gw.get(f"/v1/statistics?month={month_text(self.this)}&format=csv",
                                   self.auditor)):
            self.expect(answer, 200)
            self.assertTrue(answer.headers["Content-Type"].startswith("text/csv"))
            rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
            self.assertEqual(len(rows), 4 * len(wanted["measures"]))
            for row in rows:
                measure = next(m for m in wanted["measures"] if (m["name"], m.get("of", "")) == (
                    row["name"], row["of"]))
                fraction = measure[row["window"]]
                self.assertEqual((int(row["numerator"]), int(row["denominator"])),
                                 (fraction["numerator"], fraction["denominator"]))
                self.assertEqual(row["percent_or_mean_seconds"], self.rounded(measure, fraction))

    @staticmethod
    def rounded(measure, fraction):
        """docs/statistics.md: half up, in whole numbers."""
        n, d = fraction["numerator"], fraction["denominator"]
        if d == 0:
            return ""
        share = measure["unit"] == "share"
        value = (2 * n * 10000 + d) // (2 * d) if share else (2 * n + d * 1000) // (2 * d * 1000)
        unit, digits = (100, 2) if share else (1000, 3)
        return f"{value // unit}.{value % unit:0{digits}}"

    def test_who_and_what(self):
        for role in ("auditor", "case_manager", "records_owner"):
            self.expect(self.ask(token=self.gw.token(role, "someone")), 200)
        for role in ("claimant", "representative", "assessor", "health_professional",
                     "claims_system", "operator"):
            self.expect(self.ask(token=self.gw.token(role, "someone")), 403, "not-permitted")
        for month in ("2026", "2026-13", "2026-1", "x", "1969-12", month_text(self.this + 1)):
            self.expect(self.ask(month), 400)
        self.expect(self.gw.get("/v1/statistics", self.auditor), 400)
        self.expect(self.gw.get("/v1/statistics?month=2026-01&format=xml", self.auditor), 400)


if __name__ == "__main__":
    unittest.main()

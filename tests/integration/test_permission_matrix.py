#!/usr/bin/env python3
"""The permission matrix, over the wire: every call of the API x every caller (their own claim,
another's, authority that has ended or not begun) x every status of an artefact x the harm flag x
every purpose. What each cell has to answer is worked out here from docs/permissions.md, row by
row; the calls are those that `evidence-gateway help routes` prints, and one without a row in
ROUTES fails."""

import base64
import collections
import concurrent.futures
import io
import json
import os
import pathlib
import re
import sqlite3
import unittest
import uuid
import zipfile

import samples
from gateway_fixture import UUID, GatewayTest, Session, now, unknown_id, without_ids

STATUSES = ("receiving", "quarantined", "available", "could_not_scan", "restricted", "refused",
            "disposed")
PURPOSES = (None, "decision", "assessment", "appeal", "audit", "subject_access")
THREADS = 4
PERMIT, PURPOSE, STATUS, HIDDEN, ROLE = "permit", "purpose", "status", "hidden", "role"
ORDER = (PERMIT, PURPOSE, STATUS, HIDDEN, ROLE)  # the mildest first

# --- the table of the docs ------------------------------------------------------------------

Row = collections.namedtuple("Row", "role relations status harmful purposes actions")


def read_table():
    text = (pathlib.Path(os.environ["EG_SOURCE"]) / "docs/permissions.md").read_text()
    rows = []
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 6 and cells[0] != "role":
            rows.append(Row(cells[0], set(cells[1].split(" and ")) - {"any claim"}, cells[2],
                            cells[3] == "yes", set(cells[4].split(" or ")),
                            set(re.findall("`([^`]+)`", cells[5]))))
    return rows


TABLE = read_table()


def in_status(row, status):
    return row.status == "any" or status is None or row.status == status or \
        (row.status.startswith("any but ") and status != row.status.removeprefix("any but "))


def verdict(caller, relations, action, status=None, harmful=False, purpose=None):
    """Written from the text above the table of docs/permissions.md."""
    bound = bool(relations & {"claimant", "appointee", "representative"}) or \
        ("party" in relations and caller.role == "representative")
    best = ROLE
    for row in TABLE:
        if row.role != caller.role or action not in row.actions:
            continue
        told = PERMIT
        if not row.relations <= relations:
            told = HIDDEN
        elif harmful and not (row.harmful and (not bound or "uploader" in row.relations)):
            told = HIDDEN
        elif (status is None and row.status != "any" and not row.status.startswith("any but")) \
                or not in_status(row, status):
            told = STATUS
        elif row.purposes not in ({"-"}, {"own"}) and purpose not in row.purposes:
            told = PURPOSE
        best = min(best, told, key=ORDER.index)
    return best


def verdict_of(answer):
    if answer.status == 401:
        return "nobody"
    if answer.status == 404:
        return HIDDEN
    problem = answer.problem if answer.status >= 400 and answer.body else None
    if answer.status == 403 and problem is None:
        return ROLE  # a FHIR OperationOutcome
    return {"not-permitted": ROLE, "purpose-required": PURPOSE, "not-available": STATUS,
            "insufficient-scope": ROLE}.get(problem, PERMIT)


# --- callers --------------------------------------------------------------------------------

# relations: to `own` and what is on it; on every other claim there are none.
Caller = collections.namedtuple("Caller", "name role subject relations")
CALLERS = (
    Caller("claimant", "claimant", "ada", {"claimant"}),
    Caller("other claimant", "claimant", "bob", set()),
    Caller("appointee", "representative", "rupa", {"appointee", "representative"}),
    Caller("representative", "representative", "carl", {"party", "representative"}),
    Caller("ended authority", "representative", "ended", set()),
    Caller("authority to come", "representative", "coming", set()),
    Caller("uploading professional", "health_professional", "hugh", set()),
    Caller("professional as a party", "health_professional", "petra", {"party"}),
    Caller("other professional", "health_professional", "hera", set()),
    Caller("assigned assessor", "assessor", "asim", {"assigned"}),
    Caller("other assessor", "assessor", "abel", set()),
    Caller("case manager", "case_manager", "morgan", set()),
    Caller("auditor", "auditor", "audrey", set()),
    Caller("sampling auditor", "auditor", "aurel", {"sampled"}),
    Caller("records owner", "records_owner", "rosa", set()),
    Caller("claims system", "claims_system", "registry", set()),
    Caller("operator", "operator", "olga", set()),
)
OWN_SIDE = {"claimant", "representative", "health_professional"}

# --- the calls ------------------------------------------------------------------------------


def reason(_):
    return {"reason": "a cell of the matrix"}


def choice(event):
    return lambda caller: {
        "event_id": str(uuid.uuid4()), "event": event, "effective_at": now(), "channel": "web",
        "notice_version": "1",
        **({"on_behalf_of": "ada"} if caller.role == "assessor" else {})}


def consent(_):
    return {"event_id": str(uuid.uuid4()), "purpose": "contact_gp", "decision": "given",
            "statement_version": "1", "effective_at": now()}


class Call:
    """What is asked of one route. `also(cell)`: verdicts that are right besides the table's,
    where another rule that the docs state narrows it further."""

    def __init__(self, route, action, body=None, query="", purposes=False, also=None,
                 headers=None, public=False, by_deed=False):
        self.method, self.path = route.split(" ")
        self.route, self.action, self.body, self.query = route, action, body, query
        self.purposes, self.also, self.headers = purposes, also, headers
        self.public = public
        self.by_deed = by_deed  # theirs who did it, too: a role alone is no reason to refuse

    @property
    def thing(self):
        """What its path names: "artefact", "claim", "assessment", ... or None."""
        if self.path.startswith("/v1/artefacts/"):
            return "artefact"
        for prefix, thing in (("/v1/claims/{claim}", "claim"),
                              ("/v1/assessments/{id}", "assessment"),
                              ("/v1/uploads/{id}", "upload"),
                              ("/v1/audit/samples/{id}", "sample")):
            if self.path.startswith(prefix):
                return thing
        return None

    @property
    def reads(self):
        return self.method in ("GET", "HEAD")


Cell = collections.namedtuple("Cell", "call caller relations status harmful sent_by")


def receipt_rule(cell):
    """A receipt names who sent what: those who are not staff have it of what they or the
    claimant's side sent."""
    ours = "uploader" in cell.relations or cell.sent_by == "claimant"
    return set() if ours or cell.caller.role not in OWN_SIDE else {ROLE}


def kind_rule(cell):
    """Each kind has its own list of roles (config/kinds.conf)."""
    return {ROLE} if cell.caller.role == "assessor" else set()


def asker_rule(cell):
    """An assessor changes what assessors asked for; this was a case manager."""
    return {ROLE} if cell.caller.role == "assessor" else set()


def two_people(_):
    """Who proposed a disposal does not approve it; and there may be none."""
    return {ROLE, HIDDEN}


def view_rule(cell):
    """What is restricted is shown where it is infected and released alone."""
    return {STATUS} if cell.status == "restricted" else set()


def there_is_none(_):
    """Of what the call is about there may be none (a waveform of a letter, a lease, a hold): not
    found, in other words."""
    return {HIDDEN}


def report(_):
    return {"patient": {"name": "Invented Nobody", "address": "1 Nowhere Lane",
                        "postcode": "ZZ1 1ZZ", "date_of_birth": "1971-03-02"},
            "diagnosis": f"made up {uuid.uuid4()}", "date_of_diagnosis": "2026-01-05",
            "date_criteria_met": "2026-02-01", "patient_aware_of_diagnosis": True,
            "patient_aware_of_prognosis": False, "clinical_features": "made up",
            "treatment": "made up",
            "declaration": {"role": "General Practitioner", "gmc_number": "1234567",
                            "name": "Invented Gray", "address": "2 Nowhere Lane",
                            "postcode": "ZZ1 1ZZ", "phone": "01632 960000"}}


TUS = {"Tus-Resumable": "1.0.0"}
ROUTES = [
    Call("POST /v1/claims", "claim.create", body=lambda _: {
        "external_reference": f"M-{uuid.uuid4()}", "benefit": "pip", "stage": "evidence",
        "claimant": {"subject": "nobody-else", "name": "Invented Person",
                     "date_of_birth": "1970-01-01", "nino": "AB123456C"}}),
    Call("GET /v1/claims", "claim.list"),
    Call("GET /v1/claims/{claim}", "claim.read"),
    Call("PATCH /v1/claims/{claim}", "claim.update", body=lambda _: {"stage": "evidence"}),
    Call("GET /v1/claims/{claim}/history", "claim.history"),
    Call("POST /v1/claims/{claim}/artefacts", "artefact.create", also=kind_rule,
         query="kind=further_evidence", body=lambda _: samples.pdf(str(uuid.uuid4())),
         headers={"Content-Type": "application/pdf"}),
    Call("GET /v1/claims/{claim}/artefacts", "artefact.list"),
    Call("GET /v1/artefacts/{id}", "artefact.read"),
    Call("GET /v1/artefacts/{id}/content", "artefact.content", purposes=True),
    Call("GET /v1/artefacts/{id}/receipt", "artefact.read", also=receipt_rule),
    Call("GET /v1/artefacts/{id}/view", "artefact.view", purposes=True, also=view_rule),
    Call("GET /v1/artefacts/{id}/waveform", "artefact.content", purposes=True, also=there_is_none),
    Call("POST /v1/artefacts/{id}/view-release", "artefact.release_view", body=reason),
    Call("GET /v1/artefacts/{id}/links", "artefact.provenance"),
    Call("POST /v1/artefacts/{id}/links", "artefact.link",
         body=lambda _: {"claim": "{spare}", "reason": "a cell"}),
    Call("DELETE /v1/artefacts/{id}/links/{claim}", "artefact.link", also=there_is_none),
    Call("POST /v1/artefacts/{id}/harm-release", "artefact.release_harm",
         body=lambda _: {"reason": "a cell", "reviewer": "Dr Invented"}),
    Call("POST /v1/artefacts/{id}/harm-release/revocation", "artefact.release_harm",
         body=reason),
    Call("POST /v1/claims/{claim}/assessments", "assessment.create", body=lambda _: {
        "channel": "video", "scheduled_at": "2026-05-01T10:00:00Z", "provider": "Invented"}),
    Call("GET /v1/assessments/{id}", "assessment.read"),
    Call("POST /v1/assessments/{id}/choice", "choice.notice", body=choice("notice")),
    Call("POST /v1/assessments/{id}/choice", "choice.set", body=choice("opt_in")),
    Call("POST /v1/claims/{claim}/consents", "consent.give", body=consent),
    Call("GET /v1/claims/{claim}/consents", "consent.read"),
    Call("GET /v1/claims/{claim}/bundle", "claim.bundle", purposes=True),
    Call("POST /v1/claims/{claim}/requests", "request.ask",
         body=lambda _: {"what": "a cell", "from_role": "claimant"}),
    Call("GET /v1/claims/{claim}/requests", "request.read"),
    Call("PUT /v1/claims/{claim}/contacts", "claim.update", body=lambda _: {"contacts": []}),
    Call("GET /v1/claims/{claim}/contacts", "claim.update"),
    Call("GET /v1/claims/{claim}/messages", "message.read"),
    Call("PATCH /v1/claims/{claim}/requests/{id}", "request.ask", also=asker_rule,
         body=lambda _: {"functional": True}),
    Call("DELETE /v1/claims/{claim}/requests/{id}", "request.ask", also=asker_rule),
    Call("PUT /v1/claims/{claim}/lease", "lease.take",
         body=lambda _: {"reason": "a cell", "until": now(3600)}),
    Call("DELETE /v1/claims/{claim}/lease", "lease.take", also=there_is_none),
    Call("GET /v1/artefacts/{id}/print", "artefact.content", purposes=True, also=there_is_none),
    Call("POST /v1/artefacts/{id}/password", "artefact.unlock", also=there_is_none,
         body=lambda _: {"password": "a guess"}),
    Call("POST /v1/artefacts/{id}/restriction", "artefact.restrict", body=reason),
    Call("DELETE /v1/artefacts/{id}/restriction", "artefact.unrestrict", body=reason,
         also=there_is_none),
    Call("PUT /v1/artefacts/{id}/hold", "hold.place", body=reason),
    Call("DELETE /v1/artefacts/{id}/hold", "hold.lift", body=reason, also=there_is_none),
    Call("POST /v1/artefacts/{id}/disposal", "artefact.dispose", body=reason),
    Call("GET /v1/artefacts/{id}/disposal", "artefact.dispose", also=there_is_none),
    Call("POST /v1/artefacts/{id}/disposal/approval", "artefact.dispose", also=two_people,
         body=lambda _: {}),
    Call("DELETE /v1/artefacts/{id}/disposal", "artefact.dispose", body=reason,
         also=there_is_none),
    Call("GET /v1/retention/policy", "retention.keep"),
    Call("POST /v1/retention/shortening", "retention.keep",
         body=lambda _: {"policy_sha256": "0" * 64, "reason": "a cell"}),
    Call("POST /v1/retention/shortening/approval", "retention.keep", also=there_is_none,
         body=lambda _: {"policy_sha256": "0" * 64}),
    Call("GET /v1/retention/due", "retention.keep"),
    Call("POST /v1/retention/lists", "retention.keep", body=reason),
    Call("GET /v1/retention/lists", "retention.keep"),
    Call("GET /v1/retention/lists/{id}", "retention.keep", also=there_is_none),
    Call("POST /v1/retention/lists/{id}/approval", "retention.keep", also=there_is_none,
         body=lambda _: {}),
    Call("DELETE /v1/retention/lists/{id}", "retention.keep", also=there_is_none),
    Call("GET /v1/assessments/{id}/choice/{event}/receipt", "choice.receipt",
         also=there_is_none, by_deed=True),
    Call("GET /v1/artefacts/{id}/retrievals", "artefact.retrievals"),
    Call("POST /v1/artefacts/{id}/retrievals/{session}/deleted", "copy.confirm_deleted",
         also=there_is_none, body=lambda _: {}),
    Call("POST /v1/artefacts/{id}/quarantine-release", "recording.decide", body=reason),
    Call("GET /v1/incidents", "incident.read"),
    Call("POST /v1/incidents/{id}/review", "incident.review", also=there_is_none,
         body=lambda _: {"outcome": "a cell"}),
    Call("POST /v1/medical-reports", "report.send", body=report),
    Call("POST /fhir/DocumentReference", "report.send", body=lambda _: {},
         headers={"Content-Type": "application/fhir+json"}),
    Call("GET /fhir/DocumentReference/{id}", "report.send", also=there_is_none),
    Call("GET /fhir/metadata", None, public=True),
    Call("GET /v1/unlinked", "report.tray"),
    Call("POST /v1/unlinked/{id}/link", "artefact.link", also=there_is_none,
         body=lambda _: {"claim": "{spare}", "reason": "a cell"}),
    Call("GET /v1/audit/events", "audit.read"),
    Call("POST /v1/audit/samples", "sample.draw", body=lambda _: {
        "population": {"from": now(-3600), "to": now()}, "size": 1, "seed": "matrix",
        "reader": "nobody-else"}),
    Call("GET /v1/audit/samples", "sample.read"),
    Call("GET /v1/audit/samples/{id}", "sample.read"),
    Call("GET /v1/audit/samples/{id}/population", "sample.read"),
    Call("GET /v1/statistics", "statistics.read", query="month=2026-01"),
    Call("GET /log/proof", "log.read", query="leaf=0"),
    Call("GET /log/tile/{rest...}", "log.read", also=there_is_none),
    # Of nobody, or of whoever began an upload (test_uploads).
    Call("GET /log/checkpoint", None, public=True),
    Call("GET /problems/{name}", None, public=True),
    Call("POST /v1/uploads", "artefact.create", also=kind_rule, headers=TUS),
    Call("OPTIONS /v1/uploads", None, public=True),
    Call("* /v1/uploads", None, public=True),
    Call("HEAD /v1/uploads/{id}", None, headers=TUS), Call("GET /v1/uploads/{id}", None, headers=TUS),
    Call("PATCH /v1/uploads/{id}", None, headers=TUS), Call("DELETE /v1/uploads/{id}", None, headers=TUS),
    Call("OPTIONS /v1/uploads/{id}", None, public=True),
    Call("* /v1/uploads/{id}", None, public=True),
]
def b64(text):
    return base64.b64encode(text.encode()).decode()


class World(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.audit_notice", "0 s")

    @classmethod
    def prepare(cls, gw):
        cls.tokens = {c.name: gw.token(c.role, c.subject) for c in CALLERS}
        cls.own = gw.create_claim("ada", assigned_to=["asim"], parties=[
            gw.party("rupa"), gw.party("carl", kind="adviser"),
            gw.party("petra", kind="gp", role="health_professional"),
            gw.party("ended", kind="adviser", since=-9000, until=-5),
            gw.party("coming", kind="adviser", since=9000)])
        cls.foreign, cls.spare = gw.create_claim("zoe"), gw.create_claim("spare")
        cls.artefacts = {}
        for status in STATUSES:
            cls.artefacts[status, False] = cls.send(gw, cls.own, "claimant", "ada")
            cls.artefacts[status, True] = cls.send(gw, cls.own, "health_professional", "hugh")
        cls.others = {h: cls.send(gw, cls.foreign, "claimant", "zoe") for h in (False, True)}
        cls.assessments = {c: gw.create_assessment(c) for c in (cls.own, cls.foreign)}
        cls.requests = {c: cls.request(gw, c) for c in (cls.own, cls.foreign)}
        cls.sample = cls.draw(gw)
        for (status, harmful), artefact in cls.artefacts.items():
            cls.put(gw, artefact, status, harmful)
        cls.put(gw, cls.others[True], "available", True)

    @staticmethod
    def request(gw, claim):
        answer = gw.post(f"/v1/claims/{claim}/requests", gw.manager,
                         {"what": "a letter", "from_role": "claimant"})
        if answer.status != 201:
            raise AssertionError(f"no request: {answer}")
        return answer.json["request"]["id"]

    @staticmethod
    def send(gw, claim, role, subject):
        answer = gw.upload(claim, samples.pdf(str(uuid.uuid4())), gw.token(role, subject))
        if answer.status != 201:
            raise AssertionError(f"no artefact: {answer}")
        return answer.json["artefact"]["id"]

    @classmethod
    def draw(cls, gw):
        """All there is, while it is available, for one of the auditors."""
        answer = gw.post("/v1/audit/samples", gw.token("auditor", "audrey"), {
            "population": {"from": now(-3600), "to": now()}, "size": 100, "seed": "m",
            "reader": "aurel"})
        if answer.status != 201:
            raise AssertionError(f"no sample: {answer}")
        return answer.json["id"]

    @staticmethod
    def put(gw, artefact, status, harmful):
        """No call brings an artefact into every status; what the gateway reads is its record."""
        with sqlite3.connect(gw.dir / "data/gateway.db", timeout=60) as db:
            changed = db.execute(
                "UPDATE artefacts SET status = ?, status_reason = 'opted-out', harmful = ?"
                " WHERE id = ?", (status, harmful, uuid.UUID(artefact).bytes)).rowcount
        db.close()
        if changed != 1:
            raise AssertionError("there is no such artefact in the database")

    def ask(self, session, call, caller, thing, purpose=None):
        places = {"claim": thing, "id": thing, "name": "not-found", "rest": "0/000.p/1",
                  "event": "none", "session": thing}
        if call.thing == "artefact":
            places["claim"] = self.spare
        if call.path.startswith("/v1/claims/{claim}/requests/"):
            places["id"] = self.requests.get(thing, thing)
        path = re.sub(r"\{(\w+)(\.\.\.)?\}", lambda m: str(places[m[1]]), call.path)
        query = "&".join(filter(None, (call.query, purpose and f"purpose={purpose}")))
        body = call.body(caller) if call.body else None
        if isinstance(body, dict):
            body = json.loads(json.dumps(body).replace("{spare}", self.spare))
        token = self.tokens[caller.name] if caller else None
        return session.request(call.method, path + ("?" + query if query else ""), token, body,
                               dict(call.headers or {}))

    # Every caller's questions in a connection of their own.
    def each_caller(self, work):
        def run(caller):
            with Session(self.gw) as session:
                return work(session, caller)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            wrong = [w for found in pool.map(run, CALLERS) for w in found]
        self.assertEqual(wrong, [], f"{len(wrong)} cells differ from the table")

    def relations_to(self, caller, harmful=None):
        """To `own`, and to an artefact on it: those under the harm rule are hugh's, the others
        ada's. No artefact: what belongs to artefacts alone does not hold."""
        relations = set(caller.relations)
        if harmful is None:
            return relations - {"sampled"}
        if caller.subject == ("hugh" if harmful else "ada"):
            relations.add("uploader")
        return relations


class Matrix(World):
    def check(self, answer, cell, wanted):
        told = verdict_of(answer)
        right = {wanted}
        if wanted == PERMIT and cell.call.also:
            right |= cell.call.also(cell)
        if wanted == ROLE and cell.call.by_deed:
            right |= {HIDDEN}
        if told in right:
            return []
        return [f"{cell.call.route} by {cell.caller.name}, {cell.status}, harmful "
                f"{cell.harmful}: {told} ({answer.status}) instead of {wanted}"]

    def test_no_call_is_forgotten(self):
        printed = {" ".join(line.split(" ")[:2]) for line in
                   self.gw.command("help", "routes").stdout.decode().splitlines()}
        self.assertEqual(printed, {c.route for c in ROUTES})
        permitted = {a for row in TABLE for a in row.actions}
        for call in ROUTES:
            self.assertTrue(call.action is None or call.action in permitted, call.route)

    def artefact_cells(self, call, caller):
        for (status, harmful), artefact in self.artefacts.items():
            relations = self.relations_to(caller, harmful)
            several = call.purposes and status in ("available", "restricted")
            for purpose in PURPOSES if several else PURPOSES[:2] if call.purposes else (None,):
                wanted = verdict(caller, relations, call.action, status, harmful, purpose)
                cell = Cell(call, caller, relations, status, harmful,
                            "health_professional" if harmful else "claimant")
                yield artefact, purpose, wanted, cell

    def test_artefacts(self):
        """Reads, and writes that are denied; those that are permitted come one by one."""
        calls = [c for c in ROUTES if c.thing == "artefact"]
        writes, missing, cells = [], unknown_id(), collections.Counter()

        def work(session, caller):
            wrong = []
            for call in calls:
                like_nothing = without_ids(self.ask(session, call, caller, missing))
                for artefact, purpose, wanted, cell in self.artefact_cells(call, caller):
                    if wanted == PERMIT and not call.reads:
                        writes.append((artefact, wanted, cell))
                        continue
                    answer = self.ask(session, call, caller, artefact, purpose)
                    cells[wanted] += 1
                    wrong += self.check(answer, cell, wanted)
                    if wanted in (HIDDEN, ROLE) and without_ids(answer) != like_nothing:
                        wrong.append(f"{call.route} by {caller.name}, {cell.status}, harmful "
                                     f"{cell.harmful}: unlike the answer about nothing")
            return wrong
        self.each_caller(work)
        wrong = []
        with Session(self.gw) as session:
            for artefact, wanted, cell in writes:
                answer = self.ask(session, cell.call, cell.caller, artefact)
                wrong += self.check(answer, cell, wanted)
                cells[wanted] += 1
                self.put(self.gw, artefact, cell.status, cell.harmful)
        self.assertEqual(wrong, [])
        print(f"cells of artefacts: {dict(cells)}", flush=True)
        for told in ORDER:
            self.assertGreater(cells[told], 20, "the matrix does not reach every verdict")

    def test_other_peoples_artefacts(self):
        """On a claim that is not theirs: as the table says for no relation, and where that is
        "not there", like nothing at all."""
        calls = [c for c in ROUTES if c.thing == "artefact" and c.reads]
        missing = unknown_id()

        def work(session, caller):
            wrong = []
            for call in calls:
                like_nothing = without_ids(self.ask(session, call, caller, missing))
                for harmful, artefact in self.others.items():
                    relations = {"sampled"} & caller.relations
                    wanted = verdict(caller, relations, call.action, "available", harmful)
                    answer = self.ask(session, call, caller, artefact)
                    wrong += self.check(answer, Cell(call, caller, relations, "available",
                                                     harmful, "claimant"), wanted)
                    if wanted == HIDDEN and without_ids(answer) != like_nothing:
                        wrong.append(f"{call.route} by {caller.name}: unlike nothing")
            return wrong
        self.each_caller(work)

    def test_claims_and_assessments(self):
        calls = [c for c in ROUTES if c.thing in ("claim", "assessment")]

        def work(session, caller):
            wrong = []
            for call in calls:
                like_nothing = without_ids(self.ask(session, call, caller, unknown_id()))
                for claim in (self.foreign, self.own):
                    relations = self.relations_to(caller) if claim == self.own else set()
                    thing = claim if call.thing == "claim" else self.assessments[claim]
                    for purpose in PURPOSES if call.purposes else (None,):
                        wanted = verdict(caller, relations, call.action, purpose=purpose)
                        answer = self.ask(session, call, caller, thing, purpose)
                        wrong += self.check(answer, Cell(call, caller, relations, None, None,
                                                         None), wanted)
                        if wanted in (HIDDEN, ROLE) and without_ids(answer) != like_nothing:
                            wrong.append(f"{call.route} by {caller.name}: unlike nothing")
            return wrong
        self.each_caller(work)

    def test_what_names_nothing(self):
        calls = [c for c in ROUTES if c.thing in (None, "sample") and c.action
                 and "/uploads" not in c.path]

        def work(session, caller):
            wrong = []
            for call in calls:
                may = any(r.role == caller.role and call.action in r.actions for r in TABLE)
                answer = self.ask(session, call, caller, self.sample)
                wrong += self.check(answer, Cell(call, caller, set(), None, None, None),
                                    PERMIT if may else ROLE)
            return wrong
        self.each_caller(work)

    def test_nobody(self):
        with Session(self.gw) as session:
            for call in ROUTES:
                if call.method == "*" or call.body:
                    continue
                answer = self.ask(session, call, None, unknown_id())
                if call.public:
                    self.assertNotIn(answer.status, (401, 403), call.route)
                else:
                    self.assertEqual(answer.status, 401, f"{call.route}: {answer!r}")

    def test_uploads(self):
        """Begun by who may send; there for who began it alone."""
        def create(session, caller, claim):
            return session.request("POST", "/v1/uploads", self.tokens[caller.name], None, {
                **TUS, "Upload-Length": "1000", "Upload-Metadata":
                f"claim {b64(claim)},kind {b64('further_evidence')},filename {b64('a.pdf')},"
                f"filetype {b64('application/pdf')}"})

        def work(session, caller):
            call, wrong = Call("POST /v1/uploads", "artefact.create", also=kind_rule), []
            like_nothing = without_ids(create(session, caller, unknown_id()))
            for claim in (self.own, self.foreign):
                relations = self.relations_to(caller) if claim == self.own else set()
                wanted = verdict(caller, relations, call.action)
                answer = create(session, caller, claim)
                wrong += self.check(answer, Cell(call, caller, relations, None, None, None),
                                    wanted)
                if wanted in (HIDDEN, ROLE) and without_ids(answer) != like_nothing:
                    wrong.append(f"{call.route} by {caller.name}: unlike nothing")
                if answer.status == 201:
                    wrong += alone(session, caller, answer.headers["Location"])
            return wrong

        def alone(session, owner, location):
            path, wrong = re.sub(r"^https?://[^/]*", "", location), []
            for caller in CALLERS:
                for method, headers in (("HEAD", {}), ("DELETE", {}), ("PATCH", {
                        "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})):
                    if caller is owner:
                        continue
                    sent = {**TUS, **headers}
                    told, nothing = (without_ids(session.request(
                        method, p, self.tokens[caller.name], b"" if headers else None, sent))
                        for p in (path, f"/v1/uploads/{unknown_id()}"))
                    if told != nothing or told[0] < 400:
                        wrong.append(f"{method} of {owner.name}'s upload by {caller.name}: {told}")
            answer = session.request("HEAD", path, self.tokens[owner.name], None, TUS)
            return wrong if answer.status == 200 else wrong + [f"its owner: {answer!r}"]
        self.each_caller(work)


def shape(value, key=None):
    """What an answer tells but for ids, times and places in the log."""
    if isinstance(value, dict):
        return {k: shape(v, k) for k, v in value.items()}
    if isinstance(value, list):  # that a read has ended is logged when it has, not at once
        return [shape(v) for v in value if not (
            isinstance(v, dict) and v.get("event") in ("read.closed", "bundle.closed"))]
    if isinstance(value, str):
        text = UUID.sub("ID", value)
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)
        if key in ("receipt", "sha256", "next", "external_reference", "nino"):
            return key
        return text
    return key if key == "entry" else value


def told_by(answer):
    """The shape of a body: JSON, the names in a bundle, how long a file is."""
    kind = answer.headers.get("Content-Type", "")
    if "json" in kind:
        return shape(answer.json)
    if "zip" in kind:
        with zipfile.ZipFile(io.BytesIO(answer.body)) as bundle:
            if bundle.testzip():
                raise AssertionError("a damaged bundle")
            return sorted(UUID.sub("ID", name) for name in bundle.namelist())
    return "a receipt" if answer.body.startswith(b"c2sp.org/tlog-proof") else len(answer.body)


class HarmRule(World):
    """Two claims alike, but one has evidence under the harm rule besides: no call of the API
    tells the claimant's side which. And no word of it shows anywhere."""

    MARK = "prognosis-marker"

    @classmethod
    def prepare(cls, gw):
        super().prepare(gw)
        cls.people = [c for c in CALLERS if c.name in ("claimant", "appointee", "representative")]
        cls.twins = [cls.twin(gw) for _ in range(2)]
        cls.secret = cls.harmful(gw, cls.twins[1])

    @classmethod
    def twin(cls, gw):
        claim = gw.create_claim("ada", assigned_to=["asim"], parties=[
            gw.party("rupa"), gw.party("carl", kind="adviser")])
        answer = gw.upload(claim, samples.pdf("the same"), gw.token("claimant", "ada"))
        return {"claim": claim, "artefact": answer.json["artefact"]["id"],
                "assessment": gw.create_assessment(claim)}

    @classmethod
    def harmful(cls, gw, twin):
        answer = gw.upload(twin["claim"], samples.pdf(cls.MARK), cert=gw.gp_certificate,
                           kind="medical_report", filename=f"{cls.MARK}.pdf",
                           params={"description": cls.MARK})
        artefact = answer.json["artefact"]["id"]
        for path in ("", "/content?purpose=decision", "/receipt"):  # read by staff: in history
            told = gw.get(f"/v1/artefacts/{artefact}{path}", gw.manager)
            if told.status != 200:
                raise AssertionError(f"the case manager is not shown it: {told}")
        return artefact

    def reads(self):
        for call in ROUTES:
            if call.reads and call.thing in ("claim", "artefact", "assessment"):
                yield call

    def test_no_call_tells_which_claim_has_it(self):
        for caller in self.people:
            with Session(self.gw) as session:
                for call in self.reads():
                    told = []
                    for twin in self.twins:
                        answer = self.ask(session, call, caller, twin[call.thing])
                        self.assertUntold(answer, f"{call.route} by {caller.name}")
                        told.append((answer.status, sorted(answer.headers), told_by(answer)))
                    self.assertEqual(told[0], told[1], f"{call.route} by {caller.name}")

    def test_every_call_about_it_is_like_nothing(self):
        for caller in self.people:
            with Session(self.gw) as session:
                for call in ROUTES:
                    if call.thing != "artefact":
                        continue
                    there, nothing = (self.ask(session, call, caller, i)
                                      for i in (self.secret, unknown_id()))
                    self.assertGreaterEqual(there.status, 400, call.route)
                    self.assertEqual(without_ids(there), without_ids(nothing), call.route)
                    self.assertUntold(there, call.route, its_id=False)

    def test_what_names_nothing_does_not_name_it(self):
        for caller in self.people:
            with Session(self.gw) as session:
                for call in ROUTES:
                    if call.reads and call.thing is None:
                        self.assertUntold(self.ask(session, call, caller, None), call.route)

    def assertUntold(self, answer, note, its_id=True):
        said = f"{answer.headers}{answer.body.decode(errors='replace')}"
        if "zip" in answer.headers.get("Content-Type", ""):
            with zipfile.ZipFile(io.BytesIO(answer.body)) as bundle:
                said += "".join(f"{name}{bundle.read(name).decode(errors='replace')}"
                                for name in bundle.namelist())
        for word in (self.MARK, "medical_report", "harmful") + ((self.secret,) if its_id else ()):
            self.assertNotIn(word, said, note)

    def test_released_and_taken_back(self):
        """From a release on it is there like any other; after the revocation it never was."""
        twin = self.twin(self.gw)
        before = self.everything(twin)
        artefact = self.harmful(self.gw, twin)
        self.assertEqual(self.everything(twin), before)
        owner, path = self.gw.token("records_owner", "rosa"), f"/v1/artefacts/{artefact}"
        release = {"reviewer": "Dr Invented", "reason": "the claimant knows"}
        self.expect(self.gw.post(f"{path}/harm-release", owner, {**release, "reviewer": "rosa"}),
                    400)
        self.expect(self.gw.post(f"{path}/harm-release", owner, {"reason": "x"}), 400)
        self.expect(self.gw.post(f"{path}/harm-release", owner, release), 201)
        self.expect(self.gw.post(f"{path}/harm-release", owner, release), 409, "conflict")
        for caller in self.people:
            token = self.tokens[caller.name]
            self.expect(self.gw.get(path, token), 200)
            self.assertIn(artefact, [a["id"] for a in self.gw.list_all(twin["claim"], token)])
            self.expect(self.gw.get(f"{path}/content", token), 200)
        history = self.gw.get(f"/v1/claims/{twin['claim']}/history", self.tokens["claimant"])
        self.assertIn(artefact, history.body.decode())
        self.assertNotIn("harm.", history.body.decode())
        staff = self.gw.get(f"/v1/claims/{twin['claim']}/history", self.gw.manager)
        self.assertIn("harm.released", staff.body.decode())
        revocation = f"{path}/harm-release/revocation"
        self.expect(self.gw.post(revocation, owner, {"reason": "a mistake"}), 201)
        self.expect(self.gw.post(revocation, owner, {"reason": "a mistake"}), 409, "conflict")
        self.assertEqual(self.everything(twin), before)
        self.expect(self.gw.post(f"{path}/harm-release", owner, release), 201)

    def everything(self, twin):
        """All that the claimant's side can be told about a claim by reading."""
        told = []
        for caller in self.people:
            with Session(self.gw) as session:
                for call in self.reads():
                    answer = self.ask(session, call, caller, twin[call.thing])
                    self.assertUntold(answer, call.route, its_id=False)
                    # their own reading is an event of the history
                    if not call.path.endswith("/history"):
                        told.append((call.route, answer.status, told_by(answer)))
        return told


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Personal values at rest: what people are called, when they were born, their numbers, the names of
their files and the words about them go in by every path and come out by the API, and stand nowhere
in the files of the gateway, however they might be written there."""

import base64
import contextlib
import sqlite3
import subprocess
import unittest
import urllib.parse
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest
from uploads import TUS_TYPE, metadata

BOUNDARY = "----sealed"
SUBJECT = "subject-7f3a-plain"  # opaque ids of the identity provider are keys, and stay as they are


class Values:
    """Each invented value once, and all that was given out."""

    def __init__(self):
        self.all = {}

    def __call__(self, path, text):
        assert text not in self.all.values(), text
        self.all[path] = text
        return text


def core(encoded):
    """Of base64 whose beginning and end depend on what stands beside."""
    return encoded.rstrip(b"=")[4:-4]


def spellings(text):
    """How the text might stand in a file."""
    utf8 = text.encode()
    found = {"utf-8": utf8, "upper": text.upper().encode(), "lower": text.lower().encode(),
             "utf-16-le": text.encode("utf-16-le"), "utf-16-be": text.encode("utf-16-be"),
             "percent": urllib.parse.quote(text).encode(),
             "json": text.encode("ascii", "backslashreplace"),
             "hex": utf8.hex().encode(), "HEX": utf8.hex().upper().encode(),
             "reversed": utf8[::-1]}
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + utf8)
        url = base64.urlsafe_b64encode(b"\0" * shift + utf8)
        found[f"base64+{shift}"], found[f"base64url+{shift}"] = core(padded), core(url)
    return {name: needle for name, needle in found.items() if len(needle) >= 6}


def search(files, values):
    """(path of the value, spelling, file) of everything that is found."""
    needles = [(path, name, needle) for path, text in values.items()
               for name, needle in spellings(text).items()]
    return [(path, name, str(file)) for file in files for data in [file.read_bytes()]
            for path, name, needle in needles if needle in data]


def form(*parts):
    return b"".join(f"--{BOUNDARY}\r\n".encode() + p + b"\r\n" for p in parts) + \
        f"--{BOUNDARY}--\r\n".encode()


def field(name, value):
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def file(data, name):
    return (f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/pdf\r\n\r\n").encode() + data


def letter():
    return samples.pdf(f"letter {uuid.uuid4()}", pad=200)


class SealedFields(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.secret = Values()
        cls.ada, cls.owner = gw.token("claimant", SUBJECT), gw.token("records_owner", "olive")
        cls.register()

    @classmethod
    def register(cls):
        secret = cls.secret
        body = cls.gw.claim_body(SUBJECT)
        body["claimant"] = {"subject": SUBJECT,
                            "name": secret("claim.name", "Quillon Ravenscroft-Ødegård"),
                            "date_of_birth": secret("claim.born", "1957-08-23"),
                            "nino": secret("claim.nino", "CE982311B")}
        body["external_reference"] = f"EXT-{uuid.uuid4()}"
        cls.body, cls.key = body, {"Idempotency-Key": str(uuid.uuid4())}
        answer = cls.gw.post("/v1/claims", cls.gw.system, body, headers=cls.key)
        assert answer.status == 201, answer
        cls.claim = answer.json["id"]

    # --- the paths ---------------------------------------------------------------------------

    def files(self):
        """Everything the gateway keeps or says; the tokens of clients are not its own."""
        gw = self.gw
        found = [f for f in gw.dir.rglob("*") if f.is_file()] + list(gw.folder.glob("stderr.*"))
        self.assertTrue([f for f in found if f.name == "gateway.db"])
        return found

    def raw(self):
        secret = self.secret
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        data, name = letter(), secret("raw.filename", "Psychiatrie Bréchet ward 11.pdf")
        words = {"description": secret("raw.description", "Letter about my panic attacks in Wrexham")}
        first = self.expect(self.gw.upload(self.claim, data, self.ada, filename=name, params=words,
                                           headers=headers), 201)
        again = self.expect(self.gw.upload(self.claim, data, self.ada, filename=name, params=words,
                                           headers=headers), 201)
        self.assertEqual(again.json["artefact"], first.json["artefact"])
        self.assertEqual((first.json["artefact"]["filename"], first.json["artefact"]["description"]),
                         (name, words["description"]))
        # the same bytes under another name
        self.expect(self.gw.upload(self.claim, data, self.ada,
                                   filename=secret("same.filename", "Kopie für Tante Zelda.pdf")),
                    (200, 201))
        return first.json["artefact"]["id"]

    def by_form(self):
        secret = self.secret
        body = form(field("kind", "further_evidence"),
                    field("description", secret("form.description", "My carer Bartholomew writes")),
                    file(letter(), secret("form.filename", "Bartholomew Uxbridge statement.pdf")))
        answer = self.gw.post(f"/v1/claims/{self.claim}/artefacts", self.ada, body, headers={
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Accept": "application/json"})
        self.expect(answer, (200, 201, 207))

    def by_tus(self):
        secret = self.secret
        for finished in (True, False):
            data = letter()
            which = "tus" if finished else "unfinished"
            words = metadata(claim=self.claim, kind="further_evidence", filetype="application/pdf",
                             filename=secret(f"{which}.filename", f"{which} Dr Fotheringay letter.pdf"),
                             description=secret(f"{which}.description", f"{which}: epilepsy since Truro"))
            made = self.expect(self.gw.post("/v1/uploads", self.ada, headers={
                "Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)),
                "Upload-Metadata": words}), 201)
            body = data if finished else data[:len(data) // 2]
            self.expect(self.gw.request("PATCH", made.headers["Location"], self.ada, body, {
                "Tus-Resumable": "1.0.0", "Content-Type": TUS_TYPE, "Upload-Offset": "0"}), 204)
        head = self.gw.request("HEAD", made.headers["Location"], self.ada,
                               headers={"Tus-Resumable": "1.0.0"})
        self.assertEqual(head.headers["Upload-Metadata"], words)
        return made.headers["Location"], data

    def by_draft(self):
        data, name = letter(), self.secret("draft.filename", "Hernández neurology Swansea.pdf")
        query = urllib.parse.urlencode({"kind": "further_evidence", "claim": self.claim})
        answer = self.gw.post(f"/v1/uploads?{query}", self.ada, data, headers={
            "Content-Type": "application/pdf", "Upload-Complete": "?1",
            "Upload-Draft-Interop-Version": "8", "Upload-Length": str(len(data)),
            "Content-Disposition": "attachment; filename*=UTF-8''" + urllib.parse.quote(name)})
        self.expect(answer, (200, 201))

    def refused(self):
        self.expect(self.gw.upload(self.claim, b"MZ" + b"\0" * 400, self.ada,
                                   media="application/x-msdownload",
                                   filename=self.secret("refused.filename", "Gwendolen diary 2019.exe")),
                    (415, 422))

    def linked(self, artefact):
        secret = self.secret
        other = self.gw.create_claim("bob")
        path = f"/v1/artefacts/{artefact}/links"
        self.expect(self.gw.post(path, self.gw.manager, {
            "claim": other, "reason": secret("link.reason", "Also about her brother Percival")}), 201)
        told = self.expect(self.gw.get(f"/v1/artefacts/{artefact}", self.gw.manager), 200)
        self.assertIn(secret.all["link.reason"], told.body.decode())
        self.expect(self.gw.request("DELETE", f"{path}/{other}", self.gw.manager), (200, 204))

    def kept(self, artefact):
        """Restriction and hold, with reasons in words."""
        secret = self.secret
        reason = {"reason": secret("restriction.reason", "Third party named: Mrs Ottoline Pym")}
        self.expect(self.gw.post(f"/v1/artefacts/{artefact}/restriction", self.gw.manager, reason), 201)
        self.expect(self.gw.request("DELETE", f"/v1/artefacts/{artefact}/restriction", self.owner,
                                    {"reason": secret("unrestriction.reason", "Ottoline consents now")}),
                    (200, 204))
        self.expect(self.gw.request("PUT", f"/v1/artefacts/{artefact}/hold", self.gw.manager,
                                    {"reason": secret("hold.reason", "Tribunal of Peregrine v DWP")}),
                    (200, 201))
        self.expect(self.gw.request("DELETE", f"/v1/artefacts/{artefact}/hold", self.owner,
                                    {"reason": secret("unhold.reason", "Peregrine withdrew in May")}),
                    (200, 204))

    def harmful(self):
        secret = self.secret
        told = self.expect(self.gw.upload(self.claim, letter(), None, kind="medical_report",
                                          filename=secret("harm.filename", "Prognosis for Quillon.pdf"),
                                          cert=self.gw.gp_certificate), 201)
        path = f"/v1/artefacts/{told.json['artefact']['id']}/harm-release"
        self.expect(self.gw.post(path, self.owner, {
            "reviewer": secret("harm.reviewer", "Dr Ambrose Nettlefold"),
            "reason": secret("harm.reason", "He was told in Llandudno himself")}), 201)
        self.expect(self.gw.post(f"{path}/revocation", self.owner, {
            "reason": secret("harm.revoked", "Nettlefold changed his mind")}), 201)

    def asked(self):
        secret = self.secret
        self.expect(self.gw.post(f"/v1/claims/{self.claim}/requests", self.gw.manager, {
            "what": secret("request.what", "Discharge summary of Saint Crispin ward"),
            "kind": "further_evidence", "from_role": "claimant"}), 201)
        self.expect(self.gw.request("PUT", f"/v1/claims/{self.claim}/lease", self.gw.manager, {
            "reason": secret("lease.reason", "Speaking with Quillon's sister"),
            "until": fixture.now(600)}), 200)

    def contacted(self):
        body = {"contacts": [{"subject": SUBJECT, "channel": "email",
                              "address": self.secret("contact.address", "quillon.ravenscroft@example.org")}]}
        path = f"/v1/claims/{self.claim}/contacts"
        self.expect(self.gw.request("PUT", path, self.gw.system, body), 200)
        self.assertIn(self.secret.all["contact.address"],
                      self.expect(self.gw.get(path, self.gw.system), 200).body.decode())

    def report(self):
        secret = self.secret
        self.expect(self.gw.post("/v1/medical-reports", None, {
            "patient": {"name": secret("report.name", "Philomena Grindelwood"),
                        "address": secret("report.address", "17 Quince Passage, Aberaeron"),
                        "postcode": secret("report.postcode", "ZZ98 7QX"),
                        "date_of_birth": secret("report.born", "1949-11-30"),
                        "nino": secret("report.nino", "CE771204D")},
            "diagnosis": secret("report.diagnosis", "Glioblastoma of the left temporal lobe"),
            "clinical_features": secret("report.features", "Aphasia and nocturnal seizures"),
            "treatment": secret("report.treatment", "Palliative dexamethasone at home"),
            "date_of_diagnosis": "2025-01-10", "date_criteria_met": "2025-02-01",
            "patient_aware_of_diagnosis": True, "patient_aware_of_prognosis": False,
            "declaration": {"role": "general_practitioner", "gmc_number": "7654321",
                            "name": secret("report.signer", "Dr Leocadia Thrupp"),
                            "address": secret("report.surgery", "Old Creamery Surgery, Lampeter"),
                            "postcode": "ZZ98 7QZ", "phone": "01632 960001"}},
            cert=self.gw.gp_certificate), 201)

    def ordered(self, artefact):
        """What an administrator writes on a command line."""
        made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        recipient = made.split("public key: ")[1].split()[0]
        self.gw.command("export", "--config", self.gw.config, "--artefact", artefact, "--recipient",
                        recipient, "--out", self.gw.folder / "out.age", "--reason",
                        self.secret("export.reason", "Court order of judge Wolverhampton"))

    # --- the test ----------------------------------------------------------------------------

    def test_the_search_finds_what_is_there(self):
        """Every spelling, and in the real files what is meant to stand there."""
        probe = self.gw.folder / "probe"
        for name, needle in spellings("Quillon Ravenscroft-Ødegård").items():
            probe.write_bytes(b"xyz" + needle + b"zyx")
            self.assertTrue(search([probe], {"name": "Quillon Ravenscroft-Ødegård"}), name)
        probe.write_bytes(b"x" + base64.b64encode(b"a line with Quillon Ravenscroft in it") + b"x")
        self.assertTrue(search([probe], {"name": "Quillon Ravenscroft"}))
        probe.unlink()
        self.assertTrue([f for _, _, f in search(self.files(), {"subject": SUBJECT}) if "gateway.db" in f])

    def test_nothing_personal_stands_in_the_files(self):
        again = self.expect(self.gw.post("/v1/claims", self.gw.system, self.body, headers=self.key), 201)
        self.assertEqual(again.json["id"], self.claim)
        self.expect(self.gw.request("PATCH", f"/v1/claims/{self.claim}", self.gw.system,
                                    {"stage": "decision"}), 200)
        artefact = self.raw()
        self.by_form()
        unfinished, data = self.by_tus()
        self.by_draft()
        self.refused()
        self.linked(artefact)
        self.kept(artefact)
        self.harmful()
        self.asked()
        self.contacted()
        self.report()
        self.ordered(artefact)
        self.assertGreater(len(self.secret.all), 35)
        self.shown()
        self.assertEqual(search(self.files(), self.secret.all), [])  # with the log of what was written
        self.gw.stop()
        self.assertEqual(search(self.files(), self.secret.all), [])
        self.gw.start()
        self.shown()
        # What was sealed before the restart goes on behind it, and has its words.
        head = self.gw.request("HEAD", unfinished, self.ada, headers={"Tus-Resumable": "1.0.0"})
        offset = int(head.headers["Upload-Offset"])
        self.expect(self.gw.request("PATCH", unfinished, self.ada, data[offset:], {
            "Tus-Resumable": "1.0.0", "Content-Type": TUS_TYPE, "Upload-Offset": str(offset)}), 204)
        self.assertIn(self.secret.all["unfinished.filename"], self.listed())
        self.assertEqual(search(self.files(), self.secret.all), [])
        done = self.gw.command("log", "verify", "--config", self.gw.config)
        self.assertIn(b" 0 unlawful", done.stdout)

    def listed(self):
        return {name for a in self.gw.list_all(self.claim, self.gw.manager)
                for name in (a["filename"], a["description"])}

    def shown(self):
        """To those who may see it, all of it."""
        secret = self.secret.all
        told = self.expect(self.gw.get(f"/v1/claims/{self.claim}", self.gw.manager), 200).json
        self.assertEqual({k: told["claimant"][k] for k in ("name", "date_of_birth", "nino")},
                         {"name": secret["claim.name"], "date_of_birth": secret["claim.born"],
                          "nino": secret["claim.nino"]})
        listed = self.listed()
        for path in ("raw.filename", "raw.description", "form.filename", "form.description",
                     "tus.filename", "tus.description", "draft.filename", "harm.filename"):
            self.assertIn(secret[path], listed, path)
        history, path = "", f"/v1/claims/{self.claim}/history"
        while path:
            page = self.expect(self.gw.get(path, self.gw.manager), 200)
            history, path = history + page.body.decode(), page.next()
        for path in ("link.reason", "restriction.reason", "hold.reason", "harm.reason"):
            self.assertIn(secret[path], history, path)


class Keys(unittest.TestCase):
    """The life of a column key, and databases that are older than it."""

    def setUp(self):
        self.gw = fixture.Gateway().init()

    def tearDown(self):
        self.gw.stop()
        self.gw.remove()

    def keys(self, *argv, check=True):
        return self.gw.command("keys", *argv, "--config", self.gw.config, check=check)

    def columns(self):
        """id -> (state, values), as listed."""
        lines = [line.split() for line in self.keys("list").stdout.decode().splitlines()]
        return {line[1]: (line[2], int(line[3])) for line in lines if line[0] == "column"}

    def sql(self, *statements):
        with contextlib.closing(sqlite3.connect(self.gw.dir / "data/gateway.db")) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    def test_a_key_is_replaced(self):
        gw = self.gw.start()
        claim = gw.create_claim("ada")
        ada = gw.token("claimant", "ada")
        self.assertEqual(gw.upload(claim, letter(), ada, filename="Zebedee.pdf").status, 201)
        first, = self.columns()
        self.assertEqual(self.columns()[first], ("active", 3 + 1))
        second = self.keys("column-add").stdout.decode().strip()
        self.assertEqual(set(self.columns()), {first, second})
        self.assertNotEqual(self.keys("column-retire", first, check=False).returncode, 0)
        gw.stop()
        gw.start()
        self.assertIn('"columns.sealed"', gw.stderr())
        self.assertEqual(self.columns(), {first: ("loaded", 0), second: ("active", 3 + 1)})
        self.assertNotEqual(self.keys("column-retire", second, check=False).returncode, 0)
        self.keys("column-retire", first)
        self.assertEqual(set(self.columns()), {second})
        self.assertEqual([f.name for f in (gw.dir / "keys").glob("column-*")], ["column-2.key"])
        gw.stop()
        gw.start()
        told = gw.get(f"/v1/claims/{claim}", gw.manager).json["claimant"]
        self.assertEqual(told["name"], "Invented Ada")
        self.assertEqual([a["filename"] for a in gw.list_all(claim, ada)], ["Zebedee.pdf"])
        self.assertIn(b" 0 unlawful", gw.command("log", "verify", "--config", gw.config).stdout)

    def test_a_set_up_without_a_key_refuses_and_says_what_to_do(self):
        """As one that was made before there were column keys, with what it wrote then."""
        gw = self.gw.start()
        claim = gw.create_claim("ada")
        ada = gw.token("claimant", "ada")
        self.assertEqual(gw.upload(claim, letter(), ada, filename="x.pdf").status, 201)
        gw.stop()
        (gw.dir / "keys/column-1.key").unlink()
        gw.edit("keyring/keyring.json", r',"columns":\[.*?\]', "")
        self.sql("UPDATE claims SET claimant_name = 'Zebedee Old', claimant_born = '1961-12-24', claimant_nino ="
                 " 'CE111222A', sealed_name = NULL, sealed_born = NULL, sealed_nino = NULL",
                 "UPDATE artefacts SET filename = 'zebedee.pdf', sealed_filename = NULL", "DELETE FROM sealing")
        plain = {"name": "Zebedee Old", "born": "1961-12-24", "nino": "CE111222A", "file": "zebedee.pdf"}
        files = [gw.dir / "data/gateway.db"]
        self.assertTrue(search(files, plain))
        done = gw.command("serve", "--config", gw.config, check=False)
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(b"column-add", done.stderr)
        self.keys("column-add")
        gw.start()
        told = gw.get(f"/v1/claims/{claim}", gw.manager).json["claimant"]
        self.assertEqual((told["name"], told["date_of_birth"], told["nino"]),
                         ("Zebedee Old", "1961-12-24", "CE111222A"))
        self.assertEqual([a["filename"] for a in gw.list_all(claim, ada)], ["zebedee.pdf"])
        files += [f for f in (gw.dir / "data").iterdir() if f.is_file()]
        self.assertEqual(search(files, plain), [])

    def test_a_plane_for_intake_writes_names_and_reads_none(self):
        gw = self.gw
        (gw.dir / "keys/column-1.key").rename(gw.folder / "away")  # it needs none on its machine
        gw.setting("policy.intake_only", True).start()
        claim = gw.create_claim("ada")
        ada = gw.token("claimant", "ada")
        again = {"Idempotency-Key": str(uuid.uuid4())}
        data = letter()
        for name in ("Zebedee.pdf", ""):  # when it is asked again, it knows the name no more
            sent = gw.upload(claim, data, ada, filename="Zebedee.pdf", headers=again)
            self.assertEqual((sent.status, sent.json["artefact"]["filename"]), (201, name))
        told = gw.get(f"/v1/claims/{claim}", gw.manager)
        self.assertEqual(told.status, 200)
        self.assertNotIn("Invented", told.body.decode())
        self.assertNotIn("Zebedee", str(gw.list_all(claim, ada)))
        words = metadata(claim=claim, kind="further_evidence", filetype="application/pdf",
                         filename="Quentin.pdf")
        data = letter()
        made = gw.post("/v1/uploads", ada, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)),
                                                    "Upload-Metadata": words})
        self.assertEqual(made.status, 201, made)
        gw.stop()
        gw.start()  # an upload goes on, with its words
        url = made.headers["Location"]
        self.assertEqual(gw.request("HEAD", url, ada, headers={"Tus-Resumable": "1.0.0"})
                         .headers["Upload-Metadata"], words)
        self.assertEqual(gw.request("PATCH", url, ada, data, {
            "Tus-Resumable": "1.0.0", "Content-Type": TUS_TYPE, "Upload-Offset": "0"}).status, 204)
        plain = {"name": "Invented Ada", "file": "Zebedee.pdf", "upload": "Quentin.pdf"}
        self.assertEqual(search([f for f in (gw.dir / "data").rglob("*") if f.is_file()], plain), [])
        gw.stop()
        (gw.folder / "away").rename(gw.dir / "keys/column-1.key")
        gw.setting("policy.intake_only", False).start()
        self.assertEqual(gw.get(f"/v1/claims/{claim}", gw.manager).json["claimant"]["name"], "Invented Ada")
        self.assertEqual({a["filename"] for a in gw.list_all(claim, ada)}, {"Zebedee.pdf", "Quentin.pdf"})


if __name__ == "__main__":
    unittest.main()

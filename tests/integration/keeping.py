"""What the tests of keeping share: people, shorthands, and a look at the bytes on the disk."""

import pathlib
import sqlite3
import time
import uuid

import samples
from gateway_fixture import GatewayTest, sha256

WAIT_SECONDS = 60  # for what the gateway does by itself; reached only when something is wrong


def until(look, what):
    """What `look` returns once it is true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.02)


class Keeping(GatewayTest):
    """People and shorthands."""

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.olive, cls.oscar = gw.token("records_owner", "olive"), gw.token("records_owner", "oscar")
        cls.morgan = gw.manager
        cls.asim = gw.token("assessor", "asim")
        cls.others = {"claimant": cls.ada, "assessor": cls.asim,
                      "auditor": gw.token("auditor", "audrey"),
                      "operator": gw.token("operator", "olga"),
                      "claims_system": gw.system,
                      "health_professional": gw.token("health_professional", "dr-gray")}

    def claim(self, **members):
        return self.gw.create_claim("ada", assigned_to=["asim"], **members)

    def letter(self, claim=None, data=None, **options):
        data = data or samples.pdf(str(uuid.uuid4()))
        answer = self.expect(self.gw.upload(claim or self.claim(), data, self.ada, **options), 201)
        return answer.json["artefact"]["id"]

    def call(self, method, artefact, what, token, reason="because"):
        body = None if reason is None else {"reason": reason}
        return self.gw.request(method, f"/v1/artefacts/{artefact}/{what}", token, body)

    def status(self, artefact, token=None):
        return self.gw.get(f"/v1/artefacts/{artefact}", token or self.morgan).json["status"]

    def read(self, artefact, token=None):
        return self.gw.get(f"/v1/artefacts/{artefact}/content", token or self.ada)

    def events(self, claim, token, name=None):
        found = self.expect(self.gw.get(f"/v1/claims/{claim}/history?limit=200", token), 200).items()
        return [e for e in found if name is None or e["event"] == name]

    def dispose(self, artefact):
        self.expect(self.call("POST", artefact, "disposal", self.olive), 201)
        return self.expect(self.call("POST", artefact, "disposal/approval", self.oscar), 201).json

    def disposal(self, artefact):
        answer = self.gw.get(f"/v1/artefacts/{artefact}/disposal", self.olive)
        return answer.json["disposal"] if answer.status == 200 else None

    def destroyed(self, artefact):
        def done():
            found = self.disposal(artefact)
            return found if found and found["state"] == "done" else None
        return until(done, "a disposal")

    def checks(self):
        """The log verifies and the store is whole."""
        for command in (("log", "verify"), ("scrub",)):
            done = self.gw.command(*command, "--config", self.gw.config, check=False)
            self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())


def files_below(folder):
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def where(folder, needle):
    """The files that hold these bytes, in whatever page, free or not."""
    return [str(p.relative_to(folder)) for p in files_below(folder) if needle in p.read_bytes()]


class Destroying(Keeping):
    """No grace period: what two people agreed on is destroyed by the next tick."""

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.disposal_grace", "0 s")
        gw.setting("policy.backups_kept", "35 d")

    def database(self, folder=None):
        path = (pathlib.Path(folder) if folder else self.gw.dir) / "data" / "gateway.db"
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def row(self, sql, *values, folder=None):
        db = self.database(folder)
        try:
            return db.execute(sql, values).fetchone()
        finally:
            db.close()

    def header(self, artefact, folder=None):
        found = self.row("SELECT x.header FROM headers h JOIN header_slots x ON x.slot = h.slot"
                         " WHERE h.artefact = ?", uuid.UUID(artefact).bytes, folder=folder)
        return found and found[0]

    def payload(self, artefact, folder=None):
        found = list(((pathlib.Path(folder) if folder else self.gw.dir) / "data" / "blobs")
                     .rglob(f"{artefact}.age"))
        return found[0] if found else None

    def secrets(self, artefact, sent):
        """What may be nowhere afterwards, by name."""
        header = self.header(artefact)
        stanzas = [line for line in header.split(b"\n") if line and not line.startswith(b"->")
                   and not line.startswith(b"age-encryption") and not line.startswith(b"---")]
        self.assertEqual(len(stanzas), 2, header)  # the file key for the service and for recovery
        sealed = self.row("SELECT sealed_filename, sealed_description FROM artefacts WHERE id = ?",
                          uuid.UUID(artefact).bytes)
        return {"header": header, "service stanza": stanzas[0], "recovery stanza": stanzas[1],
                "payload": self.payload(artefact).read_bytes()[:4096], "digest": bytes.fromhex(sha256(sent)),
                "digest in the log": sha256(sent).encode(), "sealed name": sealed[0],
                **({"sealed description": sealed[1]} if sealed[1] else {})}

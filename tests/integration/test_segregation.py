#!/usr/bin/env python3
"""Segregation of duties: roles that one person does not hold at once, by docs/segregation.md; and an
operator, who can run everything and reads nothing."""

import os
import pathlib
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, now

ROLES = ("claimant", "representative", "health_professional", "assessor", "case_manager",
         "auditor", "records_owner", "claims_system", "operator")


def read_pairs():
    text = (pathlib.Path(os.environ["EG_SOURCE"]) / "docs/segregation.md").read_text()
    part = text.partition("## Acts")[0]
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in part.splitlines()
            if line.startswith("| ")]
    return {frozenset(row[:2]) for row in rows if row[0] in ROLES}


PAIRS = read_pairs()


class Duties(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.claim = gw.create_claim("ada")
        cls.data = samples.pdf(f"a letter that nobody is told of {uuid.uuid4()}")
        answer = gw.upload(cls.claim, cls.data, gw.token("claimant", "ada"),
                           filename="marker-name.pdf", params={"description": "marker-words"})
        cls.artefact = answer.json["artefact"]["id"]

    def test_every_pair_of_roles(self):
        self.assertGreater(len(PAIRS), 10)
        issuer = self.gw.forge()
        for i, one in enumerate(ROLES):
            for other in ROLES[i + 1:]:
                with self.subTest(one=one, other=other):
                    answer = self.gw.get("/v1/claims", issuer.token("dana", (one, other)))
                    if {one, other} in PAIRS:
                        self.expect(answer, 403, "insufficient-scope")
                        self.assertIn("insufficient_scope", answer.headers["WWW-Authenticate"])
                    else:
                        self.assertEqual(answer.status, 200, repr(answer))

    def test_a_third_role_is_no_way_around(self):
        issuer = self.gw.forge()
        for roles in (("claimant", "auditor", "case_manager"), ROLES):
            self.expect(self.gw.get("/v1/claims", issuer.token("dana", roles)), 403,
                        "insufficient-scope")
        self.assertIn("roles.conflict", self.gw.stderr())

    def test_the_operator_runs_everything(self):
        """Beside the running server, as who has its files: configuration, log, witnesses' checks,
        keys, sizes, health."""
        gw = self.gw
        commands = (("check-config", "--config", gw.config), ("log", "verify", "--config", gw.config),
                    ("scrub", "--config", gw.config), ("keys", "list", "--config", gw.config))
        said = b""
        for argv in commands:
            done = gw.command(*argv, check=False)
            self.assertEqual(done.returncode, 0, f"{argv}: {done.stdout}{done.stderr}")
            said += done.stdout + done.stderr
        for path in ("/healthz", "/readyz", "/metrics"):
            answer = gw.ops(path)
            self.assertEqual(answer.status, 200, path)
            said += answer.body
        said += gw.stderr().encode()
        for word in (b"marker-name", b"marker-words", b"Invented Ada", b"a letter that nobody"):
            self.assertNotIn(word, said)

    def test_the_operator_reads_nothing(self):
        """By no call of the API, and not in the files they have either."""
        token = self.gw.token("operator", "olga")
        routes = self.gw.command("help", "routes").stdout.decode().splitlines()
        asked = 0
        for line in routes:
            method, path, _ = line.split(" ")
            if method != "GET" or path.startswith(("/problems/", "/log/checkpoint", "/v1/uploads",
                                                   "/fhir/metadata")):
                continue
            for thing in (self.artefact, self.claim):
                target = path.replace("{rest...}", "0/000.p/1").replace("{event}", "e")
                for name in ("{claim}", "{id}", "{session}"):
                    target = target.replace(name, thing)
                for query in ("", "?purpose=audit", "?purpose=decision", "?leaf=0",
                              f"?month={now()[:7]}"):
                    answer = self.gw.get(target + query, token)
                    self.assertIn(answer.status, (400, 403, 404), f"{target}{query}: {answer!r}")
                    self.assertNotIn(b"marker", answer.body)
                    asked += answer.status == 403
        self.assertGreater(asked, 20)
        for file in pathlib.Path(self.gw.dir / "data").rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                for word in (self.data[:64], b"marker-name", b"marker-words"):
                    self.assertNotIn(word, data, file)


class Told(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.conflicting_roles", "log")

    def test_taken_and_told(self):
        token = self.gw.forge().token("dana", ("auditor", "case_manager"))
        self.expect(self.gw.get("/v1/claims", token), 200)
        self.assertIn("roles.conflict", self.gw.stderr())


if __name__ == "__main__":
    unittest.main()

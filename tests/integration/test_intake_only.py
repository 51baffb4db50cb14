#!/usr/bin/env python3
"""serve --intake-only: a public plane takes evidence in, hands out receipts, and can give nothing out; what it
took in is opened by the full gateway on the same store."""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gateway_fixture as fixture

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n" + b"x" * 200000


class IntakeOnly(unittest.TestCase):
    def setUp(self):
        self.gw = fixture.Gateway().init()

    def tearDown(self):
        self.gw.stop()
        self.gw.remove()

    def intake_only(self, on):
        self.gw.setting("policy.intake_only", on)

    def keeper_environment(self):
        """Everything the keeper and its guardian have open and mapped."""
        told = []
        for pid in self.gw.pids()[1:]:
            for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                try:
                    told.append(str(link.readlink()))
                except OSError:
                    pass
        return told

    def test_takes_in_and_gives_nothing_out(self):
        gw = self.gw
        self.intake_only(True)
        gw.start()
        claim = gw.create_claim("ada")
        ada = gw.token("claimant", "ada")
        answer = gw.upload(claim, PDF, ada)
        self.assertEqual(answer.status, 201, answer)
        item = answer.json["artefact"]["id"]
        self.assertEqual(gw.verify(answer.json["receipt"], PDF).returncode, 0)
        for token, query in ((ada, ""), (gw.manager, "?purpose=decision")):
            got = gw.get(f"/v1/artefacts/{item}/content{query}", token)
            self.assertEqual((got.status, got.problem), (503, "intake-only"), got)
            self.assertNotIn(b"%PDF", got.body)
        self.assertEqual(gw.get(f"/v1/artefacts/{item}/receipt", ada).status, 200)
        self.assertEqual(gw.get(f"/v1/artefacts/{item}", ada).json["size"], len(PDF))
        self.assertFalse([f for f in self.keeper_environment() if ".identity" in f])
        self.assertIn('"identities":0', gw.stderr())
        gw.stop()

        self.intake_only(False)
        gw.start()
        got = gw.get(f"/v1/artefacts/{item}/content?purpose=decision", gw.manager)
        self.assertEqual((got.status, got.body), (200, PDF))

    def test_the_plane_needs_no_identity_file(self):
        """The identities may be absent from the machine altogether."""
        gw = self.gw
        self.intake_only(True)
        for identity in (gw.dir / "keys").glob("*.identity"):
            identity.unlink()
        gw.start()
        claim = gw.create_claim("ada")
        self.assertEqual(gw.upload(claim, PDF, gw.token("claimant", "ada")).status, 201)

    def test_a_full_gateway_without_identities_refuses_to_start(self):
        gw = self.gw
        for identity in (gw.dir / "keys").glob("*.identity"):
            identity.unlink()
        done = subprocess.run([gw.binary, "serve", "--config", str(gw.config)], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 3, done)
        self.assertNotIn(b"ready", done.stdout)


if __name__ == "__main__":
    unittest.main()

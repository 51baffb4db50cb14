#!/usr/bin/env python3
"""A page of another origin in a real browser: Uppy with its tus plugin, forms and downloads by fetch,
in Chromium. Pages of origins that are not configured get nothing."""

import base64
import hashlib
import json
import subprocess
import time
import unittest
import uuid

import pki
import samples
from clients import Driver, modules, program
from gateway_fixture import GatewayTest, sha256
from wire import Wire

CHUNK = 256 * 1024
MIB = 1024 * 1024
RATE = 600 * 1024  # bytes a second, where a test has to act in the middle
TOKEN_SECONDS = 4


def key_hash(certificate):
    key = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"],
                         check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True,
                         capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class Page(GatewayTest):
    """One browser for the class, a fresh page for each test."""

    driver = None

    @classmethod
    def configure(cls, gw):
        modules()
        certificate, key = pki.Authority.of(gw).issue(
            "DNS:localhost,IP:127.0.0.1", usage="serverAuth")
        cls.driver = Driver("browser.mjs", {
            "chromium": program("chromium", "google-chrome"),
            "certificate": str(certificate), "key": str(key),
            "trusted": [key_hash(certificate), key_hash(gw.dir / "tls" / "server.pem")]})
        cls.page_port = cls.driver.until("ready")["port"]
        cls.origin = f"https://localhost:{cls.page_port}"
        gw.setting("server.cors_origins", ["https://claims.example", cls.origin])
        gw.edit("gateway.conf", r"^(issuers\s*[:=]\s*\(\s*\{)", '\\1\n    leeway = "0 s";', count=1)

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")

    @classmethod
    def tearDownClass(cls):
        cls.driver.close()
        super().tearDownClass()

    def setUp(self):
        self.wire = Wire(lambda: self.gw.port)
        self.addCleanup(self.wire.close)
        self.claim = self.gw.create_claim("ada")
        self.files = {}
        self.do("open", host="localhost")

    def do(self, what, **members):
        self.driver.tell(do=what, **members)
        return self.driver.until("done")["value"]

    def call(self, name, argument=None):
        return self.do("call", name=name, argument=argument)

    def url(self, path, port=None):
        return f"https://127.0.0.1:{port or self.gw.port}{path}"

    def choose(self, *files):
        """Puts (name, bytes) into the page's file input."""
        folder = self.gw.folder / self.claim
        folder.mkdir(exist_ok=True)
        for name, data in files:
            (folder / name).write_bytes(data)
            self.files[name] = data
        self.do("files", paths=[str(folder / name) for name, _ in files])

    def choose_letter(self, size=2 * MIB):
        self.choose(("letter.pdf", samples.pdf(str(uuid.uuid4()), pad=size)))

    def start(self, **members):
        """Uppy at work with what is chosen."""
        options = {"chunkSize": CHUNK, **members.pop("options", {})}
        self.call("start", {"endpoint": self.url("/v1/uploads", self.wire.port), "bearer": self.ada,
                            "meta": {"claim": self.claim, "kind": "further_evidence"},
                            "options": options, **members})

    def state(self, reached, seconds=60):
        """The page's state once `reached` says so of it."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.call("state")
            self.assertEqual(state["errors"], [], state)
            if reached(state):
                return state
            self.assertLess(time.monotonic(), deadline, f"not reached: {state}")
            time.sleep(0.05)

    def sending(self, count):
        return self.state(lambda s: sum(s["sent"]) >= count)

    def done(self):
        state = self.state(lambda s: len(s["done"]) == len(self.files))
        for told in state["done"]:
            self.finished(told["url"], self.files[told["name"]])
        self.arrived()
        return state

    def finished(self, url, data):
        told = self.expect(self.gw.get("/v1/uploads/" + url.rpartition("/")[2], self.ada), 200).json
        self.assertEqual(told["artefact"]["sha256"], sha256(data))
        verified = self.gw.verify(told["receipt"], data)
        self.assertEqual(verified.returncode, 0, verified.stderr.decode())

    def arrived(self):
        """The claim's artefacts are the chosen files, each once and exactly."""
        found = {}
        for artefact in self.gw.list_all(self.claim, self.gw.manager):
            self.gw.settled(artefact["id"])
            content = self.expect(self.gw.get(
                f"/v1/artefacts/{artefact['id']}/content?purpose=decision", self.gw.manager), 200)
            self.assertNotIn(artefact["filename"], found)
            found[artefact["filename"]] = sha256(content.body)
        self.assertEqual(found, {name: sha256(data) for name, data in self.files.items()})

    @staticmethod
    def methods(state, method):
        return [a["status"] for a in state["answers"] if a["method"] == method]


class Uppy(Page):
    def test_files_are_sent(self):
        self.choose(("letter.pdf", samples.pdf(str(uuid.uuid4()), pad=MIB)),
                    ("Foto – Küche.jpg", samples.jpeg(str(uuid.uuid4()))),
                    ("note.txt", samples.text(3000, time.time_ns())))
        self.start()
        state = self.done()
        self.assertEqual(self.methods(state, "POST"), [201] * 3)
        created = [a for a in state["answers"] if a["method"] == "POST"]
        # What the page could only read because it is exposed to it.
        self.assertTrue(all(a["location"] and a["expires"] for a in created), created)

    def test_the_same_file_for_two_claims(self):
        """Uppy remembers uploads by file and address: the address has to name the claim."""
        self.choose_letter(MIB)
        first = self.claim
        for self.claim in first, self.gw.create_claim("ada"):
            self.do("open", host="localhost")
            self.do("files", paths=[str(self.gw.folder / first / "letter.pdf")])
            self.start(meta={}, endpoint=self.url(
                f"/v1/uploads?claim={self.claim}&kind=further_evidence", self.wire.port))
            self.assertEqual(self.methods(self.done(), "POST"), [201])

    def test_in_parallel_parts(self):
        self.choose_letter()
        self.start(options={"parallelUploads": 3, "chunkSize": MIB})
        self.assertEqual(self.methods(self.done(), "POST"), [201] * 4)

    def test_paused_and_resumed(self):
        self.choose_letter()
        self.wire.rate = RATE
        self.start()
        self.sending(MIB // 2)
        self.call("pause")
        self.state(lambda s: s["paused"] == [True])
        deadline, before = time.monotonic() + 60, -CHUNK
        while self.wire.sent - before >= CHUNK // 2:  # what was on its way
            self.assertLess(time.monotonic(), deadline, "it goes on")
            before = self.wire.sent
            time.sleep(1.0)
        self.assertEqual(self.call("state")["done"], [])
        self.wire.rate = None
        self.call("resume")
        state = self.done()
        self.assertEqual(self.methods(state, "POST"), [201])
        self.assertEqual(self.methods(state, "HEAD"), [200])

    def test_the_network_goes_and_comes(self):
        self.choose_letter()
        self.wire.rate = RATE
        self.start()
        self.sending(MIB // 2)
        self.do("offline", value=True)
        self.state(lambda s: not s["online"])
        self.wire.cut()  # the emulation leaves what is in flight alone
        time.sleep(1.5)
        self.assertEqual(self.call("state")["done"], [])
        self.do("offline", value=False)
        self.wire.rate = None
        state = self.done()
        self.assertEqual(self.methods(state, "POST"), [201])
        self.assertIn(200, self.methods(state, "HEAD"))

    def test_the_server_is_killed(self):
        self.choose_letter()
        self.wire.hold_after(MIB)
        self.start()
        self.wire.await_hold()
        self.gw.kill()
        self.wire.cut()
        self.wire.release()
        self.gw.start()
        self.assertEqual(self.methods(self.done(), "POST"), [201])

    def test_the_page_is_loaded_anew(self):
        self.choose_letter()
        self.wire.rate = RATE
        self.start()
        self.sending(MIB // 2)
        self.do("open", host="localhost")
        self.wire.rate = None
        self.do("files", paths=[str(self.gw.folder / self.claim / "letter.pdf")])
        self.start()
        state = self.done()
        self.assertEqual(self.methods(state, "POST"), [])  # found in the browser's storage
        self.assertGreaterEqual(int(state["answers"][0]["offset"]), CHUNK)

    def test_the_token_expires_in_the_middle(self):
        self.choose_letter()
        token = self.gw.command("token", "--config", self.gw.config, "--role", "claimant",
                                "--subject", "ada", "--ttl", TOKEN_SECONDS).stdout.decode().strip()
        self.wire.rate = 2 * MIB // (TOKEN_SECONDS + 4)
        self.start(bearer=token, renews=True, options={"chunkSize": CHUNK // 2})
        state = self.state(lambda s: s["locked"] > 0)
        self.assertIn("expired", next(a["why"] for a in state["answers"] if a["status"] == 423))
        self.wire.rate = None
        self.call("renew", self.ada)
        self.assertEqual(self.methods(self.done(), "POST"), [201])

    def test_given_up(self):
        self.choose_letter()
        self.wire.rate = RATE
        self.start()
        state = self.sending(MIB // 2)
        location = next(a["location"] for a in state["answers"] if a["method"] == "POST")
        self.call("cancel")
        deadline = time.monotonic() + 60
        while self.gw.get(location, self.ada).status == 200:
            self.assertLess(time.monotonic(), deadline, "it is still there")
            time.sleep(0.1)
        self.assertEqual(self.gw.list_all(self.claim, self.gw.manager), [])

    def test_the_drafts(self):
        for protocol in "ietf-draft-03", "ietf-draft-05":
            with self.subTest(protocol):
                self.setUp()
                self.choose_letter(MIB)
                told = self.call("tus", {
                    "endpoint": self.url("/v1/uploads"), "bearer": self.ada, "protocol": protocol,
                    "chunkSize": CHUNK, "metadata": {
                        "claim": self.claim, "kind": "further_evidence", "filename": "letter.pdf",
                        "filetype": "application/pdf"}})
                self.assertNotIn("failed", told)
                self.assertEqual(told["answers"][-1][2], "?1")
                self.finished(told["url"], self.files["letter.pdf"])
                self.arrived()


class Fetch(Page):
    def form(self, **members):
        return self.call("form", {"url": self.url(f"/v1/claims/{self.claim}/artefacts"),
                                  "bearer": self.ada, "fields": {"kind": "further_evidence"}, **members})

    def test_a_form_with_several_files(self):
        self.choose(("letter.pdf", samples.pdf(str(uuid.uuid4()), pad=MIB)),
                    ("Ärztin „Weiß“.jpg", samples.jpeg(str(uuid.uuid4()))),
                    ("note.txt", samples.text(3000, time.time_ns())))
        answer = self.form()
        self.assertIn(answer.get("status"), (200, 201, 207), answer)
        self.arrived()

    def test_a_form_with_one_file(self):
        self.choose_letter()
        answer = self.form(fields={"kind": "further_evidence", "description": "von Frau Weiß"})
        self.assertEqual(answer.get("status"), 201, answer)
        told = json.loads(answer["body"])
        self.assertEqual(told["artefact"]["description"], "von Frau Weiß")
        self.assertIn("location", answer["headers"])
        self.assertIn("repr-digest", answer["headers"])
        self.arrived()

    def test_what_a_page_may_read(self):
        self.choose_letter()
        told = json.loads(self.form()["body"])
        content = self.url(f"/v1/artefacts/{told['artefact']['id']}/content")
        bearer = {"Authorization": f"Bearer {self.ada}"}
        answer = self.call("fetch", {"url": content, "headers": {**bearer, "Range": "bytes=0-8"}})
        self.assertEqual((answer["status"], answer["body"]), (206, "%PDF-1.4\n"), answer)
        for name in "etag", "content-range", "content-disposition", "accept-ranges", "repr-digest":
            self.assertIn(name, answer["headers"])
        again = self.call("fetch", {"url": content, "headers": {
            **bearer, "If-None-Match": answer["headers"]["etag"]}})
        self.assertEqual(again["status"], 304, again)
        refused = self.call("fetch", {"url": content})
        self.assertEqual(refused["status"], 401, refused)
        self.assertIn("www-authenticate", refused["headers"])
        self.assertEqual(json.loads(refused["body"])["type"], "/problems/unauthenticated")
        unknown = self.call("fetch", {"url": self.url("/v1/nothing")})
        self.assertEqual(unknown["status"], 404, unknown)

    def test_cookies_and_certificates_stay_at_home(self):
        told = self.call("fetch", {"url": self.url("/log/checkpoint"), "credentials": "include"})
        self.assertIn("failed", told)
        self.assertEqual(self.call("fetch", {"url": self.url("/log/checkpoint")})["status"], 200)


class Strangers(Page):
    """The same page from an origin that is not configured."""

    def setUp(self):
        super().setUp()
        self.do("open", host="127.0.0.1")

    def test_nothing_is_told(self):
        for path in "/log/checkpoint", "/v1/nothing":
            told = self.call("fetch", {"url": self.url(path)})
            self.assertIn("failed", told)

    def test_nothing_is_taken(self):
        self.choose_letter()
        told = self.call("form", {"url": self.url(f"/v1/claims/{self.claim}/artefacts"),
                                  "bearer": self.ada, "fields": {"kind": "further_evidence"}})
        self.assertIn("failed", told)
        told = self.call("tus", {"endpoint": self.url("/v1/uploads"), "bearer": self.ada,
                                 "retryDelays": None, "metadata": {
                                     "claim": self.claim, "kind": "further_evidence"}})
        self.assertIn("failed", told)
        self.assertEqual(self.gw.list_all(self.claim, self.gw.manager), [])

    def test_the_server_says_nothing_of_it(self):
        headers = {"Origin": f"https://127.0.0.1:{self.page_port}",
                   "Access-Control-Request-Method": "PATCH",
                   "Access-Control-Request-Headers": "authorization,tus-resumable"}
        for origin, allowed in (headers["Origin"], False), (self.origin, True):
            for path in "/v1/uploads", f"/v1/uploads/{uuid.uuid4()}":
                answer = self.gw.request("OPTIONS", path, headers={**headers, "Origin": origin})
                self.assertEqual(answer.headers.get("Access-Control-Allow-Origin"),
                                 origin if allowed else None)
                self.assertEqual(answer.headers["Vary"], "Origin")
                self.assertEqual("Access-Control-Allow-Methods" in answer.headers, allowed)


if __name__ == "__main__":
    unittest.main()

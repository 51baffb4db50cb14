#!/usr/bin/env python3
"""tus-js-client, which nobody here wrote, sends evidence to the running server: as it comes, in chunks,
in parallel parts, as a stream, by two versions of the IETF's draft; and its connection, its program
and the server break off in the middle. Whatever happens, the evidence arrives once and exactly, and
there is a receipt for it."""

import json
import math
import time
import unittest
import uuid

import samples
from clients import Driver, modules
from gateway_fixture import GatewayTest, receipt_of, sha256
from wire import Wire

CHUNK = 256 * 1024
MIB = 1024 * 1024
TOKEN_SECONDS = 4
PATIENCE_SECONDS = 60


class Client(GatewayTest):
    @classmethod
    def configure(cls, gw):
        modules()
        gw.setting("server.drain_on_stop", "1 s")
        gw.edit("gateway.conf", r"^(issuers\s*[:=]\s*\(\s*\{)", '\\1\n    leeway = "0 s";', count=1)

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")

    def setUp(self):
        self.wire = Wire(lambda: self.gw.port)
        self.addCleanup(self.wire.close)
        self.claim = self.gw.create_claim("ada")
        self.data = samples.pdf(str(uuid.uuid4()), pad=2 * MIB)
        self.media, self.name = "application/pdf", "Brief – ärztlich.pdf"

    def start(self, options=None, **job):
        """The client at work; what is not told is the same as in the last call of this test."""
        path = self.gw.folder / f"evidence.{self.claim}"
        if not path.exists():
            path.write_bytes(self.data)
        driver = Driver("tus.mjs", {
            "endpoint": f"https://127.0.0.1:{self.wire.port}/v1/uploads", "file": str(path),
            "token": self.ada, "options": options or {},
            "metadata": {"claim": self.claim, "kind": "further_evidence",
                         "filename": self.name, "filetype": self.media}, **job}, ca=self.gw.ca)
        self.addCleanup(driver.close)
        return driver

    def storage(self):
        return str(self.gw.folder / f"uploads.{self.claim}.json")

    def upload(self, url, token=None):
        """GET of the upload itself: no protocol's headers, as a person's program would."""
        return self.gw.get("/v1/uploads/" + url.rpartition("/")[2], token or self.ada)

    def arrived(self, url):
        """The one artefact of the claim is what was sent, and its receipts hold."""
        told = self.expect(self.upload(url), 200).json
        self.assertEqual(told["upload"]["state"], "finished", told)
        artefact = told["artefact"]
        self.assertEqual((artefact["sha256"], artefact["size"]), (sha256(self.data), len(self.data)))
        self.assertEqual((artefact["claim"], artefact["kind"], artefact["filename"],
                          artefact["media_type"]),
                         (self.claim, "further_evidence", self.name, self.media))
        self.gw.settled(artefact["id"])
        self.assertEqual([a["id"] for a in self.gw.list_all(self.claim, self.gw.manager)],
                         [artefact["id"]])
        content = self.expect(self.gw.get(f"/v1/artefacts/{artefact['id']}/content?purpose=decision",
                                          self.gw.manager), 200)
        self.assertEqual(sha256(content.body), sha256(self.data))
        for receipt in (told["receipt"],
                        receipt_of(self.expect(self.gw.get(
                            f"/v1/artefacts/{artefact['id']}/receipt", self.ada), 200))):
            done = self.gw.verify(receipt, self.data)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
        return told

    def sent(self, options=None, **job):
        driver = self.start(options, **job)
        self.arrived(driver.until("done")["url"])
        return driver


class Ways(Client):
    """How the client may send what it has."""

    def test_in_one_piece(self):
        driver = self.sent()
        self.assertEqual(driver.requests(), [("POST", 201), ("PATCH", 204)])
        self.assertTrue(all(e["expires"] for e in driver.all("answer")[:1]))

    def test_a_small_picture(self):
        self.data, self.media, self.name = samples.jpeg(str(uuid.uuid4())), "image/jpeg", "Foto.jpg"
        self.sent()

    def test_in_chunks(self):
        driver = self.sent({"chunkSize": CHUNK})
        self.assertEqual(driver.requests(), [("POST", 201)] + [("PATCH", 204)] * 9)
        self.assertEqual([e["accepted"] for e in driver.all("progress")],
                         [min(len(self.data), CHUNK * n) for n in range(1, 10)])

    def test_with_the_creation(self):
        driver = self.sent({"uploadDataDuringCreation": True})
        self.assertEqual(driver.requests(), [("POST", 201)])

    def test_with_the_creation_in_chunks(self):
        driver = self.sent({"uploadDataDuringCreation": True, "chunkSize": MIB})
        self.assertEqual(driver.requests(), [("POST", 201), ("PATCH", 204), ("PATCH", 204)])

    def test_where_patch_is_not_let_through(self):
        driver = self.sent({"overridePatchMethod": True, "chunkSize": MIB})
        self.assertEqual(driver.requests(), [("POST", 201)] + [("POST", 204)] * 3)

    def test_of_unknown_length(self):
        driver = self.sent({"uploadLengthDeferred": True, "chunkSize": CHUNK}, stream=True)
        self.assertEqual(driver.requests("POST"), [201])
        self.assertEqual(set(driver.requests("PATCH")), {204})

    def test_in_parallel_parts(self):
        driver = self.sent({"parallelUploads": 3})
        self.assertEqual(driver.requests("POST"), [201] * 4)
        self.assertEqual(driver.requests("PATCH"), [204] * 3)

    def test_in_parallel_parts_of_chunks(self):
        driver = self.sent({"parallelUploads": 3, "chunkSize": CHUNK})
        self.assertEqual(driver.requests("POST"), [201] * 4)

    def test_the_same_file_again(self):
        self.sent({"chunkSize": MIB})
        again = self.sent({"chunkSize": MIB})  # one artefact all the same, and a receipt
        self.assertEqual(again.requests("PATCH"), [204] * 3)

    def test_the_same_file_for_two_claims(self):
        """The client remembers uploads by file and address. Only if the address names the claim does
        the second claim get the file, too."""
        path, storage = self.gw.folder / f"letter.{self.claim}", self.storage()
        path.write_bytes(self.data)
        for self.claim in self.claim, self.gw.create_claim("ada"):
            driver = self.sent(
                storage=storage, file=str(path),
                endpoint=f"https://127.0.0.1:{self.wire.port}/v1/uploads?claim={self.claim}"
                         "&kind=further_evidence",
                metadata={"filename": self.name, "filetype": self.media})
            self.assertEqual(driver.requests(), [("POST", 201), ("PATCH", 204)])

    def test_several_clients_at_once(self):
        drivers = []
        for _ in range(4):
            self.setUp()
            drivers.append((self.start({"chunkSize": CHUNK}), self.claim, self.data))
        for driver, self.claim, self.data in drivers:
            self.arrived(driver.until("done")["url"])

    def test_given_up(self):
        self.wire.hold_after(MIB)
        driver = self.start({"chunkSize": CHUNK})
        url = driver.until("created")["url"]
        self.wire.await_hold()
        self.wire.release()
        driver.tell(do="terminate")
        driver.until("terminated")
        self.assertEqual(driver.requests("DELETE"), [204])
        self.expect(self.upload(url), (404, 410))
        self.assertEqual(self.gw.list_all(self.claim, self.gw.manager), [])


def each_draft(test):
    """Once for each version of the IETF's draft that the client knows."""
    def run(self):
        for protocol, interop in ("ietf-draft-03", "5"), ("ietf-draft-05", "6"):
            with self.subTest(protocol):
                self.setUp()
                for answer in test(self, {"protocol": protocol}).all("answer"):
                    self.assertEqual(answer["interop"], interop)
                    self.assertIsNone(answer["expires"])
    return run


class Drafts(Client):
    """The IETF's resumable uploads.

    What the client reads from a path it never calls the last chunk (its issue 820), unless that is
    all of it: with its own error left out, it reads from memory here, as in a browser."""

    @each_draft
    def test_in_one_piece(self, options):
        driver = self.sent(options)
        self.assertEqual(driver.requests(), [("POST", 201), ("PATCH", 201)])
        self.assertEqual(driver.all("answer")[-1]["complete"], "?1")
        return driver

    @each_draft
    def test_in_chunks(self, options):
        driver = self.sent({**options, "chunkSize": CHUNK}, buffer=True)
        self.assertEqual([e["complete"] for e in driver.all("answer")], ["?0"] * 9 + ["?1"])
        return driver

    @each_draft
    def test_with_the_creation(self, options):
        driver = self.sent({**options, "uploadDataDuringCreation": True, "chunkSize": MIB}, buffer=True)
        self.assertEqual(driver.requests(), [("POST", 201)] + [("PATCH", 201)] * 2)
        return driver

    @each_draft
    def test_of_unknown_length(self, options):
        return self.sent({**options, "uploadLengthDeferred": True, "chunkSize": CHUNK}, stream=True)

    @each_draft
    def test_broken_off_and_resumed_by_another_process(self, options):
        options["chunkSize"] = 600 * 1024
        self.wire.hold_after(MIB)
        first = self.start(options, storage=self.storage(), buffer=True)
        self.wire.await_hold()
        first.process.kill()
        self.wire.cut()
        self.wire.release()
        second = self.sent(options, storage=self.storage(), buffer=True)
        self.assertEqual(second.all("found")[0]["count"], 1)
        self.assertEqual(second.requests("POST"), [])
        self.assertGreaterEqual(int(second.all("answer")[0]["offset"]), 600 * 1024)
        return second

    @each_draft
    def test_the_server_is_killed(self, options):
        self.wire.hold_after(MIB)
        driver = self.start({**options, "chunkSize": 600 * 1024}, buffer=True)
        self.wire.await_hold()
        self.gw.kill()
        self.wire.cut()
        self.wire.release()
        self.gw.start()
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests("POST"), [201])
        return driver

    @each_draft
    def test_who_never_says_that_it_was_all(self, options):
        """Every byte is here, and yet nobody has said so: it waits, and whoever owns it may say it."""
        driver = self.start({**options, "chunkSize": CHUNK})
        url = driver.until("done")["url"]
        told = self.expect(self.upload(url), 200).json["upload"]
        self.assertEqual((told["state"], told["offset"]), ("open", len(self.data)))
        self.assertEqual(self.gw.list_all(self.claim, self.gw.manager), [])
        self.expect(self.gw.request(
            "PATCH", "/v1/uploads/" + url.rpartition("/")[2], self.ada, b"",
            {"Upload-Offset": str(len(self.data)), "Upload-Complete": "?1",
             "Upload-Draft-Interop-Version": "6", "Content-Type": "application/partial-upload"}), 201)
        self.arrived(url)
        return driver


class Breaks(Client):
    """Connection, client and server break off in the middle."""

    def resumed_at(self, driver):
        """Where the first HEAD says to go on; it is never behind what had been acknowledged."""
        answers = driver.all("answer")
        first = next(i for i, e in enumerate(answers) if e["method"] == "HEAD" and e["status"] == 200)
        acknowledged = [int(e["offset"]) for e in answers[:first] if e["method"] == "PATCH" and e["offset"]]
        self.assertGreaterEqual(int(answers[first]["offset"]), max(acknowledged, default=0))
        return int(answers[first]["offset"])

    def taken_in(self):
        for line in self.gw.ops("/metrics").body.decode().splitlines():
            if line.startswith("evidence_bytes_in_total "):
                return float(line.split()[1])
        raise AssertionError("nobody counts the bytes")

    def test_resumed_by_another_process(self):
        before = self.taken_in()
        self.wire.hold_after(MIB)
        first = self.start(storage=self.storage())
        url = first.until("created")["url"]
        self.wire.await_hold()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.taken_in() - before <= MIB // 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        first.tell(do="abort")
        first.until("aborted")
        self.wire.cut()  # else what it had sent by then, perhaps all, would still arrive
        self.wire.release()
        self.assertEqual(first.close(), 0)
        second = self.sent(storage=self.storage())
        self.assertEqual(second.all("found")[0]["count"], 1)
        self.assertEqual(second.all("done")[0]["url"], url)
        self.assertEqual(second.requests(), [("HEAD", 200), ("PATCH", 204)])
        self.assertGreater(self.resumed_at(second), MIB // 2)
        third = self.sent(storage=self.storage())  # it remembers: everything is here already
        self.assertEqual(third.requests(), [("HEAD", 200)])

    def test_parallel_parts_resumed_by_another_process(self):
        options = {"parallelUploads": 3, "chunkSize": CHUNK}
        self.wire.hold_after(MIB)
        first = self.start(options, storage=self.storage())
        self.wire.await_hold()
        first.process.kill()
        self.wire.cut()
        self.wire.release()
        second = self.sent(options, storage=self.storage())
        self.assertEqual(second.all("found")[0]["count"], 1)
        self.assertEqual(second.requests("HEAD"), [200] * 3)
        self.assertEqual(second.requests("POST"), [201])

    def test_the_connection_breaks(self):
        driver = self.start({"chunkSize": MIB})
        for count in 300000, 500000, 700000:
            self.wire.hold_after(count)
            self.wire.await_hold()
            self.wire.cut()
        self.wire.release()
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests("POST")[-1], 201)
        self.assertEqual(set(driver.requests("HEAD")), {200})

    def test_the_old_connection_does_not_know_that_it_is_dead(self):
        self.wire.hold_after(MIB)
        first = self.start(storage=self.storage())
        first.until("created")
        self.wire.await_hold()
        self.wire.freeze()
        first.process.kill()
        second = self.sent(storage=self.storage())
        self.assertEqual(second.requests(), [("HEAD", 200), ("PATCH", 204)])
        self.assertGreater(self.resumed_at(second), 0)

    def test_somebody_looks_while_it_comes(self):
        """Who only looks does not get in the way of who sends."""
        self.wire.hold_after(MIB)
        driver = self.start()
        url = driver.until("created")["url"]
        self.wire.await_hold()
        self.assertEqual(self.expect(self.upload(url), 200).json["upload"]["state"], "open")
        self.wire.release()
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests(), [("POST", 201), ("PATCH", 204)])

    def test_the_last_answer_is_lost(self):
        driver = self.start({"chunkSize": MIB}, hold="PATCH 3")
        url = driver.until("created")["url"]
        driver.until("holding")
        self.wire.mute = True
        driver.tell(do="go")
        deadline = time.monotonic() + 60
        while self.upload(url).json["upload"]["state"] != "finished":
            self.assertLess(time.monotonic(), deadline, "it does not arrive")
            time.sleep(0.05)
        self.wire.cut()
        self.wire.release()
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests(),
                         [("POST", 201), ("PATCH", 204), ("PATCH", 204), ("HEAD", 200)])

    def test_the_answer_to_the_final_one_is_lost(self):
        """Parts are put together once, however often it is asked for."""
        driver = self.start({"parallelUploads": 2, "retryDelays": None}, hold="POST 3",
                            storage=self.storage())
        driver.until("holding")
        self.wire.mute = True
        driver.tell(do="go")
        deadline = time.monotonic() + 60
        while not self.gw.list_all(self.claim, self.gw.manager):
            self.assertLess(time.monotonic(), deadline, "it does not arrive")
            time.sleep(0.05)
        driver.process.kill()
        self.wire.cut()
        self.wire.release()
        self.assertEqual(len(self.gw.list_all(self.claim, self.gw.manager)), 1)

    def test_the_server_is_restarted(self):
        self.wire.hold_after(MIB)
        driver = self.start({"chunkSize": CHUNK})
        self.wire.await_hold()
        self.gw.stop()
        self.wire.cut()
        self.wire.release()
        self.gw.start()
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests("POST"), [201])
        self.assertGreater(self.resumed_at(driver), 3 * CHUNK - 1)

    def test_the_server_is_killed(self):
        driver = self.start({"chunkSize": CHUNK})
        for count in 700000, 500000, 300000:
            self.wire.hold_after(count)
            self.wire.await_hold()
            self.gw.kill()
            self.wire.cut()
            self.gw.start()
        self.wire.release()
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests("POST"), [201])
        self.assertGreater(self.resumed_at(driver), CHUNK)

    def test_the_server_is_killed_between_parts(self):
        driver = self.start({"parallelUploads": 3, "chunkSize": CHUNK}, hold="POST 4")
        driver.until("holding")
        self.gw.kill()
        self.wire.cut()
        self.gw.start()
        driver.tell(do="go")
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests("POST"), [201] * 4)

    def test_the_token_expires_in_the_middle(self):
        started = time.monotonic()
        first = self.start({"chunkSize": CHUNK}, hold="PATCH 4")
        first.until("holding")
        first.process.kill()
        life = max(TOKEN_SECONDS, math.ceil(3 * (time.monotonic() - started)))  # as this machine is
        token = self.gw.command("token", "--config", self.gw.config, "--role", "claimant",
                                "--subject", "ada", "--ttl", life).stdout.decode().strip()
        started = time.monotonic()
        driver = self.start({"chunkSize": CHUNK}, token=token, hold="PATCH 4", renew=True)
        driver.until("holding")
        time.sleep(max(0.0, started + life + 1.5 - time.monotonic()))
        driver.tell(do="go")
        driver.until("locked")
        refused = driver.all("answer")[-1]
        self.assertIn("expired", refused["why"])
        driver.tell(do="go", token=self.ada)
        self.arrived(driver.until("done")["url"])
        self.assertEqual(driver.requests("POST"), [201])
        self.assertEqual(driver.requests().count(("PATCH", 204)), 9)
        self.assertIn(200, driver.requests("HEAD"))

    def test_the_token_expires_before_it_is_resumed(self):
        """The client forgets an upload at any refusal of its HEAD but 423."""
        self.wire.hold_after(MIB)
        first = self.start(storage=self.storage())
        self.wire.await_hold()
        first.process.kill()
        self.wire.cut()
        self.wire.release()
        expired = self.gw.command("token", "--config", self.gw.config, "--role", "claimant",
                                  "--subject", "ada", "--ttl", 1).stdout.decode().strip()
        time.sleep(2.5)
        second = self.start(storage=self.storage(), token=expired, renew=True)
        second.until("locked")
        self.assertEqual(second.requests(), [("HEAD", 423)])
        self.assertIn("expired", second.all("answer")[-1]["why"])
        second.tell(do="go", token=self.ada)
        self.arrived(second.until("done")["url"])
        self.assertEqual(second.requests("POST"), [])


class Refusals(Client):
    """What the client is told when the evidence cannot be taken; it does not try for ever."""

    def refused(self, driver):
        event = None
        while event is None:
            try:
                driver.until("done")
            except AssertionError:
                errors = driver.all("error")
                self.assertEqual(len(errors), 1, driver.events)
                event = errors[0]
            else:
                self.fail("it was taken")
        self.assertEqual(self.gw.list_all(self.claim, self.gw.manager), [])
        return driver.all("answer")[-1]

    def test_not_a_pdf(self):
        self.data = b"MZ" + bytes(200000)
        driver = self.start()
        answer = self.refused(driver)
        self.assertEqual((answer["method"], answer["status"]), ("PATCH", 415))
        self.assertEqual(json.loads(answer["body"])["type"], "/problems/type-not-allowed")
        gone = self.upload(driver.all("created")[0]["url"])
        self.assertEqual(gone.status, 410, gone)

    def test_an_empty_file(self):
        self.data = b""
        answer = self.refused(self.start())
        self.assertEqual((answer["method"], answer["status"]), ("POST", 400))
        self.assertEqual(json.loads(answer["body"])["type"], "/problems/file-empty")

    def test_somebody_elses_claim(self):
        answer = self.refused(self.start(token=self.gw.token("claimant", "eve")))
        self.assertEqual((answer["method"], answer["status"]), ("POST", 404))
        self.assertEqual(json.loads(answer["body"])["type"], "/problems/claim-not-found")

    def test_somebody_elses_upload(self):
        self.wire.hold_after(MIB)
        first = self.start()
        url = first.until("created")["url"]
        self.wire.await_hold()
        self.wire.release()
        eve = self.gw.token("claimant", "eve")
        self.expect(self.upload(url, eve), 404)
        other = self.start({"uploadUrl": url, "endpoint": None}, token=eve)
        self.assertEqual(self.refused_head(other), [("HEAD", 404)])
        self.arrived(first.until("done")["url"])

    def refused_head(self, driver):
        with self.assertRaisesRegex(AssertionError, "gave up"):
            driver.until("done")
        return driver.requests()

    def test_no_token(self):
        answer = self.refused(self.start(token="none"))
        self.assertEqual((answer["method"], answer["status"]), ("POST", 401))


if __name__ == "__main__":
    unittest.main()

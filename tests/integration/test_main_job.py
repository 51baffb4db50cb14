#!/usr/bin/env python3
"""The main job: claims, evidence in, evidence out, receipts, links, history."""

import base64
import hashlib
import json
import random
import subprocess
import threading
import unittest
import urllib.parse
import uuid

import gateway_fixture as fixture
import samples
from gateway_fixture import GatewayTest, receipt_of, sha256, unknown_id

SMALL_LIMIT = 300000  # of a carer's statement, in this test


def repr_digest(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


class Base(GatewayTest):
    @classmethod
    def configure(cls, gw):
        gw.edit("kinds.conf", r'(name = "carer_statement";\s*max_bytes = )\d+L?;',
                rf"\g<1>{SMALL_LIMIT}L;")

    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.assessor = gw.token("assessor", "asim")
        cls.claim = gw.create_claim("ada", assigned_to=["asim"])

    def sent(self, data=None, **options):
        """An accepted upload's artefact; ada's unless `token` is given."""
        data = samples.pdf(str(uuid.uuid4())) if data is None else data
        options.setdefault("token", self.ada)
        claim = options.pop("claim", self.claim)
        answer = self.expect(self.gw.upload(claim, data, **options), 201)
        return answer.json["artefact"]

    def content(self, artefact, token=None, **headers):
        return self.gw.get(f"/v1/artefacts/{artefact}/content", token or self.ada,
                           headers={k.replace("_", "-"): v for k, v in headers.items()})


class Claims(Base):
    def test_create_and_again(self):
        body = self.gw.claim_body("bea")
        first = self.expect(self.gw.post("/v1/claims", self.gw.system, body), 201)
        claim = first.json["id"]
        self.assertEqual(uuid.UUID(claim).version, 7)
        self.assertTrue(first.headers["Location"].endswith(f"/v1/claims/{claim}"))
        again = self.expect(self.gw.post("/v1/claims", self.gw.system, body), 200)
        self.assertEqual(again.json["id"], claim)
        for token in (self.gw.token("claimant", "bea"), self.gw.manager):
            told = self.expect(self.gw.get(f"/v1/claims/{claim}", token), 200).json
            self.assertEqual(told["id"], claim)
            self.assertEqual(told["external_reference"], body["external_reference"])
            self.assertEqual(told["stage"], "evidence")

    def test_created_twice_at_once_is_one_claim(self):
        body, answers = self.gw.claim_body("bea"), []
        system = self.gw.system
        threads = [threading.Thread(target=lambda: answers.append(
            self.gw.post("/v1/claims", system, body))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(a.status for a in answers), [200] * 7 + [201])
        self.assertEqual(len({a.json["id"] for a in answers}), 1)

    def test_personal_fields_only_for_who_needs_them(self):
        body = self.gw.claim_body("bea", assigned_to=["asim"], parties=[
            self.gw.party("carl", kind="carer", scope="evidence")])
        claim = self.gw.post("/v1/claims", self.gw.system, body).json["id"]
        nino, name = body["claimant"]["nino"], body["claimant"]["name"]
        for token in (self.gw.token("claimant", "bea"), self.gw.manager):
            said = self.gw.get(f"/v1/claims/{claim}", token).body.decode()
            self.assertIn(nino, said)
            self.assertIn(name, said)
        for token in (self.assessor, self.gw.token("auditor", "audrey"),
                      self.gw.token("representative", "carl")):
            answer = self.expect(self.gw.get(f"/v1/claims/{claim}", token), 200)
            for secret in (nino, name, body["claimant"]["date_of_birth"]):
                self.assertNotIn(secret, answer.body.decode())

    def test_unknown_members_and_wrong_values(self):
        good = self.gw.claim_body("bea")
        bad = [
            {**good, "colour": "red"},
            {**good, "claimant": {**good["claimant"], "colour": "red"}},
            {**good, "parties": [{**self.gw.party("carl"), "colour": "red"}]},
            {**good, "external_reference": 7},
            {**good, "external_reference": ""},
            {**good, "external_reference": "x" * 10000},
            {**good, "claimant": {**good["claimant"], "date_of_birth": "1971-02-30"}},
            {**good, "claimant": {**good["claimant"], "nino": "QQ123456C"}},
            {**good, "claimant": {**good["claimant"], "nino": "AO123456C"}},
            {**good, "claimant": {**good["claimant"], "nino": "BG123456C"}},
            {**good, "claimant": {**good["claimant"], "nino": "AB123456E"}},
            {**good, "special_rules": "no"},
            {**good, "assigned_to": "asim"},
            {k: v for k, v in good.items() if k != "external_reference"},
            {k: v for k, v in good.items() if k != "claimant"},
            [good],
        ]
        for body in bad:
            with self.subTest(body=str(body)[:120]):
                self.expect(self.gw.post("/v1/claims", self.gw.system, body), (400, 422))
        self.expect(self.gw.post("/v1/claims", self.gw.system, good), 201)

    def test_bodies_that_are_not_json(self):
        for body in (b"", b"{", b"{}{}", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 20000,
                     b'{"external_reference":NaN}'):
            with self.subTest(body=body[:20]):
                self.expect(self.gw.post("/v1/claims", self.gw.system, body, headers={
                    "Content-Type": "application/json"}), (400, 413))
        self.expect(self.gw.post("/v1/claims", self.gw.system, b"<claim/>", headers={
            "Content-Type": "application/xml"}), (400, 415))

    def test_nino_with_spaces_and_small_letters(self):
        body = self.gw.claim_body("bea")
        body["claimant"]["nino"] = "ab 12 34 56 c"
        claim = self.expect(self.gw.post("/v1/claims", self.gw.system, body), 201).json["id"]
        told = self.gw.get(f"/v1/claims/{claim}", self.gw.manager)
        self.assertIn("AB123456C", told.body.decode())

    def test_patch(self):
        claim = self.gw.create_claim("bea")
        carl = self.gw.token("representative", "carl")
        path = f"/v1/claims/{claim}"
        self.expect(self.gw.get(path, carl), 404)
        changed = self.gw.request("PATCH", path, self.gw.system, {
            "stage": "decision", "parties": [self.gw.party("carl")], "assigned_to": ["asim"]})
        self.expect(changed, 200)
        self.assertEqual(self.gw.get(path, carl).json["stage"], "decision")
        self.expect(self.gw.get(path, self.assessor), 200)
        # what a PATCH does not name stays
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"stage": "appeal"}), 200)
        self.assertEqual(self.gw.get(path, carl).json["stage"], "appeal")
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"parties": []}), 200)
        self.expect(self.gw.get(path, carl), 404)
        self.expect(self.gw.get(path, self.assessor), 200)
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"assigned_to": []}), 200)
        self.expect(self.gw.get(path, self.assessor), 404)
        self.expect(self.gw.request("PATCH", path, self.gw.system, {"colour": "red"}), 400)
        self.expect(self.gw.request("PATCH", f"/v1/claims/{unknown_id()}", self.gw.system,
                                    {"stage": "appeal"}), 404)

    def test_lists_and_their_filters(self):
        subject = f"lister-{uuid.uuid4().hex[:8]}"
        owner, stage = self.gw.token("claimant", subject), f"s{uuid.uuid4().hex[:12]}"
        worker = f"worker-{uuid.uuid4().hex[:8]}"
        made = []
        for n in range(7):
            body = self.gw.claim_body(subject, stage=stage if n % 2 else "evidence",
                                      assigned_to=[worker] if n % 3 == 0 else [])
            answer = self.expect(self.gw.post("/v1/claims", self.gw.system, body), 201)
            made.append((answer.json["id"], body))
        mine = self.expect(self.gw.get("/v1/claims", owner), 200).items()
        self.assertEqual({c["id"] for c in mine}, {c for c, _ in made})

        def ids(query, token):
            answer = self.expect(self.gw.get(f"/v1/claims?{query}", token), 200)
            return {c["id"] for c in answer.items()}

        self.assertEqual(ids(f"stage={stage}", self.gw.manager),
                         {c for n, (c, _) in enumerate(made) if n % 2})
        reference = made[3][1]["external_reference"]
        self.assertEqual(ids(f"external_reference={reference}", self.gw.manager), {made[3][0]})
        self.assertEqual(ids("external_reference=nobody-has-this", self.gw.manager), set())
        self.assertEqual(ids("assigned_to=me", self.gw.token("assessor", worker)),
                         {c for n, (c, _) in enumerate(made) if n % 3 == 0})
        # pages
        path, pages, seen = "/v1/claims?limit=3", 0, []
        while path:
            answer = self.expect(self.gw.get(path, owner), 200)
            self.assertLessEqual(len(answer.items()), 3)
            seen += [c["id"] for c in answer.items()]
            pages, path = pages + 1, answer.next()
            self.assertLess(pages, 10)
        self.assertEqual(pages, 3)
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(set(seen), {c for c, _ in made})
        for query in ("limit=0", "limit=-1", "limit=x", "limit=100000000000000000000",
                      "cursor=%00", "cursor=x", "cursor=" + "A" * 3000):
            with self.subTest(query=query):
                answer = self.gw.get(f"/v1/claims?{query}", owner)
                self.expect(answer, (200, 400) if query == "limit=100000000000000000000" else 400)


class Uploads(Base):
    def test_every_kind_with_curl(self):
        assessment = self.gw.create_assessment(self.claim)
        self.expect(self.gw.choose(assessment, self.ada, "notice", fixture.now(-7000)), 201)
        recording = {k: v for k, v in self.gw.recording(assessment).items()}
        cases = [
            ("further_evidence", "application/pdf", samples.pdf("one"), self.ada, {}),
            ("further_evidence", "image/jpeg", samples.jpeg("two"), self.ada, {}),
            ("carer_statement", "text/plain", samples.text(900, 1), self.ada, {}),
            ("medical_report", "application/pdf", samples.pdf("three"),
             self.gw.token("health_professional", "dr-gray"), {}),
            ("assessment_audio", "audio/wav", samples.wav(), self.assessor, recording),
            ("assessment_audio", "audio/flac", samples.flac(3), self.assessor, recording),
            ("assessment_report", "application/pdf", samples.pdf("four"), self.assessor, {}),
            ("claimant_recording", "audio/wav", samples.wav(seed=5), self.ada, {}),
            ("correspondence", "application/pdf", samples.pdf("five"), self.gw.manager, {}),
        ]
        for kind, media, data, token, params in cases:
            with self.subTest(kind=kind, media=media):
                name = f"{kind} of a test.{media.rsplit('/', 1)[1]}"
                query = urllib.parse.urlencode({"kind": kind, **params})
                answer = self.gw.curl(
                    f"/v1/claims/{self.claim}/artefacts?{query}", "--header",
                    f"Content-Type: {media}", "--header",
                    f'Content-Disposition: attachment; filename="{name}"', "--header",
                    f"Repr-Digest: {repr_digest(data)}", token=token, data=data)
                self.expect(answer, 201)
                told = answer.json["artefact"]
                self.assertEqual((told["claim"], told["kind"], told["filename"],
                                  told["media_type"], told["size"], told["sha256"]),
                                 (self.claim, kind, name, media, len(data), sha256(data)))
                self.assertEqual(told["uploaded_by"]["me"], True)
                self.assertEqual(uuid.UUID(told["id"]).version, 7)
                self.assertEqual(answer.headers["Repr-Digest"], repr_digest(data))
                self.assertTrue(answer.headers["Location"].endswith(
                    f"/v1/artefacts/{told['id']}"))
                if params:
                    self.assertEqual(told["assessment"], assessment)
                done = self.gw.verify(answer.json["receipt"], data)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.gw.settled(told["id"])["status"], "available")
                read = self.gw.curl(f"/v1/artefacts/{told['id']}/content?purpose=decision",
                                    token=self.gw.manager)
                self.assertEqual((read.status, read.body), (200, data))

    def test_every_type(self):
        for media, make in samples.TYPES.items():
            with self.subTest(media=media):
                data = make()
                told = self.sent(data, media=media, filename="a")
                self.assertEqual(told["media_type"], media)
                self.assertEqual(self.content(told["id"]).body, data)

    def test_sizes_at_which_sealing_might_go_wrong(self):
        for size in (1, 2, 16383, 16384, 16385, 65535, 65536, 65537, 131071, 131072, 131073,
                     5 * 1000 * 1000):
            with self.subTest(size=size):
                data = samples.text(size, size)
                told = self.sent(data, media="text/plain", filename="a.txt")
                self.assertEqual((told["size"], told["sha256"]), (size, sha256(data)))
                answer = self.content(told["id"])
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body, data)
                self.assertEqual(answer.headers["Content-Length"], str(size))

    def test_chunked_without_a_length(self):
        data = samples.pdf("in pieces", pad=200000)
        answer = self.gw.upload(self.claim, iter([data[:1], data[1:70000], data[70000:]]),
                                self.ada)
        self.expect(answer, 201)
        self.assertEqual(answer.json["artefact"]["sha256"], sha256(data))
        self.assertEqual(self.content(answer.json["artefact"]["id"]).body, data)

    def test_expect_continue_with_curl(self):
        data = samples.pdf("expected", pad=2000000)
        answer = self.gw.curl(f"/v1/claims/{self.claim}/artefacts?kind=further_evidence",
                              "--header", "Expect: 100-continue", "--header",
                              "Content-Type: application/pdf", token=self.ada, data=data)
        self.expect(answer, 201)

    def test_parallel(self):
        kept, errors = {}, []

        def work(seed):
            try:
                with fixture.Session(self.gw) as session:
                    for n in range(4):
                        data = samples.text(random.Random(seed * 10 + n).randrange(1, 200000),
                                            seed * 10 + n)
                        answer = self.gw.upload(self.claim, data, self.ada, media="text/plain",
                                                filename="p.txt", session=session)
                        self.expect(answer, 201)
                        kept[answer.json["artefact"]["id"]] = data
            except BaseException as e:
                errors.append(e)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        self.assertEqual(len(kept), 32)
        for artefact, data in kept.items():
            self.assertEqual(self.content(artefact).body, data)

    def test_description(self):
        told = self.sent(params={"description": "from the neighbour – Ł"})
        self.assertEqual(told["description"], "from the neighbour – Ł")


class UploadRefusals(Base):
    """What is refused is not kept."""

    def setUp(self):
        self.before = {a["id"] for a in self.gw.list_all(self.claim, self.gw.manager)
                       if a["status"] != "refused"}

    def tearDown(self):
        after = {a["id"] for a in self.gw.list_all(self.claim, self.gw.manager)
                 if a["status"] != "refused"}
        self.assertEqual(after, self.before)

    def refused(self, status, problem, data=None, **options):
        data = samples.pdf("not kept") if data is None else data
        options.setdefault("token", self.ada)
        return self.expect(self.gw.upload(options.pop("claim", self.claim), data, **options),
                           status, problem)

    def test_empty(self):
        answer = self.refused(400, "file-empty", b"")
        self.assertIn("empty", answer.json.get("detail", "") + answer.json.get("title", ""))
        self.refused(400, "file-empty", iter([]))

    def test_digest(self):
        data = samples.pdf("digest")
        for bad in (repr_digest(b"something else"), ):
            self.refused(400, "digest-mismatch", data, headers={"Repr-Digest": bad})
        for malformed in ("sha-256=:AAAA:", "sha-256=AAAA", "sha-256", "sha-256=:!!!:"):
            with self.subTest(malformed=malformed):
                self.refused(400, None, data, headers={"Repr-Digest": malformed})

    def test_content_digest(self):
        self.refused(400, "digest-mismatch", headers={"Content-Digest": repr_digest(b"no")})

    def test_too_large_declared(self):
        self.refused(413, "file-too-large", samples.text(SMALL_LIMIT + 1), media="text/plain",
                     kind="carer_statement")

    def test_too_large_undeclared(self):
        data = samples.text(SMALL_LIMIT * 4)
        self.refused(413, "file-too-large",
                     iter(data[n:n + 50000] for n in range(0, len(data), 50000)),
                     media="text/plain", kind="carer_statement")
        self.refused(413, "file-too-large", iter([data[:SMALL_LIMIT], b"x"]),
                     media="text/plain", kind="carer_statement")

    def test_too_large_with_curl(self):
        answer = self.gw.curl(
            f"/v1/claims/{self.claim}/artefacts?kind=carer_statement", "--header",
            "Content-Type: text/plain", "--header", "Expect:", token=self.ada,
            data=samples.text(8 * 1000 * 1000))
        self.expect(answer, 413, "file-too-large")

    def test_type_not_allowed(self):
        for media in ("application/x-msdownload", "text/html", "image/svg+xml", "video/mp4",
                      "application/octet-stream", "application/zip", "*/*", "pdf", ""):
            with self.subTest(media=media):
                self.refused((400, 415) if media in ("", "pdf", "*/*") else 415, None,
                             b"MZ" + b"\0" * 100, media=media)
        self.refused(415, "type-not-allowed", kind="claimant_recording")
        self.refused(415, "type-not-allowed", samples.wav(), media="audio/wav",
                     kind="carer_statement")

    def test_content_is_not_the_type(self):
        for media, data in (("application/pdf", samples.jpeg()), ("image/jpeg", samples.pdf()),
                            ("audio/wav", samples.pdf()), ("image/png", samples.jpeg()),
                            ("application/pdf", b"MZ\x90\0" + b"\0" * 300),
                            ("text/plain", bytes(range(256)) * 4),
                            ("image/jpeg", b"<html><script>alert(1)</script></html>"),
                            ("audio/flac", samples.wav())):
            with self.subTest(media=media, data=data[:8]):
                self.refused((415, 422), ("type-not-allowed", "unreadable-file"), data,
                             media=media)

    def test_unknown_kind_and_params(self):
        for kind in ("", "evidence", "FURTHER_EVIDENCE", "further_evidence\0", "x" * 5000,
                     "../kinds"):
            with self.subTest(kind=kind[:20]):
                self.refused((400, 414), None, kind=kind)
        answer = self.gw.post(f"/v1/claims/{self.claim}/artefacts", self.ada, samples.pdf(),
                              headers={"Content-Type": "application/pdf"})
        self.expect(answer, 400)
        answer = self.gw.post(
            f"/v1/claims/{self.claim}/artefacts?kind=further_evidence&kind=medical_report",
            self.ada, samples.pdf(), headers={"Content-Type": "application/pdf"})
        self.expect(answer, 400)

    def test_kinds_of_other_roles(self):
        for kind, media, data in (("medical_report", "application/pdf", samples.pdf()),
                                  ("assessment_report", "application/pdf", samples.pdf()),
                                  ("correspondence", "application/pdf", samples.pdf()),
                                  ("assessment_audio", "audio/wav", samples.wav())):
            with self.subTest(kind=kind):
                self.refused(403, "not-permitted", data, kind=kind, media=media)

    def test_audio_without_its_assessment(self):
        self.refused((400, 404), None, samples.wav(), kind="assessment_audio",
                     media="audio/wav", token=self.assessor)
        other = self.gw.create_assessment(self.gw.create_claim("bea", assigned_to=["asim"]))
        self.gw.choose(other, self.assessor, "notice", fixture.now(-7000))
        for params in (self.gw.recording(other), self.gw.recording(unknown_id()),
                       self.gw.recording("x")):
            self.refused((400, 404, 409), None, samples.wav(), kind="assessment_audio",
                         media="audio/wav", token=self.assessor, params=params)
        own = self.gw.create_assessment(self.claim)
        self.gw.choose(own, self.assessor, "notice", fixture.now(-7000))
        for params in ({"assessment": own},
                       self.gw.recording(own, started=-100, stopped=-200),
                       {**self.gw.recording(own), "recording_started_at": "yesterday"}):
            self.refused(400, None, samples.wav(), kind="assessment_audio", media="audio/wav",
                         token=self.assessor, params=params)

    def test_somebody_elses_claim(self):
        foreign = self.gw.create_claim("bea")
        one = self.refused(404, "claim-not-found", claim=foreign)
        self.assertSame(one, self.refused(404, "claim-not-found", claim=unknown_id()))


class Idempotency(Base):
    def key(self):
        return {"Idempotency-Key": f'"{uuid.uuid4()}"'}

    def test_replay(self):
        headers, data = self.key(), samples.pdf("once")
        first = self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), 201)
        before = len(self.gw.list_all(self.claim, self.ada))
        again = self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), 201)
        self.assertEqual(again.json["artefact"]["id"], first.json["artefact"]["id"])
        self.assertEqual(self.gw.verify(again.json["receipt"], data).returncode, 0)
        self.assertEqual(len(self.gw.list_all(self.claim, self.ada)), before)

    def test_other_payload(self):
        headers = self.key()
        self.expect(self.gw.upload(self.claim, samples.pdf("one"), self.ada, headers=headers),
                    201)
        before = len(self.gw.list_all(self.claim, self.ada))
        self.expect(self.gw.upload(self.claim, samples.pdf("two"), self.ada, headers=headers),
                    422)
        other = self.gw.create_claim("ada")
        self.expect(self.gw.upload(other, samples.pdf("one"), self.ada, headers=headers), 422)
        self.assertEqual(len(self.gw.list_all(self.claim, self.ada)), before)
        self.assertEqual(self.gw.list_all(other, self.ada), [])

    def test_keys_belong_to_a_client(self):
        headers, data = self.key(), samples.pdf("mine")
        theirs = self.gw.create_claim("bea")
        one = self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), 201)
        two = self.expect(self.gw.upload(theirs, data, self.gw.token("claimant", "bea"),
                                         headers=headers), 201)
        self.assertNotEqual(one.json["artefact"]["id"], two.json["artefact"]["id"])

    def test_still_running(self):
        headers, data = self.key(), samples.pdf("slow", pad=100000)
        self.assertEqual(self.gw.metric("evidence_uploads_now"), 0)
        running = fixture.Session(self.gw)
        started, go = threading.Event(), threading.Event()
        result = []

        def pieces():
            yield data[:70000]
            started.set()
            go.wait(60)
            yield data[70000:]

        thread = threading.Thread(target=lambda: result.append(
            self.gw.upload(self.claim, pieces(), self.ada, headers=headers, session=running)))
        thread.start()
        started.wait(30)
        try:
            while self.gw.metric("evidence_uploads_now") == 0:  # its head was not seen yet
                self.assertTrue(thread.is_alive(), result)
            self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), 409)
        finally:
            go.set()
            thread.join(60)
        self.expect(result[0], 201)
        again = self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), 201)
        self.assertEqual(again.json["artefact"]["id"], result[0].json["artefact"]["id"])

    def test_many_at_once_are_one(self):
        headers, data, answers = self.key(), samples.pdf("at once", pad=50000), []
        before = len(self.gw.list_all(self.claim, self.ada))
        threads = [threading.Thread(target=lambda: answers.append(
            self.gw.upload(self.claim, data, self.ada, headers=headers))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        good = [a.json["artefact"]["id"] for a in answers if a.status == 201]
        self.assertEqual(len(set(good)), 1, answers)
        self.assertTrue(all(a.status in (201, 409) for a in answers), answers)
        self.assertEqual(len(self.gw.list_all(self.claim, self.ada)), before + 1)

    def test_malformed_keys(self):
        for key in ('"open', '""', '"' + "x" * 1000 + '"', '"a" b', "a b", "", ";", "a,b"):
            with self.subTest(key=key[:20]):
                self.expect(self.gw.upload(self.claim, samples.pdf(), self.ada,
                                           headers={"Idempotency-Key": key}), 400)

    def test_a_refusal_may_be_tried_again(self):
        headers, data = self.key(), samples.pdf("again")
        bad = {**headers, "Repr-Digest": repr_digest(b"damaged on the way")}
        self.expect(self.gw.upload(self.claim, data, self.ada, headers=bad), 400)
        self.expect(self.gw.upload(self.claim, data, self.ada, headers=headers), (201, 422))


class Reading(Base):
    def setUp(self):
        self.data = samples.pdf("to read", pad=200000)
        self.artefact = self.sent(self.data, filename="Attest für Łukasz.pdf")["id"]
        self.size = len(self.data)
        self.etag = f'"{sha256(self.data)}"'

    def test_metadata(self):
        told = self.expect(self.gw.get(f"/v1/artefacts/{self.artefact}", self.ada), 200).json
        told = told.get("artefact", told)
        self.assertEqual((told["id"], told["size"], told["sha256"], told["filename"]),
                         (self.artefact, self.size, sha256(self.data), "Attest für Łukasz.pdf"))
        self.assertEqual([link["claim"] if isinstance(link, dict) else link
                          for link in told["links"]], [self.claim])
        theirs = self.gw.get(f"/v1/artefacts/{self.artefact}", self.gw.manager).json
        self.assertEqual(theirs.get("artefact", theirs)["uploaded_by"]["me"], False)
        self.assertEqual(theirs.get("artefact", theirs)["uploaded_by"]["role"], "claimant")

    def test_content(self):
        answer = self.expect(self.content(self.artefact), 200)
        self.assertEqual(answer.body, self.data)
        self.assertEqual(answer.headers["ETag"], self.etag)
        self.assertEqual(answer.headers["Repr-Digest"], repr_digest(self.data))
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
        self.assertIn("no-store", answer.headers["Cache-Control"])
        disposition = answer.headers["Content-Disposition"]
        self.assertTrue(disposition.startswith("attachment"), disposition)
        self.assertIn("filename*=UTF-8''Attest%20f%C3%BCr%20%C5%81ukasz.pdf", disposition)

    def test_head(self):
        path = f"/v1/artefacts/{self.artefact}/content"
        got = self.content(self.artefact)
        head = self.gw.request("HEAD", path, self.ada)
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("Content-Length", "Content-Type", "ETag", "Repr-Digest",
                     "Content-Disposition"):
            self.assertEqual(head.headers[name], got.headers[name], name)
        ranged = self.gw.request("HEAD", path, self.ada, headers={"Range": "bytes=0-9"})
        self.assertEqual((ranged.status, ranged.headers["Content-Length"]), (200, str(self.size)))

    def test_ranges(self):
        n = self.size
        for text, first, last in (
                ("bytes=0-0", 0, 0), ("bytes=0-9", 0, 9), ("bytes=65535-65536", 65535, 65536),
                ("bytes=65536-131071", 65536, 131071), ("bytes=1-", 1, n - 1),
                (f"bytes={n - 1}-", n - 1, n - 1), ("bytes=-1", n - 1, n - 1),
                ("bytes=-70000", n - 70000, n - 1), (f"bytes=100-{n * 9}", 100, n - 1),
                (f"bytes=-{n * 9}", 0, n - 1), ("bytes=5-5", 5, 5)):
            with self.subTest(range=text):
                answer = self.expect(self.content(self.artefact, Range=text), 206)
                self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/{n}")
                self.assertEqual(answer.body, self.data[first:last + 1])
                self.assertEqual(answer.headers["Content-Length"], str(last + 1 - first))
                self.assertEqual(answer.headers["Repr-Digest"], repr_digest(self.data))
                self.assertEqual(answer.headers["ETag"], self.etag)
                stated = answer.headers["Content-Digest"]
                if stated:
                    self.assertEqual(stated, repr_digest(answer.body))

    def test_random_ranges(self):
        dice = random.Random(20)
        with fixture.Session(self.gw) as session:
            for _ in range(60):
                first = dice.randrange(self.size)
                last = dice.randrange(first, self.size)
                answer = session.request("GET", f"/v1/artefacts/{self.artefact}/content",
                                         self.ada, headers={"Range": f"bytes={first}-{last}"})
                self.assertEqual(answer.status, 206)
                self.assertEqual(answer.body, self.data[first:last + 1])

    def test_ranges_that_cannot_be(self):
        for text in (f"bytes={self.size}-", f"bytes={self.size + 5}-{self.size + 9}", "bytes=-0"):
            with self.subTest(range=text):
                answer = self.expect(self.content(self.artefact, Range=text), 416)
                self.assertEqual(answer.headers["Content-Range"], f"bytes */{self.size}")

    def test_ranges_that_are_ignored(self):
        for text in ("bytes=9-5", "bytes=a-b", "lines=1-2", "bytes", "bytes=", "bytes=-",
                     "bytes=1-2-3", "bytes=0x1-0x2"):
            with self.subTest(range=text):
                answer = self.expect(self.content(self.artefact, Range=text), (200, 416))
                if answer.status == 200:
                    self.assertEqual(answer.body, self.data)

    def test_several_ranges(self):
        answer = self.content(self.artefact, Range="bytes=0-9,100-109")
        if answer.status == 200:
            self.assertEqual(answer.body, self.data)
        else:
            self.expect(answer, 206)
            self.assertTrue(answer.headers["Content-Type"].startswith("multipart/byteranges"))
            self.assertIn(self.data[0:10], answer.body)
            self.assertIn(self.data[100:110], answer.body)
        many = ",".join(f"{n}-{n}" for n in range(0, 4000, 2))
        answer = self.expect(self.content(self.artefact, Range=f"bytes={many}"),
                             (200, 206, 416, 431))
        self.assertLess(len(answer.body), 3 * self.size)
        overlap = ",".join(["0-"] * 50)
        answer = self.expect(self.content(self.artefact, Range=f"bytes={overlap}"),
                             (200, 206, 416))
        self.assertLess(len(answer.body), 2 * self.size)

    def test_if_range(self):
        part = self.content(self.artefact, Range="bytes=0-9", If_Range=self.etag)
        self.assertEqual((part.status, part.body), (206, self.data[:10]))
        for other in ('"somethingelse"', f"W/{self.etag}", "Sat, 29 Oct 1994 19:43:31 GMT"):
            with self.subTest(other=other):
                whole = self.content(self.artefact, Range="bytes=0-9", If_Range=other)
                self.assertEqual((whole.status, whole.body), (200, self.data))

    def test_if_none_match(self):
        for value in (self.etag, "*", f'"x", {self.etag}', f"W/{self.etag}"):
            with self.subTest(value=value):
                answer = self.content(self.artefact, If_None_Match=value)
                self.assertEqual((answer.status, answer.body), (304, b""))
                self.assertEqual(answer.headers["ETag"], self.etag)
        self.assertEqual(self.content(self.artefact, If_None_Match='"x"').status, 200)

    def test_staff_state_their_purpose(self):
        path = f"/v1/artefacts/{self.artefact}/content"
        self.expect(self.gw.get(path, self.gw.manager), 400)
        for wrong in ("audit", "own", "curiosity", "", "decision%00"):
            with self.subTest(wrong=wrong):
                self.expect(self.gw.get(f"{path}?purpose={wrong}", self.gw.manager), 400)
        for right in ("decision", "appeal", "subject_access"):
            with self.subTest(right=right):
                answer = self.gw.get(f"{path}?purpose={right}", self.gw.manager)
                self.assertEqual((answer.status, answer.body), (200, self.data))
        answer = self.gw.get(f"{path}?purpose=assessment", self.assessor)
        self.assertEqual(answer.body, self.data)
        # an auditor reads what an open sample has: test_audit.py
        self.expect(self.gw.get(f"{path}?purpose=audit", self.gw.token("auditor", "audrey")), 404)

    def test_curl_resumes_a_download(self):
        half = self.gw.folder / "half"
        half.write_bytes(self.data[:90000])
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--cacert", str(self.gw.ca), "--continue-at",
             "-", "--output", str(half), "--header", f"Authorization: Bearer {self.ada}",
             f"https://127.0.0.1:{self.gw.port}/v1/artefacts/{self.artefact}/content"],
            capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(half.read_bytes(), self.data)


class Receipts(Base):
    def test_receipt_of_the_upload_and_later(self):
        data = samples.pdf("receipted")
        answer = self.expect(self.gw.upload(self.claim, data, self.ada), 201)
        told = answer.json["artefact"]
        receipt = answer.json["receipt"]
        self.assertTrue(receipt.startswith("c2sp.org/tlog-proof@v1\n"))
        done = self.gw.verify(receipt, data)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(told["id"], done.stdout.decode())
        self.sent()
        later = self.expect(self.gw.get(f"/v1/artefacts/{told['id']}/receipt", self.ada), 200)
        self.assertEqual(self.gw.verify(receipt_of(later), data).returncode, 0)
        size = [int(r.split("\n\n")[1].split("\n")[1]) for r in (receipt, receipt_of(later))]
        self.assertGreater(size[1], size[0])
        # what does not belong together, or was changed, does not verify
        self.assertNotEqual(self.gw.verify(receipt, data + b" ").returncode, 0)
        for at in range(30, len(receipt), max(1, len(receipt) // 12)):
            changed = receipt[:at] + ("A" if receipt[at] != "A" else "B") + receipt[at + 1:]
            self.assertNotEqual(self.gw.verify(changed, data).returncode, 0, at)

    def test_receipt_says_what_was_received_but_not_by_whom(self):
        data = samples.pdf("receipted too")
        answer = self.gw.upload(self.claim, data, self.ada, filename="Very Private Name.pdf")
        extra = next(line for line in answer.json["receipt"].split("\n")
                     if line.startswith("extra "))
        raw = base64.b64decode(extra[6:])
        self.assertEqual(raw[:3], b"eg1")
        details = json.loads(raw[3 + 41 + 32:])
        self.assertEqual((details["action"], details["artefact"], details["sha256"]),
                         ("upload.committed", answer.json["artefact"]["id"], sha256(data)))

    def test_log_checkpoint_and_verify(self):
        self.sent()
        answer = self.expect(self.gw.get("/log/checkpoint"), (200, 401))
        if answer.status == 401:
            answer = self.expect(self.gw.get("/log/checkpoint",
                                             self.gw.token("auditor", "audrey")), 200)
        name = self.gw.vkey.read_text().split("+")[0]
        self.assertTrue(answer.body.decode().startswith(f"{name}\n"))


class Lists(Base):
    def test_newest_first_pages_filters(self):
        claim = self.gw.create_claim("ada")
        made = [self.sent(claim=claim)["id"] for _ in range(3)]
        made += [self.sent(samples.text(50, n), claim=claim, kind="carer_statement",
                           media="text/plain")["id"] for n in range(4)]
        newest = made[::-1]
        self.assertEqual([a["id"] for a in self.gw.list_all(claim, self.ada)], newest)
        self.assertEqual([a["id"] for a in self.gw.list_all(claim, self.ada, limit=1)], newest)
        self.assertEqual([a["id"] for a in self.gw.list_all(claim, self.ada, limit=3)], newest)
        self.assertEqual([a["id"] for a in self.gw.list_all(claim, self.ada, limit=7)], newest)
        self.assertEqual([a["id"] for a in self.gw.list_all(
            claim, self.ada, limit=2, kind="carer_statement")], newest[:4])
        self.assertEqual([a["id"] for a in self.gw.list_all(
            claim, self.ada, status="available")], newest)
        self.assertEqual(self.gw.list_all(claim, self.ada, status="restricted"), [])
        for query in ("status=nonsense", "limit=0", "cursor=nonsense"):
            self.expect(self.gw.get(f"/v1/claims/{claim}/artefacts?{query}", self.ada), 400)

    def test_a_cursor_stands_while_others_arrive(self):
        claim = self.gw.create_claim("ada")
        made = [self.sent(claim=claim)["id"] for _ in range(4)]
        path = f"/v1/claims/{claim}/artefacts?limit=2"
        first = self.gw.get(path, self.ada)
        self.sent(claim=claim)
        second = self.gw.get(first.next(), self.ada)
        self.assertEqual([a["id"] for a in first.items() + second.items()], made[::-1])
        self.assertIsNone(second.next())

    def test_cursor_of_another_claim(self):
        claim, other = self.gw.create_claim("ada"), self.gw.create_claim("bea")
        bea = self.gw.token("claimant", "bea")
        for _ in range(2):
            self.sent(claim=claim)
            self.sent(claim=other, token=bea)
        cursor = urllib.parse.urlsplit(
            self.gw.get(f"/v1/claims/{other}/artefacts?limit=1", bea).next()).query
        answer = self.expect(self.gw.get(f"/v1/claims/{claim}/artefacts?{cursor}", self.ada),
                             (200, 400))
        if answer.status == 200:
            self.assertTrue(all(a["claim"] == claim for a in answer.items()))


class Links(Base):
    def test_link_and_unlink(self):
        wrong, right = self.gw.create_claim("ada"), self.gw.create_claim("ada")
        data = samples.pdf("misfiled")
        artefact = self.sent(data, claim=wrong)["id"]
        path = f"/v1/artefacts/{artefact}/links"
        self.expect(self.gw.post(path, self.ada, {"claim": right, "reason": "mine"}), 403)
        self.expect(self.gw.post(path, self.gw.manager, {"claim": right}), 400)
        self.expect(self.gw.post(path, self.gw.manager,
                                 {"claim": unknown_id(), "reason": "no"}), 404)
        self.expect(self.gw.post(path, self.gw.manager, {
            "claim": right, "reason": "sent to the wrong claim"}), (200, 201))
        for claim in (wrong, right):
            self.assertIn(artefact, [a["id"] for a in self.gw.list_all(claim, self.ada)])
        self.expect(self.gw.post(path, self.gw.manager, {
            "claim": right, "reason": "twice"}), (200, 409))
        self.expect(self.gw.request("DELETE", f"{path}/{wrong}", self.ada), 403)
        self.expect(self.gw.request("DELETE", f"{path}/{wrong}", self.gw.manager), (200, 204))
        self.assertEqual([a["id"] for a in self.gw.list_all(right, self.ada)], [artefact])
        self.assertEqual(self.gw.list_all(wrong, self.ada), [])
        self.expect(self.gw.request("DELETE", f"{path}/{wrong}", self.gw.manager), (404, 409))
        # nothing was overwritten, and both sides show it
        self.assertEqual(self.content(artefact).body, data)
        for claim in (wrong, right):
            history = self.gw.get(f"/v1/claims/{claim}/history", self.gw.manager).items()
            self.assertTrue([e for e in history if artefact in json.dumps(e)
                             and "link" in json.dumps(e)], history)

    def test_a_link_opens_it_to_the_other_claims_people(self):
        hers, his = self.gw.create_claim("ada"), self.gw.create_claim("bob")
        bob = self.gw.token("claimant", "bob")
        artefact = self.sent(claim=hers)["id"]
        self.expect(self.gw.get(f"/v1/artefacts/{artefact}", bob), 404)
        self.expect(self.gw.post(f"/v1/artefacts/{artefact}/links", self.gw.manager,
                                 {"claim": his, "reason": "shared household"}), (200, 201))
        self.expect(self.gw.get(f"/v1/artefacts/{artefact}", bob), 200)
        self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content", bob), 200)
        self.expect(self.gw.request("DELETE", f"/v1/artefacts/{artefact}/links/{his}",
                                    self.gw.manager), (200, 204))
        self.expect(self.gw.get(f"/v1/artefacts/{artefact}", bob), 404)
        self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content", bob), 404)


class History(Base):
    def events(self, claim, token):
        return self.expect(self.gw.get(f"/v1/claims/{claim}/history", token), 200).items()

    def test_who_has_read_what(self):
        claim = self.gw.create_claim("ada", assigned_to=["asim"])
        artefact = self.sent(claim=claim)["id"]
        before = self.events(claim, self.ada)
        self.assertTrue([e for e in before if artefact in json.dumps(e)])
        self.assertFalse([e for e in before if "decision" in json.dumps(e)])
        self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=decision", self.gw.manager)
        self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=assessment", self.assessor)
        for token in (self.ada, self.gw.manager, self.gw.token("auditor", "audrey")):
            after = self.events(claim, token)
            for purpose, role in (("decision", "case_manager"), ("assessment", "assessor")):
                reads = [e for e in after if artefact in json.dumps(e)
                         and f'"{purpose}"' in json.dumps(e) and f'"{role}"' in json.dumps(e)]
                self.assertEqual(len(reads), 1, after)

    def test_a_read_session_is_one_entry(self):
        claim = self.gw.create_claim("ada")
        artefact = self.sent(samples.pdf(pad=100000), claim=claim)["id"]
        for n in range(20):
            self.expect(self.gw.get(f"/v1/artefacts/{artefact}/content?purpose=decision",
                                    self.gw.manager,
                                    headers={"Range": f"bytes={n}-{n + 9}"}), 206)
        reads = [e for e in self.events(claim, self.ada) if '"decision"' in json.dumps(e)]
        self.assertEqual(len(reads), 1, reads)


class Operations(Base):
    def test_health_and_figures(self):
        body = self.gw.claim_body("bea")
        claim = self.gw.post("/v1/claims", self.gw.system, body).json["id"]
        bea = self.gw.token("claimant", "bea")
        artefact = self.expect(self.gw.upload(claim, samples.pdf(), bea,
                                              filename="Private Letter.pdf"),
                               201).json["artefact"]["id"]
        for path in ("/healthz", "/readyz", "/metrics"):
            answer = self.gw.ops(path)
            self.assertEqual(answer.status, 200, repr(answer))
            for word in (claim, artefact, body["claimant"]["nino"], "Invented", "Private",
                         body["external_reference"]):
                self.assertNotIn(word, answer.body.decode())
            # and not where everybody can reach it
            self.assertIn(self.gw.get(path, self.gw.manager).status, (404,))
        for path in ("/v1/claims", "/log/checkpoint", "/../gateway.conf", "/metrics/x"):
            self.assertIn(self.gw.ops(path).status, (400, 404))


if __name__ == "__main__":
    unittest.main()

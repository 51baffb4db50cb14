#!/usr/bin/env python3
"""A caller with a good token who means ill, and everything at once: what is left behind, who is
shut out, what the log takes, and what holds while the gateway reloads, loses its keeper and
drains."""

import os
import pathlib
import random
import select
import signal
import ssl
import threading
import time
import unittest

import samples
from gateway_fixture import GatewayTest, Session, now, sha256, unknown_id


def sending(gw, claim, token, size, sent, chunked=False, kind="further_evidence"):
    """A connection that has sent so much of a body of `size` and stops there."""
    sock = gw.socket()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    sock.sendall((f"POST /v1/claims/{claim}/artefacts?kind={kind} HTTP/1.1\r\nHost: x\r\n"
                  f"Authorization: Bearer {token}\r\nContent-Type: text/plain\r\n"
                  f"{framing}\r\n\r\n").encode())
    body = b"x" * sent
    sock.sendall(b"%x\r\n%s\r\n" % (len(body), body) if chunked and sent else body)
    return sock


def answer_on(sock):
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
    except (OSError, ssl.SSLError):
        pass
    return int(data.split()[1]) if data.startswith(b"HTTP/1.1 ") else 0


class Attacker(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada, cls.bob = gw.token("claimant", "ada"), gw.token("claimant", "bob")
        cls.claim, cls.his = gw.create_claim("ada"), gw.create_claim("bob")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.gw.process.pid}/fd"))

    def blobs(self):
        return [p for p in (self.gw.dir / "data" / "blobs").rglob("*") if p.is_file()]

    def log_size(self):
        return int(self.gw.get("/log/checkpoint").body.split(b"\n")[1])

    def eventually(self, what, wanted, seconds=60):
        deadline = time.monotonic() + seconds
        while what() != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(what(), wanted)


class Leftovers(Attacker):
    def test_aborts_in_mid_body(self):
        self.expect(self.gw.upload(self.claim, b"warm", self.ada, media="text/plain"), 201)
        fds, files = self.descriptors(), len(self.blobs())
        for n in range(100):
            sock = sending(self.gw, self.claim, self.ada, 50_000_000, (n % 8) * 150_000,
                           chunked=n % 2 == 1)
            if n % 3 == 0:
                sock.close()
            else:
                os.close(sock.detach())  # without a word of TLS
        self.eventually(lambda: self.gw.metric("evidence_uploads_now"), 0)
        self.eventually(lambda: self.descriptors() <= fds, True)
        self.eventually(lambda: len(self.blobs()), files)

    def test_a_body_that_grows_past_its_kind(self):
        """Without a length: refused in mid-stream, and nothing of it stays."""
        claim = self.gw.create_claim("ada", assigned_to=["asim"])
        files = len(self.blobs())
        sock = sending(self.gw, claim, self.gw.manager, 0, 0, chunked=True,
                       kind="correspondence")
        piece = b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
        try:
            for _ in range(101):
                sock.sendall(piece)
            sock.sendall(b"0\r\n\r\n")
        except OSError:
            pass
        self.assertIn(answer_on(sock), (413, 0))
        sock.close()
        self.eventually(lambda: self.gw.metric("evidence_uploads_now"), 0)
        self.eventually(lambda: len(self.blobs()), files)


class Shares(Attacker):
    @classmethod
    def configure(cls, gw):
        gw.setting("policy.uploads_max", 8)

    def test_one_caller_does_not_take_all_uploads(self):
        held = [sending(self.gw, self.claim, self.ada, 1000, 10) for _ in range(2)]
        self.eventually(lambda: self.gw.metric("evidence_uploads_now"), 2)
        self.expect(self.gw.upload(self.claim, b"three", self.ada, media="text/plain"), 429,
                    "quota-exceeded")
        self.expect(self.gw.upload(self.his, b"bob's", self.bob, media="text/plain"), 201)
        held.pop().close()
        self.eventually(lambda: self.gw.metric("evidence_uploads_now"), 1)
        self.expect(self.gw.upload(self.claim, b"two", self.ada, media="text/plain"), 201)
        held.pop().close()


class Floods(Attacker):
    def test_denials_do_not_fill_the_log(self):
        artefact = self.expect(self.gw.upload(self.claim, b"ada's", self.ada,
                                              media="text/plain"), 201).json["artefact"]["id"]
        time.sleep(1)
        before, started = self.log_size(), time.monotonic()
        with Session(self.gw) as session:
            for _ in range(300):
                answer = session.request("GET", f"/v1/artefacts/{artefact}/content", self.bob)
                self.assertEqual(answer.status, 404)
            for _ in range(300):
                answer = session.request("POST", f"/v1/claims/{self.his}/artefacts?kind=no",
                                         self.bob, b"x", {"Content-Type": "text/plain"})
                self.assertEqual(answer.status, 400)
        time.sleep(3)
        windows = 1 + int(time.monotonic() - started) // 60  # each has a burst, and one that counts
        self.assertLessEqual(self.log_size() - before, 2 * 21 * windows + 3)
        history = self.gw.get(f"/v1/claims/{self.claim}/history", self.ada)
        self.assertNotIn("denied", history.body.decode())

    def test_refusals_by_role_are_in_nobodys_history(self):
        before = self.gw.get(f"/v1/claims/{self.claim}/history", self.ada).items()
        for role in ("auditor", "operator", "records_owner"):
            self.expect(self.gw.upload(self.claim, b"x", self.gw.token(role, "mallory"),
                                       media="text/plain"), 403)
        time.sleep(1)
        self.assertEqual(self.gw.get(f"/v1/claims/{self.claim}/history", self.ada).items(), before)


class Tokens(Attacker):
    @classmethod
    def configure(cls, gw):
        gw.edit("gateway.conf", r'^    role_claim = "roles";', '    leeway = "1 s";\n\\g<0>')

    def test_an_expired_token_ends_no_running_request_but_begins_none(self):
        """Authority on record is asked again while a request runs; a sign-in only at its start."""
        for ttl in (3, 15, 60):  # a busy machine may be too late for the first
            token = self.gw.token("claimant", "ada", ttl=ttl)
            sock = sending(self.gw, self.claim, token, 10, 5)
            while not (begun := self.gw.metric("evidence_uploads_now") == 1) \
                    and not select.select([sock], [], [], 0.05)[0]:
                pass
            if begun:
                break
            sock.close()  # it was answered: the token was over
        self.assertTrue(begun)
        deadline = time.monotonic() + 2 * ttl + 30
        while self.gw.get(f"/v1/claims/{self.claim}", token).status == 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.5)
        sock.sendall(b"hello")
        self.assertEqual(answer_on(sock), 201)
        sock.close()


class Mixed(Attacker):
    """Uploads, reads, opt-outs and refusals from many threads while certificates and keys are
    reloaded and the keeper dies; then a drain in the middle of it."""

    seconds = 12

    def person(self, number):
        """What step() needs, made while all is quiet."""
        subject, asim = f"person-{number}", self.gw.token("assessor", "asim")
        claim = self.gw.create_claim(subject, assigned_to=["asim"])
        assessment = self.gw.create_assessment(claim)
        self.expect(self.gw.choose(assessment, asim, "notice", now(-4000)), 201)
        return claim, assessment, self.gw.token("claimant", subject), asim

    def work(self, number, person, problems, receipts):
        chance, sent = random.Random(number), receipts[number]
        with Session(self.gw) as session:
            while not problems:
                try:
                    self.step(chance, session, *person, sent)
                except AssertionError as e:
                    problems.append(e)
                except (OSError, ssl.SSLError) as e:
                    if not self.stopping:
                        problems.append(e)
                    return

    def step(self, chance, session, claim, assessment, mine, asim, sent):
        what = chance.random()
        if what < 0.4 or not sent:
            data = samples.text(chance.randrange(1, 400_000), chance.randrange(10 ** 9))
            answer = self.gw.upload(claim, data, mine, media="text/plain", session=session)
            self.check(answer, 201)
            if answer.status == 201:
                sent.append((answer.json["artefact"]["id"], sha256(data)))
        elif what < 0.7:
            artefact, digest = chance.choice(sent)
            answer = session.request("GET", f"/v1/artefacts/{artefact}/content", mine)
            self.check(answer, 200)
            if answer.status == 200:
                self.assertEqual(sha256(answer.body), digest)
        elif what < 0.8:
            answer = self.gw.upload(claim, samples.wav(1), asim, kind="assessment_audio",
                                    media="audio/wav", params=self.gw.recording(assessment),
                                    session=session)
            self.check(answer, 201, 409, 429)
        elif what < 0.9:
            event = chance.choice(("opt_out", "opt_in"))
            answer = self.gw.choose(assessment, mine, event, session=session)
            self.check(answer, 201, 429)
        else:
            self.check(session.request("GET", f"/v1/artefacts/{unknown_id()}/content", mine), 404)
            self.check(session.request("GET", f"/v1/claims/{claim}/history", mine), 200)

    def check(self, answer, *wanted):
        """503 is honest while the keeper is away."""
        self.assertIn(answer.status, (*wanted, 503), repr(answer))

    def disturb(self, receipts, problems):
        """For a while, and until there is something to look for afterwards."""
        until = time.monotonic() + self.seconds
        late = until + 120
        while not problems and time.monotonic() < (
                until if sum(map(len, receipts.values())) > 20 else late):
            time.sleep(1.1)
            os.kill(self.gw.process.pid, signal.SIGHUP)
            time.sleep(1.1)
            for pid in self.gw.pids()[2:]:
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2] == [b"keeper"]:
                    os.kill(pid, signal.SIGKILL)
                    break

    def test_everything_at_once(self):
        self.stopping, problems, receipts = False, [], {n: [] for n in range(8)}
        people = [self.person(n) for n in receipts]
        threads = [threading.Thread(target=self.work, args=(n, people[n], problems, receipts))
                   for n in receipts]
        for thread in threads:
            thread.start()
        self.disturb(receipts, problems)
        if not problems:
            self.stopping = True
        self.gw.stop()  # drains in the middle of it; a sanitizer's report fails here
        for thread in threads:
            thread.join(60)
        if problems:
            raise problems[0]
        self.gw.start()
        count = 0
        for number, sent in receipts.items():
            token = self.gw.token("claimant", f"person-{number}")
            for artefact, digest in sent:
                answer = self.gw.get(f"/v1/artefacts/{artefact}/content", token)
                self.assertEqual((answer.status, sha256(answer.body)), (200, digest))
                count += 1
        self.assertGreater(count, 20)
        done = self.gw.command("log", "verify", "--config", self.gw.config, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_body_that_comes_while_the_gateway_drains(self):
        if not self.gw.alive():
            self.gw.start()
        sock = sending(self.gw, self.claim, self.ada, 10, 5)
        self.eventually(lambda: self.gw.metric("evidence_uploads_now"), 1)
        self.gw.process.send_signal(signal.SIGTERM)
        self.eventually(lambda: '"event":"drain"' in self.gw.stderr(), True)
        sock.sendall(b"hello")
        self.assertEqual(answer_on(sock), 201)
        sock.close()
        self.gw.stop()
        self.gw.start()
        self.assertEqual([a["size"] for a in self.gw.list_all(self.claim, self.ada, limit=1)][:1],
                         [10])


if __name__ == "__main__":
    unittest.main()

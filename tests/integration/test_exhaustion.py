#!/usr/bin/env python3
"""Clients that take all they can get, and a machine that has nothing left: others are served, what
cannot be is refused honestly, and when the shortage is over everything works again."""

import os
import pathlib
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest
import uuid

import samples
from gateway_fixture import GatewayTest, Session, sha256

CLIENT_HELLO_SECONDS = 2.0
ROOM = 4 << 20  # left for uploads on the small disk
CPU_SHARE = 0.5  # of one core that stalled clients may cost: a spinning loop takes a whole one


def cpu_seconds(gw):
    ticks = 0
    for pid in gw.pids():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def client_hello():
    """The first flight of a real handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def ended(s, seconds):
    """True if the other side ends the connection within so long."""
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        s.settimeout(left)
        try:
            if not s.recv(65536):
                return True
        except (TimeoutError, socket.timeout):
            return False
        except OSError:
            return True


class Base(GatewayTest):
    @classmethod
    def prepare(cls, gw):
        cls.ada = gw.token("claimant", "ada")
        cls.claim = gw.create_claim("ada")

    def assertServed(self, note="", seconds=30):
        started = time.monotonic()
        answer = self.gw.upload(self.claim, samples.pdf(note), self.ada)
        self.assertEqual(answer.status, 201, f"{note}: {answer!r}")
        self.assertEqual(self.gw.get("/v1/claims", self.ada).status, 200)
        self.assertLess(time.monotonic() - started, seconds, note)

    def assertNoSpin(self, seconds=2.0):
        before = cpu_seconds(self.gw)
        time.sleep(seconds)
        used = (cpu_seconds(self.gw) - before) / seconds
        self.assertLess(used, CPU_SHARE, "cores that waiting costs")

    def kept(self):
        return len(self.gw.list_all(self.claim, self.ada, limit=200))


class Slow(Base):
    @classmethod
    def configure(cls, gw):
        gw.setting("limits.head", "2 s").setting("limits.idle", "3 s")
        gw.setting("limits.body_min_rate", "20 KiB").setting("limits.body_rate_window", "2 s")
        gw.setting("limits.drain", "2 s")

    def trickle(self, s, data, seconds):
        """A byte now and then, for at most so long; True if the server ended it."""
        deadline = time.monotonic() + seconds
        s.settimeout(0.2)
        for n in range(len(data)):
            try:
                s.sendall(data[n:n + 1])
                try:
                    if not s.recv(65536):
                        return True
                except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
                    pass
            except OSError:
                return True
            if time.monotonic() > deadline:
                return False
        return False

    def test_slow_heads(self):
        sockets = [self.gw.socket() for _ in range(20)]
        result = []
        threads = [threading.Thread(target=lambda s=s: result.append(self.trickle(
            s, b"GET /v1/claims HTTP/1.1\r\nX: " + b"y" * 1000, 60))) for s in sockets]
        for t in threads:
            t.start()
        self.assertServed("beside slow heads")
        for t in threads:
            t.join()
        for s in sockets:
            s.close()
        self.assertEqual(result, [True] * 20)

    def test_slow_bodies(self):
        before = self.kept()
        head = (f"POST /v1/claims/{self.claim}/artefacts?kind=further_evidence HTTP/1.1\r\n"
                f"Host: a\r\nAuthorization: Bearer {self.ada}\r\n"
                "Content-Type: application/pdf\r\nContent-Length: 100000\r\n\r\n").encode()
        sockets, result = [self.gw.socket() for _ in range(20)], []
        for s in sockets:
            s.sendall(head)
        threads = [threading.Thread(target=lambda s=s: result.append(
            self.trickle(s, samples.pdf(pad=90000), 60))) for s in sockets]
        for t in threads:
            t.start()
        self.assertServed("beside slow bodies")
        for t in threads:
            t.join()
        for s in sockets:
            s.close()
        self.assertEqual(result, [True] * 20)
        self.assertEqual(self.kept(), before + 1)

    def test_a_slow_body_that_is_fast_enough(self):
        data = samples.pdf(pad=2000000)  # twenty times as fast: a busy machine may pause, too

        def pieces():
            for n in range(0, len(data), 200000):
                yield data[n:n + 200000]
                time.sleep(0.5)
        answer = self.gw.upload(self.claim, pieces(), self.ada)
        self.expect(answer, 201)
        self.assertEqual(answer.json["artefact"]["sha256"], sha256(data))

    def test_slow_readers(self):
        data = samples.text(12 * 1000 * 1000)
        artefact = self.expect(self.gw.upload(self.claim, data, self.ada, media="text/plain",
                                              filename="a.txt"), 201).json["artefact"]["id"]
        sockets, reaped = [], self.gw.metric("evidence_connections_reaped_total")
        for _ in range(20):
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.connect(("127.0.0.1", self.gw.port))
            s = self.gw.context().wrap_socket(plain, server_hostname="127.0.0.1")
            s.sendall(f"GET /v1/artefacts/{artefact}/content HTTP/1.1\r\nHost: a\r\n"
                      f"Authorization: Bearer {self.ada}\r\n\r\n".encode())
            sockets.append(s)
        self.assertServed("beside slow readers")
        self.assertNoSpin()
        deadline = time.monotonic() + 60
        while self.gw.metric("evidence_connections_reaped_total") < reaped + 20:
            self.assertLess(time.monotonic(), deadline, "readers that do not read are waited for")
            time.sleep(0.1)
        # the server has given them up: what still comes is less than the whole
        for s in sockets:
            s.settimeout(20)
            got = 0
            try:
                while piece := s.recv(1 << 20):
                    got += len(piece)
            except OSError:
                pass
            s.close()
            self.assertLess(got, len(data), "a reader that does not read was waited for")

    def test_silent_connections(self):
        silent = [socket.create_connection(("127.0.0.1", self.gw.port)) for _ in range(30)]
        half = [socket.create_connection(("127.0.0.1", self.gw.port)) for _ in range(30)]
        hello = client_hello()
        for s in half:
            s.sendall(hello[:50])
        idle = [self.gw.socket() for _ in range(10)]
        self.assertServed("beside silent connections")
        for s in silent + half + idle:
            self.assertTrue(ended(s, 60), "a silent connection is kept")
            s.close()


class Handshakes(Base):
    def test_fifty_stalled_handshakes_cost_no_core(self):
        hello, sockets = client_hello(), []
        for _ in range(50):
            s = socket.create_connection(("127.0.0.1", self.gw.port))
            s.sendall(hello)
            sockets.append(s)
        time.sleep(1)
        self.assertNoSpin(CLIENT_HELLO_SECONDS)
        self.assertServed("beside stalled handshakes")
        for s in sockets:
            s.close()
        self.assertServed("after stalled handshakes")


class Idle(Base):
    release = True
    COUNT = 2000

    @classmethod
    def configure(cls, gw):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.count = min(cls.COUNT, hard - 200)
        gw.setting("limits.connections", cls.count + 500)
        gw.setting("limits.connections_per_address", cls.count + 500)
        gw.setting("limits.idle", "5 min")

    def test_many_idle_connections(self):
        sockets, lock, errors = [], threading.Lock(), []

        def opener(n):
            try:
                for _ in range(n):
                    s = self.gw.socket()
                    with lock:
                        sockets.append(s)
            except OSError as e:
                errors.append(e)
        threads = [threading.Thread(target=opener, args=(self.count // 8,)) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        try:
            self.assertEqual(errors, [])
            self.assertGreaterEqual(len(sockets), self.count // 8 * 8)
            for n in range(10):
                self.assertServed(f"beside {len(sockets)} idle connections")
            self.assertNoSpin()
            sample = sockets[:: max(1, len(sockets) // 20)]
            for s in sample:  # and they are alive
                s.sendall(b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 401"))
        finally:
            for s in sockets:
                s.close()
        self.assertServed("after them")


class PerAddress(Base):
    @classmethod
    def configure(cls, gw):
        gw.setting("limits.connections_per_address", 20)

    def connect(self, source="127.0.0.1"):
        plain = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60,
                                         source_address=(source, 0))
        return self.gw.context().wrap_socket(plain, server_hostname="127.0.0.1")

    def test_one_address_does_not_take_all(self):
        sockets, refused = [], 0
        for _ in range(40):
            try:
                sockets.append(self.connect())
            except OSError:
                refused += 1
        usable = 0
        for s in sockets:
            try:
                s.sendall(b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n\r\n")
                usable += s.recv(4096).startswith(b"HTTP/1.1 401")
            except OSError:
                pass
        self.assertGreaterEqual(usable, 15)
        self.assertLessEqual(usable, 20)
        other = self.connect("127.0.0.2")
        other.sendall(b"GET /v1/claims HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(other.recv(4096).startswith(b"HTTP/1.1 401"), "another address suffers")
        other.close()
        for s in sockets:
            s.close()
        deadline = time.monotonic() + 60
        while True:
            try:
                self.assertServed("after them")
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)


class ReadSessions(Base):
    """A table that is full makes room: who reads a lot shuts nobody out, not even themselves."""

    @classmethod
    def configure(cls, gw):
        gw.setting("policy.read_sessions_max", 16)

    def test_more_artefacts_than_sessions(self):
        made = []
        for n in range(40):
            data = samples.text(100, n)
            answer = self.gw.upload(self.claim, data, self.ada, media="text/plain",
                                    filename="a.txt")
            made.append((self.expect(answer, 201).json["artefact"]["id"], data))
        people = [(self.ada, ""), (self.gw.manager, "?purpose=decision"),
                  (self.gw.manager, "?purpose=appeal")]
        for token, query in people:
            with Session(self.gw) as session:
                for artefact, data in made:
                    answer = session.request("GET", f"/v1/artefacts/{artefact}/content{query}",
                                             token)
                    self.assertEqual((answer.status, answer.body), (200, data))
        # each of those reads stands in the history, whatever became of its session
        told = []
        path = f"/v1/claims/{self.claim}/history?limit=200"
        while path:
            answer = self.expect(self.gw.get(path, self.gw.manager), 200)
            told += answer.items()
            path = answer.next()
        for purpose in ("decision", "appeal"):
            reads = {e["artefact"] for e in told if e.get("purpose") == purpose}
            self.assertEqual(reads, {artefact for artefact, _ in made})


class Descriptors(Base):
    def open_files(self):
        return max(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.gw.pids())

    def test_descriptor_exhaustion(self):
        self.assertServed("before")
        pids = self.gw.pids()
        old = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
        front = max(pids, key=lambda p: len(os.listdir(f"/proc/{p}/fd")))
        limit = len(os.listdir(f"/proc/{front}/fd")) + 12
        resource.prlimit(front, resource.RLIMIT_NOFILE, (limit, old[front][1]))
        sockets = []
        try:
            for _ in range(60):
                s = socket.create_connection(("127.0.0.1", self.gw.port), timeout=60)
                sockets.append(s)
            time.sleep(0.5)
            self.assertNoSpin()
            self.assertTrue(self.gw.alive())
            # an upload now is either refused or breaks off; it is not acknowledged and lost
            acknowledged = []
            for s in sockets[:6]:
                s.close()
            for n in range(6):
                try:
                    answer = self.gw.upload(self.claim, samples.pdf(f"short of files {n}"),
                                            self.ada, filename="a.pdf")
                    if answer.status == 201:
                        acknowledged.append(answer.json["artefact"])
                    else:
                        self.assertIn(answer.status, (500, 503, 507), repr(answer))
                except OSError:
                    pass
        finally:
            for s in sockets:
                s.close()
            resource.prlimit(front, resource.RLIMIT_NOFILE, old[front])
        self.assertTrue(self.gw.alive())
        deadline = time.monotonic() + 60
        while True:
            try:
                self.assertServed("after the shortage")
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)
        for artefact in acknowledged:
            read = self.gw.get(f"/v1/artefacts/{artefact['id']}/content", self.ada)
            self.assertEqual(sha256(read.body), artefact["sha256"])


def can_mount():
    if os.geteuid() != 0:
        return False
    folder = "/tmp/eg-mount-probe.%d" % os.getpid()
    os.mkdir(folder)
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                              capture_output=True)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0
    finally:
        os.rmdir(folder)


class SmallDisk(Base):
    """The data folder on a file system of its own. `options` of the mount; `reserve` is kept free."""

    options, reserve = None, None

    @classmethod
    def setUpClass(cls):
        if cls.options is None or not can_mount():
            raise unittest.SkipTest("no right to mount a small file system")
        super().setUpClass()

    @classmethod
    def configure(cls, gw):
        gw.setting("storage.reserve", cls.reserve)
        cls.data, away = gw.dir / "data", gw.folder / "data.away"
        shutil.move(cls.data, away)
        cls.data.mkdir(mode=0o700)
        cls.mounted = str(cls.data)
        subprocess.run(["mount", "-t", "tmpfs", "-o", cls.options + ",mode=0700", "tmpfs",
                        cls.mounted], check=True)
        shutil.copytree(away, cls.data, dirs_exist_ok=True, copy_function=shutil.copy2)

    @classmethod
    def close(cls):
        try:
            super().close()
        finally:
            # rmtree cannot remove a mount point: unmount, then sweep
            subprocess.run(["umount", "-l", cls.mounted], capture_output=True)
            shutil.rmtree(pathlib.Path(cls.mounted).parent.parent, ignore_errors=True)

    def fill(self, size=150000, most=2000):
        """Uploads until it is refused: ([(id, data)], the refusal)."""
        kept = []
        with Session(self.gw) as session:
            for _ in range(most):
                data = samples.text(size, uuid.uuid4().int)  # never sent before
                answer = self.gw.upload(self.claim, data, self.ada, media="text/plain",
                                        filename="a.txt", session=session)
                if answer.status != 201:
                    return kept, answer
                kept.append((answer.json["artefact"]["id"], data, answer.json["receipt"]))
        self.fail("it was never full")

    def assertAllThere(self, kept):
        with Session(self.gw) as session:
            for artefact, data, _ in kept:
                answer = session.request("GET", f"/v1/artefacts/{artefact}/content", self.ada)
                self.assertEqual((answer.status, answer.body == data), (200, True))
        for _, data, receipt in kept[-3:]:
            self.assertEqual(self.gw.verify(receipt, data).returncode, 0)

    def fill_and_recover(self, size):
        ballast = self.data / "ballast"
        stat = os.statvfs(self.data)
        room = stat.f_bavail * stat.f_frsize - self.reserve
        ballast.write_bytes(b"\0" * (room - ROOM))
        try:
            kept = self.full(size)
        finally:
            ballast.unlink()
        deadline = time.monotonic() + 60
        while True:
            data = samples.text(size, uuid.uuid4().int)
            answer = self.gw.upload(self.claim, data, self.ada, media="text/plain",
                                    filename="a.txt")
            if answer.status == 201:
                break
            self.assertLess(time.monotonic(), deadline, repr(answer))
            time.sleep(0.2)
        kept.append((answer.json["artefact"]["id"], data, answer.json["receipt"]))
        self.assertEqual(self.gw.ops("/readyz").status, 200)
        self.assertAllThere(kept)
        listed = {a["id"] for a in self.gw.list_all(self.claim, self.ada, limit=200)}
        self.assertGreaterEqual(listed, {k[0] for k in kept})

    def full(self, size):
        kept, refusal = self.fill(size)
        self.assertGreater(len(kept), 3)
        self.expect(refusal, 507, "storage-full")
        again = self.gw.upload(self.claim, samples.text(size), self.ada, media="text/plain",
                               filename="a.txt")
        self.expect(again, 507, "storage-full")
        self.assertTrue(self.gw.alive())
        self.assertEqual(self.gw.get(f"/v1/claims/{self.claim}", self.ada).status, 200,
                         "reading goes on")
        if self.reserve:
            more = self.data / "ballast.more"
            more.write_bytes(b"\0" * 2 * size)  # now even the reserve is touched
            self.assertEqual(self.gw.ops("/readyz").status, 503)
            more.unlink()
        self.assertEqual(self.gw.ops("/healthz").status, 200)
        return kept


class Reserve(SmallDisk):
    options, reserve = "size=28m", 8 * 1024 * 1024

    def test_full(self):
        self.fill_and_recover(150000)

    def test_no_room_for_a_declared_size(self):
        """What cannot fit is refused before its bytes are taken."""
        head = (f"POST /v1/claims/{self.claim}/artefacts?kind=further_evidence HTTP/1.1\r\n"
                f"Host: a\r\nAuthorization: Bearer {self.ada}\r\nContent-Type: text/plain\r\n"
                "Expect: 100-continue\r\nContent-Length: 4000000000\r\n\r\n")
        s = self.gw.socket()
        s.sendall(head.encode())
        self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 507"))
        s.close()


class NoReserve(SmallDisk):
    """Nothing kept free: the write itself fails."""

    options, reserve = "size=24m", 0

    def test_full(self):
        for size in (150000, 30000):
            with self.subTest(size=size):
                self.fill_and_recover(size)


class Inodes(SmallDisk):
    options, reserve = "size=64m,nr_inodes=200", 0

    def test_full(self):
        kept, refusal = self.fill(100, most=400)
        self.expect(refusal, 507, "storage-full")
        self.assertTrue(self.gw.alive())
        self.assertAllThere(kept)
        subprocess.run(["mount", "-o", "remount,nr_inodes=2000", self.mounted], check=True)
        self.assertServed("after the shortage")



if __name__ == "__main__":
    unittest.main()

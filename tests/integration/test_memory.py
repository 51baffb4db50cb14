#!/usr/bin/env python3
"""A large file goes up and comes down again, and the gateway stays small: the sum of the
proportional set sizes of all its processes under 64 MiB, whatever the file's size. 1 GiB, or 4 GiB
with EG_CAMPAIGN=long. The bytes are made on the fly and stored once, by the gateway."""

import hashlib
import http.client
import pathlib
import shutil
import struct
import threading
import time
import unittest

import gateway_fixture as fixture
from gateway_fixture import GatewayTest, Session

LIMIT = 64 << 20
PIECE = 1 << 20


def wav_head(size):
    return (b"RIFF" + struct.pack("<I", (size - 8) & 0xffffffff) + b"WAVEfmt "
            + struct.pack("<IHHIIHH", 16, 1, 2, 48000, 192000, 4, 16)
            + b"data" + struct.pack("<I", (size - 44) & 0xffffffff))


class Bytes:
    """A recording of a given size; no two of its pieces are alike. Hashes what it gives."""

    def __init__(self, size):
        self.size, self.digest = size, hashlib.sha256()

    def __iter__(self):
        noise = hashlib.shake_256(b"noise of a test").digest(PIECE)
        for at in range(0, self.size, PIECE):
            piece = struct.pack("<Q", at) + noise[8:]
            if at == 0:
                head = wav_head(self.size)
                piece = head + piece[len(head):]
            piece = piece[:self.size - at]
            self.digest.update(piece)
            yield piece


def pss(gw):
    total = 0
    for pid in gw.pids():
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(text.split("\nPss:")[1].split()[0]) * 1024
    return total


class Peak:
    """The largest sum while it runs."""

    def __init__(self, gw):
        self.gw, self.value, self.samples, self.stop = gw, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.stop.wait(0.05):
            self.value, self.samples = max(self.value, pss(self.gw)), self.samples + 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@unittest.skipUnless(fixture.is_release(), "sanitizers need memory of their own: no release build")
class Memory(GatewayTest):
    release = True

    def test_large_file(self):
        size = (4 if fixture.long_campaign() else 1) << 30
        if shutil.disk_usage(self.gw.folder).free < size + (2 << 30):
            self.skipTest("not enough free space")
        ada = self.gw.token("claimant", "ada")
        claim = self.gw.create_claim("ada")
        source = Bytes(size)
        started = time.monotonic()
        with Peak(self.gw) as up:
            answer = self.gw.request(
                "POST", f"/v1/claims/{claim}/artefacts?kind=claimant_recording", ada,
                iter(source), {"Content-Type": "audio/wav", "Content-Length": str(size)},
                timeout=600)
        self.expect(answer, 201)
        told = answer.json["artefact"]
        self.assertEqual((told["size"], told["sha256"]), (size, source.digest.hexdigest()))
        took = time.monotonic() - started
        with Peak(self.gw) as down:
            self.assertEqual(self.download(told["id"], ada, size), source.digest.hexdigest())
        print(f"{size >> 20} MiB up in {took:.1f} s; peak of all processes: up "
              f"{up.value / 2 ** 20:.1f} MiB, down {down.value / 2 ** 20:.1f} MiB", flush=True)
        self.assertGreater(min(up.samples, down.samples), 5)
        self.assertLess(up.value, LIMIT)
        self.assertLess(down.value, LIMIT)
        stored = sum(p.stat().st_size for p in self.gw.dir.rglob("*") if p.is_file())
        self.assertLess(stored, size * 1.02, "it is stored more than once")

    def download(self, artefact, token, size):
        digest, got = hashlib.sha256(), 0
        with Session(self.gw) as session:
            session._open()
            session.connection.request("GET", f"/v1/artefacts/{artefact}/content",
                                       headers={"Authorization": f"Bearer {token}"})
            told = session.connection.getresponse()
            self.assertEqual(told.status, 200)
            buffer = bytearray(PIECE)
            while n := told.readinto(buffer):
                digest.update(memoryview(buffer)[:n])
                got += n
        self.assertEqual(got, size)
        return digest.hexdigest()

    def test_many_at_once(self):
        """Sixteen uploads and downloads of 16 MiB at the same time."""
        ada = self.gw.token("claimant", "ada")
        claim = self.gw.create_claim("ada")
        errors = []

        def work():
            try:
                source = Bytes(16 << 20)
                answer = self.gw.request(
                    "POST", f"/v1/claims/{claim}/artefacts?kind=claimant_recording", ada,
                    iter(source), {"Content-Type": "audio/wav",
                                   "Content-Length": str(source.size)})
                assert answer.status == 201, answer
                told = self.download(answer.json["artefact"]["id"], ada, source.size)
                assert told == source.digest.hexdigest()
            except (AssertionError, OSError, http.client.HTTPException) as e:
                errors.append(e)
        threads = [threading.Thread(target=work) for _ in range(16)]
        with Peak(self.gw) as peak:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        self.assertEqual(errors, [])
        print(f"peak beside 16 at once: {peak.value / 2 ** 20:.1f} MiB", flush=True)
        self.assertLess(peak.value, LIMIT)


if __name__ == "__main__":
    unittest.main()

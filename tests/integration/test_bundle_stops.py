#!/usr/bin/env python3
"""Bundles under way: they break rather than go on where they must not, one person has so many at once, and none
takes memory for its size."""

import http.client
import io
import pathlib
import sys
import time
import unittest
import uuid
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gateway_fixture as fixture
import samples
from gateway_fixture import now
from test_bundle import Base
from test_memory import LIMIT, Bytes, pss

LARGE = 32 << 20  # more than two sockets hold


def noise_wav(size):
    """A recording of about `size` bytes, each another."""
    head = samples.wav(0)
    body = bytearray(uuid.uuid4().bytes * (size // 16))
    whole = len(head) + len(body)
    return (head[:4] + (whole - 8).to_bytes(4, "little") + head[8:-4] + len(body).to_bytes(4, "little") + bytes(body))


class Stopped(Base):
    """What must not go on ends in pieces that nobody takes for a whole archive."""

    def begun(self, token=None, query="?purpose=appeal"):
        """Its id and a response of which the first bytes have come: more is left than any socket holds."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.gw.port, context=self.gw.context())
        self.addCleanup(connection.close)
        connection.request("GET", f"/v1/claims/{self.claim}/bundle{query}",
                           headers={"Authorization": f"Bearer {token or self.gw.manager}"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        answer.line = connection
        return answer.headers["Evidence-Bundle"], answer, answer.read(100000)

    def broken(self, begun, artefact=None):
        bundle, answer, data = begun
        with self.assertRaises(http.client.IncompleteRead) as cut:
            data += answer.read()
        data += cut.exception.partial
        with self.assertRaises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(data))
        closed = self.closed(bundle)
        self.assertEqual(closed["transfer"], "stopped")
        if artefact:
            self.assertEqual(closed["stopped_at"], artefact)
        return data, closed

    def test_restricted_while_it_streams(self):
        self.letter()
        recording, assessment = self.record(noise_wav(LARGE))
        begun = self.begun()
        self.opt_out(assessment)
        data, closed = self.broken(begun, recording)
        self.assertLess(len(data), LARGE)
        self.assertEqual(closed["stopped_by"], "not-available")
        after = self.fetch()
        self.assertEqual([left["artefact"] for left in after.left], [recording])

    def test_restricted_before_its_turn(self):
        first, _ = self.record(noise_wav(LARGE))
        recording, assessment = self.record()
        begun = self.begun()
        self.opt_out(assessment)
        data, _ = self.broken(begun, recording)
        self.assertEqual([e["artefact"] for e in self.logged(begun[0], "read.opened")], [first])

    def test_restricted_after_its_turn(self):
        recording, assessment = self.record()
        self.record(noise_wav(LARGE))
        begun = self.begun()
        while not self.logged(begun[0], "read.opened")[1:]:
            time.sleep(0.02)  # the second is open: the first has passed
        self.opt_out(assessment)
        data, _ = self.broken(begun, recording)
        self.assertGreater(len(data), LARGE)

    def test_moved_away_meanwhile(self):
        stray = self.letter()
        self.record(noise_wav(LARGE))
        begun = self.begun()
        other = self.gw.create_claim("bob")
        self.expect(self.gw.post(f"/v1/artefacts/{stray}/links", self.gw.manager,
                                 {"claim": other, "reason": "somebody else's"}), 201)
        self.expect(self.gw.request("DELETE", f"/v1/artefacts/{stray}/links/{self.claim}", self.gw.manager), 204)
        self.broken(begun, stray)
        self.assertNotIn(stray, self.fetch().ids())

    def test_the_client_goes_away(self):
        self.record(noise_wav(LARGE))
        bundle, answer, _ = self.begun()
        answer.close()
        answer.line.close()  # the line is closed when neither holds it
        closed = self.closed(bundle)
        self.assertEqual(closed["transfer"], "broken off")
        self.assertLess(closed["sent"], LARGE)

    def test_what_is_damaged_is_no_whole_bundle(self):
        self.letter()
        recording, _ = self.record(noise_wav(4 << 20))
        blob, = [p for p in (self.gw.dir / "data").rglob(f"*{recording}*") if p.is_file()] or \
            [p for p in (self.gw.dir / "data").rglob("*") if p.is_file() and p.stat().st_size > 4 << 20]
        with open(blob, "r+b") as f:
            f.seek(3 << 20)
            byte = f.read(1)
            f.seek(3 << 20)
            f.write(bytes([byte[0] ^ 1]))
        data, closed = self.broken(self.begun(), recording)
        self.assertEqual(closed["stopped_by"], "corrupt")


class Many(Base):
    def test_too_many_at_once(self):
        """A quarter of what is sent at once is one person's."""
        self.send(noise_wav(LARGE), "long.wav", "audio/wav")
        held = []
        try:
            for _ in range(8):
                held.append(self.hold())
            self.expect(self.get(), 429, "quota-exceeded")
            self.assertEqual(len(self.own().items), 1)  # somebody else's share
        finally:
            for connection in held:
                connection.close()
        deadline = time.monotonic() + fixture.REQUEST_SECONDS
        while (answer := self.get(query="?purpose=appeal", claim=self.gw.create_claim("ada"))).status == 429:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.expect(answer, 200)

    def hold(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.gw.port, context=self.gw.context())
        connection.request("GET", f"/v1/claims/{self.claim}/bundle?purpose=appeal",
                           headers={"Authorization": f"Bearer {self.gw.manager}"})
        self.assertEqual(connection.getresponse().status, 200)
        return connection


@unittest.skipUnless(fixture.is_release(), "sanitizers need memory of their own: no release build")
class Memory(Base):
    release = True

    def test_constant_memory(self):
        size = (1 << 30) if fixture.long_campaign() else (96 << 20)
        source = Bytes(size)
        answer = self.gw.upload(self.claim, iter(source), self.assessor, "assessment_audio", "audio/wav", "long.wav",
                                self.gw.recording(self.noticed()), {"Content-Length": str(size)})
        self.expect(answer, 201)
        connection = http.client.HTTPSConnection("127.0.0.1", self.gw.port, context=self.gw.context())
        self.addCleanup(connection.close)
        connection.request("GET", f"/v1/claims/{self.claim}/bundle?purpose=appeal",
                           headers={"Authorization": f"Bearer {self.gw.manager}"})
        told, received, peak = connection.getresponse(), 0, 0
        while piece := told.read(8 << 20):
            received += len(piece)
            peak = max(peak, pss(self.gw))
        self.assertGreater(received, size)
        self.assertEqual(self.closed(told.headers["Evidence-Bundle"])["transfer"], "complete")
        print(f"a bundle of {size >> 20} MiB: {peak / (1 << 20):.1f} MiB of all processes at the most")
        self.assertLess(peak, LIMIT)

    def noticed(self):
        assessment = self.gw.create_assessment(self.claim)
        self.expect(self.gw.choose(assessment, self.assessor, "notice", now(-7000)), 201)
        return assessment


if __name__ == "__main__":
    unittest.main()

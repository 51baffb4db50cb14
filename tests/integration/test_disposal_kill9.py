#!/usr/bin/env python3
"""A destruction that is interrupted: the gateway is killed between its steps, and goes on behind each,
so that nothing half remains."""

import pathlib
import sqlite3
import sys
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from keeping import Destroying, until, where


class Interrupted(Destroying):
    """The gateway is killed between the steps of a destruction, and goes on behind each."""

    def cut(self, item, stop):
        """Destroys `item` while `stop` keeps it from getting past a step, and kills it there."""
        needles = self.secrets(item, b"")
        for digest in ("digest", "digest in the log"):
            del needles[digest]
        with stop:
            self.dispose(item)
            until(lambda: self.disposal(item)["state"] == "shredding", "the first half")
            self.expect(self.read(item), 409)
            self.gw.kill()
        self.assertIsNone(self.header(item))
        self.assertEqual(self.row("SELECT status FROM artefacts WHERE id = ?",
                                  uuid.UUID(item).bytes), ("disposed",))
        self.assertIsNotNone(self.payload(item))  # the second half is still to come
        self.gw.start()
        self.destroyed(item)
        for what, needle in needles.items():
            with self.subTest(what=what):
                self.assertEqual(where(self.gw.dir, needle), [])
        self.checks()

    def test_before_the_write_ahead_log_is_emptied(self):
        item = self.letter()
        reader = sqlite3.connect(self.gw.dir / "data" / "gateway.db", isolation_level=None)

        class OldSnapshot:
            def __enter__(self):
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM artefacts").fetchone()

            def __exit__(self, *_):
                reader.close()
        self.cut(item, OldSnapshot())

    def test_before_the_payload_is_removed(self):
        item = self.letter()
        payload, aside = self.payload(item), self.gw.folder / "aside"

        class InItsPlace:
            def __enter__(self):
                payload.rename(aside)
                payload.mkdir()

            def __exit__(self, *_):
                payload.rmdir()
                aside.rename(payload)
        self.cut(item, InItsPlace())

    def test_anywhere(self):
        items = []
        for pause in (0.0, 0.5, 1.2):
            items.append(self.letter())
            self.dispose(items[-1])
            time.sleep(pause)  # somewhere in the next tick; what holds, holds wherever it is
            self.gw.kill()
            for item in items:
                status, = self.row("SELECT status FROM artefacts WHERE id = ?", uuid.UUID(item).bytes)
                self.assertIn(status, ("available", "disposed"))
                self.assertEqual(self.header(item) is None, status == "disposed")
                if status == "available":
                    self.assertIsNotNone(self.payload(item))
            self.gw.start()
        for item in items:
            self.destroyed(item)
            self.assertIsNone(self.payload(item))
        self.checks()


if __name__ == "__main__":
    unittest.main()

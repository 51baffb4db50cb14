#!/usr/bin/env python3
"""What a backup is worth after a disposal: it opens as long as the keys of its epoch live, which is
why a tombstone tells a date, and it does not once they are destroyed."""

import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import samples
from keeping import Destroying, until, where


class Backup(Destroying):
    def age(self, identity, artefact, folder):
        """What the ordinary age program makes of a header and payload from `folder`."""
        sealed = self.header(artefact, folder) + self.payload(artefact, folder).read_bytes()
        done = subprocess.run(["age", "-d", "-i", str(identity)], input=sealed, capture_output=True,
                              timeout=60)
        return done.stdout if done.returncode == 0 else None

    def export(self, artefact, folder):
        """What the gateway's own keys make of it."""
        out = self.gw.folder / "exported.age"
        out.unlink(missing_ok=True)
        done = self.gw.command("export", "--config", folder / "gateway.conf", "--artefact", artefact,
                               "--recipient", self.recipient, "--out", out, "--reason", "a test", check=False)
        if done.returncode != 0:
            return None
        return subprocess.run(["age", "-d", "-i", str(self.reader), str(out)], capture_output=True,
                              check=True, timeout=60).stdout

    def keygen(self, name):
        path = self.gw.folder / name
        done = subprocess.run(["age-keygen", "-o", str(path)], capture_output=True, check=True)
        path.chmod(0o600)
        return path, done.stderr.decode().split("Public key: ")[1].strip()

    def keys(self, *argv, check=True):
        return self.gw.command("keys", argv[0], "--config", self.gw.config, *argv[1:], check=check)

    def reload(self):
        """SIGHUP, until the keyring and the keeper's keys were read."""
        seen = self.gw.stderr().count('"part":"keeper"')
        self.gw.process.send_signal(signal.SIGHUP)
        until(lambda: self.gw.stderr().count('"part":"keeper"') > seen, "the reload")

    def test_until_the_epoch_is_over(self):
        data = samples.pdf("to be destroyed")
        item, alive = self.letter(data=data), self.letter()
        self.reader, self.recipient = self.keygen("reader.identity")
        self.gw.stop()
        backup, tried = self.gw.folder / "backup", self.gw.folder / "tried"
        shutil.copytree(self.gw.dir, backup)
        shutil.rmtree(backup / "offline")  # it lies in a safe
        self.gw.start()
        self.dispose(item)
        self.destroyed(item)

        # the keys of the epoch live: both open what the backup holds
        old_recovery = self.gw.dir / "offline" / "recovery.identity"
        shutil.copytree(backup, tried)
        self.assertEqual(self.export(item, tried), data)
        self.assertEqual(self.age(old_recovery, item, backup), data)

        # the end of the epoch
        secret = next(line for line in old_recovery.read_bytes().splitlines()
                      if line.startswith(b"AGE-SECRET-KEY-"))
        new_recovery, recipient = self.keygen("recovery.2.identity")
        destroy = ("recovery-destroy", "--identity", old_recovery, "--reason", "two of us")
        self.assertEqual(self.keys(*destroy, check=False).returncode, 1)  # it is in force
        old_key = self.keys("list").stdout.decode().split()[0]
        self.keys("recovery", "--recipient", recipient)
        self.assertEqual(self.keys("recovery", "--recipient", recipient, check=False).returncode, 1)
        self.assertEqual(self.keys(*destroy, check=False).returncode, 1)  # it opens what lives
        self.assertTrue(old_recovery.exists())
        self.keys("add")
        self.reload()
        self.keys("rotate")
        self.reload()
        self.keys("rotate")
        self.keys("retire", old_key)
        self.assertEqual(self.keys("recovery-destroy", "--reason", "x", check=False).returncode, 2)
        self.keys(*destroy)
        self.assertEqual(where(self.gw.dir, secret), [])

        # with all keys that there are, the backup does not open, and what lives does
        shutil.rmtree(tried)
        shutil.copytree(backup, tried)
        for part in ("keys", "keyring"):
            shutil.rmtree(tried / part)
            shutil.copytree(self.gw.dir / part, tried / part)
        self.assertIsNone(self.export(item, tried))
        for identity in (new_recovery, self.reader):
            self.assertIsNone(self.age(identity, item, backup))
        self.assertIsNotNone(self.age(new_recovery, alive, self.gw.dir))
        self.assertIsNotNone(self.export(alive, self.gw.dir))
        self.expect(self.read(alive), 200)
        self.expect(self.read(self.letter()), 200)
        log = self.gw.command("log", "verify", "--config", self.gw.config, check=False)
        self.assertEqual(log.returncode, 0, log.stdout)
        self.checks()


if __name__ == "__main__":
    unittest.main()

"""A clamd of the tests' own: a private folder, a database of two lines, a local socket. Never a
system service, never official signatures."""

import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

# In two halves, so that no scanner takes this file for what it is about.
EICAR = (rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*")


class Clamd:
    def __init__(self, *lines, signatures=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eg-clamd."))
        self.socket = self.folder / "clamd.sock"
        self.conf = self.folder / "clamd.conf"
        self.lines = lines
        database = self.folder / "db"
        database.mkdir()
        (database / "test.hsb").write_text(f"{hashlib.sha256(EICAR).hexdigest()}:68:Test.Eicar.Hash:73\n"
                                           if signatures else f"{'0' * 64}:68:Test.Other.Hash:73\n")
        if signatures:
            (database / "test.ndb").write_text(f"Test.Eicar.Body:0:*:{EICAR.hex()}\n")
        self.write_conf()
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "clamav", self.folder], check=True)
            self.folder.chmod(0o755)
        self.process = None

    def write_conf(self, *lines):
        text = [f"LocalSocket {self.socket}", f"DatabaseDirectory {self.folder}/db",
                f"TemporaryDirectory {self.folder}", "Foreground yes"]
        if os.geteuid() == 0:
            text.append("User clamav")
        self.conf.write_text("\n".join([*text, *self.lines, *lines]) + "\n")

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/clamd", "-c", str(self.conf)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"clamd ended with {self.process.returncode}")
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(str(self.socket))
                    s.sendall(b"zPING\0")
                    if s.recv(16) == b"PONG\0":
                        return self
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("clamd did not start")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        if self.socket.exists():
            self.socket.unlink()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


GOOD = ("AlertExceedsMax yes", "AlertEncrypted yes", "StreamMaxLength 2000M", "MaxFileSize 25M",
        "MaxScanSize 100M")
LARGE = ("AlertExceedsMax yes", "AlertEncrypted yes", "StreamMaxLength 2000M", "MaxFileSize 2000M",
         "MaxScanSize 4000M", "MaxScanTime 0")

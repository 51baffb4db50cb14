#!/usr/bin/env python3
"""Two verifiers that share no code agree about receipts: ours, and the one in Go that was written
from docs/receipt.md. Both accept every good receipt and refuse every damaged one."""

import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("EG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ["EG_BUILD"]
TOOL = os.path.join(BUILD, "tests", "receipt_tool")
GO_FOLDER = os.path.join(SOURCE, "tests", "support", "verify-receipt")
GO_PATH = "/usr/share/gocode"  # where Debian puts golang.org/x/mod

work = tempfile.TemporaryDirectory(prefix="eg-receipt-")
VERIFIER = os.path.join(work.name, "verify-receipt")
LOG_KEY = os.path.join(work.name, "log.vkey")
WITNESS_KEY = os.path.join(work.name, "witness.vkey")
EVIDENCE = os.path.join(work.name, "evidence")


def build():
    env = dict(os.environ, GO111MODULE="off", GOPATH=GO_PATH, GOFLAGS="",
               GOCACHE=os.path.join(BUILD, "go-cache"))
    subprocess.run(["go", "build", "-o", VERIFIER, "."], cwd=GO_FOLDER, env=env, check=True)
    subprocess.run([TOOL, "make", work.name], check=True)


def path_of(name):
    return os.path.join(work.name, name)


def read(name):
    with open(path_of(name), "rb") as f:
        return f.read()


def write(name, data):
    with open(path_of(name), "wb") as f:
        f.write(data)
    return path_of(name)


def status(*command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def both(receipt, evidence=None, key=LOG_KEY):
    """The exit statuses of both verifiers."""
    rest = [key, receipt] + ([evidence] if evidence else [])
    return status(TOOL, "verify", *rest), status(VERIFIER, *rest)


def each(receipts):
    """For many receipts (bytes): the verdicts of both, as a list of pairs."""
    with tempfile.TemporaryDirectory(dir=work.name) as folder:
        paths = []
        for i, data in enumerate(receipts):
            paths.append(os.path.join(folder, str(i)))
            with open(paths[-1], "wb") as f:
                f.write(data)
        lines = "".join(p + "\n" for p in paths).encode()
        verdicts = [
            subprocess.run(command, input=lines, stdout=subprocess.PIPE, check=True).stdout.split()
            for command in ([TOOL, "verify-each", LOG_KEY], [VERIFIER, "-each", LOG_KEY])
        ]
    assert len(verdicts[0]) == len(verdicts[1]) == len(receipts)
    return list(zip(*verdicts))


def receipts():
    return sorted(n for n in os.listdir(work.name) if n.endswith(".tlog-proof"))


def example():
    """The blocks of the worked example in docs/receipt.md."""
    with open(os.path.join(SOURCE, "docs", "receipt.md"), encoding="utf-8") as f:
        text = f.read()
    return dict(re.findall(r"^```(vkey|json|values|tlog-proof)\n(.*?)^```", text, re.M | re.S))


class Receipts(unittest.TestCase):
    def assert_all_bad(self, damaged):
        good = [read(name) for name in receipts()]
        for what, text in damaged.items():
            self.assertNotIn(text, good, what)
        for what, verdicts in zip(damaged.keys(), each(list(damaged.values()))):
            self.assertEqual(verdicts, (b"bad", b"bad"), what)

    def test_good_ones(self):
        self.assertEqual(len(receipts()), 12)
        for name in receipts():
            self.assertEqual(both(path_of(name)), (0, 0), name)
            self.assertEqual(both(path_of(name), EVIDENCE), (0, 0), name)

    def test_other_file(self):
        other = write("other-evidence", read("evidence") + b"\n")
        for name in receipts():
            self.assertEqual(both(path_of(name), other), (1, 1), name)

    def test_other_key(self):
        name, key_id, key = read("log.vkey").decode().strip().split("+")
        self.assertEqual(both(path_of("3-1.tlog-proof"), key=WITNESS_KEY), (1, 1))
        broken = write("broken.vkey", f"{name}+{int(key_id, 16) ^ 1:08x}+{key}\n".encode())
        self.assertEqual(both(path_of("3-1.tlog-proof"), key=broken), (1, 1))

    def test_documented_example(self):
        blocks = example()
        self.assertEqual(set(blocks), {"vkey", "json", "values", "tlog-proof"})
        key = write("example.vkey", blocks["vkey"].encode())
        receipt = write("example", blocks["tlog-proof"].encode())
        self.assertEqual(both(receipt, EVIDENCE, key), (0, 0))
        self.assertEqual(read("example"), read("3-1.tlog-proof"))
        printed = subprocess.run([TOOL, "example"], stdout=subprocess.PIPE, check=True).stdout.decode()
        values = re.findall(r"^(\S+(?: \S+)?) {2,}(\S+)$", blocks["values"], re.M)
        self.assertEqual(len(values), 10)
        for _, value in values:
            self.assertIn(value, printed)
        self.assertIn("details      " + blocks["json"], printed)
        self.assertIn("vkey         " + blocks["vkey"], printed)

    def test_cosigned(self):
        cosigned, plain = path_of("1000-999.tlog-proof"), path_of("1000-500.tlog-proof")
        go = [VERIFIER, "-witness", WITNESS_KEY, LOG_KEY]
        self.assertEqual(status(TOOL, "verify-witness", WITNESS_KEY, cosigned), 0)
        self.assertEqual(status(*go, cosigned), 0)
        self.assertEqual(status(TOOL, "verify-witness", WITNESS_KEY, plain), 1)
        self.assertEqual(status(*go, plain), 1)

    def test_every_bit(self):
        good = read("3-1.tlog-proof")
        damaged = {}
        for i in range(len(good)):
            for bit in range(8):
                changed = bytearray(good)
                changed[i] ^= 1 << bit
                damaged[f"byte {i}, bit {bit}"] = bytes(changed)
        self.assertEqual(len(damaged), 8 * len(good))
        self.assert_all_bad(damaged)

    def test_every_byte_of_others(self):
        for name in ("257-3.tlog-proof", "1-0.tlog-proof"):
            good = read(name)
            damaged = {}
            for i in range(len(good)):
                damaged[f"{name}: byte {i} left out"] = good[:i] + good[i + 1:]
                damaged[f"{name}: byte {i} doubled"] = good[:i + 1] + good[i:]
                damaged[f"{name}: cut at {i}"] = good[:i]
                damaged[f"{name}: byte {i} is another"] = (
                    good[:i] + bytes([good[i] ^ random.randrange(1, 256)]) + good[i + 1:])
            self.assert_all_bad(damaged)

    def test_cosignature_line(self):
        """The line of a key nobody gave may be another one, but both verifiers see it alike."""
        good = read("1000-999.tlog-proof")
        line = good.rindex(b"\xe2\x80\x94")
        changed = []
        for i in range(line, len(good)):
            for bit in range(8):
                copy = bytearray(good)
                copy[i] ^= 1 << bit
                changed.append(bytes(copy))
        verdicts = each(changed)
        for i, (ours, theirs) in enumerate(verdicts):
            self.assertEqual(ours, theirs, f"byte {line + i // 8}, bit {i % 8}")
        self.assertIn((b"good", b"good"), verdicts)
        self.assertIn((b"bad", b"bad"), verdicts)

    def test_second_spellings(self):
        """What a lenient parser would let pass."""
        good = read("3-1.tlog-proof")
        head, checkpoint = good.split(b"\n\n", 1)
        signature = good[good.rindex(b"\xe2\x80\x94"):]
        first, extra, index, *proof = head.split(b"\n")
        self.assert_all_bad({
            "carriage returns": good.replace(b"\n", b"\r\n"),
            "a byte order mark": b"\xef\xbb\xbf" + good,
            "a leading zero": good.replace(b"index 1\n", b"index 01\n"),
            "a sign": good.replace(b"index 1\n", b"index +1\n"),
            "a size with a leading zero": good.replace(b"\n3\n", b"\n03\n"),
            "a space at the end of a line": good.replace(index, index + b" "),
            "trailing bits": good.replace(b"PpeW0=\n", b"PpeW1=\n"),
            "no padding": good.replace(b"PpeW0=\n", b"PpeW0\n"),
            "trailing bits of the signature": good.replace(b"EwI=\n", b"EwJ=\n"),
            "the other alphabet": good.replace(b"/", b"_").replace(b"+", b"-"),
            "the signature twice": good + signature,
            "an empty line at the end": good + b"\n",
            "text at the end": good + b"x",
            "no newline at the end": good[:-1],
            "one hash more": b"\n".join([first, extra, index, *proof, proof[0]]) + b"\n\n" + checkpoint,
            "one hash less": b"\n".join([first, extra, index, *proof[:-1]]) + b"\n\n" + checkpoint,
            "hashes in another order": b"\n".join([first, extra, index, *proof[::-1]]) + b"\n\n" + checkpoint,
            "no extra line": b"\n".join([first, index, *proof]) + b"\n\n" + checkpoint,
            "two extra lines": b"\n".join([first, extra, extra, index, *proof]) + b"\n\n" + checkpoint,
            "the lines in another order": b"\n".join([first, index, extra, *proof]) + b"\n\n" + checkpoint,
            "an extension that was not signed": good.replace(b"fM=\n\n", b"fM=\nmore\n\n"),
            "sixteen signatures more": good + signature.replace(b"gateway", b"another") * 16,
            "nothing": b"",
        })

    def test_checkpoint_of_another_tree(self):
        head = read("3-1.tlog-proof").split(b"\n\n", 1)[0]
        other = read("7-6.tlog-proof").split(b"\n\n", 1)[1]
        self.assert_all_bad({"mixed": head + b"\n\n" + other})


if __name__ == "__main__":
    random.seed(20261122)
    build()
    program = unittest.main(exit=False, verbosity=2)
    work.cleanup()
    sys.exit(0 if program.result.wasSuccessful() else 1)

#!/usr/bin/env python3
"""Sealing against the world: the age program of the distribution, and the format's test vectors.

1. What we seal opens with `age`, at every size where the chunking may go wrong; an artefact's own
   header (a service stanza beside the standard one) opens too. What `age` seals opens with us.
2. Every vector of the npm package cctv-age that concerns X25519 and the payload (no armor, no
   passphrase, no post-quantum identity) ends as the vector says, down to the hash of what a
   streaming reader releases before a failure.

One line a case; exit status 1 if any failed.
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zlib

BUILD = pathlib.Path(os.environ["EG_BUILD"])
PACKAGE = "cctv-age@0.2.0"
APPLICABLE = 68
SIZES = [0, 1, 65535, 65536, 65537, 131072, 5 * 1000 * 1000]

failures = 0


def report(name, problem=None):
    global failures
    if problem:
        failures += 1
    print(f"{'FAILED' if problem else 'ok'}: {name}{': ' + problem if problem else ''}", flush=True)


def tool():
    for path in (BUILD / "age_tool", BUILD / "tests" / "age_tool"):
        if path.exists():
            return str(path)
    sys.exit(f"age_tool is not in {BUILD}: build it first")


def run(*argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, timeout=120)


class Keys:
    """A key pair by age-keygen and one by ourselves: each program has to take the other's file."""

    def __init__(self, folder):
        self.theirs = folder / "theirs.key"
        made = run("age-keygen", "-o", self.theirs)
        self.theirs.chmod(0o600)
        self.their_recipient = made.stderr.decode().split("Public key: ")[1].strip()
        self.ours = folder / "ours.key"
        self.our_recipient = run(tool(), "keygen", self.ours).stdout.decode().strip()


def check_key_files(keys):
    shown = run("age-keygen", "-y", keys.ours).stdout.decode().strip()
    report("age-keygen reads our identity file", None if shown == keys.our_recipient else shown)


def check_round(name, seal, unseal, sealed, opened, plain):
    for path in (sealed, opened):
        path.unlink(missing_ok=True)
    for step in (seal, unseal):
        done = run(*step)
        if done.returncode != 0:
            report(name, done.stderr.decode(errors="replace").strip())
            return
    # age creates its output with the first byte, so an empty one is no file at all.
    content = opened.read_bytes() if opened.exists() else b""
    report(name, None if content == plain else "the content differs")


def check_sizes(folder, keys):
    plain_file, sealed, opened = folder / "plain", folder / "sealed.age", folder / "opened"
    for size in SIZES:
        plain = os.urandom(size)
        plain_file.write_bytes(plain)
        common = (sealed, opened, plain)
        check_round(f"ours to age, {size} bytes",
                    (tool(), "seal-file", keys.their_recipient, plain_file, sealed),
                    ("age", "-d", "-i", keys.theirs, "-o", opened, sealed), *common)
        check_round(f"an artefact to age by its recovery key, {size} bytes",
                    (tool(), "seal-artefact", keys.our_recipient, keys.their_recipient,
                     plain_file, sealed),
                    ("age", "-d", "-i", keys.theirs, "-o", opened, sealed), *common)
        check_round(f"age to ours, {size} bytes",
                    ("age", "-e", "-r", keys.our_recipient, "-o", sealed, plain_file),
                    (tool(), "open-file", keys.ours, sealed, opened), *common)
        check_round(f"age to ours, two recipients, {size} bytes",
                    ("age", "-e", "-r", keys.their_recipient, "-r", keys.our_recipient,
                     "-o", sealed, plain_file),
                    (tool(), "open-file", keys.ours, sealed, opened), *common)


def check_refusals(folder, keys):
    plain, sealed, opened = folder / "plain", folder / "sealed.age", folder / "opened"
    plain.write_bytes(b"a made-up statement")
    run(tool(), "seal-file", keys.their_recipient, plain, sealed)
    foreign = run(tool(), "open-file", keys.ours, sealed, opened)
    report("a foreign identity opens nothing",
           None if foreign.stdout == b"no match\n" else foreign.stdout.decode())
    data = bytearray(sealed.read_bytes())
    data[-1] ^= 1
    sealed.write_bytes(data)
    theirs = run("age", "-d", "-i", keys.theirs, "-o", opened, sealed)
    report("age refuses what was changed", None if theirs.returncode != 0 else "it opened")
    ours = run(tool(), "open-file", keys.theirs, sealed, opened)
    report("we refuse what was changed",
           None if ours.stdout == b"payload failure\n" and opened.stat().st_size == 0
           else ours.stdout.decode())


EXPORT_VECTORS = """
import * as vectors from 'cctv-age';
const out = {};
for (const [name, bytes] of Object.entries(vectors))
    out[name] = Buffer.from(bytes).toString('base64');
process.stdout.write(JSON.stringify(out));
"""


def load_vectors():
    prefix = BUILD / "npm"
    if not (prefix / "node_modules" / "cctv-age").exists():
        prefix.mkdir(exist_ok=True)
        done = run("npm", "install", "--no-audit", "--no-fund", "--prefix", prefix, PACKAGE)
        if done.returncode != 0:
            sys.exit("the test vectors could not be installed: " + done.stderr.decode())
    script = prefix / "export-vectors.mjs"
    script.write_text(EXPORT_VECTORS)
    done = run("node", script)
    if done.returncode != 0:
        sys.exit("the test vectors could not be read: " + done.stderr.decode())
    return {name: base64.b64decode(text) for name, text in json.loads(done.stdout).items()}


class Vector:
    def __init__(self, raw):
        head, _, self.sealed = raw.partition(b"\n\n")
        self.fields, self.identities = {}, []
        for line in head.decode().splitlines():
            key, _, value = line.partition(": ")
            if key == "identity":
                self.identities.append(value)
            else:
                self.fields[key] = value
        if self.fields.get("compressed") == "zlib":
            self.sealed = zlib.decompress(self.sealed)

    def classical(self):
        return [i for i in self.identities if i.startswith("AGE-SECRET-KEY-1")]

    def applies(self):
        """No armor, no passphrase, and a classical identity if it names any."""
        if "armored" in self.fields or "passphrase" in self.fields:
            return False
        return bool(self.classical()) or not self.identities


def outcome_of(vector, folder, spare_key):
    """What open-file says, and the SHA-256 of what it released."""
    key, sealed, opened = folder / "vector.key", folder / "vector.age", folder / "vector.out"
    for path in (key, opened):
        path.unlink(missing_ok=True)
    key.touch(0o600)
    key.write_text((vector.classical() or [spare_key])[0] + "\n")
    sealed.write_bytes(vector.sealed)
    done = run(tool(), "open-file", key, sealed, opened)
    if done.returncode not in (0, 1) or (done.returncode == 0) != (done.stdout == b"success\n"):
        return f"exit status {done.returncode} with {done.stdout!r}, {done.stderr!r}", ""
    return done.stdout.decode().strip(), hashlib.sha256(opened.read_bytes()).hexdigest()


def check_vectors(folder, keys):
    spare_key = [line for line in keys.theirs.read_text().splitlines() if line[0] != "#"][0]
    applied = 0
    for name, raw in sorted(load_vectors().items()):
        vector = Vector(raw)
        if not vector.applies():
            continue
        applied += 1
        outcome, digest = outcome_of(vector, folder, spare_key)
        nothing = hashlib.sha256(b"").hexdigest()
        if outcome != vector.fields["expect"]:
            report(f"vector {name}", f"{outcome}, not {vector.fields['expect']}")
        elif digest != vector.fields.get("payload", nothing):
            report(f"vector {name}", "a wrong payload was released")
        else:
            report(f"vector {name}: {outcome}")
    report(f"{applied} vectors applied", None if applied == APPLICABLE else f"not {APPLICABLE}")


def main():
    for program in ("age", "age-keygen", "npm", "node"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        keys = Keys(folder)
        check_key_files(keys)
        check_sizes(folder, keys)
        check_refusals(folder, keys)
        check_vectors(folder, keys)
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

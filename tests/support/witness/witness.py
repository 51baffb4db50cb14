#!/usr/bin/env python3
"""A witness of transparency logs, written from the C2SP specifications alone (tlog-witness,
tlog-cosignature, tlog-checkpoint, signed-note) and from RFC 6962. It shares no code with the
gateway; Ed25519 is the openssl command's.

    witness.py --dir DIR --name NAME --log VKEY [--log VKEY ...] [--port PORT]

keeps its key and what it cosigned last in DIR, prints "vkey <its verifier key>" and
"listening http://127.0.0.1:PORT", and serves

    POST /add-checkpoint
    GET  /<sha256 of an origin, hex>/checkpoint

It is strict: whatever the specification says MUST be refused is refused, with the status that it
names. It is for tests: plain HTTP on loopback, its key in a file.
"""

import argparse
import base64
import binascii
import hashlib
import http.server
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time

BODY_MAX = 64 * 1024
HASHES_MAX = 63
SIZE_MAX = 2**63 - 1
DASH = "\u2014 "
ED25519, COSIGNATURE = 1, 4
PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519


class Refusal(Exception):
    def __init__(self, status, words, content_type="text/plain; charset=utf-8"):
        super().__init__(f"{status}: {words}")
        self.status, self.words, self.content_type = status, words, content_type


# --- keys ------------------------------------------------------------------------------------

def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def vkey_format(name, kind, public):
    return f"{name}+{key_id(name, kind, public).hex()}+" + \
        base64.b64encode(bytes([kind]) + public).decode()


def vkey_parse(text, kind):
    name, number, encoded = text.strip().split("+", 2)
    data = base64.b64decode(encoded, validate=True)
    if not name or len(data) != 33 or data[0] != kind:
        raise ValueError("not a verifier key of this kind")
    if key_id(name, kind, data[1:]).hex() != number:
        raise ValueError("the key id does not belong to the key")
    return name, data[1:]


def openssl(*argv):
    return subprocess.run(["openssl", *map(str, argv)], capture_output=True, check=True).stdout


def ed25519_verify(public, signature, message):
    with tempfile.TemporaryDirectory(prefix="witness.") as folder:
        at = pathlib.Path(folder)
        (at / "key").write_bytes(PUBLIC_DER + public)
        (at / "signature").write_bytes(signature)
        (at / "message").write_bytes(message)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", at / "key",
             "-rawin", "-in", at / "message", "-sigfile", at / "signature"],
            capture_output=True)
        return done.returncode == 0


class Key:
    def __init__(self, path, name):
        self.path, self.name = pathlib.Path(path), name
        if not self.path.exists():
            openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
        self.public = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]
        self.vkey = vkey_format(name, COSIGNATURE, self.public)

    def sign(self, message):
        with tempfile.NamedTemporaryFile(prefix="witness.") as file:
            file.write(message)
            file.flush()
            return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", file.name)

    def cosign(self, text, at):
        """The signature line under the text of a checkpoint (tlog-cosignature, Ed25519)."""
        signature = self.sign(b"cosignature/v1\ntime %d\n" % at + text)
        blob = key_id(self.name, COSIGNATURE, self.public) + struct.pack(">Q", at) + signature
        return f"{DASH}{self.name} {base64.b64encode(blob).decode()}\n"


# --- texts -----------------------------------------------------------------------------------

def strict_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Refusal(400, "not canonical base64")
    return data


def strict_hash(text):
    data = strict_base64(text)
    if len(data) != 32:
        raise Refusal(400, "not a hash")
    return data


def strict_decimal(text):
    if not re.fullmatch("0|[1-9][0-9]{0,18}", text) or int(text) > SIZE_MAX:
        raise Refusal(400, "not a decimal number")
    return int(text)


class Checkpoint:
    """A signed note whose text is a checkpoint."""

    def __init__(self, note):
        split = note.rfind("\n\n")
        if split < 0 or not note.endswith("\n") or re.search("[\x00-\x09\x0b-\x1f]", note):
            raise Refusal(400, "not a signed note")
        self.note, self.text = note, note[:split + 1]
        self.signatures = [self.signature(line) for line in note[split + 2:-1].split("\n")]
        lines = self.text[:-1].split("\n")
        if len(lines) < 3 or "" in lines:
            raise Refusal(400, "not a checkpoint")
        self.origin, self.size, self.root = lines[0], strict_decimal(lines[1]), strict_hash(lines[2])

    @staticmethod
    def signature(line):
        words = line.removeprefix(DASH).split(" ")
        if not line.startswith(DASH) or len(words) != 2 or not words[0] or "+" in words[0]:
            raise Refusal(400, "not a signature line")
        data = strict_base64(words[1])
        if len(data) < 5:
            raise Refusal(400, "a signature that is too short")
        return words[0], data[:4], data[4:]


class Request:
    """old <size>, hashes, an empty line, a checkpoint."""

    def __init__(self, body):
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise Refusal(400, "not UTF-8") from None
        head, empty, note = text.partition("\n\n")
        lines = head.split("\n")
        if not empty or not lines[0].startswith("old ") or len(lines) - 1 > HASHES_MAX:
            raise Refusal(400, "not a request")
        self.old = strict_decimal(lines[0].removeprefix("old "))
        self.proof = [strict_hash(line) for line in lines[1:]]
        self.checkpoint = Checkpoint(note)


# --- RFC 6962, 2.1.2, as RFC 9162, 2.1.4.2 spells it -----------------------------------------

def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(first, first_root, second, second_root, proof):
    """0 < first < second"""
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for hash_ in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(hash_, fr), node(hash_, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, hash_)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_root and sr == second_root and sn == 0


# --- the witness -----------------------------------------------------------------------------

class Witness:
    """What is decided, apart from HTTP. `state`: {origin: {size, root, note}}, on disk before
    anything that follows from it is said."""

    def __init__(self, folder, name, logs=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = Key(self.folder / "key.pem", name)
        self.lock = threading.Lock()
        self.logs = {}
        for vkey in logs:
            self.trust(vkey)
        self.file = self.folder / "state.json"
        self.state = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.requests = []  # (old size, size) of each that was understood

    def trust(self, vkey):
        origin, public = vkey_parse(vkey, ED25519)
        self.logs[origin] = public

    def save(self):
        draft = self.file.with_suffix(".new")
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(self.state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.file)

    def check_signature(self, checkpoint):
        public = self.logs.get(checkpoint.origin)
        if public is None:
            raise Refusal(404, "an unknown log")
        wanted = key_id(checkpoint.origin, ED25519, public)
        found = False
        for name, number, signature in checkpoint.signatures:
            if name != checkpoint.origin or number != wanted:
                continue
            if len(signature) != 64 or \
                    not ed25519_verify(public, signature, checkpoint.text.encode()):
                raise Refusal(403, "a signature that does not verify")
            found = True
        if not found:
            raise Refusal(403, "not signed with the log's key")

    def check_tree(self, request):
        new = request.checkpoint
        last = self.state.get(new.origin, {"size": 0})
        if request.old > new.size:
            raise Refusal(400, "the old size is larger than the checkpoint's")
        if request.old != last["size"]:
            raise Refusal(409, f"{last['size']}\n", "text/x.tlog.size")
        if new.size == 0 and new.root != hashlib.sha256(b"").digest():
            raise Refusal(422, "not the root of the empty tree")
        if request.old == 0 or request.old == new.size:
            if request.proof:
                raise Refusal(422, "a proof where none is needed")
            if request.old > 0 and new.root.hex() != last["root"]:
                raise Refusal(422, "another tree of the same size")
        elif not consistent(request.old, bytes.fromhex(last["root"]), new.size, new.root,
                            request.proof):
            raise Refusal(422, "the consistency proof does not hold")

    def add_checkpoint(self, body):
        """The cosignature lines, or Refusal."""
        request = Request(body)
        new = request.checkpoint
        self.requests.append((request.old, new.size))
        self.check_signature(new)
        with self.lock:
            self.check_tree(request)
            line = self.key.cosign(new.text.encode(), int(time.time()))
            log_lines = [s for s in new.note[len(new.text) + 1:].splitlines(True)
                         if s.startswith(f"{DASH}{new.origin} ")]
            self.state[new.origin] = {"size": new.size, "root": new.root.hex(),
                                      "note": new.text + "\n" + "".join(log_lines) + line}
            self.save()
        return line

    def checkpoint(self, origin_hash):
        for origin, last in self.state.items():
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                return last["note"]
        raise Refusal(404, "no checkpoint of this log was cosigned")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, content_type="text/plain; charset=utf-8"):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", -1))
            if not 0 <= length <= BODY_MAX:
                self.close_connection = True
                raise Refusal(400, "a body without a length, or too long a one")
            body = self.rfile.read(length)
            if self.path != self.server.prefix + "/add-checkpoint":
                raise Refusal(404, "there is nothing here")
            self.answer(200, self.server.witness.add_checkpoint(body))
        except Refusal as r:
            self.answer(r.status, r.words, r.content_type)

    def do_GET(self):
        try:
            found = re.fullmatch(re.escape(self.server.prefix) + "/([0-9a-f]{64})/checkpoint",
                                 self.path)
            if not found:
                raise Refusal(404, "there is nothing here")
            self.answer(200, self.server.witness.checkpoint(found.group(1)))
        except Refusal as r:
            self.answer(r.status, r.words, r.content_type)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """`handler` and `witness` may be hostile ones."""

    daemon_threads = True

    def __init__(self, witness, port=0, prefix="", handler=Handler):
        super().__init__(("127.0.0.1", port), handler)
        self.witness, self.prefix = witness, prefix
        self.url = f"http://127.0.0.1:{self.server_address[1]}{prefix}"

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a client may go away
            super().handle_error(request, client_address)

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", action="append", default=[], help="a log's verifier key")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    server = Server(Witness(given.dir, given.name, given.log), given.port)
    print("vkey", server.witness.key.vkey)
    print("listening", server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

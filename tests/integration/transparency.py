"""Receipts and consistency proofs checked in Python, beside the program's own `verify`: the tree of
RFC 6962 (proofs as RFC 9162, 2.1.3.2 and 2.1.4.2). Signatures are left to `verify`."""

import base64
import hashlib
import hmac
import json


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def inclusion_root(index, size, leaf, proof):
    """The root that the proof leads to, or None if it has the wrong length."""
    fn, sn, at = index, size - 1, leaf
    for step in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            at = node(step, at)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            at = node(at, step)
        fn, sn = fn >> 1, sn >> 1
    return at if sn == 0 else None


def consistent(first, first_root, second, second_root, proof):
    if first == second:
        return first_root == second_root and not proof
    if first == 0:
        return not proof
    if not proof:
        return False
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(step, fr), node(step, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_root and sr == second_root and sn == 0


class Checkpoint:
    def __init__(self, text):
        lines = text.split("\n")
        self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2])


class Receipt:
    """A receipt taken apart; `problem` says what is wrong with it apart from its signature."""

    def __init__(self, text):
        head, _, note = text.partition("\n\n")
        lines = head.split("\n")
        raw = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
        self.index = int(lines[2].removeprefix("index "))
        self.proof = [base64.b64decode(x, validate=True) for x in lines[3:]]
        self.leaf, self.salt, self.details_text = raw[3:44], raw[44:76], raw[76:]
        self.details = json.loads(self.details_text)
        self.checkpoint = Checkpoint(note)

    def problem(self, sha256=None):
        if self.leaf[9:] != hmac.new(self.salt, self.details_text, "sha256").digest():
            return "the commitment"
        root = inclusion_root(self.index, self.checkpoint.size,
                              hashlib.sha256(b"\0" + self.leaf).digest(), self.proof)
        if root != self.checkpoint.root:
            return "the inclusion"
        if sha256 and self.details["sha256"] != sha256:
            return "the file"
        return None

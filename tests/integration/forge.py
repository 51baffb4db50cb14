"""Tokens as an issuer, or an attacker, would write them: JWS with ES256 (and what claims to be it),
without any library. Slow and not constant in time: for tests only."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid

P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(p, q):
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P) % P
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P) % P
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k, p):
    out = None
    while k:
        if k & 1:
            out = add(out, p)
        p = add(p, p)
        k >>= 1
    return out


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(d, message):
    z = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        k = secrets.randbelow(N - 1) + 1
        r = multiply(k, G)[0] % N
        s = pow(k, -1, N) * (z + r * d) % N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def new_key(kid):
    d = secrets.randbelow(N - 1) + 1
    x, y = multiply(d, G)
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
            "x": b64(x.to_bytes(32, "big")), "y": b64(y.to_bytes(32, "big")),
            "d": b64(d.to_bytes(32, "big"))}


def public(jwk):
    return {k: v for k, v in jwk.items() if k != "d"}


def decode(token):
    head, claims, _ = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(claims))


class Issuer:
    """The development issuer: its private key, and the header and claims of its tokens."""

    def __init__(self, jwk, head, claims):
        self.jwk, self.head, self.claims = jwk, head, claims
        self.d = int.from_bytes(unb64(jwk["d"]), "big")

    @classmethod
    def of(cls, gw):
        jwk = json.loads((gw.dir / "issuer" / "dev.key.json").read_text())
        jwk = jwk["keys"][0] if "keys" in jwk else jwk
        head, claims = decode(gw.token("case_manager", "template"))
        return cls(jwk, head, claims)

    def body(self, subject="ada", roles=("claimant",), **members):
        """Claims of a good token; a member given as None is left out."""
        claims = dict(self.claims)
        issued = int(time.time())
        claims.update({"sub": subject, "iat": issued, "exp": issued + 600,
                       "jti": str(uuid.uuid4())})
        if "nbf" in claims:
            claims["nbf"] = issued
        name = next(k for k, v in self.claims.items()
                    if v == ["case_manager"] or v == "case_manager")
        claims[name] = list(roles) if isinstance(self.claims[name], list) else " ".join(roles)
        claims.update(members)
        return {k: v for k, v in claims.items() if v is not None}

    def raw(self, head, body, signature=None):
        """Of texts or values; a given signature replaces the right one."""
        texts = [x if isinstance(x, (bytes, str)) else json.dumps(x) for x in (head, body)]
        parts = [b64(x.encode() if isinstance(x, str) else x) for x in texts]
        signed = ".".join(parts).encode()
        return ".".join(parts + [b64(sign(self.d, signed) if signature is None else signature)])

    def token(self, subject="ada", roles=("claimant",), head=None, **members):
        header = {**self.head, **(head or {})}
        return self.raw({k: v for k, v in header.items() if v is not None},
                        self.body(subject, roles, **members))

    def hmac_token(self, key, subject="ada", roles=("claimant",)):
        head = {**self.head, "alg": "HS256"}
        parts = f"{b64(json.dumps(head).encode())}." \
                f"{b64(json.dumps(self.body(subject, roles)).encode())}"
        return f"{parts}.{b64(hmac.new(key, parts.encode(), 'sha256').digest())}"

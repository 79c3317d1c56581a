"""How a worker proves itself: a token of 60 seconds, signed with the installation's service key."""

import time

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def service_token(seed: bytes, name: str = "python-worker") -> str:
    """A token that orchestration accepts at the opening of a stream or a call."""
    claims = {"iss": "trinity-services", "aud": "trinity-internal", "sub": name, "exp": int(time.time()) + 60}
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": "svc+jwt"})

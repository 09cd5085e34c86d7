"""What vouches for a report: an Ed25519 signature over its digest. Knows keys and digests; nothing of what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

PREFIX = b"truscore report 1\n"
KEY_DIGITS = 64


class InvalidKey(ValueError):
    """The text is no key; it says which kind was expected and never shows the text."""


class BadSeal(ValueError):
    """The seal does not vouch for the report."""


class Signer:
    """Holds the private key."""

    def __init__(self, private_hex: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(_key_bytes(private_hex, "private"))
        self.public_hex = self._key.public_key().public_bytes_raw().hex()
        self.key_id = key_id_of(self.public_hex)

    def sign(self, report_sha256: str) -> str:
        """Signature over the report's digest, hexadecimal; always the same for the same report and key."""
        return self._key.sign(PREFIX + report_sha256.encode()).hex()


class Verifier:
    """Holds the public keys that are trusted; without any, a report need not be signed."""

    def __init__(self, public_hexes: Iterable[str] = ()) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        self._keys = {
            key_id_of(text): Ed25519PublicKey.from_public_bytes(_key_bytes(text, "public")) for text in public_hexes
        }

    def check(self, report_sha256: str, *, key_id: str, signature: str) -> None:
        """Raises BadSeal where keys are trusted and none of them signed this report."""
        from cryptography.exceptions import InvalidSignature

        if not self._keys:
            return
        trusted = ", ".join(self._keys)
        key = self._keys.get(key_id)
        if key is None:
            raise BadSeal(f"the report is signed by {key_id or 'nobody'}; trusted are {trusted}")
        try:
            key.verify(bytes.fromhex(signature), PREFIX + report_sha256.encode())
        except (InvalidSignature, ValueError) as error:
            raise BadSeal(f"the signature of key {key_id} is not over this report") from error


def key_id_of(public_hex: str) -> str:
    """Names a public key: the first 16 digits of its SHA-256."""
    return hashlib.sha256(_key_bytes(public_hex, "public")).hexdigest()[:16]


def _key_bytes(text: str, kind: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) * 2 != KEY_DIGITS:
        raise InvalidKey(f"an Ed25519 {kind} key has {KEY_DIGITS} hexadecimal digits; this text has not")
    return key

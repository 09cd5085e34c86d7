"""The signature of a report: Ed25519 over its digest. Knows digests; nothing of what is in a report."""

from __future__ import annotations

from collections.abc import Iterable

from truscore.storage import signing
from truscore.storage.signing import BadSignature, InvalidKey, key_id_of

PREFIX = b"truscore report 1\n"

__all__ = ["BadSignature", "InvalidKey", "Signer", "Verifier", "key_id_of"]


class Signer:
    """Holds the private key, 64 hexadecimal digits. Raises InvalidKey."""

    def __init__(self, private_hex: str) -> None:
        self._key = signing.Signer(private_hex)
        self.public_hex = self._key.public_hex
        self.key_id = self._key.key_id

    def sign(self, report_sha256: str) -> str:
        """Signature over the report's digest, hexadecimal; always the same for the same report and key."""
        return self._key.sign(PREFIX + report_sha256.encode())


class Verifier:
    """Holds the public keys that are trusted; without any, a report need not be signed. Raises InvalidKey."""

    def __init__(self, public_hexes: Iterable[str] = ()) -> None:
        self._keys = signing.Verifier(public_hexes, what="report")

    def check(self, report_sha256: str, *, key_id: str, signature: str) -> None:
        """Raises BadSignature where keys are trusted and none of them signed this report."""
        self._keys.check(PREFIX + report_sha256.encode(), key_id=key_id, signature=signature)

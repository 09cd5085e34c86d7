"""Ed25519 signatures over bytes. Knows keys and messages; nothing of what a message means."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

KEY_DIGITS = 64


class InvalidKey(ValueError):
    """The text is no key; the message says which kind was expected and never shows the text."""


class BadSignature(ValueError):
    """No trusted key made this signature over this message."""


class Signer:
    """Holds an Ed25519 private key, given as 64 hexadecimal digits. Raises InvalidKey."""

    def __init__(self, private_hex: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(_key_bytes(private_hex, "private"))
        self.public_hex = self._key.public_key().public_bytes_raw().hex()
        self.key_id = key_id_of(self.public_hex)

    def sign(self, message: bytes) -> str:
        """Signature over the message, 128 hexadecimal digits; always the same for the same message and key."""
        return self._key.sign(message).hex()


class Verifier:
    """Holds the Ed25519 public keys that are trusted, 64 hexadecimal digits each. Raises InvalidKey.

    `what` names the kind of message where a signature is refused.
    """

    def __init__(self, public_hexes: Iterable[str] = (), *, what: str = "content") -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        self._what = what
        self._keys = {
            key_id_of(text): Ed25519PublicKey.from_public_bytes(_key_bytes(text, "public")) for text in public_hexes
        }

    @property
    def required(self) -> bool:
        """Whether a signature is demanded: any key is trusted."""
        return bool(self._keys)

    def check(self, message: bytes, *, key_id: str, signature: str) -> None:
        """Raises BadSignature where keys are trusted and none of them signed this message."""
        from cryptography.exceptions import InvalidSignature

        if not self._keys:
            return
        key = self._keys.get(key_id)
        if key is None:
            raise BadSignature(
                f"this {self._what} is signed by {key_id or 'nobody'}; trusted keys: {', '.join(self._keys)}"
            )
        try:
            key.verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError) as error:
            raise BadSignature(f"the signature of key {key_id} is not over this {self._what}") from error


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

"""The sums of a package, as sha256sum writes them, and the signature over them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from truscore.storage.signing import BadSignature, InvalidKey, Signer, Verifier, key_id_of

ALGORITHM = "Ed25519"
KEYS = frozenset({"algorithm", "key_id", "public_key", "signature"})


class InvalidSeal(ValueError):
    """A signature's file that is not as it is written, or is not over these sums."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """Who signed; `trusted` where the key is one of those that the reader trusts."""

    key_id: str
    trusted: bool


def sums_text(digests: Mapping[str, str]) -> str:
    """One line for each file, sorted by name: digest, two spaces, name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def seal(sums: str, signer: Signer) -> str:
    """The content of the signature's file."""
    return _written(
        {
            "algorithm": ALGORITHM,
            "key_id": signer.key_id,
            "public_key": signer.public_hex,
            "signature": signer.sign(sums.encode()),
        }
    )


def open_seal(content: bytes, sums: bytes, trusted: Verifier) -> Seal:
    """Checks the signature with the key that it names; where keys are trusted, it has to be one of them.

    Raises InvalidSeal, also for another spelling of the same words: a file that was changed is not what was signed.
    """
    try:
        found = json.loads(content)
        if not isinstance(found, dict) or set(found) != KEYS or _written(found).encode() != content:
            raise InvalidSeal("it is not written as a signature is")
        if found["algorithm"] != ALGORITHM or key_id_of(found["public_key"]) != found["key_id"]:
            raise InvalidSeal(f"key {found['key_id']} is not the id of the key beside it")
        its_own = Verifier([found["public_key"]], what="package")
        for verifier in (its_own, trusted):
            verifier.check(sums, key_id=found["key_id"], signature=found["signature"])
    except (BadSignature, InvalidKey, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidSeal(str(error)) from error
    return Seal(key_id=found["key_id"], trusted=trusted.required)


def _written(content: Mapping[str, str]) -> str:
    return json.dumps(dict(content), indent=1, sort_keys=True) + "\n"

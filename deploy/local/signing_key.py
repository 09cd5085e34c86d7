"""The key that a local stack signs its models with: made on the first start, kept for all later ones."""

import os
import secrets
from pathlib import Path

from truscore.files import atomic_write
from truscore.storage.signing import Signer

PRIVATE = "truscore_exporter_signing_key"  # as the exporter reads it from a folder of secrets
PUBLIC = "exporter.pub"


def secrets_with_key(folder: Path) -> Path:
    """The folder of secrets below the stack's own, which nobody else may read; the public key lies beside it.

    Raises InvalidKey where the file holds something else, and OSError.
    """
    kept = folder / "secrets"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = kept / PRIVATE
    if not private.exists():
        descriptor = os.open(private.with_suffix(".part"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        private.with_suffix(".part").replace(private)
    with atomic_write(folder / PUBLIC) as file:
        file.write(f"{Signer(private.read_text(encoding='ascii')).public_hex}\n".encode())
    return kept

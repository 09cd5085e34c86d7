"""Seeds from seeds."""

import hashlib


def mixed(*numbers: int) -> int:
    """One 63-bit seed from several numbers; close numbers give unrelated seeds."""
    digest = hashlib.sha256(",".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1

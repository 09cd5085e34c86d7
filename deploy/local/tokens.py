"""The tokens of a local stack's gRPC services: made anew at each start, and opened by nothing else."""

import os
from dataclasses import dataclass
from pathlib import Path

from truscore.access import Role, new_token, token_line


@dataclass(frozen=True, kw_only=True, slots=True)
class StackTokens:
    """Files that services read, and the token that `stack.env` has for whoever uses the stack."""

    accepted: Path
    studio: Path
    own: str


def make_tokens(folder: Path) -> StackTokens:
    """In a folder below the stack's own, which nobody else may read."""
    kept = folder / "tokens"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    studio, own = new_token(), new_token()
    lines = [token_line("studio", Role.OPERATOR, studio), token_line("cli", Role.ADMIN, own)]
    made = StackTokens(accepted=kept / "accepted", studio=kept / "studio", own=own)
    _write(made.accepted, "".join(f"{line}\n" for line in lines))
    _write(made.studio, studio)
    return made


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)

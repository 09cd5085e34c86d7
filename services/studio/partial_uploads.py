"""Files that come in piece by piece and go on where they stopped: after a lost connection, a restart, another page."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import re
from collections.abc import AsyncIterator
from io import BufferedWriter
from pathlib import Path
from typing import Final

from services.studio.drafts.dataset import InvalidDraft
from services.studio.drafts.files import Files
from services.studio.intake import TooLarge

ID: Final = re.compile(r"[0-9a-f]{16,64}")
MOST_UPLOADS: Final = 1000  # that are not complete yet


class WrongOffset(Exception):
    """The piece is not the next one, or the one before it is still being written."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the next byte that is taken is {offset}")
        self.offset = offset


class PartialUploads:
    """Each in a file of its own. `who` may see and continue their own alone; pieces are written by one at a time, also
    where several instances share the folder."""

    def __init__(self, files: Files, *, most_bytes: int) -> None:
        self._files, self._most_bytes = files, most_bytes

    def offset(self, who: str, dataset_id: str, upload_id: str) -> int:
        """How many bytes have come in. Raises InvalidDraft."""
        place = self._place(who, dataset_id, upload_id)
        return place.stat().st_size if place.exists() else 0

    async def append(
        self, who: str, dataset_id: str, upload_id: str, *, offset: int, content: AsyncIterator[bytes]
    ) -> int:
        """How many bytes there are now; what came before a connection was lost stays. Raises WrongOffset, and TooLarge
        with which the upload is over."""
        place = self._place(who, dataset_id, upload_id)
        if not place.exists() and sum(1 for _ in self._files.incoming.glob("upload-*")) >= MOST_UPLOADS:
            raise InvalidDraft(f"{MOST_UPLOADS} files are being uploaded already: wait until some are complete")
        with place.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise WrongOffset(file.tell()) from error
            if file.tell() != offset:
                raise WrongOffset(file.tell())
            async for part in content:
                if file.tell() + len(part) > self._most_bytes:
                    place.unlink(missing_ok=True)
                    raise TooLarge(f"larger than {self._most_bytes} bytes, which is the most that is accepted")
                await asyncio.to_thread(_write, file, part)
            return file.tell()

    def complete(self, who: str, dataset_id: str, upload_id: str, *, size: int) -> Path:
        """The file, for its taker to move. Raises WrongOffset where bytes are missing."""
        place = self._place(who, dataset_id, upload_id)
        if (offset := self.offset(who, dataset_id, upload_id)) != size or size == 0:
            raise WrongOffset(offset)
        return place

    def _place(self, who: str, dataset_id: str, upload_id: str) -> Path:
        if not ID.fullmatch(upload_id):
            raise InvalidDraft(f"upload id {upload_id[:80]!r}; accepted: 16 to 64 hexadecimal digits")
        digest = hashlib.sha256("\n".join((who, dataset_id, upload_id)).encode()).hexdigest()
        return self._files.incoming / f"upload-{digest}"


def _write(file: BufferedWriter, part: bytes) -> None:
    file.write(part)
    file.flush()

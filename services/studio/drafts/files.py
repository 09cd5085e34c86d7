"""Where the bytes of drafts lie on this disk: images by their content, and what browsers are shown of them."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEFT_S: Final = 2 * 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """`root` is the studio's working folder; `is_shared`: other instances of the studio may be at work in it."""

    root: Path
    is_shared: bool = False

    def clear(self, folder: Path, *, goes_on: bool = False) -> None:
        """What an earlier process was in the middle of: nobody waits for it any more. Of a folder that is shared, or
        whose work goes on after a restart, what nobody has touched for LEFT_S."""
        if not self.is_shared and not goes_on:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - LEFT_S:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

    @property
    def incoming(self) -> Path:
        """Files that are being uploaded, and folders that are to be imported."""
        return self.root / "incoming"

    @property
    def outgoing(self) -> Path:
        """Versions that are being written."""
        return self.root / "outgoing"

    @property
    def looking(self) -> Path:
        """What is computed about drafts, for the moment."""
        return self.root / "looking"

    def image(self, sha256: str) -> Path:
        return self.root / "images" / sha256[:2] / sha256

    def model(self, sha256: str) -> Path:
        """An exported model that proposes marks; fetched again where it is gone."""
        return self.root / "models" / f"{sha256}.onnx"

    def features(self, model_sha256: str) -> Path:
        """A folder of what that model's body sees in images; computed again where it is gone."""
        return self.root / "features" / model_sha256

    def preview(self, sha256: str) -> Path:
        """A JPEG of the upright image."""
        return self.root / "previews" / sha256[:2] / f"{sha256}.jpg"

    def pyramid(self, sha256: str) -> Path:
        """It in tiles and halves; made again where it is gone."""
        return self.root / "pyramids" / sha256[:2] / f"{sha256}.tiles"

    def thumbnail(self, sha256: str) -> Path:
        """A small JPEG of it."""
        return self.root / "thumbnails" / sha256[:2] / f"{sha256}.jpg"

"""Where the bytes of drafts lie on this disk: images by their content, and what browsers are shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """`root` is the studio's working folder."""

    root: Path

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

    def preview(self, sha256: str) -> Path:
        """A JPEG of the upright image."""
        return self.root / "previews" / sha256[:2] / f"{sha256}.jpg"

    def pyramid(self, sha256: str) -> Path:
        """It in tiles and halves; made again where it is gone."""
        return self.root / "pyramids" / sha256[:2] / f"{sha256}.tiles"

    def thumbnail(self, sha256: str) -> Path:
        """A small JPEG of it."""
        return self.root / "thumbnails" / sha256[:2] / f"{sha256}.jpg"

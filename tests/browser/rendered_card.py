"""A card as the synthesizer renders it, for pictures of pages: with something on it that is graded."""

from __future__ import annotations

from pathlib import Path

from truscore.synthesis import render_dataset


def rendered_card(folder: Path, size: tuple[int, int]) -> bytes:
    """An image of this width and height."""
    (card,) = rendered_cards(folder, size, count=1)
    return card


def rendered_cards(folder: Path, size: tuple[int, int], *, count: int) -> list[bytes]:
    render_dataset(folder, count=count, seed=7, image_size=size)
    return [file.read_bytes() for file in sorted((folder / "images").iterdir())]

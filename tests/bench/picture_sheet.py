"""Pictures side by side in rows, with a heading for each column and words below them."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL_PX, GAP_PX, HEADING_PX, CAPTION_PX = 220, 10, 26, 22

Cell = tuple[Image.Image, str]  # CELL_PX a side, and its caption


def write_sheet(path: Path, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    width = len(headings) * (CELL_PX + GAP_PX) + GAP_PX
    height = HEADING_PX + len(rows) * (CELL_PX + CAPTION_PX + GAP_PX) + GAP_PX
    sheet = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for column, heading in enumerate(headings):
        draw.text((GAP_PX + column * (CELL_PX + GAP_PX), 6), heading, fill="black", font=font)
    for row, cells in enumerate(rows):
        top = HEADING_PX + row * (CELL_PX + CAPTION_PX + GAP_PX)
        for column, (picture, caption) in enumerate(cells):
            left = GAP_PX + column * (CELL_PX + GAP_PX)
            sheet.paste(picture, (left, top))
            draw.text((left, top + CELL_PX + 2), caption, fill="black", font=font)
    sheet.save(path)

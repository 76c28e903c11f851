"""Many sprites in one picture, each under its label, in titled groups: how a comparison is looked at as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from dgx_pixels.pixels.preview import on_checkerboard
from dgx_pixels.pixels.sprite import Sprite

_MOST_BYTES: Final = 256 * 1024
_SIDE: Final = 1536  # px: what models that look at pictures see without shrinking it
_SCALES: Final = range(8, 0, -1)  # px for each of the sprites' pixels
_GAP, _LINE, _LETTERS = 8, 16, 12  # px between pictures, of a line of text, and of its letters
_GROUND, _INK, _FAINT = (32, 32, 32), (235, 235, 235), (170, 170, 170)


@dataclass(frozen=True, eq=False)
class Group:
    """Sprites that belong together, each with its label, under one title."""

    title: str
    cells: tuple[tuple[str, Sprite], ...]


def labelled_sheet(groups: Sequence[Group], heading: Sequence[str] = ()) -> bytes:
    """Draw groups of as many sprites each as a PNG under 256 KB, at the largest scale of 1 to 8 that keeps it near 1536 px.

    Groups stand in columns, so that the sheet is about square; `heading` is lines of text above them. What does not fit in a
    line is cut off. Nothing but pixels is in the file. Raises ValueError if there is no group, or one without sprites.
    """
    if not groups or not all(group.cells for group in groups):
        raise ValueError("A sheet needs at least one group, and each group a sprite.")
    for scale in _SCALES:
        sheet = _drawn(groups, heading, scale)
        if scale > 1 and max(sheet.size) > _SIDE:
            continue
        out = BytesIO()
        sheet.save(out, "PNG", compress_level=9)
        if scale == 1 or out.tell() < _MOST_BYTES:
            break
    return out.getvalue() if out.tell() < _MOST_BYTES else _in_few_colours(sheet)


def _in_few_colours(sheet: Image.Image) -> bytes:
    out = BytesIO()
    sheet.quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _drawn(groups: Sequence[Group], heading: Sequence[str], scale: int) -> Image.Image:
    width = scale * max(sprite.rgba.shape[1] for group in groups for _, sprite in group.cells)
    height = scale * max(sprite.rgba.shape[0] for group in groups for _, sprite in group.cells)
    wide = max(len(group.cells) for group in groups) * (width + _GAP) + _GAP
    high = 2 * _LINE + height + _GAP
    columns = min(range(1, len(groups) + 1), key=lambda n: max(n * wide, -(-len(groups) // n) * high))
    rows, top = -(-len(groups) // columns), len(heading) * _LINE + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, top + rows * high + _GAP), _GROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_LETTERS)
    for number, line in enumerate(heading):
        pen.text((_GAP, 4 + number * _LINE), _cut(line, sheet.width - 2 * _GAP, font), fill=_INK, font=font)
    for place, group in enumerate(groups):
        row, column = divmod(place, columns)
        x, y = _GAP + column * wide, top + row * high
        pen.text((x, y), _cut(group.title, wide - 2 * _GAP, font), fill=_INK, font=font)
        for number, (label, sprite) in enumerate(group.cells):
            left = x + number * (width + _GAP)
            pen.text((left, y + _LINE), _cut(label, width, font), fill=_FAINT, font=font)
            picture = Image.fromarray(on_checkerboard(sprite.rgba, scale))
            sheet.paste(picture, (left, y + 2 * _LINE))
    return sheet


def _cut(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of the text as fits into so many px."""
    if font.getlength(text) <= width:
        return text
    kept = next((n for n in range(len(text) - 1, 0, -1) if font.getlength(text[:n] + "...") <= width), 0)
    return text[:kept].rstrip() + "..." if kept else text[:1]

"""Many sprites in one picture, each under its label, in titled groups: how a comparison is looked at as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from dgx_pixels.pixels.preview import MOST_BYTES, on_checkerboard
from dgx_pixels.pixels.sprite import Sprite

_SIDE: Final = 1536  # px: what models that look at pictures see without shrinking it
_ZOOMS: Final = (*((scale, 1) for scale in range(8, 0, -1)), *((1, step) for step in (2, 3, 4, 6, 8, 16)))
"""Px for each of the sprites' pixels, and which of these are shown: every one, every second, ..."""
_GAP, _LINE, _LETTERS = 8, 16, 12  # px between pictures, of a line of text, and of its letters
_GROUND, _INK, _FAINT = (32, 32, 32), (235, 235, 235), (170, 170, 170)


@dataclass(frozen=True, eq=False)
class Group:
    """Sprites that belong together, each with its label, under one title."""

    title: str
    cells: tuple[tuple[str, Sprite], ...]


def labelled_sheet(groups: Sequence[Group], heading: Sequence[str] = ()) -> bytes:
    """Draw groups of as many sprites each as a PNG under 256 KB and within 1536 px a side, each pixel 1 to 8 px large.

    What is too much for that shows every second, third, ... pixel, so that what is seen are still its own colours. Groups stand
    in columns, so that the sheet is about square; `heading` is lines of text above them. What does not fit in a line is cut
    off. Nothing but pixels is in the file. Raises ValueError if there is no group, or one without sprites.
    """
    if not groups or not all(group.cells for group in groups):
        raise ValueError("A sheet needs at least one group, and each group a sprite.")
    layouts = [_layout(groups, len(heading), scale, step) for scale, step in _ZOOMS]
    for layout in [at for at in layouts if max(at.width, at.height) <= _SIDE] or layouts[-1:]:
        data = _png(_drawn(groups, heading, layout))
        if len(data) < MOST_BYTES:
            break
    return data


@dataclass(frozen=True)
class _Layout:
    scale: int
    step: int
    cell_width: int
    group_width: int
    group_height: int
    columns: int
    top: int
    width: int
    height: int


def _layout(groups: Sequence[Group], lines: int, scale: int, step: int) -> _Layout:
    """Where everything stands at this zoom, in px: groups in as many columns as make the sheet squarest."""
    sprites = [sprite.rgba for group in groups for _, sprite in group.cells]
    width, height = (scale * -(-max(rgba.shape[axis] for rgba in sprites) // step) for axis in (1, 0))
    wide = max(len(group.cells) for group in groups) * (width + _GAP) + _GAP
    high = 2 * _LINE + height + _GAP
    columns = min(range(1, len(groups) + 1), key=lambda n: max(n * wide, -(-len(groups) // n) * high))
    top = lines * _LINE + _GAP
    rows = -(-len(groups) // columns)
    return _Layout(scale, step, width, wide, high, columns, top, columns * wide + _GAP, top + rows * high + _GAP)


def _drawn(groups: Sequence[Group], heading: Sequence[str], at: _Layout) -> Image.Image:
    sheet = Image.new("RGB", (at.width, at.height), _GROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_LETTERS)
    for number, line in enumerate(heading):
        pen.text((_GAP, 4 + number * _LINE), _cut(line, at.width - 2 * _GAP, font), fill=_INK, font=font)
    for place, group in enumerate(groups):
        row, column = divmod(place, at.columns)
        x, y = _GAP + column * at.group_width, at.top + row * at.group_height
        pen.text((x, y), _cut(group.title, at.group_width - 2 * _GAP, font), fill=_INK, font=font)
        for number, (label, sprite) in enumerate(group.cells):
            left = x + number * (at.cell_width + _GAP)
            pen.text((left, y + _LINE), _cut(label, at.cell_width, font), fill=_FAINT, font=font)
            sheet.paste(Image.fromarray(on_checkerboard(sprite.rgba[:: at.step, :: at.step], at.scale)), (left, y + 2 * _LINE))
    return sheet


def _png(sheet: Image.Image) -> bytes:
    out = BytesIO()
    sheet.save(out, "PNG", compress_level=9)
    return out.getvalue()


def _cut(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of the text as fits into so many px."""
    if font.getlength(text) <= width:
        return text
    kept = next((n for n in range(len(text) - 1, 0, -1) if font.getlength(text[:n] + "...") <= width), 0)
    return text[:kept].rstrip() + "..." if kept else text[:1]

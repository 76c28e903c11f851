"""What may be asked of the engine and its touch-ups, and what is wrong with what cannot be had."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

import numpy as np

from dgx_pixels.pixels.colour import Color, comparable, parse_hex, to_hex
from dgx_pixels.pixels.dither import Dither
from dgx_pixels.pixels.edit import Anchor
from dgx_pixels.pixels.palette import Palette

T = TypeVar("T", bound=str)

Cleanup = Literal["orphans", "lines", "outlines"]
"""Touch-ups: faint orphan pixels, jagged lines, doubled outlines (see `cleanup`)."""

MOST_COLORS: Final = 256
MOST_SIDE: Final = 1024
"""Cells along a side that may be asked for."""
MOST_TOUCHED: Final = 2**20
"""Pixels of the largest art that is dithered or touched up: more is no pixel art, and takes too much memory."""


@dataclass(frozen=True)
class ArtOptions:
    """What is asked for. What is None is found in the picture; touch-ups are off unless named.

    `size`: (width, height) in cells; `colors`: at most so many, 2 to 256; `palette`: locked; `transparent`: cut the ground
    out; `outline`: a colour for a line of one pixel around the subject; `trim`: cut off clear rows and columns; `canvas`:
    (width, height) to stand the trimmed subject on; `anchor`: where it stands there, or, without a canvas, in its own size.
    """

    size: tuple[int, int] | None = None
    colors: int | None = None
    palette: Palette | None = None
    transparent: bool = True
    dither: Dither = "none"
    cleanup: tuple[Cleanup, ...] = ()
    outline: Color | None = None
    trim: bool = False
    canvas: tuple[int, int] | None = None
    anchor: Anchor | None = None


def read_options(
    *,
    size: int | str | None = None,
    colors: int | None = None,
    palette: Palette | None = None,
    transparent: bool = True,
    dither: str = "none",
    cleanup: Sequence[str] = (),
    outline: str | None = None,
    trim: bool = False,
    canvas: int | str | None = None,
    anchor: str | None = None,
) -> ArtOptions:
    """Check what a person or a model asked for, and complete it. Sizes are 32, "32" or "32x48"; `outline` is "#rrggbb".

    Raises ValueError, with one sentence, for what is out of range, unknown, or contradicts itself.
    """
    if colors is not None and not 2 <= colors <= MOST_COLORS:
        raise ValueError(f"colors is {colors}, but must be from 2 to {MOST_COLORS}.")
    if trim and (canvas is not None or anchor is not None):
        raise ValueError("Trimming leaves no room to stand in: give either trim, or canvas and anchor.")
    kind = _one_of("dither", dither, get_args(Dither))
    if kind != "none" and palette is None and colors is None:
        raise ValueError("Dithering needs to know the colours: give a palette, or a number of colors.")
    touches: tuple[Cleanup, ...] = tuple(_one_of("cleanup", name, get_args(Cleanup)) for name in cleanup)
    stands: Anchor | None = None if anchor is None else _one_of("anchor", anchor, get_args(Anchor))
    return ArtOptions(
        size=_read_size("size", size), colors=colors, palette=palette, transparent=transparent, dither=kind, cleanup=touches,
        outline=_read_outline(outline, colors, palette), trim=trim, canvas=_read_size("canvas", canvas), anchor=stands,
    )  # fmt: skip


def asked_size(options: ArtOptions) -> tuple[int, int] | None:
    """The (width, height) that the art must have; None if it is as the picture and the options make it."""
    return options.canvas or (None if options.trim else options.size)


def parse_size(size: int | str) -> tuple[int, int] | None:
    """Read (width, height) from 32, "32" or "32x48", each of at most four digits; None for anything else."""
    match = re.fullmatch(r"\s*(\d{1,4})\s*(?:[xX]\s*(\d{1,4}))?\s*", str(size))
    return None if match is None else (int(match[1]), int(match[2] or match[1]))


def _read_size(what: str, size: int | str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = parse_size(size)
    if sides is None or not all(1 <= side <= MOST_SIDE for side in sides):
        raise ValueError(f"The {what} {size!r} is not possible: use a number from 1 to {MOST_SIDE}, or WxH of these, like 32x48.")
    return sides


def _one_of(what: str, name: str, allowed: tuple[T, ...]) -> T:
    found = next((known for known in allowed if known == name), None)
    if found is None:
        raise ValueError(f"{what} cannot be {name!r}: use {', '.join(map(str, allowed))}.")
    return found


def _read_outline(outline: str | None, colors: int | None, palette: Palette | None) -> Color | None:
    if outline is None:
        return None
    color = parse_hex(outline)
    if palette is not None and color not in palette:
        raise ValueError(
            f"The outline {to_hex(color)} is not in the palette: its nearest colour is {to_hex(_nearest(color, palette))}."
        )
    if colors == 2:
        raise ValueError("An outline takes one of the 2 colors: ask for 3 or more.")
    return color


def _nearest(color: Color, palette: Palette) -> Color:
    wanted, there = (comparable(np.array(colors, dtype=np.uint8)) for colors in ((color,), palette))
    return palette[int(((there - wanted) ** 2).sum(axis=1).argmin())]

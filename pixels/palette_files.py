"""Palettes as files: what drawing programs and Lospec write, told apart by their content."""

import struct
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import Color, parse_hex
from dgx_pixels.pixels.palette import Palette, PaletteError
from dgx_pixels.pixels.read import PictureError, read_picture

SUFFIXES: Final = (".hex", ".gpl", ".pal", ".png")
"""How the names of palette files end."""
MOST_BYTES: Final = 4_000_000
"""More than any palette file, a PNG of a large sprite sheet included, needs."""

_FEWEST, _MOST = 2, 256
_DIGITS: Final = 9
"""Python reads no number of thousands of digits."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_FORMATS: Final = "give a .hex, .gpl (GIMP), .pal (JASC or Microsoft) or PNG file"


def parse_palette(data: bytes) -> Palette:
    """Read a palette file's bytes: its colours in the file's order, without repeats.

    It may be `.hex` (one `rrggbb` a line), GIMP's `.gpl`, `.pal` as Paint Shop Pro (JASC) or Microsoft (RIFF) wrote it, or
    a PNG, whose pixels' colours are taken row by row, clear ones left out. Which one it is shows in its content.

    Raises PaletteError if it is none of these, is damaged, or has fewer than 2 or more than 256 colours.
    """
    if len(data) > MOST_BYTES:
        raise PaletteError(f"The palette file has {len(data):,} bytes, but at most {MOST_BYTES:,} are read: {_FORMATS}.")
    if data.startswith(_PNG):
        return _sized(_of_png(data))
    if data[:4] == b"RIFF":
        return _sized(_of_riff(data))
    lines = [line.strip() for line in _text(data).splitlines()]
    if lines and lines[0] == "GIMP Palette":
        return _sized(_of_rows(lines[1:], skipped=("#", "Name:", "Columns:", "Channels:")))
    if lines and lines[0] == "JASC-PAL":
        return _sized(_of_rows(lines[3:], skipped=()))
    return _sized(_of_hex(lines))


def colors_in_order(rgba: NDArray[np.uint8]) -> Palette:
    """List the colours of a picture's pixels, (h, w, 4), in reading order without repeats; clear pixels have none."""
    pixels = rgba[rgba[..., 3] > 0][:, :3].astype(np.uint32)
    codes = pixels[:, 0] << 16 | pixels[:, 1] << 8 | pixels[:, 2]
    found, first = np.unique(codes, return_index=True)
    return tuple((int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in found[np.argsort(first)])


def _sized(colors: Iterable[Color]) -> Palette:
    palette = tuple(dict.fromkeys(colors))
    if not _FEWEST <= len(palette) <= _MOST:
        raise PaletteError(f"The palette file has {len(palette):,} different colours, but must have {_FEWEST} to {_MOST}.")
    return palette


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PaletteError(f"The file is no palette: {_FORMATS}.") from error


def _of_png(data: bytes) -> Palette:
    try:
        return colors_in_order(read_picture(data).rgba)
    except PictureError as error:
        raise PaletteError(f"The palette's PNG cannot be read. {error}") from error


def _of_riff(data: bytes) -> list[Color]:
    """Read Microsoft's RIFF palette: after the headers a version, a count, and four bytes (r, g, b, flags) a colour."""
    at = data.find(b"data", 12)
    if data[8:12] != b"PAL " or at < 0 or len(data) < at + 12:
        raise PaletteError(f"The file is a damaged Microsoft palette, or another RIFF file: {_FORMATS}.")
    (count,) = struct.unpack_from("<H", data, at + 10)
    entries = data[at + 12 : at + 12 + 4 * count]
    if len(entries) < 4 * count:
        raise PaletteError(f"The palette file ends after {len(entries) // 4} of its {count} colours: save it again.")
    return [(entries[i], entries[i + 1], entries[i + 2]) for i in range(0, 4 * count, 4)]


def _of_rows(lines: list[str], skipped: tuple[str, ...]) -> list[Color]:
    """Read lines of three numbers from 0 to 255, whatever follows them."""
    colors = []
    for line in lines:
        if not line or (skipped and line.startswith(skipped)):
            continue
        words = line.split()[:3]
        if len(words) < 3 or not all(
            word.isascii() and word.isdigit() and len(word) <= _DIGITS and int(word) <= 255 for word in words
        ):
            raise PaletteError(f"The palette's line {line[:40]!r} is no colour: it must begin with three numbers from 0 to 255.")
        colors.append((int(words[0]), int(words[1]), int(words[2])))
    return colors


def _of_hex(lines: list[str]) -> list[Color]:
    try:
        return [parse_hex(line) for line in lines if line and not line.startswith((";", "//"))]
    except ValueError as error:
        raise PaletteError(f"The file is no palette, since {str(error)[:-1]}; or {_FORMATS}.") from error

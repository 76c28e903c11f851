"""Palette files: each format is read in its order, and what is no palette gets one sentence."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import file_of
from PIL import Image

from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.pixels.palette_files import parse_palette

COLORS = ((26, 28, 44), (255, 0, 68), (244, 244, 244))
HEX = b"1a1c2c\r\nff0044\r\nf4f4f4\r\n"
GPL = b"GIMP Palette\nName: Three\nColumns: 3\n#a comment\n 26  28  44\tNight\n255 0 68 Hot pink\n\n244 244 244\n"
JASC = b"JASC-PAL\r\n0100\r\n3\r\n26 28 44\r\n255 0 68\r\n244 244 244\r\n"
RIFF = (
    b"RIFF" + struct.pack("<I", 28) + b"PAL data" + struct.pack("<IHH", 16, 0x300, 3) + bytes(v for c in COLORS for v in (*c, 0))
)


@pytest.mark.parametrize("data", [HEX, b"\xef\xbb\xbf" + HEX, b"; from Lospec\n#1A1C2C\n#FF0044\n\n#F4F4F4", GPL, JASC, RIFF])
def test_each_format_is_read_in_its_order(data: bytes) -> None:
    """Comments, names and line ends do not matter; order does."""
    assert parse_palette(data) == COLORS


def test_a_png_gives_its_colours_in_reading_order() -> None:
    """Row by row, each colour once, clear pixels none: Lospec's 1x PNG, or any sprite."""
    pixels = np.array([[(26, 28, 44, 255), (9, 9, 9, 0)], [(255, 0, 68, 255), (26, 28, 44, 255)]], dtype=np.uint8)

    assert parse_palette(file_of(Image.fromarray(pixels), "PNG")) == COLORS[:2]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 different colours"),
        (b"1a1c2c\n1a1c2c", "1 different colours"),
        (b"".join(b"%06x\n" % i for i in range(257)), "257 different colours, but must have 2 to 256"),
        (b"hello\nworld", "'hello' is not a colour"),
        (b"\xff\xfe\x00\x01", "no palette"),
        (GPL.replace(b"255 0", b"256 0"), "'256 0 68 Hot pink' is no colour"),
        (JASC.replace(b"255 0 68", b"255 0"), "three numbers from 0 to 255"),
        (RIFF[:-4], "ends after 2 of its 3 colours"),
        (RIFF[:14], "damaged Microsoft palette"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "another RIFF file"),
        (b"\x89PNG\r\n\x1a\n123", "PNG cannot be read"),
        (bytes(4_000_001), "at most 4,000,000"),
    ],
)  # fmt: skip
def test_what_is_no_palette_gets_one_sentence(data: bytes, says: str) -> None:
    """The text says which line or what is wrong, and what is read."""
    with pytest.raises(PaletteError) as refused:
        parse_palette(data)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@given(
    st.binary(max_size=80)
    | st.sampled_from([GPL, JASC, RIFF, HEX]).flatmap(lambda d: st.integers(0, len(d)).map(lambda n: d[:n]))
)
def test_nothing_crashes_it(data: bytes) -> None:
    """Any bytes, and any file cut short, give a palette or a PaletteError."""
    try:
        assert len(parse_palette(data)) >= 2
    except PaletteError as error:
        said = str(error)
        assert len(said) < 400

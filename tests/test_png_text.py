"""Words in a PNG: a recipe goes in and comes out, and nothing that a file of unknown origin holds can do harm."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dgx_pixels.pixels.png_text import MOST_RECIPE, PngError, recipe_in, with_recipe, without_text


def png(info: PngInfo | None = None, **options: object) -> bytes:
    """A small PNG, with these texts."""
    out = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(out, "PNG", pnginfo=info, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk, sound."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def holding(*chunks: bytes) -> bytes:
    """A PNG with these chunks behind its header."""
    plain = png()
    return plain[:33] + b"".join(chunks) + plain[33:]


def test_a_recipe_comes_back_and_other_tools_read_it() -> None:
    """Any text, the same bytes each time; Pillow finds it, and who made the picture, under the usual keywords."""
    recipe = '{"prompt": "a slime, 泥\\u0000 <&>"}'
    made = with_recipe(png(), recipe)
    assert recipe_in(made) == recipe
    assert made == with_recipe(png(), recipe)
    image = Image.open(io.BytesIO(made))
    assert image.info["dgx_pixels"] == recipe
    assert image.info["Software"] == "DGX-Pixels"
    assert np.asarray(image).tobytes() == np.asarray(Image.open(io.BytesIO(png()))).tobytes()


def test_a_new_recipe_takes_the_place_of_the_old_one() -> None:
    """However often it is written, and whatever else the file says, which stays."""
    info = PngInfo()
    info.add_text("Author", "me")
    info.add_text("dgx_pixels", "old", zip=True)
    made = with_recipe(with_recipe(png(info), "one"), "two")
    assert recipe_in(made) == "two"
    assert made.count(b"dgx_pixels") == 1
    assert made.count(b"Software") == 1
    assert Image.open(io.BytesIO(made)).info["Author"] == "me"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("international", [False, True])
def test_a_recipe_is_found_however_another_tool_wrote_it(packed: bool, international: bool) -> None:
    """An editor that saves the file anew may choose another kind of text chunk."""
    info = PngInfo()
    if international:
        info.add_itxt("dgx_pixels", "the recipe", "en", "Rezept", packed)
    else:
        info.add_text("dgx_pixels", "the recipe", packed)
    assert recipe_in(png(info)) == "the recipe"
    assert recipe_in(png()) is None


def test_without_text_nothing_is_left_but_the_pixels() -> None:
    """No text, time, EXIF data or profile; palette and transparency stay."""
    info = PngInfo()
    info.add_text("secret", "who made it")
    info.add_itxt("dgx_pixels", "secret")
    info.add(b"tIME", bytes(7))
    exif = Image.Exif()
    exif[270] = "secret"
    out = io.BytesIO()
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4), mode="P")
    image.putpalette(list(range(48)))
    image.save(out, "PNG", pnginfo=info, exif=exif, icc_profile=b"secret profile", dpi=(72, 72), transparency=3)

    bare = without_text(out.getvalue())
    assert b"secret" not in bare
    assert not [kind for kind in (b"tEXt", b"iTXt", b"eXIf", b"tIME", b"iCCP", b"pHYs") if kind in bare]
    before, after = (Image.open(io.BytesIO(data)).convert("RGBA").tobytes() for data in (out.getvalue(), bare))
    assert before == after


BOMB = zlib.compress(bytes(20_000_000), 9)


@pytest.mark.parametrize(
    ("hostile", "says"),
    [
        (holding(chunk(b"zTXt", b"dgx_pixels\0\0" + BOMB)), "more than 65,536 bytes"),
        (holding(chunk(b"iTXt", b"dgx_pixels\0\1\0\0\0" + BOMB)), "more than 65,536 bytes"),
        (holding(chunk(b"tEXt", b"dgx_pixels\0" + bytes(20_000_000))), "more than 65,536 bytes"),
        (holding(chunk(b"zTXt", b"dgx_pixels\0\0nothing packed")), "cannot be unpacked"),
        (holding(chunk(b"zTXt", b"dgx_pixels\0")), ""),
        (holding(chunk(b"iTXt", b"dgx_pixels\0\0\0no end")), "no proper head"),
        (holding(chunk(b"iTXt", b"dgx_pixels\0\7\0\0\0text")), "no proper head"),
        (holding(chunk(b"tEXt", b"dgx_pixels\0\xff\xfe")), "no UTF-8"),
        (holding(struct.pack(">I", 2**31) + b"iTXtdgx_pixels\0"), "damaged or cut short"),
        (holding(chunk(b"iTXt", b"dgx_pixels\0\0\0\0\0x")[:-1] + b"!"), "damaged or cut short"),
        (holding(*[chunk(b"tEXt", b"a\0b")] * 100_001), "damaged or cut short"),
        (png()[:50], "damaged or cut short"),
        (b"", "no PNG"),
        (b"GIF89a", "no PNG"),
    ],
)  # fmt: skip
def test_hostile_files_cost_a_sentence(hostile: bytes, says: str) -> None:
    """Bombs, lies about lengths and broken chunks: each is refused in little memory."""
    tracemalloc.start()
    if says:
        with pytest.raises(PngError, match=says):
            recipe_in(hostile)
    else:
        assert recipe_in(hostile) == ""
    assert tracemalloc.get_traced_memory()[1] < 2 * len(hostile) + 5_000_000
    tracemalloc.stop()


def test_a_recipe_that_could_not_be_read_is_not_written() -> None:
    """What goes in comes out: the bound is the same for both."""
    assert recipe_in(with_recipe(png(), "x" * MOST_RECIPE)) == "x" * MOST_RECIPE
    with pytest.raises(ValueError, match="at most 65,536"):
        with_recipe(png(), "x" * (MOST_RECIPE + 1))

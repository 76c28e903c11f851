"""Reading picture files: every common kind comes out as RGBA, everything else as one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import blocks, file_of, png_saying
from PIL import Image

from dgx_pixels.pixels import read
from dgx_pixels.pixels.read import FORMATS, PictureError, read_picture

RGB = blocks(1, 5, 4)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_is_read(kind: str) -> None:
    """Each format gives a picture of the right size, opaque, with its name; the lossless ones bit for bit."""
    picture = read_picture(file_of(RGB, kind, **({"lossless": True} if kind == "WEBP" else {})))

    assert picture.rgba.shape == (4, 5, 4)
    assert picture.rgba.dtype == np.uint8
    assert (picture.format, picture.frames) == (kind, 1)
    assert (picture.rgba[..., 3] == 255).all()
    if kind != "JPEG":
        assert (picture.rgba[..., :3] == np.asarray(RGB)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_common_mode_is_read(mode: str) -> None:
    """Whatever a file's pixels are, they come out as Pillow's own conversion to RGBA shows them."""
    image = RGB.convert(mode)
    read_back = read_picture(file_of(image, "TIFF" if mode == "CMYK" else "PNG")).rgba

    assert (read_back == np.asarray(image.convert("RGBA"))).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(kind: str) -> None:
    """Grey of 16 bits keeps black, white and the middle."""
    wide = Image.fromarray(np.array([[0, 257, 32768, 65535]], dtype=np.uint16))

    assert read_picture(file_of(wide, kind)).rgba[0, :, 0].tolist() == [0, 1, 128, 255]


def test_float_pictures_are_scaled_by_their_range() -> None:
    """Floats from 0 to 1, and what is no number, become bytes."""
    image = Image.fromarray(np.array([[0.0, 0.5, 1.0, np.nan, np.inf]], dtype=np.float32))

    assert read_picture(file_of(image, "TIFF")).rgba[0, :, 0].tolist() == [0, 128, 255, 0, 255]


def test_clear_pixels_stay_clear() -> None:
    """A palette PNG's transparent colour, and a 16-bit grey one's, are alpha 0."""
    indexed = RGB.quantize(4)
    clear = np.asarray(indexed) == 2
    grey = file_of(Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)), "PNG", transparency=65535)

    assert (read_picture(file_of(indexed, "PNG", transparency=2)).rgba[..., 3] == np.where(clear, 0, 255)).all()
    assert read_picture(grey).rgba[0, :, 3].tolist() == [255, 0]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken_and_all_are_counted(kind: str) -> None:
    """An animation gives its first frame, and says how many there are."""
    more = {"save_all": True, "append_images": [blocks(2, 5, 4), blocks(3, 5, 4)]}
    picture = read_picture(file_of(RGB, kind, **more, **({"lossless": True} if kind == "WEBP" else {})))

    assert picture.frames == 3
    assert (picture.rgba[..., :3] == np.asarray(RGB)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(orientation: int) -> None:
    """A camera's picture comes out as any viewer shows it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.asarray(RGB)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),  # to be turned clockwise
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]

    picture = read_picture(file_of(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif))
    assert (picture.rgba[..., :3] == upright).all()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no picture"),
        (b"not an image at all", "use PNG, JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "use PNG, JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "use PNG, JPEG"),
        (file_of(RGB, "PPM"), "use PNG, JPEG"),
        (file_of(RGB, "PNG")[:-30], "damaged or cut short"),
        (file_of(RGB, "JPEG")[:-200], "damaged or cut short"),
        (png_saying(8193, 8192), "8193x8192 pixels, but at most 67,108,864"),
        (png_saying(100_000, 1), "100000x1 pixels"),
        (png_saying(2**31 - 1, 2**31 - 1), "far too many pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_gets_one_sentence(data: bytes, says: str) -> None:
    """The text says what was wrong and what is allowed, in one line."""
    with pytest.raises(PictureError) as refused:
        read_picture(data)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("alpha", [255, 128])
def test_a_large_picture_is_shrunk_by_a_whole_factor(monkeypatch: pytest.MonkeyPatch, alpha: int) -> None:
    """Squares are averaged, clear pixels lending no colour; the answer keeps the file's own size."""
    monkeypatch.setattr(read, "LARGE", 30)
    rgba = np.dstack([np.asarray(blocks(1, 6, 4).resize((12, 8), 0)), np.full((8, 12), alpha, dtype=np.uint8)])
    rgba[::2, ::2] = (*rgba[0, 0, :3], 0) if alpha < 255 else rgba[::2, ::2]
    picture = read_picture(file_of(Image.fromarray(rgba), "PNG"))

    assert (picture.width, picture.height, picture.shrunk) == (12, 8, 2)
    assert picture.rgba.shape == (4, 6, 4)
    assert np.abs(picture.rgba[..., :3].astype(int) - np.asarray(blocks(1, 6, 4))).max() <= 2


def test_a_huge_file_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the limit is not even opened."""
    monkeypatch.setattr(read, "MOST_BYTES", 100)
    with pytest.raises(PictureError, match="at most 100 are read"):
        read_picture(file_of(RGB, "BMP"))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd metadata in files that it reads all the same
@given(st.sampled_from(FORMATS), st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_damage_anywhere_never_crashes(kind: str, seed: int, count: int) -> None:
    """Flipped bytes give a picture or a PictureError, nothing else."""
    rng = np.random.default_rng(seed)
    data = bytearray(file_of(RGB, kind))
    for place in rng.integers(0, len(data), count):
        data[place] = rng.integers(0, 256)
    try:
        said = f"{read_picture(bytes(data)).rgba.shape[2]} channels."
    except PictureError as error:
        said = str(error)
    assert said.endswith(".")

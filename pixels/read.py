"""Reading picture files of unknown origin: any of six formats to RGBA, or one sentence that says why not."""

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""What is opened. Pillow knows forty more, some of which call other programs or are read by little-tested code."""
MOST_PIXELS: Final = 2**26
"""8192 x 8192: reading that takes about 600 MB."""
LARGE: Final = 2**24
"""4096 x 4096: a larger picture is shrunk as it is read, so that the engine after it stays below 2 GB."""
MOST_SIDE: Final = 16384
MOST_FRAMES: Final = 1000
"""Of a TIFF, as they are counted."""
_LARGE_GIF: Final = 32_000_000
MOST_BYTES: Final = 300_000_000
"""A file of the largest picture, uncompressed, with room for its headers."""

_ALLOWED: Final = "use PNG, JPEG, WebP, GIF, BMP or TIFF"
_TURNS: Final = {  # EXIF orientation -> what sets it right
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE: Final = (5, 6, 7, 8)
_WIDE: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # one channel of more than 8 bits


class PictureError(ValueError):
    """The bytes cannot be read as a picture; the text says why, and what is allowed."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture from a file: `rgba` (H, W, 4) sRGB; its format, one of FORMATS; it is the first of `frames`.

    `width` and `height` are the file's, upright. Of a picture of more than LARGE pixels, each of `rgba` is the mean of a
    square of `shrunk` x `shrunk`; else `shrunk` is 1.
    """

    rgba: NDArray[np.uint8]
    format: str
    frames: int
    width: int
    height: int
    shrunk: int = 1


def read_picture(data: bytes, most_pixels: int = MOST_PIXELS) -> Picture:
    """Read an image file's bytes, the right way up (EXIF), as 8-bit RGBA.

    Grey, palette, 16-bit, CMYK and float pictures are converted; a colour profile is not applied. Of an animation the
    first frame is taken. Pictures of more than LARGE pixels are shrunk by a whole factor.

    Raises PictureError for what is no picture, is cut short or damaged, is of another format, or is larger than
    MOST_BYTES, MOST_SIDE or `most_pixels`. Sizes are checked before anything is decoded.
    """
    if len(data) > MOST_BYTES:
        raise PictureError(f"The file has {len(data):,} bytes, but at most {MOST_BYTES:,} are read: give a smaller picture.")
    try:
        return _read(data, most_pixels)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"These {len(data):,} bytes are no picture in a format that is read: {_ALLOWED}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(_too_large("far too many", most_pixels)) from error
    except MemoryError as error:
        raise PictureError("There is not enough memory for this picture: give a smaller one.") from error
    except Exception as error:  # a damaged file makes Pillow's plugins raise nearly anything
        raise PictureError("The picture file is damaged or cut short: save or download it again.") from error


def _read(data: bytes, most_pixels: int) -> Picture:
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > most_pixels or max(width, height) > MOST_SIDE:
            raise PictureError(_too_large(f"{width}x{height}", most_pixels))
        image.load()
        kind = image.format or ""
        shrunk = math.ceil(math.sqrt(width * height / LARGE))
        orientation = _orientation(image)
        whole = _as_rgba(image)
        frames = _frames(image, len(data))
    upright = _upright(whole if shrunk == 1 else _shrink(whole, shrunk), orientation)
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    kind = "JPEG" if kind == "MPO" else kind  # MPO: a JPEG with a second picture behind it
    return Picture(np.asarray(upright), kind, frames, width, height, shrunk)


def _shrink(image: Image.Image, factor: int) -> Image.Image:
    """Average squares of pixels, each colour counting by its alpha."""
    if image.getchannel("A").getextrema() == (255, 255):
        return image.reduce(factor)
    return image.convert("RGBa").reduce(factor).convert("RGBA")


def _too_large(found: str, most_pixels: int) -> str:
    side = math.isqrt(most_pixels)
    return (
        f"The picture has {found} pixels, but at most {most_pixels:,} are read (like {side}x{side}), "
        f"and {MOST_SIDE:,} along a side: give a smaller one."
    )


def _frames(image: Image.Image, size: int) -> int:
    """Count the frames, of a file of `size` bytes; damage after the first frame does not matter here.

    Of a TIFF no more than MOST_FRAMES, of a large GIF no more than two: looking through millions takes minutes.
    """
    try:
        if image.format == "GIF" and size > _LARGE_GIF:
            return 1 + bool(getattr(image, "is_animated", False))
        if image.format == "TIFF":
            return _frames_to(image, MOST_FRAMES)
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1


def _frames_to(image: Image.Image, most: int) -> int:
    for number in range(1, most):
        try:
            image.seek(number)
        except EOFError:
            return number
    return most


def _as_rgba(image: Image.Image) -> Image.Image:
    if image.mode not in _WIDE:
        rgba = image.convert("RGBA")
    else:
        values = np.asarray(image)
        grey = Image.fromarray(_as_bytes(values))
        clear = image.info.get("transparency")
        alpha = np.full(values.shape, 255, dtype=np.uint8) if clear is None else np.where(values == clear, 0, 255)
        rgba = Image.merge("RGBA", (grey, grey, grey, Image.fromarray(alpha.astype(np.uint8))))
    return rgba


def _as_bytes(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale values of more than 8 bits to bytes: 16-bit ones by their range, others by the range that they seem to use."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        top = 65535.0
    else:
        largest = float(np.nanmax(np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)))
        ranges = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        top = next((r for r in ranges if largest <= r), largest)
    scaled = np.nan_to_num(values.astype(np.float32), posinf=top, neginf=0) * (255.0 / top)
    as_bytes: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return as_bytes


def _orientation(image: Image.Image) -> int:
    """How the camera was held, 1 to 8 as EXIF counts; damaged EXIF data say nothing."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)

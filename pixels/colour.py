"""Colours: hex text, OKLab, and the space in which two colours are compared."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]
"""An sRGB colour, each part from 0 to 255."""

_HEX: Final = re.compile(r"#?([0-9a-fA-F]{6})")

# Björn Ottosson, "A perceptual color space for image processing" (2020), https://bottosson.github.io/posts/oklab/
_RGB_TO_LMS: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# Inverted here rather than copied: the published inverses are rounded, and a colour must come back bit for bit.
_LMS_TO_RGB: Final = np.linalg.inv(_RGB_TO_LMS)
_LAB_TO_LMS: Final = np.linalg.inv(_LMS_TO_LAB)


def _linear_of_bytes() -> NDArray[np.float64]:
    """Light of each of the 256 sRGB values (IEC 61966-2-1), from 0 to 1."""
    value = np.arange(256) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


_LINEAR: Final = _linear_of_bytes()


def srgb_to_oklab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert sRGB bytes, shape (..., 3), to OKLab of the same shape: L from 0 to 1, a and b about -0.4 to 0.4.

    Source: Björn Ottosson, "A perceptual color space for image processing", 2020.
    """
    lms: NDArray[np.float64] = np.cbrt(_LINEAR[rgb] @ _RGB_TO_LMS.T)
    lab: NDArray[np.float64] = lms @ _LMS_TO_LAB.T
    return lab


def oklab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Convert OKLab, shape (..., 3), to the nearest sRGB bytes; what lies outside sRGB is clipped channel by channel."""
    linear = np.clip((lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0.0, 1.0)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(value * 255.0).astype(np.uint8)


def comparable(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert sRGB bytes, shape (..., 3), to the space where this package measures distances, of the same shape.

    It is OKLab with its author's "toe" on the lightness (L_r, Ottosson 2021, "Okhsv and Okhsl"), a and b scaled alike.
    Plain OKLab stretches the darkest shades so much that (0, 0, 0) and (3, 3, 3) lie 0.1 apart: a render's noise in a
    black outline would pass for different colours. A just noticeable difference is about 0.02.
    """
    lab = srgb_to_oklab(rgb)
    lightness = lab[..., :1]
    k1, k2 = 0.206, 0.03
    k3 = (1 + k1) / (1 + k2)
    bent = k3 * lightness - k1
    toe = (bent + np.sqrt(bent * bent + 4 * k2 * k3 * np.maximum(lightness, 0.0))) / 2
    scaled: NDArray[np.float64] = lab * np.divide(toe, lightness, out=np.zeros_like(toe), where=lightness > 0)
    return scaled


def parse_hex(text: str) -> Color:
    """Read "#rrggbb" or "rrggbb"; anything else raises ValueError."""
    match = _HEX.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a colour: write six hexadecimal digits, like #1a1c2c.")
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue


def to_hex(color: Color) -> str:
    """Write a colour as "#rrggbb", in lower case."""
    return "#" + bytes(color).hex()

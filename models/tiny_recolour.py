"""The same picture in other colours, so that tiny-sdxl learns a colour word apart from a shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating]

_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
# What each colour word looks like at full light, sRGB 0 to 1, and the mean lightness (Y) that a thing of it has.
_LOOKS = {
    "red": ((0.86, 0.10, 0.10), 0.33), "orange": ((0.98, 0.52, 0.06), 0.52), "yellow": ((0.98, 0.86, 0.14), 0.66),
    "green": ((0.16, 0.72, 0.18), 0.42), "cyan": ((0.10, 0.82, 0.86), 0.56), "blue": ((0.16, 0.34, 0.92), 0.38),
    "purple": ((0.58, 0.16, 0.86), 0.36), "pink": ((0.98, 0.46, 0.70), 0.58), "white": ((1.0, 1.0, 1.0), 0.84),
    "grey": ((0.6, 0.6, 0.6), 0.48), "black": ((0.3, 0.3, 0.32), 0.12), "brown": ((0.52, 0.31, 0.14), 0.32),
}  # fmt: skip
_OUTLINE = 0.2
"""Highest channel below which a pixel is outline and stays as it is; less in a dark picture."""
_FLOOR = {"white": 0.3}
"""Lightness that a colour's darkest tone is lifted to: shaded white is not yet grey."""


def recoloured(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_], colour: str) -> NDArray[np.uint8]:
    """The picture, (H, W, 3), with its opaque pixels in tones of the named colour.

    Lightness is scaled towards what the colour has, outlines stay dark, and hue and chroma are the colour's own; pixels
    whose hue differs clearly from the picture's main one keep a part of that difference, so that a picture does not turn
    into one tone.
    """
    look, mean = _LOOKS[colour]
    yiq = (rgb.astype(np.float32) / 255) @ _TO_YIQ.T
    light = yiq[..., 0]
    value = rgb.max(-1).astype(np.float32) / 255
    body = opaque & (value > min(_OUTLINE, 0.45 * float(np.median(value[opaque]))))
    if not body.any():
        return rgb
    floor = _FLOOR.get(colour, 0.0)
    new_light: Pixels = floor + (1 - floor) * _relit(light, float(light[body].mean()), (mean - floor) / (1 - floor))
    tint = np.array(look, np.float32) @ _TO_YIQ.T
    chroma = tint[1:] / tint[0] * np.minimum(new_light, 1.15 * tint[0] + 0.25 * (1 - new_light))[..., None]
    chroma = chroma * np.clip((1.25 - new_light) / max(1.25 - mean, 0.3), 0, 1)[..., None]  # highlights pale out
    accent = yiq[..., 1:] - yiq[body][:, 1:].mean(0)
    far = np.linalg.norm(accent, axis=-1, keepdims=True) > 0.22
    chroma = np.where(far, 0.65 * chroma + 0.35 * yiq[..., 1:], chroma)
    out = np.concatenate([new_light[..., None], chroma], -1) @ _FROM_YIQ.T
    painted = np.clip(out * 255, 0, 255).round().astype(np.uint8)
    return np.where(body[..., None], painted, rgb)


def _relit(light: Pixels, mean: float, wanted: float) -> Pixels:
    """Lightness 0 to 1 bent by a power so that `mean` comes to `wanted`; where that would take a wild power, scaled as well."""
    power = float(np.clip(np.log(wanted) / np.log(np.clip(mean, 0.03, 0.97)), 0.15, 3.0))
    bent: Pixels = np.clip(light, 0.0, 1.0) ** power
    scaled: Pixels = bent * min(wanted / max(mean**power, 1e-3), 1.0)
    return scaled

"""Telling a subject from a busy ground with a matting model, by onnxruntime: an optional extra, and never a download.

A flat ground needs none of this: `pixels.cutout` finds it without a model.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MODEL: Final = "isnet-general-use.onnx"
"""The file of the model that is used: IS-Net (Qin et al. 2022, "Highly accurate dichotomous image segmentation")."""

_SOURCE: Final = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/isnet-general-use.onnx"
_SIDE: Final = 1024  # px of the square that the model looks at
_LEAST: Final = 0.01  # share of the picture below which nothing was found


class MattingError(RuntimeError):
    """The ground cannot be told from the subject; the text says why and what to do."""


def check_matting(folder: Path) -> None:
    """Raise MattingError if the extra is not installed, or its model file is not in `folder`."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise MattingError(
            "Matting needs an extra package: run `pip install 'dgx-pixels[matting]'` where DGX-Pixels is installed."
        )
    if not (folder / MODEL).is_file():
        raise MattingError(f"Matting needs the model file {folder / MODEL}: download {_SOURCE} (180 MB) and put it there.")


def without_ground(rgba: NDArray[np.uint8], folder: Path) -> NDArray[np.uint8]:
    """Make the ground of a picture, (H, W, 4), clear: alpha 0 or 255, the colours as they are. Loads the model each time.

    Raises MattingError as `check_matting` does, if the model cannot be loaded, or if it finds no subject.
    """
    check_matting(folder)
    image = Image.fromarray(rgba).convert("RGB")
    try:
        mask = _mask(image, folder / MODEL)
    except Exception as error:  # onnxruntime raises classes of its own, for damaged files and others
        raise MattingError(f"The matting model {folder / MODEL} cannot be used: download {_SOURCE} again.") from error
    subject = mask > 0.5
    if subject.mean() < _LEAST:
        raise MattingError("The matting model found no subject in the picture: leave matting out, or crop the picture to it.")
    cut = rgba.copy()
    cut[~subject] = 0
    return cut


def _mask(image: Image.Image, file: Path) -> NDArray[np.float32]:
    """How much each pixel belongs to the subject, (H, W), 0 to 1; prepared and scaled as IS-Net's authors do."""
    from onnxruntime import InferenceSession

    session = InferenceSession(file, providers=["CPUExecutionProvider"])
    square = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), np.float32) / 255 - 0.5
    found = session.run(None, {session.get_inputs()[0].name: square.transpose(2, 0, 1)[None]})[0][0, 0]
    scaled = (found - found.min()) / max(float(np.ptp(found)), 1e-6)
    return np.asarray(Image.fromarray(scaled).resize(image.size, Image.Resampling.LANCZOS))

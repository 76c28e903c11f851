"""Telling a subject from a busy ground with a matting model, by rembg: an optional extra, and never a download.

A flat ground needs none of this: `pixels.cutout` finds it without a model.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MODEL: Final = "isnet-general-use.onnx"
"""The file of the model that is used: IS-Net (Qin et al. 2022, "Highly accurate dichotomous image segmentation")."""

_SOURCE: Final = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/isnet-general-use.onnx"
_LEAST: Final = 0.01  # share of the picture below which nothing was found


class MattingError(RuntimeError):
    """The ground cannot be told from the subject; the text says why and what to do."""


def check_matting(folder: Path) -> None:
    """Raise MattingError if the extra is not installed, or its model file is not in `folder`."""
    if any(importlib.util.find_spec(package) is None for package in ("rembg", "onnxruntime")):
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
        mask = np.asarray(_session(folder / MODEL).predict(image)[0])
    except Exception as error:  # onnxruntime raises classes of its own, for damaged files and others
        raise MattingError(f"The matting model {folder / MODEL} cannot be used: download {_SOURCE} again.") from error
    subject = mask > 127
    if subject.mean() < _LEAST:
        raise MattingError("The matting model found no subject in the picture: leave matting out, or crop the picture to it.")
    cut = rgba.copy()
    cut[~subject] = 0
    return cut


def _session(file: Path) -> Any:  # noqa: ANN401  # rembg has no types
    """A rembg session on this very file: its own sessions look for theirs in a folder in the user's home, and fetch them."""
    from onnxruntime import SessionOptions
    from rembg.sessions.dis_custom import DisCustomSession

    class LocalSession(DisCustomSession):  # type: ignore[misc]  # rembg has no types
        @classmethod
        def download_models(cls, *_: object, **__: object) -> str:
            return str(file)

    return LocalSession("dis_custom", SessionOptions(), model_path=str(file), providers=["CPUExecutionProvider"])

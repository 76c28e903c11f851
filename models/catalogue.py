"""Which base models there are, and what each can truly draw: the embedded tiny-sdxl, and folders that a user dropped in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

EMBEDDED = "tiny-sdxl"
_EMBEDDED_FOLDER = Path(__file__).parent / "tiny_sdxl"
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
SIZES = (16, 24, 32, 48, 64, 96, 128)
"""Sides of sprites in pixels; a model draws some of them."""


class ModelError(ValueError):
    """A model is unknown, incomplete or damaged, or cannot draw what is asked."""


@dataclass(frozen=True)
class BaseModel:
    """A base model that can be loaded, and how to ask it for a sprite."""

    id: str
    folder: Path
    """A diffusers folder with safetensors weights."""
    licence: str
    sizes: tuple[int, ...]
    """Sides of the sprites it truly draws, in pixels."""
    render_side: int
    """Longer side of its render in pixels; a sprite's cell is this over the sprite's longer side."""
    prompt: str
    """How a prompt is put to it, with `{}` for the user's words."""
    negative_prompt: str
    ground: tuple[int, int, int] | None
    """The key colour it draws behind a sprite; None if it has to be found in the picture."""
    steps: int
    guidance: float
    dpm_solver: bool
    """Whether to sample with DPM-Solver++ rather than with the sampler in its folder."""
    wrap_from: float
    """Of a seamless picture, the share of the steps that is drawn before its edges are joined."""

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights on disk."""
        return sum(f.stat().st_size for part in _PARTS for f in (self.folder / part).glob("*.safetensors"))

    def check_size(self, width: int, height: int) -> None:
        """Raise ModelError if the model does not truly draw this size."""
        if width not in self.sizes or height not in self.sizes:
            sizes = " or ".join(map(str, self.sizes))
            raise ModelError(
                f"The model {self.id} draws sides of {sizes} px, not {width}x{height}: "
                f"ask for {sizes}, or for another model (list_models shows which sizes each one draws)."
            )

    def render_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in pixels of the render for a sprite of this size: a whole number of pixels per cell."""
        cell = self.render_side // max(width, height)
        return width * cell, height * cell


@dataclass(frozen=True)
class Lora:
    """placeholder"""

    id: str
    file: Path

    @property
    def sha256(self) -> str:
        return ""


def embedded() -> BaseModel:
    """The model that ships with the package: 32 px sprites on any machine."""
    return BaseModel(
        id=EMBEDDED, folder=_EMBEDDED_FOLDER, licence="CC0-1.0", sizes=(32,), render_side=32, prompt="{}", negative_prompt="",
        ground=(255, 0, 255), steps=10, guidance=3.0, dpm_solver=True,
        wrap_from=0.5,  # joined from the start, 8x8 latents know no up and down, and bricks and planks turn to dough
    )  # fmt: skip


def dropped_in(folder: Path) -> BaseModel:
    """A full-size SDXL model in diffusers layout that a user put into the model folder."""
    return BaseModel(
        id=folder.name, folder=folder, licence="see the model's own card", sizes=SIZES, render_side=1024,
        prompt="pixel art, {}, centered, flat plain background", negative_prompt="3d render, realistic, blurry, text, watermark",
        ground=None, steps=25, guidance=6.0, dpm_solver=True, wrap_from=0.0,
    )  # fmt: skip


class Catalogue:
    """The base models on this machine; reads folders anew on every question, so that a dropped-in model is there at once."""

    def __init__(self, checkpoints: Path) -> None:
        self._checkpoints = checkpoints

    def list(self) -> list[BaseModel]:
        """All models, the embedded one first, then the dropped-in ones by name."""
        folders = sorted(p.parent for p in self._checkpoints.glob("*/model_index.json"))
        return [embedded(), *(dropped_in(f) for f in folders)]

    def get(self, model: str | None) -> BaseModel:
        """The model of this id; the embedded one for None. Raises ModelError if there is none of that id."""
        models = {m.id: m for m in self.list()}
        wanted = model if model is not None else EMBEDDED
        if wanted not in models:
            raise ModelError(
                f"There is no model {wanted!r}: use one of {', '.join(models)}. "
                f"A diffusers SDXL folder put into {self._checkpoints} is listed, too."
            )
        return models[wanted]


def check_weights(model: BaseModel) -> None:
    """Raise ModelError if a part of the model has no weights, or fewer bytes of them than its header promises."""
    for part in _PARTS:
        files = sorted((model.folder / part).glob("*.safetensors"))
        if not files:
            raise ModelError(
                f"The model {model.id} has no weights in {model.folder / part}: "
                "put its .safetensors there, reinstall dgx-pixels if it is the embedded model, or use another model."
            )
        for file in files:
            _check_file(model, file)


def _check_file(model: BaseModel, file: Path) -> None:
    try:
        _check_header(model, file)
    except OSError as error:
        raise ModelError(f"The weights {file} of {model.id} cannot be read ({error}): check the file and its rights.") from error


def _check_header(model: BaseModel, file: Path) -> None:
    damaged = ModelError(
        f"The model {model.id} has damaged weights, {file}: the file is cut short or not safetensors. Fetch it again."
    )
    with file.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= 100_000_000:
            raise damaged
        try:
            header = json.loads(f.read(length))
            end = max(int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise damaged from None
    if file.stat().st_size != 8 + length + end:
        raise damaged


def weights_sha256(model: BaseModel) -> dict[str, str]:
    """SHA-256 of each weight file, by its path below the model's folder."""
    files = [f for part in _PARTS for f in sorted((model.folder / part).glob("*.safetensors"))]
    return {f.relative_to(model.folder).as_posix(): _sha256(f, f.stat().st_mtime_ns, f.stat().st_size) for f in files}


@lru_cache(maxsize=256)
def _sha256(file: Path, _mtime_ns: int, _size: int) -> str:  # time and size are part of the key: a changed file is read again
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()

"""A base model: what it can draw, how to ask it, and whether its weights are whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from dgx_pixels.models.digest import MEMORY, Digests
from dgx_pixels.models.entries import Vae
from dgx_pixels.models.header import ModelError, read_header

EMBEDDED = "tiny-sdxl"
_EMBEDDED_FOLDER = Path(__file__).parent / "tiny_sdxl"
PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
HALVED_AWAY = 32
"""Pixels of a render that SDXL's coarsest level sees as one: its VAE halves three times, its UNet twice."""
SIZES = (16, 24, 32, 48, 64, 96, 128)
"""Sides of sprites in pixels; a model draws some of them."""


@dataclass(frozen=True)
class BaseModel:
    """A base model that can be loaded, and how to ask it for a sprite."""

    id: str
    folder: Path
    """A diffusers folder with safetensors weights; of a single-file checkpoint the folder that it lies in."""
    licence: str
    sizes: tuple[int, ...]
    """Sides of the sprites it truly draws, in pixels."""
    render_side: int
    """Longer side of its render in pixels; a sprite's cell is this over the sprite's longer side."""
    prompt: str
    """How a prompt is put to it, with `{}` for the user's words."""
    texture_prompt: str
    """The same for what is to fill the picture and continue over its edges."""
    negative_prompt: str
    ground: tuple[int, int, int] | None
    """The key colour it draws behind a sprite; None if it has to be found in the picture."""
    wrap_from: float
    """Of a seamless picture, the share of the steps that is drawn before its edges are joined."""

    file: Path | None = None
    """A single-file checkpoint in the original layout; None for a diffusers folder."""
    variant: str | None = None
    """The infix of a folder's weight files, "fp16" in `model.fp16.safetensors`; None for plain names."""
    parts: tuple[str, ...] = PARTS
    """Which of a pipeline's parts its weights hold: a checkpoint of a UNet alone borrows the others."""
    vae: Vae | None = None
    """A VAE that stands in for its own."""
    lender: BaseModel | None = None
    """The base model whose parts it borrows, if it lacks some and there is one."""
    v_prediction: bool = False
    """For single files, whose header tells: the UNet predicts velocity (a folder's scheduler says it itself)."""
    zero_snr: bool = False
    """For single files: trained with betas rescaled to zero terminal signal-to-noise ratio."""
    text_width: int | None = None
    """Width of the text embedding that its UNet takes (SDXL: 2048); LoRAs for another width do not fit."""
    size: int = 0
    """Bytes of its weights."""
    source: str | None = None
    """Where it was fetched from, if known."""
    problem: str | None = None
    """Why it cannot be used, in one sentence; None if nothing is known against it."""
    digests: Digests = field(default=MEMORY, compare=False, repr=False)

    def check_size(self, width: int, height: int) -> None:
        """Raise ModelError if the model does not truly draw this size."""
        if width not in self.sizes or height not in self.sizes:
            sizes = " or ".join(map(str, self.sizes))
            raise ModelError(
                f"The model {self.id} draws sides of {sizes} px, not {width}x{height}: "
                f"ask for {sizes}, or for another model (list_models shows which sizes each one draws)."
            )

    def render_size(self, width: int, height: int, *, wrapped: bool = False) -> tuple[int, int]:
        """Width and height in pixels of the render for a sprite of this size: a whole number of pixels per cell.

        If it is to be `wrapped`, they are multiples of what the VAE and the UNet halve away, where any cell has such ones: a
        ring of an odd length cannot be halved, and its edges would not fit.
        """
        most = self.render_side // max(width, height)
        even = (c for c in range(most, 0, -1) if width * c % HALVED_AWAY == height * c % HALVED_AWAY == 0)
        cell = next(even, most) if wrapped else most
        return width * cell, height * cell

    def weight_files(self) -> list[Path]:
        """The files with its weights: those of a folder's parts in the variant it loads, or the single file."""
        if self.file is not None:
            return [self.file]
        return [f for part in PARTS for f in part_files(self.folder / part, self.variant)]


def embedded() -> BaseModel:
    """The model that ships with the package: 32 px sprites on any machine."""
    return BaseModel(
        id=EMBEDDED, folder=_EMBEDDED_FOLDER, licence="CC0-1.0", sizes=(32,), render_side=32, prompt="{}", negative_prompt="",
        ground=(255, 0, 255), texture_prompt="{}",
        wrap_from=0.5,  # joined from the start, 8x8 latents know no up and down, and bricks and planks turn to dough
        text_width=288, size=sum(f.stat().st_size for f in _EMBEDDED_FOLDER.glob("*/*.safetensors")),
    )  # fmt: skip


def part_files(folder: Path, variant: str | None) -> list[Path]:
    """A part's weights of this variant and no other, in one file or in several (`model.fp16-00001-of-00002.safetensors`)."""
    infix, number = re.escape(f".{variant}") if variant is not None else "", r"-\d+-of-\d+"
    name = re.compile(rf"(diffusion_pytorch_)?model({infix}({number})?|{number}{infix})\.safetensors")
    return sorted(f for f in folder.glob("*.safetensors") if name.fullmatch(f.name))


def check_weights(model: BaseModel) -> None:
    """Raise ModelError if a part of the model has no weights, or fewer bytes of them than its header promises."""
    if model.problem is not None:
        raise ModelError(model.problem)
    if model.file is None:
        for part in PARTS:
            if not part_files(model.folder / part, model.variant):
                raise ModelError(
                    f"The model {model.id} has no weights in {model.folder / part}: "
                    "put its .safetensors there, reinstall dgx-pixels if it is the embedded model, or use another model."
                )
    for file in model.weight_files():
        try:
            read_header(file)
        except ModelError as error:
            raise ModelError(f"The model {model.id} is not whole: {error}") from error


def weights_sha256(model: BaseModel) -> dict[str, str]:
    """SHA-256 of each weight file, by its path below the model's folder. Raises OSError."""
    return {f.relative_to(model.folder).as_posix(): model.digests.sha256(f) for f in model.weight_files()}


def drawing_sha256(base: BaseModel) -> dict[str, str]:
    """SHA-256 of every weight file that it draws with, borrowed ones under their lender's id. Raises OSError."""
    if base.vae is not None:
        own = {name: digest for name, digest in weights_sha256(base).items() if not name.startswith("vae/")}
        return own | {base.vae.id: base.vae.sha256()}
    lent = weights_sha256(base.lender) if base.lender is not None else {}
    return weights_sha256(base) | {f"{base.lender.id}/{name}": digest for name, digest in lent.items() if base.lender}

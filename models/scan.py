"""Finds models in folders: whatever lies there is listed, and what cannot be used says why."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from dgx_pixels.models.base_model import PARTS, SIZES, BaseModel, part_files
from dgx_pixels.models.card import UNKNOWN_LICENCE, Card, read_card
from dgx_pixels.models.checkpoint_check import Kind, file_kind, folder_kind
from dgx_pixels.models.digest import Digests
from dgx_pixels.models.entries import Lora, Vae
from dgx_pixels.models.header import Header, ModelError, read_header
from dgx_pixels.models.lora_check import LoraHeader, describe

_MODEL_ENDS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
_VAE_NAMES = ("decoder.conv_in.weight", "first_stage_model.decoder.conv_in.weight")


def clean_id(name: str) -> str:
    """An id of a file's or a repository's name: letters, digits, `.`, `_` and `-`, for it stands in URLs and contenders."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


def diffusers_folders(folder: Path) -> list[Path]:
    """The diffusers pipelines that lie right in a folder, by name."""
    return sorted(index.parent for index in folder.glob("[!.]*/model_index.json"))


def model_files(folder: Path, *, linked: bool = False) -> Iterator[Path]:
    """All files below a folder that end as weights do, by path, but none that belong to a diffusers folder or are hidden.

    Folders may be links, but not inside one that is: two that lead to their own folder would be walked through without end.
    """
    for path in sorted(folder.glob("[!.]*")):
        if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises for what may not be looked at
            inner = linked or path.is_symlink()
            if not os.path.exists(path / "model_index.json") and not (linked and path.is_symlink()):  # noqa: PTH110  # as above
                yield from model_files(path, linked=inner)
        elif path.suffix.lower() in _MODEL_ENDS and os.path.isfile(path):  # noqa: PTH113  # as above
            yield path


def base_of_folder(model_id: str, folder: Path, digests: Digests) -> BaseModel:
    """The base model in a diffusers folder; what is wrong with it stands in its `problem`."""
    variant = _variant(folder)
    kind, problem = Kind(PARTS, None), None
    try:
        kind = folder_kind(folder)
    except ModelError as error:
        problem = str(error)
    card = read_card(folder, {}, folder / "README.md")
    size = sum(f.stat().st_size for part in PARTS for f in part_files(folder / part, variant))
    return _base(model_id, folder, None, variant, kind, card, size, problem, digests)


def base_of_file(model_id: str, file: Path, digests: Digests, page: Path | None = None) -> BaseModel:
    """The base model in a single file; what is wrong with it stands in its `problem`."""
    stat = file.stat()
    found = _file_kind(file, stat.st_size, stat.st_mtime_ns)
    kind, problem = (found, None) if isinstance(found, Kind) else (Kind(("unet",), None), found)
    card = read_card(file, kind.metadata, page)
    return _base(model_id, file.parent, file, None, kind, card, stat.st_size, problem, digests)


def lora_of_file(model_id: str, file: Path, digests: Digests, page: Path | None = None, weight: float | None = None) -> Lora:
    """The LoRA in a file; what is wrong with it stands in its `problem`. `weight` is recommended unless its card says another."""
    stat = file.stat()
    found = _lora_header(file, stat.st_size, stat.st_mtime_ns)
    problem, about = (None, found) if isinstance(found, LoraHeader) else (found, None)
    card = read_card(file, about.metadata if about else {}, page)
    lora = Lora(
        model_id, file, card.licence or UNKNOWN_LICENCE, stat.st_size, trigger_words=card.trigger_words,
        recommended_weight=card.recommended_weight or weight or 1.0, source=card.source, problem=problem, digests=digests,
    )  # fmt: skip
    if about is None:
        return lora
    return replace(lora, naming=about.naming, rank=about.rank, text_width=about.text_width, base_hash=about.base_hash)


def vae_of_file(model_id: str, file: Path, digests: Digests, page: Path | None = None) -> Vae:
    """The VAE in a file; what is wrong with it stands in its `problem`."""
    problem, metadata = None, {}
    try:
        header = read_header(file)
        metadata = dict(header.metadata)
        check_vae(file, header)
    except ModelError as error:
        problem = str(error)
    card = read_card(file, metadata, page)
    return Vae(model_id, file, card.licence or UNKNOWN_LICENCE, file.stat().st_size, card.source, problem, digests)


def check_vae(file: Path, header: Header) -> None:
    """Raise ModelError unless the header is that of a VAE with SDXL's latents."""
    shape = next((s for name in _VAE_NAMES if (s := header.shape(name)) is not None), None)
    if shape is None:
        raise ModelError(f"{file.name} is no VAE for SDXL: it has no decoder. Allowed are AutoencoderKL weights as .safetensors.")
    if len(shape) < 2 or shape[1] != 4:
        channels = shape[1] if len(shape) > 1 else "no"
        raise ModelError(f"{file.name} is a VAE with {channels} latent channels, not one for SDXL, which has 4.")


def _base(
    model_id: str, folder: Path, file: Path | None, variant: str | None, kind: Kind, card: Card, size: int, problem: str | None,
    digests: Digests,
) -> BaseModel:  # fmt: skip
    """How any SDXL model is asked for a sprite: a render with cells of eight pixels or more, which pixelizing makes true ones."""
    sizes = tuple(s for s in SIZES if s * 8 <= kind.render_side)
    return BaseModel(
        id=model_id, folder=folder, licence=card.licence or UNKNOWN_LICENCE, sizes=sizes or (kind.render_side,),
        render_side=kind.render_side, prompt="pixel art, {}, centered, flat plain background",
        texture_prompt="pixel art, {}, seamless texture, seen from above, filling the frame",
        negative_prompt="3d render, realistic, blurry, text, watermark", ground=None,
        wrap_from=0.0, file=file, variant=variant, parts=kind.parts, v_prediction=kind.v_prediction, zero_snr=kind.zero_snr,
        text_width=kind.text_width, size=size, source=card.source, problem=problem, digests=digests,
    )  # fmt: skip


def _variant(folder: Path) -> str | None:
    """None where every part has weights of the plain name; "fp16", as `models pull` fetches it, where only that is whole."""
    for variant in (None, "fp16"):
        if all(part_files(folder / part, variant) for part in PARTS):
            return variant
    return None


@lru_cache(maxsize=1024)
def _file_kind(file: Path, _size: int, _mtime_ns: int) -> Kind | str:
    """The kind, or what is wrong. Size and time are part of the key: a changed file is read again."""
    try:
        return file_kind(file, read_header(file))
    except ModelError as error:
        return str(error)


@lru_cache(maxsize=4096)
def _lora_header(file: Path, _size: int, _mtime_ns: int) -> LoraHeader | str:
    try:
        return describe(file, read_header(file))
    except ModelError as error:
        return str(error)

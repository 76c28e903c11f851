"""Which models there are on this machine: the embedded one, what a user dropped in, and what lies in Hugging Face's cache."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from dgx_pixels.models.base_model import EMBEDDED, PARTS, SIZES, BaseModel, check_weights, embedded, weights_sha256
from dgx_pixels.models.digest import Digests
from dgx_pixels.models.entries import Lora, Vae
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.hub_cache import cached_models
from dgx_pixels.models.hub_sets import SETS
from dgx_pixels.models.scan import (
    base_of_file,
    base_of_folder,
    clean_id,
    diffusers_folders,
    lora_of_file,
    model_files,
    vae_of_file,
)

__all__ = [
    "EMBEDDED", "SIZES", "BaseModel", "Catalogue", "Lora", "ModelError", "Vae", "check_weights", "embedded", "weights_sha256",
]  # fmt: skip

PRODUCTION = "sdxl"
"""The base model that is the default as soon as its weights are there."""
SAFE_VAE = "sdxl-vae-fp16-fix"
"""The VAE that stands in for the production model's own, whose numbers leave the range of 16 bits."""

Entry = TypeVar("Entry", BaseModel, Lora, Vae)
Found = TypeVar("Found")


class Catalogue:
    """The models on this machine. Safe to use from several threads: it keeps nothing but digests.

    The folders are read anew on every question, so that a dropped-in file is there at once; a file's header is read again
    only when the file has changed. Ids are unique within bases, LoRAs and VAEs each. One bad file costs no other: it is
    listed with its `problem`.
    """

    def __init__(self, models_folder: Path, hf_cache: Path | None = None) -> None:
        """Take a folder that holds `checkpoints/`, `loras/` and `vae/`, and the folder of Hugging Face's cache, if it counts.

        Digests of large files are kept in `sha256.json` beside the models' folder.
        """
        self.folder = models_folder
        self.digests = Digests(models_folder.parent / "sha256.json")
        self.hf_cache = hf_cache

    def bases(self) -> list[BaseModel]:
        """All base models: the embedded one, then those of `checkpoints/` by name, then whole ones of the cache."""
        folder = self.folder / "checkpoints"
        dropped = [
            *_still_there(lambda f: (f.name, base_of_folder(clean_id(f.name), f, self.digests)), diffusers_folders(folder)),
            *_still_there(lambda f: (f.stem, base_of_file(clean_id(f.stem), f, self.digests)), model_files(folder)),
        ]
        ours = [model for _, model in sorted(dropped, key=lambda pair: pair[0])]
        return _with_own_ids([embedded(), *ours], self._cached(BaseModel))

    def loras(self) -> list[Lora]:
        """All LoRAs: those of `loras/` by path, then those of the cache."""
        ours = _still_there(lambda f: lora_of_file(clean_id(f.stem), f, self.digests), model_files(self.folder / "loras"))
        return _with_own_ids(ours, self._cached(Lora))

    def vaes(self) -> list[Vae]:
        """All VAEs: those of `vae/` by path, then those of the cache."""
        ours = _still_there(lambda f: vae_of_file(clean_id(f.stem), f, self.digests), model_files(self.folder / "vae"))
        return _with_own_ids(ours, self._cached(Vae))

    def read_ahead(self) -> None:
        """Read the headers of all files that have changed, so that the next question need not: 40 ms a LoRA the first time."""
        self.bases()
        self.loras()

    def get(self, model: str | None) -> BaseModel:
        """The base model of this id; the default one for None: `sdxl` once it was pulled or put here, else the embedded one.

        Raises ModelError, which names the ids there are, if there is none of that id.
        """
        bases = self.bases()
        if model is None:
            ours = (b for b in bases if b.id == PRODUCTION and b.folder.is_relative_to(self.folder) and _is_whole(b))
            found = next(ours, bases[0])
        else:
            found = _named(bases, model, "model", self.folder / "checkpoints")
        if set(found.parts) != set(PARTS):
            return replace(found, lender=_lender(found, bases))
        return replace(found, vae=self._safe_vae()) if found.id == PRODUCTION else found

    def _safe_vae(self) -> Vae | None:
        return next((vae for vae in self.vaes() if vae.id == SAFE_VAE and vae.problem is None), None)

    def lora(self, lora: str) -> Lora:
        """The LoRA of this id. Raises ModelError, which names the ids there are, if there is none of that id."""
        return _named(self.loras(), lora, "LoRA", self.folder / "loras")

    def _cached(self, kind: type[Entry]) -> list[Entry]:
        if self.hf_cache is None or not self.hf_cache.is_dir():
            return []
        return [model for model in cached_models(self.hf_cache, self.digests) if isinstance(model, kind)]


def _still_there(look: Callable[[Path], Found], paths: Iterable[Path]) -> Iterator[Found]:
    """What is found at each path; one that has been taken away since it was listed is left out."""
    for path in paths:
        with suppress(OSError):
            yield look(path)


def _lender(model: BaseModel, bases: Sequence[BaseModel]) -> BaseModel | None:
    """The base model whose text encoders and VAE one without its own can use: `sdxl`, else the first of its width."""
    whole = [b for b in bases if b.problem is None and set(b.parts) == set(PARTS) and b.text_width == model.text_width]
    return next((b for b in whole if b.id == PRODUCTION), whole[0] if whole else None)


def _is_whole(base: BaseModel) -> bool:
    """Whether all of a model's weights are there: half a copy must not become the default."""
    try:
        check_weights(base)
    except ModelError:
        return False
    return True


def _with_own_ids(ours: Iterable[Entry], cached: Iterable[Entry]) -> list[Entry]:
    """All of these, each with an id of its own: a cached model gives way to one of the same id, others get a number."""
    found: dict[str, Entry] = {}
    for model in ours:
        model_id, number = model.id, 2
        while model_id in found:
            model_id, number = f"{model.id}-{number}", number + 1
        found[model_id] = replace(model, id=model_id)
    for model in cached:
        found.setdefault(model.id, model)
    return list(found.values())


def _named(models: Sequence[Entry], wanted: str, what: str, folder: Path) -> Entry:
    found = next((m for m in models if m.id == wanted), None)
    if found is not None:
        return found
    ids = [m.id for m in models]
    pulled = next((name for name, members in SETS.items() if wanted == name or wanted in {m.id for m in members}), None)
    if pulled is not None:
        raise ModelError(
            f"There is no {what} {wanted!r} on this machine yet: run `dgx-pixels models pull {pulled}`, then ask again."
        )
    near = difflib.get_close_matches(wanted, ids, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else f"use one of {', '.join(ids[:20])}. " if ids else ""
    raise ModelError(
        f"There is no {what} {wanted!r}: {hint}What is put into {folder}, or added with `dgx-pixels models add`, is listed, too."
    )

"""Base models in memory: the pipeline of each, what is merged into it, and which of them leaves when memory is short."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from torch import nn

from dgx_pixels.models.base_model import drawing_sha256
from dgx_pixels.models.catalogue import BaseModel, Lora, ModelError, check_weights
from dgx_pixels.models.compiled import CompiledUnet
from dgx_pixels.models.embeddings import PromptCache
from dgx_pixels.models.latent_preview import LatentPreview
from dgx_pixels.models.load import load_pipeline, load_vae
from dgx_pixels.models.lora_file import LoraError, LoraLayer, read_lora
from dgx_pixels.models.lora_merge import Merge
from dgx_pixels.models.memory import cap, floor_bytes, free_bytes, give_back, in_words, kind

logger = logging.getLogger(__name__)

_SHARED = ("text_encoder", "text_encoder_2", "vae")
_LORAS_KEPT = 8

Layers = Mapping[str, LoraLayer]


@dataclass(frozen=True, eq=False)
class Loaded:
    """One base model, ready to draw."""

    base: BaseModel
    weights_sha256: dict[str, str]
    pipeline: StableDiffusionXLPipeline
    prompts: PromptCache
    preview: LatentPreview
    merges: dict[str, Merge]
    """By part: "unet", "text_encoder", "text_encoder_2"; those of shared parts are shared."""
    compiled: CompiledUnet | None

    def use(self, loras: Sequence[tuple[Lora, float]]) -> Hashable:
        """Merge exactly these LoRAs; answers with what tells this state of the text encoders from others.

        Raises ModelError, with nothing changed, if one is unreadable or was made for another kind of model.
        """
        read = [(lora, self._layers(lora), weight) for lora, weight in loras if weight != 0]
        for part, merge in self.merges.items():
            merge.apply([(_of_part(layers, part), weight) for _, layers, weight in read])
        return tuple(
            (lora.file, _stamp(lora.file), weight)
            for lora, layers, weight in read
            if any(not name.startswith("unet.") for name in layers)
        )

    def _layers(self, lora: Lora) -> Layers:
        layers = _read(lora.file, _stamp(lora.file), self.pipeline)
        try:
            for part, merge in self.merges.items():
                merge.check(_of_part(layers, part))
        except LoraError as error:
            raise ModelError(
                f"The LoRA {lora.id} does not fit the model {self.base.id}: {error}. "
                "Use it with the kind of model it was made for."
            ) from error
        return layers


def _of_part(layers: Layers, part: str) -> dict[str, LoraLayer]:
    return {name.removeprefix(f"{part}."): layer for name, layer in layers.items() if name.startswith(f"{part}.")}


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError as error:
        raise ModelError(f"The LoRA file {file} is gone: put it back, or draw without it.") from error
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=_LORAS_KEPT)
def _read(file: Path, _: tuple[int, int], pipeline: StableDiffusionXLPipeline) -> Layers:
    device, dtype = pipeline.device, pipeline.unet.dtype
    layers = read_lora(file, pipeline.unet.config)
    return {name: LoraLayer(x.down.to(device, dtype), x.up.to(device, dtype), x.scale) for name, x in layers.items()}


class Shelf:
    """The base models in memory. All methods belong to one thread."""

    def __init__(self, device: torch.device, *, compiles: bool) -> None:
        self._device = device
        self._compiles = compiles
        self._loaded: OrderedDict[BaseModel, Loaded] = OrderedDict()

    def get(self, base: BaseModel, beat: Callable[[], None] = lambda: None) -> Loaded:
        """The model, from memory, or from disk if it is not there or its files have changed.

        What was used least recently leaves if memory is short. `beat` is called while it loads, which may take minutes.
        Raises ModelError if weights are missing, damaged or too large; while they are damaged on disk, a model that is in memory
        is refused, too: what is drawn is always what lies on disk.
        """
        check_weights(base)
        digests = drawing_sha256(base)
        kept = self._loaded.get(base)
        if kept is not None and kept.weights_sha256 != digests:
            self._drop(base)
            kept = None
        if kept is None:
            beat()
            self._make_room(base)
            kept = self._loaded[base] = self._load(base, digests, beat)
        self._loaded.move_to_end(base)
        return kept

    @property
    def ids(self) -> tuple[str, ...]:
        """Which models are in memory, the one that was used least recently first."""
        return tuple(base.id for base in self._loaded)

    def keep_floor(self, base: BaseModel) -> None:
        """See to it, where memory is the system's own, that the floor is kept while this model draws.

        Other models leave if need be. Raises ModelError if that is not enough. A GPU's own memory needs no floor to draw: when
        it runs out that is an error, and no harm.
        """
        if kind(self._device) != "cuda":
            while (free := free_bytes(self._device)) < 0:
                give_back(self._device)
                if free_bytes(self._device) < 0 and not self.make_room(keep=base):
                    raise ModelError(
                        f"There is too little memory to draw: the system must keep {in_words(floor_bytes(self._device))} free, "
                        f"and has {in_words(free + floor_bytes(self._device))}. Close other programs, then ask again."
                    )
        cap(self._device)

    def make_room(self, keep: BaseModel) -> bool:
        """Drop the model that was used least recently, but not this one; answers whether there was another."""
        oldest = next((base for base in self._loaded if base != keep), None)
        if oldest is None:
            return False
        logger.warning("memory is needed: %s leaves it", oldest.id)
        self._drop(oldest)
        return True

    def _drop(self, base: BaseModel) -> None:
        dropped = self._loaded.pop(base)
        if dropped.compiled is not None:
            dropped.compiled.close()
        _read.cache_clear()
        del dropped
        gc.collect()
        give_back(self._device)

    def _make_room(self, base: BaseModel) -> None:
        needed = base.size * (2 if self._dtype == torch.float32 else 1)  # files hold two bytes a number
        while free_bytes(self._device) < needed and self.make_room(keep=base):
            pass
        free = free_bytes(self._device)
        if free < needed:
            raise ModelError(
                f"The model {base.id} needs {in_words(needed)} of memory, and {in_words(max(0, free))} can be taken: "
                "close other programs, or use a smaller model."
            )

    @property
    def _dtype(self) -> torch.dtype:
        return torch.bfloat16 if self._device.type == "cuda" else torch.float32

    def _load(self, base: BaseModel, digests: dict[str, str], beat: Callable[[], None]) -> Loaded:
        lender = self.get(base.lender, beat) if base.lender is not None else None
        lent = {part: getattr(lender.pipeline, part) for part in _SHARED if part not in base.parts} if lender is not None else {}
        if lender is not None:
            self._make_room(base)  # the lender has taken some
        if base.vae is not None:
            lent["vae"] = load_vae(base.vae, self._dtype)
        pipeline = load_pipeline(base, self._dtype, shared=lent)
        beat()
        shared = {part: self._share(pipeline, part) for part in _SHARED}
        pipeline.to(self._device)
        beat()
        if self._device.type == "cuda":  # convolutions there are faster so
            pipeline.unet.to(memory_format=torch.channels_last)
            pipeline.vae.to(memory_format=torch.channels_last)
        merges = {
            part: owner.merges[part] if (owner := shared.get(part)) is not None else Merge(getattr(pipeline, part))
            for part in ("unet", "text_encoder", "text_encoder_2")
        }
        return Loaded(
            base, digests, pipeline, PromptCache(pipeline), LatentPreview(pipeline.vae), merges,
            CompiledUnet(pipeline.unet) if self._compiles else None,
        )  # fmt: skip

    def _share(self, pipeline: StableDiffusionXLPipeline, part: str) -> Loaded | None:
        """Put another model's part into the pipeline if it is the same to the last bit; answers whose it is."""
        new = getattr(pipeline, part)
        for other in self._loaded.values():
            if (merge := other.merges.get(part)) is not None:
                merge.apply([])
            if new is getattr(other.pipeline, part) or _equal(new, getattr(other.pipeline, part)):
                setattr(pipeline, part, getattr(other.pipeline, part))
                return other
        return None


def _equal(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    if ours.keys() != theirs.keys():
        return False
    return all(
        value.shape == theirs[name].shape and torch.equal(value, theirs[name].to(value.device)) for name, value in ours.items()
    )

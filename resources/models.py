"""`pixels://models`: the base models, LoRAs and VAEs on this machine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from fastmcp.exceptions import ResourceError
from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context

from dgx_pixels.models.catalogue import BaseModel, Catalogue, Lora, ModelError, Vae, weights_sha256
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Profile, schedule_for


def _catalogue() -> Catalogue:
    found: Catalogue = get_context().lifespan_context["catalogue"]
    return found


@resource("pixels://models", title="Models", mime_type="application/json")
async def models() -> str:
    """Give all models: ids, licences, the sides in pixels of the sprites that bases draw, weights and trigger words of LoRAs."""
    catalogue = _catalogue()

    def described() -> dict[str, object]:
        return {
            "models": [_base(m) for m in catalogue.bases()], "loras": [_lora(m) for m in catalogue.loras()],
            "vaes": [_vae(m) for m in catalogue.vaes()],
        }  # fmt: skip

    return json.dumps(await asyncio.to_thread(described), indent=2)


@resource("pixels://models/{model_id}", title="Model", mime_type="application/json")
async def model(model_id: str) -> str:
    """Give one base model, LoRA or VAE, with the SHA-256 of each of its files; a large file's takes seconds the first time."""
    try:
        return json.dumps(await asyncio.to_thread(_one, _catalogue(), model_id), indent=2)
    except (ModelError, OSError) as error:
        raise ResourceError(str(error)) from error


def _one(catalogue: Catalogue, model_id: str) -> dict[str, object]:
    """The first of this id: base models come before LoRAs, and these before VAEs."""
    bases = {base.id for base in catalogue.bases()}
    for lora in (m for m in catalogue.loras() if m.id == model_id and model_id not in bases):
        return _lora(lora) | {"weights_sha256": {lora.file.name: lora.sha256()}}
    for vae in (m for m in catalogue.vaes() if m.id == model_id and model_id not in bases):
        return _vae(vae) | {"weights_sha256": {vae.file.name: vae.sha256()}}
    base = catalogue.get(model_id)
    return _base(base) | {"weights_sha256": weights_sha256(base)}


def _place(path: Path) -> str:
    """Where a model lies, from the models' folder; of one that lies elsewhere only its name: that folder is nobody's business."""
    ours = _catalogue().folder
    return str(path.relative_to(ours)) if path.is_relative_to(ours) else path.name


def _base(found: BaseModel) -> dict[str, object]:
    return {
        "id": found.id, "kind": "base", "architecture": "sdxl", "licence": found.licence, "size": found.size,
        "sizes": found.sizes, "profiles": {p: asdict(schedule_for(Contender(found), p)) for p in get_args(Profile)},
        "folder": _place(found.folder), "parts": found.parts, "v_prediction": found.v_prediction, "source": found.source,
        "problem": found.problem,
    }  # fmt: skip


def _lora(found: Lora) -> dict[str, object]:
    return {
        "id": found.id, "kind": "lora", "licence": found.licence, "size": found.size, "file": _place(found.file),
        "trigger_words": found.trigger_words, "recommended_weight": found.recommended_weight, "naming": found.naming,
        "rank": found.rank, "text_width": found.text_width, "base_sha256": found.base_hash, "source": found.source,
        "problem": found.problem,
    }  # fmt: skip


def _vae(found: Vae) -> dict[str, object]:
    return {
        "id": found.id, "kind": "vae", "licence": found.licence, "size": found.size, "file": _place(found.file),
        "source": found.source, "problem": found.problem,
    }  # fmt: skip

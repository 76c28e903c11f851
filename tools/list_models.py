"""`list_models`: which base models, LoRAs and VAEs are on this machine, and how each is used."""

from __future__ import annotations

import asyncio

from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations

from dgx_pixels.models.catalogue import BaseModel, Catalogue, Lora, ModelError, Vae, check_weights
from dgx_pixels.tools.answers_models import LoraSummary, ModelList, ModelSummary, VaeSummary
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.services import Services, ServicesDep


@tool(
    title="List models",
    output_schema=schema_of(ModelList),
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def list_models(services: Services = ServicesDep) -> ToolResult:
    """List the models on this machine: base models with the sprite sizes each draws, LoRAs with weight and trigger words, VAEs.

    `model` arguments take a base's id, or base+lora:weight+lora:weight; a LoRA's trigger words belong into the prompt.
    More models come by `dgx-pixels models pull sdxl` or `models add`, run by a person in a terminal.
    """
    found = await asyncio.to_thread(summaries, services.catalogue)
    return ToolResult(content="\n".join(_lines(found)), structured_content=found.model_dump())


def summaries(catalogue: Catalogue, *, compute: bool = False) -> ModelList:
    """All models in short. Digests of files that nobody has hashed yet are None, for that takes seconds a file, or `compute`."""
    default = catalogue.get(None).id
    return ModelList(
        models=[_base(m, default, compute=compute) for m in catalogue.bases()],
        loras=[_lora(m, compute=compute) for m in catalogue.loras()],
        vaes=[
            VaeSummary(id=m.id, licence=m.licence, size=m.size, sha256=_sha256(m, compute=compute), problem=m.problem)
            for m in catalogue.vaes()
        ],
    )


def _lines(found: ModelList) -> list[str]:
    bases = [f"{m.id}: {', '.join(map(str, m.sizes))} px, {m.licence}" + _problem(m.problem) for m in found.models]
    loras = [
        f"+{m.id}:{m.recommended_weight:g}: LoRA, licence {m.licence}"
        + (f", say {', '.join(map(repr, m.trigger_words))}" if m.trigger_words else "")
        + _problem(m.problem)
        for m in found.loras
    ]
    return bases + loras + [f"{m.id}: VAE, {m.licence}" + _problem(m.problem) for m in found.vaes]


def _problem(problem: str | None) -> str:
    return f" (not ready: {problem})" if problem else ""


def _base(model: BaseModel, default: str, *, compute: bool) -> ModelSummary:
    try:
        check_weights(model)
        problem = None
    except ModelError as error:
        problem = str(error)
    files = model.weight_files()
    return ModelSummary(
        id=model.id, licence=model.licence, sizes=list(model.sizes), default=model.id == default, ready=problem is None,
        problem=problem, architecture="sdxl", size=model.size,
        sha256=(model.digests.sha256 if compute else model.digests.known)(files[0]) if files and problem is None else None,
    )  # fmt: skip


def _lora(model: Lora, *, compute: bool) -> LoraSummary:
    return LoraSummary(
        id=model.id, licence=model.licence, size=model.size, sha256=_sha256(model, compute=compute),
        trigger_words=list(model.trigger_words), recommended_weight=model.recommended_weight, rank=model.rank,
        naming=model.naming, problem=model.problem,
    )  # fmt: skip


def _sha256(model: Lora | Vae, *, compute: bool) -> str | None:
    if model.problem is not None:
        return None
    return (model.digests.sha256 if compute else model.digests.known)(model.file)

"""`list_models`: which base models are on this machine, and what each draws."""

from __future__ import annotations

import asyncio

from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations

from dgx_pixels.models.catalogue import EMBEDDED, BaseModel, ModelError, check_weights
from dgx_pixels.tools.answers import ModelList, ModelSummary, schema_of
from dgx_pixels.tools.services import Services, ServicesDep


@tool(
    title="List models",
    output_schema=schema_of(ModelList),
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False),
)
async def list_models(services: Services = ServicesDep) -> ToolResult:
    """List the base models on this machine: id, licence, and the sprite sizes each one truly draws."""
    models = await asyncio.to_thread(lambda: [_summary(m) for m in services.catalogue.bases()])
    lines = [
        f"{m.id}: {', '.join(map(str, m.sizes))} px, {m.licence}{'' if m.ready else f' (not ready: {m.problem})'}" for m in models
    ]
    return ToolResult(content="\n".join(lines), structured_content=ModelList(models=models).model_dump())


def _summary(model: BaseModel) -> ModelSummary:
    try:
        check_weights(model)
        problem = None
    except ModelError as error:
        problem = str(error)
    return ModelSummary(
        id=model.id,
        licence=model.licence,
        sizes=list(model.sizes),
        default=model.id == EMBEDDED,
        ready=problem is None,
        problem=problem,
    )

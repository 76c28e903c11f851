"""Completion of the ids in resource templates, and of the arguments of prompts."""

from __future__ import annotations

import asyncio
from typing import get_args

from fastmcp.server.dependencies import get_context
from mcp_types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from dgx_pixels.bevy.project_settings import View
from dgx_pixels.library.library import Library
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.pixels.palette import bundled_names

_MOST = 100
"""As many as MCP lets an answer hold."""


async def complete(
    ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
) -> Completion:
    """Give the values of an argument that begin with what was typed, at most 100; none for an argument that is free text."""
    name = argument.name
    if isinstance(ref, ResourceTemplateReference) and ref.uri.startswith("pixels://comparisons/"):
        name = "comparison_id" if name in ("id", "comparison_id") else name
    values = [value for value in await _values(name, argument.value) if value.casefold().startswith(argument.value.casefold())]
    return Completion(values=values[:_MOST], total=len(values), has_more=len(values) > _MOST)


async def _values(name: str, typed: str) -> list[str]:
    held = get_context().lifespan_context
    library: Library = held["library"]
    catalogue: Catalogue = held["catalogue"]
    match name:
        case "asset_id":
            return await library.ids(typed, _MOST + 1)
        case "job_id":
            return await library.jobs.ids(typed, _MOST + 1)
        case "comparison_id":
            return await library.jobs.ids(typed, _MOST + 1, kind="comparison")
        case "model_id":
            return await asyncio.to_thread(_all_models, catalogue)
        case "model" | "base":
            return [model.id for model in await asyncio.to_thread(catalogue.bases)]
        case "palette":
            return [*bundled_names(), "project"]
        case "view":
            return list(get_args(View))
    return []


def _all_models(catalogue: Catalogue) -> list[str]:
    kinds = (catalogue.bases(), catalogue.loras(), catalogue.vaes())
    return list(dict.fromkeys(model.id for kind in kinds for model in kind))

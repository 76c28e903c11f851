"""`pixels://models`: the base models on this machine."""

from __future__ import annotations

import asyncio
import json

from fastmcp.exceptions import ResourceError
from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context

from dgx_pixels.models.catalogue import BaseModel, Catalogue, ModelError, weights_sha256


def _catalogue() -> Catalogue:
    found: Catalogue = get_context().lifespan_context["catalogue"]
    return found


@resource("pixels://models", title="Models", mime_type="application/json")
async def models() -> str:
    """Give all base models: id, licence, and the sides in pixels of the sprites that each one draws."""
    return json.dumps({"models": [_described(m) for m in _catalogue().bases()]}, indent=2)


@resource("pixels://models/{model_id}", title="Model", mime_type="application/json")
async def model(model_id: str) -> str:
    """Give one base model, with the SHA-256 of each of its weight files."""
    try:
        found = _catalogue().get(model_id)
    except ModelError as error:
        raise ResourceError(str(error)) from error
    digests = await asyncio.to_thread(weights_sha256, found)
    return json.dumps(_described(found) | {"weights_sha256": digests}, indent=2)


def _described(found: BaseModel) -> dict[str, object]:
    return {
        "id": found.id, "licence": found.licence, "sizes": found.sizes, "steps": found.steps, "guidance": found.guidance,
        "folder": str(found.folder),
    }  # fmt: skip

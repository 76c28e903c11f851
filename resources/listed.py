"""The models as resources of their own in the list, so that a client which offers resources to people offers these."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastmcp.resources import Resource
from fastmcp.server.dependencies import get_context
from fastmcp.server.providers import Provider
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec

from dgx_pixels.models.catalogue import BaseModel, Catalogue, Lora, Vae


class Models(Provider):
    """Lists `pixels://models/{id}` for each model there is; the template of that name reads them."""

    async def _list_resources(self) -> Sequence[Resource]:
        catalogue: Catalogue = get_context().lifespan_context["catalogue"]
        return await asyncio.to_thread(_listed, catalogue)

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:  # noqa: ARG002  # its parent's
        return None  # what is listed here is read by the template

    async def get_tasks(self) -> Sequence[FastMCPComponent]:
        """None of these is a background task; FastMCP asks before there are models."""
        return []


def _listed(catalogue: Catalogue) -> list[Resource]:
    kinds: dict[str, Sequence[BaseModel | Lora | Vae]] = {
        "Base model": catalogue.bases(), "LoRA": catalogue.loras(), "VAE": catalogue.vaes(),
    }  # fmt: skip
    found: dict[str, Resource] = {}
    for kind, models in kinds.items():
        for model in models:
            found.setdefault(
                model.id,
                Resource(
                    uri=f"pixels://models/{model.id}", name=model.id, title=f"{kind} {model.id}",  # type: ignore[arg-type]  # a string is made a URL
                    mime_type="application/json", description=f"{kind}, {model.licence}",
                ),
            )  # fmt: skip
    return list(found.values())

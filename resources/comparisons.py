"""`pixels://comparisons`: what was compared, as data and as pictures; before the last vote they tell no names."""

from __future__ import annotations

import json

from fastmcp.exceptions import ResourceError
from fastmcp.resources import resource
from fastmcp.server.dependencies import get_context

from dgx_pixels.library.comparison_blind import recipes_of, told
from dgx_pixels.library.comparison_pictures import picture
from dgx_pixels.library.comparison_pictures import sheet as drawn_sheet
from dgx_pixels.library.comparisons import Comparisons
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.library import Library


def _comparisons() -> Comparisons:
    found: Library = get_context().lifespan_context["library"]
    return found.comparisons


@resource("pixels://comparisons/{comparison_id}", title="Comparison", mime_type="application/json")
async def comparison(comparison_id: str) -> str:
    """Give a comparison: its rounds with their labels and votes; who is who, measures and standing after the last vote."""
    try:
        return (await told(_comparisons(), comparison_id)).model_dump_json(indent=1)
    except LibraryError as error:
        raise ResourceError(str(error)) from error


@resource("pixels://comparisons/{comparison_id}/sheet", title="Sheet of a comparison", mime_type="image/png")
async def sheet(comparison_id: str) -> bytes:
    """Give all pictures of a comparison in one PNG, under their labels."""
    try:
        return await drawn_sheet(_comparisons(), comparison_id)
    except LibraryError as error:
        raise ResourceError(str(error)) from error


@resource("pixels://comparisons/{comparison_id}/recipes", title="Recipes of a comparison", mime_type="application/json")
async def recipes(comparison_id: str) -> str:
    """Give the recipe of every picture, by round and label, after the last vote."""
    try:
        return json.dumps(await recipes_of(_comparisons(), comparison_id), indent=1)
    except LibraryError as error:
        raise ResourceError(str(error)) from error


@resource("pixels://comparisons/{comparison_id}/{round_number}/{label}", title="Picture of a comparison", mime_type="image/png")
async def image(comparison_id: str, round_number: str, label: str) -> bytes:
    """Give one picture of a comparison at its true size; with its recipe in it after the last vote."""
    try:
        number = int(round_number) if round_number.isascii() and round_number.isdigit() and len(round_number) < 5 else 0
        return await picture(_comparisons(), comparison_id, number, label)
    except LibraryError as error:
        raise ResourceError(str(error)) from error

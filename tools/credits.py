"""What a game's pictures were made with: models, LoRAs and data with their licences, and what a store wants to know of AI."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.manifest import read_manifest
from dgx_pixels.bevy.preflight import PublishError, target_of
from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.plain_file import read_plain
from dgx_pixels.pixels.read import MOST_BYTES
from dgx_pixels.tools.credits_text import Picture, Use, credits_text
from dgx_pixels.tools.recipes import recipe_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dgx_pixels.bevy.manifest import ManifestEntry
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.library import Library
    from dgx_pixels.models.catalogue import Catalogue

_MOST_MODEL: Final = 500
"""Characters of a contender that are read."""


async def credits_of(library: Library, catalogue: Catalogue, project: BevyProject) -> str:
    """The text of a CREDITS.md for what is published in a project, by its manifest and the recipes, in Markdown.

    Whatever is not known is said to be unknown. Raises ManifestError and LibraryError.
    """
    entries = (await asyncio.to_thread(read_manifest, project)).assets
    pictures = [await _picture(library, project, entry) for entry in entries]
    return await asyncio.to_thread(credits_text, catalogue, project.root.name, pictures)


async def _picture(library: Library, project: BevyProject, entry: ManifestEntry) -> Picture:
    file = await asyncio.to_thread(_bytes, project, entry.path)
    recipes = await _recipes(library, entry.id, entry.version)
    if not recipes or recipes[0].get("kind") == "imported":  # what it carries may tell more
        carried = recipe_of(file) if file is not None else None
        recipes = [carried | {"supplied": bool(carried.get("source_sha256"))}] if carried is not None else recipes
    own = str(recipes[0].get("kind", "")) if recipes else ""
    return Picture(
        entry.path, own,
        edited=own == "edited" or (file is not None and sha256(file) != entry.sha256),
        supplied=any(recipe.get("supplied") or recipe.get("kind") == "imported" for recipe in recipes),
        alone=len(recipes) < 2,
        uses=_uses([{"model": entry.model}, *recipes]),
    )  # fmt: skip


def _uses(recipes: Sequence[Mapping[str, object]]) -> frozenset[Use]:
    """What the recipes name as having drawn; without weights only where none of them has those."""
    found = {use for recipe in recipes for use in _parts(recipe)}
    known = {(use.kind, use.name) for use in found if use.weights}
    return frozenset(use for use in found if use.weights or (use.kind, use.name) not in known)


def _parts(recipe: Mapping[str, object]) -> Iterator[Use]:
    """The parts of a recipe's contender; its weights are those of the base model, and by their ids the LoRAs'."""
    model, weights = recipe.get("model"), recipe.get("weights_sha256")
    if not isinstance(model, str) or not model:
        return
    digests = {str(k): v for k, v in weights.items() if isinstance(v, str)} if isinstance(weights, dict) else {}
    base, *loras = model[:_MOST_MODEL].split("+")
    names = {lora.partition(":")[0] for lora in loras}
    yield Use("base model", base, tuple(sorted((name, d) for name, d in digests.items() if name not in names)))
    for name in names:
        yield Use("LoRA", name, ((name, digests[name]),) if name in digests else ())


async def _recipes(library: Library, asset_id: str, number: int) -> list[dict[str, Any]]:
    """The recipes of a version, which comes first, and of all that it was made from; "supplied" marks a source from outside."""
    found: list[dict[str, Any]] = []
    left, seen = [(asset_id, number)], {(asset_id, number)}
    while left:
        one = left.pop()
        try:
            asset = await library.version(*one)
        except LibraryError:  # collected, or of another machine's library
            continue
        parents = await library.parents(*one)
        recipe = _parsed(asset.recipe)
        found.append(recipe | {"supplied": bool(recipe.get("source_sha256")) and not parents})
        left += [parent for parent in parents if parent not in seen]
        seen |= set(parents)
    return found


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(project: BevyProject, path: str) -> bytes | None:
    try:
        return read_plain(target_of(project, path), MOST_BYTES)
    except (OSError, PublishError):
        return None

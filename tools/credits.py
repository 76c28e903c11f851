"""What a game's pictures were made with: models, LoRAs and data with their licences, and what a store wants to know of AI."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.manifest import read_manifest
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import EMBEDDED
from dgx_pixels.pixels.png_text import PngError, recipe_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dgx_pixels.bevy.manifest import ManifestEntry
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.library import Library
    from dgx_pixels.models.catalogue import BaseModel, Catalogue, Lora

_UNKNOWN: Final = "**unknown**: find it out before you publish the game"
_WAYS: Final = {
    "sprite": "drawn by an image model from a prompt", "tileset": "assembled from textures that an image model drew",
    "training sample": "drawn by a LoRA in training", "pixelize": "made of another picture", "edited": "edited by hand",
    "imported": "not made here: it was in the project before",
}  # fmt: skip
_LOST: Final = "of unknown origin: its recipe is lost"
_LEARNT_FROM: Final = {
    EMBEDDED: "Dungeon Crawl Stone Soup tiles that their artists released under CC0 1.0 (github.com/crawl/tiles, Nov-2015)"
}


@dataclass(frozen=True)
class _Picture:
    """A published picture, and what it and all that it was made from have been made by."""

    path: str
    way: str
    edited: bool
    supplied: bool
    """Whether a picture from outside was among its beginnings."""
    contenders: frozenset[str]


async def credits_of(library: Library, catalogue: Catalogue, project: BevyProject) -> str:
    """The text of a CREDITS.md for what is published in a project, by its manifest and the recipes, in Markdown.

    Whatever is not known is said to be unknown. Raises ManifestError and LibraryError.
    """
    entries = (await asyncio.to_thread(read_manifest, project)).assets
    pictures = [await _picture(library, project, entry) for entry in entries]
    return await asyncio.to_thread(_text, catalogue, project.root.name, pictures)


async def _picture(library: Library, project: BevyProject, entry: ManifestEntry) -> _Picture:
    file = await asyncio.to_thread(_bytes, project, entry.path)
    recipes = await _recipes(library, entry.id, entry.version) or [_in_file(file)]
    own = str(recipes[0].get("kind", ""))
    found = [entry.model, *(recipe.get("model") for recipe in recipes)]
    return _Picture(
        entry.path, _WAYS.get(own, _LOST),
        edited=own == "edited" or (file is not None and sha256(file) != entry.sha256),
        supplied=any(recipe.get("supplied") or recipe.get("kind") == "imported" for recipe in recipes),
        contenders=frozenset(model for model in found if isinstance(model, str) and model),
    )  # fmt: skip


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


def _in_file(file: bytes | None) -> dict[str, Any]:
    try:
        text = recipe_in(file) if file is not None else None
    except PngError:
        return {}
    recipe = _parsed(text or "{}")
    return recipe | {"supplied": bool(recipe.get("source_sha256"))}


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(project: BevyProject, path: str) -> bytes | None:
    try:
        return (project.assets / path).read_bytes()
    except OSError:
        return None


def _text(catalogue: Catalogue, game: str, pictures: Sequence[_Picture]) -> str:
    bases = {b.id: b for b in catalogue.bases()}
    loras = {lora.id: lora for lora in catalogue.loras()}
    uses: Counter[tuple[str, str]] = Counter()
    for picture in pictures:
        parts = [contender.split("+") for contender in picture.contenders]
        uses.update({("base model", p[0]) for p in parts} | {("LoRA", x.partition(":")[0]) for p in parts for x in p[1:]})
    rows = [
        _row(kind, name, (bases if kind == "base model" else loras).get(name), count)
        for (kind, name), count in sorted(uses.items())
    ]
    return "\n".join([
        f"# Credits of the pictures of {game}", "",
        f"Made with DGX-Pixels {version('dgx-pixels')} (Apache-2.0). It has published {len(pictures)} pictures in the game.", "",
        "## Models and data", "",
        *(["| what | licence | SHA-256 of its weights | learnt from | pictures |", "|---|---|---|---|---|", *rows] if rows
          else ["No picture was made by a model."]), "",
        "## How AI was used", "", _disclosure(pictures), "",
        "## Pictures", "", "| file | how | models |", "|---|---|---|", *map(_line, pictures), "",
    ])  # fmt: skip


def _row(kind: str, name: str, model: BaseModel | Lora | None, count: int) -> str:
    if model is None:
        return f"| {_plain(name)} ({kind}) | {_UNKNOWN} (it is not on this machine any more) | | | {count} |"
    licence = _UNKNOWN if model.licence.startswith("unknown") else _plain(model.licence)
    source = f", from {_plain(model.source)}" if model.source else ""
    return (
        f"| {_plain(name)} ({kind}{source}) | {licence} | {_digest(model)} | {_LEARNT_FROM.get(name, 'see its page')} | {count} |"
    )


def _digest(model: BaseModel | Lora) -> str:
    try:
        files = [model.file] if model.file is not None else model.weight_files()
        return ", ".join(f"`{model.digests.sha256(file)}`" for file in files[:1]) + (
            f" and {len(files) - 1} more" if files[1:] else ""
        )
    except OSError:
        return "cannot be read"


def _disclosure(pictures: Sequence[_Picture]) -> str:
    """Plain sentences, such as Steam's content survey asks for."""
    drawn = [p for p in pictures if p.contenders]
    names = ", ".join(sorted({part.partition(":")[0] for p in drawn for c in p.contenders for part in c.split("+")}))
    edited, begun = sum(p.edited for p in drawn), sum(p.supplied for p in drawn)
    supplied = sum(p.supplied and not p.contenders for p in pictures)
    if drawn:
        said = (
            f"Pre-generated AI content: {len(drawn)} of the {len(pictures)} pictures that DGX-Pixels published in this game were "
            f"made by image models ({names}) on the developer's own machine while the game was developed."
        )
    else:
        said = "None of the pictures that DGX-Pixels published in this game was made by an image model here."
    return " ".join([
        said,
        *([f"{edited} of them were edited by hand afterwards."] if edited else []),
        *([f"{begun} of them began with a picture that the developer supplied."] if begun else []),
        *([f"{supplied} more were made of pictures that the developer supplied: DGX-Pixels cannot know whether AI made those."]
          if supplied else []),
        "Live-generated AI content: none by DGX-Pixels, which makes no pictures while the game runs.",
    ])  # fmt: skip


def _line(picture: _Picture) -> str:
    also = ", then edited by hand" if picture.edited and picture.way != _WAYS["edited"] else ""
    return f"| {picture.path} | {picture.way}{also} | {', '.join(map(_plain, sorted(picture.contenders)))} |"


def _plain(text: str) -> str:
    """Text that cannot break out of a table's cell."""
    return " ".join(text.replace("|", "/").replace("<", "(").replace(">", ")").split())[:200]

"""Recipes read back: from text of unknown origin to the request that makes the picture again, each value checked on the way."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dgx_pixels.bevy.names import Category
from dgx_pixels.models.profiles import AYS_STEPS, Profile, Sampler, Schedule
from dgx_pixels.models.render import BATCHES, Graph
from dgx_pixels.pixels.art_options import ArtOptions, read_options
from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.png_text import MOST_RECIPE, PngError, recipe_in
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.sprite_request import SpriteRequest, read_size
from dgx_pixels.tools.tileset_request import TilesetRequest, tileset_request

M = TypeVar("M", bound=BaseModel)
Recipe = dict[str, Any]
"""A recipe as JSON has it."""

KINDS: Final = ("sprite", "tileset", "pixelize")
"""What can be made again."""
BY_HAND: Final = ("edited", "imported")
"""What people have drawn."""
_SAMPLE: Final = "training sample"
_Byte = Annotated[int, Field(ge=0, le=255)]
_Colors = Annotated[tuple[tuple[_Byte, _Byte, _Byte], ...], Field(min_length=1, max_length=256)]
_MOST_WORDS: Final = 500
_Words = Annotated[str, Field(max_length=_MOST_WORDS)]
_Seed = Annotated[int, Field(ge=0, lt=2**32)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Size = tuple[Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]]


class _Part(BaseModel):
    """Recipes are read as they were written: a number in quotes is none. What else they hold stays unused."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Schedule(_Part):
    sampler: Sampler
    steps: Annotated[int, Field(ge=1, le=100)]
    guidance: Annotated[float, Field(ge=0, le=20)]
    guided: Annotated[float, Field(ge=0, le=1)]


class _Sprite(_Part):
    prompt: Annotated[_Words, Field(min_length=1)]
    negative_prompt: _Words
    width: int
    height: int
    colors: Annotated[int, Field(ge=2, le=256)]
    palette: _Colors | None
    transparent: bool
    seed: _Seed
    model: _Words
    profile: Profile
    strength: Annotated[float, Field(ge=0.1, le=1)]
    batch: int
    graph: Graph
    seamless: bool
    schedule: _Schedule
    reference_sha256: _Sha256 | None
    source_sha256: _Sha256 | None = None


class _Tileset(_Part):
    terrains: Annotated[tuple[_Words, ...], Field(max_length=64)]
    layout: _Words
    tile_size: int
    variants: int
    transition: _Words
    pairs: Annotated[tuple[tuple[int, int], ...], Field(max_length=64)] | None
    colors: int
    palette: _Colors | None
    seed: _Seed
    model: _Words
    schedule: _Schedule


class _Options(_Part):
    size: _Size | None
    colors: int | None
    palette: _Colors | None
    transparent: bool
    dither: _Words
    cleanup: Annotated[tuple[_Words, ...], Field(max_length=8)]
    outline: tuple[_Byte, _Byte, _Byte] | None
    trim: bool
    canvas: _Size | None
    anchor: _Words | None


class _Pixelize(_Part):
    options: _Options
    matting: bool
    source_sha256: _Sha256


def recipe_of(png: bytes) -> Recipe | None:
    """The recipe that a PNG carries, if it is of a kind that is made here; None for any other bytes. Its values are unchecked."""
    try:
        found = json.loads(recipe_in(png) or "{}")
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()  # half a character cannot be kept
    except (PngError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("kind") in (*KINDS, _SAMPLE) else None


def words_of(recipe: Recipe, key: str) -> str:
    """One text of a recipe that nobody has checked; "" if it is none, or is too long."""
    found = recipe.get(key)
    return found if isinstance(found, str) and len(found) <= _MOST_WORDS else ""


def read_recipe(text: str) -> Recipe:
    """A recipe of a kind that can be made again. Raises RequestError, in one sentence, for any other text."""
    if len(text) > MOST_RECIPE:
        raise RequestError(f"The recipe has {len(text):,} characters, but at most {MOST_RECIPE:,} are read: it is none of ours.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError("The recipe is no JSON: it is damaged, or none of ours.") from error
    kind = found.get("kind") if isinstance(found, dict) else None
    if kind in BY_HAND:
        raise RequestError(f"It was {kind} by hand, so no recipe makes it again: the library has it as it is, see view_asset.")
    if kind == _SAMPLE:
        raise RequestError("It is a sample of a training, whose weights of that step were not kept: draw with its LoRA instead.")
    if kind not in KINDS:
        raise RequestError(f"The recipe's kind is {str(kind)[:40]!r}, but only {', '.join(KINDS)} can be made again.")
    return dict(found)


def sprite_of_recipe(recipe: Recipe, name: str, category: Category) -> SpriteRequest:
    """The request that made a sprite, alone. Raises RequestError."""
    r = _read(_Sprite, recipe)
    if r.batch not in BATCHES:
        raise _damaged("batch", f"is none of {', '.join(map(str, BATCHES))}")
    if r.reference_sha256 is not None and r.source_sha256 is None:
        raise RequestError(
            "The recipe does not say which picture it started from, as older versions did not: it cannot be made again."
        )
    read_size(f"{r.width}x{r.height}")
    return SpriteRequest(
        prompt=r.prompt, negative_prompt=r.negative_prompt, name=name, category=category, width=r.width, height=r.height,
        variants=1, colors=r.colors, palette=r.palette, transparent=r.transparent, seed=r.seed, model=r.model, profile=r.profile,
        schedule=_schedule(r.schedule), reference=None, strength=r.strength, batch=r.batch, graph=r.graph, seamless=r.seamless,
        publish=False, overwrite=False,
    )  # fmt: skip


def tileset_of_recipe(recipe: Recipe, name: str) -> TilesetRequest:
    """The request that made a tileset. Raises RequestError."""
    r = _read(_Tileset, recipe)
    if any(not 0 <= place < len(r.terrains) for pair in r.pairs or () for place in pair):
        raise _damaged("pairs", "name terrains that there are not")
    pairs = None if r.pairs is None else [[r.terrains[upper], r.terrains[lower]] for upper, lower in r.pairs]
    request = tileset_request(
        terrains=r.terrains, kind=r.layout, tile_size=r.tile_size, variants=r.variants, transition=r.transition, pairs=pairs,
        colors=r.colors, palette=r.palette, name=name, seed=r.seed, model=r.model, publish=False, overwrite=False,
    )  # fmt: skip
    return request.model_copy(update={"schedule": _schedule(r.schedule)})


def art_of_recipe(recipe: Recipe) -> tuple[ArtOptions, bool]:
    """The options with which a picture was pixelized, and whether its ground was told by matting. Raises RequestError."""
    r = _read(_Pixelize, recipe)
    o = r.options
    try:
        options = read_options(
            size=_by(o.size), colors=o.colors, palette=o.palette, transparent=o.transparent, dither=o.dither, cleanup=o.cleanup,
            outline=to_hex(o.outline) if o.outline is not None else None, trim=o.trim, canvas=_by(o.canvas), anchor=o.anchor,
        )  # fmt: skip
    except ValueError as error:
        raise RequestError(f"The recipe cannot be followed. {error}") from error
    return options, r.matting


def source_of_recipe(recipe: Recipe) -> str | None:
    """The SHA-256 of the picture file that the recipe starts from; None if it starts from none. Raises RequestError."""
    try:
        return TypeAdapter(_Sha256 | None).validate_python(recipe.get("source_sha256"))
    except ValidationError as error:
        raise _damaged("source_sha256", "is no SHA-256") from error


def _by(size: tuple[int, int] | None) -> str | None:
    return None if size is None else f"{size[0]}x{size[1]}"


def _schedule(found: _Schedule) -> Schedule:
    if found.sampler == "ays" and found.steps != AYS_STEPS:
        raise _damaged("schedule", f"has {found.steps} steps, but its sampler has {AYS_STEPS}")
    return Schedule(**found.model_dump())


def _read(kind: type[M], recipe: Recipe) -> M:
    try:
        return kind.model_validate_json(json.dumps(recipe))  # strict as JSON is: its lists are tuples, its numbers no texts
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(".".join(map(str, first["loc"]))[:80], f"cannot be read ({first['msg'][:120]})") from error
    except ValueError as error:  # half a character, or a number without end
        raise RequestError("The recipe holds something that JSON has not: it is damaged, or none of ours.") from error


def _damaged(what: str, why: str) -> RequestError:
    return RequestError(f"The recipe is damaged or none of ours: its {what} {why}.")

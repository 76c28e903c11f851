"""Making a picture again from its recipe, whatever its kind, and saying whether it is the same, and if not what differs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from dgx_pixels.bevy.names import Category, name_from_prompt, sprite_path, tileset_path
from dgx_pixels.pixels.png_text import PngError, recipe_in
from dgx_pixels.pixels.read import PictureError, read_picture
from dgx_pixels.tools.arguments import RequestError, read_category
from dgx_pixels.tools.asset_details import read_details
from dgx_pixels.tools.asset_files import named
from dgx_pixels.tools.read_roots import ReadError, read_file
from dgx_pixels.tools.recipes import BY_HAND, read_recipe, recipe_of, source_of_recipe
from dgx_pixels.tools.sprite_reference import ASSET_ID

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.tools.services import Services

MOST_BYTES: Final = 4_000_000
"""Of a PNG that is replayed: the largest of ours have a tenth of that."""
_VARIANT: Final = re.compile(r"(_v[1-9][0-9]?)?$")
_DATA: Final = "data:image/png;base64,"


class ReplayRequest(BaseModel):
    """What is to be made again, complete: its recipe, and what the original was."""

    model_config = ConfigDict(frozen=True)

    recipe: str
    sha256: str
    """Of the original's bytes."""
    pixels: str
    """The SHA-256 of its size and RGBA pixels."""
    asset: str | None
    """The asset that the original is a version of; None if the library does not have it."""
    version: int | None
    name: str
    category: Category
    path: str
    """Where it is kept, relative to assets/, if it comes out otherwise."""
    sources: tuple[str, ...]
    """Where the picture may be that it starts from."""


async def replay_request(services: Services, project: BevyProject | None, replay: str, reference: str | None) -> ReplayRequest:
    """Find what an argument names: an asset by its id, or "id@version"; the path of a PNG, or the PNG itself as a data URI.

    `reference` says where the picture is now that it starts from. Raises RequestError, ReadError, PictureError and LibraryError,
    each with one sentence, for what is not there or may not be read, carries no recipe, or one that cannot be followed.
    """
    asset, png = await _original(services, project, replay)
    text = await asyncio.to_thread(_recipe, png) if asset is None else await asyncio.to_thread(_kept_recipe, asset, png)
    recipe = read_recipe(text)
    source_of_recipe(recipe)
    places = [] if reference is None else [reference]
    if asset is not None:
        places += read_details(asset, await services.library.details(asset)).sources.values()
    digest = hashlib.sha256(png).hexdigest()
    if asset is None:
        category, name, path = await _place(services, project, recipe, replay, digest)
    else:
        category, name, path = read_category(asset.category), asset.name, asset.path
    return ReplayRequest(
        recipe=text, sha256=digest, pixels=await asyncio.to_thread(pixels_of, png),
        asset=asset.id if asset is not None else None, version=asset.version if asset is not None else None,
        name=name, category=category, path=path, sources=tuple(places),
    )  # fmt: skip


def pixels_of(png: bytes) -> str:
    """The SHA-256 of a picture's size and RGBA pixels. Raises PictureError."""
    rgba = read_picture(png).rgba
    return hashlib.sha256(repr(rgba.shape).encode() + rgba.tobytes()).hexdigest()


async def _original(services: Services, project: BevyProject | None, replay: str) -> tuple[AssetVersion | None, bytes]:
    asset_id, at, version = replay.partition("@")
    if ASSET_ID.fullmatch(asset_id):
        if at and not re.fullmatch(r"[0-9]{1,9}", version):
            raise RequestError(f"{replay[:60]!r} names no version: write {asset_id}@2 for its second one.")
        asset = await services.library.version(asset_id, int(version) if at else None)
        return asset, await services.library.png(asset.id, asset.version)
    if replay.startswith(_DATA):
        png = await asyncio.to_thread(_decoded, replay)
    else:
        png = await asyncio.to_thread(read_file, services, project, replay, MOST_BYTES)
    return await services.library.with_bytes(hashlib.sha256(png).hexdigest()), png


def _decoded(uri: str) -> bytes:
    if len(uri) > MOST_BYTES * 4 // 3 + 100:
        raise ReadError(f"The PNG in `replay` has more than {MOST_BYTES:,} bytes: put it into the project and give its path.")
    try:
        return base64.b64decode(uri.removeprefix(_DATA), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReadError("The PNG in `replay` is no base64: send the file's bytes as data:image/png;base64,...") from error


def _recipe(png: bytes) -> str:
    try:
        found = recipe_in(png)
    except PngError as error:
        raise PictureError(str(error)) from error
    if found is None:
        raise RequestError("The PNG carries no recipe: it is none of ours, or its texts were taken out.")
    return found


def _kept_recipe(asset: AssetVersion, png: bytes) -> str:
    """The library's; where that says only that a person made it, the one that the file carries, if it does."""
    carried = recipe_of(png) if json.loads(asset.recipe).get("kind") in BY_HAND else None
    return asset.recipe if carried is None else json.dumps(carried, sort_keys=True)


async def _place(
    services: Services, project: BevyProject | None, recipe: dict[str, object], replay: str, sha256: str
) -> tuple[Category, str, str]:
    """Category, name and path of a picture that the library does not have: by its file's name or its prompt.

    Where an asset of the user's has that path, it gets a name of its own: a stranger's picture is no version of that one.
    """
    if replay.startswith(_DATA):
        category, name = named(name_from_prompt(str(recipe.get("prompt") or recipe.get("terrains"))))
        variant = ""
    else:
        category, name = named(replay)
        variant = _VARIANT.search(PurePosixPath(replay).stem).group()  # type: ignore[union-attr]  # it matches nothing, too
    found = _placed(recipe, category, name, variant)
    if await services.library.at_path(str(project.root) if project is not None else "", found[2]) is None:
        return found
    return _placed(recipe, category, f"replay_{sha256[:8]}", variant)


def _placed(recipe: dict[str, object], category: Category, name: str, variant: str) -> tuple[Category, str, str]:
    if recipe["kind"] == "tileset":
        return "tile", name, tileset_path(name)
    path = PurePosixPath(sprite_path(category, name, 1, 1))
    return category, name, str(path.with_stem(path.stem + variant))

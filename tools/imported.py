"""Pictures that people have drawn: an edit of what we published, and what stood in a project before us, enter the library.

Neither moves or changes a file. Their recipes say only that a person made them: they are never made again, and never collected.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, get_args

import numpy as np

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.manifest import ManifestError, read_manifest
from dgx_pixels.bevy.names import Category, name_from_prompt
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.records import NewVersion
from dgx_pixels.pixels.art_options import MOST_COLORS
from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.read import MOST_BYTES, PictureError, read_picture
from dgx_pixels.tools.details import Details, read_details
from dgx_pixels.tools.reading import ReadError, read_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dgx_pixels.bevy.manifest import ManifestEntry
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.tools.services import Services

BY_HAND: Final = ("edited", "imported")
"""The kinds of recipes of what people have drawn."""
MOST_IMPORTED: Final = 5_000
"""Files of one import."""


@dataclass(frozen=True)
class Imported:
    """What came of an import: new versions, files that were known before, and those that were left out, each with the reason."""

    assets: list[AssetVersion] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


async def keep_edited(services: Services, project: BevyProject, path: str) -> AssetVersion | None:
    """Keep what a person made of a published PNG, at `path` relative to the project's assets/, as the asset's next version.

    The bytes are kept as they are, the version that was edited is its parent, and what goes with a sheet or tileset goes with it
    as long as its size is the same. The file, and the manifest, stay: it still counts as edited, and is not overwritten unasked.

    None if there is nothing to keep: no such file, one that was not published by us, one whose bytes the library has, or one that
    is no whole PNG (yet). Raises LibraryError.
    """
    found = await asyncio.to_thread(_edited, services, project, path)
    if found is None:
        return None
    data, entry = found
    if await services.library.with_bytes(sha256(data)) is not None:
        return None
    try:
        drawn = await _drawn(services, data, path)
    except PictureError:
        return None
    parent = await _version(services, entry)
    if parent is None:
        details = Details(kind="sprite", prompt=entry.prompt, model=entry.model)
        parents: tuple[tuple[str, int], ...] = ()
    else:
        details = read_details(parent, await services.library.details(parent))
        parents = ((parent.id, parent.version),)
    if (drawn.width, drawn.height) != (entry.width, entry.height):
        details = details.model_copy(update={"kind": "sprite", "atlas": None, "tileset": None, "sidecars": {}})
    recipe = {"kind": "edited", "prompt": details.prompt, "model": details.model, "edited_sha256": entry.sha256}
    edited = await services.library.add(replace(
        drawn, project=str(project.root), name=entry.name, category=entry.category, kind=details.kind,
        recipe=json.dumps(recipe, sort_keys=True), details=details.model_copy(update={"checks": {}}).model_dump_json(),
        parents=parents,
    ))  # fmt: skip
    await services.library.mark_published([(edited.id, edited.version)])
    return await services.library.version(edited.id, edited.version)


async def edit_at(services: Services, project: BevyProject, path: str) -> AssetVersion | None:
    """The version that holds the edit which stands at a path, kept now or before; None if none does. Raises LibraryError."""
    kept = await keep_edited(services, project, path)
    if kept is not None or (found := await asyncio.to_thread(_edited, services, project, path)) is None:
        return kept
    known = await services.library.with_bytes(sha256(found[0]))
    return known if known is not None and json.loads(known.recipe).get("kind") == "edited" else None


async def import_sprites(services: Services, project: BevyProject, folder: str = "") -> Imported:
    """Keep the PNGs below `folder` of the project's assets/ that the library does not have for it, each under its own path.

    Category and name are those of its file's name, as we name files, else item and the words of it. Raises LibraryError.
    """
    result = Imported()
    paths = await asyncio.to_thread(_pngs, project, folder)
    result.skipped.extend(
        (path, f"There are more than {MOST_IMPORTED:,} files: import folder by folder.") for path in paths[MOST_IMPORTED:]
    )
    for path in paths[:MOST_IMPORTED]:
        try:
            kept = await _import(services, project, path)
        except (ReadError, PictureError) as error:
            result.skipped.append((path, str(error)))
            continue
        if kept is None:
            result.known.append(path)
        else:
            result.assets.append(kept)
    return result


async def _import(services: Services, project: BevyProject, path: str) -> AssetVersion | None:
    """Keep one file; None if the library has it. Raises ReadError, PictureError and LibraryError."""
    data = await asyncio.to_thread(read_file, services, project, str(project.assets / path), MOST_BYTES)
    asset_id = await services.library.at_path(str(project.root), path)
    if asset_id is not None and any(v.sha256 == sha256(data) for v in await services.library.history(asset_id)):
        return None
    edited = await keep_edited(services, project, path)
    if edited is not None:
        return edited
    category, name = named(path)
    return await services.library.add(replace(
        await _drawn(services, data, path), project=str(project.root), name=name, category=category,
        recipe=json.dumps({"kind": "imported", "imported_sha256": sha256(data)}, sort_keys=True),
        details=Details(kind="sprite").model_dump_json(),
    ))  # fmt: skip


def _edited(services: Services, project: BevyProject, path: str) -> tuple[bytes, ManifestEntry] | None:
    """A file's bytes and its manifest entry, if we published it and it has other bytes now."""
    try:
        entry = next((entry for entry in read_manifest(project).assets if entry.path == path), None)
        if entry is None:
            return None
        data = read_file(services, project, str(project.assets / path), MOST_BYTES)
    except (ManifestError, ReadError):
        return None
    return None if sha256(data) == entry.sha256 else (data, entry)


async def _version(services: Services, entry: ManifestEntry) -> AssetVersion | None:
    try:
        return await services.library.version(entry.id, entry.version)
    except LibraryError:
        return None  # published from another machine's library


async def _drawn(services: Services, data: bytes, path: str) -> NewVersion:
    """A picture as a version that says only what the picture itself tells. Raises PictureError, also if it is no PNG."""
    picture = await asyncio.get_running_loop().run_in_executor(services.pictures, read_picture, data)
    if picture.format != "PNG" or picture.shrunk > 1:
        raise PictureError(
            f"It is a {picture.format} of {picture.width}x{picture.height}: only PNGs of at most 4096x4096 are kept."
        )
    colors = await asyncio.to_thread(_colors, picture.rgba)
    return NewVersion(
        project="", path=path, kind="sprite", name="", category="item", png=data, recipe="{}", width=picture.width,
        height=picture.height, colors=len(colors), seed=0,
        palette=tuple(to_hex((c >> 16, c >> 8 & 255, c & 255)) for c in colors.tolist()) if len(colors) <= MOST_COLORS else None,
    )  # fmt: skip


def _colors(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The colours of what is not clear, each as 0xrrggbb."""
    red, green, blue = np.moveaxis(rgba[rgba[..., 3] > 0][:, :3].astype(np.uint32), 1, 0)
    return np.unique(red << 16 | green << 8 | blue)


def _pngs(project: BevyProject, folder: str) -> list[str]:
    """The PNGs in a folder of assets/ and below it, as paths relative to assets/; links are not followed."""
    start = (project.assets / folder).resolve()
    if not start.is_relative_to(project.assets):
        raise LibraryError(f"{folder[:200]!r} is not inside {project.assets}: name a folder that is.")
    if not start.is_dir():
        raise LibraryError(f"There is no folder {start}: name one inside {project.assets}.")
    found = (file for file in start.rglob("*") if file.suffix.lower() == ".png" and file.is_file() and not file.is_symlink())
    return sorted(file.relative_to(project.assets).as_posix() for file in found)


def named(path: str) -> tuple[Category, str]:
    """Category and name of an asset, from its file's name: as we name files, else item and the words of it."""
    stem = PurePosixPath(path).stem
    first, _, rest = stem.lower().partition("_")
    category: Category | None = next((c for c in get_args(Category) if c == first), None)
    if category is not None and rest:
        return category, name_from_prompt(rest.replace("_", " "))
    return "item", name_from_prompt(stem.replace("_", " "))

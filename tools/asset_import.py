"""Pictures that people have drawn: an edit of what we published, and what stood in a project before us, enter the library.

Neither moves or changes a file. Their recipes say only that a person made them: they are never made again, and never collected.
A file that carries a recipe of ours is one of ours from another library, and keeps that recipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dgx_pixels.bevy.items import META, MOST_SIDECAR_BYTES, sha256
from dgx_pixels.bevy.manifest import ManifestError, read_manifest
from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.read import MOST_BYTES, PictureError
from dgx_pixels.tools.asset_details import Details, read_details
from dgx_pixels.tools.asset_files import drawn_by_hand, named, pngs_below
from dgx_pixels.tools.read_roots import ReadError, read_file
from dgx_pixels.tools.recipes import BY_HAND, recipe_of, words_of

if TYPE_CHECKING:
    from dgx_pixels.bevy.manifest import ManifestEntry
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.tools.services import Services

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
    if await _known(services, project, path, data) is not None:
        return None
    try:
        drawn = await drawn_by_hand(services, data, path)
    except PictureError:
        return None
    parent = await _version(services, entry)
    if parent is None:
        details = await asyncio.to_thread(_published, services, project, entry)
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


async def keep_replaced(services: Services, project: BevyProject, path: str, new: str | None = None) -> AssetVersion | None:
    """Keep what stands where we are to write, be it an edit or a file that we never published, with bytes other than `new`.

    The version that holds what a person has drawn there, kept now or before; None if there is nothing of the kind.

    Raises LibraryError, and PublishError for a file that is no picture that the library can keep.
    """
    try:
        data = await asyncio.to_thread(_there, services, project, path)
        if data is None or sha256(data) == new:
            return None
        found = await _known(services, project, path, data) or await _import(services, project, path)
    except (ReadError, PictureError) as error:
        raise PublishError(
            f"assets/{path} would be lost, since the library cannot keep it. {error} Move it away, then publish again."
        ) from error
    return found if found is not None and json.loads(found.recipe).get("kind") in BY_HAND else None


async def import_sprites(services: Services, project: BevyProject, folder: str = "") -> Imported:
    """Keep the PNGs below `folder` of the project's assets/ that the library does not have for it, each under its own path.

    Category and name are those of its file's name, as we name files, else item and the words of it. Raises LibraryError.
    """
    result = Imported()
    paths, unnamed = await asyncio.to_thread(pngs_below, project, folder)
    result.skipped.extend((path, "Its name is no UTF-8 text: rename it.") for path in unnamed)
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
    if await _known(services, project, path, data) is not None:
        return None
    edited = await keep_edited(services, project, path)
    if edited is not None:
        return edited
    recipe = recipe_of(data)
    details = Details(kind="sprite") if recipe is None else Details(
        kind="sprite", prompt=words_of(recipe, "prompt"), model=words_of(recipe, "model")
    )  # fmt: skip
    category, name = named(path)
    entry = await asyncio.to_thread(_entry, project, path)
    if entry is not None and entry.sha256 == sha256(data):  # published from another machine's library
        category, name, details = entry.category, entry.name, await asyncio.to_thread(_published, services, project, entry)
    return await services.library.add(replace(
        await drawn_by_hand(services, data, path), project=str(project.root), name=name, category=category, kind=details.kind,
        recipe=json.dumps(recipe or {"kind": "imported", "imported_sha256": sha256(data)}, sort_keys=True),
        details=details.model_dump_json(),
    ))  # fmt: skip


def _there(services: Services, project: BevyProject, path: str) -> bytes | None:
    """The bytes of a file in assets/; None if there is none. Raises ReadError."""
    file = project.assets / path
    return read_file(services, project, str(file), MOST_BYTES) if file.exists() else None


async def _known(services: Services, project: BevyProject, path: str, data: bytes) -> AssetVersion | None:
    """The newest version with these bytes of the asset that was made for this path; None if there is none.

    Only of that asset: the same bytes elsewhere would not be found again under this one's id.
    """
    asset_id = await services.library.at_path(str(project.root), path)
    if asset_id is None:
        return None
    return next((v for v in await services.library.history(asset_id) if v.sha256 == sha256(data)), None)


def _edited(services: Services, project: BevyProject, path: str) -> tuple[bytes, ManifestEntry] | None:
    """A file's bytes and its manifest entry, if we published it and it has other bytes now."""
    entry = _entry(project, path)
    if entry is None:
        return None
    try:
        data = read_file(services, project, str(project.assets / path), MOST_BYTES)
    except ReadError:
        return None
    return None if sha256(data) == entry.sha256 else (data, entry)


def _entry(project: BevyProject, path: str) -> ManifestEntry | None:
    try:
        return next((entry for entry in read_manifest(project).assets if entry.path == path), None)
    except ManifestError:
        return None


def _published(services: Services, project: BevyProject, entry: ManifestEntry) -> Details:
    """What goes with a published picture, as the manifest and the files beside it say."""
    sidecars = {}
    for file in entry.files:
        with contextlib.suppress(ReadError, UnicodeDecodeError):
            if not file.path.endswith(META):  # the publisher's own
                sidecars[file.path] = read_file(services, project, str(project.assets / file.path), MOST_SIDECAR_BYTES).decode()
    return Details(
        kind=entry.kind, prompt=entry.prompt, model=entry.model, atlas=entry.atlas, tileset=entry.tileset, sidecars=sidecars
    )


async def _version(services: Services, entry: ManifestEntry) -> AssetVersion | None:
    try:
        return await services.library.version(entry.id, entry.version)
    except LibraryError:
        return None  # published from another machine's library

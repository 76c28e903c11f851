"""The end of every job that makes sprites: keep them in the library, publish those that pass, answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.manifest import ManifestEntry
from dgx_pixels.bevy.publisher import PublishError, PublishItem
from dgx_pixels.library.records import NewVersion
from dgx_pixels.pixels.checks import Check
from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.sprite import encode_png
from dgx_pixels.tools.answers import AssetAnswer, CheckAnswer, Reload
from dgx_pixels.tools.asset_details import Details, read_details
from dgx_pixels.tools.asset_import import keep_edited, keep_replaced
from dgx_pixels.tools.job_work import CURRENT_JOB
from dgx_pixels.tools.publishing import NOT_ASKED, publish_and_confirm
from dgx_pixels.tools.sources import Source

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    from dgx_pixels.bevy.items import Sidecar
    from dgx_pixels.bevy.manifest import Atlas, Kind
    from dgx_pixels.bevy.names import Category
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.bevy.reload import Reloaded
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.pixels.sprite import Sprite
    from dgx_pixels.tools.services import Services


@dataclass(frozen=True)
class Origin:
    """What an asset was made from, as manifest and library name it; a picture's has neither prompt nor model, and seed 0."""

    path: str
    """Relative to the project's `assets/`."""
    name: str
    category: Category
    prompt: str = ""
    seed: int = 0
    model: str = ""
    kind: Kind = "sprite"
    atlas: Atlas | None = None
    """The grid of a sheet or tileset."""
    tileset: dict[str, Any] | None = None
    """What the manifest says of a tileset's tiles."""
    sidecars: tuple[Sidecar, ...] = ()
    """Files that are published with it."""
    source: Source = field(default_factory=Source)
    """The picture that it was made from."""


@dataclass(frozen=True)
class Finished:
    """One finished asset, kept in the library."""

    asset: AssetVersion
    origin: Origin
    file: Path
    png: bytes
    checks: dict[str, Check]

    @property
    def publishable(self) -> bool:
        """Whether no blocking check failed."""
        return all(check.ok or not check.blocks for check in self.checks.values())


def library_versions(*more: str) -> dict[str, str]:
    """The versions of what makes pixels, and of these packages, for recipes."""
    return {name: version(name) for name in ("dgx-pixels", "pillow", "numpy", *more)}


def with_recipe(sprite: Sprite, recipe: Mapping[str, object]) -> tuple[bytes, str]:
    """A sprite's PNG as it is kept, with its recipe in it, and the recipe's text."""
    text = json.dumps(recipe, sort_keys=True)
    return encode_png(sprite, text), text


async def keep(
    services: Services,
    project: BevyProject | None,
    sprite: Sprite,
    origin: Origin,
    recipe: Mapping[str, object],
    checks: dict[str, Check],
    *,
    replaces: bool = False,
) -> Finished:
    """Keep a sprite in the library, with its recipe also in the PNG. Raises LibraryError.

    Before it an edit of the file at its path and, if it `replaces` whatever is there, a file that we never published, so that
    what was made last is the newest version. Publishing looks again.
    """
    if project is not None:
        with contextlib.suppress(PublishError):  # publishing says it
            await (keep_replaced if replaces else keep_edited)(services, project, origin.path)
    png, text = await asyncio.to_thread(with_recipe, sprite, recipe)
    height, width = sprite.rgba.shape[:2]
    asset = await services.library.add(NewVersion(
        project=str(project.root) if project else "", path=origin.path, kind=origin.kind, name=origin.name,
        category=origin.category, png=png, recipe=text, width=width, height=height, colors=len(sprite.palette), seed=origin.seed,
        details=_details(origin, checks), job=CURRENT_JOB.get(), palette=tuple(map(to_hex, sprite.palette)),
        parents=origin.source.parents,
    ))  # fmt: skip
    return Finished(asset, origin, services.library.file(asset.id, asset.version), png, checks)


async def kept_before(services: Services, origin: Origin) -> Finished | None:
    """What this job had made for the origin's path when its server ended; None if nothing. Raises LibraryError."""
    asset = await services.library.kept(CURRENT_JOB.get(), origin.path)
    if asset is None:
        return None
    return await as_kept(services, asset, origin)


async def as_kept(services: Services, asset: AssetVersion, origin: Origin) -> Finished:
    """A version of the library as it was when it was kept. Raises LibraryError."""
    details = read_details(asset, await services.library.details(asset))
    checks = {name: Check(**check.model_dump()) for name, check in details.checks.items()}
    png = await services.library.png(asset.id, asset.version)
    return Finished(asset, origin, services.library.file(asset.id, asset.version), png, checks)


def _details(origin: Origin, checks: dict[str, Check]) -> str:
    return Details(
        kind=origin.kind, prompt=origin.prompt, model=origin.model, atlas=origin.atlas, tileset=origin.tileset,
        sidecars={sidecar.path: sidecar.data.decode() for sidecar in origin.sidecars},
        checks={name: CheckAnswer(**asdict(check)) for name, check in checks.items()}, sources=origin.source.places,
    ).model_dump_json()  # fmt: skip


async def publish(
    services: Services, project: BevyProject | None, made: Sequence[Finished], *, wanted: bool, overwrite: bool
) -> list[AssetAnswer]:
    """Publish what may be published, together and to its end, and answer for all, with what a running game made of them.

    Raises PublishError and LibraryError.
    """
    good = [m for m in made if m.publishable] if project is not None and wanted else []
    done: dict[str, _Published] = {}
    if project is not None and good:
        done = await _to_its_end(_publish(services, project, good, overwrite))
    return [_answer(m, project if m in good else None, done.get(m.asset.path, _Published(NOT_ASKED))) for m in made]


@dataclass(frozen=True)
class _Published:
    """What came of publishing one asset."""

    reload: Reloaded
    replaced: AssetVersion | None = None
    """What a person had drawn there."""


async def _to_its_end(publishing: Coroutine[Any, Any, dict[str, _Published]]) -> dict[str, _Published]:
    """Await what must not be left half done: a cancel that comes once it has begun comes too late."""
    task = asyncio.create_task(publishing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task


async def _publish(services: Services, project: BevyProject, good: Sequence[Finished], overwrite: bool) -> dict[str, _Published]:
    items = [PublishItem(_entry(m), m.png, m.origin.sidecars) for m in good]
    # Only now, since an artist may have saved the file while the picture was drawn.
    replaced = {
        item.entry.path: await keep_replaced(services, project, item.entry.path, item.entry.sha256) if overwrite else None
        for item in items
    }
    confirmed = await publish_and_confirm(services, project, items, overwrite)
    await services.library.mark_published([(m.asset.id, m.asset.version) for m in good], str(project.root))
    return {path: _Published(reload, replaced[path]) for path, reload in confirmed.items()}


def _entry(made: Finished) -> ManifestEntry:
    asset, origin = made.asset, made.origin
    try:
        return ManifestEntry(
            path=asset.path, kind=origin.kind, id=asset.id, version=asset.version, name=asset.name, category=origin.category,
            width=asset.width, height=asset.height, colors=asset.colors, sha256=sha256(made.png), prompt=origin.prompt,
            seed=asset.seed, model=origin.model, atlas=origin.atlas, tileset=origin.tileset,
        )  # fmt: skip
    except ValidationError as error:  # an imported file's path
        allowed = "only lower case a-z, 0-9, _ and - make a name that every system and Bevy load"
        raise PublishError(f"{asset.path} cannot be published: {allowed}. Rename the file and import it again.") from error


def _answer(made: Finished, published_in: BevyProject | None, done: _Published) -> AssetAnswer:
    asset, origin = made.asset, made.origin
    file = made.file if published_in is None else published_in.assets / asset.path
    return AssetAnswer(
        id=asset.id, version=asset.version, kind=origin.kind, name=asset.name, path=asset.path, file=str(file),
        sidecars=[sidecar.path for sidecar in origin.sidecars], width=asset.width, height=asset.height, colors=asset.colors,
        seed=asset.seed, checks={name: CheckAnswer(**asdict(check)) for name, check in made.checks.items()},
        published=published_in is not None,
        replaced_edit=done.replaced.version if done.replaced is not None else None,
        replaced_id=done.replaced.id if done.replaced is not None else None, reloaded=done.reload.reloaded,
        reload=Reload(after_ms=done.reload.after_ms, reason=done.reload.reason),
    )  # fmt: skip

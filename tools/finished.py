"""The end of every job that makes sprites: keep them in the library, publish those that pass, answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from dgx_pixels.bevy.manifest import ManifestEntry
from dgx_pixels.bevy.publisher import PublishItem
from dgx_pixels.library.records import NewVersion
from dgx_pixels.pixels.sprite import decode_png, encode_png
from dgx_pixels.tools.answers import AssetAnswer, CheckAnswer, Reload
from dgx_pixels.tools.jobs import CURRENT_JOB

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from dgx_pixels.bevy.names import Category
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.pixels.checks import Check
    from dgx_pixels.pixels.sprite import Sprite
    from dgx_pixels.tools.services import Services


@dataclass(frozen=True)
class Origin:
    """What a sprite was made from, as manifest and library name it; a picture's has neither prompt nor model, and seed 0."""

    path: str
    """Relative to the project's `assets/`."""
    name: str
    category: Category
    prompt: str = ""
    seed: int = 0
    model: str = ""


@dataclass(frozen=True)
class Finished:
    """One finished sprite, kept in the library."""

    asset: AssetVersion
    origin: Origin
    file: Path
    png: bytes
    checks: dict[str, Check]

    @property
    def publishable(self) -> bool:
        """Whether no blocking check failed."""
        return all(check.ok or not check.blocks for check in self.checks.values())


def library_versions() -> dict[str, str]:
    """The versions of what makes pixels, for recipes."""
    return {name: version(name) for name in ("dgx-pixels", "pillow", "numpy")}


async def keep(
    services: Services,
    project: BevyProject | None,
    sprite: Sprite,
    origin: Origin,
    recipe: Mapping[str, object],
    checks: dict[str, Check],
) -> Finished:
    """Keep a sprite in the library, with its recipe also in the PNG. Raises LibraryError."""
    text = json.dumps(recipe, sort_keys=True)
    png = await asyncio.to_thread(encode_png, sprite, text)
    height, width = sprite.rgba.shape[:2]
    asset = await services.library.add(NewVersion(
        project=str(project.root) if project else "", path=origin.path, kind="sprite", name=origin.name,
        category=origin.category, png=png, recipe=text, width=width, height=height, colors=len(sprite.palette), seed=origin.seed,
        job=CURRENT_JOB.get(),
    ))  # fmt: skip
    return Finished(asset, origin, services.library.file(asset.id, asset.version), png, checks)


async def kept_before(services: Services, origin: Origin, check: Callable[[Sprite], dict[str, Check]]) -> Finished | None:
    """What this job had made for the origin's path when its server ended; None if nothing. Raises LibraryError."""
    asset = await services.library.kept(CURRENT_JOB.get(), origin.path)
    if asset is None:
        return None
    png = await services.library.png(asset.id, asset.version)
    checks = check(await asyncio.to_thread(decode_png, png))
    return Finished(asset, origin, services.library.file(asset.id, asset.version), png, checks)


async def publish(
    services: Services, project: BevyProject | None, made: Sequence[Finished], *, wanted: bool, overwrite: bool
) -> list[AssetAnswer]:
    """Publish what may be published, together and to its end, and answer for all. Raises PublishError and LibraryError."""
    good = [m for m in made if m.publishable] if project is not None and wanted else []
    if project is not None and good:
        await _to_its_end(_publish(services, project, good, overwrite))
    return [_answer(m, project if m in good else None) for m in made]


async def _to_its_end(publishing: Coroutine[Any, Any, None]) -> None:
    """Await what must not be left half done: a cancel that comes once it has begun comes too late."""
    task = asyncio.create_task(publishing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task


async def _publish(services: Services, project: BevyProject, good: Sequence[Finished], overwrite: bool) -> None:
    items = [PublishItem(_entry(m), m.png) for m in good]
    await asyncio.to_thread(services.publisher.publish, project, items, overwrite)
    await services.library.mark_published((m.asset.id, m.asset.version) for m in good)


def _entry(made: Finished) -> ManifestEntry:
    asset, origin = made.asset, made.origin
    return ManifestEntry(
        path=asset.path, id=asset.id, version=asset.version, name=asset.name, category=origin.category, width=asset.width,
        height=asset.height, colors=asset.colors, sha256=hashlib.sha256(made.png).hexdigest(), prompt=origin.prompt,
        seed=asset.seed, model=origin.model,
    )  # fmt: skip


def _answer(made: Finished, published_in: BevyProject | None) -> AssetAnswer:
    asset = made.asset
    file = made.file if published_in is None else published_in.assets / asset.path
    return AssetAnswer(
        id=asset.id, version=asset.version, name=asset.name, path=asset.path, file=str(file), width=asset.width,
        height=asset.height, colors=asset.colors, seed=asset.seed,
        checks={name: CheckAnswer(ok=c.ok, value=c.value, blocks=c.blocks) for name, c in made.checks.items()},
        published=published_in is not None, reloaded=None, reload=Reload(reason="no running game was asked"),
    )  # fmt: skip

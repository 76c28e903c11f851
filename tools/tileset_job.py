"""The work of a tileset job: draw the terrains, assemble and prove the set; then as every job, library and publish."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from dgx_pixels.bevy.items import Sidecar
from dgx_pixels.bevy.manifest import Atlas
from dgx_pixels.bevy.names import name_from_prompt, tileset_path
from dgx_pixels.pixels.checks import Check, check_sprite
from dgx_pixels.pixels.edit import sprite_of
from dgx_pixels.pixels.tile_block import sidecar_block, tileset_block
from dgx_pixels.pixels.tile_map import random_map
from dgx_pixels.pixels.tile_seams import MOST_RATIO, MOST_WORST
from dgx_pixels.pixels.tile_set import make_textures, make_tileset
from dgx_pixels.pixels.tile_tiled import tmx_bytes, tsx_bytes
from dgx_pixels.tools.answers import JobResult, TilesetAnswer
from dgx_pixels.tools.job_finished import Origin, keep, kept_before, library_versions, publish
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.sprite_job import JOB_ERRORS
from dgx_pixels.tools.tileset_render import draw_textures

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.pixels.sprite import Sprite
    from dgx_pixels.pixels.tile_map import TileMap
    from dgx_pixels.pixels.tile_set import Tileset
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.tileset_render import Drawn
    from dgx_pixels.tools.tileset_request import TilesetRequest

_MAP_PX: Final = 512
"""About how wide the sample map is."""
_CHECKS: Final = ("size", "colors", "palette", "alpha", "emptiness")
"""Of a sprite's checks, those that mean something for an atlas."""


@dataclass(frozen=True, eq=False)
class _Made:
    """A proven set, and a map made of it."""

    tileset: Tileset
    sprite: Sprite
    sample: TileMap


async def tileset_job(services: Services, request: TilesetRequest, project: BevyProject | None, report: Report) -> JobResult:
    """Make the set, keep it and publish it with its sidecars. Raises JobFailedError, also for a set that does not fit."""
    report(0, 1, "waiting for the GPU thread and the model")
    try:
        made = await draw_tileset(services, request, report)
        kept = await kept_before(services, made.origin)
        if kept is None:
            kept = await keep(
                services,
                project,
                made.sprite,
                made.origin,
                made.recipe,
                made.checks,
                replaces=request.publish and request.overwrite,
            )
        assets = await publish(services, project, [kept], wanted=request.publish, overwrite=request.overwrite)
    except JOB_ERRORS as error:
        raise JobFailedError(str(error)) from error
    return JobResult(assets=assets, tileset=_answer(request, made.tileset))


@dataclass(frozen=True, eq=False)
class DrawnTileset:
    """A proven set, but not kept yet."""

    tileset: Tileset
    sprite: Sprite
    origin: Origin
    recipe: dict[str, object]
    checks: dict[str, Check]


async def draw_tileset(services: Services, request: TilesetRequest, report: Report) -> DrawnTileset:
    """Draw and assemble a set; the same request gives the same. Raises JobFailedError if it does not fit, and JOB_ERRORS."""
    drawn = await draw_textures(services, request, lambda done, total: report(done, total + 1, "drawing the terrains"))
    made = await asyncio.to_thread(_make, request, drawn)
    return DrawnTileset(made.tileset, made.sprite, _origin(request, made), _recipe(request, drawn), _checks(request, made))


def sidecars_of(name: str) -> tuple[str, ...]:
    """The paths, relative to assets/, of the files that go with the tileset of this name."""
    stem = PurePosixPath(tileset_path(name)).stem
    return tuple(f"manifests/{stem}.{end}" for end in ("json", "tsx", "tmx"))


def _make(request: TilesetRequest, drawn: Drawn) -> _Made:
    textures = [make_textures(renders, request.tile_size, request.seed + i) for i, renders in enumerate(drawn.textures)]
    tileset = make_tileset(
        request.kind, textures, transition=request.transition, colors=request.colors, seed=request.seed, palette=request.palette,
        pairs=request.pairs,
    )  # fmt: skip
    _refuse_bad(request, tileset)
    width = min(32, max(12, _MAP_PX // tileset.side))
    sample = random_map(tileset.layout, tileset.terrains, width, 3 * width // 4, request.seed)
    return _Made(tileset, sprite_of(tileset.atlas), sample)


def _refuse_bad(request: TilesetRequest, tileset: Tileset) -> None:
    if tileset.alike is not None:
        one, other = (request.terrains[i] for i in tileset.alike)
        narrow = ", or use a palette that has colours for both" if request.palette is not None else ""
        raise JobFailedError(
            f"The terrains {one!r} and {other!r} came out so alike that a map would not show which is which: put a colour "
            f"into the words of one{narrow}, or try another seed."
        )
    if tileset.missing:
        raise JobFailedError(f"The set lacks tiles, so nothing was kept or published: {', '.join(tileset.missing[:3])}.")
    proof = tileset.proof
    if not proof.ok:
        one, other = (_named(request, tileset, index) for index in proof.worst_pair)
        where = "below" if proof.below else "to the right of"
        raise JobFailedError(
            f"A seam would show, so nothing was kept or published: it is worst with tile {other} {where} tile {one} "
            f"({proof.worst:.2f} times the largest step inside them, {MOST_WORST} allowed; {proof.ratio:.2f} times the usual "
            f"step for all {proof.pairs} pairs, {MOST_RATIO} allowed). Try another seed, or other words for that terrain."
        )


def _named(request: TilesetRequest, tileset: Tileset, index: int) -> str:
    found = {request.terrains[t] for row in tileset.layout.tiles[index].cells for t in row if t >= 0}
    return f"{index} ({', '.join(sorted(found))})"


def _checks(request: TilesetRequest, made: _Made) -> dict[str, Check]:
    rgba, proof = made.sprite.rgba, made.tileset.proof
    layout, side = made.tileset.layout, request.tile_size
    found = check_sprite(
        made.sprite, width=layout.columns * side, height=layout.rows * side, colors=request.colors, palette=request.palette,
        transparent=bool((rgba[..., 3] == 0).any()),
    )  # fmt: skip
    return {name: found[name] for name in _CHECKS} | {
        "complete": Check(not made.tileset.missing, len(layout.places), True),
        "seams": Check(proof.ratio <= MOST_RATIO, round(proof.ratio, 3), True),
        "worst_seam": Check(proof.worst <= MOST_WORST, round(proof.worst, 3), True),
    }


def _origin(request: TilesetRequest, made: _Made) -> Origin:
    tileset, layout, side = made.tileset, made.tileset.layout, request.tile_size
    path = tileset_path(request.name)
    names = [name_from_prompt(terrain) for terrain in request.terrains]
    json_path, tsx_path, tmx_path = sidecars_of(request.name)
    block = sidecar_block(tileset, names, made.sample)
    legend = [(terrain, _color(tileset, i)) for i, terrain in enumerate(request.terrains[: tileset.terrains])]
    tsx = tsx_bytes(layout, side, request.name, f"../{path}", legend)
    return Origin(
        path, request.name, "tile", ", ".join(request.terrains), request.seed, request.model, "tileset",
        Atlas(tile_width=side, tile_height=side, columns=layout.columns, rows=layout.rows),
        tileset_block(tileset, names),
        (
            Sidecar(json_path, f"{json.dumps({'image': path, 'tile_size': side} | block, separators=(',', ':'))}\n".encode()),
            Sidecar(tsx_path, tsx),
            Sidecar(tmx_path, tmx_bytes(made.sample, side, PurePosixPath(tsx_path).name)),
        ),
    )  # fmt: skip


def _color(tileset: Tileset, terrain: int) -> tuple[int, int, int]:
    red, green, blue = tileset.materials[terrain].fills[0].reshape(-1, 3).mean(axis=0).round().astype(int).tolist()
    return red, green, blue


def _answer(request: TilesetRequest, tileset: Tileset) -> TilesetAnswer:
    proof, layout = tileset.proof, tileset.layout
    return TilesetAnswer(
        kind=request.kind, terrains=list(request.terrains), tile_size=request.tile_size, columns=layout.columns, rows=layout.rows,
        tiles=len(layout.tiles), pairs=proof.pairs, mean_seam=round(proof.ratio, 3), worst_seam=round(proof.worst, 3),
        worst_pair=proof.worst_pair,
    )  # fmt: skip


def _recipe(request: TilesetRequest, drawn: Drawn) -> dict[str, object]:
    """All that is needed to make the set again; no time, host, path or job, so that equal sets are equal files."""
    asked = request.model_dump(exclude={"name", "publish", "overwrite", "schedule"})
    return asked | {
        "kind": "tileset", "layout": request.kind, "schedule": asdict(drawn.schedule), "drawn_side": drawn.side,
        "weights_sha256": drawn.weights_sha256,
        "libraries": library_versions() | drawn.libraries,
    }  # fmt: skip

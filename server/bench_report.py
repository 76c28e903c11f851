"""The report of `dgx-pixels bench`: one folder with a page, its figures as JSON, a contact sheet and the renders themselves."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from dgx_pixels.pixels.preview import preview_png
from dgx_pixels.server.bench import Bench, Picture, ProfileResult

_PLACE = 256
_GAP = 8
_LINE = 20
_COLUMNS = 8
_GROUND, _INK = (32, 32, 32), (224, 224, 224)


def write_report(bench: Bench, folder: Path, notes: Sequence[str]) -> None:
    """Write everything into a folder that is not there yet; it has its name only once it is whole. Raises OSError."""
    making = folder.with_name(f".{folder.name}")
    (making / "renders").mkdir(parents=True)
    for result in bench.profiles:
        for p in result.pictures:
            Image.fromarray(p.render.pixels).save(making / "renders" / f"{result.profile}_{p.seed:03}.png")
    (making / "sheet.png").write_bytes(contact_sheet(bench))
    (making / "report.json").write_text(json.dumps(as_json(bench, notes), indent=2) + "\n")
    (making / "report.md").write_text(as_markdown(bench, notes))
    making.rename(folder)


def as_json(bench: Bench, notes: Sequence[str]) -> dict[str, Any]:
    """All figures, in seconds, counts, and shares from 0 to 1; pictures only by their seeds."""
    ask = bench.ask
    return {
        "model": ask.base.id, "machine": bench.machine, "dtype": bench.dtype,
        "matmul_flops_per_s": bench.matmul_flops, "load_s": bench.load_s, "size": f"{ask.width}x{ask.height}",
        "notes": list(notes), "profiles": [_profile(bench, result) for result in bench.profiles],
    }  # fmt: skip


def _profile(bench: Bench, result: ProfileResult) -> dict[str, Any]:
    return {
        "profile": result.profile, "contender": str(result.contender), "schedule": asdict(result.schedule),
        "weights_sha256": result.pictures[0].render.weights_sha256, "n": len(result.pictures), "failures": result.failures,
        "sprite_s": _spread(result.seconds), "render_s": _spread([p.render_s for p in result.pictures]),
        "pixel_engine_s": _spread([p.sprite_s for p in result.pictures]), "flops": result.flops,
        "matmul_share": bench.share(result), "graphs": _graphs(result),
        "blocked": failed_checks(result.pictures, blocks=True), "warned": failed_checks(result.pictures, blocks=False),
        "pictures": [_picture(p) for p in result.pictures],
    }  # fmt: skip


def _picture(p: Picture) -> dict[str, Any]:
    return {
        "seed": p.seed, "prompt": p.prompt, "render_s": p.render_s, "pixel_engine_s": p.sprite_s, "kind": p.kind,
        "cells": f"{p.cells[0]}x{p.cells[1]}", "confidence": p.confidence, "colors": len(p.sprite.palette),
        "checks": {name: {"ok": check.ok, "value": check.value} for name, check in p.checks.items()},
    }  # fmt: skip


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}


def failed_checks(pictures: Sequence[Picture], *, blocks: bool) -> dict[str, int]:
    """How many pictures failed each check, of those that keep a sprite from being published or of those that only warn."""
    names = [name for p in pictures for name, check in p.checks.items() if not check.ok and check.blocks is blocks]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def as_markdown(bench: Bench, notes: Sequence[str]) -> str:
    """The page that a person reads."""
    ask, size = bench.ask, f"{bench.ask.width}x{bench.ask.height}"
    lines = [
        f"# {ask.base.id} on this machine", "",
        *(f"**{note}**\n" for note in notes),
        f"{', '.join(f'{what} {value}' for what, value in bench.machine.items())}. Sprites of {size} px, one at a time.", "",
        f"- Matrix products in {bench.dtype}: {_rate(bench.matmul_flops)}, the ceiling that *share* is of.",
        f"- From no model in memory to the first picture: {bench.load_s:.1f} s.", "",
        "| profile | drawn by | steps | seconds per sprite | extremes | n | of it, pixel engine | work | share | graph |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_speed_row(bench, result) for result in bench.profiles), "",
        "*Seconds per sprite*: the median, from the request to the checked sprite. *Work*: products and convolutions of one",
        "render. *Graph*: whether the UNet ran compiled.", "",
        "## What the pixel engine makes of these renders", "",
        "It is told nothing here of the cells that were asked for. *Confidence* says how sure it is of the grid, 0 to 1.", "",
        "| profile | grid found | confidence, median | sizes found | checks that block | checks that warn |",
        "|---|---|---|---|---|---|",
        *(_pixels_row(result) for result in bench.profiles), "",
        *(f"- Not drawn ({result.profile}): {failure}" for result in bench.profiles for failure in result.failures),
        f"![Renders, and the sprites made of them](sheet.png)\n\nThe first {_COLUMNS} of each profile: the render, and "
        "the sprite below it. `renders/` has all renders at their own size, `report.json` every figure.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _speed_row(bench: Bench, result: ProfileResult) -> str:
    seconds, schedule = result.seconds, result.schedule
    guided = f" ({schedule.guided_steps} guided)" if schedule.guided_steps < schedule.steps else ""
    cells = (
        result.profile, str(result.contender), f"{schedule.steps} {schedule.sampler}{guided}",
        f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}", len(seconds),
        f"{statistics.median(p.sprite_s for p in result.pictures):.3f}",
        _operations(result.flops), f"{100 * bench.share(result):.0f} %", " and ".join(_graphs(result)),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _graphs(result: ProfileResult) -> list[str]:
    return sorted({p.render.graph for p in result.pictures})


def _pixels_row(result: ProfileResult) -> str:
    pictures = result.pictures
    kinds = [p.kind for p in pictures]
    found = ", ".join(f"{kind.replace('_', ' ')} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))
    sizes = [f"{p.cells[0]}x{p.cells[1]}" for p in pictures]
    most = sorted(set(sizes), key=sizes.count, reverse=True)[:3]
    cells = (
        result.profile, found, f"{statistics.median(p.confidence for p in pictures):.2f}",
        ", ".join(f"{size} ({sizes.count(size)})" for size in most),
        *(_counted(failed_checks(pictures, blocks=blocks)) for blocks in (True, False)),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _counted(names: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in names.items()) or "none"


def _rate(flops: float) -> str:
    return f"{flops / 1e12:.1f} TFLOP/s" if flops >= 1e12 else f"{flops / 1e9:.0f} GFLOP/s"


def _operations(flops: float) -> str:
    return f"{flops / 1e12:.1f} TFLOP" if flops >= 1e12 else f"{flops / 1e9:.1f} GFLOP"


def contact_sheet(bench: Bench) -> bytes:
    """A PNG: for each profile its first pictures, each the render above the sprite, with the prompt below."""
    columns = min(_COLUMNS, max(len(result.pictures) for result in bench.profiles))
    row = _LINE + 2 * (_PLACE + _GAP) + _LINE
    sheet = Image.new("RGB", (_GAP + columns * (_PLACE + _GAP), _GAP + len(bench.profiles) * (row + _GAP)), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for place, result in enumerate(bench.profiles):
        top = _GAP + place * (row + _GAP)
        title = f"{result.contender}   {result.profile}   {statistics.median(result.seconds):.2f} s a sprite"
        draw.text((_GAP, top), title, _INK, font)
        for column, p in enumerate(result.pictures[:columns]):
            left, y = _GAP + column * (_PLACE + _GAP), top + _LINE
            _paste(sheet, _shown(Image.fromarray(p.render.pixels)), left, y)
            _paste(sheet, Image.open(BytesIO(preview_png(p.sprite, _PLACE))), left, y + _PLACE + _GAP)
            draw.text((left, y + 2 * (_PLACE + _GAP)), _cut(p.prompt), _INK, font)
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _shown(render: Image.Image) -> Image.Image:
    """The render at the size of its place: small ones by whole pixels, large ones smoothly."""
    longest = max(render.size)
    if longest <= _PLACE:
        factor = _PLACE // longest
        return render.resize((render.width * factor, render.height * factor), Image.Resampling.NEAREST)
    render.thumbnail((_PLACE, _PLACE), Image.Resampling.LANCZOS)
    return render


def _paste(sheet: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    sheet.paste(picture, (left + (_PLACE - picture.width) // 2, top + (_PLACE - picture.height) // 2))


def _cut(text: str, most: int = 34) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

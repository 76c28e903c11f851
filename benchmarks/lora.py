"""Whether a LoRA learns a style from thirty sprites, on the embedded model and a CPU, with the settings of the preset `fast`.

    .venv/bin/python benchmarks/lora.py --tiles tiles.zip

For each style of `lora_styles.py`: thirty CC0 tiles in that style become a dataset as `train_lora` makes it, a LoRA learns it
in a process of its own, and other things than those learnt are drawn, by other seeds, without and with it. Writes
benchmarks/lora.md and its pictures in benchmarks/lora/. `--tiles`: the CC0 tile release, see models/tiny_sdxl/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from lora_page import Measured, Trained, figures, page
from lora_styles import ASKED, STYLES, Rgba, Style, sprites
from measuring import measured_by
from PIL import Image
from result_file import Run, add_results_option

from dgx_pixels.models.base_model import EMBEDDED
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.contender import Contender, parse_contender
from dgx_pixels.models.profiles import schedule_for
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.tiny_data import SIZE
from dgx_pixels.models.training_spec import Preset, make_spec, settings_for
from dgx_pixels.pixels.preview import contact_sheet
from dgx_pixels.pixels.sprite import Sprite, make_sprite
from dgx_pixels.tools.dataset import prepare_dataset
from dgx_pixels.tools.dataset_request import DatasetRequest, Prepared

if TYPE_CHECKING:
    from dgx_pixels.tools.services import Services

HERE = Path(__file__).parent
_SEEDS = (1001, 1002)
_COLOURED = "red"
"""Asked for against a style; nothing is promised there."""
_BATCH = 8
WEIGHTS = (None, 0.0, 0.5, 1.0)
"""The base model without the LoRA, and the LoRA's weights that are drawn with."""


@dataclass(frozen=True)
class Drawing:
    """What one weight draws: all asked things by all seeds."""

    renders: list[bytes]
    sprites: list[Sprite]


def main() -> None:
    """Measure, and write the page."""
    asked, run = _arguments(), Run.begin("lora")
    art = sprites(asked.tiles)
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(asked.work or folder) / style.name for style in STYLES]
        with ThreadPoolExecutor(len(STYLES)) as side_by_side:
            trained = list(side_by_side.map(lambda style, home: _trained(style, art, home, asked), STYLES, homes))
        found = [_measured(style, each, art, home) for style, each, home in zip(STYLES, trained, homes, strict=True)]
    run.write(asked.results, figures(found))
    text = page(found, asked.preset, measured_by(torch.device("cpu")))
    if asked.out == "-":
        print(text)
    else:
        Path(asked.out).write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=Path, required=True, help="the CC0 tile release, a zip or a folder")
    parser.add_argument("--preset", default="fast", choices=("fast", "base", "quality"))
    parser.add_argument("--steps", type=int, help="instead of the preset's")
    parser.add_argument("--learning-rate", type=float, help="instead of the preset's")
    parser.add_argument("--work", help="a folder for what is trained, which is gone on with; a temporary one if left out")
    parser.add_argument("--out", default=str(HERE / "lora.md"), help="the page, - for none")
    add_results_option(parser)
    return parser.parse_args()


def _trained(style: Style, art: Sequence[tuple[str, Rgba]], home: Path, asked: argparse.Namespace) -> Trained:
    """Train one style in a home of its own."""
    pictures = home / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for i, (kind, rgba) in enumerate(art, start=1):
        Image.fromarray(style.made(rgba)).save(pictures / f"{kind.replace(' ', '_')}_{i:04}.png")
    prepared = asyncio.run(_prepared(home, pictures, style.trigger))
    return _train(home, style, prepared, asked)


def _measured(style: Style, trained: Trained, art: Sequence[tuple[str, Rgba]], home: Path) -> Measured:
    """Draw and measure one style."""
    drawn = {weight: _draw(home, style, weight, _prompts(style), _SEEDS) for weight in WEIGHTS}
    coloured = {w: _draw(home, style, w, _prompts(style, _COLOURED), _SEEDS[:1]) for w in (None, 1.0)}
    _pictures(style, [style.made(rgba) for _, rgba in art], drawn)
    return Measured(
        style, trained,
        {w: [[measure(s.rgba) for s in drawing.sprites] for _, measure, _ in style.measures] for w, drawing in drawn.items()},
        {w: [[measure(s.rgba) for s in drawing.sprites] for _, measure, _ in style.measures] for w, drawing in coloured.items()},
        same_at_zero=drawn[0.0].renders == drawn[None].renders,
    )  # fmt: skip


async def _prepared(home: Path, pictures: Path, trigger: str) -> Prepared:
    """The dataset as a server's tool makes it."""
    with ThreadPoolExecutor(1) as thread:
        parts = SimpleNamespace(catalogue=Catalogue(home / "models", None), home=home, read_roots=(pictures,), pictures=thread)
        request = DatasetRequest(source=str(pictures), base=EMBEDDED, trigger=trigger, licence_note="CC0-1.0")
        return await prepare_dataset(cast("Services", parts), None, request)


def _train(home: Path, style: Style, prepared: Prepared, asked: argparse.Namespace) -> Trained:
    """Train in a process, as `train_lora` does, and put the LoRA where it is listed."""
    preset: Preset = asked.preset
    settings = settings_for(EMBEDDED, preset, steps=asked.steps, learning_rate=asked.learning_rate)
    spec = make_spec(
        settings, folder=home / "run", dataset=prepared.folder, models_folder=home / "models", turn_folder=home, base=EMBEDDED,
        name=style.name, trigger=style.trigger, device="cpu", licence_note="CC0-1.0",
    )  # fmt: skip
    (home / "spec.json").write_text(spec.model_dump_json())
    command = [sys.executable, "-m", "dgx_pixels.models.training_child", str(home / "spec.json")]
    with (home / "log.txt").open("wb") as log:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=log)
    steps = (home / "run" / "metrics.jsonl").read_text().splitlines()
    seconds = sum(json.loads(step)["seconds"] for step in steps)
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{style.name}: {seconds:.0f} s, loss {last['final_loss']:.4f}", flush=True)
    (home / "models/loras").mkdir(parents=True, exist_ok=True)
    file = home / "models/loras" / f"{style.name}.safetensors"
    file.write_bytes(Path(last["files"]["kohya"]).read_bytes())
    captions = [(c.file, c.caption) for c in prepared.report.captions]
    return Trained(prepared.report.images, captions, settings, seconds, last["final_loss"], file.stat().st_size)


def _prompts(style: Style, colour: str = "") -> list[str]:
    things = [f"{colour} {kind}".strip() for kind in ASKED]
    return [f"{style.trigger}, {'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]


def _draw(home: Path, style: Style, weight: float | None, prompts: Sequence[str], seeds: Sequence[int]) -> Drawing:
    """All prompts by all seeds, in batches, with the settings of `generate_sprite`."""
    named = EMBEDDED if weight is None else f"{EMBEDDED}+{style.name}:{weight}"
    contender: Contender = parse_contender(Catalogue(home / "models", None), named)
    renderer, schedule = Renderer("cpu"), schedule_for(contender, "standard")
    asked = [RenderRequest(contender, schedule, prompt, "", SIZE, SIZE, seed) for seed in seeds for prompt in prompts]
    renders: list[Render] = []
    for begin in range(0, len(asked), _BATCH):
        for drawn in renderer.draw(asked[begin : begin + _BATCH], lambda *_: None):
            if not isinstance(drawn, Render):
                raise drawn
            renders.append(drawn)
    made = [make_sprite(render.pixels, SIZE, SIZE, ground=contender.base.ground) for render in renders]
    return Drawing([render.pixels.tobytes() for render in renders], made)


def _pictures(style: Style, styled: Sequence[Rgba], drawn: dict[float | None, Drawing]) -> None:
    """What was learnt from; and the asked things by two seeds: base model, half weight, whole weight, row by row."""
    out = HERE / "lora"
    out.mkdir(exist_ok=True)
    (out / f"{style.name}_learnt.png").write_bytes(contact_sheet([Sprite(rgba, ()) for rgba in styled], len(styled) // 2, 2))
    count = len(ASKED)
    rows = [drawn[w].sprites[seed * count : (seed + 1) * count] for seed in range(2) for w in (None, 0.5, 1.0)]
    (out / f"{style.name}_drawn.png").write_bytes(contact_sheet([s for row in rows for s in row], count, 2))
    print({w: np.round([np.mean([m(s.rgba) for s in d.sprites]) for _, m, _ in style.measures], 3) for w, d in drawn.items()})


if __name__ == "__main__":
    main()

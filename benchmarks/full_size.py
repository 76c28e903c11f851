"""Full-size SDXL against plain diffusers on a CUDA device: seconds, share of the device's ceiling, swaps, bytes, graphs.

    .venv/bin/python benchmarks/full_size.py                 # writes benchmarks/full_size.md; without CUDA only what is counted
    .venv/bin/python benchmarks/full_size.py --batches 1,4 --jobs best,standard --out part.md
    .venv/bin/python benchmarks/full_size.py --narrow --no-compile --rounds 1 --batches 1,2 --out -  # tries itself on a CPU

Weights are random and made in place. Plain diffusers is its pipeline called as its manual does: the same type (bf16), torch's own
attention, not compiled, as many steps, guidance throughout; it has weights of its own, in torch's own memory format. Both take
turns. The page is written anew after each line, so that a run that is cut off has left what it measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from full_size_page import Cell, Counted, Measured, figures, page
from measuring import estimate, measured_by, random_lora, ratio, side_by_side, transformer_linears
from random_sdxl import random_sdxl, renderer_of, stand_in
from result_file import Run, add_results_option

from dgx_pixels.models.contender import Contender
from dgx_pixels.models.entries import Lora
from dgx_pixels.models.profiles import Schedule, schedule_for
from dgx_pixels.models.render import BATCHES, Graph, Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.samplers import scheduler, timesteps
from dgx_pixels.models.speed import matmul_rate, render_flops

HERE = Path(__file__).parent
_SWAPS = 10


@dataclass(frozen=True)
class Job:
    """A profile, and what it means for a full-size model."""

    name: str
    contender: Contender
    schedule: Schedule


def jobs(narrow: bool, few_steps: Lora) -> list[Job]:
    """The profiles, most wanted first, and a draft in the few steps that an LCM LoRA allows."""
    base = stand_in(narrow=narrow)
    plain, lcm = Contender(base), Contender(base, ((few_steps, 1.0),))
    return [
        Job("best", plain, schedule_for(plain, "best")),
        Job("standard", plain, schedule_for(plain, "standard")),
        Job("draft", plain, schedule_for(plain, "draft")),
        Job("draft-lcm", lcm, schedule_for(lcm, "draft")),
    ]


def main() -> None:
    """Count, measure where there is a device, write the page."""
    asked, run = _arguments(), Run.begin("full_size")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    who = measured_by(device)
    with tempfile.TemporaryDirectory() as folder:
        few_steps = Lora("lcm", Path(folder) / "lcm.safetensors", "made here", 0)
        wanted = [job for job in jobs(asked.narrow, few_steps) if job.name in asked.jobs.split(",")]
        counted = count(asked.narrow, wanted)
        if device.type == "cpu" and not asked.narrow:
            _write(asked.out, page(counted, None, who))
            run.write(asked.results, figures(None), "no CUDA device was at hand")
            return
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        ours, plain = (random_sdxl(device, dtype, narrow=asked.narrow) for _ in range(2))
        renderer = renderer_of(ours, wanted[0].contender.base, asked.backend if asked.compile else None)
        random_lora(ours.unet, Path(folder), "lcm", 64, 9)
        found = Measured(matmul_rate(device, dtype), *swaps(renderer, wanted[0], Path(folder)), [])
        for batch in map(int, asked.batches.split(",")):
            for job in wanted:
                found.cells.append(cell(renderer, plain, job, batch, asked.rounds, counted))
                _write(asked.out, page(counted, found, who, narrow=asked.narrow))
        if not asked.narrow:
            run.write(asked.results, figures(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--narrow", action="store_true", help="a stand-in of a few channels, 128 px: shows that this runs")
    parser.add_argument("--batches", default="1,4,2,8", help=f"of {', '.join(map(str, BATCHES))}")
    parser.add_argument("--jobs", default="best,standard,draft,draft-lcm")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--backend", default="inductor", help="torch's compiler; 'eager' only traces, and shows that this runs")
    parser.add_argument("--out", default=str(HERE / "full_size.md"), help="a file, or - for the screen")
    add_results_option(parser)
    return parser.parse_args()


def _write(out: str, text: str) -> None:
    if out == "-":
        print(text, flush=True)
    else:
        Path(out).write_text(text)


def count(narrow: bool, wanted: list[Job]) -> list[Counted]:
    """What each job multiplies, on weights without memory."""
    shape = random_sdxl(torch.device("meta"), torch.bfloat16, narrow=narrow)
    side = stand_in(narrow=narrow).render_side
    return [
        Counted(
            job.name, job.schedule, render_flops(shape, job.schedule, side, side),
            render_flops(shape, replace(job.schedule, guided=1.0), side, side),
        )
        for job in wanted
    ]  # fmt: skip


def swaps(renderer: Renderer, job: Job, folder: Path) -> tuple[int, list[float], float]:
    """A rank-32 LoRA on every linear layer of the transformers: how many these are, seconds a swap, and seconds at first."""
    loaded = renderer.shelf.get(job.contender.base)
    loras = [random_lora(loaded.pipeline.unet, folder, name, 32, seed) for seed, name in enumerate(("one", "other"))]
    seconds = []
    for i in range(2 + _SWAPS):
        started = time.perf_counter()
        loaded.use([(loras[i % 2], 1.0)])
        _wait(renderer)
        seconds.append(time.perf_counter() - started)
    loaded.use([])
    return len(transformer_linears(loaded.pipeline.unet)), seconds[2:], seconds[0]


def _wait(renderer: Renderer) -> None:
    if renderer.device.type == "cuda":
        torch.cuda.synchronize(renderer.device)


def cell(
    renderer: Renderer, plain: StableDiffusionXLPipeline, job: Job, batch: int, rounds: int, counted: list[Counted]
) -> Cell:  # fmt: skip
    """One job in one batch shape, ours and plain in turns; our bytes alone in the shape and among others."""
    asked = [_request(job, batch, seed, "eager") for seed in range(batch)]
    eager_same = _same(renderer, asked)
    started = time.perf_counter()
    if renderer.shelf.get(job.contender.base).compiled is not None:
        asked = [replace(r, graph="compiled") for r in asked]  # waits until it is ready
    graph = _draw(renderer, asked)[-1].graph
    compile_s = time.perf_counter() - started
    times = side_by_side({"ours": lambda: _draw(renderer, asked), "plain": lambda: _plain(plain, job.schedule, asked)}, rounds)
    ours, theirs = times["ours"].wall, times["plain"].wall
    work = next(c for c in counted if c.name == job.name)
    return Cell(
        job.name, batch, graph, estimate(ours), estimate(theirs), ratio(theirs, ours), batch * work.flops / estimate(ours).value,
        batch * work.plain_flops / estimate(theirs).value, compile_s, eager_same and _same(renderer, asked), _graphs(),
        _peak(renderer),
    )  # fmt: skip


def _request(job: Job, batch: int, seed: int, graph: Graph) -> RenderRequest:
    base = job.contender.base
    side, prompt = base.render_side, f"thing number {seed}"
    return RenderRequest(job.contender, job.schedule, prompt, "", side, side, seed, batch=batch, graph=graph)


def _draw(renderer: Renderer, asked: list[RenderRequest]) -> list[Render]:
    outcomes = renderer.draw(asked, lambda *_: None)
    failed = [o for o in outcomes if not isinstance(o, Render)]
    if failed:
        raise failed[0]
    return [o for o in outcomes if isinstance(o, Render)]


def _plain(pipeline: StableDiffusionXLPipeline, schedule: Schedule, asked: list[RenderRequest]) -> None:
    pipeline.scheduler = scheduler(pipeline.scheduler.config, schedule)
    pipeline(
        [r.prompt for r in asked], width=asked[0].width, height=asked[0].height, guidance_scale=schedule.guidance,
        generator=[torch.Generator("cpu").manual_seed(r.seed) for r in asked], output_type="np", **timesteps(schedule),
    )  # fmt: skip


def _same(renderer: Renderer, asked: list[RenderRequest]) -> bool:
    """Whether the last picture has the same bytes alone in its shape."""
    among, alone = _draw(renderer, asked)[-1], _draw(renderer, asked[-1:])[0]
    return among.batch == alone.batch and bool((among.pixels == alone.pixels).all())


def _graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def _peak(renderer: Renderer) -> float:
    return float(torch.cuda.max_memory_allocated(renderer.device)) if renderer.device.type == "cuda" else 0.0


if __name__ == "__main__":
    main()

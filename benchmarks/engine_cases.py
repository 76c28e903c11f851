"""What benchmarks/engine.py measures, one function a claim; each answers with lines of the report's tables."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from measuring import Line, estimate, memory, random_lora, ratio, side_by_side, slope
from numpy.typing import NDArray
from result_file import Figure, at_least, at_most, holds, told

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.gpu import GpuThread
from dgx_pixels.models.profiles import schedule_for
from dgx_pixels.models.render import BATCHES, Reference, Render, RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer
from dgx_pixels.models.samplers import scheduler, timesteps

PROMPTS = (
    "a red potion",
    "an iron sword",
    "a wooden chest",
    "a green slime",
    "a blue gem",
    "a golden key",
    "an old book",
    "a bat",
)


def request(seed: int, contender: Contender | None = None, prompt: str | None = None) -> RenderRequest:
    """A picture of the embedded model in its draft profile, drawn alone."""
    chosen = contender if contender is not None else Contender(embedded())
    text = prompt if prompt is not None else PROMPTS[seed % len(PROMPTS)]
    return RenderRequest(chosen, schedule_for(chosen, "draft"), text, "", 32, 32, seed, batch=1)


def draw(renderer: Renderer, *requests: RenderRequest) -> list[Render]:
    """Pictures of these requests, drawn as one batch."""
    return [drawn(outcome) for outcome in renderer.draw(requests, lambda *_: None)]


def drawn(outcome: Outcome) -> Render:
    """The picture, where there is one."""
    if not isinstance(outcome, Render):
        raise outcome
    return outcome


def overhead(renderer: Renderer, rounds: int) -> list[Line]:
    """The engine against a bare call of diffusers' pipeline, with the same embeddings, noise, scheduler and weights."""
    loaded, asked = renderer.shelf.get(embedded()), request(7)
    parts = loaded.pipeline.components | {"scheduler": scheduler(loaded.pipeline.scheduler.config, asked.schedule)}
    bare = StableDiffusionXLPipeline(**parts, add_watermarker=False)
    bare.set_progress_bar_config(disable=True)
    words = loaded.prompts.get(asked.prompt, "", ())

    def call() -> NDArray[np.uint8]:
        images = bare(
            prompt_embeds=words.prompt, pooled_prompt_embeds=words.pooled, negative_prompt_embeds=words.negative,
            negative_pooled_prompt_embeds=words.negative_pooled, width=32, height=32, guidance_scale=asked.schedule.guidance,
            generator=torch.Generator("cpu").manual_seed(asked.seed), **timesteps(asked.schedule),
        ).images  # fmt: skip
        return np.asarray(images[0])

    same = bool((call() == draw(renderer, asked)[0].pixels).all())
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as aside:
        gpu = GpuThread[RenderRequest, Render](lambda: renderer)
        runner.run(gpu.__aenter__())
        times = side_by_side(
            {
                "bare": call,
                "drawn": lambda: draw(renderer, asked),
                "bare aside": lambda: aside.submit(call).result(),
                "thread": lambda: runner.run(gpu.draw(asked)),
                "linger": lambda: runner.run(gpu.draw(replace(asked, batch=None))),
            },
            rounds,
        )
        runner.run(gpu.__aexit__(None, None, None))
    compared = {
        "drawn": ("bare", "`Renderer.draw` over it"),
        "thread": ("bare aside", "through the GPU thread, over a bare call on another thread"),
        "linger": ("bare aside", "the same, not asked to be alone: waits 10 ms for others"),
    }
    promises = {
        "drawn": "`Renderer.draw` over a bare call of diffusers on the same work",
        "thread": "the GPU thread over a bare call of diffusers on another thread",
    }
    lines = [
        Line("a bare call of diffusers", f"{estimate(times['bare'].wall).text(' ms', 1000, 0)}"),
        Line(
            "the same picture, byte for byte",
            "yes" if same else "no",
            holds("engine", "diffusers' own picture, byte for byte", same),
        ),
    ]
    for name, (other, what) in compared.items():
        wall, cores = ratio(times[name].wall, times[other].wall), ratio(times[name].cores, times[other].cores)
        found = f"{wall.text(digits=3)} of its time, {cores.text(digits=3)} of its core seconds"
        steadiest = wall if renderer.device.type == "cuda" else cores  # on a CPU others take the wall's time, too
        promise = promises.get(name)
        lines.append(Line(what, found, at_most("engine", promise, steadiest.value, 1.02, "times") if promise else None))
    return lines


def batching(renderer: Renderer, rounds: int) -> list[Line]:
    """Eight requests at once against eight in a row, through the GPU thread."""
    asked = [replace(request(seed), batch=None) for seed in range(8)]
    with asyncio.Runner() as runner:
        gpu = GpuThread[RenderRequest, Render](lambda: renderer)
        runner.run(gpu.__aenter__())

        async def at_once() -> None:
            await asyncio.gather(*(gpu.draw(r) for r in asked))

        async def in_a_row() -> None:
            for r in asked:
                await gpu.draw(replace(r, batch=1))

        times = side_by_side({"row": lambda: runner.run(in_a_row()), "once": lambda: runner.run(at_once())}, rounds)
        runner.run(gpu.__aexit__(None, None, None))
    row, once = times["row"], times["once"]
    return [
        Line("8 in a row", estimate(row.wall).text(" s")),
        Line("8 at once", estimate(once.wall).text(" s")),
        Line(
            "gain",
            f"{ratio(row.wall, once.wall).text(' times')}; in core seconds {ratio(row.cores, once.cores).text(' times')}",
            at_least("engine", "8 requests at once over 8 in a row: gain", ratio(row.wall, once.wall).value, 1, "times"),
        ),
    ]


def weights_digest(renderer: Renderer) -> str:
    """Of all weights of the embedded model's UNet, as they are in memory."""
    found = hashlib.sha256()
    for weight in renderer.shelf.get(embedded()).pipeline.unet.state_dict().values():
        found.update(weight.detach().cpu().float().numpy().tobytes())
    return found.hexdigest()


def swapping(renderer: Renderer, folder: Path, rounds: int) -> list[Line]:
    """LoRAs merged, swapped and taken out again, and the first render after it."""
    loaded, before = renderer.shelf.get(embedded()), weights_digest(renderer)
    one, other = (random_lora(loaded.pipeline.unet, folder, name, 16, seed) for seed, name in enumerate(("one", "other")))
    started = time.perf_counter()
    loaded.use([(one, 1.0)])
    first = time.perf_counter() - started
    loaded.use([])
    works: dict[str, Callable[[], object]] = {
        "merge": lambda: loaded.use([(one, 1.0)]),
        "swap": lambda: loaded.use([(other, 0.8)]),
        "again": lambda: loaded.use([(other, 0.8)]),
        "both": lambda: loaded.use([(one, 1.0), (other, 0.8)]),
        "back": lambda: loaded.use([]),
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():  # always in this order: what a swap costs depends on what is merged before it
            started = time.perf_counter()
            work()
            _wait(renderer)
            taken[name].append(time.perf_counter() - started)
    restored = weights_digest(renderer) == before
    after: list[float] = []
    still: list[float] = []
    for i in range(rounds):
        swapped = request(7, Contender(embedded(), (((one, other)[i % 2], 1.0),)))
        for seconds in (after, still):
            started = time.perf_counter()
            draw(renderer, swapped)
            seconds.append(time.perf_counter() - started)
    draw(renderer, request(7))
    names = {
        "merge": "one LoRA merged",
        "swap": "swapped for another",
        "again": "the same one again",
        "both": "two merged",
        "back": "the base again",
    }
    return [
        Line("first use, the file is read", f"{1000 * first:.0f} ms"),
        *(
            Line(names[name], estimate(seconds).text(" ms", 1000, 1), _swap(seconds) if name == "swap" else None)
            for name, seconds in taken.items()
        ),
        Line(
            f"base restored bit for bit after {5 * rounds} swaps",
            "yes" if restored else "no",
            holds("engine", "the base model restored bit for bit after any swaps", restored),
        ),
        Line(
            "first render after a swap, swap included, over the next one",
            ratio(after, still).text(" times"),
            told("engine", "first render after a swap over the next one", ratio(after, still).value, "times"),
        ),
    ]


def _swap(seconds: Sequence[float]) -> Figure:
    return told("engine", "a LoRA swapped for another (embedded model)", 1000 * estimate(seconds).value, "ms")


def _wait(renderer: Renderer) -> None:
    if renderer.device.type == "cuda":
        torch.cuda.synchronize(renderer.device)


def invariance(renderer: Renderer) -> list[Line]:
    """The same request alone in its shape and among others, at the first and the last place: its bytes must be equal."""
    lines = []
    for shape in BATCHES:
        mine = replace(request(1), batch=shape)
        others = [replace(request(100 + i), batch=shape) for i in range(shape - 1)]
        alone = draw(renderer, mine)[0].pixels
        first, last = draw(renderer, mine, *others)[0].pixels, draw(renderer, *others, mine)[-1].pixels
        same = bool((alone == first).all() and (alone == last).all())
        lines.append(
            Line(
                f"shape {shape}: alone, first and last of {shape}",
                "equal" if same else "differ",
                holds("engine", f"the same bytes alone and in a batch of {shape}", same),
            )
        )
    return lines


def growth(renderer: Renderer, folder: Path, requests: int) -> list[Line]:
    """Memory over mixed requests from many callers: LoRAs, wraps, references, batches, and callers who go away."""
    chance = random.Random(0)
    loaded = renderer.shelf.get(embedded())
    lora = random_lora(loaded.pipeline.unet, folder, "mixed", 16, 3)
    resident: list[float] = []
    device: list[float] = []

    async def mixed() -> None:
        async with GpuThread[RenderRequest, Render](lambda: renderer) as gpu:
            while len(resident) < requests:
                group = [
                    _mixed(chance, lora_contender=Contender(embedded(), ((lora, 1.0),))) for _ in range(chance.randint(1, 8))
                ]
                tasks = [asyncio.create_task(gpu.draw(r)) for r in group]
                if chance.random() < 0.3:
                    await asyncio.sleep(chance.random() * 0.1)
                    tasks[0].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                now = memory(renderer.device)
                resident.extend([now[0]] * len(group))
                device.extend([now[1]] * len(group))

    asyncio.run(mixed())
    half = requests // 2
    lines = [_grown("resident memory", resident[half:requests], resident)]
    return lines + ([_grown("tensors on the device", device[half:requests], device)] if renderer.device.type == "cuda" else [])


def _grown(what: str, later: Sequence[float], all_: Sequence[float]) -> Line:
    found = slope(later)
    span = f"{all_[0] / 1e6:.0f} MB after the first, {later[0] / 1e6:.0f} MB halfway, {later[-1] / 1e6:.0f} MB at the end"
    grown = at_most("engine", f"{what} over mixed requests: growth over the second half",
                    100 * found.value * len(later) / later[0], 2, "%")  # fmt: skip
    return Line(what, f"{span}; growth over the second half {found.text(' kB a request', 1e-3, 1)}", grown)


def _mixed(chance: random.Random, lora_contender: Contender) -> RenderRequest:
    plain = request(chance.randrange(10**6), chance.choice([None, None, lora_contender]), chance.choice(PROMPTS))
    plain = replace(plain, schedule=replace(plain.schedule, steps=chance.randint(2, 4)), batch=chance.choice([None, None, 1, 4]))
    kind = chance.random()
    if kind < 0.2:
        return replace(plain, wrap="xy")
    if kind < 0.4:
        pixels = np.random.default_rng(chance.randrange(100)).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        return replace(plain, reference=Reference(pixels, 0.7))
    return plain

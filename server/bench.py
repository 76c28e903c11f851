"""What `dgx-pixels bench` measures: the engine's own renders on this machine, and what the pixel engine makes of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.models.catalogue import BaseModel, ModelError
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Profile, Schedule, schedule_for
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.speed import machine, matmul_rate, render_flops
from dgx_pixels.pixels.checks import Check, check_sprite
from dgx_pixels.pixels.pixelize import Kind, pixelize
from dgx_pixels.pixels.sprite import Sprite, make_sprite

_COLORS = 16


@dataclass(frozen=True, eq=False)
class Ask:
    """What is to be measured: `count` pictures a profile, with seeds 0, 1, ... and the prompts in turn."""

    contenders: dict[Profile, Contender]
    """What draws in each profile; all of one base model."""
    prompts: tuple[str, ...]
    count: int
    width: int
    height: int

    @property
    def base(self) -> BaseModel:
        """The base model of them all."""
        return next(iter(self.contenders.values())).base


@dataclass(frozen=True, eq=False)
class Picture:
    """One render, what became of it, and how long both took."""

    prompt: str
    seed: int
    render: Render
    render_s: float
    sprite: Sprite
    sprite_s: float
    """From the render to the checked sprite."""
    checks: dict[str, Check]
    kind: Kind
    """What the pixel engine takes the render for when it is told nothing of its cells."""
    cells: tuple[int, int]
    """Width and height that it finds then."""
    confidence: float


@dataclass(frozen=True, eq=False)
class ProfileResult:
    """One profile's pictures."""

    profile: Profile
    contender: Contender
    schedule: Schedule
    flops: int
    """Of one picture."""
    pictures: tuple[Picture, ...]
    failures: tuple[str, ...]
    """Why a picture was not drawn, for each that was not."""

    @property
    def seconds(self) -> list[float]:
        """Seconds of each sprite, from the request to the checked sprite."""
        return [p.render_s + p.sprite_s for p in self.pictures]

    @property
    def render_s(self) -> float:
        """Median seconds of a render."""
        return statistics.median(p.render_s for p in self.pictures)


@dataclass(frozen=True, eq=False)
class Bench:
    """All that was measured."""

    ask: Ask
    machine: dict[str, str]
    dtype: str
    matmul_flops: float
    """Floating-point operations per second of large matrix products in that type."""
    load_s: float
    """From nothing to the first picture, in the first profile: what a cold server's first caller waits for."""
    profiles: tuple[ProfileResult, ...]

    def share(self, result: ProfileResult) -> float:
        """Share of the matrix rate that a profile's median render reaches, 0 to 1."""
        return result.flops / result.render_s / self.matmul_flops


def measure(ask: Ask, device: str, *, compiles: bool | None, say: Callable[[str], None]) -> Bench:
    """Load the model, warm it up, and draw; the profiles take turns, so that a machine that grows hot slows all alike.

    `say` is told in a few words what is being done. Raises ModelError if the model cannot be used, or drew nothing at all.
    """
    say(f"loading {ask.base.id}")
    started = time.perf_counter()
    renderer = Renderer(device, compiles=compiles)
    asked = {profile: (chosen, schedule_for(chosen, profile)) for profile, chosen in ask.contenders.items()}
    firsts = {profile: _request(ask, *how, 0) for profile, how in asked.items()}
    first = next(iter(firsts.values()))
    _draw(renderer, first)
    load_s = time.perf_counter() - started
    loaded = renderer.shelf.get(ask.base)
    dtype = loaded.pipeline.unet.dtype
    say("measuring the rate of matrix products")
    rate = matmul_rate(renderer.device, dtype)
    for profile, request in firsts.items():
        say(f"{profile}: warming up")
        _warm_up(renderer, request)
    pictures: dict[Profile, list[Picture]] = {profile: [] for profile in asked}
    failures: dict[Profile, list[str]] = {profile: [] for profile in asked}
    for i in range(ask.count):
        for profile, how in asked.items():
            say(f"{profile}: picture {i + 1} of {ask.count}")
            try:
                pictures[profile].append(_picture(ask, renderer, _request(ask, *how, i)))
            except ModelError as error:
                failures[profile].append(str(error))
    results = tuple(
        ProfileResult(
            profile, chosen, schedule, render_flops(loaded.pipeline, schedule, first.width, first.height),
            tuple(pictures[profile]), tuple(failures[profile]),
        )
        for profile, (chosen, schedule) in asked.items()
    )  # fmt: skip
    empty = next((r for r in results if not r.pictures), None)
    if empty is not None:
        raise ModelError(f"Nothing was drawn in the profile {empty.profile}. {empty.failures[0]}")
    return Bench(ask, machine(renderer.device), str(dtype).removeprefix("torch."), rate, load_s, results)


def _warm_up(renderer: Renderer, request: RenderRequest) -> None:
    """Draw once, and where the UNet is compiled, once more when that is done: this may take minutes."""
    _draw(renderer, request)
    if renderer.shelf.get(request.contender.base).compiled is not None:
        _draw(renderer, replace(request, graph="compiled"))


def _picture(ask: Ask, renderer: Renderer, request: RenderRequest) -> Picture:
    base = ask.base
    renderer.shelf.get(base).use(request.contender.loras)  # profiles take turns here, and a swap is no part of a sprite
    renderer.settle()
    began = time.perf_counter()
    render = _draw(renderer, request)
    drawn = time.perf_counter()
    sprite = make_sprite(render.pixels, ask.width, ask.height, colors=_COLORS, ground=base.ground)
    checks = check_sprite(
        sprite, width=ask.width, height=ask.height, colors=_COLORS, palette=None, transparent=True, ground=base.ground
    )
    done = time.perf_counter()
    found = pixelize(_opaque(render.pixels))
    height, width = found.sprite.rgba.shape[:2]
    return Picture(
        ask.prompts[request.seed % len(ask.prompts)], request.seed, render, drawn - began, sprite, done - drawn, checks,
        found.kind, (width, height), found.confidence,
    )  # fmt: skip


def _request(ask: Ask, contender: Contender, schedule: Schedule, i: int) -> RenderRequest:
    prompt = ask.base.prompt.format(ask.prompts[i % len(ask.prompts)])
    width, height = ask.base.render_size(ask.width, ask.height)
    return RenderRequest(contender, schedule, prompt, ask.base.negative_prompt, width, height, seed=i, batch=1)


def _draw(renderer: Renderer, request: RenderRequest) -> Render:
    outcome = renderer.draw([request], lambda *_: None)[0]
    if isinstance(outcome, ModelError):
        raise outcome
    return outcome


def _opaque(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, dtype=np.uint8)])

"""A storm over the warm server: cancels, memory that runs out and corrupt LoRAs, among good requests of several clients."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import uvicorn
from fastmcp import Client
from fastmcp.exceptions import ToolError
from narrow_sdxl import random_layers, write_lora
from processes import health

import dgx_pixels.models.renderer as drawing
from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.pixels.sprite import decode_png, make_sprite
from dgx_pixels.server.app import build
from dgx_pixels.server.connect import transport
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEED = 20261124
ROUNDS, CLIENTS, AT_ONCE = 2, 4, 12
GOOD, CANCELS, SHORT, TOO_LARGE, CORRUPT = 20, 25, 7, 3, 5
"""In each round: requests that are answered, that are cancelled, times that memory runs out for a batch, requests that never fit,
and LoRAs that are no LoRAs."""
CONTENDERS = ("tiny-sdxl", "tiny-sdxl+style:1", "tiny-sdxl+words:0.7", "tiny-sdxl+style:0.5+words:-0.3")
PROMPTS = ("a red potion", "a green dragon", "a stone wall", "a gold key")
Ask = Callable[[Client[Any]], Coroutine[Any, Any, None]]
_denoise: Callable[..., Any] = vars(drawing)["denoise"]


class Weather:
    """Lets memory run out: so many times for a batch of several, and always for what is named too large."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.left = 0

    def denoise(self, loaded: Any, requests: Any, encoders: Any, tell: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        """Draw, or fail at some step."""
        at = 1 if any("too large" in r.prompt for r in requests) else None
        if self.left and at is None and len(requests) > 1:
            self.left -= 1
            at = self.chance.choice((0, 1, 2))

        def told(done: int, total: int, preview: Any) -> None:  # noqa: ANN401
            tell(done, total, preview)
            if done == at:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        if at == 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return _denoise(loaded, requests, encoders, told)


def write_loras(folder: Path) -> None:
    """Two LoRAs, and ten files that are none."""
    pipeline = Renderer("cpu").shelf.get(embedded()).pipeline
    layers = {n: LoraLayer(x.down * 0.1, x.up * 0.1, x.scale) for n, x in random_layers(pipeline, convolutions=True).items()}
    unet = {n: x for n, x in layers.items() if n.startswith("unet.")}
    write_lora(folder / "words.safetensors", layers)
    good = write_lora(folder / "style.safetensors", unet).read_bytes()
    first = next(n for n, x in unet.items() if x.down.ndim == 2)

    def with_layer(number: int, name: str, layer: LoraLayer) -> None:
        write_lora(folder / f"corrupt{number}.safetensors", unet | {name: layer})

    x = unet[first]
    raw = {
        0: b"", 1: good[:100], 2: good[:-1000], 3: good + b"more", 4: b"\x80\x04\x95 a pickle" * 100,
        5: (10**12).to_bytes(8, "little") + good[8:], 6: good[:8] + b"[" + good[9:],
    }  # fmt: skip
    for number, data in raw.items():
        (folder / f"corrupt{number}.safetensors").write_bytes(data)
    with_layer(7, first, LoraLayer(x.down * float("nan"), x.up, x.scale))
    with_layer(8, first, LoraLayer(x.down[:, :5], x.up, x.scale))
    with_layer(9, "unet.down_blocks.7.nothing", LoraLayer(x.down.clone(), x.up.clone(), x.scale))


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[None]:
    """The server in this process, so that the weather reaches it."""
    app = build(settings, role="serve")[0].http_app(path="/mcp", host_origin_protection="auto")
    config = uvicorn.Config(app, port=settings.port, log_level="critical", timeout_graceful_shutdown=2, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while await asyncio.to_thread(health, settings) is None:
        await asyncio.sleep(0.05)
    yield
    server.should_exit = True
    await serving


def sprite(answer: Any) -> list[Path]:  # noqa: ANN401  # a tool's structured content
    """The files that an answer names."""
    assert answer["status"] == "done", answer
    return [Path(asset["file"]) for asset in answer["result"]["assets"]]


def bytes_of_tensors() -> int:
    """What all tensors hold, each storage once."""
    gc.collect()
    alive = [x for x in gc.get_objects() if type(x) in (torch.Tensor, torch.nn.Parameter)]
    return sum({s.data_ptr(): s.nbytes() for s in (x.untyped_storage() for x in alive)}.values())


def redrawn(renderer: Renderer, models: Path, recipe: dict[str, Any]) -> np.ndarray:
    """The sprite of a recipe, drawn alone in the batch shape that the recipe names."""
    contender = parse_contender(Catalogue(models), recipe["model"])
    asked = RenderRequest(
        contender, Schedule(**recipe["schedule"]), recipe["prompt"], "", 32, 32, recipe["seed"], batch=recipe["batch"]
    )
    outcome = renderer.draw([asked], lambda *_: None)[0]
    assert isinstance(outcome, Render), outcome
    assert outcome.batch == recipe["batch"]
    return make_sprite(outcome.pixels, 32, 32, colors=16, ground=contender.base.ground).rgba


class Storm:
    """One storm: what is asked, and what became of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.numbers = itertools.count()
        self.files: list[Path] = []
        self.told: Counter[str] = Counter()

    def asked(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # the tool's arguments
        """A request like others, so that some share a batch."""
        seeded = {"seed": self.chance.randrange(1000)} if self.chance.random() < 0.3 else {}
        return {
            "prompt": self.chance.choice(PROMPTS), "name": f"n{next(self.numbers)}", "steps": 2, "wait_s": 600, "publish": False,
            "model": self.chance.choice(CONTENDERS[:2] if self.chance.random() < 0.6 else CONTENDERS),
            "variants": self.chance.choice((1, 1, 2, 3)), **seeded, **more,
        }  # fmt: skip

    async def good(self, client: Client[Any], **more: Any) -> None:  # noqa: ANN401  # the tool's arguments
        """A request that must be answered."""
        self.files += sprite((await client.call_tool("generate_sprite", self.asked(**more))).structured_content)
        self.told["good"] += 1

    async def cancelled(self, client: Client[Any]) -> None:
        """A request whose caller goes away at some moment; if it is answered before, it must be right."""
        call = asyncio.create_task(client.call_tool("generate_sprite", self.asked(steps=self.chance.choice((2, 20)))))
        await asyncio.sleep(self.chance.random() * self.chance.choice((0.05, 2)))
        call.cancel()
        try:
            self.files += sprite((await call).structured_content)
        except asyncio.CancelledError:
            self.told["cancelled"] += 1

    def refused(self, why: str, what: str, **more: Any) -> Ask:  # noqa: ANN401
        """A request that must be told why it is refused."""

        async def ask(client: Client[Any]) -> None:
            with pytest.raises(ToolError, match=why) as told:
                await client.call_tool("generate_sprite", self.asked(**more))
            assert "Something went wrong" not in str(told.value)
            self.told[what] += 1

        return ask

    async def rage(self, clients: list[Client[Any]], corrupt: list[int]) -> None:
        """All requests of one round, in a random mix, some at once."""
        asks: list[Ask] = [self.good] * GOOD + [self.cancelled] * CANCELS
        asks += [self.refused("not enough memory", "too large", prompt="a thing too large", steps=3)] * TOO_LARGE
        asks += [self.refused(f"corrupt{n}", "corrupt", model=f"tiny-sdxl+style:0.5+corrupt{n}:1") for n in corrupt]
        self.chance.shuffle(asks)
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, ask: Ask) -> None:
            async with room:
                await ask(clients[number % len(clients)])

        await asyncio.gather(*(one(i, ask) for i, ask in enumerate(asks)))


async def test_in_a_storm_every_good_request_is_right_and_every_bad_one_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """50 cancels, 20 times out of memory, 10 corrupt LoRAs: pixels as drawn alone, clear errors, no thread left, memory flat."""
    print(f"the storm's seed is {SEED}")
    before = set(threading.enumerate())
    chance = random.Random(SEED)
    models = settings.home / "models"
    write_loras(models / "loras")
    weather, storm = Weather(chance), Storm(chance)
    monkeypatch.setattr(drawing, "denoise", weather.denoise)
    held = []
    async with served(settings), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(transport(settings, None))) for _ in range(CLIENTS)]
        for i in range(ROUNDS):
            weather.left = SHORT
            await storm.rage(clients, list(range(i * CORRUPT, (i + 1) * CORRUPT)))
            while weather.left:  # so many, whatever was drawn alone
                await asyncio.gather(*(storm.good(client) for client in clients))
            for contender in reversed(CONTENDERS):  # the same is in memory after each round: every LoRA read, none merged
                await storm.good(clients[0], model=contender)
            held.append(bytes_of_tensors())
        listed = await clients[0].call_tool("list_assets", {})
    monkeypatch.undo()
    again = Renderer("cpu")
    wrong = []
    for file in storm.files:
        data = file.read_bytes()
        recipe = json.loads(recipe_in(data) or "")
        if not np.array_equal(redrawn(again, models, recipe), decode_png(data).rgba):
            wrong.append(recipe)

    told = ", ".join(f"{count} {what}" for what, count in storm.told.items())
    record_property("found", f"{told}; {len(wrong)} of {len(storm.files)} sprites wrong; {held[0]}, then {held[1]} bytes held")
    assert listed.structured_content is not None
    assert wrong == []
    assert storm.told["good"] >= ROUNDS * GOOD
    assert storm.told["cancelled"] > ROUNDS * CANCELS // 2  # the others were answered before
    assert (storm.told["too large"], storm.told["corrupt"]) == (ROUNDS * TOO_LARGE, ROUNDS * CORRUPT)
    left = {t for t in threading.enumerate() if t.name in ("gpu", "hang watch", "compile")}
    assert left <= before
    assert not [t for t in threading.enumerate() if t.name.startswith("pictures")]
    assert held[1] < held[0] * 1.02 + 1_000_000

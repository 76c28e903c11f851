"""What runs beside the answering: the watch over a GPU that hangs, and the drawing that warms a server up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from fastmcp import Client

from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.models.gpu_work import Tell
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer
from dgx_pixels.server import app
from dgx_pixels.server.app import build
from dgx_pixels.server.gpu_lost import watched
from dgx_pixels.server.settings import Settings

STONE = "a stone"


class Gpu:
    """Stands for the GPU thread."""

    def __init__(self, silent_s: float) -> None:
        self.silent_s = silent_s


@pytest.mark.parametrize(("silent_s", "hangs"), [(0.0, False), (59.0, False), (61.0, True)])
def test_silence_over_the_limit_is_told_once_with_all_stacks(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, silent_s: float, hangs: bool
) -> None:
    """The sentence says how long; the stacks say where."""
    monkeypatch.setattr("dgx_pixels.server.gpu_lost._LOOK_EVERY_S", 0.01)
    told: list[str] = []
    heard = threading.Event()

    def on_hang(why: str) -> None:
        told.append(why)
        heard.set()

    with watched(Gpu(silent_s), 60, on_hang):
        heard.wait(5 if hangs else 0.1)

    assert told == (["The GPU has made no step for 1 minutes, and its work cannot be stopped."] if hangs else [])
    assert ("test_background.py" in capfd.readouterr().err) == hangs
    assert not [t for t in threading.enumerate() if t.name == "hang watch"]


class SlowRenderer(Renderer):
    """The real renderer; its first step of the warming drawing waits until `go_on`."""

    drawn: list[str] = []  # noqa: RUF012  # one list, read by the test
    warming = threading.Event()
    go_on = threading.Event()

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw, noting what is drawn to its end."""

        def slowly(done: int, total: int, preview: Any) -> None:  # noqa: ANN401  # passes on what it gets
            if requests[0].prompt == STONE and done == 1:
                self.warming.set()
                self.go_on.wait(10)
            tell(done, total, preview)

        outcomes = super().draw(requests, slowly)
        self.drawn.extend(r.prompt for r in requests)
        return outcomes


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[SlowRenderer]:
    """The renderer's class, as new."""
    for event in (SlowRenderer.warming, SlowRenderer.go_on):
        event.clear()
    SlowRenderer.drawn.clear()
    monkeypatch.setattr(app, "_renderer", lambda settings: SlowRenderer(settings.device))
    return SlowRenderer


async def test_a_server_loads_its_model_before_it_is_asked(settings: Settings, slow: type[SlowRenderer]) -> None:
    """It answers while it does so, and nothing is kept of the drawing."""
    async with Client(build(settings, role="serve")[0]) as client:
        await asyncio.to_thread(slow.warming.wait, 60)
        assert await client.list_tools()
        slow.go_on.set()
        while not slow.drawn:
            await asyncio.sleep(0.01)
        listed = (await client.call_tool("list_assets")).structured_content

    assert slow.drawn == [STONE]
    assert listed is not None
    assert listed["assets"] == []


async def test_the_warming_gives_way_to_a_request(settings: Settings, slow: type[SlowRenderer]) -> None:
    """It ends at its next step, undone, and the request is drawn."""
    async with Client(build(settings, role="serve")[0]) as client:
        await asyncio.to_thread(slow.warming.wait, 60)
        call = asyncio.create_task(client.call_tool("generate_sprite", {"prompt": "a red potion", "steps": 1}))
        await asyncio.sleep(0.5)
        slow.go_on.set()
        await call

    assert slow.drawn == ["a red potion"]


@pytest.mark.parametrize("role", ["alone", "once"])
async def test_only_a_server_warms_up(settings: Settings, slow: type[SlowRenderer], role: Any) -> None:  # noqa: ANN401  # a Role
    """A command that draws nothing loads nothing."""
    async with Client(build(settings, role=role)[0]) as client:
        await client.call_tool("list_assets")
        await asyncio.sleep(0.2)

    assert not slow.warming.is_set()


async def test_a_model_that_cannot_be_loaded_does_not_keep_the_server_from_starting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its log says why, once; who asks for the model is told, too."""

    def broken(_: Settings) -> Renderer:
        raise ModelError("The model has a flaw.")

    monkeypatch.setattr(app, "_renderer", broken)
    async with Client(build(settings, role="serve")[0]) as client:
        while "not loaded ahead" not in caplog.text:
            await asyncio.sleep(0.01)
        with pytest.raises(Exception, match="has a flaw"):
            await client.call_tool("generate_sprite", {"prompt": "a red potion"})

    assert caplog.text.count("not loaded ahead: The model has a flaw.") == 1

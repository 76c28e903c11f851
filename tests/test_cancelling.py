"""Cancelling: at the next step, in both protocol eras, and never in the middle of publishing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP

from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.models.gpu_work import Preview, Tell
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer
from dgx_pixels.server import app

QUICK: dict[str, Any] = {"prompt": "a red potion", "seed": 7, "steps": 2}


class CountingRenderer(Renderer):
    """The real renderer, counting its steps."""

    steps = 0

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw, counting."""

        def counted(done: int, total: int, preview: Preview) -> None:
            type(self).steps += 1
            tell(done, total, preview)

        return super().draw(requests, counted)


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("how", ["the client goes away", "cancel_job"])
async def test_cancelling_stops_within_a_step_and_the_next_request_works(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, era: str, how: str
) -> None:
    """Cancelled work leaves the GPU thread at the next step; nothing of it is published."""
    monkeypatch.setattr(CountingRenderer, "steps", 0)
    monkeypatch.setattr(app, "_renderer", lambda settings: CountingRenderer(settings.device))
    async with Client(server, mode=era) as client:
        await client.call_tool("generate_sprite", QUICK)  # loads the model
        CountingRenderer.steps = 0
        job_id = None
        if how == "cancel_job":
            begun = (await client.call_tool("generate_sprite", {**QUICK, "steps": 100, "wait_s": 0})).structured_content
            assert begun is not None
            job_id = begun["job_id"]
        call = asyncio.create_task(
            client.call_tool("get_job", {"job_id": job_id})
            if job_id
            else client.call_tool("generate_sprite", {**QUICK, "steps": 100})
        )
        while CountingRenderer.steps < 3:
            await asyncio.sleep(0.005)
        at_cancel = CountingRenderer.steps
        if job_id:
            await client.call_tool("cancel_job", {"job_id": job_id})
            answer = (await call).structured_content
            assert answer is not None
            assert answer["status"] == "cancelled"
        else:
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        again = (await client.call_tool("generate_sprite", {**QUICK, "name": "after"})).structured_content

    assert at_cancel < 10
    assert CountingRenderer.steps - 2 - at_cancel <= 2  # the step under way, and over it the one that learns of it
    assert again is not None
    assert again["status"] == "done"


async def test_a_cancel_during_publishing_comes_too_late(
    server: FastMCP[Any], game: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has begun to reach the game is finished, and the job says so: no file without its entry, no entry without its file."""
    publish, begun, go_on = Publisher.publish, threading.Event(), threading.Event()

    def slow(*arguments: Any, **more: Any) -> list[bool]:  # noqa: ANN401  # passes on what it gets
        begun.set()
        go_on.wait(10)
        return publish(*arguments, **more)

    monkeypatch.setattr(Publisher, "publish", slow)
    async with Client(server) as client:
        started = (await client.call_tool("generate_sprite", {**QUICK, "wait_s": 0})).structured_content
        assert started is not None
        await asyncio.to_thread(begun.wait, 30)
        cancelling = asyncio.create_task(client.call_tool("cancel_job", {"job_id": started["job_id"]}))
        await asyncio.sleep(0.2)
        go_on.set()
        answer = (await cancelling).structured_content

    assert answer is not None
    assert answer["status"] == "done"
    assert answer["result"]["assets"][0]["published"]
    assert (game / "assets/sprites/item_red_potion.png").is_file()

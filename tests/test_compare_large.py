"""Comparisons of many cells on the real embedded model: all equal to generate_sprite's, and none drawn twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comparing import check_cells, compare, vote, write_loras
from fastmcp import Client, FastMCP
from test_job_restart import LEFT, NotingRenderer, change

from dgx_pixels.server import app
from dgx_pixels.server.settings import Settings


@pytest.fixture(autouse=True)
def loras(settings: Settings) -> Path:
    """A models folder with the LoRAs `style`, `words` and `other`."""
    return write_loras(settings)


@pytest.mark.stress
@pytest.mark.timeout(600)
async def test_forty_cells_are_what_generate_sprite_keeps(server: FastMCP[Any], settings: Settings) -> None:
    """Items, people, enemies and tiles, of four contenders, as a real comparison draws them."""
    contenders = ["tiny-sdxl", "tiny-sdxl+style:0.6", "tiny-sdxl+style:1.0", "tiny-sdxl+words:0.5+style:-0.3"]
    async with Client(server) as client:
        asked = {"contenders": contenders, "prompt_set": "terrain", "seed": 11, "profile": "draft", "wait_s": 600}
        tiles = await compare(client, **asked)
        items = await compare(client, **{**asked, "prompt_set": None, "prompts": ["a red potion", "a king"]})
        for made in (tiles, items):
            await vote(client, made["job_id"], reveal=True)

        assert await check_cells(client, tiles["job_id"]) + await check_cells(client, items["job_id"]) == 40


class OrderRenderer(NotingRenderer):
    """The real renderer, noting who draws."""

    drawn: list[str] = []  # noqa: RUF012  # one list, read by the test

    def draw(self, requests: Any, tell: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        """Draw, noting."""
        self.drawn.extend(str(r.contender) for r in requests)
        return super().draw(requests, tell)


@pytest.mark.stress
@pytest.mark.timeout(600)
async def test_four_contenders_twenty_prompts_two_seeds(
    server: FastMCP[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """160 cells: progress grows to the end, cancelled in the middle nothing is lost, and it goes on without drawing twice.

    Neither the labels nor the order of drawing follows the contenders, or each other.
    """
    monkeypatch.setattr(app, "_renderer", lambda settings: OrderRenderer(settings.device))
    OrderRenderer.drawn.clear()
    seen: list[tuple[float, float | None]] = []

    async def note(done: float, total: float | None, _: str | None) -> None:
        seen.append((done, total))

    contenders = ["tiny-sdxl", "tiny-sdxl+style:0.6", "tiny-sdxl+style:1.0", "tiny-sdxl+words:0.5"]
    async with Client(app.build(settings, role="alone")[0], progress_handler=note) as client:
        asked = {"contenders": contenders, "prompts": [f"potion {i}" for i in range(20)], "seeds": 2, "seed": 1, "steps": 2}
        job_id = (await compare(client, **asked, wait_s=5))["job_id"]
        await client.call_tool("cancel_job", {"job_id": job_id})
        in_between = len(OrderRenderer.drawn)
    change(settings, LEFT)
    async with Client(app.build(settings, role="alone")[0], progress_handler=note) as client:
        done = (await client.call_tool("get_job", {"job_id": job_id, "wait_s": 600})).structured_content
        assert done is not None
        named = (await vote(client, job_id, reveal=True))["comparison"]

    assert 0 < in_between < 160
    assert 160 <= len(OrderRenderer.drawn) <= 161  # the one that was cancelled under way
    assert done["status"] == "done"
    assert [r["round"] for r in named["rounds"]] == [*range(1, 41)]
    assert {160.0} == {total for _, total in seen if total != 1}
    assert max(value for value, _ in seen) == 160
    labels = [tuple(r["revealed"][label]["contender"] for label in "ABCD") for r in named["rounds"]]
    orders = [tuple(OrderRenderer.drawn[-4 * n : -4 * n + 4 or None]) for n in range(40 - (in_between + 3) // 4, 0, -1)]
    assert len(set(labels)) > 10
    assert len(set(orders)) > 5
    assert sum(order == label for order, label in zip(orders, labels[-len(orders) :], strict=True)) < len(orders) / 2

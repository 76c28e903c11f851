"""Batches: many prompts in one call, through a real client, on the real embedded model."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from dgx_pixels.bevy.names import MAX_LENGTH
from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.models.gpu import GpuThread
from dgx_pixels.models.gpu_work import Tell
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer
from dgx_pixels.server import app
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools import batch_job
from dgx_pixels.tools.batch_request import names_apart, prompts_of

PROMPTS = ["a red potion", "a gold key", "x" * 501, "a red potion", "a green gem"]
BATCH: dict[str, Any] = {"prompt": PROMPTS, "seed": 7, "steps": 1}


class NotingRenderer(Renderer):
    """The real renderer, noting what it draws, and how much at once."""

    drawn: list[list[str]] = []  # noqa: RUF012  # one list, read by the test

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw, noting; a gem breaks down."""
        self.drawn.append([r.prompt for r in requests])
        if any("gem" in r.prompt for r in requests):
            raise ZeroDivisionError("innards")
        return super().draw(requests, tell)


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> type[NotingRenderer]:
    """The server's renderer notes what it draws."""
    monkeypatch.setattr(app, "_renderer", lambda settings: NotingRenderer(settings.device))
    NotingRenderer.drawn.clear()
    return NotingRenderer


async def call(settings: Settings, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A tool's answer from a server that stays."""
    async with Client(build(settings, role="alone")[0]) as client:
        answer: dict[str, Any] | None = (await client.call_tool(tool, arguments)).structured_content
    assert answer is not None
    return answer


async def test_each_prompt_has_its_own_outcome(settings: Settings, game: Path, noting: type[NotingRenderer]) -> None:
    """One that cannot be asked and one that breaks down fail alone; the others are published, under names of their own."""
    async with Client(build(settings)[0]) as client:
        result = await client.call_tool("generate_sprite", BATCH)
    answer = result.structured_content

    assert answer is not None
    assert answer["status"] == "done"
    assert answer["result"]["assets"] == []
    batch = answer["result"]["batch"]
    assert (batch["done"], batch["failed"], batch["folder"]) == (3, 2, str(game / "assets"))
    assert [item["status"] for item in batch["items"]] == ["done", "done", "failed", "done", "failed"]
    assert "longer than 500" in batch["items"][2]["error"]
    assert "innards" not in batch["items"][4]["error"]
    assert [[a["path"] for a in item["assets"]] for item in batch["items"]] == [
        ["sprites/item_red_potion.png"], ["sprites/item_gold_key.png"], [], ["sprites/item_red_potion_2.png"], [],
    ]  # fmt: skip
    assert [a["seed"] for item in batch["items"] for a in item["assets"]] == [7, 7, 8]
    assert answer["next"].startswith("2 of 5 prompts failed")
    assert 'asset_server.load("sprites/item_red_potion.png")' in answer["next"]
    assert {p.name for p in (game / "assets/sprites").iterdir()} == {
        "item_red_potion.png", "item_gold_key.png", "item_red_potion_2.png",
    }  # fmt: skip
    images = [block for block in result.content if block.type == "image"]
    assert len(images) == 1
    assert len(json.dumps(answer)) < 2500


async def test_a_batch_draws_what_each_prompt_draws_alone(client: Client[Any], game: Path) -> None:
    """With a seed, each sprite can be made again by itself, byte for byte."""
    await client.call_tool("generate_sprite", {**BATCH, "prompt": ["a red potion", "a gold key"]})
    key = game / "assets/sprites/item_gold_key.png"
    in_batch = key.read_bytes()
    key.unlink()
    await client.call_tool("generate_sprite", {**BATCH, "prompt": "a gold key"})

    assert key.read_bytes() == in_batch


async def test_a_restart_makes_nothing_again(settings: Settings, game: Path, noting: type[NotingRenderer]) -> None:
    """Of a batch that was left, only what it had not kept is drawn; its answer has all, and each has one version."""
    before = await call(settings, "generate_sprite", {**BATCH, "prompt": PROMPTS[:2]})
    key = before["result"]["batch"]["items"][1]["assets"][0]
    picture = (game / "assets" / key["path"]).read_bytes()
    with closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
        db.execute("DELETE FROM kept WHERE path LIKE '%key%'")
        db.execute("DELETE FROM versions WHERE asset_id = ?", (key["id"],))
        db.execute("UPDATE jobs SET status = 'running', result = NULL, owner = 'a process that died', attempts = 1")
        db.commit()
    noting.drawn.clear()

    after = await call(settings, "get_job", {"job_id": before["job_id"]})

    assert ["key" in prompt for batch in noting.drawn for prompt in batch] == [True]
    assert after["result"] == before["result"]
    assert (game / "assets" / key["path"]).read_bytes() == picture


async def test_a_file_that_was_edited_by_hand_keeps_its_own_prompt_from_being_drawn(client: Client[Any], game: Path) -> None:
    """The others are drawn and published; the edited file stays."""
    asked = {**BATCH, "prompt": ["a red potion", "a gold key"]}
    await client.call_tool("generate_sprite", asked)
    edited = game / "assets/sprites/item_gold_key.png"
    edited.write_bytes(edited.read_bytes() + b"by hand")
    answer = (await client.call_tool("generate_sprite", {**asked, "seed": 9})).structured_content

    assert answer is not None
    assert [item["status"] for item in answer["result"]["batch"]["items"]] == ["done", "failed"]
    assert "edited" in answer["result"]["batch"]["items"][1]["error"]
    assert edited.read_bytes().endswith(b"by hand")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"prompt": []}, "There are 0 prompts, but one call takes 1 to 100"),
        ({"prompt": ["a potion"] * 101}, "There are 101 prompts"),
        ({"prompt": ["a potion"] * 51, "variants": 8}, "408 sprites, but one call makes at most 400"),
        ({"prompt": ["", " "]}, "None of the 2 prompts can be drawn. The first: The prompt is empty"),
        ({"prompt": ["a potion"], "size": 33}, "The size 33 is not one of"),
        ({"prompt": [1, 2]}, "generate_sprite cannot take"),
    ],
)
async def test_a_batch_that_cannot_be_asked_is_refused_at_once(
    server: FastMCP[Any], asked: dict[str, Any], sentence: str
) -> None:
    """With one sentence, and no job."""
    async with Client(server) as client:
        with pytest.raises(ToolError, match=sentence):
            await client.call_tool("generate_sprite", asked)


async def test_who_waits_for_a_sprite_does_not_wait_for_a_batch(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, noting: type[NotingRenderer]
) -> None:
    """A sprite that is asked for while a batch is drawn comes next."""
    queued = threading.Event()
    draw_soon, draw_now = GpuThread.draw, NotingRenderer.draw

    async def asked(self: Any, request: RenderRequest, *more: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        if "potion" in request.prompt:
            asyncio.get_running_loop().call_soon(queued.set)  # then it stands in the queue
        return await draw_soon(self, request, *more)

    def held(self: NotingRenderer, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        queued.wait(60)
        return draw_now(self, requests, tell)

    monkeypatch.setattr(GpuThread, "draw", asked)
    monkeypatch.setattr(NotingRenderer, "draw", held)
    async with Client(server) as client:
        keys = {**BATCH, "prompt": [f"a gold key {i}" for i in range(5)], "wait_s": 0}
        batch = (await client.call_tool("generate_sprite", keys)).structured_content
        await client.call_tool("generate_sprite", {**BATCH, "prompt": "a red potion"})
        assert batch is not None
        done = (await client.call_tool("get_job", {"job_id": batch["job_id"]})).structured_content

    assert done is not None
    assert done["result"]["batch"]["done"] == 5
    assert ["potion" in prompt for drawn in noting.drawn for prompt in drawn].index(True) <= 1


async def test_a_batch_that_is_cancelled_while_it_publishes_goes_no_further(
    settings: Settings, game: Path, monkeypatch: pytest.MonkeyPatch, noting: type[NotingRenderer]
) -> None:
    """What has begun to reach the game is finished; nothing more is drawn."""
    publish, begun, go_on = Publisher.publish, threading.Event(), threading.Event()

    def slow(*arguments: Any, **more: Any) -> list[bool]:  # noqa: ANN401  # passes on what it gets
        begun.set()
        go_on.wait(30)
        return publish(*arguments, **more)

    monkeypatch.setattr(Publisher, "publish", slow)
    monkeypatch.setattr(batch_job, "_AT_ONCE", 1)
    async with Client(build(settings)[0]) as client:
        asked = {**BATCH, "prompt": [f"a gold key {i}" for i in range(5)], "wait_s": 0}
        job_id = ((await client.call_tool("generate_sprite", asked)).structured_content or {})["job_id"]
        await asyncio.to_thread(begun.wait, 30)
        with closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
            while db.execute("SELECT count(*) FROM versions").fetchone() != (2,):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)  # by now the batch waits for the publishing
        cancelling = asyncio.create_task(client.call_tool("cancel_job", {"job_id": job_id}))
        await asyncio.sleep(0.1)
        go_on.set()
        answer = (await cancelling).structured_content

    assert answer is not None
    assert answer["status"] == "cancelled"
    assert len(noting.drawn) == 2
    assert [p.name for p in (game / "assets/sprites").iterdir()] == ["item_gold_key_0.png"]


def test_names_of_a_batch_differ() -> None:
    """The first keeps its name, later ones get a number, none takes another's own name, and none is too long."""
    assert names_apart(["gem", "key", "gem", "gem_2", "gem"]) == ["gem", "key", "gem_3", "gem_2", "gem_4"]
    long = names_apart(["x" * MAX_LENGTH] * 12)
    assert len({*long}) == 12
    assert max(map(len, long)) == MAX_LENGTH


def test_a_list_that_was_sent_as_text_is_a_list() -> None:
    """Some clients write a list as JSON where text is allowed, too; what only looks like one is a prompt."""
    assert prompts_of('["a gem", "a key"]') == ["a gem", "a key"]
    assert prompts_of("[red] potion") is None
    assert prompts_of("a potion") is None
    assert prompts_of("[1, 2]") is None
    assert prompts_of("[" * 100_000) is None

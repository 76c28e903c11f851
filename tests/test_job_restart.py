"""Jobs that a process left unfinished, done again by the real server from what the library has of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from PIL import Image

from dgx_pixels.models.gpu_work import Tell
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer
from dgx_pixels.server import app
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

TWO: dict[str, Any] = {"prompt": "a red potion", "seed": 7, "steps": 2, "variants": 2, "palette": "pico-8"}
LEFT = "UPDATE jobs SET status = 'running', result = NULL, owner = 'a process that died'"


class NotingRenderer(Renderer):
    """The real renderer, noting the seeds that it draws."""

    seeds: list[int] = []  # noqa: RUF012  # one list, read by the test

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw, noting."""
        self.seeds.extend(r.seed for r in requests)
        return super().draw(requests, tell)


async def call(settings: Settings, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A tool's answer from a server that stays."""
    async with Client(build(settings, role="alone")[0]) as client:
        answer: dict[str, Any] | None = (await client.call_tool(tool, arguments)).structured_content
    assert answer is not None
    return answer


def change(settings: Settings, *statements: str) -> None:
    """Change the library's database, which nobody has open."""
    with closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


async def test_only_what_was_not_kept_is_drawn_again(settings: Settings, game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two variants the first was kept before the server ended: the job's result has both, and each has one version."""
    monkeypatch.setattr(app, "_renderer", lambda settings: NotingRenderer(settings.device))
    before = await call(settings, "generate_sprite", TWO)
    second = game / "assets/sprites/item_red_potion_v2.png"
    picture = second.read_bytes()
    change(
        settings, "DELETE FROM kept WHERE path LIKE '%v2%'",
        f"DELETE FROM versions WHERE asset_id = '{before['result']['assets'][1]['id']}'", LEFT,
    )  # fmt: skip
    NotingRenderer.seeds.clear()

    after = await call(settings, "get_job", {"job_id": before["job_id"]})

    assert NotingRenderer.seeds == [8]
    assert after["status"] == "done"
    assert after["result"] == before["result"]
    assert second.read_bytes() == picture


async def test_a_pixelize_job_is_done_again(settings: Settings, game: Path) -> None:
    """From its stored request, with all its options."""
    Image.effect_noise((64, 64), 60).convert("RGB").save(game / "noise.png")
    before = await call(settings, "pixelize_image", {"image": "noise.png", "size": 16, "palette": "pico-8", "dither": "bayer4"})
    change(settings, LEFT, "DELETE FROM kept", "DELETE FROM versions")

    after = await call(settings, "get_job", {"job_id": before["job_id"]})

    assert after["result"] == before["result"]


async def test_a_tileset_job_is_done_again(settings: Settings, game: Path) -> None:
    """Whether the set was kept before the server ended, or not: the same files, and one version of them."""
    asked = {"terrains": ["water", "sand"], "seed": 3, "variants": 1, "tile_size": 8, "pairs": [["sand", "water"]]}
    before = await call(settings, "generate_tileset", asked)
    tiles = game / "assets" / before["result"]["assets"][0]["path"]
    picture = tiles.read_bytes()
    for lost in ([], ["DELETE FROM kept", "DELETE FROM versions"]):
        change(settings, f"{LEFT}, attempts = 0", *lost)
        tiles.unlink()

        after = await call(settings, "get_job", {"job_id": before["job_id"]})

        assert after["status"] == "done", after["error"]
        assert after["result"] == before["result"]
        assert tiles.read_bytes() == picture


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("project = '/nowhere'", "nowhere"),
        ("request = '{}'", "another version of dgx-pixels had begun it"),
        ("attempts = 3", "The server ended 3 times"),
    ],
)
async def test_what_cannot_be_done_again_says_why(settings: Settings, broken: str, sentence: str) -> None:
    """A project that is gone, a request of another version, and a job that has ended the server before."""
    before = await call(settings, "generate_sprite", {**TWO, "variants": 1})
    change(settings, f"{LEFT}, {broken}")

    after = await call(settings, "get_job", {"job_id": before["job_id"]})

    assert after["status"] == "failed"
    assert sentence in after["error"]


async def test_a_single_command_takes_nothing_over(settings: Settings) -> None:
    """`dgx-pixels sprite` does what it was asked, and not what another process has left."""
    before = await call(settings, "generate_sprite", {**TWO, "variants": 1})
    change(settings, LEFT)
    async with Client(build(settings)[0]) as client:
        after = (await client.call_tool("get_job", {"job_id": before["job_id"]})).structured_content

    assert after is not None
    assert after["status"] == "failed"
    assert "ended before" in after["error"]

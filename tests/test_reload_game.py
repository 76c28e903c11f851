"""Reloads confirmed by the real game: what the answer says is what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from games import Game, missing, running
from publishing import POTION, item

from dgx_pixels.bevy.items import NEAREST_META
from dgx_pixels.bevy.project import BevyProject, open_project
from dgx_pixels.bevy.project_settings import ProjectSettings
from dgx_pixels.bevy.publisher import Publisher, PublishItem
from dgx_pixels.bevy.reload import Reloaded, ReloadWatch, picture_of
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATH = "sprites/item_red_potion.png"
WAIT_S = 10.0


@pytest.fixture
def bevy(game: Path, tmp_path: Path) -> Iterator[Game]:
    """The example game, running on the project `game` without drawing."""
    if (lack := missing("assets")) is not None:
        pytest.skip(lack)
    with running(game, tmp_path / "game.log", "assets") as started:
        yield started


async def published(
    project: BevyProject, port: int, *items: PublishItem, meanwhile: Callable[[], object] = lambda: None
) -> dict[str, Reloaded]:
    """Publish and wait for the game; `meanwhile` happens once it was found."""
    async with ReloadWatch(project, port) as watch:
        before = await watch.game()
        meanwhile()
        Publisher().publish(project, items)
        pictures = [picture_of(one.entry.path, one.data, one.entry.atlas) for one in items]
        return await watch.wait(before, pictures, time.monotonic(), WAIT_S)


async def test_an_agents_answers_are_what_the_game_holds(bevy: Game, settings: Settings) -> None:
    """A new sprite, another version of it, and the first put back: each answer says reloaded, and the game holds each."""
    held = []
    async with Client(build(settings.model_copy(update={"brp_port": bevy.port, "reload_wait_s": WAIT_S}))[0]) as client:
        for tool, arguments in (
            ("generate_sprite", {"prompt": "a red potion", "seed": 7, "steps": 2, "wait_s": 250}),
            ("generate_sprite", {"prompt": "a red potion", "seed": 8, "steps": 2, "wait_s": 250}),
            ("publish_asset", {"asset": PATH, "version": 1}),
        ):
            answer: dict[str, Any] = (await client.call_tool(tool, arguments)).structured_content or {}
            asset = answer["asset"] if tool == "publish_asset" else answer["result"]["assets"][0]
            assert asset["reloaded"] is True, asset["reload"]
            held.append(bevy.image(PATH)["crc32"])
            (form,) = picture_of(PATH, Path(asset["file"]).read_bytes()).forms
            assert held[-1] == form.crc32
    assert held[0] == held[2] != held[1]
    assert bevy.image(PATH)["failed"] == 0


async def test_our_meta_is_one_that_bevy_reads(bevy: Game, game: Path) -> None:
    """With the setting a picture loads with its .meta, the first time and again: no load fails."""
    project = open_project(game)
    Publisher().write_settings(project, ProjectSettings(meta=True))
    for shade in (1, 2):
        found = await published(project, bevy.port, item(shade))
        assert found[POTION].reloaded is True, found
        time.sleep(0.6)
    assert (game / f"assets/{POTION}.meta").read_bytes() == NEAREST_META
    assert bevy.image(POTION)["failed"] == 0


async def test_a_failed_load_is_told_as_one(bevy: Game, game: Path) -> None:
    """A .meta that Bevy cannot read keeps the old picture: the answer says that the load failed, soon."""
    project = open_project(game)
    assert (await published(project, bevy.port, item(1)))[POTION].reloaded is True
    time.sleep(0.6)
    (game / f"assets/{POTION}.meta").write_text("no RON")
    started = time.monotonic()
    found = await published(project, bevy.port, item(2))
    assert found[POTION].reloaded is False
    assert "failed to load" in found[POTION].reason
    assert time.monotonic() - started < WAIT_S


async def test_a_burst_ends_with_the_last_one(bevy: Game, game: Path) -> None:
    """Of several publishes in quick succession the last one's answer is true, and that is what the game holds."""
    project = open_project(game)
    await published(project, bevy.port, item(1))
    for shade in range(2, 8):
        Publisher().publish(project, [item(shade)])
    found = await published(project, bevy.port, item(9), item(10, "sprites/item_sword.png"))
    assert [one.reloaded for one in found.values()] == [True, True]


async def test_another_projects_game_is_told_apart(bevy: Game, make_game: Callable[[str], Path]) -> None:
    """The real plugin tells its assets folder; a publish into another project is not taken for reloaded."""
    other = open_project(make_game("other"))
    found = await published(other, bevy.port, item(1))
    assert found[POTION].reloaded is False
    assert "another one" in found[POTION].reason


async def test_a_game_that_ends_in_between_is_said_to(bevy: Game, game: Path) -> None:
    """A game that was found, and is gone when the file is there, cannot confirm it."""
    project = open_project(game)
    await published(project, bevy.port, item(1))

    def end() -> None:
        bevy.ask("dgx_pixels/shutdown")
        time.sleep(2)  # until the process is gone

    found = await published(project, bevy.port, item(2), meanwhile=end)
    assert found[POTION].reloaded is False
    assert "stopped answering" in found[POTION].reason

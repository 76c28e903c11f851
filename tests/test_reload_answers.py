"""What a tool's answer says of the running game, through a real client on the real pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from brp_standin import StandIn, running
from fastmcp import Client

from dgx_pixels.bevy.project import open_project
from dgx_pixels.bevy.project_settings import ProjectSettings
from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.bevy.reload import picture_of
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

QUICK: dict[str, Any] = {"prompt": "a red potion", "seed": 7, "steps": 1}
PATH = "sprites/item_red_potion.png"


def reads_the_disk(game: StandIn) -> None:
    """As a game does whose watcher is quick: it holds what lies in its assets/."""
    file = Path(game.assets_root) / PATH
    if file.exists():
        form = next(iter(picture_of(PATH, file.read_bytes()).forms))
        if game.images.get(PATH, {}).get("crc32") != form.crc32:
            game.load(PATH, (form.width, form.height, form.crc32))


async def drawn(settings: Settings, **more: object) -> dict[str, Any]:
    """The asset of the answer to a call of generate_sprite."""
    async with Client(build(settings)[0]) as client:
        answer = (await client.call_tool("generate_sprite", {**QUICK, **more})).structured_content
    assert answer is not None
    asset: dict[str, Any] = answer["result"]["assets"][0]
    return {**asset, "next": answer["next"]}


async def test_the_answer_says_that_the_game_has_shown_it(settings: Settings, game: Path) -> None:
    """With a game running the answer has reloaded: true and the time; the port is the server's setting."""
    async with running(StandIn(str(game / "assets"), on_question=reads_the_disk)) as stand_in:
        asset = await drawn(settings.model_copy(update={"brp_port": stand_in.port}))
    assert asset["reloaded"] is True
    assert 0 <= asset["reload"]["after_ms"] < 2000
    assert "running game" in asset["next"]


async def test_the_projects_port_counts_first(settings: Settings, game: Path) -> None:
    """A project that says where its game answers is asked there."""
    async with running(StandIn(str(game / "assets"), on_question=reads_the_disk)) as stand_in:
        Publisher().write_settings(open_project(game), ProjectSettings(brp_port=stand_in.port))
        asset = await drawn(settings)
    assert asset["reloaded"] is True


async def test_why_not_is_said_and_the_sprite_is_published_all_the_same(settings: Settings, game: Path) -> None:
    """A game that keeps the old picture, here for want of file_watcher, gets a reason and a remedy."""
    stand_in = StandIn(str(game / "assets"))
    stand_in.load(PATH, (32, 32, "00000000"))
    async with running(stand_in):
        asset = await drawn(settings.model_copy(update={"brp_port": stand_in.port, "reload_wait_s": 0.1}))
    assert (asset["published"], asset["reloaded"]) == (True, False)
    assert "file_watcher" in asset["reload"]["reason"]
    assert asset["reload"]["reason"] in asset["next"]
    assert (game / "assets" / PATH).is_file()


@pytest.mark.parametrize(("asked", "says"), [({}, "No game is running"), ({"publish": False}, "Nothing was published")])
async def test_without_a_game_the_answer_is_null(settings: Settings, asked: dict[str, Any], says: str) -> None:
    """Nothing is waited for, and the answer says why there is nothing to tell."""
    asset = await drawn(settings, **asked)
    assert asset["reloaded"] is None
    assert says in asset["reload"]["reason"]


async def test_a_wait_of_0_asks_no_game(settings: Settings, game: Path) -> None:
    """Who wants no confirmation has none, and the game no question."""
    async with running(StandIn(str(game / "assets"))) as stand_in:
        asset = await drawn(settings.model_copy(update={"brp_port": stand_in.port, "reload_wait_s": 0.0}))
    assert asset["reloaded"] is None
    assert stand_in.asked == 0


def test_the_port_is_read_from_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """BRP_EXTRAS_PORT, which starts the game on a port, is enough; ours counts first."""
    monkeypatch.setenv("BRP_EXTRAS_PORT", "15999")
    assert Settings().brp_port != 15999
    monkeypatch.delenv("DGX_PIXELS_BRP_PORT")
    assert Settings().brp_port == 15999
    monkeypatch.delenv("BRP_EXTRAS_PORT")
    assert Settings().brp_port == 15702
    assert Settings(brp_port=20000).brp_port == 20000

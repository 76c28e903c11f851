"""What a game has already enters the library: a person's pictures as such, and ours of another machine as what they are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from test_library_edits import PATH, TILES, drawn, publish_gem
from test_publish_asset import keep_tileset, manifest, refusal

from dgx_pixels.bevy.project import open_project
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.search import Wanted
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.asset_import import import_sprites, keep_edited
from dgx_pixels.tools.job_finished import publish
from dgx_pixels.tools.services import Services


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[tuple[Client[Any], Services]]:
    """A client, and the services of the server that it is connected to."""
    mcp = build(settings)[0]
    async with Client(mcp) as client:
        yield client, mcp._lifespan_result["services"]  # type: ignore[index]  # the server runs


@pytest.fixture
async def elsewhere(settings: Settings, tmp_path: Path) -> AsyncIterator[tuple[Client[Any], Services]]:
    """A client and services of another machine, whose library knows nothing of the game."""
    mcp = build(Settings(home=tmp_path / "elsewhere", port=settings.port, project=settings.project, device="cpu"))[0]
    async with Client(mcp) as client:
        yield client, mcp._lifespan_result["services"]  # type: ignore[index]  # the server runs


async def test_import_keeps_what_the_project_had(running: tuple[Client[Any], Services], game: Path) -> None:
    """Under its own paths, once; edits become versions; what cannot be kept is named; no file is touched."""
    client, services = running
    project = open_project(game)
    made = await publish_gem(services, project, 1)
    (project.assets / "art").mkdir()
    files = {
        "art/Big Hero.png": drawn(1),
        "enemy_green_slime.png": drawn(2),
        "broken.png": b"no",
        "art/a.PNG": drawn(3),
        PATH: drawn(4),
    }
    for path, data in files.items():
        (project.assets / path).write_bytes(data)
    (project.assets / "link.png").symlink_to("/etc/hostname")

    found = await import_sprites(services, project)
    assert {(a.path, a.category, a.name, a.version) for a in found.assets} == {
        ("art/Big Hero.png", "item", "big_hero", 1), ("enemy_green_slime.png", "enemy", "green_slime", 1),
        ("art/a.PNG", "item", "sprite_ca9781", 1), (PATH, "item", "gem", 2),
    }  # fmt: skip
    assert [path for path, _ in found.skipped] == ["broken.png"]
    assert {hashlib.sha256(drawn(n)).hexdigest() for n in (1, 2, 3, 4)} == {a.sha256 for a in found.assets}
    assert {path: (project.assets / path).read_bytes() for path in files} == files

    again = await import_sprites(services, project)
    assert (again.assets, len(again.known)) == ([], 4)
    with pytest.raises(LibraryError, match="not inside"):
        await import_sprites(services, project, "..")
    with pytest.raises(LibraryError, match="no folder"):
        await import_sprites(services, project, "none")
    assert made.version == 1
    assert "cannot be published" in await refusal(client, asset="art/Big Hero.png")
    await client.call_tool("publish_asset", {"asset": "enemy_green_slime.png"})


async def test_import_knows_what_was_made_by_us(
    running: tuple[Client[Any], Services], elsewhere: tuple[Client[Any], Services], game: Path
) -> None:
    """After a clone a picture keeps the recipe that it carries, and a tileset its grid and files, edited or not."""
    project = open_project(game)
    await publish_gem(running[1], project, 1)
    await publish(running[1], project, [await keep_tileset(running[1], game, 1)], wanted=True, overwrite=False)
    before = json.loads((game / "assets/manifests/dgx_pixels.json").read_text())["assets"]
    client, services = elsewhere
    gem, tiles = (await import_sprites(services, project)).assets
    assert json.loads(gem.recipe) == {"kind": "sprite", "model": "tiny-sdxl", "prompt": "a red gem", "seed": 1}
    assert [a.id for a in (await services.library.search.find(Wanted(words="red gem"), 5)).assets] == [gem.id]
    assert [a.id for a in (await services.library.search.find(Wanted(kind="tileset"), 5)).assets] == [tiles.id]

    (project.assets / TILES).write_bytes(drawn(7, 16))
    for asset in (gem, tiles):
        await client.call_tool("publish_asset", {"asset": asset.id, "version": 1, "overwrite": True})
    after = json.loads((game / "assets/manifests/dgx_pixels.json").read_text())["assets"]
    own = ("id", "version", "seed")
    assert [{k: v for k, v in a.items() if k not in own} for a in after] == [
        {k: v for k, v in a.items() if k not in own} for a in before
    ]


async def test_an_edited_tileset_of_a_clone_stays_one(
    running: tuple[Client[Any], Services], elsewhere: tuple[Client[Any], Services], game: Path
) -> None:
    """By what the manifest says of it."""
    project = open_project(game)
    await publish(running[1], project, [await keep_tileset(running[1], game, 1)], wanted=True, overwrite=False)
    (project.assets / TILES).write_bytes(drawn(7, 16))
    edited = await keep_edited(elsewhere[1], project, TILES)
    assert edited is not None
    assert edited.kind == "tileset"
    await elsewhere[0].call_tool("publish_asset", {"asset": TILES})
    assert manifest(game)["tileset"] == {"n": 1}


async def test_a_name_that_is_no_text_is_left_out(running: tuple[Client[Any], Services], game: Path) -> None:
    """With the reason; the others are taken in."""
    project = open_project(game)
    Path(os.fsdecode(os.fsencode(project.assets) + b"/caf\xe9.png")).write_bytes(drawn(1))
    (project.assets / "good.png").write_bytes(drawn(2))
    found = await import_sprites(running[1], project)
    assert ([a.path for a in found.assets], found.skipped) == (
        ["good.png"], [("caf\\xe9.png", "Its name is no UTF-8 text: rename it.")],
    )  # fmt: skip

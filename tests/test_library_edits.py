"""What people draw is kept: an edit of a published file, and the sprites that a project had before."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastmcp import Client
from PIL import Image
from test_publish_asset import keep_tileset, manifest, refusal

from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.bevy.project import BevyProject, open_project
from dgx_pixels.library.search import Wanted
from dgx_pixels.pixels.checks import Check
from dgx_pixels.pixels.edit import sprite_of
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.asset_import import keep_edited, keep_replaced
from dgx_pixels.tools.job_finished import Finished, Origin, keep, publish
from dgx_pixels.tools.services import Services

PATH = "sprites/item_gem.png"
TILES = "tiles/tile_x.png"


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[tuple[Client[Any], Services]]:
    """A client, and the services of the server that it is connected to."""
    mcp = build(settings)[0]
    async with Client(mcp) as client:
        yield client, mcp._lifespan_result["services"]  # type: ignore[index]  # the server runs


def drawn(shade: int, side: int = 8, kind: str = "PNG") -> bytes:
    """A picture as an artist saves it."""
    out = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), shade, dtype=np.uint8)).save(out, kind)
    return out.getvalue()


async def keep_gem(services: Services, project: BevyProject, shade: int, path: str = PATH, *, replaces: bool = False) -> Finished:
    """Keep a gem, as a job does at its end."""
    sprite = sprite_of(np.full((8, 8, 4), (shade, 0, 0, 255), dtype=np.uint8))
    origin = Origin(path, "gem", "item", "a red gem", shade, "tiny-sdxl")
    recipe = {"kind": "sprite", "seed": shade, "prompt": "a red gem", "model": "tiny-sdxl"}
    return await keep(services, project, sprite, origin, recipe, {"size": Check(True, 8, True)}, replaces=replaces)


async def publish_gem(services: Services, project: BevyProject, shade: int, path: str = PATH, *, overwrite: bool = False) -> Any:  # noqa: ANN401  # AssetAnswer
    """Keep and publish a gem."""
    made = await keep_gem(services, project, shade, path, replaces=overwrite)
    (answer,) = await publish(services, project, [made], wanted=True, overwrite=overwrite)
    return answer


async def test_an_edit_is_kept_as_the_next_version(running: tuple[Client[Any], Services], game: Path) -> None:
    """Byte for byte, once, as a child of what was edited; and file and manifest stay as they are."""
    client, services = running
    project = open_project(game)
    made = await publish_gem(services, project, 1)
    assert await keep_edited(services, project, PATH) is None

    before = manifest(game)
    (project.assets / PATH).write_bytes(drawn(7))
    edited = await keep_edited(services, project, PATH)
    assert edited is not None
    assert (edited.id, edited.version, edited.seed, edited.published) == (made.id, 2, 0, True)
    assert await services.library.png(made.id) == drawn(7) == (project.assets / PATH).read_bytes()
    assert await services.library.parents(made.id, 2) == [(made.id, 1)]
    assert json.loads(edited.recipe)["kind"] == "edited"
    assert [a.id for a in (await services.library.search.find(Wanted(words="red gem"), 5)).assets] == [made.id]
    assert manifest(game) == before

    assert await keep_edited(services, project, PATH) is None
    assert await keep_replaced(services, project, PATH) == edited
    assert "was edited since it was published" in await refusal(client, asset=made.id, version=1)


async def test_an_edit_that_is_replaced_can_be_brought_back(running: tuple[Client[Any], Services], game: Path) -> None:
    """Asked with overwrite, the answer says which version holds the edit, also if nobody had seen it before."""
    client, services = running
    project = open_project(game)
    made = await publish_gem(services, project, 1)
    (project.assets / PATH).write_bytes(drawn(7))
    over = await publish_gem(services, project, 2, overwrite=True)
    assert (over.version, over.replaced_edit) == (3, 2)

    back = (await client.call_tool("publish_asset", {"asset": made.id, "version": 2})).structured_content
    assert back is not None
    assert back["asset"]["replaced_edit"] is None
    assert (project.assets / PATH).read_bytes() == drawn(7)

    (project.assets / PATH).write_bytes(drawn(9))
    again = (await client.call_tool("publish_asset", {"asset": made.id, "version": 1, "overwrite": True})).structured_content
    assert again is not None
    assert again["asset"]["replaced_edit"] == 4
    assert f"version 4 of {made.id}" in again["next"]


async def test_an_edited_tileset_stays_one_if_its_size_does(running: tuple[Client[Any], Services], game: Path) -> None:
    """With its grid and sidecars; one of another size is a picture."""
    client, services = running
    project = open_project(game)
    made = await keep_tileset(services, game, 1)
    await publish(services, project, [made], wanted=True, overwrite=False)
    (project.assets / TILES).write_bytes(drawn(7, 16))
    edited = await keep_edited(services, project, TILES)
    assert edited is not None
    await client.call_tool("publish_asset", {"asset": TILES})
    assert (manifest(game)["version"], manifest(game)["tileset"]) == (2, {"n": 1})

    (project.assets / TILES).write_bytes(drawn(8, 24))
    await keep_edited(services, project, TILES)
    await client.call_tool("publish_asset", {"asset": TILES, "overwrite": True})
    assert (manifest(game)["version"], manifest(game)["kind"], manifest(game)["width"]) == (3, "sprite", 24)


@pytest.mark.parametrize("data", [b"", b"half a PNG", drawn(7)[:40], drawn(7, kind="BMP")])
async def test_what_is_no_whole_png_is_left_alone(running: tuple[Client[Any], Services], game: Path, data: bytes) -> None:
    """An artist's program may be at work; what nobody published, and what is not there, too."""
    _, services = running
    project = open_project(game)
    await publish_gem(services, project, 1)
    (project.assets / PATH).write_bytes(data)
    (project.assets / "mine.png").write_bytes(drawn(7))
    for path in (PATH, "mine.png", "nothing.png", "../Cargo.toml"):
        assert await keep_edited(services, project, path) is None
    assert (await services.library.search.find(Wanted(), 5)).assets[0].version == 1


async def test_a_project_from_elsewhere_keeps_its_edits(running: tuple[Client[Any], Services], game: Path) -> None:
    """Where the library lacks the version that was edited, as after a clone, the edit is the first one of its asset."""
    _, services = running
    project = open_project(game)
    await publish_gem(services, project, 1)
    file = game / "assets/manifests/dgx_pixels.json"
    other = json.loads(file.read_text())
    other["assets"][0] |= {"id": "ffffffffffff", "path": "sprites/item_else.png"}
    file.write_text(json.dumps(other))
    (project.assets / "sprites/item_else.png").write_bytes(drawn(7))
    edited = await keep_edited(services, project, "sprites/item_else.png")
    assert edited is not None
    assert (edited.version, await services.library.parents(edited.id, 1)) == (1, [])


async def test_an_edit_that_is_saved_before_the_publish_is_kept(running: tuple[Client[Any], Services], game: Path) -> None:
    """Also one that an artist saves after the new picture was kept."""
    _, services = running
    project = open_project(game)
    made = await publish_gem(services, project, 1)
    new = await keep_gem(services, project, 2)
    (project.assets / PATH).write_bytes(drawn(7))
    (answer,) = await publish(services, project, [new], wanted=True, overwrite=True)
    assert answer.replaced_edit is not None
    assert await services.library.png(made.id, answer.replaced_edit) == drawn(7)


async def test_overwrite_keeps_a_picture_of_the_users_own(running: tuple[Client[Any], Services], game: Path) -> None:
    """One that we never published is imported first; what the library cannot keep is not overwritten."""
    _, services = running
    project = open_project(game)
    file = project.assets / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(drawn(7))
    over = await publish_gem(services, project, 1, overwrite=True)
    assert (over.version, over.replaced_edit) == (2, 1)
    assert await services.library.png(over.id, 1) == drawn(7) != file.read_bytes()

    file.write_bytes(drawn(7, kind="BMP"))
    with pytest.raises(PublishError, match=r"BMP.*Move it away"):
        await publish_gem(services, project, 2, overwrite=True)
    assert file.read_bytes() == drawn(7, kind="BMP")


async def test_the_same_edit_of_two_files_is_kept_for_both(running: tuple[Client[Any], Services], game: Path) -> None:
    """The answer names a version of the asset that it is about."""
    _, services = running
    project = open_project(game)
    other = "sprites/item_other.png"
    made = [await publish_gem(services, project, n, path) for n, path in enumerate((PATH, other))]
    for path in (PATH, other):
        (project.assets / path).write_bytes(drawn(7))
        assert await keep_edited(services, project, path) is not None
    over = await publish_gem(services, project, 5, other, overwrite=True)
    assert (over.id, over.replaced_edit) == (made[1].id, 2)
    assert await services.library.png(over.id, 2) == drawn(7)


async def test_an_edit_that_another_games_asset_replaces_is_named(
    running: tuple[Client[Any], Services], game: Path, make_game: Callable[[str], Path]
) -> None:
    """By the id of the asset that it is a version of, which is not the published one's."""
    client, services = running
    made = await publish_gem(services, open_project(game), 1)
    other = open_project(make_game("other"))
    mine = await publish_gem(services, other, 2)
    (other.assets / PATH).write_bytes(drawn(7))
    asked = {"asset": made.id, "project": str(other.root), "overwrite": True}
    answer = (await client.call_tool("publish_asset", asked)).structured_content
    assert answer is not None
    assert (answer["asset"]["id"], answer["asset"]["replaced_id"], answer["asset"]["replaced_edit"]) == (made.id, mine.id, 2)
    assert f"version 2 of {mine.id}" in answer["next"]

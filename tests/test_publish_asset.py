"""publish_asset: any version of an asset comes back into the project as it was, with all that belongs to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import in_both_eras, text_of
from fastmcp import Client, FastMCP
from fastmcp.client.client import CallToolResult
from test_library import NEW

from dgx_pixels.bevy.items import Sidecar
from dgx_pixels.bevy.manifest import Atlas
from dgx_pixels.bevy.project import open_project
from dgx_pixels.library.library import Library
from dgx_pixels.pixels.checks import Check
from dgx_pixels.pixels.palette import palette_of
from dgx_pixels.pixels.sprite import Sprite
from dgx_pixels.server.app import build
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.job_finished import Origin, keep, publish
from dgx_pixels.tools.services import Services

PATH = "sprites/item_red_potion.png"
QUICK: dict[str, Any] = {"prompt": "a red potion", "steps": 1}


async def two_versions(client: Client[Any]) -> str:
    """Draw the potion twice, with other seeds; the asset's id."""
    for seed in (7, 8):
        answer = (await client.call_tool("generate_sprite", {**QUICK, "seed": seed})).structured_content
    assert answer is not None
    found: str = answer["result"]["assets"][0]["id"]
    return found


def manifest(game: Path) -> dict[str, Any]:
    """The only entry of the game's manifest."""
    (entry,) = json.loads((game / "assets/manifests/dgx_pixels.json").read_text())["assets"]
    found: dict[str, Any] = entry
    return found


async def refusal(client: Client[Any], **arguments: object) -> str:
    """The text of the tool error that these arguments get."""
    result: CallToolResult = await client.call_tool("publish_asset", arguments, raise_on_error=False)
    assert result.is_error
    return text_of(result)


@in_both_eras
async def test_an_earlier_version_comes_back_byte_for_byte(client: Client[Any], game: Path) -> None:
    """By id or by path, with its own entry in the manifest; the newest if none is named."""
    await client.call_tool("generate_sprite", {**QUICK, "seed": 7})
    first, entry = (game / "assets" / PATH).read_bytes(), manifest(game)
    asset = await two_versions(client)
    second = (game / "assets" / PATH).read_bytes()

    answer = (await client.call_tool("publish_asset", {"asset": asset, "version": 1})).structured_content
    assert answer is not None
    assert (game / "assets" / PATH).read_bytes() == first != second
    assert manifest(game) == entry
    assert (answer["asset"]["version"], answer["asset"]["seed"], answer["asset"]["published"]) == (1, 7, True)
    assert answer["asset"]["checks"]["size"]["ok"]
    await client.call_tool("publish_asset", {"asset": f"assets/{PATH}"})
    assert (game / "assets" / PATH).read_bytes() == second


async def test_a_file_edited_by_hand_is_kept_until_overwrite(server: FastMCP[Any], game: Path) -> None:
    """Putting a version back does not cost the user an edit, also not with overwrite if the library cannot keep it."""
    async with Client(server) as client:
        asset = await two_versions(client)
        (game / "assets" / PATH).write_bytes(b"mine")
        assert "was edited since it was published" in await refusal(client, asset=asset, version=1)
        said = await refusal(client, asset=asset, version=1, overwrite=True)
        assert "the library cannot keep it" in said
        assert "Move it away" in said
        assert (game / "assets" / PATH).read_bytes() == b"mine"
        (game / "assets" / PATH).unlink()
        await client.call_tool("publish_asset", {"asset": asset, "version": 1, "overwrite": True})
    assert manifest(game)["version"] == 1


async def test_another_game_can_have_it_too(server: FastMCP[Any], make_game: Callable[[str], Path]) -> None:
    """An asset may be published into a project that it was not made for, also one that was made for none."""
    other = make_game("other")
    async with Client(server) as client:
        asset = await two_versions(client)
        await client.call_tool("publish_asset", {"asset": asset, "project": str(other)})
        assert (other / "assets" / PATH).is_file()
        assert "no asset" in await refusal(client, asset=PATH, project=str(make_game("third")))


async def test_it_takes_no_other_assets_place_unasked(server: FastMCP[Any], make_game: Callable[[str], Path]) -> None:
    """Where the other game has an asset of its own at that path, that one stays until overwrite."""
    other = make_game("other")
    async with Client(server) as client:
        asset = await two_versions(client)
        await client.call_tool("generate_sprite", {**QUICK, "seed": 9, "project": str(other)})
        before = (other / "assets" / PATH).read_bytes()
        assert "another asset" in await refusal(client, asset=asset, project=str(other))
        assert (other / "assets" / PATH).read_bytes() == before
        await client.call_tool("publish_asset", {"asset": asset, "project": str(other), "overwrite": True})
        assert (other / "assets" / PATH).read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"asset": "nope"}, "no asset 'nope'"),
        ({"asset": "../../etc/passwd"}, "no asset '../../etc/passwd'"),
        ({"asset": ""}, "no asset ''"),
        ({"asset": "\ud800"}, "half a character"),
        ({"asset": PATH, "version": 9}, "version 9"),
        ({"asset": PATH, "version": 0}, "version 0"),
        ({"asset": PATH, "version": 10**30}, "no asset"),
    ],
)
async def test_what_there_is_not_is_named(server: FastMCP[Any], arguments: dict[str, Any], says: str) -> None:
    """One sentence, and nothing written."""
    async with Client(server) as client:
        await client.call_tool("generate_sprite", {**QUICK, "publish": False})
        assert says in await refusal(client, **arguments)


def tiles(shade: int) -> Sprite:
    """A picture of four tiles."""
    rgba = np.full((16, 16, 4), 255, dtype=np.uint8)
    rgba[:8, :8, 0] = shade
    return Sprite(rgba, palette_of(rgba[..., :3].reshape(-1, 3)))


async def keep_tileset(services: Services, game: Path, shade: int, *, ok: bool = True) -> Any:  # noqa: ANN401  # Finished
    """Keep a tileset, as a job does at its end."""
    atlas = Atlas(tile_width=8, tile_height=8, columns=2, rows=2)
    sidecars = tuple(Sidecar(f"manifests/tile_x.{end}", f"{end} {shade} ä".encode()) for end in ("json", "tsx"))
    origin = Origin(
        "tiles/tile_x.png", "x", "tile", "grass", 3, "m", kind="tileset", atlas=atlas, tileset={"n": shade}, sidecars=sidecars
    )
    checks = {"complete": Check(ok, shade, True)}
    return await keep(services, open_project(game), tiles(shade), origin, {"kind": "tileset", "shade": shade}, checks)


async def test_an_earlier_tileset_comes_back_whole(settings: Settings, game: Path) -> None:
    """Picture, grid, tileset block and sidecars are those of the version; one that failed a check is refused."""
    mcp = build(settings)[0]
    async with Client(mcp) as client:
        services = mcp._lifespan_result["services"]  # type: ignore[index]  # the server runs
        for shade in (1, 2):
            made = await keep_tileset(services, game, shade)
            await publish(services, open_project(game), [made], wanted=True, overwrite=False)
        await keep_tileset(services, game, 3, ok=False)
        assert manifest(game)["tileset"] == {"n": 2}
        answer = (await client.call_tool("publish_asset", {"asset": "tiles/tile_x.png", "version": 1})).structured_content
        assert "failed its check (complete)" in await refusal(client, asset="tiles/tile_x.png")
    assert answer is not None
    assert answer["asset"]["kind"] == "tileset"
    assert answer["asset"]["sidecars"] == ["manifests/tile_x.json", "manifests/tile_x.tsx"]
    assert manifest(game)["tileset"] == {"n": 1}
    assert manifest(game)["atlas"]["columns"] == 2
    assert [(game / f"assets/manifests/tile_x.{end}").read_text() for end in ("json", "tsx")] == ["json 1 ä", "tsx 1 ä"]


async def test_a_version_from_before_there_were_details_is_published(
    server: FastMCP[Any], settings: Settings, game: Path
) -> None:
    """Then prompt and model are those of its recipe."""
    async with Client(server) as client:
        asset = await two_versions(client)
        for file in settings.home.glob("assets/*/*.details.json"):
            file.unlink()
        await client.call_tool("publish_asset", {"asset": asset, "version": 1})
    assert (manifest(game)["prompt"], manifest(game)["model"], manifest(game)["seed"]) == ("a red potion", "tiny-sdxl", 7)


async def test_damaged_details_are_one_sentence(server: FastMCP[Any], settings: Settings) -> None:
    """A file of the library that was tampered with is named, not trusted."""
    async with Client(server) as client:
        asset = await two_versions(client)
        for file in settings.home.glob("assets/*/*.details.json"):
            file.write_text('{"kind": "sprite", "sidecars": {"a": 1}}')
        assert "is damaged" in await refusal(client, asset=asset)


async def test_the_library_keeps_details_with_each_version(tmp_path: Path) -> None:
    """The same picture with other details is another version; with the same ones it is not."""
    library = await Library.open(tmp_path)
    versions = [await library.add(replace(NEW, details=details)) for details in ("one", "one", "two")]
    assert [v.version for v in versions] == [1, 1, 2]
    assert [await library.details(v) for v in versions] == ["one", "one", "two"]
    await library.close()


def test_the_command_line_publishes_too(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`init` and `publish` print what they did; a failure is one sentence and a status."""

    async def draw() -> None:
        async with Client(build(settings)[0]) as client:
            await two_versions(client)

    asyncio.run(draw())
    where = ["--home", str(settings.home), "--project", str(game)]
    for words, status, says in (
        (["init", "--tile-size", "16"], 0, "tile_size 16"),
        (["publish", PATH, "--version", "1"], 0, "version 1"),
        (["publish", PATH, "--version", "5"], 1, "version 5"),
        (["init", "--view", "up"], 1, "give top-down"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*words, *where])
        out, err = capsys.readouterr()
        assert ended.value.code == status
        assert says in (out if status == 0 else err)
    assert manifest(game)["version"] == 1

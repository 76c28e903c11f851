"""list_assets, tags and the resource of an asset, by a real client; and the same from the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from conftest import text_of
from fastmcp import Client
from test_library_edits import PATH, drawn, publish_gem
from test_library_search import new
from test_resources import read

from dgx_pixels.bevy.project import open_project
from dgx_pixels.server.app import build
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.services import Services


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[tuple[Client[Any], Services]]:
    """A client, and the services of the server that it is connected to."""
    mcp = build(settings)[0]
    async with Client(mcp) as client:
        yield client, mcp._lifespan_result["services"]  # type: ignore[index]  # the server runs


async def listed(client: Client[Any], **asked: object) -> tuple[list[str], dict[str, Any]]:
    """The names that list_assets finds, and its whole answer."""
    answer = (await client.call_tool("list_assets", asked)).structured_content
    assert answer is not None
    return [a["name"] for a in answer["assets"]], answer


async def test_assets_are_found_page_by_page(running: tuple[Client[Any], Services], game: Path) -> None:
    """Of this project unless told otherwise, by each filter, with a cursor to the next page."""
    client, services = running
    for i in range(5):
        await services.library.add(new(f"a{i}", project=str(game), tags=("odd",) if i % 2 else ()))
    await services.library.add(new("elsewhere", project="/other", palette=("#fff1e8", "#000000")))

    names, answer = await listed(client, limit=2)
    assert (names, answer["total"]) == (["a4", "a3"], 5)
    names, answer = await listed(client, limit=4, cursor=answer["cursor"])
    assert (names, answer["cursor"]) == (["a2", "a1", "a0"], None)
    assert (await listed(client, tags=["ODD"]))[0] == ["a3", "a1"]
    assert (await listed(client, words="a4"))[0] == ["a4"]
    assert (await listed(client, everywhere=True, palette="pico-8"))[0] == ["elsewhere"]
    assert (await listed(client, kind="tileset"))[0] == []
    assert (await listed(client, words="a3"))[1]["assets"][0]["tags"] == ["odd"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"limit": 0}, "limit is 0"),
        ({"kind": "'; DROP TABLE assets; --"}, "is not one of sprite, sheet, tileset"),
        ({"tags": ["x'; DROP TABLE assets; --"]}, "is not allowed"),
        ({"words": "'; --"}, "cannot be looked for"),
        ({"words": "\ud800"}, "half a character"),
        ({"palette": "nope"}, "'nope' is not a palette"),
        ({"palette": "../../etc/passwd.hex"}, "may not be read"),
        ({"cursor": "forged"}, "none of ours"),
    ],
)
async def test_what_cannot_be_listed_is_named(running: tuple[Client[Any], Services], asked: dict[str, Any], says: str) -> None:
    """One sentence, and the library answers on."""
    client, services = running
    await services.library.add(new("a", project=""))
    result = await client.call_tool("list_assets", asked, raise_on_error=False)
    assert result.is_error
    assert says in text_of(result)
    assert (await listed(client, everywhere=True))[0] == ["a"]


async def test_publishing_sets_tags(running: tuple[Client[Any], Services], game: Path) -> None:
    """An agent tags what it publishes; left out, they stay; a tag that is not allowed changes nothing."""
    client, services = running
    made = await publish_gem(services, open_project(game), 1)
    await client.call_tool("publish_asset", {"asset": made.id, "tags": ["Cave", "shiny"]})
    assert (await listed(client, tags=["cave", "shiny"]))[0] == ["gem"]
    await client.call_tool("publish_asset", {"asset": made.id})
    refused = await client.call_tool("publish_asset", {"asset": made.id, "tags": ["a;b"]}, raise_on_error=False)
    assert "is not allowed" in text_of(refused)
    assert (await listed(client, words="shin"))[0] == ["gem"]
    await client.call_tool("publish_asset", {"asset": made.id, "tags": []})
    assert (await listed(client, tags=["cave"]))[0] == []


async def test_an_asset_tells_its_history(running: tuple[Client[Any], Services], game: Path) -> None:
    """All versions with parents, the newest one's recipe and checks, tags, and where which version stands."""
    client, services = running
    project = open_project(game)
    made = await publish_gem(services, project, 1)
    (project.assets / PATH).write_bytes(drawn(7))
    await publish_gem(services, project, 2, overwrite=True)
    await client.call_tool("publish_asset", {"asset": made.id, "version": 1, "tags": ["cave"]})

    told = await read(client, f"pixels://assets/{made.id}")
    assert [(v["version"], v["parents"]) for v in told["versions"]] == [(3, []), (2, [{"id": made.id, "version": 1}]), (1, [])]
    assert told["recipe"] == {"kind": "sprite", "seed": 2, "prompt": "a red gem", "model": "tiny-sdxl"}
    assert told["checks"] == {"size": {"ok": True, "value": 8, "blocks": True}}
    assert told["places"] == [{"project": str(game), "path": PATH, "version": 1}]
    assert told["tags"] == ["cave"]


def run(capsys: pytest.CaptureFixture[str], settings: Settings, game: Path, *words: str) -> str:
    """What the command prints."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--home", str(settings.home), "--project", str(game)])
    out, err = capsys.readouterr()
    assert ended.value.code == (1 if err else 0), err
    return out + err


def test_the_command_line_imports_tags_and_finds(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the game's folder, without a server; failures are one sentence."""
    (game / "assets/enemy_green_slime.png").write_bytes(drawn(1))
    (game / "assets/broken.png").write_bytes(b"no")
    said = run(capsys, settings, game, "assets", "import")
    assert "broken.png  left out: These 2 bytes are no picture" in said
    assert "1 taken in, 0 were known" in said
    asset = json.loads(run(capsys, settings, game, "assets", "list", "slime", "--json"))["assets"][0]
    assert "boss, swamp" in run(capsys, settings, game, "assets", "tag", asset["id"], "Swamp", "boss")
    assert f"{asset['id']}  v1  8x8  enemy_green_slime.png  boss, swamp" in run(capsys, settings, game, "assets", "--tag", "boss")
    assert "0 assets." in run(capsys, settings, game, "assets", "list", "dragon")
    assert "no asset 'nope'" in run(capsys, settings, game, "assets", "tag", "nope", "x")
    assert "needs an asset's id" in run(capsys, settings, game, "assets", "tag")
    assert "not inside" in run(capsys, settings, game, "assets", "import", "../..")

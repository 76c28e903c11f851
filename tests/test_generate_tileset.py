"""generate_tileset on the real embedded model, through a real client."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import in_both_eras, text_of
from fastmcp import Client, FastMCP
from mcp_types import ImageContent
from PIL import Image

from dgx_pixels.bevy.manifest import parse_manifest
from dgx_pixels.models import profiles
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings

QUICK: dict[str, Any] = {"terrains": ["water", "sand"], "seed": 3, "variants": 1, "name": "shore"}
FILES = ("tiles/tile_shore.png", "manifests/tile_shore.json", "manifests/tile_shore.tsx", "manifests/tile_shore.tmx")


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw terrains in three steps, for tests that do not ask how well tiles fit."""
    monkeypatch.setitem(profiles._TINY, "standard", Schedule("dpmpp_2m", 3, 3.0))


@in_both_eras
async def test_a_proven_set_lies_in_the_game_with_all_its_files(client: Client[Any], game: Path) -> None:
    """Atlas, sidecars and manifest agree; the answer says how well the tiles fit; the preview is a picture of a map."""
    result = await client.call_tool("generate_tileset", QUICK)

    assert result.structured_content is not None
    made = result.structured_content["result"]
    asset, found = made["assets"][0], made["tileset"]
    assert (asset["kind"], asset["path"], asset["published"]) == ("tileset", FILES[0], True)
    assert {asset["path"], *asset["sidecars"]} == set(FILES)
    assert all(check["ok"] for check in asset["checks"].values())
    assert (found["tiles"], found["columns"], found["rows"]) == (16, 4, 4)
    assert found["mean_seam"] <= 1.15
    entry = parse_manifest((game / "assets/manifests/dgx_pixels.json").read_bytes()).assets[0]
    assert entry.atlas is not None
    assert (entry.atlas.tile_width, entry.atlas.columns, entry.atlas.rows) == (16, 4, 4)
    assert entry.tileset is not None
    assert entry.tileset["terrains"] == ["water", "sand"]
    assert entry.tileset["tiles"][1] == [0, 1, 0, 0]
    assert len(entry.files) == 3
    for file in FILES:
        assert (game / "assets" / file).is_file()
    with Image.open(game / "assets" / FILES[0]) as image:
        assert (image.mode, image.size) == ("RGBA", (64, 64))
    preview = next(block for block in result.content if isinstance(block, ImageContent))
    with Image.open(io.BytesIO(base64.b64decode(preview.data))) as image:
        assert image.size == (512, 384)
    sidecar = json.loads((game / "assets" / FILES[1]).read_text())
    assert np.array(sidecar["map"]).shape == (1, 24, 32)


@pytest.mark.usefixtures("few_steps")
async def test_the_same_seed_gives_the_same_files_and_another_seed_others(server: FastMCP[Any], game: Path) -> None:
    """A set can be made again, byte for byte, from its recipe, which tells of nothing else."""
    async with Client(server) as client:
        digests = []
        for seed in (3, 3, 4):
            await client.call_tool("generate_tileset", {**QUICK, "seed": seed})
            digests.append([hashlib.sha256((game / "assets" / file).read_bytes()).hexdigest() for file in FILES])
    recipe = json.loads(recipe_in((game / "assets" / FILES[0]).read_bytes()) or "")

    assert digests[0] == digests[1]
    assert digests[0][0] != digests[2][0]
    assert (recipe["terrains"], recipe["layout"], recipe["seed"]) == (["water", "sand"], "wang16", 4)
    assert len(recipe["weights_sha256"]) == 4


@pytest.mark.parametrize(
    ("asked", "tiles"),
    [
        ({"kind": "blob47", "tile_size": 32}, 48),
        pytest.param({"kind": "dualgrid15", "tile_size": 8, "transition": "rough"}, 16, marks=pytest.mark.slow),
        ({"kind": "sidescroller", "terrains": ["brown dirt floor", "grass floor"]}, 47),
        pytest.param({"kind": "seamless", "tile_size": 15, "variants": 3}, 6, marks=pytest.mark.slow),
        ({"terrains": ["water", "sand", "grass floor"], "pairs": [["sand", "water"], ["grass floor", "sand"]]}, 31),
        pytest.param({"transition": "soft", "tile_size": 64, "colors": 6}, 16, marks=pytest.mark.slow),
    ],
)
async def test_every_kind_comes_out_proven(server: FastMCP[Any], asked: dict[str, Any], tiles: int) -> None:
    """Kinds, sizes the model does not draw itself, transitions and pairs."""
    async with Client(server) as client:
        answer = (await client.call_tool("generate_tileset", {**QUICK, **asked})).structured_content

    assert answer is not None
    assert answer["result"]["tileset"]["tiles"] == tiles
    assert all(check["ok"] for check in answer["result"]["assets"][0]["checks"].values())


@pytest.mark.usefixtures("few_steps")
async def test_a_locked_palette_holds(server: FastMCP[Any], game: Path) -> None:
    """Lines and shadows are of it, too."""
    async with Client(server) as client:
        await client.call_tool("generate_tileset", {**QUICK, "palette": "pico-8"})

    rgba = np.array(Image.open(game / "assets" / FILES[0]))
    assert {tuple(map(int, c)) for c in rgba.reshape(-1, 4)[:, :3]} <= set(read_palette("pico-8"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"terrains": list("abcdefg")}, "7 terrains are asked for, but a tileset has 1 to 6"),
        ({"terrains": []}, "0 terrains are asked for"),
        ({"terrains": ["grass", " "]}, "A terrain is empty"),
        ({"terrains": ["grass", "grass"]}, "'grass' is named twice"),
        ({"terrains": ["grass", "\ud800"]}, "lone surrogate"),
        ({"terrains": ["grass"]}, "needs at least 2 terrains"),
        ({"terrains": ["a", "b", "c"], "kind": "sidescroller"}, "a sidescroller has 1 or 2"),
        ({"kind": "hexagons"}, "'hexagons' is not one of seamless, wang16, blob47, dualgrid15, sidescroller"),
        ({"tile_size": 15}, "must be even: ask for 14 or 16"),
        ({"tile_size": 4}, "tile_size is 4, but must be from 8 to 64"),
        ({"tile_size": 65}, "tile_size is 65"),
        ({"variants": 9}, "variants is 9"),
        ({"transition": "blurry"}, "'blurry' is not one of hard, rough, outlined, soft"),
        ({"colors": 5}, "must be from 6 (3 for each terrain) to 256"),
        ({"pairs": [["grass", "water"]]}, "not two different ones of the terrains"),
        ({"pairs": [["sand", "water"], ["water", "sand"]]}, "asked for twice"),
        ({"pairs": [["water", "sand"]], "kind": "blob47"}, "write ['sand', 'water'], or swap the two in terrains"),
        ({"terrains": ["grass", "bad\x01name"]}, "'bad\\x01name' holds a character that cannot be printed"),
        ({"pairs": []}, "in none of the pairs"),
        ({"pairs": [["sand", "water"]], "kind": "dualgrid15"}, "has no pairs"),
        ({"name": "../evil"}, "../evil"),
        ({"seed": -1}, "seed is -1"),
        ({"palette": "pico-9"}, "pico-8"),
        ({"model": "sdxxl"}, "no model 'sdxxl'"),
        ({"terrains": "grass"}, "terrains"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
async def test_bad_input_gets_one_sentence_and_nothing_is_written(
    server: FastMCP[Any], game: Path, asked: dict[str, Any], says: str
) -> None:
    """What was wrong, and what is allowed."""
    async with Client(server) as client:
        result = await client.call_tool("generate_tileset", {**QUICK, **asked}, raise_on_error=False)

    assert result.is_error
    assert says in text_of(result)
    assert [*(game / "assets").iterdir()] == []


async def test_terrains_that_come_out_alike_are_refused(server: FastMCP[Any], game: Path) -> None:
    """Different words for one look make no tileset; the sentence names them, and nothing is published."""
    async with Client(server) as client:
        result = await client.call_tool("generate_tileset", {**QUICK, "terrains": ["dirt", "dirt path"]}, raise_on_error=False)

    assert result.is_error
    assert "'dirt' and 'dirt path' came out so alike" in text_of(result)
    assert not (game / "assets/tiles").exists()


@pytest.mark.usefixtures("few_steps")
async def test_a_tsx_edited_by_hand_is_not_replaced_unasked(server: FastMCP[Any], game: Path) -> None:
    """Somebody's collision shapes in Tiled survive; refused before anything is drawn."""
    tsx = game / "assets" / FILES[2]
    async with Client(server) as client:
        await client.call_tool("generate_tileset", QUICK)
        tsx.write_text(tsx.read_text() + "<!-- mine -->")
        result = await client.call_tool("generate_tileset", {**QUICK, "seed": 4}, raise_on_error=False)

    assert result.is_error
    assert "tile_shore.tsx" in text_of(result)
    assert "mine" in tsx.read_text()


@pytest.mark.usefixtures("few_steps")
async def test_get_job_shows_the_map_again(server: FastMCP[Any]) -> None:
    """A job that outlasted its wait is fetched with the same preview."""
    async with Client(server) as client:
        begun = (await client.call_tool("generate_tileset", {**QUICK, "wait_s": 0})).structured_content
        assert begun is not None
        ended = await client.call_tool("get_job", {"job_id": begun["job_id"], "wait_s": 100})

    assert ended.structured_content is not None
    assert ended.structured_content["result"]["tileset"]["kind"] == "wang16"
    assert [block for block in ended.content if isinstance(block, ImageContent)]


@pytest.mark.usefixtures("few_steps")
def test_the_command_line_makes_the_same_set(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`dgx-pixels tileset` writes it, says how well it fits, and exits with 0; nonsense exits with 1 and a sentence."""
    common = ["--home", str(settings.home), "--project", str(game), "--port", str(settings.port), "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main(["tileset", "water", "sand", "--seed", "3", "--variants", "1", "--name", "shore", *common])
    assert ended.value.code == 0
    assert "all 128 legal neighbours fit" in capsys.readouterr().out
    assert (game / "assets" / FILES[2]).is_file()

    with pytest.raises(SystemExit) as ended:
        main(["tileset", "water", "sand", "--tile-size", "15", *common])
    assert ended.value.code == 1
    assert "must be even" in capsys.readouterr().err


@pytest.mark.usefixtures("few_steps")
async def test_what_is_left_out_is_taken_from_the_projects_settings(server: FastMCP[Any], game: Path) -> None:
    """Palette and tile size, as for sprites; a palette of 'none' leaves it out."""
    async with Client(server) as client:
        await client.call_tool("setup_project", {"palette": "pico-8", "tile_size": 24})
        await client.call_tool("generate_tileset", QUICK)
        rgba = np.array(Image.open(game / "assets" / FILES[0]))
        free = (await client.call_tool("generate_tileset", {**QUICK, "palette": "none", "tile_size": 8})).structured_content

    assert rgba.shape[:2] == (4 * 24, 4 * 24)
    assert {tuple(map(int, c)) for c in rgba.reshape(-1, 4)[:, :3]} <= set(read_palette("pico-8"))
    assert free is not None
    assert free["result"]["tileset"]["tile_size"] == 8


@pytest.mark.usefixtures("few_steps")
async def test_an_earlier_set_is_published_again_whole(server: FastMCP[Any], game: Path) -> None:
    """Atlas, manifest entry and Tiled's files are those of that version."""
    async with Client(server) as client:
        first = (await client.call_tool("generate_tileset", QUICK)).structured_content
        before = [(game / "assets" / file).read_bytes() for file in FILES]
        await client.call_tool("generate_tileset", {**QUICK, "seed": 4, "tile_size": 8})
        assert first is not None
        asset = first["result"]["assets"][0]["id"]
        await client.call_tool("publish_asset", {"asset": asset, "version": 1})

    assert [(game / "assets" / file).read_bytes() for file in FILES] == before
    entry = parse_manifest((game / "assets/manifests/dgx_pixels.json").read_bytes()).assets[0]
    assert entry.atlas is not None
    assert entry.atlas.tile_width == 16

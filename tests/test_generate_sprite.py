"""generate_sprite on the real embedded model, through a real client in both protocol eras."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import in_both_eras
from fastmcp import Client, FastMCP
from PIL import Image

from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.server import app
from dgx_pixels.server.settings import Settings

QUICK: dict[str, Any] = {"prompt": "a red potion", "seed": 7, "steps": 2}


@in_both_eras
async def test_writes_a_finished_sprite_into_the_game(client: Client[Any], game: Path) -> None:
    """The PNG has exactly the asked size, few colours and binary alpha, and lies where the answer says."""
    answer = (await client.call_tool("generate_sprite", {**QUICK, "colors": 8})).structured_content

    assert answer is not None
    assert answer["status"] == "done"
    asset = answer["result"]["assets"][0]
    assert asset["path"] == "sprites/item_red_potion.png"
    assert str(game / "assets" / asset["path"]) == asset["file"]
    with Image.open(asset["file"]) as image:
        assert (image.mode, image.size) == ("RGBA", (32, 32))
        rgba = np.array(image)
    assert {*np.unique(rgba[..., 3])} <= {0, 255}
    assert asset["colors"] == len(np.unique(rgba[rgba[..., 3] > 0], axis=0)) <= 8
    assert all(check["ok"] for check in asset["checks"].values() if check["blocks"])


async def test_same_seed_gives_the_same_bytes_and_another_seed_another_sprite(client: Client[Any], game: Path) -> None:
    """A sprite can be made again, byte for byte, and seeds differ."""
    file = game / "assets/sprites/item_red_potion.png"
    await client.call_tool("generate_sprite", QUICK)
    first = file.read_bytes()
    await client.call_tool("generate_sprite", QUICK)
    again = file.read_bytes()
    await client.call_tool("generate_sprite", {**QUICK, "seed": 8})
    other = file.read_bytes()

    assert first == again
    assert first != other


async def test_variant_i_is_what_seed_plus_i_draws(client: Client[Any], game: Path) -> None:
    """Variants are sprites in their own right: each can be made again alone."""
    answer = (await client.call_tool("generate_sprite", {**QUICK, "variants": 2})).structured_content
    await client.call_tool("generate_sprite", {**QUICK, "seed": 8, "name": "alone"})

    assert answer is not None
    assert [a["seed"] for a in answer["result"]["assets"]] == [7, 8]
    second = Image.open(game / "assets/sprites/item_red_potion_v2.png")
    alone = Image.open(game / "assets/sprites/item_alone.png")
    assert second.tobytes() == alone.tobytes()


async def test_a_locked_palette_holds(client: Client[Any], game: Path) -> None:
    """Every opaque pixel has a colour of the asked palette."""
    await client.call_tool("generate_sprite", {**QUICK, "palette": "pico-8"})

    rgba = np.array(Image.open(game / "assets/sprites/item_red_potion.png"))
    used = {tuple(int(v) for v in c) for c in rgba[rgba[..., 3] > 0][:, :3]}
    assert used <= set(read_palette("pico-8"))


@pytest.mark.parametrize(
    ("asked", "most"), [({}, 16), ({"palette": "endesga-32"}, 32), ({"palette": "endesga-32", "colors": 8}, 8)]
)
async def test_a_whole_palette_may_be_used_unless_fewer_colours_are_asked(
    server: FastMCP[Any], game: Path, asked: dict[str, Any], most: int
) -> None:
    """A palette of 32 is not cut to the default of 16."""
    async with Client(server) as client:
        await client.call_tool("generate_sprite", {**QUICK, **asked})

    assert most == json.loads(recipe_in((game / "assets/sprites/item_red_potion.png").read_bytes()) or "")["colors"]


async def test_a_tile_keeps_its_ground(client: Client[Any], game: Path) -> None:
    """A tile fills its square unless the caller asks for transparency."""
    await client.call_tool("generate_sprite", {**QUICK, "category": "tile"})

    rgba = np.array(Image.open(game / "assets/sprites/tile_red_potion.png"))
    assert (rgba[..., 3] == 255).all()


@pytest.mark.parametrize(("prompt", "palette", "shown"), [
    ("a red potion", None, True), ("a red potion", "game-boy", True), ("stone floor", None, False),
])  # fmt: skip
async def test_a_tile_that_shows_the_key_says_so(
    client: Client[Any], game: Path, prompt: str, palette: str | None, shown: bool
) -> None:
    """A thing asked for as a tile stands on the model's key colour, palette or not: a check and `next` say what to do."""
    asked = {**QUICK, "prompt": prompt, "palette": palette, "category": "tile", "steps": 8}
    answer = (await client.call_tool("generate_sprite", asked)).structured_content

    assert answer is not None
    (asset,) = answer["result"]["assets"]
    assert asset["published"]
    assert asset["checks"]["key"]["ok"] is not shown
    assert (asset["checks"]["key"]["value"] > 0.3) is shown
    assert ("transparent=true" in answer["next"]) is shown


async def test_the_recipe_in_the_png_makes_it_again_and_tells_no_tales(
    client: Client[Any], settings: Settings, game: Path
) -> None:
    """The recipe has prompt, seed and weights, but no path, host, time or job."""
    answer = (await client.call_tool("generate_sprite", QUICK)).structured_content

    assert answer is not None
    text = recipe_in((game / "assets/sprites/item_red_potion.png").read_bytes())
    assert text is not None
    recipe = json.loads(text)
    assert (recipe["prompt"], recipe["seed"], recipe["schedule"]["steps"]) == ("a red potion", 7, 2)
    assert len(recipe["weights_sha256"]) == 4
    for secret in (str(settings.home), str(game), answer["job_id"], game.name):
        assert secret not in text


async def test_the_manifest_names_the_published_file(client: Client[Any], game: Path) -> None:
    """A game can find every published sprite, with its SHA-256, without touching Rust."""
    await client.call_tool("generate_sprite", QUICK)

    manifest = json.loads((game / "assets/manifests/dgx_pixels.json").read_text())
    entry = manifest["assets"][0]
    digest = hashlib.sha256((game / "assets" / entry["path"]).read_bytes()).hexdigest()
    assert ("sprites/item_red_potion.png", digest, 1) == (entry["path"], entry["sha256"], entry["version"])


async def test_the_same_name_again_is_a_new_version_and_the_old_one_stays(client: Client[Any]) -> None:
    """Nothing made is lost when a sprite is drawn anew."""
    one = (await client.call_tool("generate_sprite", QUICK)).structured_content
    two = (await client.call_tool("generate_sprite", {**QUICK, "seed": 8})).structured_content

    assert one is not None
    assert two is not None
    first, second = one["result"]["assets"][0], two["result"]["assets"][0]
    assert (first["id"], 1, 2) == (second["id"], first["version"], second["version"])
    old, new = [await client.call_tool("view_asset", {"asset_id": first["id"], "version": v}) for v in (1, 2)]
    assert new.content[0].mime_type == "image/png"  # type: ignore[union-attr]  # had it no such field, this fails, too
    assert old.content != new.content


async def test_a_file_edited_by_hand_is_not_replaced_unasked(client: Client[Any], game: Path) -> None:
    """An artist's touch-up survives, until `overwrite` says otherwise."""
    file = game / "assets/sprites/item_red_potion.png"
    await client.call_tool("generate_sprite", QUICK)
    Image.new("RGBA", (32, 32), (1, 2, 3, 255)).save(file)
    edited = file.read_bytes()

    refused = await client.call_tool("generate_sprite", QUICK, raise_on_error=False)
    assert refused.is_error
    assert edited == file.read_bytes()
    await client.call_tool("generate_sprite", {**QUICK, "overwrite": True})
    assert edited != file.read_bytes()


async def test_without_a_project_the_sprite_stays_in_the_library(
    server: FastMCP[Any], settings: Settings, tmp_path: Path
) -> None:
    """Drawing works outside any game; the answer says how to have it published."""
    homeless = Settings(home=tmp_path / "home2", port=settings.port, device="cpu")
    async with Client(app.build(homeless)[0]) as client:
        answer = (await client.call_tool("generate_sprite", QUICK)).structured_content

    assert answer is not None
    asset = answer["result"]["assets"][0]
    assert not asset["published"]
    assert Path(asset["file"]).is_file()
    assert "project" in answer["next"]


async def test_two_games_share_one_server(server: FastMCP[Any], make_game: Callable[[str], Path], game: Path) -> None:
    """Each sprite lands in the game it was asked for, whatever the server's own project is."""
    mine, yours = make_game("mine"), make_game("yours")
    async with Client(server) as one, Client(server) as two:
        await asyncio.gather(
            one.call_tool("generate_sprite", {**QUICK, "project": str(mine), "name": "sword"}),
            two.call_tool("generate_sprite", {**QUICK, "project": str(yours), "name": "shield"}),
        )

    assert [p.name for p in (mine / "assets/sprites").iterdir()] == ["item_sword.png"]
    assert [p.name for p in (yours / "assets/sprites").iterdir()] == ["item_shield.png"]
    assert [*(game / "assets").iterdir()] == []


@in_both_eras
async def test_a_job_that_outlasts_the_wait_goes_on(client: Client[Any], game: Path) -> None:
    """With wait_s 0 the call answers at once, and get_job fetches the sprite."""
    begun = (await client.call_tool("generate_sprite", {**QUICK, "wait_s": 0})).structured_content
    assert begun is not None
    assert begun["status"] in ("queued", "running")

    ended = (await client.call_tool("get_job", {"job_id": begun["job_id"]})).structured_content
    assert ended is not None
    assert ended["status"] == "done"
    assert (game / "assets/sprites/item_red_potion.png").is_file()


async def test_progress_is_told_and_only_grows(server: FastMCP[Any]) -> None:
    """A waiting client sees the steps go by."""
    seen: list[tuple[float, float | None]] = []

    async def note(done: float, total: float | None, _: str | None) -> None:
        seen.append((done, total))

    async with Client(server, progress_handler=note) as client:
        await client.call_tool("generate_sprite", {**QUICK, "steps": 40})

    values = [done for done, _ in seen]
    assert len(values) >= 3
    assert values == sorted(set(values))
    assert {40.0} == {total for _, total in seen if total != 1}


async def test_a_render_with_large_cells_becomes_true_pixels(
    server: FastMCP[Any], game: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that draws 2 px a cell, like real SDXL draws 8 and more, gives the asked size, and its recipe says how."""
    wide = replace(embedded(), id="wide", sizes=(16, 32), render_side=64)
    monkeypatch.setattr(Catalogue, "bases", lambda _: [embedded(), wide])
    async with Client(server) as client:
        await client.call_tool("generate_sprite", {**QUICK, "model": "wide", "size": "32x16"})

    png = (game / "assets/sprites/item_red_potion.png").read_bytes()
    assert Image.open(io.BytesIO(png)).size == (32, 16)
    assert json.loads(recipe_in(png) or "")["render_size"] == [64, 32]

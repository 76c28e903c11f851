"""setup_project: a project's defaults reach later calls, and what the game lacks is shown, never edited."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import in_both_eras, text_of
from fastmcp import Client, FastMCP
from PIL import Image

from dgx_pixels.bevy.cargo import look_at_cargo
from dgx_pixels.bevy.plugin import SOURCE
from dgx_pixels.bevy.project import BevyProject, open_project
from dgx_pixels.bevy.project_settings import ProjectSettings
from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.tools.project_defaults import palette_or_default, seen_from, size_or_default

QUICK: dict[str, Any] = {"prompt": "a red potion", "seed": 7, "steps": 1}
PLUGIN = "src/dgx_pixels_reload.rs"


async def said(client: Client[Any], tool: str, **arguments: object) -> dict[str, Any]:
    """The structured answer of a call."""
    answer = (await client.call_tool(tool, arguments)).structured_content
    assert answer is not None
    return answer


def settings_in(game: Path) -> dict[str, Any]:
    """What the project's settings file holds."""
    found: dict[str, Any] = json.loads((game / ".dgx_pixels/settings.json").read_text())
    return found


@in_both_eras
async def test_what_is_set_once_need_not_be_said_again(client: Client[Any], game: Path) -> None:
    """A sprite and a pixelized picture take the project's palette, until a call says otherwise."""
    await said(client, "setup_project", palette="pico-8", tile_size=32, view="side", model="tiny-sdxl")
    assert settings_in(game) == {"palette": "pico-8", "tile_size": 32, "view": "side", "model": "tiny-sdxl"}
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(game / "picture.png")

    await said(client, "generate_sprite", **QUICK)
    await said(client, "generate_sprite", **QUICK, palette="none", name="free")
    await said(client, "pixelize_image", image="picture.png")

    allowed = set(read_palette("pico-8"))
    used = {}
    for name in ("red_potion", "free", "picture"):
        rgba = np.array(Image.open(game / f"assets/sprites/item_{name}.png").convert("RGBA"))
        used[name] = {tuple(int(v) for v in c) for c in rgba[rgba[..., 3] > 0][:, :3]}
    assert used["red_potion"] <= allowed
    assert used["picture"] <= allowed
    assert not used["free"] <= allowed


async def test_a_setting_stays_until_it_is_taken_back(server: FastMCP[Any], game: Path) -> None:
    """Each call changes what it names; none and 0 take back; the answer has what is set now."""
    async with Client(server) as client:
        await said(client, "setup_project", palette="#000000,#ffffff", tile_size=16, brp_port=16000, meta=True)
        answer = await said(client, "setup_project", palette="none", brp_port=0, meta=False, view="top-down")
        shown = await said(client, "setup_project")
    assert answer["settings"] == shown["settings"] == settings_in(game) == {"tile_size": 16, "view": "top-down"}


async def test_keys_of_a_later_version_stay(server: FastMCP[Any], game: Path) -> None:
    """What we do not know in the settings is not lost."""
    (game / ".dgx_pixels").mkdir()
    (game / ".dgx_pixels/settings.json").write_text('{"future": {"a": [1]}, "tile_size": 16}')
    async with Client(server) as client:
        await said(client, "setup_project", tile_size=24)
    assert settings_in(game) == {"future": {"a": [1]}, "tile_size": 24}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"tile_size": 3}, "tile_size cannot be 3: give 8 to 128"),
        ({"view": "up"}, "view cannot be 'up': give top-down, side, isometric or none"),
        ({"brp_port": 80}, "brp_port cannot be 80: give 1024 to 65535"),
        ({"palette": "pico-9"}, "pico-8"),
        ({"palette": "../palette.hex"}, "may not be read"),
        ({"palette": "project"}, "holds no pixel art yet"),
        ({"palette": ""}, "palette cannot be ''"),
        ({"model": "sdxxl"}, "no model 'sdxxl'"),
        ({"project": "/no/such/game"}, "/no/such/game"),
        ({"copy_reload_plugin": True}, "no src folder"),
    ],
)
async def test_a_bad_setting_is_refused_and_nothing_written(
    server: FastMCP[Any], game: Path, arguments: dict[str, Any], says: str
) -> None:
    """The error says what is allowed, and the settings stay as they were."""
    async with Client(server) as client:
        result = await client.call_tool("setup_project", arguments, raise_on_error=False)
    assert result.is_error
    assert says in text_of(result)
    assert not (game / ".dgx_pixels/settings.json").exists()


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"tile_size": "big"}', b'{"view": 1}', b'{"view": "\xff"}', b"{}" * 50_000])
async def test_damaged_settings_are_named_by_every_tool(server: FastMCP[Any], game: Path, text: bytes) -> None:
    """They are not ignored, which would give sprites of other colours, and not replaced."""
    file = game / ".dgx_pixels/settings.json"
    file.parent.mkdir()
    file.write_bytes(text)
    async with Client(server) as client:
        for tool, arguments in (("setup_project", {"tile_size": 16}), ("generate_sprite", QUICK)):
            result = await client.call_tool(tool, arguments, raise_on_error=False)
            assert result.is_error
            assert "settings.json cannot be used" in text_of(result)
    assert file.read_bytes() == text


async def test_the_plugin_is_copied_when_asked_and_the_users_own_is_kept(server: FastMCP[Any], game: Path) -> None:
    """The game gets the very file that our example runs; one that differs is replaced only if asked; Cargo.toml never changes."""
    (game / "src").mkdir()
    cargo = (game / "Cargo.toml").read_bytes()
    async with Client(server) as client:
        shown = await said(client, "setup_project")
        assert not (game / PLUGIN).exists()
        first = await said(client, "setup_project", copy_reload_plugin=True)
        again = await said(client, "setup_project", copy_reload_plugin=True)
        assert (game / PLUGIN).read_bytes() == SOURCE.read_bytes()
        (game / PLUGIN).write_text("// mine")
        refused = await client.call_tool("setup_project", {"copy_reload_plugin": True}, raise_on_error=False)
        assert (game / PLUGIN).read_text() == "// mine"
        replaced = await said(client, "setup_project", copy_reload_plugin=True, overwrite=True)
    assert (first["plugin_copied"], again["plugin_copied"], replaced["plugin_copied"]) == (True, False, True)
    assert "mod dgx_pixels_reload;" in first["next"]
    assert "ask with overwrite" in text_of(refused)
    assert shown["commands"] == ["cargo add bevy --features file_watcher,bevy_remote"]
    assert first["commands"] == [*shown["commands"], "cargo add serde_json"]
    assert (game / "Cargo.toml").read_bytes() == cargo
    assert (game / PLUGIN).read_bytes() == SOURCE.read_bytes()


async def test_the_plugin_is_not_copied_through_a_link(server: FastMCP[Any], game: Path, tmp_path: Path) -> None:
    """Neither a linked src/ nor a linked file leads us out of the project, also not with overwrite."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (game / "src").symlink_to(outside)
    async with Client(server) as client:
        first = await client.call_tool("setup_project", {"copy_reload_plugin": True, "overwrite": True}, raise_on_error=False)
        (game / "src").unlink()
        (game / "src").mkdir()
        (game / PLUGIN).symlink_to(outside / "x.rs")
        second = await client.call_tool("setup_project", {"copy_reload_plugin": True, "overwrite": True}, raise_on_error=False)
    assert first.is_error
    assert second.is_error
    assert list(outside.iterdir()) == []


def test_the_packaged_plugin_is_the_examples() -> None:
    """There is one source; the checkout links to it."""
    example = Path(__file__).parent.parent / "bevy_example" / PLUGIN
    assert SOURCE.resolve() == example
    assert "dgx_pixels/reload_stats" in SOURCE.read_text()


@pytest.mark.parametrize(
    ("bevy", "rest", "lacks"),
    [
        ('"0.19"', "", ("file_watcher", "bevy_remote")),
        ('{ version = "0.19", default-features = false }', "", ("file_watcher", "png", "bevy_remote")),
        ('{ version = "0.19", default-features = false, features = ["2d", "dev"] }', "", ("bevy_remote",)),
        ('{ version = "0.19", features = ["file_watcher", "bevy_remote"] }', "", ()),
        ('"0.19"', '[features]\ndev = ["bevy/file_watcher", "bevy?/bevy_remote"]', ()),
        ('"0.19"', '[target."cfg(unix)".dependencies]\nbevy = { features = ["file_watcher"] }', ("bevy_remote",)),
        ('{ workspace = true, features = ["bevy_remote"] }',
         '[workspace.dependencies]\nbevy = { default-features = false, features = ["file_watcher"] }', ("png",)),
        ('{ version = 3, features = "x" }', "[features]\nodd = 1", ("file_watcher", "bevy_remote")),
    ],
)  # fmt: skip
def test_what_cargo_lacks_is_found(project: BevyProject, bevy: str, rest: str, lacks: tuple[str, ...]) -> None:
    """Features count wherever a package asks for them; Bevy's own defaults have png, but no watcher and no remote protocol."""
    (project.root / "Cargo.toml").write_text(f'[package]\nname = "g"\n[dependencies]\nbevy = {bevy}\n{rest}\n')
    found = look_at_cargo(open_project(project.root))
    assert found.lacks == lacks
    assert not found.has_serde_json


def test_size_and_palette_come_from_the_project_unless_said() -> None:
    """A model that does not draw the tile size draws the next larger one it does; "none" is a palette's absence."""
    set_up = ProjectSettings(tile_size=16, palette="pico-8")
    assert size_or_default(None, set_up, (16, 32)) == 16
    assert size_or_default(None, set_up, (32, 64)) == 32
    assert size_or_default(None, ProjectSettings(tile_size=128), (32, 64)) == 64
    assert size_or_default("24x32", set_up, (16, 32)) == "24x32"
    assert size_or_default(None, ProjectSettings(), (16, 64)) == 32
    assert palette_or_default(None, set_up) == "pico-8"
    assert palette_or_default("cga", set_up) == "cga"
    assert palette_or_default(" None ", set_up) is None


def test_the_view_is_said_where_it_matters() -> None:
    """Scenery and figures are asked for from the game's camera; an item looks the same, and the embedded model knows no views."""
    side = ProjectSettings(view="side")
    assert seen_from("a hero", "character", side, "sdxl") == "a hero, side view"
    assert seen_from("a hero", "character", ProjectSettings(), "sdxl") == "a hero"
    assert seen_from("a potion", "item", side, "sdxl") == "a potion"
    assert seen_from("a hero", "character", side, "tiny-sdxl") == "a hero"


async def test_model_size_and_view_reach_the_drawing(server: FastMCP[Any], game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model that draws 16 px and knows views: the name stays that of the prompt, the recipe has the view."""
    small = replace(embedded(), id="small", sizes=(16, 32))
    monkeypatch.setattr(Catalogue, "bases", lambda _: [embedded(), small])
    async with Client(server) as client:
        await said(client, "setup_project", model="small", tile_size=16, view="side")
        answer = await said(client, "generate_sprite", **{**QUICK, "prompt": "a knight"}, category="character")
    asset = answer["result"]["assets"][0]
    assert (asset["path"], asset["width"]) == ("sprites/character_knight.png", 16)
    recipe = json.loads(recipe_in(Path(asset["file"]).read_bytes()) or "")
    assert (recipe["prompt"], recipe["model"]) == ("a knight, side view", "small")

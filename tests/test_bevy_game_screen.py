"""What the game draws, pixel by pixel: exactly what was published, before and after a reload."""

from __future__ import annotations

import hashlib
import io
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastmcp import Client
from games import Game, missing, running
from numpy.typing import NDArray
from PIL import Image
from publishing import item, png

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher, PublishItem
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASSETS = Path(__file__).parent.parent / "bevy_example/assets"
SHEET = "sprites/enemy_blue_slime.png"
TILES = "tiles/tile_water_grass.png"
KNIGHT = "sprites/character_knight.png"

Pixels = NDArray[np.uint8]


@pytest.fixture
def bevy(project: BevyProject, tmp_path: Path) -> Iterator[Game]:
    """The example game with its own assets, drawing into an image."""
    if (lack := missing("offscreen")) is not None:
        pytest.skip(lack)
    shutil.copytree(ASSETS, project.assets, dirs_exist_ok=True)
    with running(project.root, tmp_path / "game.log", "offscreen") as game:
        for path in [KNIGHT, TILES]:
            game.wait_for(path, crc32(read(project.assets / path)))
        game.wait_frames(40)  # pipelines are compiled when first needed
        yield game


def read(file: Path | io.BytesIO) -> Pixels:
    """An image as RGBA."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGBA"))


def crc32(rgba: Pixels) -> str:
    """The CRC-32 of pixels, as the game tells it."""
    return f"{zlib.crc32(np.ascontiguousarray(rgba).tobytes()):08x}"


def look(game: Game, tmp_path: Path) -> Pixels:
    """What the camera sees now; 540x960."""
    game.wait_frames(5)
    return read(game.screenshot(tmp_path / "screen.png"))


def place(game: Game, path: str) -> tuple[slice, slice]:
    """Rows and columns of the screen that show this asset."""
    at = game.shown()[path]
    return (
        slice(at["y"], at["y"] + at["height"] * at["zoom"]),
        slice(at["x"], at["x"] + at["width"] * at["zoom"]),
    )


def shows(screen: Pixels, where: tuple[slice, slice], sprite: Pixels) -> bool:
    """Whether each opaque pixel of the sprite is drawn as a square of exactly its colour; the ground is seen beside it."""
    zoom = screen[where].shape[0] // sprite.shape[0]
    large = sprite.repeat(zoom, axis=0).repeat(zoom, axis=1)
    opaque = large[..., 3] == 255
    return screen[where].shape == large.shape and bool((screen[where][opaque] == large[opaque]).all())


def tileset(color: tuple[int, int, int], side: int, columns: int, rows: int) -> PublishItem:
    """A tileset of one colour whose tiles fit everywhere."""
    buffer = io.BytesIO()
    Image.new("RGBA", (side * columns, side * rows), (*color, 255)).save(buffer, "PNG")
    atlas = {"tile_width": side, "tile_height": side, "columns": columns, "rows": rows}
    rules: dict[str, Any] = {"tiles": [[0, 0, 0, 0]] * (columns * rows)}
    return item(
        path=TILES, data=buffer.getvalue(), width=side * columns, height=side * rows, category="tile", kind="tileset",
        atlas=atlas, tileset=rules, version=2, sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
    )  # fmt: skip


def test_every_sprite_is_drawn_as_published_before_and_after_a_reload(
    bevy: Game, project: BevyProject, publisher: Publisher, tmp_path: Path
) -> None:
    """Pixel for pixel at the place where the game says it is; a new picture of another size as well."""
    before = look(bevy, tmp_path)
    drawn = {path: shows(before, place(bevy, path), read(project.assets / path)) for path in bevy.shown() if path != SHEET}
    assert drawn == dict.fromkeys(drawn, True)
    assert len(drawn) == 12

    publisher.publish(project, [item(5, KNIGHT, side=24)], overwrite=True)
    new = read(io.BytesIO(png(5, 24)))
    bevy.wait_for(KNIGHT, crc32(new))
    bevy.wait_frames(30)  # the manifest, with the new size, comes right after the picture
    after = look(bevy, tmp_path)

    where = place(bevy, KNIGHT)
    assert shows(after, where, new)
    assert not shows(before, where, new)
    others = [path for path in drawn if path != KNIGHT]
    assert all(shows(after, place(bevy, path), read(project.assets / path)) for path in others)


def test_a_reloaded_tileset_covers_the_ground_also_with_tiles_of_another_size(
    bevy: Game, project: BevyProject, publisher: Publisher, tmp_path: Path
) -> None:
    """Bevy's own materials keep an old texture; the ground does not, and leaves no gap."""
    for color, side, columns in (((200, 30, 40), 32, 4), ((40, 60, 210), 16, 2)):
        made = tileset(color, side, columns, 4)
        publisher.publish(project, [made], overwrite=True)
        bevy.wait_for(TILES, crc32(read(io.BytesIO(made.data))))
        bevy.wait_frames(30)
        screen = look(bevy, tmp_path)
        ground = np.ones(screen.shape[:2], dtype=bool)
        for path in bevy.shown():
            ground[place(bevy, path)] = False

        assert np.unique(screen[ground][:, :3], axis=0).tolist() == [list(color)]
        assert bevy.image(TILES)["layers"] == 1  # the PNG itself stays an atlas for others


async def test_a_generated_tileset_is_the_ground_and_so_is_the_next_one(bevy: Game, project: BevyProject, tmp_path: Path) -> None:
    """generate_tileset says that the game has it, and the ground has its colours alone; then another's, of other terrains."""
    (project.root / "Cargo.toml").write_text('[package]\nname = "game"\n\n[dependencies]\nbevy = "0.19"\n')
    here = Settings(home=tmp_path / "home", project=project.root, device="cpu", brp_port=bevy.port, reload_wait_s=20)
    asked = {"name": "water_grass", "kind": "wang16", "tile_size": 16, "seed": 6, "overwrite": True, "wait_s": 250}
    grounds = []
    async with Client(build(here)[0]) as client:
        for terrains in (["water", "sand"], ["stone floor", "grass floor"]):
            answer = (await client.call_tool("generate_tileset", {**asked, "terrains": terrains})).structured_content or {}
            asset = answer["result"]["assets"][0]
            assert (asset["path"], asset["reloaded"]) == (TILES, True), asset["reload"]
            bevy.wait_frames(40)
            screen = look(bevy, tmp_path)
            ground = np.ones(screen.shape[:2], dtype=bool)
            for path in bevy.shown():
                ground[place(bevy, path)] = False
            published = {tuple(color) for color in read(project.assets / TILES).reshape(-1, 4)[:, :3].tolist()}
            grounds.append({tuple(color) for color in screen[ground][:, :3].tolist()})
            assert grounds[-1] <= published
            assert len(grounds[-1]) > 3
    assert grounds[0] != grounds[1]


def test_a_sheet_moves_through_its_frames(bevy: Game, project: BevyProject, tmp_path: Path) -> None:
    """At any instant one whole frame is seen, and in time more than one."""
    sheet = read(project.assets / SHEET)
    frames = [sheet[:, x : x + 32] for x in range(0, sheet.shape[1], 32)]
    seen: set[int] = set()
    deadline = time.monotonic() + 60
    while len(seen) < 3 and time.monotonic() < deadline:
        screen = look(bevy, tmp_path)
        now = [number for number, frame in enumerate(frames) if shows(screen, place(bevy, SHEET), frame)]
        assert now
        seen.add(now[0])

    assert len(seen) >= 3  # the second and the fourth are alike


def test_the_hero_walks_when_an_agent_presses_a_key(bevy: Game, project: BevyProject, tmp_path: Path) -> None:
    """It is the first character of the manifest; wherever it goes, it is drawn on whole pixels."""
    before = bevy.shown()
    bevy.ask("brp_extras/send_keys", {"keys": ["ArrowRight"], "duration_ms": 500})
    bevy.wait_frames(60)
    after = bevy.shown()
    screen = look(bevy, tmp_path)

    assert after[KNIGHT]["x"] > before[KNIGHT]["x"]
    assert {**after, KNIGHT: None} == {**before, KNIGHT: None}
    assert shows(screen, place(bevy, KNIGHT), read(project.assets / KNIGHT))

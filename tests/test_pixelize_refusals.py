"""What pixelize_image refuses: files that it may not read, files that are no pictures, and wishes that cannot be had."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import text_of
from fastmcp import Client, FastMCP
from pixelizing import made, write_potion

from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"image": ""}, "image is empty"),
    ({"image": "nope.png"}, "nope.png cannot be read (No such file or directory)"),
    ({"image": "art"}, "art is no plain file"),
    ({"image": "a\0b.png"}, "is none"),
    ({"image": "/etc/passwd"}, "/etc/passwd may not be read, only what lies in"),
    ({"image": "../other/secret.png"}, "may not be read"),
    ({"image": "way_out.png"}, "may not be read"),
    ({"image": "Cargo.toml"}, "no picture in a format that is read"),
    ({"image": "cut.png"}, "damaged or cut short"),
    ({"size": 0}, "size 0 is not possible: use a number from 1 to 1024"),
    ({"size": "16x"}, "WxH of these, like 32x48"),
    ({"size": 512}, "512"),
    ({"colors": 1}, "colors is 1, but must be from 2 to 256"),
    ({"palette": "pico-9"}, "pico-8"),
    ({"palette": "nope.hex"}, "nope.hex cannot be read"),
    ({"palette": "/etc/passwd.hex"}, "may not be read"),
    ({"palette": "project"}, "no pixel art yet"),
    ({"dither": "dots"}, "dither cannot be 'dots': use none, bayer4, bayer8, floyd-steinberg"),
    ({"dither": "bayer4"}, "give a palette, or a number of colors"),
    ({"cleanup": ["dust"]}, "cleanup cannot be 'dust'"),
    ({"outline": "red"}, "'red' is not a colour"),
    ({"outline": "#123456", "palette": "1-bit"}, "its nearest colour is #000000"),
    ({"outline": "#123456", "colors": 2}, "ask for 3 or more"),
    ({"trim": True, "canvas": 32}, "either trim, or canvas"),
    ({"canvas": 4}, "does not fit on a canvas of 4x4"),
    ({"anchor": "head"}, "anchor cannot be 'head': use feet, centre"),
    ({"category": "hat"}, "'hat' is not one of character"),
    ({"name": "../evil"}, "../evil"),
    ({"wait_s": 601}, "wait_s is 601"),
]


@pytest.fixture
def picture(game: Path) -> Path:
    """A potion in the game's art folder."""
    return write_potion(game / "art" / "Red Potion.png")


async def test_each_bad_argument_is_named_and_nothing_is_published(
    client: Client[Any], game: Path, picture: Path, tmp_path: Path
) -> None:
    """Every error says in one sentence what was wrong and what is allowed; the game's assets stay empty."""
    secret = write_potion(tmp_path / "other" / "secret.png")
    (game / "way_out.png").symlink_to(secret)
    (game / "cut.png").write_bytes(picture.read_bytes()[:-40])
    for arguments, says in REFUSED:
        refused = await client.call_tool("pixelize_image", {"image": str(picture), **arguments}, raise_on_error=False)
        assert refused.is_error, arguments
        assert says in text_of(refused), arguments
        assert "\n" not in text_of(refused), arguments
        assert [*(game / "assets").iterdir()] == [], arguments


async def test_a_pipe_is_refused_rather_than_waited_for(server: FastMCP[Any], game: Path) -> None:
    """Opening something that is no plain file does not hang the server."""
    os.mkfifo(game / "pipe.png")
    async with Client(server) as client:
        refused = await client.call_tool("pixelize_image", {"image": "pipe.png"}, raise_on_error=False)

    assert "no plain file" in text_of(refused)


async def test_folders_of_read_roots_may_be_read(settings: Settings, picture: Path, tmp_path: Path) -> None:
    """A folder that the user has named is read from, even without a project; its neighbour is not."""
    downloads, private = tmp_path / "downloads", tmp_path / "private"
    for folder in (downloads, private):
        folder.mkdir()
        (folder / "potion.png").write_bytes(picture.read_bytes())
    own = settings.model_copy(update={"read_roots": (downloads,), "project": None})
    async with Client(build(own)[0]) as client:
        result = await made(client, image=str(downloads / "potion.png"))
        refused = await client.call_tool("pixelize_image", {"image": str(private / "potion.png")}, raise_on_error=False)

    assert not result["assets"][0]["published"]
    assert "may not be read" in text_of(refused)
    assert "DGX_PIXELS_READ_ROOTS" in text_of(refused)

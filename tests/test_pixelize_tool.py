"""pixelize_image through a real client in both protocol eras: what it makes, what it says, and what it refuses to read."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import in_both_eras, text_of
from fastmcp import Client, FastMCP
from pictures import file_of, potion
from PIL import Image
from pixelizing import made, pixels, write_potion

from dgx_pixels.pixels.art import make_art
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.tools import pixelize_job


@pytest.fixture
def picture(game: Path) -> Path:
    """A potion in the game's art folder."""
    return write_potion(game / "art" / "Red Potion.png")


async def test_a_picture_becomes_the_art_that_it_shows(client: Client[Any], game: Path, picture: Path) -> None:
    """The cells come back one for one, the ground is cut out, and the sprite lies in the game under the file's name."""
    result = await made(client, image="art/Red Potion.png")

    asset = result["assets"][0]
    art = potion()
    subject = (art != art[0, 0]).any(axis=2)
    assert asset["path"] == "sprites/item_red_potion.png"
    assert asset["file"] == str(game / "assets" / asset["path"])
    assert asset["published"]
    assert (pixels(asset)[..., 3] == np.where(subject, 255, 0)).all()
    assert (pixels(asset)[subject][:, :3] == art[subject]).all()
    assert all(check["ok"] for check in asset["checks"].values())


@in_both_eras
async def test_the_answer_says_what_was_found(client: Client[Any], picture: Path) -> None:
    """Kind, confidence, grid, ground and source are data, and the text names the cells; a preview comes with it."""
    answer = await client.call_tool("pixelize_image", {"image": str(picture)})

    assert answer.structured_content is not None
    found = answer.structured_content["result"]["pixelized"]
    assert (found["kind"], found["ground"]) == ("grid", "#fafafa")
    assert found["confidence"] > 0.5
    assert found["grid"] == {"width": 16, "height": 16, "cell_width": 10.0, "cell_height": 10.0}
    assert found["source"] == {"format": "PNG", "width": 160, "height": 160, "frames": 1}
    assert "cells of 10x10 px" in text_of(answer)
    assert [c.type for c in answer.content] == ["text", "image", "resource_link"]


async def test_every_wish_is_granted_at_once(client: Client[Any], picture: Path) -> None:
    """Size, palette, outline, canvas and anchor hold together: the subject stands on the lowest row, all in the palette."""
    result = await made(
        client, image=str(picture), size=16, palette="pico-8", outline="#000000", canvas="20x24", anchor="feet", category="npc",
        cleanup=["orphans", "lines", "outlines"], name="brew",
    )  # fmt: skip

    asset, rgba = result["assets"][0], pixels(result["assets"][0])
    opaque = rgba[..., 3] > 0
    assert (asset["path"], rgba.shape) == ("sprites/npc_brew.png", (24, 20, 4))
    assert opaque[-1].any()
    assert {tuple(c) for c in rgba[opaque][:, :3].tolist()} <= set(read_palette("pico-8"))
    assert (rgba[opaque][:, :3] == 0).all(axis=1).any()


@pytest.mark.parametrize("dither", ["bayer4", "bayer8", "floyd-steinberg"])
async def test_dithering_stays_in_the_palette(server: FastMCP[Any], game: Path, dither: str) -> None:
    """A gradient is drawn with the two colours of a palette, mixed."""
    ramp = np.repeat(np.linspace(0, 255, 32, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    Image.fromarray(ramp.repeat(8, 0).repeat(8, 1)).save(game / "ramp.png")
    async with Client(server) as client:
        result = await made(
            client, image="ramp.png", size=32, palette="1-bit", dither=dither, transparent=False, category="background"
        )

    rgba = pixels(result["assets"][0])
    white = (rgba[..., 0] > 0).mean(axis=0)
    assert {*np.unique(rgba)} == {0, 255}
    assert white[2] < 0.3 < white[16] < 0.8
    assert white[30] > 0.8


async def test_a_palette_may_be_a_file_or_what_the_project_has(client: Client[Any], game: Path, picture: Path) -> None:
    """A .hex file of the game, and the colours of its own PNGs, but not of those linked to from there, lock the sprite."""
    colors = ((10, 20, 30), (200, 30, 60), (250, 240, 220))
    (game / "art" / "ours.hex").write_text("\n".join(bytes(c).hex() for c in colors))
    by_file = await made(client, image=str(picture), palette="art/ours.hex", name="one", publish=False)
    Image.fromarray(np.array([[*colors[:2]]], dtype=np.uint8)).save(game / "assets" / "old.png")
    elsewhere = game.parent / "elsewhere.png"
    Image.fromarray(np.array([[(1, 2, 3), (4, 5, 6)]], dtype=np.uint8)).save(elsewhere)
    (game / "assets" / "linked.png").symlink_to(elsewhere)
    os.mkfifo(game / "assets" / "pipe.png")
    by_project = await made(client, image=str(picture), palette="project", name="two")

    for result, allowed in ((by_file, colors), (by_project, colors[:2])):
        rgba = pixels(result["assets"][0])
        assert {tuple(c) for c in rgba[rgba[..., 3] > 0][:, :3].tolist()} <= set(allowed)


async def test_generate_sprite_takes_the_same_palettes(server: FastMCP[Any], game: Path) -> None:
    """A palette file locks a drawn sprite, too."""
    (game / "two.hex").write_text("0a141e\nfaf0dc\n")
    async with Client(server) as client:
        asked = {"prompt": "a red potion", "seed": 7, "steps": 1, "palette": "two.hex"}
        answer = (await client.call_tool("generate_sprite", asked)).structured_content

    assert answer is not None
    rgba = pixels(answer["result"]["assets"][0])
    assert {tuple(c) for c in rgba[rgba[..., 3] > 0][:, :3].tolist()} <= {(10, 20, 30), (250, 240, 220)}


async def test_the_same_picture_gives_the_same_bytes_and_a_recipe(client: Client[Any], game: Path, picture: Path) -> None:
    """The recipe has the options and the source's SHA-256, but no path; the same call again changes nothing."""
    first = await made(client, image=str(picture), colors=8)
    data = (game / "assets/sprites/item_red_potion.png").read_bytes()
    again = await made(client, image=str(picture), colors=8)

    assert data == (game / "assets/sprites/item_red_potion.png").read_bytes()
    assert [first["assets"][0][k] for k in ("id", "version")] == [again["assets"][0][k] for k in ("id", "version")]
    recipe = json.loads(recipe_in(data) or "")
    assert (recipe["kind"], recipe["options"]["colors"], len(recipe["source_sha256"])) == ("pixelize", 8, 64)
    assert str(game) not in json.dumps(recipe)


async def test_a_pixelized_sprite_can_be_pixelized_from_the_library(client: Client[Any], picture: Path) -> None:
    """What lies in the library may be read; pixel art at its true size is left as it is."""
    first = await made(client, image=str(picture), publish=False)
    again = await made(client, image=first["assets"][0]["file"], name="again", publish=False)

    assert (pixels(first["assets"][0]) == pixels(again["assets"][0])).all()


async def test_a_file_edited_by_hand_is_not_replaced_unasked(client: Client[Any], game: Path, picture: Path) -> None:
    """An artist's touch-up survives, until `overwrite` says otherwise."""
    await made(client, image=str(picture))
    file = game / "assets/sprites/item_red_potion.png"
    Image.new("RGBA", (16, 16), (1, 2, 3, 255)).save(file)
    edited = file.read_bytes()
    refused = await client.call_tool("pixelize_image", {"image": str(picture)}, raise_on_error=False)

    assert "overwrite" in text_of(refused)
    assert edited == file.read_bytes()
    await made(client, image=str(picture), overwrite=True)
    assert edited != file.read_bytes()


async def test_what_fails_a_check_is_kept_but_not_published(client: Client[Any], game: Path) -> None:
    """A wholly clear picture gives an empty sprite: it stays in the library, and the answer says which check failed."""
    Image.new("RGBA", (64, 64)).save(game / "empty.png")
    answer = (await client.call_tool("pixelize_image", {"image": "empty.png"})).structured_content

    assert answer is not None
    asset = answer["result"]["assets"][0]
    assert not asset["checks"]["emptiness"]["ok"]
    assert not asset["published"]
    assert "emptiness" in answer["next"]


async def test_a_picture_without_cells_is_reduced_and_the_answer_says_so(client: Client[Any], game: Path) -> None:
    """A smooth picture is no pixel art: the kind says it, the confidence is low, and `size` is offered."""
    y, x = np.indices((300, 400)) / 50
    waves = np.stack([np.sin(x + 1.7 * np.sin(y)), np.sin(y + x / 3), np.cos(x - y)], axis=2)
    Image.fromarray(np.rint(127 + 120 * waves).astype(np.uint8)).save(game / "waves.jpg", quality=80)
    answer = (await client.call_tool("pixelize_image", {"image": "waves.jpg", "category": "background"})).structured_content

    assert answer is not None
    assert answer["result"]["pixelized"]["kind"] == "no_grid"
    assert answer["result"]["pixelized"]["confidence"] < 0.5
    assert "`size`" in answer["next"]


async def test_the_first_frame_of_an_animation_is_taken(client: Client[Any], game: Path) -> None:
    """A GIF of two frames gives the first, and the answer says how many there are."""
    frames = [Image.fromarray(potion(ground=g).repeat(8, 0).repeat(8, 1)) for g in ((250, 250, 250), (0, 0, 250))]
    (game / "two.gif").write_bytes(file_of(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    result = await made(client, image="two.gif", transparent=False)

    assert result["pixelized"]["source"] == {"format": "GIF", "width": 128, "height": 128, "frames": 2}
    assert pixels(result["assets"][0])[0, 0].tolist() == [250, 250, 250, 255]


async def test_too_little_memory_is_said(server: FastMCP[Any], picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that cannot hold the work refuses it in one sentence, and works on."""

    def full(*_: object) -> None:
        raise MemoryError

    async with Client(server) as client:
        with monkeypatch.context() as patched:
            patched.setattr(pixelize_job, "make_art", full)
            refused = await client.call_tool("pixelize_image", {"image": str(picture)}, raise_on_error=False)
        after = await made(client, image=str(picture))

    assert "not enough memory" in text_of(refused)
    assert after["assets"][0]["published"]


async def test_cancelling_frees_the_caller_at_once_and_publishes_nothing(
    server: FastMCP[Any], game: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the engine works, the loop answers others; a cancelled job ends, and what it would have made is dropped."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        begun.set()
        go_on.wait(30)
        return make_art(*arguments)

    monkeypatch.setattr(pixelize_job, "make_art", slow)
    async with Client(server) as client:
        started = (await client.call_tool("pixelize_image", {"image": str(picture), "wait_s": 0})).structured_content
        assert started is not None
        await asyncio.to_thread(begun.wait, 30)
        assert (await client.call_tool("list_models", {})).structured_content is not None
        answer = (await client.call_tool("cancel_job", {"job_id": started["job_id"]})).structured_content
        go_on.set()
        after = await made(client, image=str(picture), name="after")

    assert answer is not None
    assert answer["status"] == "cancelled"
    assert [p.name for p in (game / "assets/sprites").iterdir()] == ["item_after.png"]
    assert after["assets"][0]["published"]

"""What is said of a dataset before any training: what was left out and why, what makes a LoRA worse, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from datasets import NAMES, items, prepared, sprite_folder, tiles, write
from pictures import png_saying
from PIL import Image, ImageFilter

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.dataset_request import DatasetReport
from dgx_pixels.tools.read_roots import ReadError


def why(report: DatasetReport) -> dict[str, str]:
    """Why each file was left out."""
    return {skipped.file: skipped.why for skipped in report.skipped}


def photo(seed: int, side: int = 160) -> Image.Image:
    """What a camera sees: soft shades, a horizon, grain."""
    chance = np.random.default_rng(seed)
    soft = chance.uniform(40, 220, (5, 5, 3)).astype(np.uint8)
    shades = np.asarray(Image.fromarray(soft).resize((side, side), Image.Resampling.BICUBIC), np.float64)
    shades[side // 2 :] *= 0.6
    return Image.fromarray((shades + chance.normal(0, 9, shades.shape)).clip(0, 255).astype(np.uint8))


def test_a_corrupt_picture_among_forty_is_named_and_left_out(tmp_path: Path) -> None:
    """The others are learnt from; the report and its warning name the file."""
    files = sprite_folder(tmp_path / "art", 40)
    files[7].write_bytes(files[7].read_bytes()[:-30])

    found = prepared(tmp_path / "home", tmp_path / "art")

    assert found.report.images == 39
    assert "damaged or cut short" in why(found.report)[files[7].name]
    assert any(files[7].name in warning for warning in found.report.warnings)


def test_what_is_no_pixel_art_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """Photos, blurred sprites, what only looks like pixel art, tiny and empty pictures, copies, drawing programs' files."""
    art = tmp_path / "art"
    sprite_folder(art, 6)
    first = Image.fromarray(tiles(1)[0])
    ground = Image.new("RGBA", first.size, (90, 140, 60, 255))
    ground.alpha_composite(first)
    large = ground.resize((256, 256), Image.Resampling.BICUBIC)
    photo(1).save(art / "holiday.jpg", quality=90)
    ground.filter(ImageFilter.GaussianBlur(1)).save(art / "blurred.png")
    large.save(art / "smooth.png")
    ground.resize((320, 320), Image.Resampling.NEAREST).convert("RGB").save(art / "squashed.jpg", quality=75)
    write(art / "dot.png", np.pad(tiles(1)[0][14:18, 14:18], ((9, 9), (9, 9), (0, 0))))
    write(art / "empty.png", np.zeros((32, 32, 4), np.uint8))
    write(art / "sub" / "twin.png", tiles(1)[0], scale=3)
    (art / "knight.aseprite").write_bytes(b"x")
    (art / "bomb.png").write_bytes(png_saying(60000, 60000))
    write(art / "huge.png", tiles(2)[1][:, :, [2, 0, 1, 3]].repeat(2, 0).repeat(3, 1)[:63, :95])

    found = prepared(tmp_path / "home", art)

    reasons = why(found.report)
    assert found.report.images == 6
    assert "no pixel art" in reasons["holiday.jpg"] or "blurry" in reasons["holiday.jpg"]
    assert "blurry" in reasons["blurred.png"]
    assert "pixelize_image" in reasons["smooth.png"]
    assert "pixelize_image" in reasons["squashed.jpg"]
    assert "tiny" in reasons["dot.png"]
    assert "empty" in reasons["empty.png"]
    assert "the same pixels as item_potion_0001.png" in reasons["sub/twin.png"]
    assert "export it as PNG" in reasons["knight.aseprite"]
    assert "far too many pixels" in reasons["bomb.png"]
    assert "larger than the 32x32 px" in reasons["huge.png"]
    assert found.report.skipped_count == len(reasons) == 10


def test_too_little_to_learn_from_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """An empty folder, three sprites, and nothing but photos: what is there, what is needed, and why the rest does not count."""
    (tmp_path / "empty").mkdir()
    sprite_folder(tmp_path / "three", 3)
    (tmp_path / "photos").mkdir()
    for i in range(8):
        photo(i).save(tmp_path / "photos" / f"IMG_{i}.jpg")
    for folder, says in (
        ("empty", "There are no pictures"),
        ("three", "Only 3 of 3 pictures can be learnt from, but a LoRA needs 5 at least"),
        ("photos", "Only 0 of 8 pictures can be learnt from"),
    ):
        with pytest.raises(RequestError, match=says) as refused:
            prepared(tmp_path / "home", tmp_path / folder)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 900
    assert [*(tmp_path / "home" / "datasets").rglob("*.png")] == []


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """One sentence with the folder and the system's reason; nothing is left."""
    sprite_folder(tmp_path / "art", 5)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "datasets").write_text("in the way")

    with pytest.raises(RequestError, match="datasets \\(Not a directory\\): check that disk"):
        prepared(tmp_path / "home", tmp_path / "art")


def test_each_bad_argument_is_named(tmp_path: Path, project: BevyProject) -> None:
    """Sources that are none, folders that may not be read or hold too much, a base model, a grid and a trigger that cannot be."""
    home, art = tmp_path / "home", tmp_path / "art"
    sprite_folder(art, 5)
    file = next(art.iterdir())
    for error, source, says, more in (
        (RequestError, " ", "The source is empty", {}),
        (RequestError, "project", "no sprites/ yet", {}),
        (RequestError, "0123456789ab", "no asset '0123456789ab'", {}),
        (ReadError, "/etc", "/etc may not be read", {}),
        (ReadError, "../..", "may not be read", {}),
        (ReadError, "nowhere", "nowhere does not exist", {}),
        (ReadError, "a\0b", "is none", {}),
        (ReadError, str(project.root / "Cargo.toml"), "is a file", {}),
        (RequestError, art, "'sdxl-2'", {"base": "sdxl-2"}),
        (RequestError, art, "The grid '0x32' is no size", {"grid": "0x32"}),
        (RequestError, art, "The trigger is longer than 100", {"trigger": "x" * 101}),
    ):
        (project.root / "Cargo.toml").write_text("[package]")
        with pytest.raises(error) as refused:
            prepared(home, source, project, **more)
        assert says in str(refused.value), source
        assert "\n" not in str(refused.value)
    assert file.is_file()


def test_no_link_leads_out_of_what_may_be_read(tmp_path: Path) -> None:
    """A linked file outside is named and left out; a linked folder is not entered; a pipe is not waited for."""
    art = tmp_path / "art"
    sprite_folder(art, 5)
    secret = write(tmp_path / "private" / "secret.png", tiles(9)[8])
    (art / "way_out.png").symlink_to(secret)
    (art / "folder_out").symlink_to(secret.parent)
    os.mkfifo(art / "pipe.png")
    (art / "caption.txt").write_text("x")

    found = prepared(tmp_path / "home", art)

    assert found.report.images == 5
    assert "leads out" in why(found.report)["way_out.png"]
    assert "no plain file" in why(found.report)["pipe.png"]
    assert set(why(found.report)) == {"way_out.png", "pipe.png"}


def test_captions_come_from_text_files_then_names_and_colours(tmp_path: Path) -> None:
    """A text file's words without the trigger; a name's words with the colour measured; a folder's name where a file has none."""
    art = tmp_path / "art"
    ruby, plain = tiles(2)
    ruby = np.where(ruby[..., 3:] > 0, np.array([200, 30, 30, 255], np.uint8), 0).astype(np.uint8)
    write(art / "a.png", plain)
    (art / "a.txt").write_text("zqx,  a rusty\nhook\x07 ")
    for name, shift in (("item_ring_v2_0001", 0), ("IMG_0042", 1), ("potions/07", 2), ("tile_stoneFloor", 3)):
        write(art / f"{name}.png", np.roll(ruby, shift, axis=1))
    for i, name in enumerate(NAMES[:4]):
        write(art / f"green_{name}.png", tiles(9)[5 + i])

    found = {item["source"]: item["caption"] for item in items(prepared(tmp_path / "home", art, trigger="zqx"))}

    assert found["a.png"] == "a rusty hook"
    assert found["item_ring_v2_0001.png"] == "a red ring"
    assert found["IMG_0042.png"] == "a red sprite"
    assert found["potions/07.png"] == "a red potion"
    assert found["tile_stoneFloor.png"] == "a red stone floor tile"
    assert found["green_potion.png"] == "a green potion"


def test_a_colour_of_nearly_all_pictures_is_style_and_no_caption_says_it(tmp_path: Path) -> None:
    """Said beside the trigger it would be learnt as that word's; left out, it belongs to the trigger. The report says so."""
    for i, rgba in enumerate(tiles(8)):
        shade = rgba[..., :3].max(-1, keepdims=True)
        green = np.concatenate([shade // 4, shade // 2 + 100, shade // 4, rgba[..., 3:]], axis=2)
        write(tmp_path / "art" / f"{NAMES[i]}.png", np.where(rgba[..., 3:] > 0, green, 0).astype(np.uint8))

    found = prepared(tmp_path / "home", tmp_path / "art")

    assert [item["caption"] for item in items(found)] == [f"a {name}" for name in sorted(NAMES[:8])]
    assert any("Most of the pictures are green" in warning for warning in found.report.warnings)


def test_a_caption_of_5000_characters_is_cut_and_said(tmp_path: Path) -> None:
    """It ends with a whole word after at most 300 characters; a warning names the file and its length."""
    files = sprite_folder(tmp_path / "art", 5)
    files[0].with_suffix(".txt").write_text("potion of wisdom " * 295)
    files[1].with_suffix(".txt").write_text("x" * 70_000)

    found = prepared(tmp_path / "home", tmp_path / "art")

    caption = next(item["caption"] for item in items(found) if item["source"] == files[0].name)
    assert 250 < len(caption) <= 300
    assert caption.endswith(("potion", "of", "wisdom"))
    assert any("item_potion_0001.txt has 5,014 characters" in warning for warning in found.report.warnings)
    assert any("item_sword_0002.txt has 70,000 bytes" in warning for warning in found.report.warnings)


def test_what_makes_a_lora_worse_is_said_before_any_training(tmp_path: Path) -> None:
    """Few pictures, near copies, one category, soft edges, names that say nothing, rows of frames, grounds of two kinds."""
    art = tmp_path / "art"
    files = sprite_folder(art, 8)
    twin = tiles(1)[0].copy()
    twin[20, 14, :3] ^= 8
    write(art / "item_potion_0100.png", twin)
    soft = tiles(9)[8].copy()
    soft[..., 3] = np.where(soft[..., 3] > 0, 140, 0)
    write(art / "012.png", soft)
    write(art / "item_row.png", np.concatenate(tiles(14)[10:14], axis=1))
    full = np.where(tiles(10)[9][..., 3:] > 0, tiles(10)[9], np.array([70, 90, 60, 255], np.uint8)).astype(np.uint8)
    write(art / "item_full.png", full)
    write(art / "tile_full.png", np.roll(full, 5, axis=0))

    report = prepared(tmp_path / "home", art, trigger="pocketgreen").report

    said = " ".join(report.warnings)
    assert [(files[0].name, "item_potion_0100.png")] == report.duplicates
    for expected in (
        "There are only 12 pictures", "1 near copy of another", "of the category item", "(012.png) had soft edges",
        "(item_row.png) may be a row of frames: give the grid", "1 of 12 have no clear ground",
        "(item_full.png) stood on a plain ground", "The trigger 'pocketgreen' has 'green' in it",
    ):  # fmt: skip
        assert expected in said, expected
    assert report.sizes == {"32x32": 12}

"""Datasets: any sprites become pictures of the model's size with captions, whole or not at all."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import numpy as np
import pytest
from datasets import NAMES, items, parts, picture, prepared, sprite_folder, tiles, write
from PIL import Image

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.library.comparison_records import NewCell, PlannedRound
from dgx_pixels.library.records import NewVersion
from dgx_pixels.models.training_dataset import read_dataset, read_picture
from dgx_pixels.pixels.sprite import make_sprite
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.dataset import prepare_dataset
from dgx_pixels.tools.dataset_request import DatasetRequest


def test_the_training_reads_what_was_prepared(tmp_path: Path) -> None:
    """The folder is one that the training takes: pictures of the model's size in RGB, a hash, and a caption each."""
    sprite_folder(tmp_path / "art", 6)

    found = prepared(tmp_path / "home", tmp_path / "art", trigger="zqx", licence_note="  CC0\n1.0 ")

    dataset = read_dataset(found.folder)
    assert found.folder == tmp_path / "home" / "datasets" / dataset.sha256
    assert [read_picture(dataset, item, 32).shape for item in dataset.items] == [(32, 32, 3)] * 6
    assert all(item.source.split("_")[1] in item.caption.split() for item in dataset.items)
    assert len({item.source for item in dataset.items}) == 6
    about = json.loads((found.folder / "dataset.json").read_bytes())
    assert (about["trigger"], about["licence_note"]) == ("zqx", "CC0 1.0")
    with Image.open(found.report.contact_sheet) as sheet:
        assert sheet.width > 6 * 64


def test_a_small_models_pictures_are_the_sprites_on_its_key_colour(tmp_path: Path) -> None:
    """Every drawn pixel stays as it was, every clear one is the ground; what was enlarged exactly comes back first."""
    art = tiles(6)
    for i, rgba in enumerate(art):
        write(tmp_path / "art" / f"{NAMES[i]}.png", rgba, scale=1 + i)

    found = prepared(tmp_path / "home", tmp_path / "art")

    by_name = {item["source"]: picture(found, item) for item in items(found)}
    for i, rgba in enumerate(art):
        clear = rgba[..., 3:] == 0
        expected = np.where(clear, (255, 0, 255), rgba[..., :3])
        assert (by_name[f"{NAMES[i]}.png"] == expected).all(), i


@pytest.mark.parametrize(("width", "height"), [(32, 32), (16, 32), (24, 16)])
def test_sdxls_pictures_give_the_sprite_back(tmp_path: Path, width: int, height: int) -> None:
    """Near 1024 x 1024 in multiples of 64, enlarged by one whole number, on a ground that the cut-out finds again."""
    art = [rgba[32 - height :, :width] for rgba in tiles(6)]
    for i, rgba in enumerate(art):
        write(tmp_path / "art" / f"{i:02}.png", rgba)

    found = prepared(tmp_path / "home", tmp_path / "art", base="sdxl")

    for item in items(found):
        rgb, sprite = picture(found, item), art[int(item["source"][:2])]
        rows, columns = rgb.shape[:2]
        assert columns % 64 == rows % 64 == 0
        assert 0.88 * 1024 * 1024 < columns * rows <= 1024 * 1024
        factor = max(f for f in range(1, 200) if width * f <= columns and height * f <= rows)
        fitting = [f for f in (factor, factor - 1) if _cells(rgb, width, height, f)[1]]
        assert fitting, item
        cells = _cells(rgb, width, height, fitting[0])[0]
        opaque = sprite[..., 3] > 0
        assert (cells[opaque] == sprite[..., :3][opaque]).all()
        around = np.pad(cells, ((1, 1), (1, 1), (0, 0)), mode="constant")
        around[[0, -1]] = around[:, [0, -1]] = rgb[0, 0]
        cut = make_sprite(around, width + 2, height + 2, colors=256).rgba[1:-1, 1:-1, 3] > 0
        assert (cut & opaque).sum() >= 0.97 * (cut | opaque).sum(), item


def _cells(rgb: np.ndarray, width: int, height: int, factor: int) -> tuple[np.ndarray, bool]:
    """The cells of a sprite in the middle of its picture, and whether each is a square of one colour and the rest ground."""
    top, left = (rgb.shape[0] - height * factor) // 2, (rgb.shape[1] - width * factor) // 2
    inner = rgb[top : top + height * factor, left : left + width * factor]
    cells = inner[::factor, ::factor]
    rest = rgb.copy()
    rest[top : top + height * factor, left : left + width * factor] = rgb[0, 0]
    flat = (inner == cells.repeat(factor, 0).repeat(factor, 1)).all() and (rest == rgb[0, 0]).all()
    return cells, bool(flat)


def test_the_same_contents_are_the_same_dataset(tmp_path: Path) -> None:
    """Preparing again writes nothing new; other words are another dataset; a damaged one is made whole again."""
    sprite_folder(tmp_path / "art", 6)
    home = tmp_path / "home"
    first = prepared(home, tmp_path / "art")
    file = first.folder / items(first)[0]["file"]
    before = file.stat().st_ino

    again = prepared(home, tmp_path / "art")
    assert again.folder == first.folder
    assert file.stat().st_ino == before
    assert prepared(home, tmp_path / "art", trigger="zqx").folder != first.folder

    file.write_bytes(b"")
    prepared(home, tmp_path / "art")
    assert picture(first, items(first)[0]).shape == (32, 32, 3)
    assert [f.name for f in (home / "datasets" / ".staging").iterdir() if not f.name.endswith(".damaged")] == []


def test_nothing_is_left_of_a_dataset_that_was_given_up(tmp_path: Path) -> None:
    """Cancelled while it looks at pictures, it leaves neither a folder nor a part of one."""
    sprite_folder(tmp_path / "art", 12)
    home = tmp_path / "home"

    async def cancelled() -> None:
        async with parts(home, tmp_path / "art") as services:
            looking = asyncio.Event()
            request = DatasetRequest(source=str(tmp_path / "art"), base="tiny-sdxl")

            def told(done: int, *_: object) -> None:
                if done == 3:
                    looking.set()

            work = asyncio.create_task(prepare_dataset(services, None, request, told))
            await looking.wait()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    asyncio.run(cancelled())

    assert [*(home / "datasets").rglob("*.png")] == []


def test_sheets_are_cut_by_a_grid_by_our_manifest_and_by_aseprites_file(tmp_path: Path, project: BevyProject) -> None:
    """Frames are pictures of their own, empty places none; pictures of just the grid's size are single ones."""
    art = tiles(7)
    blank = np.zeros_like(art[0])
    sheet = np.concatenate([*art[:6], blank], axis=1)
    write(tmp_path / "art" / "walk.png", sheet)
    write(tmp_path / "art" / "lone.png", art[6])
    by_grid = prepared(tmp_path / "home", tmp_path / "art", grid="32x32")
    assert [item["source"] for item in items(by_grid)] == ["lone.png", *(f"walk.png frame {i}" for i in range(1, 7))]

    frames = {f"walk {i}": {"frame": {"x": 32 * i, "y": 0, "w": 32, "h": 32}, "rotated": False} for i in range(6)}
    (tmp_path / "art" / "walk.json").write_text(json.dumps({"frames": frames, "meta": {"image": "walk.png"}}))
    by_file = prepared(tmp_path / "home", tmp_path / "art")
    assert by_file.folder == by_grid.folder

    write(project.assets / "sprites" / "character_hero.png", sheet[:, :192])
    atlas = {"tile_width": 32, "tile_height": 32, "columns": 6, "rows": 1, "padding": 0, "offset": 0}
    entry = {
        "path": "sprites/character_hero.png", "kind": "sheet", "id": "0" * 12, "version": 1, "name": "hero",
        "prompt": "a brave hero", "category": "character", "width": 192, "height": 32, "colors": 9, "sha256": "0" * 64,
        "seed": 1, "model": "m", "atlas": atlas,
    }  # fmt: skip
    (project.assets / "manifests").mkdir()
    (project.assets / "manifests/dgx_pixels.json").write_text(json.dumps({"schema": 2, "assets": [entry]}))
    ours = prepared(tmp_path / "home", "project", project)
    assert [item["caption"] for item in items(ours)] == ["a brave hero"] * 6


def test_assets_of_the_library_bring_their_prompts(tmp_path: Path) -> None:
    """Ids split by commas are a source; what an asset was asked for is its caption."""

    async def made() -> list[str]:
        async with parts(tmp_path / "home") as services:
            ids = []
            for i, rgba in enumerate(tiles(5)):
                png = write(tmp_path / "x.png", rgba).read_bytes()
                details = json.dumps({"kind": "sprite", "prompt": f"zqx, thing number {'abcde'[i]}"})
                new = NewVersion("", f"sprites/item_{i}.png", "sprite", f"thing{i}", "item", png, "{}", 32, 32, 9, 1, details)
                ids.append((await services.library.add(new)).id)
            request = DatasetRequest(source=" , ".join(ids), base="tiny-sdxl", trigger="zqx")
            return [item["caption"] for item in items(await prepare_dataset(services, None, request))]

    assert asyncio.run(made()) == [f"thing number {letter}" for letter in "abcde"]


def test_winners_of_comparisons_are_a_source(tmp_path: Path) -> None:
    """Only the pictures that were voted for are learnt from, with what they were asked for as captions."""
    art = [write(tmp_path / f"{i}.png", rgba).read_bytes() for i, rgba in enumerate(tiles(12))]

    async def made() -> tuple[str, list[str]]:
        async with parts(tmp_path / "home") as services:
            comparisons, none = services.library.comparisons, DatasetRequest(source="winners", base="tiny-sdxl")
            with pytest.raises(RequestError, match="No comparison of this project has a winner yet") as refused:
                await prepare_dataset(services, None, none)
            planned = [PlannedRound(f"a thing called {'abcdef'[i]}", "item", i, 0) for i in range(6)]
            await comparisons.begin("a" * 12, "", ("tiny-sdxl", "tiny-sdxl+x:1.0"), planned, blind=True)
            for i, png in enumerate(art):
                await comparisons.add_cell("a" * 12, NewCell(i // 2 + 1, i % 2, png, f"{i % 2}", 1.0, None, {}))
            for number, winner in enumerate(("A", "B", "tie", "A", "A", "B"), start=1):
                await comparisons.vote("a" * 12, number, winner)
            found = await prepare_dataset(services, None, none)
            return str(refused.value), [item["caption"] for item in items(found)]

    refused, captions = asyncio.run(made())
    assert "record_vote" in refused
    assert captions == [f"a thing called {letter}" for letter in "abdef"]


def test_a_name_that_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    """A file name of bytes that are no UTF-8 neither breaks the report nor the dataset."""
    files = sprite_folder(tmp_path / "art", 6)
    files[0].rename(tmp_path / "art" / os.fsdecode(b"\xff\xfe.png"))

    found = prepared(tmp_path / "home", tmp_path / "art")

    assert found.report.images == 6
    assert "?" in found.report.model_dump_json()

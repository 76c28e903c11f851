"""The recipe of tiny-sdxl: what pictures say they show, the colours they are learnt in, and training that can be cut off."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from dgx_pixels.models import tiny_unet, tiny_vae
from dgx_pixels.models.tiny_data import GROUND, ask, examples, read_tiles
from dgx_pixels.models.tiny_drawn import drawn
from dgx_pixels.models.tiny_export import assemble
from dgx_pixels.models.tiny_paths import subject_of
from dgx_pixels.models.tiny_recolour import recoloured
from dgx_pixels.models.tiny_words import COLOURS, dominant_colours, further_words


def png(colour: tuple[int, int, int], box: tuple[int, int, int, int] = (6, 6, 25, 25)) -> bytes:
    """A 32x32 picture with a shaded box of one colour on a clear ground."""
    rgba = np.zeros((32, 32, 4), np.uint8)
    left, top, right, bottom = box
    shade = np.linspace(1.0, 0.5, bottom - top)[:, None, None]
    rgba[top:bottom, left:right, :3] = np.array(colour) * shade
    rgba[top:bottom, left:right, 3] = 255
    out = io.BytesIO()
    Image.fromarray(rgba).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip that looks like the tile release: a few tiles, an icon to leave out, and two layers of a paper doll."""
    path = tmp_path_factory.mktemp("release") / "tiles.zip"
    with zipfile.ZipFile(path, "w") as z:
        for name, colour in (
            ("item/potion/ruby.png", (200, 20, 30)), ("item/weapon/hand_axe2.png", (140, 140, 150)),
            ("item/weapon/brands/i-fire.png", (250, 120, 0)), ("mon/dragons/golden_dragon.png", (230, 180, 40)),
            ("dngn/floor/grass/grass0.png", (40, 120, 30)), ("player/base/human_m.png", (220, 180, 150)),
            ("player/body/robe_blue.png", (30, 40, 200)),
        ):  # fmt: skip
            z.writestr(name, png(colour))
    return path


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("item/weapon/hand_axe2.png", "axe"), ("UNUSED/weapons/katana1.png", "sword"), ("item/staff/staff03.png", "staff"),
        ("mon/animals/wolf_spider.png", "spider"), ("mon/animals/wolf.png", "wolf"), ("mon/orc_wizard.png", "orc"),
        ("dngn/statues/statue_archer.png", "statue"), ("dngn/wall/brick_brown0.png", "brick wall"),
        ("player/transform/dragon_form_red.png", "dragon"), ("dngn/floor/grass/grass0.png", "grass"),
        ("dngn/water/deep_water.png", "water"), ("mon/undead/skeletons/skeleton_humanoid_small.png", "skeleton"),
    ],
)  # fmt: skip
def test_a_tile_is_called_what_a_person_would_call_it(path: str, subject: str) -> None:
    """The release's terse paths become plain words."""
    found = subject_of(path)

    assert found is not None
    assert found.name == subject


@pytest.mark.parametrize(
    "path", ["item/weapon/brands/i-fire.png", "gui/spells/fire/x.png", "misc/blood/a.png", "dngn/wall/shadow_n.png"]
)
def test_icons_edges_and_overlays_are_left_out(path: str) -> None:
    """What shows no thing is not learnt."""
    assert subject_of(path) is None


def test_colours_of_file_names_are_not_said() -> None:
    """A recoloured picture of "golden_dragon" must not be called golden: colours come from the pixels."""
    assert further_words("mon/dragons/golden_dragon.png", ("dragon",)) == ()
    assert further_words("mon/dragons/storm_dragon.png", ("dragon",)) == ("storm",)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("start", [(200, 30, 30), (120, 120, 130), (30, 60, 200), (240, 235, 220), (60, 40, 20)])
def test_a_recoloured_picture_shows_the_colour_most(colour: str, start: tuple[int, int, int]) -> None:
    """From any colour to each of the twelve; the ground stays."""
    rgba = np.array(Image.open(io.BytesIO(png(start))))
    opaque = rgba[..., 3] > 0
    picture = recoloured(rgba[..., :3], opaque, colour)

    assert dominant_colours(picture, opaque)[0] == colour
    assert (picture[~opaque] == rgba[~opaque][:, :3]).all()


def test_what_is_drawn_by_rule_fills_its_picture_and_repeats() -> None:
    """Keys, gems, chests, rings, hearts and planks: something to see on each, the same every time."""
    first, again = drawn(), drawn()

    assert {name for name, _ in first} == {"key", "gem", "chest", "ring", "heart", "wood floor", "wood wall"}
    assert all((np.array(picture)[..., 3] > 0).sum() > 60 for _, picture in first)
    assert all(a == b and np.array_equal(np.array(x), np.array(y)) for (a, x), (b, y) in zip(first, again, strict=True))


def test_every_picture_stands_on_the_ground_or_fills_its_square(release: Path) -> None:
    """Clear pixels are the key colour; a floor has none; dolls are dressed, icons are left out."""
    tiles = {t.path: t for t in read_tiles(release)}
    wizards = [t for t in tiles.values() if t.subject.name == "wizard"]

    assert not any("brands" in path or path.startswith("player/") for path in tiles)
    assert tiles["dngn/floor/grass/grass0.png"].opaque.all()
    assert (tiles["item/potion/ruby.png"].rgb[0, 0] == GROUND).all()
    assert wizards
    assert any(dominant_colours(t.rgb, t.opaque)[0] == "blue" for t in wizards)


def test_captions_name_the_thing_and_only_colours_that_it_shows(release: Path) -> None:
    """However it is worded, a caption says one of the subject's nouns; no other colour goes before it."""
    rng = random.Random(0)
    axes = examples([tile for tile in read_tiles(release) if tile.path == "item/weapon/hand_axe2.png"])
    said = [(ask(e, rng), e) for e in axes for _ in range(50)]

    assert {e.colours[0] for e in axes} == set(COLOURS)
    for text, example in said:
        assert not text or any(noun in text for noun in ("axe", "hatchet"))
        before = re.split("axe|hatchet", text)[0]
        assert not {c for c in COLOURS if c in before.split()} - set(example.colours)


class CutOffError(Exception):
    """Stands for a kill."""


def only_twice(work: Callable[..., Any]) -> Callable[..., Any]:
    """The work, but at its third call it is cut off."""
    left = [1, 1]

    def cut_off(*arguments: object) -> object:
        if not left:
            raise CutOffError
        left.pop()
        return work(*arguments)

    return cut_off


@pytest.mark.slow
def test_training_that_is_cut_off_goes_on_bit_for_bit(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between two checkpoints and started again, both trainings end with the weights of a run that was never stopped."""
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    for work in (straight, broken):
        work.mkdir()
    monkeypatch.setattr(tiny_vae, "BATCH", 4)
    monkeypatch.setattr(tiny_unet, "BATCH", 4)
    tiny_vae.train(release, straight, steps=3, save_every=1)
    tiny_unet.train(release, straight, steps=3, save_every=1)

    for module, worker in ((tiny_vae, "forward"), (tiny_unet, "learn")):
        with monkeypatch.context() as patched:
            patched.setattr(module, worker, only_twice(getattr(module, worker)))
            with pytest.raises(CutOffError):
                module.train(release, broken, steps=3, save_every=1)
        module.train(release, broken, steps=3, save_every=1)

    for name in ("vae.pt", "unet.pt"):
        one, two = (torch.load(work / name, weights_only=True) for work in (straight, broken))
        key = "vae" if name == "vae.pt" else "weights"
        assert all(torch.equal(one[key][k], two[key][k]) for k in one[key]), name
    assert isinstance(assemble(broken)[0], StableDiffusionXLPipeline)

"""The pure parts of datasets: sizes and factors, grounds, frames, what is pixel art, and what is nearly the same."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import tiles
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dgx_pixels.pixels.colour import comparable
from dgx_pixels.pixels.dataset_alike import nearly_same, small_copy
from dgx_pixels.pixels.dataset_fit import Area, cut_areas, cut_frames, fit, fitted, picture_sizes, plain_ground
from dgx_pixels.pixels.dataset_look import look, softness, true_pixels


def test_a_large_model_learns_from_sdxls_sizes() -> None:
    """Multiples of 64 just below 1024 x 1024, wide and high alike; a small model has one size."""
    sizes = picture_sizes(1024)
    assert {(1024, 1024), (832, 1216), (1344, 768), (2048, 512), (640, 1536)} <= {*sizes, *(size[::-1] for size in sizes)}
    assert sizes[0] == (1024, 1024)
    assert {size[::-1] for size in sizes} == {*sizes}
    assert all(w % 64 == h % 64 == 0 and 0.9 * 2**20 <= w * h <= 2**20 for w, h in sizes)
    assert picture_sizes(32) == ((32, 32),)


@given(st.integers(1, 300), st.integers(1, 300))
def test_no_other_size_and_factor_covers_more(width: int, height: int) -> None:
    """The factor is whole, the sprite fits, and its picture is the one that it fills best."""
    found = fit(width, height, 1024)
    assert found is not None
    assert width * found.factor <= found.width
    assert height * found.factor <= found.height
    covered = width * height * found.factor**2 / (found.width * found.height)
    for across, down in picture_sizes(1024):
        factor = min(across // width, down // height)
        assert width * height * factor**2 / (across * down) <= covered + 1e-9


def test_a_sprite_too_large_for_the_model_is_trimmed_or_refused() -> None:
    """A canvas of 48 px with a subject of 20 fits a model of 32; a subject of 40 does not."""
    rgba = np.zeros((48, 48, 4), np.uint8)
    rgba[10:30, 5:25] = (200, 40, 60, 255)
    found = fitted(rgba, 32, (255, 0, 255))
    assert found is not None
    assert found.rgb.shape == (32, 32, 3)
    assert (found.rgb == (200, 40, 60)).all(-1).sum() == 400
    rgba[:40, :40] = (200, 40, 60, 255)
    assert fitted(rgba, 32, (255, 0, 255)) is None


def test_a_ground_is_grey_unless_the_sprite_is() -> None:
    """The cut-out must tell it from each colour at the sprite's edge."""
    red = np.zeros((8, 8, 4), np.uint8)
    red[2:6, 2:6] = (200, 30, 30, 255)
    grey = red.copy()
    grey[2:6, 2:6, :3] = np.linspace(0, 255, 16).astype(np.uint8).reshape(4, 4, 1)
    assert plain_ground(red) == (200, 200, 200)
    ground = plain_ground(grey)
    assert max(ground) > min(ground)
    away = np.linalg.norm(comparable(grey[2:6, 2:6, :3]) - comparable(np.array(ground, np.uint8)), axis=-1)
    assert away.min() > 0.05


def test_frames_are_cut_in_reading_order_without_empty_ones() -> None:
    """By a size that fills the sheet, or by areas within it; else one clause says what does not fit."""
    art = tiles(4)
    sheet = np.concatenate([np.concatenate([art[0], art[1], art[0] * 0], 1), np.concatenate([art[2], art[3], art[0] * 0], 1)])
    assert all((a == b).all() for a, b in zip(cut_frames(sheet, 32, 32), art, strict=True))
    areas = [Area(32, 32, 32, 32), Area(64, 0, 32, 32)]
    assert [(frame == art[3]).all() for frame in cut_areas(sheet, areas)] == [True]
    with pytest.raises(ValueError, match="96x64 px cannot be cut into frames of 32x48"):
        cut_frames(sheet, 32, 48)
    with pytest.raises(ValueError, match="outside its 96x64"):
        cut_areas(sheet, [Area(80, 0, 32, 32)])


@given(st.integers(1, 12), st.integers(0, 39))
def test_an_exact_enlargement_is_undone(factor: int, which: int) -> None:
    """Whatever whole number it was, the sprite itself is looked at."""
    rgba = tiles(40)[which]
    small, by = true_pixels(rgba)
    assert by == 1
    again, found = true_pixels(rgba.repeat(factor, 0).repeat(factor, 1))
    assert found == factor
    assert (again == small).all()


def test_true_sprites_pass_and_smoothed_ones_do_not() -> None:
    """Of 150 sprites nearly all pass; of their smooth enlargements, on a plain ground, hardly any; their edges tell."""
    art = tiles(150)
    passed = [look(rgba).why is None for rgba in art]
    smooth = []
    for rgba in art[:40]:
        ground = Image.new("RGBA", (32, 32), (90, 140, 60, 255))
        ground.alpha_composite(Image.fromarray(rgba))
        smooth.append(np.asarray(ground.resize((96, 96), Image.Resampling.BILINEAR)))
    assert np.mean(passed) >= 0.98
    assert np.mean([look(rgba).why is None for rgba in smooth]) <= 0.1
    assert np.mean([softness(rgba) for rgba in smooth]) > 2 * np.mean([softness(rgba) for rgba in art[:40]])


def test_nearly_the_same_are_found_whatever_their_canvas() -> None:
    """A changed pixel and another canvas are the same sprite; 100 different ones are not, but for animation frames."""
    art = tiles(100)
    twin = np.pad(art[3], ((2, 5), (7, 0), (0, 0)))
    twin[20, 20, :3] ^= 16
    copies = [small_copy(rgba) for rgba in art]
    assert len(nearly_same(copies)) <= 3
    assert (3, 100) in nearly_same([*copies, small_copy(twin)])
    assert nearly_same([]) == []

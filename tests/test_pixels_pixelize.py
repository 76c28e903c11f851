"""The engine: any picture becomes the pixel art that it shows."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.grid import find_grid, fit_grid
from dgx_pixels.pixels.grid_exact import enlargement
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.pixels.pixelize import pixelize, pixelize_frames

Picture = NDArray[np.uint8]
SHEET = Path(__file__).parent.parent / "benchmarks/tiles/subjects.png"
MAGENTA = (255, 0, 255)


def tile(number: int) -> Picture:
    """Read one of the benchmark's CC0 tiles, (32, 32, 4)."""
    row, column = divmod(number, 10)
    return np.array(Image.open(SHEET).convert("RGBA"))[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]


def on_ground(rgba: Picture) -> Picture:
    """Lay a picture on magenta, alpha all 255."""
    rgb = np.where(rgba[..., 3:] == 0, MAGENTA, rgba[..., :3])
    return np.dstack([rgb, np.full(rgb.shape[:2], 255)]).astype(np.uint8)


def drawn(rgba: Picture, cell: float, *, drift: float = 0.0, blur: float = 1.0, noise: float = 2.0, seed: int = 0) -> Picture:
    """Draw true pixels as a generator would: cells of about `cell` px that grow and shrink by `drift` px, soft and noisy."""
    rng = np.random.default_rng(seed)
    index = []
    for cells in rgba.shape[:2]:
        widths = cell + drift * np.sin(np.linspace(0, 5, cells))
        lines = np.concatenate([[0.0], np.cumsum(widths)])
        index.append(np.searchsorted(lines, np.arange(int(lines[-1])) + 0.5, "right") - 1)
    large = rgba[index[0]][:, index[1]].astype(np.float32)
    large[..., :3] = cv2.GaussianBlur(large[..., :3], (0, 0), blur)
    large[..., :3] += rng.normal(0, noise, large[..., :3].shape)
    return np.asarray(np.rint(large.clip(0, 255)), dtype=np.uint8)


def jpeg(rgba: Picture, quality: int) -> Picture:
    """Save as JPEG and read again, as RGBA."""
    data = BytesIO()
    Image.fromarray(rgba).convert("RGB").save(data, "JPEG", quality=quality)
    return np.array(Image.open(data).convert("RGBA"))


def random_art(seed: int, width: int, height: int, colors: int) -> Picture:
    """Make a picture of random cells in so many colours, alpha all 255."""
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (colors, 3))[rng.integers(0, colors, (height, width))]
    return np.dstack([rgb, np.full((height, width), 255)]).astype(np.uint8)


def widest_blocks(art: Picture) -> int:
    """How many equal rows a picture is made of at a time, all over."""
    changes = np.flatnonzero((art[1:] != art[:-1]).any(axis=(1, 2))) + 1
    return int(np.gcd.reduce([*changes, len(art)]))


@given(st.integers(0, 2**32 - 1), st.integers(2, 24), st.integers(2, 24), st.integers(2, 12), st.integers(2, 60))
@example(14719, 4, 2, 2, 2)
def test_our_own_output_enlarged_comes_back_bit_for_bit(seed: int, width: int, height: int, factor: int, colors: int) -> None:
    """Pixelizing is idempotent: its output, scaled up by a whole number, gives itself, if it has no larger blocks."""
    first = pixelize(random_art(seed, width, height, colors), transparent=False).sprite.rgba
    assume(enlargement([first]) is None)
    assume(widest_blocks(first) == widest_blocks(first.swapaxes(0, 1)) == 1)
    again = pixelize(first.repeat(factor, 0).repeat(factor, 1), transparent=False)
    assert np.array_equal(again.sprite.rgba, first)
    assert again.confidence == 1.0


@pytest.mark.parametrize("factor", [2, 3, 7, 16, 40])
def test_enlarged_art_with_clear_pixels_comes_back(factor: int) -> None:
    """Art with alpha, enlarged by whole numbers, comes back bit for bit, its clear pixels too."""
    true = tile(factor)
    found = pixelize(true.repeat(factor, 0).repeat(factor, 1))
    assert np.array_equal(found.sprite.rgba, true)


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from([None, 2, 7, 256]),
    st.sampled_from([None, "pico-8", "game-boy"]),
    st.booleans(),
    st.booleans(),
)
def test_every_picture_keeps_the_promises(
    seed: int, size: tuple[int, int], colors: int | None, name: str | None, transparent: bool, sized: bool
) -> None:
    """Whatever the picture: the asked size exactly, alpha 0 or 255, nothing under clear pixels, few colours, the palette's."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (*size, 4), dtype=np.uint8)
    picture[..., 3] = rng.choice([0, 128, 255], size) if seed % 2 else 255
    asked = (max(1, size[1] // 2), max(1, size[0] // 3)) if sized else None
    palette = None if name is None else read_palette(name)
    sprite = pixelize(picture, size=asked, colors=colors, palette=palette, transparent=transparent).sprite
    alpha = sprite.rgba[..., 3]
    found = {tuple(color) for color in sprite.rgba[alpha > 0][:, :3].tolist()}
    assert asked is None or alpha.shape == asked[::-1]
    assert set(np.unique(alpha).tolist()) <= {0, 255}
    assert not sprite.rgba[alpha == 0].any()
    assert found == set(sprite.palette)
    assert colors is None or len(found) <= colors
    assert palette is None or found <= set(palette)


@pytest.mark.parametrize(("number", "cell", "drift"), [(3, 7.63, 0.1), (40, 12.4, 0.4), (77, 29.7, 0.6), (120, 5.2, 0.0)])
def test_soft_drifting_cells_are_found(number: int, cell: float, drift: float) -> None:
    """Cells of a fractional, drifting width, blurred and noisy, give the true size, alpha and colours."""
    true = tile(number)
    found = pixelize(drawn(on_ground(true), cell, drift=drift, blur=0.13 * cell))
    assert found.kind == "grid"
    assert found.confidence > 0.6
    assert found.sprite.rgba.shape == true.shape
    assert (found.sprite.rgba[..., 3] == true[..., 3]).mean() > 0.995
    solid = (true[..., 3] > 0) & (found.sprite.rgba[..., 3] > 0)
    away = np.abs(found.sprite.rgba.astype(int) - true)[solid].max(axis=-1)
    assert (away <= 8).mean() > 0.97


def test_the_palette_is_found_behind_noise() -> None:
    """Twelve colours under noise and JPEG come back as twelve or a few less, each near to its own."""
    true = random_art(5, 40, 40, 12)
    found = pixelize(jpeg(drawn(true, 14.3, noise=8), 80), transparent=False).sprite
    assert found.rgba.shape == true.shape
    assert 10 <= len(found.palette) <= 13
    assert np.median(np.abs(found.rgba.astype(int) - true).max(axis=-1)) <= 4


@pytest.mark.parametrize("factor", [3, 8, 21])
def test_jpeg_of_an_enlargement_has_the_true_size(factor: int) -> None:
    """JPEG at 95 spoils an exact enlargement, but not its size."""
    true = on_ground(tile(50 + factor))
    assert pixelize(jpeg(true.repeat(factor, 0).repeat(factor, 1), 95)).sprite.rgba.shape == true.shape


@pytest.mark.parametrize("number", [1, 60, 149])
def test_true_pixels_are_left_alone(number: int) -> None:
    """A sprite at its true size comes back bit for bit, without a grid and with low confidence."""
    found = pixelize(tile(number))
    assert np.array_equal(found.sprite.rgba, tile(number))
    assert (found.kind, found.grid) == ("true_size", None)
    assert found.confidence < 0.35


def test_smooth_pictures_are_left_at_their_size() -> None:
    """A picture without cells is no grid, is not made small unasked, and has at most 256 colours."""
    y, x = np.indices((300, 400))
    smooth = np.stack([128 + 120 * np.sin(x / 40), y * 255 / 300, 128 + 120 * np.cos((x + y) / 55), 0 * x + 255], axis=-1)
    found = pixelize(smooth.astype(np.uint8), transparent=False)
    assert found.kind == "no_grid"
    assert found.confidence < 0.35
    assert found.sprite.rgba.shape == (300, 400, 4)
    assert len(found.sprite.palette) <= 256


def test_a_thin_outline_survives_reduction() -> None:
    """A dark line a quarter of a cell wide stays dark when a smooth picture is reduced; plain area means lose it."""
    y, x = np.indices((320, 320))
    away = np.hypot(y - 160, x - 160)
    light = (150 + 60 * np.sin(x / 50) * np.cos(y / 60))[..., None] * (1, 0.9, 0.8)
    smooth = np.where((np.abs(away - 110) < 1.5)[..., None], 10, light)
    picture = np.dstack([smooth, np.full((320, 320), 255)]).astype(np.uint8)
    found = pixelize(picture, size=(32, 32), transparent=False)
    row = found.sprite.rgba[16, :, :3].mean(axis=-1)
    plain = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)[16, :, :3].mean(axis=-1)
    assert found.kind == "no_grid"
    assert row[4:6].min() < 40
    assert plain[4:6].min() > 60


def test_an_asked_size_is_fitted() -> None:
    """The same cells are found whether the size is asked for or not; another size than the true one holds as well."""
    picture = drawn(on_ground(tile(33)), 11.7, drift=0.3)
    free, asked = pixelize(picture), pixelize(picture, size=(32, 32))
    assert asked.kind == "grid"
    assert np.array_equal(free.sprite.rgba, asked.sprite.rgba)
    assert pixelize(picture, size=(20, 27)).sprite.rgba.shape == (27, 20, 4)


def test_a_textured_floor_is_no_ground() -> None:
    """A ground is cut out and named; a floor whose texture shows is the picture's own and stays."""
    true = tile(90)
    floor = np.tile(random_art(3, 8, 8, 4) // 12 + np.array((40, 30, 30, 0), dtype=np.uint8), (4, 4, 1))
    floor[..., 3] = 255
    busy = np.where(true[..., 3:] == 0, floor, true)
    cut, whole = pixelize(drawn(on_ground(true), 12.3)), pixelize(drawn(busy, 12.3))
    assert cut.ground is not None
    assert np.abs(np.subtract(cut.ground, MAGENTA)).max() <= 6
    assert whole.ground is None
    assert (whole.sprite.rgba[..., 3] == 255).all()


def test_frames_share_grid_and_palette_and_hold_still() -> None:
    """Noisy frames of one animation have one grid and palette, and what stands still has one colour in all of them."""
    stage, walker = random_art(8, 48, 40, 9), tile(7)
    frames = []
    for place in (2, 6, 10):
        frame = stage.copy()
        view = frame[4:36, place : place + 32]
        view[walker[..., 3] > 0] = walker[walker[..., 3] > 0]
        frames.append(frame)
    found = pixelize_frames([drawn(frame, 9.4, drift=0.2, seed=i) for i, frame in enumerate(frames)], transparent=False)
    assert all(one.sprite.rgba.shape == (40, 48, 4) for one in found)
    assert len({one.sprite.palette for one in found}) == 1
    assert len({id(one.grid) for one in found}) == 1
    true, seen = np.stack(frames), np.stack([one.sprite.rgba for one in found])
    calm = (true == true[0]).all(axis=(0, 3))
    assert (seen == seen[0]).all(axis=(0, 3))[calm].mean() > 0.998
    assert (seen != seen[0]).any()


def test_cells_are_where_they_were_drawn() -> None:
    """Each border of a drifting grid lies within an eighth of a cell of where it was drawn."""
    widths = 14 + 0.5 * np.sin(np.linspace(0, 5, 32))
    grid = find_grid([drawn(on_ground(tile(21)), 14, drift=0.5)[..., :3]])
    assert grid is not None
    assert (grid.width, grid.height) == (32, 32)
    assert grid.cell_width == pytest.approx(widths.mean(), abs=0.1)
    inside = np.abs(grid.x_cuts[8:24] - np.concatenate([[0], np.cumsum(widths)])[8:24])
    assert inside.max() < 14 / 8


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 1), (32, 31), (60, 200)])
def test_fitted_grids_have_the_size_and_rise(width: int, height: int) -> None:
    """Any size up to the picture's own can be fitted to any picture: the cuts rise from edge to edge."""
    noise = np.random.default_rng(1).integers(0, 256, (200, 60, 3), dtype=np.uint8)
    grid = fit_grid([noise], width, height)
    assert (grid.width, grid.height) == (width, height)
    for cuts, length in ((grid.x_cuts, 60), (grid.y_cuts, 200)):
        assert (cuts[0], cuts[-1]) == (0, length)
        assert (np.diff(cuts) > 0).all()


@pytest.mark.parametrize(
    ("asked", "problem"),
    [({"size": (0, 4)}, "at least 1x1"), ({"size": (9, 9)}, "at most 8x8"), ({"colors": 1}, "2 to 256")],
)
def test_bad_wishes_are_refused(asked: dict[str, tuple[int, int]], problem: str) -> None:
    """A size or a number of colours that cannot be is refused with what can."""
    with pytest.raises(ValueError, match=problem):
        pixelize(random_art(0, 8, 8, 5), **asked)  # type: ignore[arg-type]  # a table of different arguments


def test_frames_need_one_size() -> None:
    """No frames, or frames of two sizes, are refused."""
    with pytest.raises(ValueError, match="none"):
        pixelize_frames([])
    with pytest.raises(ValueError, match="4x4, 4x5"):
        pixelize_frames([random_art(0, 4, 4, 3), random_art(0, 4, 5, 3)])

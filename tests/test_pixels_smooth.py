"""Pixel art that was enlarged smoothly: its true size and colours come back, and nothing else is taken for it."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.grid_smooth import SmoothGrid, find_smooth_grid, smooth_colors
from dgx_pixels.pixels.pixelize import pixelize

Picture = NDArray[np.uint8]
SHEET = Path(__file__).parent.parent / "benchmarks/tiles/subjects.png"
PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos3": Image.Resampling.LANCZOS}
OPENCV = {"bicubic -0.75": cv2.INTER_CUBIC, "lanczos4": cv2.INTER_LANCZOS4}


def tile(number: int) -> Picture:
    """Read one of the benchmark's CC0 tiles, (32, 32, 4)."""
    row, column = divmod(number, 10)
    return np.array(Image.open(SHEET).convert("RGBA"))[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]


def on_ground(rgba: Picture) -> Picture:
    """Lay a picture on grey, alpha all 255."""
    rgb = np.where(rgba[..., 3:] == 0, 150, rgba[..., :3])
    return np.dstack([rgb, np.full(rgb.shape[:2], 255)]).astype(np.uint8)


def enlarged(rgba: Picture, factor: float, kernel: str) -> Picture:
    """Enlarge a picture with one of Pillow's or OpenCV's kernels."""
    size = round(rgba.shape[1] * factor), round(rgba.shape[0] * factor)
    if kernel in PILLOW:
        return np.array(Image.fromarray(rgba).resize(size, PILLOW[kernel]))
    return np.asarray(cv2.resize(rgba, size, interpolation=OPENCV[kernel]), dtype=np.uint8)


def jpeg(rgba: Picture, quality: int) -> Picture:
    """Save as JPEG and read again, as RGBA."""
    data = BytesIO()
    Image.fromarray(rgba).convert("RGB").save(data, "JPEG", quality=quality)
    return np.array(Image.open(data).convert("RGBA"))


def right(found: Picture, true: Picture) -> float:
    """Share of cells whose channels are all within 8 of the true ones."""
    assert found.shape == true.shape
    return float((np.abs(found.astype(int) - true).max(axis=-1) <= 8).mean())


@pytest.mark.parametrize("kernel", [*PILLOW, *OPENCV])
@pytest.mark.parametrize(("number", "factor", "quality"), [(3, 5, None), (41, 7.3, None), (77, 12, 90), (120, 16.7, 80)])
def test_smooth_enlargements_come_back(kernel: str, number: int, factor: float, quality: int | None) -> None:
    """Art enlarged with any kernel, by fractions too, with or without JPEG, has its true size; its colours, if read as such."""
    true = on_ground(tile(number))
    picture = enlarged(true, factor, kernel)
    found = pixelize(picture if quality is None else jpeg(picture, quality), transparent=False)
    assert found.kind == "grid"
    assert found.sprite.rgba.shape == true.shape
    assert isinstance(found.grid, SmoothGrid) or kernel != "bilinear"
    assert not isinstance(found.grid, SmoothGrid) or right(found.sprite.rgba, true) > 0.9


@settings(max_examples=15, deadline=None)  # a busy machine is no failure
@given(
    st.integers(0, 2**32 - 1),
    st.integers(20, 60),
    st.integers(20, 60),
    st.floats(4, 10),
    st.sampled_from([*PILLOW, "bicubic -0.75"]),
)
def test_any_size_is_found(seed: int, width: int, height: int, factor: float, kernel: str) -> None:
    """Whatever the cells, their number, the factor and the kernel: they are read from it, colours to within 3."""
    rng = np.random.default_rng(seed)
    true = np.dstack([rng.integers(60, 196, (height, width, 3)), np.full((height, width), 255)]).astype(np.uint8)
    picture = enlarged(true, factor, kernel)
    grid = find_smooth_grid([picture])
    assert grid is not None
    assert (grid.width, grid.height, grid.kernel) == (width, height, kernel)
    assert np.abs(smooth_colors(picture, grid) - true[..., :3]).max() < 3


def test_clear_pixels_come_back() -> None:
    """From art with alpha that Pillow enlarged, the cells are read by its outline, and its colours without what is clear."""
    true = tile(60)
    picture = enlarged(true, 9.5, "bilinear")
    grid = find_smooth_grid([picture])
    assert grid is not None
    assert (grid.width, grid.height) == (32, 32)
    solid = true[..., 3] > 0
    assert (np.abs(smooth_colors(picture, grid) - true[..., :3])[solid].max(axis=-1) <= 8).mean() > 0.95


def test_an_asked_size_must_be_the_true_one() -> None:
    """A size that is asked for is fitted as ever, unless it is the one that the picture was enlarged from."""
    picture = enlarged(on_ground(tile(33)), 8, "bilinear")
    assert find_smooth_grid([picture], (32, 32)) is not None
    assert find_smooth_grid([picture], (31, 32)) is None
    assert find_smooth_grid([picture], (8, 8)) is None
    assert pixelize(picture, size=(31, 30)).sprite.rgba.shape == (30, 31, 4)


def _others() -> dict[str, Picture]:
    rng = np.random.default_rng(5)
    y, x = np.indices((240, 300))
    noise = rng.normal(0, 1, (240, 300, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4)
    blurred = cv2.GaussianBlur(enlarged(on_ground(tile(8)), 12, "bicubic"), (0, 0), 7)
    return {
        "gradient": np.stack([x * 255 / 300, y * 255 / 240, (x + y) / 3], axis=-1),
        "noise": 128 + 40 * noise,
        "blurred noise": 128 + 40 * soft / soft.std(),
        "waves": np.stack([128 + 100 * np.sin(x / 9), 128 + 90 * np.cos(y / 14), 128 + 80 * np.sin((x + y) / 11)], axis=-1),
        "flat": np.full((240, 300, 3), 90),
        "discs": np.where(((x % 61 - 30) ** 2 + (y % 47 - 20) ** 2 < 300)[..., None], 220, 40) + np.zeros(3),
        "blurred art": np.asarray(blurred)[..., :3],
        "true-size art": np.tile(on_ground(tile(8))[..., :3], (3, 3, 1)),
        "tiny": np.zeros((3, 2, 3)),
    }


@pytest.mark.parametrize("name", list(_others()))
def test_other_pictures_are_no_enlargements(name: str) -> None:
    """Gradients, noise, soft noise, waves, flat and blurred pictures, and true pixels, show no smooth grid."""
    rgb = _others()[name].clip(0, 255).astype(np.uint8)
    assert find_smooth_grid([np.dstack([rgb, np.full(rgb.shape[:2], 255, dtype=np.uint8)])]) is None

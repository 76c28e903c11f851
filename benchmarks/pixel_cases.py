"""Cases beyond the three levels, for our engine: what must be exact, what must be left alone, what must stand still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from pixel_score import score
from pixel_simulator import LEVELS, Picture, Spoiling, animation, jpeg, on_ground, scene, spoil, spoil_frames, subject, truth
from pixel_tiles import Tiles
from result_file import Figure, all_of, at_least, at_most, told

from dgx_pixels.pixels.pixelize import pixelize, pixelize_frames

UNEVEN = Spoiling(side=1024, uneven=0.08, blur=(1.5, 3.0), jitter=2, shade=2, grain=3, quality=(80, 90))


def cases(tiles: Tiles, seeds: Sequence[int]) -> list[Figure]:
    """Run all cases."""
    return [
        *_false_grounds(tiles, seeds),
        *_enlargements(tiles, seeds[0]),
        *_smooth_enlargements(tiles, seeds),
        *_left_alone(tiles, seeds),
        *_small_cells(tiles, seeds),
        at_least("pixels", "28 large uneven cells (8 % iid): size right", _uneven(tiles, seeds), 90, "%"),
        *_frames(tiles, seeds),
    ]


def opaque(rgb: Picture) -> Picture:
    """Add an alpha channel, all 255."""
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, dtype=np.uint8)])


def _false_grounds(tiles: Tiles, seeds: Sequence[int]) -> list[Figure]:
    """Count cut floors, those apart that are one flat colour by now: such a floor and a ground are the same picture."""
    cut, count = {True: 0, False: 0}, {True: 0, False: 0}
    for seed in seeds:
        whole = scene(tiles, seed, (48, 64, 96)[seed % 3], floor=True)
        flat = _is_flat(whole)
        for how in LEVELS.values():
            cut[flat] += pixelize(opaque(spoil(whole, seed, how))).ground is not None
            count[flat] += 1
    return [
        at_most("pixels", "grounds cut from floors, which have none", 100 * cut[False] / max(count[False], 1), 2, "%"),
        told("pixels", "floors cut whose border is one flat colour in most of its cells", f"{cut[True]} of {count[True]}"),
    ]


def _is_flat(rgba: Picture) -> bool:
    """Tell whether most of a true picture's border is of one colour."""
    border = np.concatenate([rgba[0], rgba[-1], rgba[1:-1, 0], rgba[1:-1, -1]])
    return bool(np.unique(border, axis=0, return_counts=True)[1].max() > len(border) / 2)


def _enlargements(tiles: Tiles, seed: int) -> list[Figure]:
    exact = size = close = worst = count = 0
    for factor in range(2, 41):
        true = subject(tiles, seed + factor) if factor > 10 else scene(tiles, seed + factor, 48, floor=False)
        exact += np.array_equal(pixelize(true.repeat(factor, 0).repeat(factor, 1)).sprite.rgba, true)
        rgb = on_ground(true, np.random.default_rng(factor))
        found = pixelize(opaque(jpeg(rgb.repeat(factor, 0).repeat(factor, 1), 95)), transparent=False).sprite.rgba
        count += 1
        if found.shape == true.shape:
            size += 1
            away = np.abs(found[..., :3].astype(int) - rgb).max(axis=-1)
            close += int(away.max() <= 8)
            worst = max(worst, int(away.max())) if factor >= 4 else worst
    return [
        all_of("pixels", "exact enlargements, 2 to 40 times: every bit right", exact, count),
        all_of("pixels", "the same after JPEG 95: size right", size, count),
        told(
            "pixels", "the same after JPEG 95: every colour within 8 of 255", f"{close} of {count}; worst from 4 px up: {worst}"
        ),
    ]


def _smooth_enlargements(tiles: Tiles, seeds: Sequence[int]) -> list[Figure]:
    rows = []
    for name, kernel in (("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC), ("Lanczos", cv2.INTER_LANCZOS4)):
        scores = []
        for seed in seeds:
            true, rng = truth(tiles, seed), np.random.default_rng([seed, 9])
            factor = rng.uniform(4, min(24, 1600 / max(true.shape)))
            large = cv2.resize(on_ground(true, rng), (0, 0), fx=factor, fy=factor, interpolation=kernel)
            picture = jpeg(np.asarray(large, dtype=np.uint8), (80, 85, 90, 95)[seed % 4])
            scores.append(score(true, pixelize(opaque(picture)).sprite.rgba))
        right, strict = sum(one.grid for one in scores), 100 * np.mean([one.strict for one in scores])
        what = f"{name} enlargements, 4 to 24 times, JPEG 80 to 95: size right; strict"
        rows.append(told("pixels", what, f"{right} of {len(seeds)}; {strict:.1f} %"))
    return rows


def _left_alone(tiles: Tiles, seeds: Sequence[int]) -> list[Figure]:
    sure, unsure, kept, whole = [], [], 0, 0
    for seed in seeds:
        true = truth(tiles, seed)
        sure += [pixelize(opaque(spoil(true, seed, how))).confidence for how in LEVELS.values()]
        small = pixelize(true)
        kept += np.array_equal(small.sprite.rgba, true)
        for picture in (_smooth_art(tiles, seed), _shapes(seed)):
            large = pixelize(opaque(picture), transparent=False)
            whole += large.kind != "grid" and large.sprite.rgba.shape[:2] == picture.shape[:2]
            unsure.append(large.confidence)
        unsure.append(small.confidence)
    wins = np.mean([[(a > b) + 0.5 * (a == b) for b in unsure] for a in sure])
    return [
        all_of("pixels", "pictures at their true size: every bit kept", kept, len(seeds)),
        all_of("pixels", "smooth pictures and flat shapes: left at their size", whole, 2 * len(seeds)),
        at_least("pixels", "confidence: gridded against these (AUC)", float(wins), 0.95),
    ]


def _smooth_art(tiles: Tiles, seed: int) -> Picture:
    """Enlarge a subject until nothing of its cells is left but soft blobs, (800, 800, 3)."""
    rng = np.random.default_rng([seed, 7])
    rgb = on_ground(subject(tiles, seed), rng)
    large = cv2.resize(rgb, (800, 800), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 0.6 * 800 / len(rgb)), dtype=np.uint8)


def _shapes(seed: int) -> Picture:
    """Draw forty discs and boxes of all sizes with soft edges, (800, 800, 3)."""
    rng = np.random.default_rng([seed, 8])
    picture = np.full((1600, 1600, 3), rng.integers(0, 256, 3), dtype=np.uint8)
    for _ in range(40):
        x, y, size = (int(value) for value in rng.integers(0, 1400, 3))
        color = [int(value) for value in rng.integers(0, 256, 3)]
        if rng.random() < 0.6:
            cv2.circle(picture, (x, y), 15 + size // 6, color, -1)
        else:
            cv2.rectangle(picture, (x, y), (x + 30 + size // 3, y + 30 + int(rng.integers(0, 400))), color, -1)
    return np.asarray(cv2.resize(picture, (800, 800), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _small_cells(tiles: Tiles, seeds: Sequence[int]) -> list[Figure]:
    rows = []
    for cell in (3, 4, 5, 6):
        right = [
            _has_size(scene(tiles, seed, 96, floor=bool(seed % 2)), seed, replace(how, side=round(cell * 96 / 0.97)))
            for seed in seeds
            for how in LEVELS.values()
        ]
        rows.append(at_least("pixels", f"cells of {cell} px, all levels: size right", 100 * float(np.mean(right)), 90, "%"))
    return rows


def _uneven(tiles: Tiles, seeds: Sequence[int]) -> float:
    """Per cent."""
    return 100 * float(np.mean([_has_size(subject(tiles, seed, 28), seed, UNEVEN) for seed in seeds]))


def _has_size(true: Picture, seed: int, how: Spoiling) -> bool:
    return score(true, pixelize(opaque(spoil(true, seed, how))).sprite.rgba).grid


def _frames(tiles: Tiles, seeds: Sequence[int]) -> list[Figure]:
    right = flickers = still = palettes = count = 0
    for seed in seeds[:10]:
        true = animation(tiles, seed, 6)
        drawn = spoil_frames(true, seed, LEVELS["level 2"])
        found = pixelize_frames([opaque(frame) for frame in drawn], transparent=False)
        count += 1
        palettes += len({one.sprite.palette for one in found}) == 1
        if found[0].sprite.rgba.shape != true[0].shape:
            continue
        right += 1
        calm = _unchanging(np.stack(true))
        still += int(calm.sum())
        flickers += int((calm & ~_unchanging(np.stack([one.sprite.rgba for one in found]))).sum())
    return [
        all_of("pixels", "animations of 6 frames: size right", right, count),
        all_of("pixels", "animations: one palette", palettes, count),
        at_most("pixels", f"animations: cells that flicker, of {still} that stand still", flickers, 0),
    ]


def _unchanging(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((frames == frames[0]).all(axis=(0, 3)))

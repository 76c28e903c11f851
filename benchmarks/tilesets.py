"""Whether the tilesets fit: every kind, 20 seeds, 3 pairs of terrains, drawn by the embedded model.

    .venv/bin/python benchmarks/tilesets.py

Prints the tables of benchmarks/tilesets.md. Scores are those of `pixels/tile_seams.py`: the mean step over the edges of all legal
neighbours, divided by the mean step inside the same tiles beside those edges. As a control, the same tiles are scored with each
tile's pattern given to the next one, so that most neighbours are wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from result_file import Figure, Run, add_results_option, all_of, at_most, told
from tiny_sdxl import Artist, seam_ratio

from dgx_pixels.pixels.tile_layout import Kind, edges_of
from dgx_pixels.pixels.tile_map import misfits, random_map
from dgx_pixels.pixels.tile_mask import Transition
from dgx_pixels.pixels.tile_seams import MOST_WORST, prove
from dgx_pixels.pixels.tile_set import Tileset, make_textures, make_tileset

PAIRS = (("water", "sand"), ("dirt floor", "grass floor"), ("stone floor", "ice floor"))
"""The lower terrain first; for a sidescroller, the ground and what covers it."""
SIZES = (8, 16, 32)
SOFT: tuple[Kind, ...] = ("wang16", "blob47", "dualgrid15")
"""Kinds whose edges a dither may change."""
VARIANTS = 3
MAP = 64
Renders = dict[tuple[str, int], list[NDArray[np.uint8]]]
Textures = dict[tuple[str, int, int], tuple[NDArray[np.uint8], ...]]
"""By word, seed and side."""


@dataclass(frozen=True)
class Score:
    """What was found of one set."""

    complete: bool
    refused: bool
    """Whether the product would not publish it, since it lacks a tile or a seam shows."""
    seams: int
    """Legal pairs worse than allowed; 0 or 1, as only the worst is looked at."""
    ratio: float
    worst: float
    pairs: int
    control: float
    misfits: int
    """Of neighbours on a random map of 64x64 tiles."""


def score(tileset: Tileset, seed: int) -> Score:
    """Prove a set, score it against the control, and lay a map with it."""
    edges = [edges_of(tile.cells) for tile in tileset.layout.tiles]
    found = tileset.proof
    wrong = prove(tileset.tiles, [*edges[1:], edges[0]])
    laid = misfits(random_map(tileset.layout, tileset.terrains, MAP, MAP, seed), tileset.layout)  # raises if a tile is missing
    seams = int(found.worst > MOST_WORST)
    refused = bool(tileset.missing) or not found.ok
    return Score(not tileset.missing, refused, seams, found.ratio, found.worst, found.pairs, wrong.ratio, len(laid))


def draw(artist: Artist, seeds: range) -> Renders:
    """Every terrain's renders, each variant with a seed of its own."""
    words = {word for pair in PAIRS for word in pair}
    return {
        (word, seed): [artist.seamless_render(word, 100 * seed + variant) for variant in range(VARIANTS)]
        for word in sorted(words)
        for seed in seeds
    }


def sets(textures: Textures, seeds: range, kind: Kind, side: int, transition: Transition) -> Iterator[tuple[Tileset, int]]:
    """All sets of one kind, each with its seed."""
    for pair in PAIRS:
        for seed in seeds:
            both = [textures[word, seed, side] for word in pair]
            yield make_tileset(kind, both, transition=transition, colors=16, seed=seed), seed


def row(name: str, scores: Sequence[Score]) -> str:
    """One line of a table."""
    ratios = [s.ratio for s in scores]
    cells = (
        name, f"{sum(s.complete for s in scores)} of {len(scores)}", sum(s.refused for s in scores), sum(s.seams for s in scores),
        sum(s.misfits for s in scores),
        f"{np.mean(ratios):.3f}", f"{np.quantile(ratios, 0.95):.3f}", f"{max(ratios):.3f}", f"{max(s.worst for s in scores):.2f}",
        f"{np.mean([s.control for s in scores]):.2f}", f"{sum(s.pairs for s in scores):,}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def figures(scores: Mapping[str, Sequence[Score]]) -> list[Figure]:
    """What was promised, of all sets together; those of 8 px apart, where sidescrollers are known to fail."""
    every = [s for of_set in scores.values() for s in of_set]
    found = [
        all_of("tilesets", "sets that are complete, and lay a map of 64x64 tiles", sum(s.complete for s in every), len(every))
    ]
    for what, small in (("16 and 32 px", False), ("8 px", True)):
        chosen = [s for name, of_set in scores.items() for s in of_set if (", 8 px," in name) == small]
        found += [
            all_of("tilesets", f"no illegal seam, sets of {what}", sum(not s.seams for s in chosen), len(chosen)),
            all_of("tilesets", f"not refused by the tool, sets of {what}", sum(not s.refused for s in chosen), len(chosen)),
            at_most("tilesets", f"seam of legal neighbours over steps inside tiles, the worst set of {what}",
                    max(s.ratio for s in chosen), 1.15),
        ]  # fmt: skip
    control = min(float(np.mean([s.control for s in of_set])) for of_set in scores.values())
    return [
        *found,
        at_most("tilesets", "misfits on the maps", sum(s.misfits for s in every), 0),
        told("tilesets", "the same ratio for tiles that do not fit (control), the lowest mean of a kind", control),
    ]


def main() -> None:
    """Measure all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    add_results_option(parser)
    asked = parser.parse_args()
    run, seeds = Run.begin("tilesets"), range(1, asked.seeds + 1)
    renders = draw(Artist(), seeds)
    raw = [seam_ratio(render) for found in renders.values() for render in found]
    print(
        f"Renders alone, {len(raw)}: seam {np.mean(raw):.3f} in the mean, {np.quantile(raw, 0.95):.3f} at most in 95 %.\n",
        flush=True,
    )
    textures = {(*key, side): make_textures(found, side, key[1]) for key, found in renders.items() for side in SIZES}
    print("| set | complete | refused | illegal seams | misfits | ratio, mean | 95 % | most | worst pair | control | pairs |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    measured: list[tuple[Kind, int, Transition]] = [(kind, side, "outlined") for side in SIZES for kind in get_args(Kind)]
    measured += [("wang16", 16, "hard"), ("wang16", 16, "rough"), *((kind, side, "soft") for side, kind in product(SIZES, SOFT))]
    scores = {}
    for kind, side, transition in measured:
        name = f"{kind}, {side} px, {transition}"
        scores[name] = [score(*s) for s in sets(textures, seeds, kind, side, transition)]
        print(row(name, scores[name]), flush=True)
    alike = sum(t.alike is not None for t, _ in sets(textures, seeds, "seamless", 16, "hard"))
    print(f"\nRefused since their terrains look alike: {alike} of {len(PAIRS) * len(seeds)}.")
    run.write(asked.results, figures(scores), f"{asked.seeds} seeds, {len(PAIRS)} pairs of terrains, {len(scores)} kinds of set")


if __name__ == "__main__":
    main()

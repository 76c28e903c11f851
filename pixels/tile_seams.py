"""Whether tiles fit: every pair that may be neighbours is compared along the edge that they share."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.tile_layout import CLEAR, Edges

MOST_RATIO: Final = 1.15
"""The mean step over shared edges may be so many times the mean step inside tiles."""
MOST_WORST: Final = 2.5
"""A single pair's step over its edge may be so many times the largest that either of the two has inside."""
_FLAT: Final = 4.0  # of 255: steps below this are not seen, and no yardstick
_LINE: Final = 96.0  # of 255: what one pixel may step by, as where a wall's outline ends at the ground, and be no seam


@dataclass(frozen=True)
class Proof:
    """What was found. Steps are mean differences of neighbouring pixels, over colour channels, from 0 to 255."""

    pairs: int
    """Legal pairs compared, side by side and one above the other."""
    edge_step: float
    """Mean over all pairs' shared edges."""
    inside_step: float
    """Mean over the same tiles' insides beside these edges, an eighth of a side deep: there they show the same terrains."""
    worst: float
    """The worst pair's step over its edge, divided by the largest step between lines inside either tile."""
    worst_pair: tuple[int, int]
    """Atlas indices of it; the second stands to the right of the first, or below it."""
    below: bool

    @property
    def ratio(self) -> float:
        """How much more the picture steps over shared edges than inside tiles: about 1 if nothing shows."""
        return self.edge_step / max(self.inside_step, _FLAT)

    @property
    def ok(self) -> bool:
        """Whether no seam shows."""
        return self.ratio <= MOST_RATIO and self.worst <= MOST_WORST


def fits(edge: Sequence[int]) -> bool:
    """Whether any tile may lie beyond an edge like this: beyond the side of solid ground there is only air."""
    return not (len(edge) == 3 and edge[1] == CLEAR)


def prove(tiles: NDArray[np.uint8], edges: Sequence[Edges]) -> Proof:
    """Compare all legal neighbours among tiles, (n, side, side, 4): those whose shared edges have the same pattern.

    Only pixels and patterns are looked at, not how the tiles were made. Raises ValueError if no two may be neighbours.
    """
    seen = tiles.astype(np.int16)  # alpha is 0 or 255, and clear pixels are black
    flat = max(_FLAT, _LINE / tiles.shape[1])
    near = max(2, tiles.shape[1] // 8)
    scores: list[tuple[float, tuple[int, int], bool]] = []
    edge_total, beside_total, pairs = 0.0, 0.0, 0
    for below in (False, True):
        lines = seen if below else seen.swapaxes(1, 2)  # (n, lines, along, 4): each edge is a line
        inside = np.abs(np.diff(lines, axis=1)).sum(-1).mean(-1) / 3  # (n, lines - 1): steps from line to line
        largest, first, last = inside.max(axis=1), inside[:, :near].mean(axis=1), inside[:, -near:].mean(axis=1)
        for befores, afters in _legal(edges, below=below):
            over = np.abs(lines[befores, -1][:, None] - lines[afters, 0][None]).sum(-1).mean(-1) / 3
            beside = (last[befores][:, None] + first[afters][None]) / 2
            score = over / np.maximum(np.maximum(largest[befores][:, None], largest[afters][None]), flat)
            one, other = np.unravel_index(score.argmax(), score.shape)
            scores.append((float(score.max()), (befores[one], afters[other]), below))
            edge_total, beside_total = edge_total + float(over.sum()), beside_total + float(beside.sum())
            pairs += over.size
    if not pairs:
        raise ValueError("No two of these tiles may be neighbours: there is nothing to prove.")
    worst, pair, below = max(scores, key=lambda score: score[0])
    return Proof(pairs, edge_total / pairs, beside_total / pairs, worst, pair, below)


def _legal(edges: Sequence[Edges], *, below: bool) -> list[tuple[list[int], list[int]]]:
    """For each pattern of an edge: the tiles before it, and those after it."""
    before, after = (2, 0) if below else (1, 3)
    firsts, seconds = defaultdict(list), defaultdict(list)
    for index, edge in enumerate(edges):
        firsts[edge[before]].append(index)
        seconds[edge[after]].append(index)
    return [(firsts[edge], seconds[edge]) for edge in firsts if edge in seconds and fits(edge)]

"""What benchmarks/pixelize.py promises of the levels and of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from result_file import Figure, at_least, at_most, told, unmeasured

OURS, NAIVE, FASTEST = "dgx-pixels", "naive, told the size", "perfect-pixel"
"""The last: of the rivals that find a grid, the one that is fastest."""


class Levels(Protocol):
    """What each method made of the three levels."""

    def mean(self, name: str, figure: str) -> list[float]:
        """A figure of a method's scores in per cent, by level."""

    def palettes(self, name: str) -> list[float]:
        """Colours over the truth's."""

    def times_naive(self, name: str) -> list[float]:
        """Time over naive's."""


def level_figures(found: Levels) -> list[Figure]:
    """What is promised of the levels, and how the fastest rival does in the same run."""
    return [
        at_least("pixels", "grid found, three levels", found.mean(OURS, "grid"), (99, 98, 95), "%"),
        at_least("pixels", "strict: size right and colours within CIEDE2000 3, three levels", found.mean(OURS, "strict"),
                 (99, 95, 87), "%"),
        at_least("pixels", "cut-out: intersection over union of what is opaque", found.mean(OURS, "alpha"), (99, 99, 97), "%"),
        _between("palette size over the true one, median", found.palettes(OURS), 0.85, 1.15),
        at_most("pixels", "time over that of a plain downscale that is told the size", found.times_naive(OURS), 4, "times"),
    ]  # fmt: skip


def _between(promise: str, values: Sequence[float], low: float, high: float) -> Figure:
    found = told("pixels", promise, values)
    return found.model_copy(update={"target": f"{low} to {high}", "kept": all(low <= v <= high for v in values)})


def growth_figures(seconds: Mapping[str, Sequence[float]], sizes: Sequence[int]) -> list[Figure]:
    """How time grows, and whether the fastest rival takes longer."""
    at = " / ".join(map(str, sizes))
    ours = seconds[OURS]
    faster = f"time over that of the fastest rival that finds the grid ({FASTEST}), at {at} px"
    if FASTEST in seconds:
        compared = at_most("pixels", faster, [a / b for a, b in zip(ours, seconds[FASTEST], strict=True)], 1, "times")
    else:
        compared = unmeasured("pixels", faster, "at most 1", "times")
    return [told("pixels", f"seconds at {at} px", ours, "s"), compared]

"""The benchmarks' arithmetic: intervals hold what they should, and growth is told from noise."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from measuring import estimate, ratio, side_by_side, slope


def test_an_interval_holds_the_true_ratio_and_grows_with_noise() -> None:
    """Pairs that differ by a factor of 1.1, each measured with noise."""
    chance = np.random.default_rng(1)
    theirs = chance.normal(1.0, 0.2, 30).clip(0.5)

    quiet = ratio(list(1.1 * theirs * chance.normal(1, 0.01, 30)), list(theirs))
    noisy = ratio(list(1.1 * theirs * chance.normal(1, 0.10, 30)), list(theirs))

    assert quiet.low <= 1.1 <= quiet.high
    assert quiet.high - quiet.low < noisy.high - noisy.low
    assert estimate([2.0] * 5).text(" s") == "2.00 s (2.00 to 2.00)"


def test_growth_is_told_from_noise() -> None:
    """A series that grows by 3 a step has an interval above 0; a flat one that wanders has one that holds 0."""
    chance = np.random.default_rng(2)
    noise = chance.normal(0, 5, 100)

    growing, flat = slope(list(3 * np.arange(100) + noise)), slope(list(noise))

    assert growing.value == pytest.approx(3, abs=0.2)
    assert growing.low > 0
    assert flat.low <= 0 <= flat.high


def test_work_is_timed_in_turns() -> None:
    """Each round does everything once, and begins with another piece; the first round does not count."""
    done: list[str] = []

    times = side_by_side({name: lambda name=name: done.append(name) for name in "ab"}, 4)  # type: ignore[misc]  # mypy knows no such lambda

    assert [len(t.wall) for t in times.values()] == [4, 4]
    assert "".join(done) == "ba" + "ab" + "ba" + "ab" + "ba"

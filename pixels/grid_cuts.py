"""The best cuts along an axis, exactly: dynamic programming over all of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_STIFF: Final = 12.0  # what a cell pays for its width: this, times its relative deviation from the pitch, squared
_LOOSE: Final = 6.0  # the same in a picture whose cells are seen to be uneven
_UNEVEN: Final = 0.09  # relative standard deviation of widths, above which they are
_SEEN: Final = 0.5  # evidence on both sides of a cell, for its width to be believed
_NARROWEST, _WIDEST = 0.6, 1.45  # of a cell, in pitches
_SLIVER: Final = 0.35  # the same for the first and last cell, which the picture's edge may cut off
_EDGE: Final = 0.25  # part of the price that a cut-off cell pays
_STRONGEST: Final = 2.0  # times the usual evidence of a cut that any cut may have
_ROUNDS: Final = 3
_SETTLED: Final = 0.004  # change of the pitch, as a part, that moves no cut


def fitted_cuts(profile: NDArray[np.float64], pitch: float) -> NDArray[np.intp]:
    """Cut an axis in cells of about `pitch`, where a profile (n,) has most evidence; both in the profile's steps.

    Returns the places of the cuts inside, rising; empty if the axis is one cell. The pitch is corrected by the cuts'
    own mean width and the cuts fitted again.
    """
    stiff, cuts = _STIFF, np.zeros(0, dtype=np.intp)
    for _ in range(_ROUNDS):
        evidence = _scaled(profile, pitch)
        cuts = _best(evidence, pitch, stiff)
        if len(cuts) < 2:
            break
        widths = np.diff(cuts)
        seen = (evidence[cuts[1:]] > _SEEN) & (evidence[cuts[:-1]] > _SEEN)
        if seen.sum() >= 4 and widths[seen].std() > _UNEVEN * pitch:
            stiff = _LOOSE
        settled = stiff == _STIFF and abs(widths.mean() / pitch - 1) < _SETTLED
        pitch = float(widths.mean())
        if settled:
            break
    return cuts


def counted_cuts(profile: NDArray[np.float64], cells: int) -> NDArray[np.intp]:
    """Cut an axis in exactly so many cells, at least 1, where a profile (n,) has most evidence; as `fitted_cuts`.

    If that many do not come of themselves, each cut stays within a third of a cell of where equal cells would have it.
    """
    length = len(profile) - 1
    pitch = length / cells
    cuts = fitted_cuts(profile, pitch)
    if len(cuts) == cells - 1:
        return cuts
    even = np.rint(np.arange(1, cells) * pitch).astype(np.intp)
    shifts = np.arange(-int(pitch / 3), int(pitch / 3) + 1)
    evidence = _scaled(profile, pitch)
    total, came = np.zeros(len(shifts)), []
    for i, place in enumerate(even):
        if i:
            widths = place - even[i - 1] + shifts[:, None] - shifts
            sums = total - _STIFF * (widths / pitch - 1) ** 2
            came.append(sums.argmax(axis=1))
            total = sums.max(axis=1)
        total = total + evidence[place + shifts]
    chosen = [int(total.argmax())]
    for back in reversed(came):
        chosen.append(int(back[chosen[-1]]))
    return np.asarray(even + shifts[chosen[::-1]][: len(even)])


def _scaled(profile: NDArray[np.float64], pitch: float) -> NDArray[np.float64]:
    """Bring a profile to a scale where a usual cut has evidence 1."""
    usual = np.sort(profile)[-max(1, int(len(profile) / pitch)) :].mean()
    return np.asarray(np.minimum(profile / max(usual, 1e-9), _STRONGEST))


def _best(evidence: NDArray[np.float64], pitch: float, stiff: float) -> NDArray[np.intp]:
    """Find the cuts with the most evidence, less what their cells pay for their widths (Bellman 1954).

    A cell is at least `low` wide: so `low` places in a row depend on none of each other, and are done at once.
    """
    last = len(evidence) - 1
    low, high = max(1, int(np.ceil(_NARROWEST * pitch))), max(2, int(_WIDEST * pitch))
    sliver = max(1, int(np.ceil(_SLIVER * pitch)))
    widths = np.arange(low, high + 1)
    price = stiff * (widths / pitch - 1) ** 2
    best = np.full(high + last + 1, -np.inf)  # of place i at high + i, so that no index is negative
    came = np.zeros(last + 1, dtype=np.intp)
    first = np.arange(sliver, min(high, last - sliver) + 1)
    best[high + first] = evidence[first] - _edge_price(first, pitch, stiff)
    for start in range(low, last + 1, low):
        place = np.arange(start, min(start + low, last + 1))
        sums = best[high + place[:, None] - widths] - price
        choice = sums.argmax(axis=1)
        value = sums[np.arange(len(place)), choice] + evidence[place]
        better = value > best[high + place]
        best[high + place[better]] = value[better]
        came[place[better]] = place[better] - widths[choice[better]]
    final = np.arange(max(sliver, last - high), last - sliver + 1)
    totals = best[high + final] - _edge_price(last - final, pitch, stiff)
    if not len(final) or not np.isfinite(totals.max()):
        return np.zeros(0, dtype=np.intp)
    cuts = [int(final[totals.argmax()])]
    while came[cuts[-1]] > 0:
        cuts.append(int(came[cuts[-1]]))
    return np.array(cuts[::-1])


def _edge_price(widths: NDArray[np.intp], pitch: float, stiff: float) -> NDArray[np.float64]:
    off = widths / pitch - 1
    return np.asarray(np.where(off > 0, stiff, _EDGE * stiff) * off**2)

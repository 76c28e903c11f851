"""How many colours noisy points really are, and which: clustering whose number of clusters comes from the points."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SEEDS: Final = 96  # clusters to begin with, before the merging
_APART: Final = 2.0  # sRGB units within which no second seed is wanted
_PRICE: Final = 2.0  # of a colour, in units of the criterion's own: small palettes are the likelier ones
_ROUNDING: Final = 1 / 48  # variance that rounding to bytes leaves in any colour; keeps the logarithm finite
_EARLY, _LATE = 4, 6  # rounds of k-means before and after the merging

_Points = NDArray[np.float64]  # (n, 3)


def find_centres(points: _Points, most: int, trusted: int) -> _Points:
    """Find the colours, at most `most`, that points, (n, 3) sRGB, are noisy copies of; none for no points.

    Farthest-point seeds (Gonzalez 1985) settle by k-means (Lloyd 1982), then merge in pairs, the cheapest by Ward's cost
    (1963) first. Kept is the stage with the least integrated completed likelihood (Biernacki et al. 2000) of a mixture of
    round Gaussians of one common width: so the points' own noise says how many colours there are. `trusted` is how many
    of the points count as independent.
    """
    if len(points) == 0:
        return np.zeros((0, 3))
    start = _settled(points, _seeds(points), _EARLY)
    member = nearest(points, start)
    sizes = np.bincount(member, minlength=len(start)).astype(np.float64)
    scatter = float(((points - start[member]) ** 2).sum())
    merged = _merged(start[sizes > 0], sizes[sizes > 0], scatter, most, min(1.0, trusted / len(points)))
    return _settled(points, merged, _LATE)


def nearest(points: _Points, centres: _Points) -> NDArray[np.intp]:
    """Index of each point's nearest centre, shape (n,)."""
    scores = points.astype(np.float32) @ centres.T.astype(np.float32)
    scores -= ((centres**2).sum(axis=1) / 2).astype(np.float32)
    return np.asarray(scores.argmax(axis=1))


def _seeds(points: _Points) -> _Points:
    """Choose the point nearest to the middle, then again and again the one farthest from all chosen."""
    flat = points.astype(np.float32)
    chosen = [int(((flat - flat.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    away = np.full(len(flat), np.inf, dtype=np.float32)
    columns = np.ascontiguousarray(flat.T)
    while len(chosen) <= _SEEDS:
        red, green, blue = columns - columns[:, chosen[-1], None]
        np.minimum(away, red * red + green * green + blue * blue, out=away)
        farthest = int(away.argmax())
        if away[farthest] <= _APART**2:
            break
        chosen.append(farthest)
    return points[chosen[:_SEEDS]]


def _settled(points: _Points, centres: _Points, rounds: int) -> _Points:
    """Move centres to the means of their points; one that has no points goes."""
    for _ in range(rounds):
        member = nearest(points, centres)
        sizes = np.bincount(member, minlength=len(centres))
        sums = np.stack([np.bincount(member, points[:, c], len(centres)) for c in range(3)], axis=1)
        moved = sums[sizes > 0] / sizes[sizes > 0, None]
        if len(moved) == len(centres) and np.allclose(moved, centres):
            break
        centres = moved
    return centres


def _merged(centres: _Points, sizes: NDArray[np.float64], scatter: float, most: int, trust: float) -> _Points:
    """Merge clusters, cheapest first, and give back the best stage of all that have few enough."""
    centres, sizes = centres.copy(), sizes.copy()
    points, alike = float(sizes.sum()), float((sizes * np.log(sizes)).sum())
    alive = np.ones(len(centres), dtype=np.bool_)
    costs = np.stack([_ward(centres, sizes, one) for one in range(len(centres))])
    np.fill_diagonal(costs, np.inf)
    kept, least = centres, np.inf
    for count in range(len(centres), 0, -1):
        criterion = _criterion(count, points, alike, scatter, trust)
        if count <= most and criterion < least:
            kept, least = centres[alive], criterion
        if count > 1:
            one, other = divmod(int(costs.argmin()), len(centres))
            scatter += float(costs[one, other])
            pair = sizes[[one, other]]
            both = float(pair.sum())
            alike += both * np.log(both) - float((pair * np.log(pair)).sum())
            centres[one] = pair @ centres[[one, other]] / both
            sizes[one], alive[other] = both, False
            row = _ward(centres, sizes, one)
            row[~alive] = row[one] = np.inf
            costs[one], costs[:, one] = row, row
            costs[other] = costs[:, other] = np.inf
    return kept


def _ward(centres: _Points, sizes: NDArray[np.float64], one: int) -> NDArray[np.float64]:
    """How much scatter a join of one cluster with each would add; (n,)."""
    away = centres - centres[one]
    return np.asarray(np.einsum("ij,ij->i", away, away) * (sizes * sizes[one] / (sizes + sizes[one])))


def _criterion(count: int, points: float, alike: float, scatter: float, trust: float) -> float:
    """Twice the negative integrated completed log-likelihood, up to a constant; `alike` is the sum of n log n over clusters."""
    fit = 3 * points * np.log(scatter / (3 * points) + _ROUNDING) - 2 * (alike - points * np.log(points))
    return float(trust * fit + _PRICE * 4 * count * np.log(max(trust * points, 2.0)))

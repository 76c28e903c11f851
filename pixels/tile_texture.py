"""Textures that continue over their own edges: cut to a period, and varied inside while their border stays."""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dgx_pixels.pixels.colour import comparable, oklab_to_srgb, srgb_to_oklab

T = TypeVar("T", bound=np.generic)
Texture = NDArray[np.uint8]
"""(h, w, 3) sRGB."""

_TRIED: Final = 192
"""Places tried for a cut or a patch: more find none that looks better."""
_JOINED: Final = 8
"""Of the places tried, so many are joined to see which does best."""
_DIFFERENT: Final = 0.6
"""Of the usual difference of two places, what a patch must differ by to be worth having."""

_CALM: Final = 0.8
"""Of the steps from line to line beside it, what a step over a tile's edge should be: one that is much less shows, too."""

_LIVELY: Final = 0.022
"""Spread of the lightness, in OKLab, of a texture that is seen."""
_MOST_GAIN: Final = 3.0


def fit_period(texture: Texture, side: int, seed: int) -> Texture:
    """Cut a texture that continues over its edges to another period: (side, side, 3).

    A piece a little larger than `side` is taken where its opposite borders are most alike, and these are joined along the
    line where they differ least (image quilting, Efros and Freeman 2001). A `side` that is a multiple of the texture's
    repeats it; else what is kept is as fine as before: nothing is scaled.
    """
    rows, columns = texture.shape[:2]
    if side % rows == 0 and side % columns == 0:
        return np.tile(texture, (side // rows, side // columns, 1))
    over = max(2, side // 4)
    random = np.random.default_rng(seed)
    tried = {(int(random.integers(rows)), int(random.integers(columns))) for _ in range(_TRIED)}
    lab = comparable(texture)

    def unlike(at: tuple[int, int]) -> float:
        piece = _piece(lab, at, side + over)
        across, down = piece[:, :over] - piece[:, side:], piece[:over] - piece[side:]
        return float(np.linalg.norm(across, axis=-1).mean() + np.linalg.norm(down, axis=-1).mean())

    joined = [_joined(_piece(texture, at, side + over), side, over) for at in sorted(tried, key=unlike)[:_JOINED]]
    return min(joined, key=lambda found: found[1])[0]


def vary(base: Texture, other: Texture, seed: int) -> Texture:
    """Another texture with the border of `base`, (n, n, 3), and the inside of `other`, of the same size and continuing too.

    The inside is a piece of `other`, in the colours of `base`, or of `base` itself if `other` is too unlike: from where it
    differs least along the line of joining, but clearly inside. A border of at least a pixel, an eighth of the side in larger
    textures, is kept to the bit.
    """
    side = len(base)
    keep, over = max(1, side // 8), max(2, side // 6)
    sources = (match_colors(other, base), base)
    random = np.random.default_rng(seed)
    lab, labs = comparable(base), [comparable(source) for source in sources]
    ring = np.ones((side, side), dtype=np.bool_)
    ring[keep + over : side - keep - over, keep + over : side - keep - over] = False
    found = []
    for i in range(_TRIED):
        shift = (int(random.integers(side)), int(random.integers(side)))
        away = np.linalg.norm(np.roll(labs[i % 2], shift, (0, 1)) - lab, axis=-1)
        found.append((float(away[ring].mean()), float(away[~ring].mean()), i % 2, shift))
    usual = float(np.median([inside for _, inside, *_ in found]))
    _, _, which, shift = min(f for f in found if f[1] >= _DIFFERENT * usual)
    patch = np.roll(sources[which], shift, (0, 1))
    inside = _inside(np.linalg.norm(comparable(patch) - lab, axis=-1), keep, over)
    return np.where(inside[..., None], patch, base)


def match_colors(texture: Texture, like: Texture) -> Texture:
    """Give a texture the mean and the spread, in OKLab, of another: two renders of one material differ in both."""
    lab, wanted = srgb_to_oklab(texture).reshape(-1, 3), srgb_to_oklab(like).reshape(-1, 3)
    spread = np.clip(wanted.std(axis=0) / np.maximum(lab.std(axis=0), 1e-6), 0.5, 2.0)
    return oklab_to_srgb((lab - lab.mean(axis=0)) * spread + wanted.mean(axis=0)).reshape(texture.shape)


def liveliness(texture: Texture) -> float:
    """The spread of a texture's lightness, in OKLab: how much there is to see in it."""
    return float(srgb_to_oklab(texture)[..., 0].std())


def enlivened(texture: Texture) -> Texture:
    """Give a texture that is all but flat so much contrast that its pattern outlasts the reduction to a few colours.

    Its mean stays. Of what is flat altogether, noise would come up: the gain is limited.
    """
    lab = srgb_to_oklab(texture)
    middle = lab.mean(axis=(0, 1))
    gain = np.clip(_LIVELY / max(float(lab[..., 0].std()), 1e-6), 1.0, _MOST_GAIN)
    return oklab_to_srgb(middle + gain * (lab - middle))


def seam(texture: Texture) -> float:
    """How much more a texture steps over its own edges than inside, in the mean of both axes: about 1 if it continues there."""
    seen = texture.astype(np.int16)
    over = np.abs(seen[0] - seen[-1]).mean() + np.abs(seen[:, 0] - seen[:, -1]).mean()
    inside = np.abs(np.diff(seen, axis=0)).mean() + np.abs(np.diff(seen, axis=1)).mean()
    return float(over / max(inside, 1e-6))


def calmest(texture: Texture) -> Texture:
    """Roll a texture that continues over its edges so that it steps there no more than it does beside them.

    A tile's edge on a line of mortar would show wherever a neighbour has another terrain.
    """
    near = max(2, len(texture) // 8)
    for axis in (0, 1):
        seen = texture.astype(np.int16)
        steps = np.abs(seen - np.roll(seen, 1, axis)).mean(axis=(1 - axis, 2))  # from the line before to this one
        beside = sum(np.roll(steps, shift) for shift in range(-near, near + 1) if shift) / (2 * near)
        texture = np.roll(texture, -int(np.abs(steps / np.maximum(beside, 1e-6) - _CALM).argmin()), axis)
    return texture


def difference(one: Texture, other: Texture) -> float:
    """How different two textures look, whatever their patterns: 0 if not at all, 1 for black and white.

    It is the distance by which the colours of one, each channel sorted, must be moved to be those of the other, in the
    space of `colour.comparable`, where 0.02 is just noticeable.
    """
    quantiles = np.linspace(0.02, 0.98, 33)
    moved = [np.quantile(comparable(t).reshape(-1, 3), quantiles, axis=0) for t in (one, other)]
    return float(np.linalg.norm(np.abs(moved[0] - moved[1]).mean(axis=0)))


def _piece(texture: NDArray[T], at: tuple[int, int], side: int) -> NDArray[T]:
    rows, columns = ((start + np.arange(side)) % length for start, length in zip(at, texture.shape[:2], strict=True))
    return texture[np.ix_(rows, columns)]


def _joined(piece: Texture, side: int, over: int) -> tuple[Texture, float]:
    """Close a piece of (side + over) squared to one of `side` that continues over its edges; and how much the joints show."""
    shows = 0.0
    for axis in (1, 0):
        turned = piece.swapaxes(0, axis)  # the joint runs along axis 1 of it
        start, end = turned[:over], turned[side : side + over]
        away = np.linalg.norm(comparable(start) - comparable(end), axis=-1)
        cut, cost = _cut(away)
        shows += cost
        joint = np.where(np.arange(over)[:, None, None] < cut[None, :, None], end, start)
        piece = np.concatenate([joint, turned[over:side]]).swapaxes(0, axis)
    return piece, shows


def _cut(away: NDArray[np.float64]) -> tuple[NDArray[np.intp], float]:
    """The line through (across, along) where two pictures differ least: its place at each step along, and its mean cost.

    It moves by one place a step at most, and comes back to where it began: the middle of three rounds is taken.
    """
    across, along = away.shape
    around = np.tile(away, 3)
    total = around[:, 0]
    came: list[NDArray[np.intp]] = []
    for column in around.T[1:]:
        padded = np.pad(total, 1, constant_values=np.inf)
        choice = np.stack([padded[:-2], padded[1:-1], padded[2:]])
        came.append(choice.argmin(axis=0) - 1 + np.arange(across))
        total = choice.min(axis=0) + column
    line = [int(total.argmin())]
    for before in reversed(came):
        line.append(int(before[line[-1]]))
    middle = np.array(line[::-1][along : 2 * along])
    return middle, float(away[middle, np.arange(along)].mean())


def _inside(away: NDArray[np.float64], keep: int, over: int) -> NDArray[np.bool_]:
    """Where a patch lies: inside four lines, each in its own strip beside the kept border, where it differs least."""
    places = np.arange(len(away))[:, None]

    def between(along: NDArray[np.float64]) -> NDArray[np.bool_]:
        first = keep + 1 + _cut(along[keep : keep + over])[0]
        last = len(along) - keep - over + _cut(along[len(along) - keep - over : len(along) - keep])[0]
        return np.asarray((places >= first) & (places < last))

    return np.asarray(between(away) & between(away.T).T)

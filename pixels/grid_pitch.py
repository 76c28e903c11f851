"""How wide a picture's cells are: the step at which its changes repeat."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_TEETH: Final = 8  # multiples of a step that are looked at
_FADE: Final = 4.0  # teeth in which their weight falls to 1/e: drift blurs the far ones
_STEP: Final = 1.01  # from one candidate to the next
_NEAR_BEST: Final = 0.72  # a shorter step that scores this share of the best is the step; the best is its multiple
_LOUDEST: Final = 4.0  # times its surroundings that a change may count


def repetition(profile: NDArray[np.float64], pitches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score how well a profile, (n,), repeats at each of the pitches, (m,), in its own steps: about 1 at best, 0 for none.

    The score is the mean autocorrelation at a pitch's multiples, less that half-way between them: so neither half the
    true pitch nor twice it scores well.
    """
    similarity = _autocorrelation(_levelled(profile))
    tooth = np.arange(1, _TEETH + 1)
    at = pitches[:, None] * tooth
    weights = np.where(at < len(similarity) - 1, np.exp(-tooth / _FADE), 0.0)
    places = np.arange(len(similarity))
    teeth = np.interp(at, places, similarity)
    gaps = np.interp(at - pitches[:, None] / 2, places, similarity)
    return np.asarray(((teeth - gaps) * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9))


def pitches_between(least: float, most: float) -> NDArray[np.float64]:
    """List candidates, (n,), from `least` to `most` px, each 1 % above the last."""
    return np.geomspace(least, most, max(2, 1 + int(np.log(most / least) / np.log(_STEP))))


def best_pitch(pitches: NDArray[np.float64], scores: NDArray[np.float64]) -> tuple[float, float]:
    """Choose the pitch, in px, and say its score: the shortest that scores nearly as well as the best, both being peaks.

    `scores` are those of `pitches`, both (n,).
    """
    before, after = np.r_[-np.inf, scores[:-1]], np.r_[scores[1:], -np.inf]
    good = (scores >= before) & (scores >= after) & (scores >= _NEAR_BEST * scores.max())
    chosen = int(good.argmax())
    return float(pitches[chosen]), float(scores[chosen])


def _levelled(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring quiet and loud parts of a profile to one level, with mean 0."""
    window = max(3, len(profile) // 8)
    mean = _running_mean(profile, window)
    level = np.minimum(profile / np.maximum(mean + 0.05 * profile.mean(), 1e-9), _LOUDEST)
    return np.asarray(level - _running_mean(level, window))


def _running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Mean of the `window` values around each; of fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    first = np.maximum(place - window // 2, 0)
    last = np.minimum(place - window // 2 + window, len(values))
    return np.asarray((total[last] - total[first]) / (last - first))


def _autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Autocorrelation up to half the length, 1 at distance 0, corrected for the shrinking overlap; 0 if nothing varies."""
    n = len(values)
    spectrum = np.fft.rfft(values, 2 * n)
    products = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[: n // 2]
    products *= n / (n - np.arange(len(products)))
    return np.asarray(products / products[0]) if products[0] > 0 else np.zeros(len(products))

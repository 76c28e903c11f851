"""What votes say: win rates with their intervals, words for them, and a ranking of all that was compared. Pure arithmetic."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Outcome = Literal["won", "tie", "neither"]
"""Of a round: one picture won; the best of them are equal; or none of them will do."""
Verdict = Literal["too few votes", "undecided", "worse", "no clear difference", "better", "good", "production"]

FEWEST_VOTES = 10
"""Decided votes below which nothing is said: even 9 of 9 leaves an interval that begins at 70 %, and 7 of 9 one at 45 %."""
_WORSE, _BETTER, _GOOD, _PRODUCTION = 0.4, 0.6, 0.7, 0.8
_Z = 1.959964  # of the normal distribution, for 95 %
_MOST_STEPS, _CLOSE_ENOUGH = 5000, 1e-9


@dataclass(frozen=True)
class Ballot:
    """One voted round: who was shown, and what was said."""

    contenders: tuple[str, ...]
    outcome: Outcome
    winner: str | None
    """One of the contenders if one won."""
    kind: str
    """Of the prompt: its category."""


@dataclass(frozen=True)
class Tally:
    """Votes between two contenders, counted for the first. Rounds that a third one won say nothing about these two."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    neither: int = 0

    @property
    def decided(self) -> int:
        """Votes that one of the two won."""
        return self.wins + self.losses


@dataclass(frozen=True)
class Judgement:
    """A tally in words. Rates are from 0 to 1; ties and neithers are not in them."""

    win_rate: float | None
    """None with no decided vote."""
    low: float
    high: float
    """The 95 % interval of the win rate."""
    verdict: Verdict


@dataclass(frozen=True)
class Rating:
    """A contender's place in the ranking of all comparisons."""

    contender: str
    rating: float
    """On Elo's scale: 1000 is average, and 400 more means to win ten times as often."""
    rounds: int
    """Voted rounds it was shown in, without those where none would do."""


def wilson(wins: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate of which `wins` of `n` are known; (0, 1) if n is 0.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). Unlike the
    plain interval around the mean, it holds for few votes and for rates near 0 and 1. Raises ValueError unless 0 <= wins <= n.
    """
    if not 0 <= wins <= n:
        raise ValueError(f"{wins} wins of {n} votes cannot be: wins must be from 0 to the number of votes.")
    if n == 0:
        return 0.0, 1.0
    rate, z2 = wins / n, _Z * _Z
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, min(middle - half, rate)), min(1.0, max(middle + half, rate))  # the last bits of a rate of 0 or 1


def count(ballots: Iterable[Ballot], a: str, b: str) -> Tally:
    """The votes between two contenders, over rounds that showed both."""
    both = [ballot for ballot in ballots if a in ballot.contenders and b in ballot.contenders]
    said = Counter(ballot.winner if ballot.outcome == "won" else ballot.outcome for ballot in both)
    return Tally(said[a], said[b], said["tie"], said["neither"])


def judge(tally: Tally) -> Judgement:
    """What may be said of the first of two contenders.

    Fewer than FEWEST_VOTES decided votes are too few. A rate outside 40 to 60 % whose interval holds 50 % is undecided: it
    may be chance. Else below 40 % is worse, to 60 % no clear difference, above it better, from 70 % good, from 80 % fit for
    production.
    """
    low, high = wilson(tally.wins, tally.decided)
    rate = tally.wins / tally.decided if tally.decided else None
    return Judgement(rate, low, high, _verdict(tally.decided, rate, low, high))


def _verdict(decided: int, rate: float | None, low: float, high: float) -> Verdict:
    if rate is None or decided < FEWEST_VOTES:
        return "too few votes"
    if _WORSE <= rate <= _BETTER:
        return "no clear difference"
    if low <= 0.5 <= high:
        return "undecided"
    if rate < _WORSE:
        return "worse"
    return "production" if rate >= _PRODUCTION else "good" if rate >= _GOOD else "better"


def bradley_terry(ballots: Iterable[Ballot]) -> list[Rating]:
    """Rank all contenders by all votes, best first; a tie is an equal part of a win for each, a neither counts for nothing.

    The Bradley-Terry model, in Luce's form for rounds of more than two: a contender of strength p wins a round with chance
    p / (sum of the strengths shown). Fitted by the MM algorithm of D. R. Hunter, "MM algorithms for generalized Bradley-Terry
    models", Annals of Statistics 32 (2004). Each contender also has one tied round with an imagined average one, so that
    one who never lost is not infinitely strong (a prior as in Caron and Doucet 2012).
    """
    groups: Counter[tuple[str, ...]] = Counter()
    wins: dict[str, float] = {}
    rounds: Counter[str] = Counter()
    for ballot in ballots:
        if ballot.outcome == "neither":
            continue
        groups[ballot.contenders] += 1
        rounds.update(ballot.contenders)
        winners = ballot.contenders if ballot.winner is None else (ballot.winner,)
        for contender in ballot.contenders:
            wins.setdefault(contender, 0.5)
        for winner in winners:
            wins[winner] += 1 / len(winners)
    strengths = _strengths(groups, wins)
    ratings = [Rating(name, 1000 + 400 * math.log10(strength), rounds[name]) for name, strength in strengths.items()]
    return sorted(ratings, key=lambda rating: (-rating.rating, rating.contender))


def _strengths(groups: Counter[tuple[str, ...]], wins: dict[str, float]) -> dict[str, float]:
    strengths = dict.fromkeys(wins, 1.0)
    for _ in range(_MOST_STEPS):
        rest = {name: 1 / (strength + 1) for name, strength in strengths.items()}  # against the imagined one, of strength 1
        for shown, times in groups.items():
            share = times / sum(strengths[name] for name in shown)
            for name in shown:
                rest[name] += share
        before, strengths = strengths, {name: wins[name] / rest[name] for name in strengths}
        if all(abs(strengths[name] / before[name] - 1) < _CLOSE_ENOUGH for name in strengths):
            break
    return strengths


def sentence(a: str, b: str, tally: Tally) -> str:
    """What the votes say of `a` against `b`, in one sentence."""
    judged = judge(tally)
    if judged.win_rate is None:
        return f"No vote decides between {a} and {b}: too few votes to say anything."
    won = f"{a} won {tally.wins} of {tally.decided} decided votes against {b}"
    rate = f"{judged.win_rate:.0%}, 95 % interval {judged.low:.0%} to {judged.high:.0%}"
    if judged.verdict == "too few votes":
        return f"{won} ({rate}): too few votes to say anything, at least {FEWEST_VOTES} are needed."
    means = {
        "undecided": "undecided, it may be chance",
        "worse": "worse",
        "no clear difference": "no clear difference",
        "better": "better",
        "good": "good",
        "production": "good enough for production",
    }
    return f"{won} ({rate}): {means[judged.verdict]}."

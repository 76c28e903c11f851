"""What votes say, on votes whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgx_pixels.library.ranking import FEWEST_VOTES, Ballot, Tally, bradley_terry, count, judge, sentence, wilson


def ballots(won: int, lost: int, ties: int = 0, neither: int = 0) -> list[Ballot]:
    """Votes between a and b."""
    pair = ("a", "b")
    return [
        *[Ballot(pair, "won", "a", "item")] * won, *[Ballot(pair, "won", "b", "item")] * lost,
        *[Ballot(pair, "tie", None, "item")] * ties, *[Ballot(pair, "neither", None, "item")] * neither,
    ]  # fmt: skip


def simulated(strengths: dict[str, float], rounds: int, seed: int) -> list[Ballot]:
    """Votes of a judge who prefers each contender in proportion to its strength."""
    chance, names = random.Random(seed), tuple(strengths)
    return [Ballot(names, "won", chance.choices(names, [*strengths.values()])[0], "item") for _ in range(rounds)]


def test_wilson_is_the_published_interval() -> None:
    """Known values (Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29)."""
    for wins, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)):
        assert wilson(wins, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_rate_and_mirrors(wins: int, losses: int) -> None:
    """It lies in 0 to 1 around the rate, and losing is winning from the other side."""
    low, high = wilson(wins, wins + losses)
    assert 0 <= low <= (wins / (wins + losses) if wins + losses else 0.5) <= high <= 1
    assert wilson(losses, wins + losses) == pytest.approx((1 - high, 1 - low))


def test_impossible_counts_are_refused() -> None:
    """More wins than votes is a mistake of the caller."""
    with pytest.raises(ValueError, match="wins must be from 0"):
        wilson(3, 2)


def test_the_interval_covers_the_truth(record_property: Callable[[str, object], None]) -> None:
    """A judge who prefers A with 70 %, 500 times: about 95 % of the intervals hold 0.7, for few votes and for many."""
    for votes in (12, 40, 100):
        tallies = [count(simulated({"a": 0.7, "b": 0.3}, votes, seed), "a", "b") for seed in range(500)]
        covered = sum(judge(t).low <= 0.7 <= judge(t).high for t in tallies) / len(tallies)
        record_property("found", f"{covered:.1%} with {votes} votes")
        assert 0.92 <= covered <= 0.98, (votes, covered)


def test_five_votes_are_too_few() -> None:
    """Whatever they say."""
    verdicts = {judge(count(simulated({"a": 0.7, "b": 0.3}, 5, seed), "a", "b")).verdict for seed in range(50)}
    assert verdicts == {"too few votes"}
    assert "too few votes" in sentence("a", "b", Tally(5, 0))


@pytest.mark.parametrize(("tally", "verdict"), [
    (Tally(FEWEST_VOTES - 1, 0), "too few votes"), (Tally(10, 0), "production"), (Tally(39, 61), "worse"),
    (Tally(40, 60), "no clear difference"), (Tally(60, 40), "no clear difference"), (Tally(61, 39), "better"),
    (Tally(70, 30), "good"), (Tally(79, 21), "good"), (Tally(80, 20), "production"), (Tally(7, 3), "undecided"),
    (Tally(3, 7), "undecided"), (Tally(4, 4, ties=50), "too few votes"), (Tally(), "too few votes"),
])  # fmt: skip
def test_verdicts(tally: Tally, verdict: str) -> None:
    """Below 40 % worse, above 60 better, from 70 good, from 80 production; unless it may be chance, or there are too few."""
    assert judge(tally).verdict == verdict
    assert ("too few" in sentence("a", "b", tally)) is (verdict == "too few votes")


def test_a_judge_without_preference_is_seldom_called_a_winner() -> None:
    """Of 500 coin-tossing judges with 20 votes each, at most one in fifteen is said to prefer one."""
    said = [judge(count(simulated({"a": 1, "b": 1}, 20, seed), "a", "b")).verdict for seed in range(500)]
    assert sum(v not in ("undecided", "no clear difference") for v in said) / len(said) < 1 / 15


def test_a_round_that_a_third_one_won_says_nothing_of_the_two() -> None:
    """Ties and neithers count for any pair that was shown; rounds without one of them do not."""
    shown = ("a", "b", "c")
    votes = [
        Ballot(shown, "won", "c", "item"), Ballot(shown, "won", "a", "item"), Ballot(shown, "tie", None, "item"),
        Ballot(shown, "neither", None, "item"), Ballot(("a", "c"), "won", "a", "item"),
    ]  # fmt: skip
    assert count(votes, "a", "b") == Tally(wins=1, losses=0, ties=1, neither=1)
    assert count(votes, "b", "a") == Tally(wins=0, losses=1, ties=1, neither=1)


def test_bradley_terry_finds_the_strengths_behind_pairs() -> None:
    """Of judges with known strengths, from pairs that not all met: the differences come out, on Elo's scale."""
    strengths = {"a": 4.0, "b": 2.0, "c": 1.0, "d": 0.5}
    votes = [
        ballot
        for number, (one, other) in enumerate((("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")))
        for ballot in simulated({name: strengths[name] for name in (one, other)}, 2000, number)
    ]
    found = {rating.contender: rating.rating for rating in bradley_terry(votes)}

    assert [*found] == ["a", "b", "c", "d"]
    for one, other in product(strengths, strengths):
        truth = strengths[one] / (strengths[one] + strengths[other])
        assert 1 / (1 + 10 ** ((found[other] - found[one]) / 400)) == pytest.approx(truth, abs=0.03)


def test_bradley_terry_takes_rounds_of_four() -> None:
    """A round of four is one choice, not three wins: the strengths are those of the choices."""
    strengths = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    found = bradley_terry(simulated(strengths, 8000, 1))

    powers = {r.contender: 10 ** (r.rating / 400) for r in found}
    assert {name: p / sum(powers.values()) for name, p in powers.items()} == pytest.approx(strengths, abs=0.02)
    assert {r.rounds for r in found} == {8000}


def test_the_ranking_is_finite_and_symmetric() -> None:
    """Who never lost has a rating all the same; ties pull together; neithers count for nothing."""
    never_lost = bradley_terry(ballots(5, 0))
    tied = bradley_terry(ballots(0, 0, ties=6))

    assert [r.contender for r in never_lost] == ["a", "b"]
    assert 1000 < never_lost[0].rating < 1600
    assert never_lost[0].rating - 1000 == pytest.approx(1000 - never_lost[1].rating)
    assert [r.rating for r in tied] == pytest.approx([1000, 1000])
    assert bradley_terry(ballots(0, 0, neither=4)) == []
    assert bradley_terry([]) == []

"""What a comparison's votes and measures say of each contender; `comparison_blind` asks when that may be told."""

from __future__ import annotations

from dataclasses import asdict
from statistics import fmean, median
from typing import TYPE_CHECKING

from dgx_pixels.library.comparison_answer import ContenderAnswer, PairAnswer, RatingAnswer, Standing
from dgx_pixels.library.ranking import Ballot, bradley_terry, count, judge, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dgx_pixels.library.comparison_records import Cell, Comparison

DIGITS = 3
"""After the point, of every figure that is told."""


def rounded(measures: Mapping[str, float | None]) -> dict[str, float | None]:
    """The measures as they are told: three digits after the point."""
    return {name: None if value is None else round(value, DIGITS) for name, value in measures.items()}


def contenders_of(found: Comparison) -> list[ContenderAnswer]:
    """How each contender did, in the order in which they were named."""
    answers = []
    for place, contender in enumerate(found.contenders):
        cells = [r.cells[place] for r in found.rounds if place in r.cells]
        won = sum(r.vote is not None and r.vote.winner == place for r in found.rounds)
        answers.append(ContenderAnswer(
            contender=contender, is_base=place == found.base, pictures=len(cells), wins=won,
            seconds=round(median(c.seconds for c in cells), DIGITS) if cells else 0.0,
            memory_bytes=max((c.memory for c in cells if c.memory is not None), default=None), **_means(cells),
        ))  # fmt: skip
    return answers


def _means(cells: Sequence[Cell]) -> dict[str, float | None]:
    """The mean of each measure over the cells that have it."""
    names = {name: None for cell in cells for name in cell.measures}
    values = {name: [v for c in cells if (v := c.measures.get(name)) is not None] for name in names}
    return rounded({name: fmean(v) if v else None for name, v in values.items()})


def standing_of(found: Comparison, project: Sequence[Ballot]) -> Standing:
    """What the votes of this comparison say; `project` are all blind votes of its project, from which contenders are ranked."""
    ballots = [
        Ballot(
            found.contenders, r.vote.outcome, None if r.vote.winner is None else found.contenders[r.vote.winner], r.kind
        )
        for r in found.rounds if r.vote is not None
    ]  # fmt: skip
    said = [ballot.outcome for ballot in ballots]
    kinds = sorted({ballot.kind for ballot in ballots})
    return Standing(
        votes=len(ballots), ties=said.count("tie"), neither=said.count("neither"), pairs=_pairs(found, ballots, None),
        kinds=[pair for kind in kinds for pair in _pairs(found, ballots, kind)] if len(kinds) > 1 else [],
        ranking=[
            RatingAnswer(contender=x.contender, rating=round(x.rating), rounds=x.rounds) for x in bradley_terry(project)
        ],
    )  # fmt: skip


def _pairs(found: Comparison, ballots: Sequence[Ballot], kind: str | None) -> list[PairAnswer]:
    """Every contender against the base, or, where there is none, against the first."""
    against = found.contenders[found.base or 0]
    counted = [ballot for ballot in ballots if kind in (None, ballot.kind)]
    return [_pair(counted, contender, against, kind) for contender in found.contenders if contender != against]


def _pair(ballots: Sequence[Ballot], contender: str, against: str, kind: str | None) -> PairAnswer:
    tally = count(ballots, contender, against)
    judged = judge(tally)
    rates = rounded({"win_rate": judged.win_rate, "low": judged.low, "high": judged.high})
    return PairAnswer.model_validate(asdict(tally) | rates | {
        "contender": contender, "against": against, "kind": kind, "verdict": judged.verdict,
        "says": sentence(contender, against, tally),
    })  # fmt: skip

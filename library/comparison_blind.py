"""What may be told of a comparison, and when. What a blind one must not tell yet is left out here, and only here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dgx_pixels.library.comparison_answer import (
    CellAnswer,
    ComparisonAnswer,
    DrawnBy,
    RoundAnswer,
    VoteTold,
)
from dgx_pixels.library.comparison_pictures import picture_uri
from dgx_pixels.library.comparison_standing import DIGITS, contenders_of, rounded, standing_of
from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.png_text import recipe_in

if TYPE_CHECKING:
    from dgx_pixels.library.comparison_records import Comparison, Round, Vote
    from dgx_pixels.library.comparisons import Comparisons

_MOST_MEASURED = 20
"""Rounds whose pictures' measures a tool's answer has; with those of 40 rounds of four it would be 50,000 characters long."""


async def told(comparisons: Comparisons, comparison_id: str) -> ComparisonAnswer:
    """A comparison as it may be told now. Raises LibraryError if there is none of that id."""
    found = await comparisons.get(comparison_id)
    page = comparisons.page(comparison_id)
    ballots = await comparisons.ballots.of(found.project) if found.named else []
    return ComparisonAnswer(
        id=found.id, blind=found.blind, open=not found.revealed and not (found.whole and not found.unvoted),
        planned=len(found.rounds), rounds=[_round(found, r) for r in found.complete], sheet=f"pixels://comparisons/{found.id}/sheet",
        page=str(page) if page.is_file() else None, contenders=contenders_of(found) if found.named else None,
        standing=standing_of(found, ballots) if found.named else None, note=found.note, next=_next(found),
    )  # fmt: skip


def brief(answer: ComparisonAnswer) -> ComparisonAnswer:
    """The same, of a long comparison without what was measured of each picture: `pixels://comparisons/{id}` has that."""
    if len(answer.rounds) <= _MOST_MEASURED or answer.rounds[0].revealed is None:
        return answer
    rounds = [r.model_copy(update={"revealed": _named(r)}) for r in answer.rounds]
    return answer.model_copy(
        update={
            "rounds": rounds,
            "next": f"{answer.next} What was measured of each picture is in pixels://comparisons/{answer.id}.",
        }
    )


def _named(r: RoundAnswer) -> dict[str, DrawnBy]:
    return {label: DrawnBy(contender=cell.contender) for label, cell in (r.revealed or {}).items()}


def _round(found: Comparison, r: Round) -> RoundAnswer:
    revealed: dict[str, CellAnswer | DrawnBy] | None
    revealed = {label: _cell(found, r, place) for label, place in r.labels.items()} if found.named else None
    return RoundAnswer(
        round=r.number, prompt=r.prompt, kind=r.kind, seed_index=r.seed_index, labels=[*r.labels],
        images={label: picture_uri(found.id, r.number, label) for label in r.labels},
        vote=None if r.vote is None else VoteTold(winner=_winner(r, r.vote), note=r.vote.note), revealed=revealed,
    )  # fmt: skip


def _winner(r: Round, vote: Vote) -> str:
    return next((label for label, place in r.labels.items() if place == vote.winner), vote.outcome)


def _cell(found: Comparison, r: Round, place: int) -> CellAnswer:
    cell = r.cells[place]
    return CellAnswer(
        contender=found.contenders[place], seed=r.seed, seconds=round(cell.seconds, DIGITS), memory_bytes=cell.memory,
        **rounded(cell.measures),
    )  # fmt: skip


def _on(found: Comparison) -> str:
    """How the rest is had, where there is one."""
    if found.under_way:
        return f"More rounds are being drawn: get_job(job_id={found.id!r})."
    return "" if found.whole else f"Not all rounds are drawn: compare_models(resume={found.id!r}) draws the rest."


def _next(found: Comparison) -> str:
    if not found.rounds:
        return "No picture came out: ask again with other weights or settings."
    if not found.complete and found.revealed:
        return "Voting was ended before a round was drawn to its end: ask for a new comparison."
    if not found.complete:
        return (
            f"Call get_job with job_id {found.id!r} to wait for the first round." if found.under_way
            else f"No round was drawn to its end: compare_models(resume={found.id!r}) goes on."
        )  # fmt: skip
    if found.unvoted:
        first = found.unvoted[0].number
        which = f"each of {len(found.unvoted)} rounds" if len(found.unvoted) > 1 else "the last round"
        return (
            f"Look at the sheet, then call record_vote(comparison_id={found.id!r}, round={first}, winner=...) for "
            f"{which}: the user's choice or yours, a label, 'tie' or 'neither'. "
            + ("Who is who is told after the last vote, or with reveal=true. " if found.blind else "")
            + _on(found)
        ).rstrip()
    if found.under_way and not found.revealed:
        return f"All rounds so far are voted on: call get_job with job_id {found.id!r} to wait for more."
    if not found.revealed:
        return (
            f"All rounds that are drawn are voted on: compare_models(resume={found.id!r}) draws the rest, and "
            f"record_vote(comparison_id={found.id!r}, reveal=true) ends the voting{', and tells who is who' * found.blind}."
        )
    return "Read `standing`: to use a contender that won, name it as `model` in generate_sprite."


async def recipes_of(comparisons: Comparisons, comparison_id: str) -> dict[str, dict[str, object]]:
    """The recipe of every shown picture, by round and label.

    Raises LibraryError if there is no such comparison, or if it may not be told yet who is who.
    """
    found = await comparisons.get(comparison_id)
    if not found.named:
        raise LibraryError("The recipes are told when all rounds are voted on, or after record_vote with reveal=true.")
    pngs = await comparisons.pngs(comparison_id)
    return {
        str(r.number): {label: json.loads(recipe_in(pngs[r.number, place]) or "null") for label, place in r.labels.items()}
        for r in found.complete
    }

"""`record_vote`: which picture of a round is the best; after the last vote, who drew what, and what the votes say."""

from __future__ import annotations

import contextlib
from typing import Annotated

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from fastmcp.utilities.types import Image
from mcp_types import ContentBlock, TextContent, ToolAnnotations
from pydantic import Field

from dgx_pixels.library.comparison_blind import brief, told
from dgx_pixels.library.comparison_pictures import sheet
from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import VoteAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.comparison_page import write_page
from dgx_pixels.tools.services import Services, ServicesDep


@tool(
    title="Record vote",
    output_schema=schema_of(VoteAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
    meta={"ui": {"visibility": ["model", "app"]}},
)
async def record_vote(
    comparison_id: Annotated[str, Field(description="The job_id that compare_models answered with.")],
    round: Annotated[int | None, Field(description="Which round the vote is for, from 1.")] = None,  # its name in the answer
    winner: Annotated[
        str | None, Field(description="A label (A, B, C, D), 'tie' if the best are equal, 'neither' if none will do.")
    ] = None,
    note: Annotated[str, Field(description="Why; up to 1000 characters.")] = "",
    reveal: Annotated[bool, Field(description="End the voting now, and be told who drew what.")] = False,
    services: Services = ServicesDep,
) -> ToolResult:
    """Keep one vote on one round of a comparison; votes are final.

    After the last round's, or with reveal=true, it tells who drew what, and win rates with their intervals.
    """
    kept = services.library.comparisons
    if (round is None) != (winner is None) or (round is None and not reveal):
        raise ToolError("A vote needs both round and winner, like round=1, winner='A'; to end the voting, give reveal=true.")
    try:
        if round is not None and winner is not None:
            await kept.vote(comparison_id, round, _said(winner), note)
        if reveal:
            await kept.reveal(comparison_id)
        warning = await _page(services, comparison_id)
        found = brief(await told(kept, comparison_id))
        answer = VoteAnswer(
            comparison_id=comparison_id, left=sum(r.vote is None for r in found.rounds) if found.open else 0, open=found.open,
            comparison=None if found.open else found, next=found.next, warning=warning,
        )  # fmt: skip
        content: list[ContentBlock] = [TextContent(type="text", text=_line(answer))]
    except LibraryError as error:
        raise ToolError(str(error)) from error
    if answer.comparison is not None and answer.comparison.rounds:
        with contextlib.suppress(LibraryError, ValueError):  # a picture is damaged: the vote stands all the same
            content.append(Image(data=await sheet(kept, comparison_id), format="png").to_image_content())
    return ToolResult(content=content, structured_content=answer.model_dump(mode="json"))


def rounds_left(left: int) -> str:
    """How many rounds have no vote yet, in words."""
    return "1 round is left" if left == 1 else f"{left} rounds are left"


def _said(winner: str) -> str:
    """A label or a word as people type it: "b" is B, "Tie" is tie."""
    word = winner.strip()
    return word.upper() if len(word) == 1 else word.lower()


async def _page(services: Services, comparison_id: str) -> str | None:
    """Write the page; answers with why it could not be: the vote stands all the same."""
    try:
        await write_page(services, comparison_id)
    except LibraryError as error:
        return f"What was asked is kept all the same. {error}"
    return None


def _line(answer: VoteAnswer) -> str:
    standing = answer.comparison.standing if answer.comparison is not None else None
    if standing is None:
        return " ".join(filter(None, (f"Kept; {rounds_left(answer.left)}.", answer.warning, answer.next)))
    ties = f"{standing.ties} tie{'s' * (standing.ties != 1)}"
    ended = f"Voting has ended: {standing.votes} votes, {ties}, {standing.neither} neither."
    return " ".join(filter(None, (ended, *(pair.says for pair in standing.pairs), answer.warning, answer.next)))

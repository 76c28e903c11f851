"""What the tests of promote_lora share: kept votes, and calls of the tool."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from conftest import text_of
from fastmcp import Client

from dgx_pixels.library.comparison_records import NewCell, PlannedRound
from dgx_pixels.library.library import Library
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.server.settings import Settings


async def voted(settings: Settings, game: Path, contenders: tuple[str, str], votes: str, *, unvoted: int = 0) -> None:
    """Keep a comparison with these votes for the first, or second, of two contenders: `w`on, `l`ost, `t`ie, `n`either.

    With `unvoted` rounds more it is still open.
    """
    library = await Library.open(settings.home)
    try:
        comparisons, asked = library.comparisons, uuid.uuid4().hex[:12]
        catalogue = Catalogue(settings.home / "models")
        files = [json.dumps(parse_contender(catalogue, c).weights_sha256(), sort_keys=True) for c in contenders]
        rounds = [PlannedRound(f"prompt {i}", "item", i, 0) for i in range(len(votes) + unvoted)]
        await comparisons.begin(asked, str(game), contenders, rounds, blind=True)
        for number in range(1, len(rounds) + 1):
            for place in (0, 1):
                await comparisons.add_cell(asked, NewCell(number, place, b"png", files[place], 0.1, None, {}))
        for shown, said in zip((await comparisons.get(asked)).rounds, votes, strict=False):
            label = {place: name for name, place in shown.labels.items()}
            winner = {"w": label[0], "l": label[1], "t": "tie", "n": "neither"}[said]
            await comparisons.vote(asked, shown.number, winner)
    finally:
        await library.close()


async def promoted(client: Client[Any], **arguments: object) -> dict[str, Any]:
    """The structured answer of promote_lora."""
    answer = (await client.call_tool("promote_lora", arguments)).structured_content
    assert answer is not None
    return answer


async def refusal(client: Client[Any], **arguments: object) -> str:
    """What promote_lora says as it refuses."""
    result = await client.call_tool("promote_lora", arguments, raise_on_error=False)
    assert result.is_error
    return text_of(result)

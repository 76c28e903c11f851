"""Comparisons as tables and documents for other programs: one row a picture. Only what may be told is in them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dgx_pixels.library.comparison_blind import recipes_of, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dgx_pixels.library.comparison_records import Comparison, Round
    from dgx_pixels.library.comparisons import Comparisons

_COLUMNS = (
    "comparison_id", "blind", "round", "prompt", "kind", "seed", "label", "contender", "base_model", "loras", "winner", "won",
    "note", "voted_at", "seconds", "memory_bytes", "colors", "palette_distance", "orphans", "cutout", "sharpness",
    "likeness_colors", "likeness_texture",
)  # fmt: skip


async def as_csv(comparisons: Comparisons, ids: Sequence[str]) -> str:
    """One row for each picture of these comparisons, whose names may be told; `winner` is the round's vote, `won` 1 or 0.

    Raises LibraryError if there is no such comparison.
    """
    out = io.StringIO()
    table = csv.DictWriter(out, _COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    for comparison_id in ids:
        found = await comparisons.get(comparison_id)
        table.writerows(row for r in found.complete for row in _rows(found, r))
    return out.getvalue()


def _rows(found: Comparison, r: Round) -> Iterator[dict[str, Any]]:
    for label, place in r.labels.items():
        contender, cell, vote = found.contenders[place], r.cells[place], r.vote
        winner = "" if vote is None else next((x for x, p in r.labels.items() if p == vote.winner), vote.outcome)
        base, _, loras = contender.partition("+")
        yield {
            "comparison_id": found.id, "blind": int(found.blind), "round": r.number, "prompt": _cell(r.prompt), "kind": r.kind,
            "seed": r.seed, "label": label, "contender": contender, "base_model": base, "loras": loras, "winner": winner,
            "won": "" if vote is None else int(vote.winner == place), "note": "" if vote is None else _cell(vote.note),
            "voted_at": "" if vote is None else datetime.fromtimestamp(vote.at, UTC).isoformat(timespec="seconds"),
            "seconds": cell.seconds, "memory_bytes": cell.memory, **cell.measures,
        }  # fmt: skip


def _cell(text: str) -> str:
    """A person's text, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


async def as_json(comparisons: Comparisons, ids: Sequence[str]) -> str:
    """Every comparison as its resource has it, with the recipe of each picture. Raises LibraryError."""
    documents = [
        (await told(comparisons, comparison_id)).model_dump(mode="json")
        | {"recipes": await recipes_of(comparisons, comparison_id)}
        for comparison_id in ids
    ]
    return json.dumps({"comparisons": documents}, indent=1)

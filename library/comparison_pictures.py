"""The pictures of a comparison, as they may be shown: without a word in them until it may be told who is who."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.labelled_sheet import Group, labelled_sheet
from dgx_pixels.pixels.png_text import without_text
from dgx_pixels.pixels.sprite import decode_png

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.library.comparison_records import Comparison, Round
    from dgx_pixels.library.comparisons import Comparisons


def picture_uri(comparison_id: str, round_number: int, label: str) -> str:
    """The address of a picture, as resources have it."""
    return f"pixels://comparisons/{comparison_id}/{round_number}/{label}"


async def picture(comparisons: Comparisons, comparison_id: str, round_number: int, label: str) -> bytes:
    """A cell's PNG at its true size; with its recipe once voting has ended.

    Raises LibraryError if there is no such comparison, round or label, or if its round is not drawn to its end.
    """
    found = await comparisons.get(comparison_id)
    shown = next((r for r in found.complete if r.number == round_number), None)
    png = (
        None if shown is None or label not in shown.labels else await comparisons.png(found.id, round_number, shown.labels[label])
    )
    if png is None:
        drawn = ", ".join(str(r.number) for r in found.complete) or "none"
        raise LibraryError(
            f"There is no picture {label[:20]!r} of round {round_number} in the comparison {comparison_id}: "
            f"its rounds so far are {drawn}, each with labels from A."
        )
    return png if found.named else without_text(png)


async def all_pictures(comparisons: Comparisons, comparison_id: str) -> dict[str, bytes]:
    """Every picture that may be shown, without recipes, by its URI. Raises LibraryError if there is no such comparison."""
    found, pngs = await comparisons.get(comparison_id), await comparisons.pngs(comparison_id)
    return {
        picture_uri(found.id, r.number, label): without_text(pngs[r.number, place])
        for r in found.complete
        for label, place in r.labels.items()
    }


async def sheet(comparisons: Comparisons, comparison_id: str) -> bytes:
    """All pictures as one PNG under 256 KB: in the order of their labels, or, once voting has ended, of the contenders.

    Raises LibraryError if there is no such comparison, or no round of it is drawn to its end yet.
    """
    found, pngs = await comparisons.get(comparison_id), await comparisons.pngs(comparison_id)
    if not found.complete:
        raise LibraryError(f"No round of the comparison {comparison_id} is drawn to its end yet: wait for it with get_job.")
    heading = [f"{place + 1}: {contender}" for place, contender in enumerate(found.contenders)] if found.named else []
    return await asyncio.to_thread(lambda: labelled_sheet([_group(found, r, pngs) for r in found.complete], heading))


def _group(found: Comparison, r: Round, pngs: Mapping[tuple[int, int], bytes]) -> Group:
    title = f"{r.number}. {r.prompt}"
    order = sorted(r.labels.items(), key=lambda item: item[1]) if found.named else list(r.labels.items())
    return Group(title, tuple((_label(found, r, label), decode_png(pngs[r.number, place])) for label, place in order))


def _label(found: Comparison, r: Round, label: str) -> str:
    place = r.labels[label]
    if not found.named:
        return label
    won = ", won" if r.vote is not None and r.vote.winner == place else ""
    return f"{place + 1} ({label}{won})" if found.blind else f"{place + 1}{won}"

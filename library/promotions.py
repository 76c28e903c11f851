"""The promotions: which contender became a project's default, on what evidence, and what was the default before."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from dgx_pixels.library.ranking import Tally

if TYPE_CHECKING:
    from dgx_pixels.library.store import Store


@dataclass(frozen=True)
class Promotion:
    """One promotion, as it was made."""

    id: int
    project: str
    contender: str
    before: str | None
    """What the project's settings said until then; None if nothing."""
    against: str
    """The contender that drew until then: the votes are against it."""
    votes: Tally
    forced: bool
    """Whether it was promoted although the votes did not say so."""
    created: float
    """Seconds since 1970."""
    undone: float | None
    """When it was rolled back, None if it was not."""


class Promotions:
    """The table of promotions. Nothing is ever taken out of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, project: str, contender: str, before: str | None, against: str, votes: Tally, *, forced: bool) -> None:
        """Keep a promotion with its evidence. Raises LibraryError if it cannot be written."""
        columns = "project, contender, before, against, wins, losses, ties, neither, forced, created"
        values = (project, contender, before, against, *astuple(votes), int(forced), time.time())
        async with self._store.transaction():
            await self._store.db.execute(f"INSERT INTO promotions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    async def of(self, project: str) -> list[Promotion]:
        """A project's promotions, newest first."""
        found = await self._store.db.execute_fetchall("SELECT * FROM promotions WHERE project = ? ORDER BY id DESC", (project,))
        return [_promotion(dict(row)) for row in found]

    async def undo(self, promotion: Promotion) -> None:
        """Keep that a promotion was rolled back. Raises LibraryError if it cannot be written."""
        async with self._store.transaction():
            await self._store.db.execute("UPDATE promotions SET undone = ? WHERE id = ?", (time.time(), promotion.id))


def _promotion(row: dict[str, Any]) -> Promotion:
    votes = Tally(**{field.name: row.pop(field.name) for field in fields(Tally)})
    return Promotion(**row | {"forced": bool(row["forced"]), "votes": votes})

"""The comparisons in the library: who drew what under which label, every picture, and the votes."""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dgx_pixels.library.comparison_ballots import Ballots
from dgx_pixels.library.comparison_records import Cell, Comparison, NewCell, PlannedRound, Round, Vote
from dgx_pixels.library.database import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dgx_pixels.library.store import Store

_MOST_NOTE = 1000


class Comparisons:
    """The tables of comparisons. Pictures are kept one by one, so that what was drawn is never drawn again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ballots = Ballots(store)

    def page(self, comparison_id: str) -> Path:
        """Where the static page of a comparison lies, if it was written."""
        return self._store.home / "comparisons" / f"{comparison_id}.html"

    async def begin(
        self, comparison_id: str, project: str, contenders: Sequence[str], rounds: Sequence[PlannedRound], *, blind: bool,
        base: int | None = None, note: str = "", request: str = "",
    ) -> str:  # fmt: skip
        """Keep a new comparison, labels shuffled for each round if it is blind; one that was begun before stays as it is.

        Answers with the request that it was begun with.
        """
        places = list(range(len(contenders)))
        chance = secrets.SystemRandom()  # the seed of another could be guessed
        orders = [chance.sample(places, len(places)) if blind else places for _ in rounds]
        kept = [
            (comparison_id, number, r.prompt, r.kind, r.seed, r.seed_index, json.dumps(order))
            for number, (r, order) in enumerate(zip(rounds, orders, strict=True), start=1)
        ]
        db = self._store.db
        async with self._store.transaction():
            for row in await self._rows("SELECT request FROM comparisons WHERE id = ?", comparison_id):
                return str(row["request"])
            await db.execute(
                "INSERT INTO comparisons VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
                (comparison_id, project, blind, base, note, request, time.time()),
            )
            await db.executemany(
                "INSERT INTO comparison_contenders VALUES (?, ?, ?, '')",
                [(comparison_id, place, contender) for place, contender in enumerate(contenders)],
            )
            await db.executemany("INSERT INTO comparison_rounds VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
        self._store.changes.tell("comparison", comparison_id)
        return request

    async def add_cell(self, comparison_id: str, cell: NewCell) -> None:
        """Keep a picture. Raises LibraryError if its contender's files are no longer those of its earlier pictures."""
        db = self._store.db
        async with self._store.transaction():
            ((weights,),) = await self._rows(
                "SELECT weights FROM comparison_contenders WHERE comparison_id = ? AND place = ?", comparison_id, cell.place
            )
            if weights not in ("", cell.weights):
                raise LibraryError(
                    "The files of a contender have changed since the comparison began, so that its pictures would be of two "
                    "models: ask for a new comparison."
                )
            await db.execute(
                "UPDATE comparison_contenders SET weights = ? WHERE comparison_id = ? AND place = ?",
                (cell.weights, comparison_id, cell.place),
            )
            await db.execute(
                "INSERT OR REPLACE INTO comparison_cells VALUES (?, ?, ?, ?, ?, ?, ?)",
                (comparison_id, cell.round, cell.place, cell.png, cell.seconds, cell.memory, json.dumps(dict(cell.measures))),
            )
        self._store.changes.tell("comparison", comparison_id)

    async def find(self, comparison_id: str) -> Comparison | None:
        """A comparison as it stands, or None if there is none of that id."""
        query = """SELECT c.*, j.status FROM comparisons c LEFT JOIN jobs j ON j.id = c.id WHERE c.id = ?"""
        for row in await self._rows(query, comparison_id):
            contenders = await self._rows(
                "SELECT contender FROM comparison_contenders WHERE comparison_id = ? ORDER BY place", comparison_id
            )
            return Comparison(
                row["id"], row["project"], bool(row["blind"]), bool(row["revealed"]), row["status"] or "done",
                tuple(c["contender"] for c in contenders), await self._rounds(comparison_id), row["base"],
                row["note"],
            )  # fmt: skip
        return None

    async def get(self, comparison_id: str) -> Comparison:
        """A comparison as it stands. Raises LibraryError if there is none of that id."""
        found = await self.find(comparison_id)
        if found is None:
            raise LibraryError(
                f"There is no comparison {comparison_id[:80]!r}: use the id that compare_models answered with, its job_id."
            )
        return found

    async def ids(self, project: str) -> list[str]:
        """All comparisons of a project, oldest first."""
        rows = await self._rows("SELECT id FROM comparisons WHERE project = ? ORDER BY created, rowid", project)
        return [row["id"] for row in rows]

    async def _rounds(self, comparison_id: str) -> tuple[Round, ...]:
        cells: dict[int, dict[int, Cell]] = defaultdict(dict)
        query = "SELECT round, place, seconds, memory, measures FROM comparison_cells WHERE comparison_id = ?"
        for c in await self._rows(query, comparison_id):
            cells[c["round"]][c["place"]] = Cell(c["seconds"], c["memory"], json.loads(c["measures"]))
        votes = {
            v["round"]: Vote(v["outcome"], v["winner"], v["note"], v["created"])
            for v in await self._rows("SELECT * FROM comparison_votes WHERE comparison_id = ?", comparison_id)
        }
        return tuple(
            Round(
                r["round"], r["prompt"], r["kind"], r["seed"], r["seed_index"], tuple(json.loads(r["places"])),
                cells[r["round"]], votes.get(r["round"]),
            )
            for r in await self._rows("SELECT * FROM comparison_rounds WHERE comparison_id = ? ORDER BY round", comparison_id)
        )  # fmt: skip

    async def pngs(self, comparison_id: str) -> dict[tuple[int, int], bytes]:
        """All kept pictures, with their recipes, by round and place."""
        query = "SELECT round, place, png FROM comparison_cells WHERE comparison_id = ?"
        return {(c["round"], c["place"]): c["png"] for c in await self._rows(query, comparison_id)}

    async def png(self, comparison_id: str, round_number: int, place: int) -> bytes | None:
        """One kept picture, with its recipe; None if it is not drawn yet."""
        query = "SELECT png FROM comparison_cells WHERE comparison_id = ? AND round = ? AND place = ?"
        return next((c["png"] for c in await self._rows(query, comparison_id, round_number, place)), None)

    async def vote(self, comparison_id: str, round_number: int, winner: str, note: str = "") -> None:
        """Keep a vote: a label, "tie" or "neither". With the last one of a comparison that is drawn to its end, voting ends.

        Whatever has become of its job: one that is not drawn to its end may go on, and only `reveal` ends it before.

        Raises LibraryError for an unknown comparison or round, a word that is none of these, a second vote, or a vote after
        the end.
        """
        async with self._store.transaction():
            found = await self.get(comparison_id)
            voted = _check_vote(found, round_number, winner, note)
            outcome, place = (winner, None) if winner in ("tie", "neither") else ("won", voted.labels[winner])
            await self._store.db.execute(
                "INSERT INTO comparison_votes VALUES (?, ?, ?, ?, ?, ?)",
                (comparison_id, round_number, outcome, place, note, time.time()),
            )
            if len(found.unvoted) == 1 and found.whole:
                await self._reveal(comparison_id)
        self._store.changes.tell("comparison", comparison_id)

    async def reveal(self, comparison_id: str) -> None:
        """End the voting: from now on it may be told who is who. Raises LibraryError if there is no such comparison."""
        async with self._store.transaction():
            await self.get(comparison_id)
            await self._reveal(comparison_id)
        self._store.changes.tell("comparison", comparison_id)

    async def leave_out(self, comparison_id: str, round_number: int, why: str) -> None:
        """Take a round that cannot be drawn out of the comparison, and say why in its note; all others voted on, voting ends."""
        db, of = self._store.db, (comparison_id, round_number)
        async with self._store.transaction():
            await db.execute("DELETE FROM comparison_cells WHERE comparison_id = ? AND round = ?", of)
            await db.execute("DELETE FROM comparison_rounds WHERE comparison_id = ? AND round = ?", of)
            await db.execute("UPDATE comparisons SET note = trim(note || ' ' || ?) WHERE id = ?", (why, comparison_id))
            found = await self.get(comparison_id)
            if found.rounds and found.whole and not found.unvoted:
                await self._reveal(comparison_id)
        self._store.changes.tell("comparison", comparison_id)

    async def _reveal(self, comparison_id: str) -> None:
        await self._store.db.execute("UPDATE comparisons SET revealed = 1 WHERE id = ?", (comparison_id,))

    async def _rows(self, query: str, *values: str | int) -> list[Any]:
        return list(await self._store.db.execute_fetchall(query, values))


def _check_vote(found: Comparison, round_number: int, winner: str, note: str) -> Round:
    if found.revealed:
        raise LibraryError("Voting on this comparison has ended, and names were told: compare again for new votes.")
    voted = next((r for r in found.complete if r.number == round_number), None)
    if voted is None:
        shown = ", ".join(str(r.number) for r in found.unvoted) or "none yet"
        raise LibraryError(f"There is no round {round_number} to vote on: choose one of {shown}.")
    if voted.vote is not None:
        raise LibraryError(f"Round {round_number} has its vote already, which stays: vote on a round that has none.")
    if winner not in (*voted.labels, "tie", "neither"):
        raise LibraryError(
            f"The winner {winner[:40]!r} is not one of {', '.join(voted.labels)}, tie, neither: choose one of them."
        )
    if len(note) > _MOST_NOTE or any("\ud800" <= c <= "\udfff" for c in note):
        raise LibraryError(f"The note is longer than {_MOST_NOTE} characters, or holds half a character: shorten it.")
    return voted

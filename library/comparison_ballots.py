"""The votes of a project's comparisons as they count: of blind ones whose voting has ended, by the files that drew."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING

from dgx_pixels.library.comparison_records import ADDED
from dgx_pixels.library.ranking import Ballot, Tally, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.library.store import Store


class Ballots:
    """Reads the votes of all comparisons of a project together."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, project: str, now: Mapping[str, str] | None = None) -> list[Ballot]:
        """All votes of a project's blind comparisons whose voting has ended, oldest first.

        Before that a count would tell who stands behind a label that was just voted for.

        A contender whose files have changed since is another one: its earlier votes count for "NAME (earlier files 1a2b3c4d)".
        `now` gives contenders' files as they are, in JSON; of others those of their newest comparison are taken for that.
        """
        names = await self._names(project, now or {})
        query = """SELECT v.*, r.kind FROM comparison_votes v
            JOIN comparison_rounds r ON r.comparison_id = v.comparison_id AND r.round = v.round
            JOIN comparisons c ON c.id = v.comparison_id WHERE c.project = ? AND c.blind AND c.revealed
            ORDER BY v.created, v.rowid"""
        found = []
        for vote in await self._store.db.execute_fetchall(query, (project,)):
            shown = names[vote["comparison_id"]]
            winner = None if vote["winner"] is None else shown[vote["winner"]]
            found.append(Ballot(shown, vote["outcome"], winner, vote["kind"]))
        return found

    async def tally(self, project: str, a: str, b: str, now: Mapping[str, str]) -> Tally:
        """The votes of a project's ended blind comparisons between two contenders as their files are now, counted for `a`."""
        return count(await self.of(project, now), a, b)

    async def winners(self, project: str) -> list[tuple[bytes, str]]:
        """The pictures that won rounds of ended blind comparisons, with recipes in them, and their prompts, oldest first."""
        query = """SELECT s.png, r.prompt FROM comparison_votes v
            JOIN comparison_cells s ON s.comparison_id = v.comparison_id AND s.round = v.round AND s.place = v.winner
            JOIN comparison_rounds r ON r.comparison_id = v.comparison_id AND r.round = v.round
            JOIN comparisons c ON c.id = v.comparison_id WHERE c.project = ? AND c.blind AND c.revealed
            ORDER BY v.created, v.rowid"""
        return [(row["png"], row["prompt"]) for row in await self._store.db.execute_fetchall(query, (project,))]

    async def _names(self, project: str, now: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """The contenders of each comparison, as ballots name them."""
        query = """SELECT c.id, n.contender, n.weights FROM comparison_contenders n JOIN comparisons c ON c.id = n.comparison_id
            WHERE c.project = ? AND c.blind = 1 ORDER BY c.created, c.rowid, n.place"""
        rows = [
            (row["id"], row["contender"], _own(row["weights"]))
            for row in await self._store.db.execute_fetchall(query, (project,))
        ]
        current = {contender: weights for _, contender, weights in rows if weights} | {n: _own(files) for n, files in now.items()}
        names: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for comparison_id, contender, weights in rows:
            earlier = bool(weights) and weights != current[contender]
            names[comparison_id] += (f"{contender} (earlier files {_short(weights)})" if earlier else contender,)
        return names


def _own(weights: str) -> str:
    """A contender's own files, without those that a profile added: drafts and others are votes on the same contender."""
    own = {name: digest for name, digest in json.loads(weights or "{}").items() if not name.startswith(ADDED)}
    return json.dumps(own, sort_keys=True) if own else ""


def _short(weights: str) -> str:
    """The first digits of all digests' digest."""
    return hashlib.sha256(weights.encode()).hexdigest()[:8]

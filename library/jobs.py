"""The jobs in the library: what was asked for, who works on it, and what became of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.records import JobRecord, KeyedJob

if TYPE_CHECKING:
    from dgx_pixels.library.owner import Owner
    from dgx_pixels.library.records import JobStatus
    from dgx_pixels.library.store import Store

_UNFINISHED = ("queued", "running")
"""A paused job waits for whoever paused it: nobody need work on it, and none takes it over."""
_OPEN = "status IN ('queued', 'running', 'paused')"
"""As the partial index has it: with parameters in its place SQLite would not use that."""
_COLUMNS = "SELECT id, kind, project, request, status, result, error, owner, attempts, created, updated FROM jobs"

PROGRESSED = "attempts = min(attempts, 1)"
"""What a job's row is set to when it has got further since it was begun."""


class Jobs:
    """The tables of jobs and of the keys they were asked for under."""

    def __init__(self, store: Store, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._lost: set[str] = set()

    async def create(self, job_id: str, kind: str, project: str, request: str) -> None:
        """Keep a new job, queued, as ours."""
        async with self._store.transaction():
            await self._insert(job_id, kind, project, request)
        self._store.changes.tell("job", job_id)

    async def create_once(self, job_id: str, kind: str, project: str, request: str, key: str, asked: str) -> KeyedJob | None:
        """Keep a new job under a key of this project and kind; if the key has one, keep nothing, and answer with that."""
        async with self._store.transaction():
            query = "SELECT job_id, asked FROM keys WHERE project = ? AND kind = ? AND key = ?"
            for row in await self._store.db.execute_fetchall(query, (project, kind, key)):
                return KeyedJob(**dict(row))
            await self._insert(job_id, kind, project, request)
            await self._store.db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", (project, kind, key, job_id, asked))
        self._store.changes.tell("job", job_id)
        return None

    async def _insert(self, job_id: str, kind: str, project: str, request: str) -> None:
        now = time.time()
        values = (job_id, kind, project, request, "queued", None, None, self._owner.id, now, now, 0)
        await self._store.db.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    async def begin(self, job_id: str) -> None:
        """Keep that the work on a job begins, once more."""
        await self._change(job_id, "status = 'running', attempts = attempts + 1")

    async def give_back(self, job_id: str, *, begun: bool) -> None:
        """Keep that a job of ours is to be done by another process; if it was begun, that does not count."""
        await self._change(job_id, f"status = 'queued', attempts = attempts - {int(begun)}")

    async def take(self, job: JobRecord, request: str | None = None, *, afresh: bool = False) -> bool:
        """Make a job ours, queued again; answers whether it was still as `job` says: another process may have been faster.

        With a new request, if one is given; `afresh` forgets how often it was begun.
        """
        change = "status = 'queued', owner = ?, request = ?, result = NULL, error = NULL" + (", attempts = 0" if afresh else "")
        taken = await self._change(job.id, change, self._owner.id, request if request is not None else job.request, still=job)
        if taken:
            self._lost.discard(job.id)
        return taken

    def lose(self, job_id: str) -> None:
        """Take note that nobody works on a job of ours any more, though its row, which could not be written, says so."""
        self._lost.add(job_id)

    async def progressed(self, job_id: str) -> None:
        """Keep that a job has got further than it was when it was begun: the times before do not count against it."""
        await self._change(job_id, PROGRESSED)

    async def _change(self, job_id: str, change: str, *values: str, still: JobRecord | None = None) -> bool:
        condition, state = ("", ()) if still is None else ("AND status = ? AND owner = ?", (still.status, still.owner))
        query = f"UPDATE jobs SET {change}, updated = ? WHERE id = ? {condition}"
        async with self._store.transaction(), self._store.db.execute(query, (*values, time.time(), job_id, *state)) as cursor:
            changed = cursor.rowcount == 1
        if changed:
            self._store.changes.tell("job", job_id)
        return changed

    async def set(self, job_id: str, status: JobStatus, *, result: str | None = None, error: str | None = None) -> None:
        """Keep what became of a job."""
        async with self._store.transaction():
            await self._store.db.execute(
                "UPDATE jobs SET status = ?, result = ?, error = ?, updated = ? WHERE id = ?",
                (status, result, error, time.time(), job_id),
            )
        self._store.changes.tell("job", job_id)

    def is_worked_on(self, job: JobRecord) -> bool:
        """Whether some process, this one or another, works on a job that has not ended."""
        return job.status in _UNFINISHED and job.id not in self._lost and self._owner.works(job.owner)

    def is_left(self, job: JobRecord) -> bool:
        """Whether a job has not ended, and nobody works on it."""
        return job.status in _UNFINISHED and not self.is_worked_on(job)

    async def find(self, job_id: str) -> JobRecord | None:
        """A job, or None if there is none of that id."""
        found = await self._store.db.execute_fetchall(f"{_COLUMNS} WHERE id = ?", (job_id,))
        return next((JobRecord(**dict(row)) for row in found), None)

    async def get(self, job_id: str) -> JobRecord:
        """A job. Raises LibraryError if there is none of that id."""
        found = await self.find(job_id)
        if found is None:
            raise LibraryError(f"There is no job {job_id!r}: use the job_id that the generating tool answered with.")
        return found

    async def ids(self, prefix: str, most: int, kind: str | None = None) -> list[str]:
        """The ids of jobs, of one kind or of all, that begin with `prefix`, newest first."""
        query = "SELECT id FROM jobs WHERE substr(id, 1, ?) = ? AND kind = ifnull(?, kind) ORDER BY created DESC LIMIT ?"
        rows = await self._store.db.execute_fetchall(query, (len(prefix), prefix, kind, most))
        return [str(row["id"]) for row in rows]

    async def counts(self) -> dict[str, int]:
        """How many jobs there are of each state that is not an end: queued, running, paused."""
        query = f"SELECT status, count(*) AS n FROM jobs WHERE {_OPEN} GROUP BY status"
        rows = await self._store.db.execute_fetchall(query)
        return dict.fromkeys((*_UNFINISHED, "paused"), 0) | {row["status"]: row["n"] for row in rows}

    async def open(self, kind: str | None = None) -> list[JobRecord]:
        """Jobs, of one kind or of all, that have not ended: queued, running or paused; oldest first."""
        query = f"{_COLUMNS} WHERE {_OPEN} AND kind = ifnull(?, kind) ORDER BY created"
        return [JobRecord(**dict(row)) for row in await self._store.db.execute_fetchall(query, (kind,))]

    async def left(self) -> list[JobRecord]:
        """Jobs that have not ended, and that nobody works on, oldest first."""
        return [job for job in await self.open() if self.is_left(job)]

    async def recent(self, limit: int, project: str | None = None) -> list[JobRecord]:
        """The newest jobs, of one project or of all for None: first those that have not ended, then the others, newest first."""
        return [JobRecord(**row) for row in await self._recent(_COLUMNS, limit, project)]

    async def recent_states(self, limit: int) -> list[dict[str, str]]:
        """Only the id, kind and status of each of `recent`."""
        return await self._recent("SELECT id, kind, status FROM jobs", limit, None)

    async def _recent(self, select: str, limit: int, project: str | None) -> list[dict[str, Any]]:
        only, values = ("", ()) if project is None else ("AND project = ?", (project,))
        found: list[dict[str, Any]] = []
        for state in (_OPEN, f"NOT {_OPEN}"):  # two queries, since an index serves each, and none an ORDER BY of both
            query = f"{select} WHERE {state} {only} ORDER BY created DESC LIMIT ?"
            rows = await self._store.db.execute_fetchall(query, (*values, limit - len(found)))
            found += [dict(row) for row in rows]
        return found

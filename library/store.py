"""The one connection to the library's database, and its transactions: what each of its tables is read and written through."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

from dgx_pixels.library.changes import Changes
from dgx_pixels.library.database import LibraryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiosqlite


class Store:
    """An open database in folder `home`. Read with `db.execute_fetchall`, write inside `transaction()`, then tell `changes`."""

    def __init__(self, home: Path, db: aiosqlite.Connection) -> None:
        self.db = db
        self.changes = Changes()
        self.home = home
        self._writing = asyncio.Lock()  # one transaction at a time on the one connection

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All or nothing of what is written inside. Raises LibraryError if it cannot be written."""
        async with self._writing:
            try:
                await self.db.execute("BEGIN IMMEDIATE")
                yield
                await self.db.execute("COMMIT")
            except BaseException as error:
                await asyncio.shield(self._rollback())
                if isinstance(error, OSError | sqlite3.Error):
                    raise LibraryError(f"The library in {self.home} cannot be written ({error}): check the disk.") from error
                raise

    async def _rollback(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # nothing was begun, or it was committed all the same
            await self.db.execute("ROLLBACK")

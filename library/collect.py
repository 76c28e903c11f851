"""Garbage: old versions that nobody needs, found and deleted only when asked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.library.database import checked_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from dgx_pixels.library.store import Store

_DAY_S = 86_400
_UNNEEDED = """SELECT v.asset_id, v.version, a.project, a.path FROM versions v JOIN assets a ON a.id = v.asset_id
    JOIN recipes r ON r.id = v.recipe_id
    WHERE v.created < ? AND v.version < (SELECT max(version) FROM versions WHERE asset_id = v.asset_id)
    AND NOT EXISTS (SELECT 1 FROM places p WHERE p.asset_id = v.asset_id AND p.version = v.version)
    AND NOT EXISTS (SELECT 1 FROM parents p WHERE p.parent_id = v.asset_id AND p.parent_version = v.version)
    AND NOT EXISTS (SELECT 1 FROM kept k JOIN jobs j ON j.id = k.job_id WHERE k.asset_id = v.asset_id AND k.version = v.version
        AND j.status IN ('queued', 'running', 'paused'))
    AND coalesce(iif(json_valid(r.text), json_extract(r.text, '$.kind'), ''), '') NOT IN ('edited', 'imported')
    ORDER BY a.project, a.path, v.version"""


@dataclass(frozen=True)
class Garbage:
    """A version that can go, and the bytes of its files."""

    id: str
    version: int
    project: str
    path: str
    size: int


class Collector:
    """Finds and deletes versions that are old, and neither the newest, nor published, nor what another was made from.

    What a person has drawn is never garbage: no recipe makes it again. Comparisons keep pictures of their own.
    """

    def __init__(self, store: Store, assets: Path) -> None:
        """Take the folder of the assets' files."""
        self._store = store
        self._assets = assets

    async def find(self, days: float, needed: Collection[tuple[str, int]] = ()) -> list[Garbage]:
        """Versions that are older than `days`, and not among those `needed` elsewhere, as (asset id, version)."""
        rows = await self._store.db.execute_fetchall(_UNNEEDED, (time.time() - days * _DAY_S,))
        return [
            Garbage(row[0], row[1], row[2], row[3], sum(file.stat().st_size for file in self._files(row[0], row[1])))
            for row in rows
            if (row[0], row[1]) not in needed
        ]

    async def delete(self, days: float, needed: Collection[tuple[str, int]] = ()) -> list[Garbage]:
        """Delete what `find` finds now, and answers with it. Raises LibraryError; then either all of it is there, or none.

        The files go last, so that a version that the database names always has them.
        """
        async with self._store.transaction():
            garbage = await self.find(days, needed)
            for table in ("kept", "parents", "versions"):
                await self._store.db.executemany(
                    f"DELETE FROM {table} WHERE asset_id = ? AND version = ?", [(g.id, g.version) for g in garbage]
                )
            await self._store.db.execute("DELETE FROM recipes WHERE id NOT IN (SELECT recipe_id FROM versions)")
        for file in (file for g in garbage for file in self._files(g.id, g.version)):
            file.unlink(missing_ok=True)
        for asset_id in {g.id for g in garbage}:
            self._store.changes.tell("asset", asset_id)
        return garbage

    def _files(self, asset_id: str, version: int) -> list[Path]:
        names = (f"{version}.png", f"{version}.json", f"{version}.details.json")
        return [file for name in names if (file := self._assets / checked_id(asset_id) / name).is_file()]

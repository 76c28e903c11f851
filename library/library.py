"""The library: assets with versions and recipes, and jobs. It alone touches its database and its files."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dgx_pixels.library.collect import Collector
from dgx_pixels.library.comparisons import Comparisons
from dgx_pixels.library.database import LibraryError, checked_id, connect
from dgx_pixels.library.jobs import PROGRESSED, Jobs
from dgx_pixels.library.owner import Owner
from dgx_pixels.library.promotions import Promotions
from dgx_pixels.library.records import AssetVersion, NewVersion, Place
from dgx_pixels.library.search import Search
from dgx_pixels.library.store import Store
from dgx_pixels.library.tags import Tags, check_tags
from dgx_pixels.library.versions import IS_NEWEST, SELECT_VERSIONS, read_versions
from dgx_pixels.pixels.plain_file import read_plain

if TYPE_CHECKING:
    from collections.abc import Iterable


_LEFT_BEHIND_S = 86_400
"""A staged file of this age was left by a crash."""

_DETAILS = ".details.json"
_MOST_PNG = 300_000_000
"""Bytes, as of any picture that is read."""
_MOST_DETAILS = 16 << 20


class Library:
    """Open with `Library.open`, close with `close`. Safe to use from several tasks, and from several processes at once."""

    def __init__(self, home: Path, store: Store) -> None:
        self._home = home
        self._store = store
        self._owner = Owner(home)
        self.jobs = Jobs(store, self._owner)
        self.changes = store.changes
        self.search = Search(store)
        self.tags = Tags(store, self.search)
        self.garbage = Collector(store, home / "assets")
        self.comparisons = Comparisons(store)
        self.promotions = Promotions(store)

    @classmethod
    async def open(cls, home: Path) -> Self:
        """The library in folder `home`, made if it is not there. Raises LibraryError."""
        store = Store(home, await connect(home))
        await asyncio.to_thread(_sweep, home / "assets" / ".staging")
        return cls(home, store)

    async def close(self) -> None:
        """Finish what was begun and close the database."""
        await self._store.db.close()
        self._owner.release()

    async def add(self, new: NewVersion) -> AssetVersion:
        """Keep an image. The same project and path again is the asset's next version; the very same bytes are not kept twice.

        Raises LibraryError if it cannot be written, a parent is not there, or a tag is not allowed.
        """
        new = replace(new, tags=check_tags(new.tags))
        for parent in new.parents:
            await self.version(*parent)
        staged = self._staged_names()
        writing = asyncio.ensure_future(asyncio.to_thread(_write, staged, (new.png, new.recipe.encode(), new.details.encode())))
        try:
            await asyncio.shield(writing)  # not in the transaction: a slow disk must not keep others from the database
            return await self._add(new, staged)
        except OSError as error:
            raise LibraryError(f"The library in {self._home} cannot be written ({error}): check the disk.") from error
        finally:
            await asyncio.wait({writing})
            for file in staged:
                file.unlink(missing_ok=True)

    async def _add(self, new: NewVersion, staged: tuple[Path, Path, Path]) -> AssetVersion:
        digest = hashlib.sha256(new.png).hexdigest()
        recipe_id = hashlib.sha256(new.recipe.encode()).hexdigest()
        async with self._store.transaction():
            asset_id = await self._asset_id(new)
            known = await self._rows(f"{SELECT_VERSIONS} WHERE a.id = ? ORDER BY v.version DESC LIMIT 1", asset_id)
            if known and known[0].sha256 == digest and self._read_details(known[0]) == new.details:
                await self._note(new, known[0].id, known[0].version)
                return known[0]
            version = known[0].version + 1 if known else 1
            target = self.file(asset_id, version)
            target.parent.mkdir(parents=True, exist_ok=True)
            staged[0].replace(target)
            staged[1].replace(target.with_suffix(".json"))
            staged[2].replace(target.with_suffix(_DETAILS))
            await self._store.db.execute("INSERT OR IGNORE INTO recipes VALUES (?, ?)", (recipe_id, new.recipe))
            await self._store.db.execute(
                "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (asset_id, version, recipe_id, digest, new.width, new.height, new.colors, new.seed, time.time(), _palette(new)),
            )
            await self._note(new, asset_id, version)
        self.changes.tell("asset", asset_id)
        return await self.version(asset_id, version)

    async def _note(self, new: NewVersion, asset_id: str, version: int) -> None:
        """Take down what goes with a version, also if it was there before."""
        if new.job:
            await self._store.db.execute(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", (new.job, new.path, asset_id, version)
            )
            await self._store.db.execute(f"UPDATE jobs SET {PROGRESSED} WHERE id = ?", (new.job,))
        await self._store.db.executemany(
            "INSERT OR IGNORE INTO parents VALUES (?, ?, ?, ?)", [(asset_id, version, *parent) for parent in new.parents]
        )
        await self.tags.add(asset_id, new.tags)
        await self.search.index(asset_id)

    async def kept(self, job_id: str, path: str) -> AssetVersion | None:
        """The version that a job, begun before, has made for `path` already; None if it has made none."""
        query = "SELECT asset_id, version FROM kept WHERE job_id = ? AND path = ?"
        for row in await self._store.db.execute_fetchall(query, (job_id, path)):
            return await self.version(row["asset_id"], row["version"])
        return None

    async def _asset_id(self, new: NewVersion) -> str:
        """The asset's id; what is said of an asset is what its newest version is."""
        known = await self.at_path(new.project, new.path)
        if known is not None:
            await self._store.db.execute(
                "UPDATE assets SET kind = ?, name = ?, category = ? WHERE id = ?", (new.kind, new.name, new.category, known)
            )
            return known
        asset_id = uuid.uuid4().hex[:12]
        await self._store.db.execute(
            "INSERT INTO assets VALUES (?, ?, ?, ?, ?, ?, ?)",
            (asset_id, new.project, new.path, new.kind, new.name, new.category, time.time()),
        )
        return asset_id

    def file(self, asset_id: str, version: int) -> Path:
        """Where the PNG of a version lies. Raises LibraryError for an id that is none: the database may be a stranger's."""
        return self._home / "assets" / checked_id(asset_id) / f"{version}.png"

    def _staged_names(self) -> tuple[Path, Path, Path]:
        """Files of their own for a picture, its recipe and its details; a rename then makes them the asset's."""
        staged = self._home / "assets" / ".staging" / f"{uuid.uuid4().hex}.png"
        return staged, staged.with_suffix(".json"), staged.with_suffix(_DETAILS)

    async def _rows(self, query: str, *values: str | int) -> list[AssetVersion]:
        return await read_versions(self._store, query, values)

    async def version(self, asset_id: str, version: int | None = None) -> AssetVersion:
        """A version of an asset, the newest if none is named. Raises LibraryError if there is none."""
        wanted = "" if version is None else "AND v.version = ?"
        values = [asset_id] if version is None else [asset_id, version]
        query = f"{SELECT_VERSIONS} WHERE a.id = ? {wanted} ORDER BY v.version DESC LIMIT 1"
        may_be = version is None or 0 < version < 2**63  # SQLite takes no larger number
        found = await self._rows(query, *values) if may_be else []
        if not found:
            which = asset_id if version is None else f"{asset_id} version {version}"
            raise LibraryError(f"There is no asset {which!r} in the library: list_assets shows what there is.")
        return found[0]

    async def png(self, asset_id: str, version: int | None = None) -> bytes:
        """The PNG of a version, the newest if none is named. Raises LibraryError if it is not there, or is another one."""
        found = await self.version(asset_id, version)
        file = self.file(found.id, found.version)
        try:
            png = await asyncio.to_thread(read_plain, file, _MOST_PNG)
        except OSError as error:
            raise LibraryError(f"The picture of asset {asset_id!r} cannot be read ({error}): generate it again.") from error
        if hashlib.sha256(png).hexdigest() != found.sha256:
            raise LibraryError(f"The file {file} is not the picture that was kept there: put that back, or generate it again.")
        return png

    async def details(self, found: AssetVersion) -> str:
        """The details that a version was added with; "" if there were none. Raises LibraryError if they cannot be read."""
        try:
            return await asyncio.to_thread(self._read_details, found)
        except OSError as error:
            raise LibraryError(f"What was kept of asset {found.id!r} cannot be read ({error}): generate it again.") from error

    def _read_details(self, found: AssetVersion) -> str:
        file = self.file(found.id, found.version).with_suffix(_DETAILS)
        try:
            return read_plain(file, _MOST_DETAILS).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    async def at_path(self, project: str, path: str) -> str | None:
        """The id of the asset that was made for `path`, relative to the project's assets/; None if there is none."""
        found = await self._store.db.execute_fetchall("SELECT id FROM assets WHERE project = ? AND path = ?", (project, path))
        return next((str(row["id"]) for row in found), None)

    async def newest(self, project: str | None, limit: int) -> list[AssetVersion]:
        """The newest version of each asset, newest first; of one project, or of all for None."""
        only = "" if project is None else "AND a.project = ?"
        query = f"{SELECT_VERSIONS} WHERE {IS_NEWEST} {only} ORDER BY v.created DESC, a.id DESC LIMIT ?"
        return await self._rows(query, *([] if project is None else [project]), limit)

    async def ids(self, prefix: str, most: int) -> list[str]:
        """The ids of assets that begin with `prefix`, newest first."""
        query = "SELECT id FROM assets WHERE substr(id, 1, ?) = ? ORDER BY created DESC LIMIT ?"
        return [str(row["id"]) for row in await self._store.db.execute_fetchall(query, (len(prefix), prefix, most))]

    async def history(self, asset_id: str) -> list[AssetVersion]:
        """All versions of an asset that the library still has, the newest first. Raises LibraryError if there is none."""
        await self.version(asset_id)
        return await self._rows(f"{SELECT_VERSIONS} WHERE a.id = ? ORDER BY v.version DESC", asset_id)

    async def with_bytes(self, sha256: str) -> AssetVersion | None:
        """A version whose PNG has this SHA-256, the oldest of several; None if the library has none."""
        query = f"{SELECT_VERSIONS} WHERE v.sha256 = ? ORDER BY v.created, a.id LIMIT 1"
        return next(iter(await self._rows(query, sha256)), None)

    async def projects(self) -> list[str]:
        """The projects that assets were made for or put into."""
        query = "SELECT project FROM assets WHERE project != '' UNION SELECT project FROM places ORDER BY 1"
        return [str(row[0]) for row in await self._store.db.execute_fetchall(query)]

    async def versions_of(self, project: str) -> list[tuple[str, int]]:
        """All versions (asset id, version) of the assets that were made for a project, or put into it."""
        query = """SELECT asset_id, version FROM versions WHERE asset_id IN (
            SELECT id FROM assets WHERE project = ? UNION SELECT asset_id FROM places WHERE project = ?)"""
        return [(row[0], row[1]) for row in await self._store.db.execute_fetchall(query, (project, project))]

    async def parents(self, asset_id: str, version: int) -> list[tuple[str, int]]:
        """What a version was made from: (asset id, version) of each."""
        query = "SELECT parent_id, parent_version FROM parents WHERE asset_id = ? AND version = ? ORDER BY 1, 2"
        return [(row[0], row[1]) for row in await self._store.db.execute_fetchall(query, (asset_id, version))]

    async def places(self, asset_id: str) -> list[Place]:
        """Where we have put versions of an asset, and nothing else since."""
        query = "SELECT project, path, version FROM places WHERE asset_id = ? ORDER BY project, path"
        return [Place(**dict(row)) for row in await self._store.db.execute_fetchall(query, (asset_id,))]

    async def mark_published(self, versions: Iterable[tuple[str, int]], project: str | None = None) -> None:
        """Remember that these versions (asset id, version) were written into `project`, or, if left out, into their own.

        A version that has been collected meanwhile is passed over: its file is in the project, and the manifest names it.
        """
        placed = """INSERT OR REPLACE INTO places
            SELECT coalesce(:project, project), path, id, :version, :now FROM assets
            WHERE id = :asset AND coalesce(:project, project) != ''
            AND EXISTS (SELECT 1 FROM versions WHERE asset_id = :asset AND version = :version)"""
        marked = """UPDATE versions SET published = 1 WHERE asset_id = :asset AND version = :version
            AND (:project IS NULL OR EXISTS (SELECT 1 FROM assets WHERE id = :asset AND project = :project))"""
        rows = [{"project": project, "asset": asset, "version": version, "now": time.time()} for asset, version in versions]
        async with self._store.transaction():
            await self._store.db.executemany(placed, rows)
            await self._store.db.executemany(marked, rows)
        for asset_id in {str(row["asset"]) for row in rows}:
            self.changes.tell("asset", asset_id)


def _palette(new: NewVersion) -> str | None:
    return None if new.palette is None else json.dumps(new.palette)


def _write(files: tuple[Path, ...], contents: tuple[bytes, ...]) -> None:
    files[0].parent.mkdir(parents=True, exist_ok=True)
    for path, data in zip(files, contents, strict=True):
        with path.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())


def _sweep(staging: Path) -> None:
    """Take away what was left behind; only what is named as ours is, in a folder that is no link."""
    for file in staging.glob(f"{'[0-9a-f]' * 32}.*") if not staging.is_symlink() else ():
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _LEFT_BEHIND_S:
                file.unlink()

"""The library's tables, and the one connection that reads and writes them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from filelock import AsyncFileLock

_TABLES = """
CREATE TABLE assets (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,          -- absolute path of the Bevy project, "" for none
    path TEXT NOT NULL,             -- relative to the project's assets/
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    created REAL NOT NULL,
    UNIQUE (project, path)
) STRICT;
CREATE TABLE recipes (
    id TEXT PRIMARY KEY,            -- SHA-256 of the text
    text TEXT NOT NULL
) STRICT;
CREATE TABLE versions (
    asset_id TEXT NOT NULL REFERENCES assets (id),
    version INTEGER NOT NULL,
    recipe_id TEXT NOT NULL REFERENCES recipes (id),
    sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    colors INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    PRIMARY KEY (asset_id, version)
) STRICT;
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    request TEXT NOT NULL,          -- JSON
    status TEXT NOT NULL,
    result TEXT,                    -- JSON
    error TEXT,
    owner TEXT NOT NULL,            -- which open library works on it, see Owner
    created REAL NOT NULL,
    updated REAL NOT NULL
) STRICT;
"""
_RERUNS = """
ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;  -- how often it was begun
CREATE TABLE kept (                 -- what a job has made already: it is not made again when the job is
    job_id TEXT NOT NULL,
    path TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (job_id, path),
    FOREIGN KEY (asset_id, version) REFERENCES versions (asset_id, version)
) STRICT;
"""
_KEYS = """
CREATE TABLE keys (                 -- what was asked for under an idempotency key: it is not begun a second time
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    asked TEXT NOT NULL,            -- SHA-256 of the arguments
    PRIMARY KEY (project, kind, key)
) STRICT;
"""
_SEARCH = """
ALTER TABLE versions ADD COLUMN palette TEXT;  -- JSON list of '#rrggbb' in use; NULL if it is not known
CREATE INDEX versions_by_sha256 ON versions (sha256);
CREATE TABLE parents (              -- what a version was made from
    asset_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    parent_id TEXT NOT NULL,
    parent_version INTEGER NOT NULL,
    PRIMARY KEY (asset_id, version, parent_id, parent_version),
    FOREIGN KEY (asset_id, version) REFERENCES versions (asset_id, version),
    FOREIGN KEY (parent_id, parent_version) REFERENCES versions (asset_id, version)
) STRICT;
CREATE INDEX parents_by_parent ON parents (parent_id, parent_version);
CREATE TABLE tags (
    asset_id TEXT NOT NULL REFERENCES assets (id),
    tag TEXT NOT NULL,
    PRIMARY KEY (asset_id, tag)
) STRICT;
CREATE TABLE places (               -- which version stands where, as far as we have put it there
    project TEXT NOT NULL,
    path TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (project, path),
    FOREIGN KEY (asset_id, version) REFERENCES versions (asset_id, version)
) STRICT;
CREATE INDEX places_by_version ON places (asset_id, version);
INSERT INTO places SELECT a.project, a.path, a.id, max(v.version), max(v.created)
    FROM versions v JOIN assets a ON a.id = v.asset_id WHERE v.published AND a.project != '' GROUP BY a.id;
CREATE VIRTUAL TABLE words USING fts5 (asset_id, text, tokenize = "unicode61 remove_diacritics 2");
CREATE VIEW said (asset_id, text) AS  -- what an asset is found by
    SELECT a.id, replace(a.name, '_', ' ') || ' ' || a.category
        || coalesce(' ' || json_extract(r.text, '$.prompt'), '') || coalesce(' ' || json_extract(r.text, '$.terrains'), '')
        || coalesce(' ' || json_extract(r.text, '$.model'), '')
        || coalesce(' ' || (SELECT group_concat(tag, ' ') FROM tags WHERE asset_id = a.id), '')
    FROM assets a JOIN versions v ON v.asset_id = a.id
        JOIN (SELECT id, iif(json_valid(text), text, '{}') AS text FROM recipes) r ON r.id = v.recipe_id
    WHERE v.version = (SELECT max(version) FROM versions WHERE asset_id = a.id);
INSERT INTO words SELECT asset_id, text FROM said;
"""
_COMPARISONS = """
CREATE TABLE comparisons (
    id TEXT PRIMARY KEY,            -- that of its job
    project TEXT NOT NULL,
    blind INTEGER NOT NULL,
    revealed INTEGER NOT NULL,      -- whether voting has ended
    base INTEGER,                   -- the place of the base model without LoRAs, which the others are held against
    note TEXT NOT NULL,
    request TEXT NOT NULL,          -- JSON: what is drawn, as it was first asked for
    created REAL NOT NULL
) STRICT;
CREATE TABLE comparison_contenders (
    comparison_id TEXT NOT NULL REFERENCES comparisons (id),
    place INTEGER NOT NULL,         -- from 0, as asked for
    contender TEXT NOT NULL,
    weights TEXT NOT NULL,          -- JSON: SHA-256 of its files, '' until it has drawn
    PRIMARY KEY (comparison_id, place)
) STRICT;
CREATE TABLE comparison_rounds (
    comparison_id TEXT NOT NULL REFERENCES comparisons (id),
    round INTEGER NOT NULL,         -- from 1
    prompt TEXT NOT NULL,
    kind TEXT NOT NULL,
    seed INTEGER NOT NULL,
    seed_index INTEGER NOT NULL,
    places TEXT NOT NULL,           -- JSON: the contenders' places in the order of the labels
    PRIMARY KEY (comparison_id, round)
) STRICT;
CREATE TABLE comparison_cells (
    comparison_id TEXT NOT NULL,
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    png BLOB NOT NULL,
    seconds REAL NOT NULL,
    memory INTEGER,
    measures TEXT NOT NULL,         -- JSON
    PRIMARY KEY (comparison_id, round, place),
    FOREIGN KEY (comparison_id, round) REFERENCES comparison_rounds (comparison_id, round)
) STRICT;
CREATE TABLE comparison_votes (
    comparison_id TEXT NOT NULL,
    round INTEGER NOT NULL,
    outcome TEXT NOT NULL,          -- won, tie or neither
    winner INTEGER,                 -- the place that won
    note TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (comparison_id, round),
    FOREIGN KEY (comparison_id, round) REFERENCES comparison_rounds (comparison_id, round)
) STRICT;
"""
_PROMOTIONS = """
CREATE TABLE promotions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,          -- absolute path of the Bevy project
    contender TEXT NOT NULL,        -- what became its default
    before TEXT,                    -- what its settings said until then; NULL: nothing
    against TEXT NOT NULL,          -- the contender that drew until then, and that the votes are against
    wins INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    ties INTEGER NOT NULL,
    neither INTEGER NOT NULL,
    forced INTEGER NOT NULL,        -- whether it was promoted although the votes did not say so
    created REAL NOT NULL,
    undone REAL                     -- when it was rolled back; NULL: it was not
) STRICT;
"""
_JOB_INDEXES = """
CREATE INDEX jobs_open ON jobs (status) WHERE status IN ('queued', 'running', 'paused');
CREATE INDEX jobs_by_created ON jobs (created);
"""
_MIGRATIONS = (_TABLES, _RERUNS, _KEYS, _COMPARISONS, _SEARCH, _PROMOTIONS, _JOB_INDEXES)
"""Each leads from the schema version that is its place here to the next one."""


_PRAGMAS = ("foreign_keys", "cell_size_check")
_NAMES = set(re.findall(r"CREATE (?:VIRTUAL )?(?:TABLE|VIEW|INDEX) (\w+)", "".join(_MIGRATIONS)))


class LibraryError(RuntimeError):
    """The library cannot be opened, or lacks what is asked for."""


def checked_id(text: str) -> str:
    """An asset's or a job's id, which names files. Raises LibraryError for any other text."""
    if not re.fullmatch("[0-9a-f]{12}", text):
        raise LibraryError(f"The library holds the id {text[:40]!r}, which is none of ours: restore its database from a backup.")
    return text


class Connection(aiosqlite.Connection):
    """A connection to the library's database that says in a sentence why it cannot be read."""

    def __init__(self, file: Path) -> None:
        super().__init__(partial(sqlite3.connect, file, isolation_level=None, timeout=60), iter_chunk_size=64)
        self._file = file

    async def execute_fetchall(  # type: ignore[override]  # the base's can be entered, too; ours is only awaited
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> Iterable[sqlite3.Row]:
        """All rows of a query. Raises LibraryError."""
        try:
            return await super().execute_fetchall(sql, parameters)
        except sqlite3.Error as error:
            raise LibraryError(
                f"The library {self._file} cannot be read ({error}): check the disk, or restore the file from a backup."
            ) from error


async def connect(home: Path) -> Connection:
    """Open, and if need be make, `home/library.sqlite3`. Raises LibraryError if it cannot be written or is too new."""
    file = home / "library.sqlite3"
    try:
        home.mkdir(parents=True, exist_ok=True)
        db = Connection(file)
        await db
    except (OSError, aiosqlite.Error) as error:
        raise LibraryError(
            f"The library {file} cannot be opened ({error}): set DGX_PIXELS_HOME to a folder you can write."
        ) from error
    try:
        db.row_factory = aiosqlite.Row
        for pragma in _PRAGMAS:
            await db.execute(f"PRAGMA {pragma} = ON")
        async with AsyncFileLock(home / "library.lock"):  # two that open at once: SQLite itself lets one of them miss the WAL
            await _rows(db, "PRAGMA journal_mode = WAL")
            await _migrate(db, file)
            await _check_tables(db, file)
    except BaseException as error:
        await db.close()  # its thread would keep the process from ending
        if isinstance(error, aiosqlite.DatabaseError) and not isinstance(error, aiosqlite.OperationalError):
            raise _strange(file, f"is damaged, or no library of dgx-pixels ({error})") from error
        if isinstance(error, OSError | aiosqlite.Error):
            text = f"The library {file} cannot be used ({error}): set DGX_PIXELS_HOME to a folder you can write."
            raise LibraryError(text) from error
        raise
    return db


async def _migrate(db: aiosqlite.Connection, file: Path) -> None:
    ((version,),) = await _rows(db, "PRAGMA user_version")
    if version > len(_MIGRATIONS):
        raise LibraryError(
            f"The library {file} was written by a newer dgx-pixels: update this one, or set another DGX_PIXELS_HOME."
        )
    if version < 0:
        raise _strange(file)
    for old, statements in enumerate(_MIGRATIONS[version:], start=version):
        await db.executescript(f"BEGIN; {statements} PRAGMA user_version = {old + 1}; COMMIT;")


async def _check_tables(db: aiosqlite.Connection, file: Path) -> None:
    """Raise LibraryError for a database of another program's that says it is of our version, or one with triggers."""
    found = {row["name"]: row["type"] for row in await _rows(db, "SELECT name, type FROM sqlite_schema")}
    if not found.keys() >= _NAMES or "trigger" in found.values():
        raise _strange(file)


async def _rows(db: aiosqlite.Connection, sql: str) -> list[sqlite3.Row]:
    async with db.execute(sql) as cursor:
        return list(await cursor.fetchall())


def _strange(file: Path, how: str = "is no library of dgx-pixels") -> LibraryError:
    return LibraryError(f"The file {file} {how}: restore it from a backup, or move it away to begin anew.")

"""The library's tables, and the one connection that reads and writes them."""

from __future__ import annotations

from pathlib import Path

import aiosqlite

_SCHEMA_VERSION = 1
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
    owner INTEGER NOT NULL,         -- id of the process that works on it
    created REAL NOT NULL,
    updated REAL NOT NULL
) STRICT;
"""


class LibraryError(RuntimeError):
    """The library cannot be opened, or lacks what is asked for."""


async def connect(home: Path) -> aiosqlite.Connection:
    """Open, and if need be make, `home/library.sqlite3`. Raises LibraryError if it cannot be written or is too new."""
    file = home / "library.sqlite3"
    try:
        home.mkdir(parents=True, exist_ok=True)
        db = await aiosqlite.connect(file, isolation_level=None, timeout=30)
    except (OSError, aiosqlite.Error) as error:
        raise LibraryError(
            f"The library {file} cannot be opened ({error}): set DGX_PIXELS_HOME to a folder you can write."
        ) from error
    try:
        db.row_factory = aiosqlite.Row
        await db.execute("PRAGMA journal_mode = WAL")
        await db.execute("PRAGMA foreign_keys = ON")
        await _migrate(db, file)
    except LibraryError:
        await db.close()
        raise
    except aiosqlite.Error as error:
        await db.close()
        raise LibraryError(
            f"The library {file} cannot be used ({error}): set DGX_PIXELS_HOME to a folder you can write."
        ) from error
    return db


async def _migrate(db: aiosqlite.Connection, file: Path) -> None:
    await db.execute("BEGIN IMMEDIATE")  # two servers that start at once: one of them makes the tables
    async with db.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    version = row[0] if row is not None else 0
    if version > _SCHEMA_VERSION:
        await db.execute("ROLLBACK")
        raise LibraryError(
            f"The library {file} was written by a newer dgx-pixels: update this one, or set another DGX_PIXELS_HOME."
        )
    if version == 0:
        for statement in _TABLES.split(";\n"):
            await db.execute(statement)
        await db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    await db.execute("COMMIT")

"""Finding assets: by words, tags, kind, palette and project, newest first, page by page."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.versions import FROM_VERSIONS, IS_NEWEST, SELECT_VERSIONS, read_versions

if TYPE_CHECKING:
    from dgx_pixels.library.records import AssetVersion
    from dgx_pixels.library.store import Store

MOST_WORDS: Final = 12
_WITHIN = """v.palette IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM json_each(v.palette) WHERE value NOT IN (SELECT value FROM json_each(?)))"""


@dataclass(frozen=True)
class Wanted:
    """Which assets are looked for; what is left out says nothing."""

    project: str | None = None
    """Absolute path of a Bevy project, "" for assets that were made for none; None for all."""
    words: str = ""
    """Each must begin a word of the asset's name, category, prompt, terrains, model or tags."""
    tags: tuple[str, ...] = ()
    """It has all of these."""
    kind: str | None = None
    palette: tuple[str, ...] | None = None
    """Its colours, as "#rrggbb", are all among these."""


@dataclass(frozen=True)
class Page:
    """The newest versions of some assets; `total` is how many there are, `cursor` asks for those after them, if there are any."""

    assets: list[AssetVersion]
    total: int
    cursor: str | None


class Search:
    """Questions to the library's assets. Whatever is asked for goes to the database as a value, never as its language."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, wanted: Wanted, limit: int, cursor: str | None = None) -> Page:
        """At most `limit` assets that are as `wanted`, the newest first, after those of the page that gave the `cursor`.

        An asset that is made while pages are turned moves to the first one, and no other is shown twice or left out.

        Raises LibraryError for words without a letter or digit, or more than MOST_WORDS of them, and for a cursor that is none.
        """
        parts, values = _condition(wanted)
        condition = " AND ".join(parts)
        ((total,),) = await self._store.db.execute_fetchall(f"SELECT count(*) {FROM_VERSIONS} WHERE {condition}", values)
        if cursor is not None:
            condition, values = f"{condition} AND (v.created, a.id) < (?, ?)", [*values, *_read_cursor(cursor)]
        query = f"{SELECT_VERSIONS} WHERE {condition} ORDER BY v.created DESC, a.id DESC LIMIT ?"
        found = await read_versions(self._store, query, [*values, limit + 1])
        page = found[:limit]
        return Page(page, int(total), _cursor(page[-1]) if len(found) > limit else None)

    async def index(self, asset_id: str) -> None:
        """Take down anew what an asset is found by. To be called inside a transaction, after a new version or other tags."""
        # By its id as a word of the index, which is found at once; a plain comparison would look at every asset.
        await self._store.db.execute(
            "DELETE FROM words WHERE rowid IN (SELECT rowid FROM words WHERE words MATCH ?)", (f'asset_id : "{asset_id}"',)
        )
        await self._store.db.execute("INSERT INTO words SELECT asset_id, text FROM said WHERE asset_id = ?", (asset_id,))


def _condition(wanted: Wanted) -> tuple[list[str], list[str | int | float]]:
    parts, values = [IS_NEWEST], list[str | int | float]()
    if wanted.project is not None:
        parts.append("a.project = ?")
        values.append(wanted.project)
    if wanted.kind is not None:
        parts.append("a.kind = ?")
        values.append(wanted.kind)
    if wanted.words:
        parts.append("a.id IN (SELECT asset_id FROM words WHERE words MATCH ?)")
        values.append(_match(wanted.words))
    for tag in wanted.tags:
        parts.append("EXISTS (SELECT 1 FROM tags WHERE asset_id = a.id AND tag = ?)")
        values.append(tag)
    if wanted.palette is not None:
        parts.append(_WITHIN)
        values.append(json.dumps(wanted.palette))
    return parts, values


def _match(words: str) -> str:
    """The words in the language of FTS5 (https://sqlite.org/fts5.html#full_text_query_syntax), in which each is quoted."""
    found = re.findall(r"[^\W_]+", words)
    if not 1 <= len(found) <= MOST_WORDS:
        raise LibraryError(f"The words {words[:80]!r} cannot be looked for: give 1 to {MOST_WORDS} words of letters or digits.")
    return "text : (" + " AND ".join(f'"{word}" *' for word in found) + ")"


def _cursor(last: AssetVersion) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.created, last.id]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        created, asset_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if not re.fullmatch(r"[0-9a-f]{12}", asset_id):
            raise ValueError(asset_id)
        return float(created), str(asset_id)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise LibraryError(
            "The cursor is none of ours: take it from the answer whose next page is wanted, or leave it out."
        ) from error

"""Tags: words that a person or an agent gives to an asset, to find it by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dgx_pixels.library.database import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dgx_pixels.library.search import Search
    from dgx_pixels.library.store import Store

MOST_TAGS: Final = 20
"""Of one asset."""
_ALLOWED = re.compile(r"[^\W_](?:[\w \-]{0,38}[\w])?")


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags in lower case, sorted, each once.

    Raises LibraryError, which says what is allowed, for one that is empty, longer than 40 characters, or has others than letters
    and digits of any language, spaces, - and _; and for more than MOST_TAGS.
    """
    found = sorted({" ".join(tag.split()).casefold() for tag in tags})
    for tag in found:
        if not _ALLOWED.fullmatch(tag):
            raise LibraryError(
                f"The tag {tag[:60]!r} is not allowed: use 1 to 40 letters, digits, spaces, - and _, a letter or digit first."
            )
    if len(found) > MOST_TAGS:
        raise LibraryError(f"{len(found)} tags are too many: an asset has at most {MOST_TAGS}.")
    return tuple(found)


class Tags:
    """The table of tags."""

    def __init__(self, store: Store, search: Search) -> None:
        self._store = store
        self._search = search

    async def set(self, asset_id: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Give an asset these tags in place of those it has; answers with them. Raises LibraryError as `check_tags` does."""
        checked = check_tags(tags)
        async with self._store.transaction():
            await self._store.db.execute("DELETE FROM tags WHERE asset_id = ?", (asset_id,))
            await self.add(asset_id, checked)
            await self._search.index(asset_id)
        self._store.changes.tell("asset", asset_id)
        return checked

    async def add(self, asset_id: str, tags: Iterable[str]) -> None:
        """Give an asset these tags, checked before, besides those it has. To be called inside a transaction."""
        await self._store.db.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(asset_id, tag) for tag in tags])

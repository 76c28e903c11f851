"""How versions of assets are read from the database, by whoever asks it for some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dgx_pixels.library.records import AssetVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dgx_pixels.library.store import Store

FROM_VERSIONS = "FROM versions v JOIN assets a ON a.id = v.asset_id JOIN recipes r ON r.id = v.recipe_id"
SELECT_VERSIONS = f"""SELECT a.id, v.version, a.project, a.path, a.kind, a.name, a.category, v.width, v.height, v.colors, v.seed,
    v.sha256, v.published, v.created, r.text AS recipe,
    (SELECT json_group_array(tag) FROM (SELECT tag FROM tags WHERE asset_id = a.id ORDER BY tag)) AS tags {FROM_VERSIONS}"""
"""To be followed by a WHERE that may name assets a, versions v and recipes r."""
IS_NEWEST = "v.version = (SELECT max(version) FROM versions WHERE asset_id = a.id)"


async def read_versions(store: Store, query: str, values: Sequence[str | int | float] = ()) -> list[AssetVersion]:
    """What a query that begins with SELECT_VERSIONS finds."""
    # In one go: a statement left open over another task's BEGIN would hold an old snapshot, and SQLite refuse the write.
    found = await store.db.execute_fetchall(query, values)
    return [
        AssetVersion(**{**dict(row), "published": bool(row["published"]), "tags": tuple(json.loads(row["tags"]))})
        for row in found
    ]

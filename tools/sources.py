"""The pictures that others were made from: which they were, and where they are when one is made again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dgx_pixels.library.database import LibraryError
from dgx_pixels.pixels.read import MOST_BYTES
from dgx_pixels.tools.read_roots import ReadError, read_file
from dgx_pixels.tools.sprite_reference import ASSET_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services


@dataclass(frozen=True)
class Source:
    """What is kept of the picture that another was made from."""

    parents: tuple[tuple[str, int], ...] = ()
    """The version in the library that it is, if it is one: (asset id, version)."""
    places: dict[str, str] = field(default_factory=dict)
    """By its SHA-256 where it was read from. Not in the recipe, which goes out into the world with the PNG."""


async def source_of(services: Services, asked: str | None, sha256: str | None) -> Source:
    """What is to be kept of a source that was `asked` for, as an asset's id or a path. Raises LibraryError."""
    if asked is None or sha256 is None:
        return Source()
    found = await services.library.with_bytes(sha256)
    if ASSET_ID.fullmatch(asked):  # others may have the same bytes
        found = next((v for v in await services.library.history(asked) if v.sha256 == sha256), found)
        return Source(((found.id, found.version),) if found is not None else ())
    return Source(((found.id, found.version),) if found is not None else (), {sha256: asked})


async def find_source(services: Services, project: BevyProject | None, sha256: str, places: Iterable[str]) -> bytes:
    """The content of the picture file with this SHA-256, from the library or from where it is said to be.

    Raises ReadError, in one sentence, if it is nowhere any more.
    """
    found = await services.library.with_bytes(sha256)
    if found is not None:
        with contextlib.suppress(LibraryError):  # its file was deleted; the picture may still be where it came from
            return await services.library.png(found.id, found.version)
    looked: list[str] = []
    for place in places:
        try:
            data = await asyncio.to_thread(read_file, services, project, place, MOST_BYTES)
        except ReadError as error:
            looked.append(str(error).split(":", maxsplit=1)[0])
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        looked.append(f"{place} is another picture now")
    where = f" ({'; '.join(looked)})" if looked else ""
    raise ReadError(
        f"It was made from a picture with the SHA-256 {sha256[:16]}..., which is not in the library{where}: "
        "say where it is with `reference`."
    )

"""The page of a comparison in the library, for people whose client has no viewer."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Final

from filelock import AsyncFileLock

from dgx_pixels.library.comparison_blind import told
from dgx_pixels.library.comparison_page import page
from dgx_pixels.library.comparison_pictures import all_pictures
from dgx_pixels.library.database import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from dgx_pixels.tools.services import Services

_LONGEST_S: Final = 30
"""That a page waits for others being written; each takes well below a second."""


async def write_page(services: Services, comparison_id: str) -> None:
    """Write the page anew, as the comparison stands. Raises LibraryError if it cannot be written, or is not there.

    Read and replaced in one go, whoever else writes pages into this library, so that no older state replaces a newer one.
    """
    kept = services.library.comparisons
    file = kept.page(comparison_id)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Its own thread could take the lock after a cancelled wait, and never give it back.
        async with AsyncFileLock(file.with_name(".pages.lock"), timeout=_LONGEST_S, run_in_executor=False):
            shown = (await told(kept, comparison_id)).model_dump(mode="json")
            pictures = await all_pictures(kept, comparison_id)
            await asyncio.to_thread(lambda: _replace(file, page(shown, pictures)))
    except OSError as error:  # as the lock's Timeout is
        raise LibraryError(f"The page {file} cannot be written ({error}): check the disk.") from error


def _replace(file: Path, text: str) -> None:
    staged = file.with_name(f".{uuid.uuid4().hex}.html")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)

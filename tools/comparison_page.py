"""The page of a comparison in the library, for people whose client has no viewer."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from dgx_pixels.library.comparison_page import page
from dgx_pixels.library.comparison_pictures import all_pictures
from dgx_pixels.library.comparison_report import told
from dgx_pixels.library.database import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from dgx_pixels.tools.services import Services


async def write_page(services: Services, comparison_id: str) -> None:
    """Write the page anew, as the comparison stands. Raises LibraryError if it cannot be written, or is not there."""
    kept = services.library.comparisons
    shown = (await told(kept, comparison_id)).model_dump(mode="json")
    pictures = await all_pictures(kept, comparison_id)
    try:
        await asyncio.to_thread(lambda: _replace(kept.page(comparison_id), page(shown, pictures)))
    except OSError as error:
        raise LibraryError(f"The page {kept.page(comparison_id)} cannot be written ({error}): check the disk.") from error


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f".{uuid.uuid4().hex}.html")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)

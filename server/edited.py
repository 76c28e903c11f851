"""What artists edit by hand in the projects that this server serves: noticed, kept in the library, and told of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from dgx_pixels.bevy.watch import ProjectsWatch
from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.asset_import import keep_edited

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services

logger = logging.getLogger(__name__)


@asynccontextmanager
async def watching(services: Services) -> AsyncIterator[ProjectsWatch]:
    """Within this context, an edit of a published file of a watched project becomes the asset's next version.

    The library tells of that as of any version. The project's manifest stays: it is by it that the publisher refuses to replace
    an edited file unasked.
    """
    loop, keeping = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def begin(project: BevyProject, path: str) -> None:
        task = asyncio.create_task(_keep(services, project, path))
        keeping.add(task)
        task.add_done_callback(keeping.discard)

    def edited(project: BevyProject, path: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended in between: it is noticed at the next start
            loop.call_soon_threadsafe(begin, project, path)

    watch = ProjectsWatch(edited)
    watch.start()
    try:
        yield watch
    finally:
        await asyncio.to_thread(watch.stop)
        await asyncio.gather(*keeping, return_exceptions=True)


async def _keep(services: Services, project: BevyProject, path: str) -> None:
    try:
        kept = await keep_edited(services, project, path)
    except (LibraryError, OSError, ValueError) as error:
        logger.warning("assets/%s of %s was edited by hand, and could not be kept: %s", path, project.root, error)
        return
    if kept is not None:
        logger.info("assets/%s of %s was edited by hand: kept as version %d of %s", path, project.root, kept.version, kept.id)

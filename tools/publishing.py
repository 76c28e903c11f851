"""Publish into a Bevy project, and ask the running game whether it has shown what was published."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.bevy.project_settings import SettingsError, read_settings
from dgx_pixels.bevy.reload import Reloaded, ReloadWatch, picture_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dgx_pixels.bevy.items import PublishItem
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services

NOT_ASKED = Reloaded(None, "Nothing was published, so no game was asked.")
_NO_WAIT = Reloaded(None, "No game was asked: the setting reload_wait_s is 0.")


def check_publish(services: Services, project: BevyProject, paths: Sequence[str], overwrite: bool) -> None:
    """Find out, before any work, whether files at `paths`, relative to assets/, could be written; blocks. Raises PublishError."""
    services.publisher.check(project)
    services.publisher.refuse_edited(project, paths, overwrite)


async def publish_and_confirm(
    services: Services, project: BevyProject, items: Sequence[PublishItem], overwrite: bool
) -> dict[str, Reloaded]:
    """Publish the items together; answer, by path, whether a running game has shown each. Raises PublishError.

    The game is looked for while the files are written, so that without one nothing takes longer.
    """
    if services.reload_wait_s == 0:
        await asyncio.to_thread(services.publisher.publish, project, items, overwrite)
        return {item.entry.path: _NO_WAIT for item in items}
    async with ReloadWatch(project, await asyncio.to_thread(_port, services, project)) as watch:
        looking = asyncio.create_task(watch.game())
        try:
            await asyncio.to_thread(services.publisher.publish, project, items, overwrite)
            published_at = time.monotonic()
            pictures = [picture_of(item.entry.path, item.data, item.entry.atlas) for item in items]
            return await watch.wait(await looking, pictures, published_at, services.reload_wait_s)
        finally:
            looking.cancel()


def _port(services: Services, project: BevyProject) -> int:
    try:
        return read_settings(project).brp_port or services.brp_port
    except SettingsError as error:
        raise PublishError(str(error)) from error

"""What runs beside the answering: the watch over the GPU thread; and, in a process that stays, what others left unfinished.

A server also loads its model before it is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.profiles import schedule_for
from dgx_pixels.models.render import RenderRequest
from dgx_pixels.server.gpu_lost import Role, end, watched
from dgx_pixels.tools.job_restart import works

if TYPE_CHECKING:
    from dgx_pixels.tools.services import Services

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.02


@asynccontextmanager
async def beside(services: Services, role: Role, hang_s: float) -> AsyncIterator[None]:
    """Within this context, a process of this role does what it shall beside answering. Raises LibraryError."""
    with watched(services.gpu, hang_s, partial(end, role)):
        if role != "once":
            await services.jobs.take_over(works(services))
        warming = asyncio.create_task(warm_up(services)) if role == "serve" else None
        try:
            yield
        finally:
            if warming is not None:
                warming.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await warming


async def warm_up(services: Services) -> None:
    """Load the default model by a drawing that nobody sees, which gives way as soon as another request waits.

    Why it cannot be loaded is logged; whoever asks for the model will be told.
    """
    drawing = asyncio.create_task(_draw(services))
    try:
        while not drawing.done():
            await asyncio.wait({drawing}, timeout=_LOOK_EVERY_S)
            if services.gpu.waiting > 1:
                drawing.cancel()
    finally:
        drawing.cancel()
    if not drawing.cancelled() and (error := drawing.exception()) is not None:
        logger.warning("the default model was not loaded ahead: %s", error)


async def _draw(services: Services) -> None:
    contender = await asyncio.to_thread(parse_contender, services.catalogue, None)
    base, schedule = contender.base, schedule_for(contender, "standard")
    width, height = base.render_size(base.sizes[0], base.sizes[0])
    few = replace(schedule, steps=2)  # one with guidance and one without, where the profile has both
    await services.gpu.draw(RenderRequest(contender, few, base.prompt.format("a stone"), base.negative_prompt, width, height, 0))

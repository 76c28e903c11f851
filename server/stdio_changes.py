"""How a stdio proxy hears of changes: one `subscriptions/listen` stream from the server, whichever era its own client speaks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastmcp import Client
from mcp.client.subscriptions import listen
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent

from dgx_pixels.server.find_server import NoServerError, ensure_running, running

if TYPE_CHECKING:
    from fastmcp.client.transports import StreamableHttpTransport

    from dgx_pixels.server.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
"""How often it is looked whether a server that has ended is back; it is started by the next request, not by listening."""


class Ear:
    """Listens at the server for what this proxy's client wants to hear of, and goes on when the server comes back."""

    def __init__(self, settings: Settings, server: Callable[[], StreamableHttpTransport]) -> None:
        self._settings = settings
        self._server = server
        self._uris: frozenset[str] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.tell: Callable[[ServerEvent], None] = lambda _: None

    def begin(self) -> None:
        """Hear at least of a changed list, soon; the server is there already."""
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._begin())

    async def _begin(self) -> None:
        try:
            await self.want(frozenset())
        except NoServerError as error:
            logger.warning("changes of the list are not heard: %s", error)

    async def want(self, uris: frozenset[str]) -> None:
        """Hear of these resources, and of a changed list: from the moment that this returns. Raises NoServerError."""
        async with self._turn:
            if self._uris is not None and uris <= self._uris:
                return  # more is heard than anybody wants, and told to none
            await ensure_running(self._settings)
            began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            listening = asyncio.create_task(self._listen(uris, began))
            try:
                await asyncio.wait({began, listening}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                listening.cancel()  # who wanted it has gone
                raise
            if not began.done():
                raise NoServerError(f"The server cannot be listened to: {listening.exception()}") from listening.exception()
            # Only now: in between, both streams are heard, and what comes by both is told once.
            await self._end()
            self._uris, self._listening = uris, listening

    async def close(self) -> None:
        """Hear no more."""
        if self._beginning is not None:
            self._beginning.cancel()
        await self._end()

    async def _end(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._listening

    async def _listen(self, uris: frozenset[str], began: asyncio.Future[None]) -> None:
        while True:
            try:
                await self._hear(uris, began)
            except Exception as error:
                if not began.done():
                    raise
                logger.info("the server is not heard: %s", error)
            await asyncio.sleep(_LOOK_EVERY_S)
            while not await self._is_back():
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _hear(self, uris: frozenset[str], began: asyncio.Future[None]) -> None:
        """Tell of what is heard until the server ends."""
        async with (
            Client(self._server(), mode="auto") as client,
            listen(client.session, resource_subscriptions=sorted(uris), resources_list_changed=True) as stream,
        ):
            if began.done():  # nobody knows what was missed: all is to be read again
                self.tell(ResourcesListChanged())
                for uri in sorted(uris):
                    self.tell(ResourceUpdated(uri))
            else:
                began.set_result(None)
            async for event in stream:
                self.tell(event)

    async def _is_back(self) -> bool:
        try:
            return await running(self._settings) is not None
        except NoServerError:
            return False

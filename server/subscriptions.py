"""Resource subscriptions in both protocol eras: FastMCP 4.1 wires none, the SDK below it has the parts.

2026-07-28 clients send `subscriptions/listen`, whose answer is the stream of notices; older ones send `resources/subscribe`, and
hear of a changed list without asking. What changes within a moment is one notice: it says that a resource is to be read again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.server.middleware import Middleware, MiddlewareContext
from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

LISTEN = "subscriptions/listen"
_GATHER_S = 0.05
"""What changes within this time is told together."""
_MOST_URIS = 1000
"""How many resources one client may subscribe to."""
Wanted = Callable[[frozenset[str]], Awaitable[None]]
Context = ServerRequestContext[Any, Any]


class Notifier(Middleware):
    """Tells the clients of one server what is offered to it, in the event loop.

    `wanted` is awaited, with all URIs of interest, before a client is promised to hear of one.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self._wanted = wanted
        self._bus = InMemorySubscriptionBus()
        self._listening = ListenHandler(self._bus)
        self._modern: Counter[str] = Counter()
        self._legacy: dict[Connection, _Legacy] = {}
        self._pending: dict[ServerEvent, None] = {}
        self._flushing: asyncio.Task[None] | None = None
        self.told = 0
        """How many notices were given out, each to all who want it."""
        self.coalesced = 0
        """How many changes had no notice of their own, since one of the same resource was about to go."""

    def attach(self, mcp: FastMCP[Any]) -> None:
        """Let a server take subscriptions."""
        low = mcp._mcp_server  # private, and the only place where FastMCP 4.1 lets these methods in
        low.add_request_handler(LISTEN, types.SubscriptionsListenRequestParams, self._listen)
        low.add_request_handler("resources/subscribe", types.SubscribeRequestParams, self._subscribe)
        low.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, self._unsubscribe)
        mcp.add_middleware(self)

    def hang_up(self) -> None:
        """End every stream in the protocol's way, after what is under way to it: such a request never ends by itself."""
        self._listening.close()

    async def close(self) -> None:
        """Tell of nothing more."""
        self.hang_up()
        if self._flushing is not None:
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
        for legacy in list(self._legacy.values()):
            legacy.close()

    @property
    def subscribed(self) -> frozenset[str]:
        """All URIs that any client wants to hear of."""
        return frozenset(self._modern) | {uri for legacy in self._legacy.values() for uri in legacy.uris}

    @property
    def has_legacy(self) -> bool:
        """Whether a client is here that hears of a changed list without asking."""
        return bool(self._legacy)

    def offer(self, *events: ServerEvent) -> None:
        """Tell of these soon: once each, however often they are offered until then."""
        for event in events:
            self.coalesced += event in self._pending
            self._pending[event] = None
        if self._pending and (self._flushing is None or self._flushing.done()):
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        while self._pending:
            await asyncio.sleep(_GATHER_S)
            events, self._pending = self._pending, {}
            for event in events:
                self.told += 1
                for legacy in list(self._legacy.values()):
                    legacy.offer(event)
                await self._bus.publish(event)

    async def on_message(
        self, context: MiddlewareContext[Any], call_next: Callable[[MiddlewareContext[Any]], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401  # whatever the message's answer is
        """Remember the connections of clients that are told of a changed list without asking."""
        asked = context.fastmcp_context.request_context if context.fastmcp_context is not None else None
        if asked is not None:
            self._known(asked.session._connection)
        return await call_next(context)

    def _known(self, connection: Connection) -> _Legacy | None:
        if connection.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return None
        if connection not in self._legacy:
            self._legacy[connection] = _Legacy(connection)
            connection.exit_stack.callback(self._gone, connection)
        return self._legacy[connection]

    def _gone(self, connection: Connection) -> None:
        self._legacy.pop(connection).close()

    async def _listen(self, ctx: Context, params: types.SubscriptionsListenRequestParams) -> types.SubscriptionsListenResult:
        uris = [str(uri) for uri in params.notifications.resource_subscriptions or ()]
        if len(uris) > _MOST_URIS:
            raise _refusal(f"One client may subscribe to {_MOST_URIS} resources, not to {len(uris)}.")
        with self._interest(uris):
            if self._wanted is not None:
                await self._wanted(self.subscribed)
            return await self._listening(ctx, params)

    @contextlib.contextmanager
    def _interest(self, uris: list[str]) -> Iterator[None]:
        self._modern.update(uris)
        try:
            yield
        finally:
            self._modern.subtract(uris)
            self._modern = +self._modern

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        legacy = self._known(ctx.session._connection)
        if legacy is not None:
            if len(legacy.uris) >= _MOST_URIS:
                raise _refusal(f"One client may subscribe to {_MOST_URIS} resources: unsubscribe from some first.")
            legacy.uris.add(str(params.uri))
            if self._wanted is not None:
                await self._wanted(self.subscribed)
        return types.EmptyResult()

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        legacy = self._known(ctx.session._connection)
        if legacy is not None:
            legacy.forget(str(params.uri))
        return types.EmptyResult()


class _Legacy:
    """A connection of the older era: its subscriptions, and a sender of its own, so that a slow client delays no other."""

    def __init__(self, connection: Connection) -> None:
        self.uris: set[str] = set()
        self._connection = connection
        self._pending: dict[ServerEvent, None] = {}
        self._sending: asyncio.Task[None] | None = None

    def offer(self, event: ServerEvent) -> None:
        """Send the event if it is wanted, once, however often it is offered before the client takes it."""
        if isinstance(event, ResourceUpdated) and event.uri not in self.uris:
            return
        self._pending[event] = None
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    def forget(self, uri: str) -> None:
        """Send nothing of this resource any more."""
        self.uris.discard(uri)
        self._pending.pop(ResourceUpdated(uri), None)

    def close(self) -> None:
        """Send nothing any more."""
        self.uris.clear()
        self._pending.clear()
        if self._sending is not None:
            self._sending.cancel()

    async def _send(self) -> None:
        while self._pending:
            event = next(iter(self._pending))
            del self._pending[event]
            if isinstance(event, ResourceUpdated):
                await self._connection.send_resource_updated(event.uri)
            elif isinstance(event, ResourcesListChanged):
                await self._connection.send_resource_list_changed()


def _refusal(sentence: str) -> MCPError:
    return MCPError(code=types.INVALID_PARAMS, message=sentence)

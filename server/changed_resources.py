"""Which resources a change concerns, and how word of it comes from any thread into the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated

if TYPE_CHECKING:
    from mcp.server.subscriptions import ServerEvent

    from dgx_pixels.library.changes import Changes, Kind, Listener

_URIS: dict[Kind, tuple[str, ...]] = {
    "asset": ("pixels://assets", "pixels://assets/{}", "pixels://assets/{}/image"),
    "job": ("pixels://jobs/{}", "pixels://status"),
    "comparison": ("pixels://comparisons/{}", "pixels://comparisons/{}/sheet"),
    "models": ("pixels://models", "pixels://status"),
    "project": ("pixels://status",),
}


@contextmanager
def in_loop(changes: Changes, listener: Listener) -> Iterator[None]:
    """Within this context `listener` hears of each change, in this event loop."""
    loop = asyncio.get_running_loop()

    def heard(kind: Kind, changed: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended in between: nobody is there to be told
            loop.call_soon_threadsafe(listener, kind, changed)

    end = changes.listen(heard)
    try:
        yield
    finally:
        end()


def events(kind: Kind, changed: str, subscribed: frozenset[str]) -> Sequence[ServerEvent]:
    """The notices that a change is worth: of what shows it; for the models, of each that anybody looks at, and of the list."""
    found: list[ServerEvent] = [ResourceUpdated(uri.format(changed)) for uri in _URIS[kind]]
    if kind == "models":
        found.extend(ResourceUpdated(uri) for uri in sorted(subscribed) if uri.startswith("pixels://models/"))
        found.append(ResourcesListChanged())
    return found

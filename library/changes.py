"""Who wants to know of a change is told of it: a hub between what changes in this process and those who listen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

logger = logging.getLogger(__name__)

Kind = Literal["asset", "job", "comparison", "models", "project"]
"""What has changed. The id that goes with it is the asset's, job's or comparison's, "" for the models, the root for a project."""
Listener = Callable[[Kind, str], None]


class Changes:
    """Tell of a change after it is kept. Safe to use from any thread."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with each change, on the thread that tells of it, so it must be quick; answers with its end."""
        self._listeners = (*self._listeners, listener)

        def unlisten() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unlisten

    def tell(self, kind: Kind, changed: str = "") -> None:
        """Call every listener. What one of them raises is logged: it is no failure of what has changed."""
        for listener in self._listeners:
            try:
                listener(kind, changed)
            except Exception:
                logger.exception("a listener failed at the change of %s %s", kind, changed)

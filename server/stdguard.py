"""Nothing but protocol on stdout in stdio mode.

While the transport runs, the MCP SDK itself points file descriptor 1 at stderr; what is printed during imports, start-up and
teardown would still reach the client. So the command line diverts stdout first of all, and these lifespans hand it back for
just as long as the transport runs: `guarded(lifespan)`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.lifespan import Lifespan, lifespan

_wire: int | None = None


def divert() -> None:
    """From now on, what is written to stdout goes to stderr."""
    global _wire  # a process has one stdout
    if _wire is None:
        sys.stdout.flush()
        _wire = os.dup(1)
        os.dup2(2, 1)


def restore() -> None:
    """Stdout is stdout again."""
    global _wire
    if _wire is not None:
        sys.stdout.flush()
        os.dup2(_wire, 1)
        os.close(_wire)
        _wire = None


@lifespan
async def _outside(_: FastMCP[Any]) -> AsyncIterator[dict[str, Any]]:
    divert()
    yield {}  # stdout stays diverted after the end: interpreter shutdown prints, too


@lifespan
async def _inside(_: FastMCP[Any]) -> AsyncIterator[dict[str, Any]]:
    restore()
    try:
        yield {}
    finally:
        divert()


def guarded(inner: Lifespan | None = None) -> Lifespan:
    """`inner` with stdout kept clean around it."""
    return _outside | inner | _inside if inner is not None else _outside | _inside

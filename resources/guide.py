"""`pixels://guide`: the whole product, for an agent that has never seen it."""

from __future__ import annotations

from pathlib import Path

from fastmcp.resources import resource

GUIDE = Path(__file__).parent / "guide.md"


@resource("pixels://guide", title="Guide", mime_type="text/markdown")
def guide() -> str:
    """Teach an agent how to work with DGX-Pixels: which tool when, and what the answers mean."""
    return GUIDE.read_text(encoding="utf-8")

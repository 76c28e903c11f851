"""`ui://dgx-pixels/comparison`: the MCP App in which a person looks at a comparison and votes."""

from __future__ import annotations

from fastmcp.resources import resource

from dgx_pixels.library.comparison_page import viewer

URI = "ui://dgx-pixels/comparison"


@resource(URI, title="Comparison", meta={"ui": {"prefersBorder": True}})
def comparison_view() -> str:
    """Give the page that shows a comparison side by side and takes votes; a host with MCP Apps opens it with compare_models."""
    return viewer()

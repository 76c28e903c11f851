"""`pixels://palettes`: the palettes that come with DGX-Pixels, by name."""

from __future__ import annotations

import json

from fastmcp.resources import resource

from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.palette import bundled_names, read_palette


@resource("pixels://palettes", title="Palettes", mime_type="application/json")
async def palettes() -> str:
    """Give every bundled palette: the name that a `palette` argument takes, and its colours in order."""
    return json.dumps(
        {"palettes": [{"name": n, "colors": [to_hex(c) for c in read_palette(n)]} for n in bundled_names()]}, indent=1
    )

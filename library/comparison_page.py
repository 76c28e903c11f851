"""The page that shows a comparison, as an MCP App's view, or as a file of its own with all that it shows inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

_PLACE: Final = '<script type="application/json" id="embedded">null</script>'

_SCRIPT: Final = "<script>"
_HEAD: Final = '<meta charset="utf-8">\n'
_POLICY: Final = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n"
)
"""Of a page by itself: it runs this script alone, and reaches nothing. As a view in a client it has the client's own policy."""


@cache
def viewer() -> str:
    """The page without a comparison: an MCP host gives it one. It loads nothing from anywhere."""
    return files(__package__).joinpath("comparison.html").read_text(encoding="utf-8")


def page(comparison: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The page for clients without a viewer: it shows this comparison, and tells how to vote.

    `comparison` is what `pixels://comparisons/{id}` holds; `pictures` are the PNGs by the addresses that it names. What it
    is given it holds: for a blind comparison these must not tell who is who.
    """
    inside = {
        "comparison": comparison,
        "pictures": {uri: f"data:image/png;base64,{base64.b64encode(png).decode()}" for uri, png in pictures.items()},
    }
    text = json.dumps(inside).replace("<", "\\u003c")  # a prompt with </script> must not end the data
    head, tail = viewer().split(_PLACE)
    script = tail[tail.index(_SCRIPT) + len(_SCRIPT) : tail.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return head.replace(_HEAD, _HEAD + _POLICY.format(digest), 1) + _PLACE.replace("null", text) + tail

"""The comparison viewer as a page: it loads nothing, tells nothing too early, and holds what it is given, word for word."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from comparing import compare, vote, write_loras
from conftest import in_both_eras
from fastmcp import Client
from mcp_types import TextResourceContents

from dgx_pixels.library.comparison_page import page, viewer
from dgx_pixels.server.settings import Settings

URI = "ui://dgx-pixels/comparison"
SEED = 918273645
TWO: dict[str, Any] = {"contenders": ["tiny-sdxl", "tiny-sdxl+style:0.8"], "prompts": ["a red potion"], "seed": SEED, "steps": 2}
SECRETS = ("tiny", "sdxl", "style", "lora", "0.8", str(SEED), "sha256")


class Scripts(HTMLParser):
    """The scripts of a page, and every address that its elements name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.addresses: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a script begins, and what an element loads."""
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append((dict(attrs), ""))
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # the parser's own signature
        """A script's text ends here."""
        self._in_script = False

    def handle_data(self, data: str) -> None:
        """Take in a script's text."""
        if self._in_script:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)


def held(text: str) -> Any:  # noqa: ANN401  # JSON
    """What a page holds besides itself."""
    (data,) = (script for attributes, script in Scripts(text).scripts if attributes.get("id") == "embedded")
    return json.loads(data)


@in_both_eras
async def test_hosts_find_the_page_by_the_tool(client: Client[Any]) -> None:
    """compare_models names the view, in both protocol eras, and it is there as an MCP App; record_vote may be called from it."""
    tools = {tool.name: tool for tool in await client.list_tools()}
    content = (await client.read_resource(URI))[0]

    assert (tools["compare_models"].meta or {})["ui"]["resourceUri"] == URI
    assert "app" in (tools["record_vote"].meta or {})["ui"]["visibility"]
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/html;profile=mcp-app"
    assert content.text == viewer()


def test_the_page_loads_nothing() -> None:
    """No element, style or script of it has an address in it: it works without a network, and tells nobody anything."""
    text = viewer()
    assert Scripts(text).addresses == []
    assert (
        re.findall(r"https?:|(?<!pixels:)//[a-z]|\burl\(|@import|\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)
        == []
    )
    assert held(text) is None


def test_the_page_holds_what_it_is_given() -> None:
    """A prompt is data, whatever it is: none ends the script, and every picture is there byte for byte."""
    prompt = "</script><script>alert(1)</script><!-- \u2028 ünï 'quoted' \"twice\""
    comparison = {"id": "abc", "rounds": [{"prompt": prompt}]}
    text = page(comparison, {"pixels://comparisons/abc/1/A": b"\x89PNG\0bytes"})

    inside = held(text)
    assert inside["comparison"] == comparison
    picture = inside["pictures"]["pixels://comparisons/abc/1/A"]
    assert base64.b64decode(picture.removeprefix("data:image/png;base64,")) == b"\x89PNG\0bytes"
    assert len(Scripts(text).scripts) == len(Scripts(viewer()).scripts) == 2


def test_the_page_by_itself_runs_no_script_but_its_own() -> None:
    """Its policy names the digest of that script, and lets it reach nothing."""
    text = page({"rounds": []}, {})
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    (script,) = (script for attributes, script in Scripts(text).scripts if not attributes)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert policy is not None
    assert f"script-src 'sha256-{digest}';" in policy[1]
    assert policy[1].startswith("default-src 'none'")
    assert text.index("Content-Security-Policy") < text.index("<style>")


@in_both_eras
async def test_the_page_in_the_library_tells_who_was_who_only_after_the_last_vote(
    client: Client[Any], settings: Settings
) -> None:
    """Before, it holds pictures and labels; neither its text nor the pictures' bytes have a name, a seed or a recipe."""
    write_loras(settings)
    answer = await compare(client, **TWO)
    before = Path(answer["result"]["comparison"]["page"]).read_text()
    told = await vote(client, answer["job_id"], round=1, winner="A")
    after = held(Path(told["comparison"]["page"]).read_text())

    inside = held(before)
    pictures = [base64.b64decode(p.partition(",")[2]) for p in inside["pictures"].values()]
    assert len(pictures) == 2
    assert not [secret for secret in SECRETS if secret in json.dumps(inside["comparison"]).lower()]
    assert not [secret for secret in SECRETS for png in pictures if secret.encode() in png.lower()]
    assert not [chunk for chunk in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") for png in pictures if chunk in png]
    assert {c["contender"] for c in after["comparison"]["contenders"]} == set(TWO["contenders"])

"""Blindness: before the last vote nothing that DGX-Pixels answers, shows or writes tells who drew which picture."""

from __future__ import annotations

import json
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from comparing import cell, keep_comparison, label_of, write_loras
from fastmcp import Client, FastMCP
from fastmcp.client.client import CallToolResult
from mcp import MCPError
from mcp_types import BlobResourceContents, TextResourceContents
from PIL import Image

from dgx_pixels.library.comparison_records import PlannedRound
from dgx_pixels.library.library import Library
from dgx_pixels.pixels.labelled_sheet import Group, labelled_sheet
from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.server.settings import Settings

SEED = 424242
NAMES = (b"tiny-sdxl", b"zinnober", b"quarzit", str(SEED).encode(), str(SEED + 1).encode())
WORDS = (
    b'"seed"',
    b'contender":',
    b"seconds",
    b"schedule",
    b"sha256",
    b"dpmpp",
    b"memory",
    b"orphans",
    b"dgx_pixels",
    b'recipe":',
)
"""Keys and values of what is told after the reveal only."""


def said(result: CallToolResult) -> bytes:
    """All of a tool's answer: text, data, and the pictures' bytes."""
    parts = [json.dumps(result.structured_content).encode()]
    for content in result.content:
        parts.append(b64decode(content.data) if content.type == "image" else content.model_dump_json().encode())
    return b"\n".join(parts)


async def read(client: Client[Any], uri: str) -> bytes:
    """What a resource holds."""
    content = (await client.read_resource(uri))[0]
    if isinstance(content, BlobResourceContents):
        return b64decode(content.blob)
    assert isinstance(content, TextResourceContents)
    return content.text.encode()


def chunks(png: bytes) -> set[bytes]:
    """The kinds of chunks in a PNG."""
    found, at = set(), 8
    while at < len(png):
        found.add(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return found


@pytest.mark.parametrize("era", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
async def test_nothing_tells_before_the_last_vote(server: FastMCP[Any], settings: Settings, era: str) -> None:
    """Not the answers of tools, their progress, the resources, a picture's bytes, nor the page; after it all is told."""
    folder = write_loras(settings)
    (folder / "style.safetensors").rename(folder / "zinnober.safetensors")  # words that no page has by itself
    (folder / "words.safetensors").rename(folder / "quarzit.safetensors")
    progress: list[str] = []

    async def note(_: float, __: float | None, message: str | None) -> None:
        progress.append(message or "")

    asked = {
        "contenders": ["tiny-sdxl+zinnober:0.8", "tiny-sdxl+quarzit:0.5"], "prompts": ["a red potion"], "seeds": 2, "seed": SEED,
        "steps": 1,
    }  # fmt: skip
    async with Client(server, mode=era, progress_handler=note) as client:
        made = await client.call_tool("compare_models", asked)
        answer: Any = made.structured_content
        found = answer["result"]["comparison"]
        uris = [uri for r in found["rounds"] for uri in r["images"].values()]
        pictures = [await read(client, uri) for uri in uris]
        about = f"pixels://comparisons/{found['id']}"
        before = [
            said(made), said(await client.call_tool("get_job", {"job_id": found["id"]})), await read(client, about),
            await read(client, found["sheet"]), *pictures,
            said(await client.call_tool("record_vote", {"comparison_id": found["id"], "round": 1, "winner": "A", "note": "x"})),
            await read(client, about), said(await client.call_tool("get_job", {"job_id": found["id"]})),
            await read(client, f"pixels://jobs/{found['id']}"),
            said(await client.call_tool("list_assets", {"everywhere": True})), "\n".join(progress).encode(),
        ]  # fmt: skip
        status = await read(client, "pixels://status")  # the base model is in memory, and it has figures of its own
        page = Path(found["page"]).read_bytes()
        assert made.content[1].type == "image"
        assert b64decode(made.content[1].data) == await read(client, found["sheet"])
        with pytest.raises(MCPError, match="recipes are told when"):
            await read(client, f"{about}/recipes")
        last = said(await client.call_tool("record_vote", {"comparison_id": found["id"], "round": 2, "winner": "tie"}))
        after = [last, await read(client, about), await read(client, f"{about}/recipes"), Path(found["page"]).read_bytes()]
        told = [await read(client, uri) for uri in uris]

    for text in before:
        assert not [word for word in (*NAMES, *WORDS) if word in text]
    assert not [word for word in NAMES if word in page]
    assert not [word for word in NAMES[1:] if word in status]
    assert {frozenset(chunks(png)) for png in pictures} == {frozenset({b"IHDR", b"IDAT", b"IEND"})}
    for text in (*after, *told):
        assert b"tiny-sdxl" in text
        assert str(SEED).encode()[:5] in text
    assert all(Image.open(BytesIO(a)).tobytes() == Image.open(BytesIO(b)).tobytes() for a, b in zip(pictures, told, strict=True))


async def test_a_cancelled_one_tells_no_more(server: FastMCP[Any], settings: Settings) -> None:
    """With all its drawn rounds voted on it may still go on: nobody is told anything, nor by promote_lora."""
    pair, game = ("tiny-sdxl+zinnober:0.8", "tiny-sdxl+quarzit:0.5"), settings.project
    folder = write_loras(settings)
    (folder / "style.safetensors").rename(folder / "zinnober.safetensors")
    (folder / "words.safetensors").rename(folder / "quarzit.safetensors")
    library = await Library.open(settings.home)
    kept, planned = "a" * 12, [PlannedRound("a red potion", "item", SEED, 0), PlannedRound("a red potion", "item", SEED + 1, 1)]
    await library.jobs.create(kept, "comparison", str(game), "{}")
    await library.comparisons.begin(kept, str(game), pair, planned, blind=True)
    for number, place in ((1, 0), (1, 1), (2, 0)):
        await library.comparisons.add_cell(kept, cell(number, place))
    await library.jobs.set(kept, "cancelled")
    await library.close()

    async with Client(server) as client:
        await client.call_tool("setup_project", {"model": pair[1]})
        refused = [await client.call_tool("promote_lora", {"contender": pair[0]}, raise_on_error=False)]
        said_then = [said(await client.call_tool("record_vote", {"comparison_id": kept, "round": 1, "winner": "A"}))]
        refused.append(await client.call_tool("promote_lora", {"contender": pair[0]}, raise_on_error=False))
        said_then += [
            said(await client.call_tool("get_job", {"job_id": kept})), await read(client, f"pixels://jobs/{kept}"),
            await read(client, f"pixels://comparisons/{kept}"), await read(client, f"pixels://comparisons/{kept}/sheet"),
            (settings.home / "comparisons" / f"{kept}.html").read_bytes(),
        ]  # fmt: skip

    for text in said_then:
        assert not [word for word in NAMES if word in text]
    assert said(refused[0]) == said(refused[1])
    assert b"no decided vote" in said(refused[1])


async def test_the_sheet_holds_nothing_but_the_labelled_pictures(server: FastMCP[Any], settings: Settings) -> None:
    """It can be drawn, byte for byte, from what the labels show: so its order, size and file tell no more than they do."""
    library = await Library.open(settings.home)
    await keep_comparison(library, "a" * 12, ("tiny-sdxl", "tiny-sdxl+style:0.8", "tiny-sdxl+words:0.5"), rounds=4)
    await library.close()
    about = f"pixels://comparisons/{'a' * 12}"
    async with Client(server) as client:
        rounds = json.loads(await read(client, about))["rounds"]
        groups = [
            Group(
                f"{r['round']}. {r['prompt']}",
                tuple([(label, decode_png(await read(client, uri))) for label, uri in r["images"].items()]),
            )
            for r in rounds
        ]
        sheet = await read(client, f"{about}/sheet")

    assert sheet == labelled_sheet(groups)


async def test_an_open_comparison_says_so_from_the_start(server: FastMCP[Any], settings: Settings) -> None:
    """With blind=false names stand beside the labels, in the order that was asked for, and votes are taken all the same."""
    library = await Library.open(settings.home)
    kept = await keep_comparison(library, "a" * 12, ("tiny-sdxl", "tiny-sdxl+style:0.8"), blind=False)
    assert await label_of(library, kept, 1, 1) == "B"
    await library.close()
    async with Client(server) as client:
        found = json.loads(await read(client, f"pixels://comparisons/{kept}"))

    assert (found["blind"], found["open"]) == (False, True)
    assert [c["contender"] for c in found["rounds"][0]["revealed"].values()] == ["tiny-sdxl", "tiny-sdxl+style:0.8"]


@pytest.mark.parametrize("uri", ["nope", "nope/sheet", "nope/recipes", "nope/1/A"])
async def test_an_unknown_comparison_is_named(server: FastMCP[Any], uri: str) -> None:
    """Each resource says that there is none of that id."""
    async with Client(server) as client:
        with pytest.raises(MCPError, match="There is no comparison 'nope'"):
            await client.read_resource(f"pixels://comparisons/{uri}")


@pytest.mark.parametrize("place", ["9/A", "1/C", "1/a", "x/A", "-1/A", "99999999999999999999/A"])
async def test_an_unknown_picture_is_named(server: FastMCP[Any], settings: Settings, place: str) -> None:
    """Round and label must be those of the comparison."""
    library = await Library.open(settings.home)
    kept = await keep_comparison(library, "a" * 12, ("tiny-sdxl", "tiny-sdxl+style:0.8"))
    await library.close()
    async with Client(server) as client:
        with pytest.raises(MCPError, match="There is no picture"):
            await client.read_resource(f"pixels://comparisons/{kept}/{place}")

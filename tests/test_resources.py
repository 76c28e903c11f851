"""The MCP resources, and the tools that say the same."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import in_both_eras
from fastmcp import Client
from mcp import MCPError
from mcp_types import BlobResourceContents, TextResourceContents
from PIL import Image

from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.palette import read_palette
from dgx_pixels.tools.answers import AssetList
from dgx_pixels.tools.answers_models import ModelList


async def read(client: Client[Any], uri: str) -> Any:  # noqa: ANN401  # JSON
    """The JSON that a resource holds."""
    content = (await client.read_resource(uri))[0]
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)


@in_both_eras
async def test_models_are_listed_alike_by_tool_and_resource(client: Client[Any]) -> None:
    """A client that shows the model no resources misses nothing."""
    listed = ModelList.model_validate((await client.call_tool("list_models")).structured_content)
    resource = await read(client, "pixels://models")
    one = await read(client, "pixels://models/tiny-sdxl")

    assert ["tiny-sdxl"] == [m.id for m in listed.models] == [m["id"] for m in resource["models"]]
    assert [32] == listed.models[0].sizes == one["sizes"]
    assert all(len(digest) == 64 for digest in one["weights_sha256"].values())


@in_both_eras
async def test_every_listed_palette_can_be_named(client: Client[Any]) -> None:
    """The names are those that a palette argument takes, and the colours those that it locks to."""
    listed = (await read(client, "pixels://palettes"))["palettes"]

    assert {"pico-8", "sweetie-16", "resurrect-64"} <= {p["name"] for p in listed}
    for palette in listed:
        assert [to_hex(c) for c in read_palette(palette["name"])] == palette["colors"]


@in_both_eras
async def test_assets_are_listed_alike_and_their_pictures_are_true(client: Client[Any], game: Path) -> None:
    """An asset can be found, read with its recipe, fetched at its true size, and seen enlarged."""
    await client.call_tool("generate_sprite", {"prompt": "a red potion", "seed": 7, "steps": 1})
    listed = AssetList.model_validate((await client.call_tool("list_assets")).structured_content)
    asset_id = listed.assets[0].id

    assert [asset_id] == [a["id"] for a in (await read(client, "pixels://assets"))["assets"]]
    assert (await read(client, f"pixels://assets/{asset_id}"))["recipe"]["prompt"] == "a red potion"
    blob = (await client.read_resource(f"pixels://assets/{asset_id}/image"))[0]
    assert isinstance(blob, BlobResourceContents)
    assert (game / "assets/sprites/item_red_potion.png").read_bytes() == b64decode(blob.blob)
    seen = (await client.call_tool("view_asset", {"asset_id": asset_id})).content[0]
    assert seen.type == "image"
    picture = Image.open(io.BytesIO(b64decode(seen.data)))
    assert picture.size == (512, 512)


async def test_assets_of_other_projects_are_listed_only_when_asked(client: Client[Any], make_game: Callable[[str], Path]) -> None:
    """list_assets shows this game's sprites, or with `everywhere` all."""
    other = make_game("other")
    await client.call_tool("generate_sprite", {"prompt": "a red potion", "steps": 1, "project": str(other)})

    here = AssetList.model_validate((await client.call_tool("list_assets")).structured_content)
    everywhere = AssetList.model_validate((await client.call_tool("list_assets", {"everywhere": True})).structured_content)
    assert here.assets == []
    assert [str(other)] == [a.project for a in everywhere.assets]


@pytest.mark.parametrize("uri", ["pixels://models/nope", "pixels://assets/nope", "pixels://assets/nope/image"])
@in_both_eras
async def test_unknown_resources_are_named(client: Client[Any], uri: str) -> None:
    """Reading what is not there says so."""
    with pytest.raises(MCPError, match=r"There is no .* 'nope'"):
        await client.read_resource(uri)


@in_both_eras
async def test_every_tool_tells_clients_all_four_hints(client: Client[Any]) -> None:
    """Clients ask people less when a tool says what it does and does not do; descriptions fit their limit."""
    for tool in await client.list_tools():
        hints = tool.annotations
        assert hints is not None
        assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
        assert 40 < len(tool.description or "") < 2000

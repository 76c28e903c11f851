"""What an agent reads before it has asked for anything: short enough for every client, and worth its tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from conftest import in_both_eras
from fastmcp import Client

from dgx_pixels.server.app import INSTRUCTIONS
from dgx_pixels.tools.answers import JobAnswer, PublishAnswer
from dgx_pixels.tools.answers_schema import schema_of

MOST_TOKENS = 12_000
MOST_BYTES = 2048
"""Clients cut descriptions and instructions there."""


@in_both_eras
async def test_the_listing_is_short(client: Client[Any], record_property: Callable[[str, object], None]) -> None:
    """All tools together, as they are sent, are below 12,000 tokens, a token being taken as four characters."""
    tools = await client.list_tools()
    sent = [tool.model_dump_json(by_alias=True, exclude_none=True) for tool in tools]
    lengths = {tool.name: len(text) for tool, text in zip(tools, sent, strict=True)}
    record_property("found", f"{sum(lengths.values()) // 4} tokens")
    assert sum(lengths.values()) / 4 < MOST_TOKENS, lengths


@in_both_eras
async def test_descriptions_and_instructions_are_not_cut(client: Client[Any]) -> None:
    """Each has less than 2 KB, and says something."""
    for tool in await client.list_tools():
        assert tool.description is not None
        assert 50 < len(tool.description.encode()) < MOST_BYTES, tool.name
    assert 50 < len(INSTRUCTIONS.encode()) < MOST_BYTES


@in_both_eras
async def test_every_argument_is_described(client: Client[Any]) -> None:
    """An agent need not guess what one means."""
    for tool in await client.list_tools():
        for name, argument in tool.input_schema["properties"].items():
            assert len(argument.get("description", "")) > 10, f"{tool.name}({name})"


def test_schemas_say_no_name_twice() -> None:
    """The titles that pydantic adds are gone, and the properties are all there."""
    for answer in (JobAnswer, PublishAnswer):
        schema = schema_of(answer)
        assert '"title"' not in json.dumps(schema)
        assert list(schema["properties"]) == list(answer.model_fields)

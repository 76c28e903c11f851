"""The guide and the prompts: what they tell an agent to call is there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import in_both_eras
from fastmcp import Client
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

ARGUMENTS = {
    "make_character": {"character": "a knight with a $ red cape", "palette": "pico-8", "size": "32", "poses": "walking, hurt"},
    "make_terrain": {"terrains": "water, sand", "view": "side", "tile_size": "16"},
    "train_my_style": {"source": "/art/mine", "name": "mine"},
}


async def guide(client: Client[Any]) -> str:
    """The guide's text."""
    content = (await client.read_resource("pixels://guide"))[0]
    assert isinstance(content, TextResourceContents)
    return content.text


async def rendered(client: Client[Any], name: str, arguments: dict[str, str]) -> str:
    """What a prompt says."""
    content = (await client.get_prompt(name, arguments)).messages[0].content
    assert isinstance(content, TextContent)
    return content.text


async def unknown(client: Client[Any], text: str) -> set[str]:
    """The tools, parameters and resources that a text names and that there are not."""
    tools = {tool.name: set(tool.input_schema["properties"]) for tool in await client.list_tools()}
    verbs = "|".join(sorted({name.split("_")[0] for name in tools}))
    named = set(re.findall(rf"\b(?:{verbs})_[a-z]+\b", text))
    wrong = named - tools.keys()
    for tool, given in re.findall(r"\b([a-z]+_[a-z]+)\(([^()]*)\)", text):
        parameters = set(re.findall(r"(\w+)=", given))
        wrong |= {f"{tool}({p})" for p in parameters - tools.get(tool, parameters)}
    uris = {str(r.uri) for r in await client.list_resources()} | {
        re.sub(r"\{\w+\}", "{id}", t.uri_template) for t in await client.list_resource_templates()
    }
    found = {re.sub(r"/ID\b", "/{id}", uri) for uri in re.findall(r"pixels://[\w/{}]+", text)}
    return wrong | (found - uris)


@in_both_eras
async def test_the_guide_teaches_all_tools_in_under_2000_words(client: Client[Any]) -> None:
    """It names every tool, and nothing that there is not: no tool, no parameter, no resource."""
    text = await guide(client)

    assert 500 < len(text.split()) < 2000
    assert {tool.name for tool in await client.list_tools() if f"{tool.name}" not in text} == set()
    assert await unknown(client, text) == set()


@in_both_eras
async def test_each_prompt_leads_through_tools_that_there_are(client: Client[Any]) -> None:
    """With what the person said in it, as they said it; with its defaults, too, where it has them."""
    listed = {prompt.name: prompt for prompt in await client.list_prompts()}
    assert ARGUMENTS.keys() == listed.keys()
    for name, arguments in ARGUMENTS.items():
        assert arguments.keys() == {a.name for a in listed[name].arguments or ()}
        text = await rendered(client, name, arguments)
        assert await unknown(client, text) == set()
        assert re.findall(r"^(\d)\. ", text, re.MULTILINE) == [str(i + 1) for i in range(len(re.findall(r"^\d\. ", text, re.M)))]
        assert all(value in text for key, value in arguments.items() if key != "palette")
        needed = {a.name: arguments[a.name] for a in listed[name].arguments or () if a.required}
        assert "$" not in (await rendered(client, name, needed)).replace(arguments.get("character", "$"), "")


@in_both_eras
async def test_a_prompt_without_what_it_needs_is_refused(client: Client[Any]) -> None:
    """The argument is named."""
    with pytest.raises(Exception, match="character"):
        await client.get_prompt("make_character", {})


@in_both_eras
async def test_ids_and_names_are_completed(client: Client[Any]) -> None:
    """Of models, assets and jobs by what there is, newest first; of palettes and views for prompts; of free text nothing."""
    asked = {"prompt": "a red potion", "seed": 7, "steps": 1}
    answer = (await client.call_tool("generate_sprite", asked)).structured_content
    assert answer is not None
    asset_id, job_id = answer["result"]["assets"][0]["id"], answer["job_id"]

    async def completed(ref: Any, name: str, typed: str) -> list[str]:  # noqa: ANN401  # a reference of either kind
        return (await client.complete(ref, {"name": name, "value": typed})).values

    def template(uri: str) -> ResourceTemplateReference:
        return ResourceTemplateReference(type="ref/resource", uri=uri)

    assert await completed(template("pixels://models/{model_id}"), "model_id", "TINY") == ["tiny-sdxl"]
    assert await completed(template("pixels://assets/{asset_id}"), "asset_id", "") == [asset_id]
    assert await completed(template("pixels://assets/{asset_id}/image"), "asset_id", asset_id[:3]) == [asset_id]
    assert await completed(template("pixels://jobs/{job_id}"), "job_id", job_id[:5]) == [job_id]
    assert await completed(template("pixels://jobs/{job_id}"), "job_id", "%") == []
    character = PromptReference(type="ref/prompt", name="make_character")
    assert "pico-8" in await completed(character, "palette", "pico")
    assert await completed(PromptReference(type="ref/prompt", name="make_terrain"), "view", "i") == ["isometric"]
    assert await completed(character, "character", "a kn") == []

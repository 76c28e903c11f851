"""What generate_sprite's profile, reference and recipe promise, on the real embedded model."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from PIL import Image

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.pixels.sprite import decode_png, make_sprite

QUICK: dict[str, Any] = {"prompt": "a red potion", "seed": 7, "steps": 2}


async def test_variants_without_a_seed_are_drawn_together_and_their_recipes_say_how(client: Client[Any], game: Path) -> None:
    """One batch draws all of them; each recipe names its shape, in which the seed alone gives the same pixels again."""
    asked = {"prompt": "a red potion", "steps": 2, "variants": 3}
    answer = (await client.call_tool("generate_sprite", asked)).structured_content

    assert answer is not None
    recipes = [json.loads(recipe_in(Path(a["file"]).read_bytes()) or "") for a in answer["result"]["assets"]]
    assert [(r["batch"], r["graph"]) for r in recipes] == [(4, "eager")] * 3
    assert [r["seed"] - recipes[0]["seed"] for r in recipes] == [0, 1, 2]


async def test_a_recipe_gives_the_same_pixels_in_the_batch_it_names(server: FastMCP[Any]) -> None:
    """What was drawn in company can be made again alone, from its own recipe."""
    async with Client(server) as client:
        answer = (
            await client.call_tool("generate_sprite", {"prompt": "a red potion", "steps": 3, "variants": 3})
        ).structured_content

    assert answer is not None
    png = Path(answer["result"]["assets"][1]["file"]).read_bytes()
    r = json.loads(recipe_in(png) or "")
    width, height = r["render_size"]
    asked = RenderRequest(
        Contender(embedded()), Schedule(**r["schedule"]), r["prompt"], r["negative_prompt"], width, height, r["seed"],
        batch=r["batch"], graph=r["graph"],
    )  # fmt: skip
    render = Renderer("cpu").draw([asked], lambda *_: None)[0]
    assert isinstance(render, Render)
    again = make_sprite(render.pixels, r["width"], r["height"], colors=r["colors"], ground=embedded().ground)
    assert np.array_equal(again.rgba, decode_png(png).rgba)


@pytest.mark.parametrize(("profile", "steps"), [("draft", 6), ("best", 20)])
async def test_a_profile_says_how_much_work_goes_in(server: FastMCP[Any], profile: str, steps: int) -> None:
    """Draft takes fewer steps than best; the recipe names them, and the sampler."""
    async with Client(server) as client:
        asked = {"prompt": "a red potion", "seed": 7, "profile": profile}
        answer = (await client.call_tool("generate_sprite", asked)).structured_content

    assert answer is not None
    schedule = json.loads(recipe_in(Path(answer["result"]["assets"][0]["file"]).read_bytes()) or "")["schedule"]
    assert schedule == {"sampler": "dpmpp_2m", "steps": steps, "guidance": 3.0, "guided": 1.0}


async def test_a_reference_gives_its_shape(server: FastMCP[Any], game: Path) -> None:
    """An asset, or its file in the game, is what the next sprite starts from; without it the prompt alone decides."""
    async with Client(server) as client:

        async def drawn(**asked: Any) -> np.ndarray:  # noqa: ANN401  # the tool's own arguments
            asked = {"prompt": "a blue sword", "seed": 40, **asked}
            answer = (await client.call_tool("generate_sprite", asked)).structured_content
            assert answer is not None
            ids.append(answer["result"]["assets"][0]["id"])
            return np.array(Image.open(answer["result"]["assets"][0]["file"]))

        ids: list[str] = []
        red = await drawn(prompt="a red potion", seed=1, name="red")
        by_id = await drawn(reference=ids[0], strength=0.4, name="id")
        by_path = await drawn(reference="assets/sprites/item_red.png", strength=0.4, name="path")
        free = await drawn(name="free")

    def unlike(sprite: np.ndarray) -> float:
        return float((sprite[..., 3] != red[..., 3]).mean())

    assert np.array_equal(by_id, by_path)
    assert unlike(by_id) < 0.5 * unlike(free)
    assert not np.array_equal(by_id, red)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"reference": "/etc/hostname"}, "may not be read"),
        ({"reference": "0123456789ab"}, "no asset '0123456789ab'"),
        ({"reference": "assets/sprites/none.png"}, "cannot be read"),
        ({"reference": "Cargo.toml"}, "no picture in a format that is read"),
        ({"strength": 0.0}, "strength is 0.0, but must be from 0.1 to 1"),
        ({"profile": "fast"}, "not one of draft, standard, best"),
    ],
)
async def test_references_and_profiles_that_are_none(server: FastMCP[Any], asked: dict[str, Any], why: str) -> None:
    """One sentence says what was wrong, and nothing is published."""
    async with Client(server) as client:
        with pytest.raises(ToolError, match=why):
            await client.call_tool("generate_sprite", {**QUICK, **asked})


async def test_get_job_shows_a_picture_under_way(server: FastMCP[Any]) -> None:
    """Who looks while it draws sees how far it has come, as a small picture, and no picture once there is nothing to see."""
    async with Client(server) as client:
        begun = (await client.call_tool("generate_sprite", {**QUICK, "steps": 100, "wait_s": 0})).structured_content
        assert begun is not None
        while True:
            looked = await client.call_tool("get_job", {"job_id": begun["job_id"], "wait_s": 0})
            images = [c for c in looked.content if c.type == "image"]
            if images:
                break
            await asyncio.sleep(0.05)
        await client.call_tool("cancel_job", {"job_id": begun["job_id"]})
        after = await client.call_tool("get_job", {"job_id": begun["job_id"], "wait_s": 0})

    assert looked.structured_content is not None
    assert looked.structured_content["status"] == "running"
    with Image.open(io.BytesIO(base64.b64decode(images[0].data))) as image:
        assert image.size == (256, 256)
    assert [c.type for c in after.content] == ["text"]

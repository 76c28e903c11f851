"""compare_models on the real embedded model with LoRAs of its own: cells, columns, cancelling, going on, and bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comparing import TWO, blob, check_cells, compare, vote, write_loras
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from test_job_restart import LEFT, NotingRenderer, change

from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.server import app
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.arguments import read_category
from dgx_pixels.tools.comparison_request import asked_contenders, is_base, unsaid
from dgx_pixels.tools.prompt_sets import MOST_PROMPTS, Prompt, prompt_sets


@pytest.fixture(autouse=True)
def loras(settings: Settings) -> Path:
    """A models folder with the LoRAs `style`, `words` and `other`."""
    return write_loras(settings)


async def test_a_cell_is_what_generate_sprite_keeps(server: FastMCP[Any], settings: Settings) -> None:
    """Byte for byte, the recipe included, with a locked palette."""
    async with Client(server) as client:
        made = await compare(client, **TWO, palette="pico-8", negative_prompt="red")
        await vote(client, made["job_id"], reveal=True)

        assert await check_cells(client, made["job_id"]) == 2


async def test_at_weight_0_every_column_is_the_same(server: FastMCP[Any]) -> None:
    """A LoRA that is switched off draws the base's pixels, in whatever column."""
    contenders = ["tiny-sdxl", "tiny-sdxl+style:0", "tiny-sdxl+words:0", "tiny-sdxl+style:0+words:0"]
    async with Client(server) as client:
        made = await compare(client, **{**TWO, "contenders": contenders, "steps": 1})
        images = made["result"]["comparison"]["rounds"][0]["images"]
        pictures = {(await blob(client, uri)) for uri in images.values()}

    assert [*images] == ["A", "B", "C", "D"]
    assert len(pictures) == 1


def test_a_base_column_is_added(settings: Settings) -> None:
    """Of three with LoRAs four are made; of four none can be, which is said; the base's own column is used if it is there."""
    catalogue = Catalogue(settings.home / "models")
    three = ["tiny-sdxl+style:0.6", "tiny-sdxl+style:0.8", "tiny-sdxl+style:1"]
    added, why = asked_contenders(catalogue, three, "standard")
    full, why_not = asked_contenders(catalogue, [*three, "tiny-sdxl+words"], "standard")
    there, nothing = asked_contenders(catalogue, [three[0], "tiny-sdxl"], "standard")

    assert [str(c) for c in added] == [*three[:2], "tiny-sdxl+style:1.0", "tiny-sdxl"]
    assert "was added" in why
    assert len(full) == 4
    assert "cannot say" in why_not
    assert ([str(c) for c in there], nothing) == ([three[0], "tiny-sdxl"], "")


def test_a_drafts_few_step_lora_leaves_a_base_a_base(settings: Settings, loras: Path) -> None:
    """The LCM LoRA that the profile draft adds is no style: the base that it was put on is the base column."""
    (loras / "lcm.safetensors").write_bytes((loras / "style.safetensors").read_bytes())
    catalogue = Catalogue(settings.home / "models")
    lcm, style = ((catalogue.lora(name), 1.0) for name in ("lcm", "style"))
    assert is_base(Contender(embedded()))
    assert is_base(Contender(embedded(), (lcm,)))
    assert not is_base(Contender(embedded(), (lcm, style)))


def test_prompts_without_a_loras_trigger_word_are_told(settings: Settings, loras: Path) -> None:
    """As those of the bundled sets are: the LoRA would be judged without what calls it."""
    named = replace(Catalogue(settings.home / "models").lora("style"), trigger_words=("mystyle",))
    contenders = [Contender(embedded()), Contender(embedded(), ((named, 1.0),))]
    assert "'mystyle'" in unsaid(contenders, [Prompt("a gem", "item")])
    assert unsaid(contenders, [Prompt("a gem", "item"), Prompt("MyStyle, a key", "item")]) == ""
    assert unsaid(contenders[:1], [Prompt("a gem", "item")]) == ""


async def test_measures_are_of_each_contender(server: FastMCP[Any], game: Path) -> None:
    """Seconds, colours, palette, orphans, cut-out and likeness to the project's own art stand with each contender."""
    async with Client(server) as client:
        await client.call_tool("generate_sprite", {"prompt": "a red potion", "seed": 7, "steps": 2, "palette": "pico-8"})
        asked = {**TWO, "palette": "pico-8", "reference": "project", "blind": False}
        comparison = (await compare(client, **asked))["result"]["comparison"]

    base, other = comparison["contenders"]
    for found in (base, other):
        assert found["seconds"] > 0
        assert (found["memory_bytes"], found["sharpness"]) == (None, None)  # a CPU; cells of one pixel
        assert found["colors"] >= 2
        assert 0 < found["palette_distance"] < 1
        assert 0 <= found["orphans"] <= 1
        assert 0 <= found["cutout"] <= 1
    assert (base["likeness_colors"], base["likeness_texture"]) == (1, 1)  # the project's one sprite is its very picture
    assert max(other["likeness_colors"], other["likeness_texture"]) < 1


@pytest.mark.parametrize(("wrong", "says"), [
    ({"contenders": ["tiny-sdxl"]}, "There is 1 contender, but 2 to 4"),
    ({"contenders": ["tiny-sdxl"] * 5}, "There are 5 contenders"),
    ({"contenders": ["tiny-sdxl", "tiny-sdxl"]}, "tiny-sdxl is there twice"),
    ({"contenders": ["tiny-sdxl+style:0.8", "tiny-sdxl + style:0.80"]}, "is there twice"),
    ({"contenders": ["tiny-sdxl", "tiny-sdxl+other"]}, "The LoRA other does not fit tiny-sdxl"),
    ({"contenders": ["tiny-sdxl", "tiny-sdxl+nobody"]}, "There is no LoRA 'nobody'"),
    ({"prompts": [f"potion {i}" for i in range(21)]}, "There are 21 prompts, but 1 to 20"),
    ({"prompts": []}, "There are 0 prompts"),
    ({"prompts": ["a potion", " a  potion"]}, "is there twice"),
    ({"prompts": [" "]}, "The prompt is empty"),
    ({"prompts": None}, "Give either prompts"),
    ({"prompt_set": "items"}, "Give either prompts"),
    ({"prompts": None, "prompt_set": "cars"}, "There is no prompt set 'cars': use one of items"),
    ({"seeds": 0}, "seeds is 0"), ({"seeds": 5}, "1 to 4"), ({"seed": -1}, "seed is -1"),
    ({"category": "car"}, "The category 'car'"), ({"size": 64}, "64"), ({"profile": "slow"}, "The profile 'slow'"),
    ({"reference": "/etc"}, "/etc may not be read"), ({"reference": "nowhere"}, "is no folder"),
    ({"reference": "project"}, "no sprite of at most"), ({"reference": "0123456789ab"}, "no asset"),
])  # fmt: skip
async def test_bad_input_gets_one_sentence(server: FastMCP[Any], settings: Settings, wrong: dict[str, Any], says: str) -> None:
    """What was wrong and what is allowed; nothing is begun."""
    async with Client(server) as client:
        with pytest.raises(ToolError) as error:
            await client.call_tool("compare_models", {**TWO, **wrong})

    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not (settings.home / "comparisons").exists()


def test_the_bundled_sets_can_be_asked_for() -> None:
    """Each holds 1 to 20 different prompts of known categories."""
    assert {"items", "characters", "terrain", "mixed"} <= set(prompt_sets())
    for prompts in prompt_sets().values():
        assert 1 <= len(prompts) <= MOST_PROMPTS
        assert len(set(prompts)) == len(prompts)
        assert all(read_category(prompt.category) and prompt.text for prompt in prompts)


@pytest.mark.timeout(300)
async def test_cancelled_in_the_middle_it_can_be_voted_on_and_goes_on(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole rounds are shown and voted on; asked again under its key, it draws the rest with the seed it had, to be voted on."""
    monkeypatch.setattr(app, "_renderer", lambda settings: NotingRenderer(settings.device))
    NotingRenderer.seeds.clear()
    asked = {"contenders": TWO["contenders"], "prompts": [f"potion {i}" for i in range(4)], "steps": 4, "key": "potions"}
    async with Client(server) as client:
        answer = begun = await compare(client, **asked, wait_s=0)
        job_id = begun["job_id"]
        while answer["result"] is None:
            answer = (await client.call_tool("get_job", {"job_id": job_id, "wait_s": 0.1})).structured_content or {}
        assert answer["status"] == "running"
        assert "get_job" in answer["next"]
        ended = (await client.call_tool("cancel_job", {"job_id": job_id})).structured_content
        assert ended is not None
        drawn = [r["round"] for r in ended["result"]["comparison"]["rounds"]]
        votes = [await vote(client, job_id, round=number, winner="A", note="brighter") for number in drawn]
        again = await compare(client, **asked, wait_s=250)
        await vote(client, job_id, round=4, winner="tie")

    assert [(one["open"], one["comparison"]) for one in votes] == [(True, None)] * len(drawn)
    done, of = (len(ended["result"]["comparison"]["rounds"]), ended["result"]["comparison"]["planned"])
    assert ended["status"] == "cancelled"
    assert 1 <= done < of == 4
    assert (again["job_id"], again["status"]) == (job_id, "done")
    rounds = again["result"]["comparison"]["rounds"]
    assert [r["vote"] for r in rounds] == [{"winner": "A", "note": "brighter"}] * done + [None] * (4 - done)
    assert [r["images"] for r in rounds[:done]] == [r["images"] for r in ended["result"]["comparison"]["rounds"]]
    assert 8 <= len(NotingRenderer.seeds) <= 9  # the one that was cancelled under way
    assert len(set(NotingRenderer.seeds)) == 1


async def test_taken_over_after_a_kill_it_goes_on_with_what_it_has(
    settings: Settings, game: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the missing cell is drawn; labels stay as they were, and so does the vote."""
    monkeypatch.setattr(app, "_renderer", lambda settings: NotingRenderer(settings.device))
    async with Client(app.build(settings, role="alone")[0]) as client:
        before = await compare(client, **TWO, seeds=2)
        await vote(client, before["job_id"], round=1, winner="B", note="brighter")
    change(settings, LEFT, "DELETE FROM comparison_cells WHERE round = 2 AND place = 0")
    NotingRenderer.seeds.clear()

    async with Client(app.build(settings, role="alone")[0]) as client:
        after = (await client.call_tool("get_job", {"job_id": before["job_id"]})).structured_content
        named = (await vote(client, before["job_id"], reveal=True))["comparison"]

    assert after is not None
    assert NotingRenderer.seeds == [8]
    assert after["status"] == "done"
    first, second = after["result"]["comparison"]["rounds"]
    assert first["vote"] == {"winner": "B", "note": "brighter"}
    assert second == before["result"]["comparison"]["rounds"][1]
    assert [c["pictures"] for c in named["contenders"]] == [2, 2]

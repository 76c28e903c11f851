"""compare_models on the real embedded model with LoRAs of its own: cells, columns, cancelling, going on, and bad input."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import TWO, compare, vote, write_loras
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from mcp_types import BlobResourceContents, TextResourceContents
from PIL import Image
from test_unfinished import LEFT, NotingRenderer, change

from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.server import app
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.comparison_request import asked_contenders, is_base
from dgx_pixels.tools.prompt_sets import MOST_PROMPTS, prompt_sets
from dgx_pixels.tools.sprite_request import read_category


@pytest.fixture(autouse=True)
def loras(settings: Settings) -> Path:
    """A models folder with the LoRAs `style`, `words` and `other`."""
    return write_loras(settings)


async def blob(client: Client[Any], uri: str) -> bytes:
    """The picture that a resource holds."""
    content = (await client.read_resource(uri))[0]
    assert isinstance(content, BlobResourceContents)
    return b64decode(content.blob)


async def data(client: Client[Any], uri: str) -> Any:  # noqa: ANN401  # JSON
    """The JSON that a resource holds."""
    content = (await client.read_resource(uri))[0]
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)


async def check_cells(client: Client[Any], settings: Settings, comparison_id: str) -> int:
    """Draw every cell of an ended comparison again with generate_sprite, from its recipe; answers how many were the same."""
    found = await data(client, f"pixels://comparisons/{comparison_id}")
    recipes = await data(client, f"pixels://comparisons/{comparison_id}/recipes")
    same = 0
    for number, by_label in recipes.items():
        for label, recipe in by_label.items():
            palette = recipe["palette"] and ",".join("#{:02x}{:02x}{:02x}".format(*color) for color in recipe["palette"])
            asked = {
                "prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"], "model": recipe["model"],
                "seed": recipe["seed"], "size": f"{recipe['width']}x{recipe['height']}", "colors": recipe["colors"],
                "palette": palette or "none", "transparent": recipe["transparent"], "profile": recipe["profile"],
                "steps": recipe["schedule"]["steps"], "guidance": recipe["schedule"]["guidance"],
                "category": "tile" if recipe["seamless"] else "item", "name": "again", "publish": False,
            }  # fmt: skip
            answer = (await client.call_tool("generate_sprite", asked)).structured_content
            assert answer is not None
            again = Path(answer["result"]["assets"][0]["file"]).read_bytes()
            same += again == await blob(client, found["rounds"][int(number) - 1]["images"][label])
    return same


async def test_a_cell_is_what_generate_sprite_keeps(server: FastMCP[Any], settings: Settings) -> None:
    """Byte for byte, the recipe included, with a locked palette."""
    async with Client(server) as client:
        made = await compare(client, **TWO, palette="pico-8", negative_prompt="red")
        await vote(client, made["job_id"], reveal=True)

        assert await check_cells(client, settings, made["job_id"]) == 2


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


async def test_the_sheet_is_the_labelled_pictures(server: FastMCP[Any]) -> None:
    """The answer's picture is the sheet, enlarged; its colours are those of the cells; the page is written beside."""
    async with Client(server) as client:
        result = await client.call_tool("compare_models", TWO)
        answer = result.structured_content
        assert answer is not None
        comparison = answer["result"]["comparison"]
        image = result.content[1]
        assert image.type == "image"
        sheet = np.asarray(Image.open(io.BytesIO(b64decode(image.data))).convert("RGB")).reshape(-1, 3)
        seen = {tuple(color) for color in sheet.tolist()}
        cells = [np.asarray(Image.open(io.BytesIO(await blob(client, u)))) for u in comparison["rounds"][0]["images"].values()]

        assert b64decode(image.data) == await blob(client, comparison["sheet"])
    assert {tuple(c) for cell in cells for c in cell[cell[..., 3] > 0][:, :3].tolist()} <= seen
    assert "a red potion" in Path(comparison["page"]).read_text()


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
    ({"contenders": ["tiny-sdxl"]}, "There are 1 contenders, but 2 to 4"),
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


async def test_cancelled_in_the_middle_what_is_done_can_be_voted_on(server: FastMCP[Any]) -> None:
    """A whole round is shown, voted on, and told; a caller that goes away ends nothing."""
    async with Client(server) as client:
        begun = await compare(client, **{**TWO, "prompts": [f"potion {i}" for i in range(20)], "wait_s": 0})
        job_id = begun["job_id"]
        answer = begun
        while answer["result"] is None:
            answer = (await client.call_tool("get_job", {"job_id": job_id, "wait_s": 0.1})).structured_content or {}
        assert answer["status"] == "running"
        assert "get_job" in answer["next"]
        ended = (await client.call_tool("cancel_job", {"job_id": job_id})).structured_content
        assert ended is not None
        rounds = ended["result"]["comparison"]["rounds"]
        for r in rounds:
            said = await vote(client, job_id, round=r["round"], winner="A")

    assert ended["status"] == "cancelled"
    assert 1 <= len(rounds) < ended["result"]["comparison"]["planned"] == 20
    assert said["comparison"]["standing"]["votes"] == len(rounds)


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


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_forty_cells_are_what_generate_sprite_keeps(server: FastMCP[Any], settings: Settings) -> None:
    """Items, people, enemies and tiles, of four contenders, as a real comparison draws them."""
    contenders = ["tiny-sdxl", "tiny-sdxl+style:0.6", "tiny-sdxl+style:1.0", "tiny-sdxl+words:0.5+style:-0.3"]
    async with Client(server) as client:
        asked = {"contenders": contenders, "prompt_set": "terrain", "seed": 11, "profile": "draft", "wait_s": 600}
        tiles = await compare(client, **asked)
        items = await compare(client, **{**asked, "prompt_set": None, "prompts": ["a red potion", "a king"]})
        for made in (tiles, items):
            await vote(client, made["job_id"], reveal=True)

        assert await check_cells(client, settings, tiles["job_id"]) + await check_cells(client, settings, items["job_id"]) == 40


class OrderRenderer(NotingRenderer):
    """The real renderer, noting who draws."""

    drawn: list[str] = []  # noqa: RUF012  # one list, read by the test

    def draw(self, requests: Any, tell: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        """Draw, noting."""
        self.drawn.extend(str(r.contender) for r in requests)
        return super().draw(requests, tell)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_four_contenders_twenty_prompts_two_seeds(
    server: FastMCP[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """160 cells: progress grows to the end, cancelled in the middle nothing is lost, and it goes on without drawing twice.

    Neither the labels nor the order of drawing follows the contenders, or each other.
    """
    monkeypatch.setattr(app, "_renderer", lambda settings: OrderRenderer(settings.device))
    OrderRenderer.drawn.clear()
    seen: list[tuple[float, float | None]] = []

    async def note(done: float, total: float | None, _: str | None) -> None:
        seen.append((done, total))

    contenders = ["tiny-sdxl", "tiny-sdxl+style:0.6", "tiny-sdxl+style:1.0", "tiny-sdxl+words:0.5"]
    async with Client(app.build(settings, role="alone")[0], progress_handler=note) as client:
        asked = {"contenders": contenders, "prompts": [f"potion {i}" for i in range(20)], "seeds": 2, "seed": 1, "steps": 2}
        job_id = (await compare(client, **asked, wait_s=5))["job_id"]
        await client.call_tool("cancel_job", {"job_id": job_id})
        in_between = len(OrderRenderer.drawn)
    change(settings, LEFT)
    async with Client(app.build(settings, role="alone")[0], progress_handler=note) as client:
        done = (await client.call_tool("get_job", {"job_id": job_id, "wait_s": 600})).structured_content
        assert done is not None
        named = (await vote(client, job_id, reveal=True))["comparison"]

    assert 0 < in_between < 160
    assert 160 <= len(OrderRenderer.drawn) <= 161  # the one that was cancelled under way
    assert done["status"] == "done"
    assert [r["round"] for r in named["rounds"]] == [*range(1, 41)]
    assert {160.0} == {total for _, total in seen if total != 1}
    assert max(value for value, _ in seen) == 160
    labels = [tuple(r["revealed"][label]["contender"] for label in "ABCD") for r in named["rounds"]]
    orders = [tuple(OrderRenderer.drawn[-4 * n : -4 * n + 4 or None]) for n in range(40 - (in_between + 3) // 4, 0, -1)]
    assert len(set(labels)) > 10
    assert len(set(orders)) > 5
    assert sum(order == label for order, label in zip(orders, labels[-len(orders) :], strict=True)) < len(orders) / 2

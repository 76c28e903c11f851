"""A comparison that failed, or has a picture that does not come out: what is drawn is kept, and the rest is drawn later."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from comparing import TWO, compare, data, vote, write_loras
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from processes import options
from promoting import refusal
from test_job_restart import NotingRenderer

from dgx_pixels.models.catalogue import ModelError, embedded
from dgx_pixels.models.gpu_work import Tell
from dgx_pixels.models.render import RenderRequest, SpoiltError
from dgx_pixels.models.renderer import Outcome
from dgx_pixels.server import app
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings

THREE: dict[str, Any] = {**TWO, "seeds": 3, "steps": 1}
"""Rounds with the seeds 7, 8 and 9."""


class FaultyRenderer(NotingRenderer):
    """The real renderer, but for the requests that `fault` finds an error for."""

    fault: Callable[[RenderRequest], ModelError | None] = staticmethod(lambda _: None)

    def draw(self, requests: Sequence[RenderRequest], tell: Tell) -> list[Outcome]:
        """Draw, or fail."""
        errors = [type(self).fault(r) for r in requests]
        return [error or made for error, made in zip(errors, super().draw(requests, tell), strict=True)]


@pytest.fixture(autouse=True)
def faulty(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> type[FaultyRenderer]:
    """The renderer of this test's servers; and a models folder with LoRAs."""
    write_loras(settings)
    monkeypatch.setattr(app, "_renderer", lambda settings: FaultyRenderer(settings.device))
    monkeypatch.setattr(FaultyRenderer, "fault", staticmethod(lambda _: None))
    FaultyRenderer.seeds.clear()
    return FaultyRenderer


def fails(seed: int, error: ModelError) -> Callable[[RenderRequest], ModelError | None]:
    """A fault of the contender with a LoRA, at one seed."""
    return staticmethod(lambda r: error if r.seed == seed and r.contender.loras else None)


def run(settings: Settings, *words: str) -> int:
    """Run a command in this process; answers with its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([*words, *options(settings, settings.project)])
    return int(ended.value.code or 0)


async def test_a_round_with_a_spoilt_picture_is_left_out(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, faulty: type[FaultyRenderer]
) -> None:
    """The others are drawn, shown and voted on to the end; the note says which one is missing, and not whose fault it was."""
    monkeypatch.setattr(faulty, "fault", fails(8, SpoiltError("it is all black")))
    async with Client(server) as client:
        answer = await compare(client, **THREE)
        await vote(client, answer["job_id"], round=1, winner="A")
        last = await vote(client, answer["job_id"], round=3, winner="tie")

    found = answer["result"]["comparison"]
    assert answer["status"] == "done"
    assert (found["planned"], [r["round"] for r in found["rounds"]]) == (2, [1, 3])
    assert found["note"] == "Round 2 was left out: one of its pictures came out black or broken."
    assert not last["open"]
    assert [c["pictures"] for c in last["comparison"]["contenders"]] == [2, 2]


async def test_without_any_picture_it_fails_with_the_reason(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, faulty: type[FaultyRenderer]
) -> None:
    """A comparison without a round is none: the model's own sentence is told, and the job's id."""
    monkeypatch.setattr(faulty, "fault", fails(7, SpoiltError("The model drew no picture: it is all black.")))
    async with Client(server) as client:
        with pytest.raises(ToolError, match=r"it is all black\. .*get_job\(job_id='[0-9a-f]{12}'\)"):
            await compare(client, **{**THREE, "seeds": 1})


@pytest.mark.parametrize("by", ["key", "resume"])
async def test_a_failed_one_goes_on(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, faulty: type[FaultyRenderer], by: str
) -> None:
    """Under its id, by its key or by `resume`: what was drawn before has its page and its vote, and is not drawn again."""
    monkeypatch.setattr(faulty, "fault", fails(8, ModelError("There is not enough memory.")))
    asked = {**THREE, "key": "three"}
    async with Client(server) as client:
        with pytest.raises(ToolError, match=r"not enough memory\..* compare_models\(resume=") as failed:
            await compare(client, **asked)
        job_id = str(failed.value).split("resume='")[1][:12]
        found = (await data(client, f"pixels://jobs/{job_id}"))["result"]["comparison"]
        ended = await vote(client, job_id, round=1, winner="B")
        monkeypatch.setattr(faulty, "fault", staticmethod(lambda _: None))
        faulty.seeds.clear()
        again = await compare(client, **(asked if by == "key" else {"resume": job_id}))

    rounds = again["result"]["comparison"]["rounds"]
    assert [r["round"] for r in found["rounds"]] == [1]
    assert Path(found["page"]).is_file()
    assert (ended["open"], ended["comparison"]) == (True, None)
    assert f"compare_models(resume='{job_id}')" in ended["next"]
    assert (again["job_id"], again["status"]) == (job_id, "done")
    assert [r["vote"] and r["vote"]["winner"] for r in rounds] == ["B", None, None]
    assert 7 not in faulty.seeds
    assert faulty.seeds.count(9) == 2


async def test_once_voting_has_ended_nothing_more_is_drawn(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, faulty: type[FaultyRenderer]
) -> None:
    """Nobody could vote on it: resumed, it is done with what it has."""
    monkeypatch.setattr(faulty, "fault", fails(8, ModelError("There is not enough memory.")))
    async with Client(server) as client:
        with pytest.raises(ToolError) as failed:
            await compare(client, **THREE)
        job_id = str(failed.value).split("resume='")[1][:12]
        await vote(client, job_id, reveal=True)
        faulty.seeds.clear()
        again = await compare(client, resume=job_id)

    assert (again["status"], faulty.seeds) == ("done", [])
    assert [r["round"] for r in again["result"]["comparison"]["rounds"]] == [1]


@pytest.mark.parametrize(("asked", "says"), [
    ({"resume": "0123456789ab"}, "There is no job"),
    ({"resume": "0123456789ab", "prompts": ["a potion"]}, "leave out the other arguments"),
    ({}, "There are 0 contenders"),
])  # fmt: skip
async def test_what_cannot_go_on_is_refused(server: FastMCP[Any], asked: dict[str, Any], says: str) -> None:
    """In one sentence."""
    async with Client(server) as client:
        with pytest.raises(ToolError, match=says):
            await compare(client, **asked)


async def test_a_sprite_is_no_comparison(server: FastMCP[Any]) -> None:
    """Only a comparison is gone on with."""
    async with Client(server) as client:
        made = (await client.call_tool("generate_sprite", {"prompt": "a red potion", "steps": 1})).structured_content
        assert made is not None
        with pytest.raises(ToolError, match="is a sprite job, no comparison"):
            await compare(client, resume=made["job_id"])


def test_the_command_goes_on_with_a_failed_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, faulty: type[FaultyRenderer], capsys: pytest.CaptureFixture[str]
) -> None:
    """`compare` names the id and the commands; `jobs resume` draws the rest, without a server."""
    monkeypatch.setattr(faulty, "fault", fails(8, ModelError("There is not enough memory.")))
    words = ("--prompts", "a red potion", "--seeds", "3", "--seed", "7", "--steps", "1")
    assert run(settings, "compare", *THREE["contenders"], *words) == 1
    said = capsys.readouterr().err
    job_id = said.split("dgx-pixels jobs resume ")[1][:12]
    assert run(settings, "jobs", "resume", job_id) == 1
    assert f"dgx-pixels jobs resume {job_id}" in capsys.readouterr().err
    monkeypatch.setattr(faulty, "fault", staticmethod(lambda _: None))

    assert f"dgx-pixels vote {job_id}" in said
    assert "get_job" not in said
    assert run(settings, "jobs", "resume", job_id) == 0
    assert capsys.readouterr().out == f"{job_id}  done.\n"


def test_without_a_page_the_command_names_none(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """A comparison does not fail for want of its page; the way to vote is told all the same, and so is each vote's warning."""
    (settings.home / "comparisons").write_text("no folder")
    assert run(settings, "compare", *TWO["contenders"], "--prompts", "a red potion", "--steps", "1") == 0
    said = capsys.readouterr().out
    assert "None" not in said
    job_id = said.split("dgx-pixels vote ")[1][:12]
    assert run(settings, "vote", job_id, "1", "A") == 0
    assert "cannot be written" in capsys.readouterr().err


async def test_a_draft_counts_for_the_contender_as_named(server: FastMCP[Any], settings: Settings, game: Path) -> None:
    """The LCM LoRA that a full-size model's draft takes is in the recipe, but not in the name, as promote_lora has it."""
    models = settings.home / "models"
    shutil.copytree(embedded().folder, models / "checkpoints/full")
    (models / "loras/lcm.safetensors").write_bytes((models / "loras/style.safetensors").read_bytes())
    named = ["full+style:0.8", "full"]
    async with Client(server) as client:
        await client.call_tool("setup_project", {"model": "full"})
        made = await compare(client, **{**TWO, "contenders": named, "profile": "draft", "steps": 1})
        found = await data(client, f"pixels://comparisons/{made['job_id']}")
        await vote(client, made["job_id"], round=1, winner=found["rounds"][0]["labels"][0])
        recipes = await data(client, f"pixels://comparisons/{made['job_id']}/recipes")
        ended = await data(client, f"pixels://comparisons/{made['job_id']}")
        refused = await refusal(client, contender=named[0])

    assert [c["contender"] for c in ended["contenders"]] == named
    assert {r["model"] for r in recipes["1"].values()} == {"full+style:0.8+lcm:1.0", "full+lcm:1.0"}
    assert "of 1 decided votes" in refused

"""How voting ends, what is told of it where, and that a page that cannot be written takes no vote with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from comparing import cell, data, keep_comparison, vote
from conftest import text_of
from fastmcp import Client, FastMCP
from filelock import FileLock

from dgx_pixels.library.comparison_blind import told
from dgx_pixels.library.comparison_records import PlannedRound
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.library import Library
from dgx_pixels.library.records import JobStatus
from dgx_pixels.server.settings import Settings

PAIR = ("tiny-sdxl", "tiny-sdxl+style:0.8")


async def half_drawn(library: Library, status: JobStatus) -> str:
    """A comparison of two rounds, of which the second lacks a picture; answers with its id."""
    await library.jobs.create("bbbbbbbbbbbb", "comparison", "", "{}")
    planned = [PlannedRound(f"prompt {n}", "item", n, 0) for n in range(2)]
    await library.comparisons.begin("bbbbbbbbbbbb", "", PAIR, planned, blind=True)
    for number, place in ((1, 0), (1, 1), (2, 1)):
        await library.comparisons.add_cell("bbbbbbbbbbbb", cell(number, place))
    await library.jobs.set("bbbbbbbbbbbb", status)
    return "bbbbbbbbbbbb"


@pytest.mark.parametrize("status", ["running", "cancelled", "failed", "done"])
async def test_the_last_vote_ends_it_whatever_its_job_does(library: Library, status: str) -> None:
    """Once all rounds are drawn none can follow: the job may still be writing its page, or have been cancelled just then."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR, rounds=1, status=status)
    await library.comparisons.vote(kept, 1, "A")
    after = await told(library.comparisons, kept)

    assert not after.open
    assert after.contenders is not None


@pytest.mark.parametrize(("status", "how"), [
    ("running", "get_job with job_id 'bbbbbbbbbbbb'"), ("cancelled", "compare_models(resume='bbbbbbbbbbbb')"),
    ("failed", "compare_models(resume='bbbbbbbbbbbb')"),
])  # fmt: skip
async def test_what_is_not_drawn_to_its_end_is_ended_by_reveal_alone(library: Library, status: JobStatus, how: str) -> None:
    """All rounds so far are voted on, but the others may be drawn yet, and must find the voting open."""
    kept = await half_drawn(library, status)
    await library.comparisons.vote(kept, 1, "A")
    before = await told(library.comparisons, kept)
    await library.comparisons.reveal(kept)
    after = await told(library.comparisons, kept)

    assert (before.open, before.contenders) == (True, None)
    assert how in before.next
    assert status == "running" or "reveal=true" in before.next
    assert not after.open
    assert after.contenders is not None


async def test_a_round_without_all_its_pictures_is_not_shown(library: Library) -> None:
    """Nor can it be voted on."""
    kept = await half_drawn(library, "cancelled")

    assert [r.round for r in (await told(library.comparisons, kept)).rounds] == [1]
    with pytest.raises(LibraryError, match="no round 2"):
        await library.comparisons.vote(kept, 2, "A")


async def test_a_round_that_is_left_out_keeps_no_vote_waiting(library: Library) -> None:
    """If it was the last without a vote, voting ends; and it is said which one is missing."""
    kept = await half_drawn(library, "running")
    await library.comparisons.vote(kept, 1, "A")
    await library.comparisons.leave_out(kept, 2, "Round 2 was left out.")
    after = await told(library.comparisons, kept)

    assert (after.open, after.planned, [r.round for r in after.rounds]) == (False, 1, [1])
    assert after.note == "Round 2 was left out."


async def test_a_vote_stands_if_its_page_cannot_be_written(library: Library, server: FastMCP[Any], settings: Settings) -> None:
    """The answer is no error, and says what is wrong; the next vote is on the next round."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    (settings.home / "comparisons").write_text("no folder")
    async with Client(server) as client:
        result = await client.call_tool("record_vote", {"comparison_id": kept, "round": 1, "winner": "A"})

    assert result.structured_content is not None
    assert "cannot be written" in result.structured_content["warning"]
    assert result.structured_content["warning"] in text_of(result)
    assert "round=2" in text_of(result)
    assert (await library.comparisons.get(kept)).rounds[0].vote is not None


async def test_a_page_is_never_older_than_the_one_before(library: Library, server: FastMCP[Any], settings: Settings) -> None:
    """Who writes a page reads the comparison only when no other process writes one."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    lock = FileLock(library.comparisons.page(kept).parent / ".pages.lock")
    async with Client(server) as client:
        with lock:
            asked = {"comparison_id": kept, "round": 1, "winner": "A"}
            voting = asyncio.create_task(client.call_tool("record_vote", asked))
            while (await library.comparisons.get(kept)).rounds[0].vote is None:
                await asyncio.sleep(0.01)
            await asyncio.wait({voting}, timeout=0.3)
            await library.comparisons.vote(kept, 2, "tie", "in between")
        await voting

    assert "in between" in library.comparisons.page(kept).read_text()


async def test_a_jobs_resource_knows_the_votes(library: Library, server: FastMCP[Any]) -> None:
    """It tells what get_job tells: the comparison as it stands, not as it was when the job ended."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    async with Client(server) as client:
        before = await data(client, f"pixels://jobs/{kept}")
        await vote(client, kept, reveal=True)
        after = await data(client, f"pixels://jobs/{kept}")

    assert (before["result"]["comparison"]["open"], before["result"]["comparison"]["contenders"]) == (True, None)
    assert [c["contender"] for c in after["result"]["comparison"]["contenders"]] == [*PAIR]
    assert after["next"] == after["result"]["comparison"]["next"]


async def test_a_long_answer_leaves_measures_to_the_resource(library: Library, server: FastMCP[Any]) -> None:
    """What the votes say comes first; of more than 20 rounds it says who drew what, and where the rest is."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR, rounds=21)
    async with Client(server) as client:
        found = (await vote(client, kept, reveal=True))["comparison"]
        full = await data(client, f"pixels://comparisons/{kept}")
        job = (await client.call_tool("get_job", {"job_id": kept})).structured_content

    assert job is not None
    assert job["result"]["comparison"] == found
    assert [*found][-1] == "rounds"
    assert {name for r in found["rounds"] for shown in r["revealed"].values() for name in shown} == {"contender"}
    assert f"pixels://comparisons/{kept}" in found["next"]
    assert {shown["seconds"] for shown in full["rounds"][20]["revealed"].values()} == {0.25, 1.25}

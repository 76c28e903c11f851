"""Idempotency keys, pausing and going on: the runner's promises on a real library, and the tools' through a real client."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from test_jobs import RESULT

from dgx_pixels.library.library import Library
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.job_work import JobFailedError, JobPausedError, JobReport, Report
from dgx_pixels.tools.jobs import JobRunner

POTION: dict[str, Any] = {"prompt": "a red potion", "steps": 1, "key": "potion-1"}


class Counting:
    """Work that counts how often it is begun, and ends when it may."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self, _: Report) -> JobResult:
        """Wait, and succeed."""
        self.begun += 1
        await self.may_end.wait()
        return RESULT


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """What the library's database says."""
    with closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
        return db.execute(query).fetchall()


async def test_twenty_that_ask_at_once_under_one_key_get_one_job(runner: JobRunner) -> None:
    """The work runs once, and each has its result; another key, kind or project is another job."""
    work = Counting()
    asked = [runner.start_once("sprite", "/game", "{}", work, key="one", asked="a") for _ in range(20)]
    found = await asyncio.gather(*asked)
    assert len({job_id for job_id, _ in found}) == 1
    assert sum(new for _, new in found) == 1
    await asyncio.sleep(0.05)
    assert work.begun == 1
    work.may_end.set()
    assert (await runner.wait(found[0][0], 10)).status == "done"
    assert await runner.start_once("sprite", "/game", "{}", work, key="one", asked="a") == (found[0][0], False)
    assert work.begun == 1

    for kind, project, key in (("sprite", "/game", "two"), ("tileset", "/game", "one"), ("sprite", "/other", "one")):
        assert (await runner.start_once(kind, project, "{}", work, key=key, asked="a"))[1]
    with pytest.raises(JobFailedError, match="The key 'one' stands for another request"):
        await runner.start_once("sprite", "/game", "{}", work, key="one", asked="b")


async def test_a_caller_that_goes_away_ends_no_job_that_another_waits_for(runner: JobRunner) -> None:
    """Two that asked under one key: the first leaves, the second has the result; when the last leaves, it ends."""
    work = Counting()
    job_id, _ = await runner.start_once("sprite", "", "{}", work, key="one", asked="a")
    first, second = (asyncio.create_task(runner.wait(job_id, 10)) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.wait({first})
    runner.leave(job_id)
    work.may_end.set()
    assert (await second).status == "done"

    left, _ = await runner.start_once("sprite", "", "{}", Counting(), key="two", asked="a")
    runner.leave(left)
    assert (await runner.wait(left, 10)).status == "cancelled"


async def test_a_key_finds_its_job_after_a_restart(settings: Settings) -> None:
    """Random seed or not, waited for otherwise or not: the same answer, one job; another request is refused, a new key is not."""
    answers = []
    for wait_s in (45, 30):
        async with Client(build(settings)[0]) as client:
            answers.append((await client.call_tool("generate_sprite", {**POTION, "wait_s": wait_s})).structured_content)
    assert answers[0] == answers[1]
    assert rows(settings, "SELECT count(*), max(attempts) FROM jobs") == [(1, 1)]

    async with Client(build(settings)[0]) as client:
        with pytest.raises(ToolError, match="'potion-1' stands for another request"):
            await client.call_tool("generate_sprite", {**POTION, "prompt": "a blue potion"})
        await client.call_tool("generate_sprite", {**POTION, "key": "potion-2"})
        for key in ("", "x" * 201, "two\nlines"):
            with pytest.raises(ToolError, match="1 to 200 printable characters"):
                await client.call_tool("generate_sprite", {**POTION, "key": key})
    assert rows(settings, "SELECT count(*) FROM jobs") == [(2,)]


async def test_a_job_that_failed_says_that_its_key_is_taken(settings: Settings, game: Path) -> None:
    """It does not run again, and the sentence says how to."""
    (game / "picture.png").write_bytes(b"no picture")
    asked = {"image": "picture.png", "key": "once"}
    async with Client(build(settings)[0]) as client:
        with pytest.raises(ToolError) as first:
            await client.call_tool("pixelize_image", asked)
        with pytest.raises(ToolError) as second:
            await client.call_tool("pixelize_image", asked)

    assert "give another to try again" not in str(first.value)
    assert str(second.value).startswith(str(first.value))
    assert "give another to try again" in str(second.value)
    assert rows(settings, "SELECT attempts FROM jobs") == [(1,)]


class Training:
    """Work that can be paused, and that goes on where it was."""

    def __init__(self) -> None:
        self.steps = 0
        self.goal = 10**9

    async def __call__(self, report: JobReport) -> JobResult:
        """Take steps until there are enough, or until it is asked to pause."""
        paused = asyncio.Event()
        report.pausable(paused.set)
        while self.steps < self.goal:
            self.steps += 1
            await asyncio.sleep(0.001)
            if paused.is_set():
                raise JobPausedError
        return RESULT


async def test_a_paused_job_goes_on_where_it_was(library: Library, runner: JobRunner) -> None:
    """It is taken over by nobody, ends when it is resumed, and does not run again once it is done."""
    work = Training()
    await runner.take_over({"training": lambda _: work})
    job_id = runner.start("training", "", "{}", work)
    while not work.steps:
        await asyncio.sleep(0.01)
    assert runner.pause(job_id)
    answer = await runner.wait(job_id, 10)
    assert answer.status == "paused"
    assert job_id in answer.next
    assert not await library.jobs.left()

    work.goal = work.steps + 3
    await runner.resume(job_id)
    assert (await runner.wait(job_id, 10)).status == "done"
    assert work.steps == work.goal
    with pytest.raises(JobFailedError, match="done already"):
        await runner.resume(job_id)


@pytest.mark.parametrize("lasting", [True, False])
async def test_a_pause_that_was_accepted_is_kept_when_the_server_ends(library: Library, lasting: bool) -> None:
    """Though the work had not come to its next step: the next server does not go on with it; a cancel after it is a cancel."""
    asked, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(report: JobReport) -> JobResult:
        report.pausable(asked.set)
        begun.release()
        await asyncio.sleep(3600)
        return RESULT

    runner = JobRunner(library)
    await runner.take_over({"training": lambda _: slow} if lasting else {})
    paused, cancelled = (runner.start("training", "", "{}", slow) for _ in range(2))
    for _ in range(2):
        await begun.acquire()
    assert runner.pause(paused)
    assert runner.pause(cancelled)
    assert runner.cancel(cancelled)
    closing = asyncio.create_task(runner.close())
    await asyncio.wait({closing}, timeout=5)

    assert closing.done()
    assert asked.is_set()
    assert [(await library.jobs.get(job_id)).status for job_id in (paused, cancelled)] == ["paused", "cancelled"]


async def test_a_key_of_a_job_that_is_just_being_cancelled_is_not_burnt(runner: JobRunner) -> None:
    """Who asks again while it ends waits for the end, and has it begun anew."""
    begun = asyncio.Event()

    async def hard_to_stop(_: Report) -> JobResult:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.1)
        return RESULT

    job_id, _ = await runner.start_once("sprite", "", "{}", hard_to_stop, key="one", asked="a")
    await begun.wait()
    runner.cancel(job_id)
    work = Counting()
    work.may_end.set()

    assert await runner.start_once("sprite", "", "{}", work, key="one", asked="a") == (job_id, False)
    assert (await runner.wait(job_id, 10)).status == "done"
    assert work.begun == 1


async def test_what_cannot_be_paused_says_so_and_goes_on(server: FastMCP[Any]) -> None:
    """A sprite job is not harmed by the try; a job that is over answers with its state."""
    async with Client(server) as client:
        long = {"prompt": "a red potion", "steps": 100, "variants": 8, "wait_s": 0}
        job = (await client.call_tool("generate_sprite", long)).structured_content
        assert job is not None
        with pytest.raises(ToolError, match="cannot be paused, only a training can"):
            await client.call_tool("cancel_job", {"job_id": job["job_id"], "pause": True})
        for pause in (False, True):
            over = await client.call_tool("cancel_job", {"job_id": job["job_id"], "pause": pause})
            assert over.structured_content is not None
            assert over.structured_content["status"] == "cancelled"


async def test_a_paused_job_can_be_cancelled(settings: Settings) -> None:
    """Though nobody works on it."""
    library = await Library.open(settings.home)
    await library.jobs.create("0123456789ab", "training", "", "{}")
    await library.jobs.set("0123456789ab", "paused")
    await library.close()

    async with Client(build(settings)[0]) as client:
        over = (await client.call_tool("cancel_job", {"job_id": "0123456789ab"})).structured_content

    assert over is not None
    assert over["status"] == "cancelled"
    assert rows(settings, "SELECT status FROM jobs") == [("cancelled",)]


async def test_what_somebody_waits_for_is_taken_over_first(library: Library, settings: Settings) -> None:
    """Of jobs that a server left: sprites and tilesets, then batches; a training holds up none of them.

    Of equals the one that was begun least often: one that ends each server keeps no other from being done.
    """
    kinds = ("training", "batch", "comparison", "sprite", "tileset")
    other = await Library.open(settings.home)
    for kind in kinds:
        await other.jobs.create(kind, kind, "", "{}")
    await other.jobs.begin("sprite")
    await other.close()
    begun: list[str] = []

    def noting(kind: str) -> Any:  # noqa: ANN401  # a way to do it again
        async def work(_: Report) -> JobResult:
            begun.append(kind)
            await asyncio.sleep(3600 if kind == "training" else 0)
            return RESULT

        return lambda _: work

    runner = JobRunner(library)
    await runner.take_over({kind: noting(kind) for kind in kinds})
    for kind in kinds[1:]:
        assert (await runner.wait(kind, 10)).status == "done"
    await runner.close()

    assert [kind for kind in begun if kind != "training"] == ["tileset", "sprite", "batch", "comparison"]


async def test_a_job_that_gets_further_is_not_given_up(library: Library, settings: Settings) -> None:
    """Only beginnings that led nowhere count: a long batch may outlive any number of servers."""
    other = await Library.open(settings.home)
    await other.jobs.create("left", "batch", "", "{}")
    for _ in range(5):
        await other.jobs.begin("left")
        await other.jobs.progressed("left")
    await other.close()
    work = Counting()
    work.may_end.set()
    runner = JobRunner(library)
    await runner.take_over({"batch": lambda _: work})

    assert (await runner.wait("left", 10)).status == "done"
    await runner.close()

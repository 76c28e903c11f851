"""The job runner's promises, on a real library; the work here is small coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dgx_pixels.library.library import Library
from dgx_pixels.tools.answers import AssetAnswer, Reload, SpriteResult
from dgx_pixels.tools.jobs import JobFailedError, JobRunner, Report

ASSET = AssetAnswer(
    id="a", version=1, name="a", path="sprites/item_a.png", file="/a.png", width=32, height=32, colors=1, seed=1, checks={},
    published=True, reloaded=None, reload=Reload(reason="none"),
)  # fmt: skip
RESULT = SpriteResult(assets=[ASSET])


async def succeed(_: Report) -> SpriteResult:
    """Work that is done at once."""
    return RESULT


async def last_forever(_: Report) -> SpriteResult:
    """Work that ends only by being cancelled."""
    await asyncio.sleep(3600)
    return RESULT


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """An open library."""
    opened = await Library.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def runner(library: Library) -> AsyncIterator[JobRunner]:
    """A runner, closed in the end."""
    made = JobRunner(library)
    yield made
    await made.close()


async def test_a_job_ends_as_its_work_does(runner: JobRunner) -> None:
    """Done, failed with its own sentence, failed without innards: each is what get_job says."""

    async def fail(_: Report) -> SpriteResult:
        raise JobFailedError("no such model")

    async def break_down(_: Report) -> SpriteResult:
        raise ZeroDivisionError("innards")

    done, failed, broken = [await runner.wait(runner.start("sprite", "", "{}", w), 10) for w in (succeed, fail, break_down)]
    assert (done.status, done.result) == ("done", RESULT)
    assert (failed.status, failed.error) == ("failed", "no such model")
    assert broken.status == "failed"
    assert "innards" not in (broken.error or "")


@pytest.mark.parametrize("turns", range(8))
async def test_cancelling_again_and_again_is_cancelling(runner: JobRunner, turns: int) -> None:
    """However often and whenever it is cancelled before it is done, the job is kept as cancelled."""
    job_id = runner.start("sprite", "", "{}", last_forever)
    for _ in range(turns):
        await asyncio.sleep(0.001)
    for _ in range(3):
        runner.cancel(job_id)
        await asyncio.sleep(0)

    assert (await runner.wait(job_id, 10)).status == "cancelled"


async def test_a_cancel_after_the_work_is_done_comes_too_late(runner: JobRunner) -> None:
    """A result that is being written to the library is not lost to a cancel."""
    finished = asyncio.Event()

    async def finish(_: Report) -> SpriteResult:
        finished.set()
        return RESULT

    job_id = runner.start("sprite", "", "{}", finish)
    await finished.wait()
    await asyncio.sleep(0)
    runner.cancel(job_id)

    assert (await runner.wait(job_id, 10)).status == "done"


async def test_a_waiter_that_goes_away_does_not_end_the_job(runner: JobRunner) -> None:
    """Only `cancel` ends a job."""
    go_on = asyncio.Event()

    async def wait_for_it(_: Report) -> SpriteResult:
        await go_on.wait()
        return RESULT

    job_id = runner.start("sprite", "", "{}", wait_for_it)
    waiter = asyncio.create_task(runner.wait(job_id, 10))
    await asyncio.sleep(0.05)
    waiter.cancel()
    go_on.set()

    assert (await runner.wait(job_id, 10)).status == "done"


async def test_a_job_of_a_process_that_died_is_failed(library: Library, tmp_path: Path) -> None:
    """get_job does not say "running" of what nobody works on any more; of another process's work it does."""
    other = await Library.open(tmp_path)
    await other.create_job("theirs", "sprite", "", "{}")
    runner = JobRunner(library)
    assert (await runner.wait("theirs", 0)).status == "running"
    assert not runner.cancel("theirs")

    await other.close()
    answer = await runner.wait("theirs", 0)
    assert answer.status == "failed"
    assert "ended before" in (answer.error or "")


async def test_closing_cancels_and_keeps_it(library: Library) -> None:
    """A server that ends leaves no job that looks as if it ran."""
    runner = JobRunner(library)
    job_id = runner.start("sprite", "", "{}", last_forever)
    await asyncio.sleep(0.05)
    await runner.close()

    assert (await library.job(job_id)).status == "cancelled"
    assert not runner.busy

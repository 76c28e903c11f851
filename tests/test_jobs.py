"""The job runner's promises, on a real library; the work here is small coroutines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.library import Library
from dgx_pixels.library.records import JobRecord
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import AssetAnswer, JobResult, Reload
from dgx_pixels.tools.job_work import JobFailedError, Report, Work
from dgx_pixels.tools.jobs import JobRunner

ASSET = AssetAnswer(
    id="a", version=1, name="a", path="sprites/item_a.png", file="/a.png", width=32, height=32, colors=1, seed=1, checks={},
    published=True, reloaded=None, reload=Reload(reason="none"),
)  # fmt: skip
RESULT = JobResult(assets=[ASSET])


async def succeed(_: Report) -> JobResult:
    """Work that is done at once."""
    return RESULT


async def last_forever(_: Report) -> JobResult:
    """Work that ends only by being cancelled."""
    await asyncio.sleep(3600)
    return RESULT


async def test_a_job_ends_as_its_work_does(runner: JobRunner) -> None:
    """Done, failed with its own sentence, failed without innards: each is what get_job says."""

    async def fail(_: Report) -> JobResult:
        raise JobFailedError("no such model")

    async def break_down(_: Report) -> JobResult:
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

    async def finish(_: Report) -> JobResult:
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

    async def wait_for_it(_: Report) -> JobResult:
        await go_on.wait()
        return RESULT

    job_id = runner.start("sprite", "", "{}", wait_for_it)
    waiter = asyncio.create_task(runner.wait(job_id, 10))
    await asyncio.sleep(0.05)
    waiter.cancel()
    go_on.set()

    assert (await runner.wait(job_id, 10)).status == "done"


async def test_a_job_of_a_process_that_died_is_failed(library: Library, settings: Settings) -> None:
    """get_job does not say "running" of what nobody works on any more; of another process's work it does."""
    other = await Library.open(settings.home)
    await other.jobs.create("theirs", "sprite", "", "{}")
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

    assert (await library.jobs.get(job_id)).status == "cancelled"
    assert not runner.busy


async def left_behind(home: Path, job_id: str, *, begun: int = 1, kind: str = "sprite") -> None:
    """Leave a job as a process does that dies at its work."""
    other = await Library.open(home)
    await other.jobs.create(job_id, kind, "", "{}")
    for _ in range(begun):
        await other.jobs.begin(job_id)
    await other.close()


async def test_a_job_that_was_left_is_done_under_its_id_when_a_lasting_runner_comes(library: Library, settings: Settings) -> None:
    """get_job finds the result where it was promised; other kinds, and what somebody works on, are left alone."""
    await left_behind(settings.home, "left")
    await left_behind(settings.home, "unknown", kind="another kind")
    other = await Library.open(settings.home)
    await other.jobs.create("theirs", "sprite", "", "{}")
    runner = JobRunner(library)
    await runner.take_over({"sprite": lambda _: succeed})

    assert (await runner.wait("left", 10)).status == "done"
    assert (await runner.wait("theirs", 0)).status == "running"
    assert (await runner.wait("unknown", 0)).status == "failed"
    await other.close()
    assert (await runner.wait("theirs", 10)).status == "done"  # its process has died since
    await runner.close()


@pytest.mark.parametrize("lasting", [True, False])
async def test_a_job_whose_outcome_could_not_be_written_does_not_run_for_ever(library: Library, lasting: bool) -> None:
    """Its row says "running" of a living process, but nobody works on it: it is done again where that can be, or has failed."""
    runner = JobRunner(library)
    await runner.take_over({"sprite": lambda _: succeed} if lasting else {})
    full = "CREATE TRIGGER full BEFORE UPDATE ON jobs WHEN NEW.status = 'done' BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    await library._store.db.execute(full)
    ids = [runner.start("sprite", "", "{}", succeed) for _ in range(3)]
    for job_id in ids:
        with pytest.raises(LibraryError, match="disk is full"):
            await runner.wait(job_id, 10)
    await library._store.db.execute("DROP TRIGGER full")

    assert [job.id for job in await library.jobs.left()] == ids
    assert (await runner.wait(ids[0], 0.5)).status == ("done" if lasting else "failed")
    await runner.end(ids[1])
    assert (await library.jobs.get(ids[1])).status == "cancelled"
    await runner.resume(ids[2], succeed)
    assert (await runner.wait(ids[2], 10)).status == "done"
    assert (await runner.wait(ids[1], 0)).status == "cancelled"


async def test_a_job_that_was_begun_three_times_is_not_begun_again(library: Library, settings: Settings) -> None:
    """What ends the process each time ends it three times, not for ever."""
    await left_behind(settings.home, "left", begun=3)
    runner = JobRunner(library)
    await runner.take_over({"sprite": lambda _: succeed})

    answer = await runner.wait("left", 10)
    assert answer.status == "failed"
    assert "ended 3 times" in (answer.error or "")


async def test_a_training_is_not_blamed_for_servers_that_end(library: Library, settings: Settings) -> None:
    """It runs in a process of its own, and needs longer to its first step than servers may live."""
    await left_behind(settings.home, "left", kind="training", begun=30)
    runner = JobRunner(library)
    await runner.take_over({"training": lambda _: succeed})

    assert (await runner.wait("left", 10)).status == "done"


async def test_jobs_that_were_left_are_done_one_after_the_other(library: Library, settings: Settings) -> None:
    """So that one that ends the process does not take the others' next try with it."""
    for name in ("one", "two"):
        await left_behind(settings.home, name)
    begun: list[str] = []

    def again(job: JobRecord) -> Work:
        async def work(_: Report) -> JobResult:
            begun.append(job.id)
            await asyncio.sleep(3600)
            return RESULT

        return work

    runner = JobRunner(library)
    await runner.take_over({"sprite": again})
    while not begun:
        await asyncio.sleep(0.01)
    assert [(await library.jobs.get(name)).attempts for name in ("one", "two")] == [2, 1]
    runner.cancel("two")
    assert (await runner.wait("two", 10)).status == "cancelled"
    runner.cancel("one")
    assert (await runner.wait("one", 10)).status == "cancelled"
    assert begun == ["one"]


async def test_a_lasting_runner_that_closes_leaves_its_jobs_to_the_next(library: Library, settings: Settings) -> None:
    """A server that is asked to end loses nobody's job, and that it had begun it does not count against it."""
    runner = JobRunner(library)
    await runner.take_over({"sprite": lambda _: succeed})
    job_id = runner.start("sprite", "", "{}", last_forever)
    cancelled = runner.start("sprite", "", "{}", last_forever)
    await asyncio.sleep(0.05)
    runner.cancel(cancelled)
    await runner.close()
    left = await library.jobs.get(job_id)
    assert (left.status, left.attempts) == ("queued", 0)
    await library.close()

    later = await Library.open(settings.home)
    following = JobRunner(later)
    await following.take_over({"sprite": lambda _: succeed})
    assert (await following.wait(job_id, 10)).status == "done"
    assert (await following.wait(cancelled, 10)).status == "cancelled"
    await following.close()
    await later.close()


async def test_a_call_that_is_sent_again_joins_the_job_that_it_has_started(runner: JobRunner) -> None:
    """While it runs, and when it is done; one that was cancelled, as a server's end does with its callers', begins anew."""
    go_on = asyncio.Event()

    async def wait_for_it(_: Report) -> JobResult:
        await go_on.wait()
        return RESULT

    assert not await runner.join("0123456789ab", "sprite", succeed)
    job_id = runner.start("sprite", "", "{}", wait_for_it, "0123456789ab")
    assert await runner.join(job_id, "sprite", last_forever)
    go_on.set()
    assert (await runner.wait(job_id, 10)).status == "done"
    assert await runner.join(job_id, "sprite", last_forever)
    assert (await runner.wait(job_id, 10)).status == "done"
    with pytest.raises(JobFailedError, match="another kind of work"):
        await runner.join(job_id, "pixelize", succeed)

    cancelled = runner.start("sprite", "", "{}", last_forever)
    runner.cancel(cancelled)
    assert (await runner.wait(cancelled, 10)).status == "cancelled"
    assert await runner.join(cancelled, "sprite", succeed)
    assert (await runner.wait(cancelled, 10)).status == "done"


async def test_the_status_does_not_read_through_all_jobs_that_ever_were(library: Library) -> None:
    """Each of its queries goes by an index, though there are many ended jobs and few others."""
    jobs, db = library.jobs, library._store.db
    for i in range(30):
        await jobs.create(f"job{i:02}", "sprite", "", "{}")
        await jobs.set(f"job{i:02}", "done" if i != 5 else "paused", result="{}")
    asked: list[str] = []
    await db.set_trace_callback(asked.append)
    states = [(found["id"], found["status"]) for found in await jobs.recent_states(3)]
    counts = await jobs.counts()
    await db.set_trace_callback(None)  # type: ignore[arg-type]  # sqlite3 takes None

    assert states == [("job05", "paused"), ("job29", "done"), ("job28", "done")]
    assert [job.id for job in await jobs.recent(3)] == ["job05", "job29", "job28"]
    assert counts == {"queued": 0, "running": 0, "paused": 1}
    assert len(asked) == 3
    for query in asked:
        steps = [row["detail"] for row in await db.execute_fetchall(f"EXPLAIN QUERY PLAN {query}")]
        assert all("USING" in step and "INDEX" in step for step in steps if "jobs" in step), steps

"""The GPU thread's promises, each by name; the engine here is a plain object, since the thread does not care."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from dgx_pixels.models import gpu as gpu_thread
from dgx_pixels.models.gpu import GpuThread
from dgx_pixels.models.gpu_work import GpuLostError, Priority, QueueFullError, Tell, WorkCancelledError


@dataclass(frozen=True)
class Request:
    """Something to draw."""

    name: str
    key: str = "one"
    most: int = 4


class Engine:
    """Stands for the renderer: draws a name by making it upper case, in three steps."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.begun = threading.Event()
        self.step_s = 0.0
        self.steps = 3
        self.can_hang = True

    def draw(self, requests: Sequence[Request], tell: Tell) -> list[str | Exception]:
        """Draw; a request named "bad" has no picture, one named "broken" spoils the batch, "lost" the GPU."""
        names = [r.name for r in requests]
        self.batches.append(names)
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        if "broken" in names:
            raise ValueError("mine")
        if "lost" in names:
            raise GpuLostError("The GPU is gone.")
        for i in range(self.steps):
            tell(i + 1, self.steps, lambda place: np.full((1, 1, 3), place, dtype=np.uint8))
            time.sleep(self.step_s)
        return [ValueError("no picture") if n == "bad" else n.upper() for n in names]


@pytest.fixture
def engine() -> Engine:
    """The engine that the thread makes."""
    return Engine()


def slow(engine: Engine) -> Engine:
    """The engine, drawing until it is stopped."""
    engine.steps, engine.step_s = 10_000, 0.001
    return engine


async def test_all_work_runs_on_one_thread_that_is_not_the_loops(engine: Engine) -> None:
    """Whoever asks, the engine sees one thread, always the same."""
    async with GpuThread[Request, str](lambda: engine) as gpu:
        drawn = await asyncio.gather(*(gpu.draw(Request(n, key=n)) for n in "abc"))

    assert drawn == ["A", "B", "C"]
    assert engine.threads == {"gpu"}


async def test_a_hung_driver_does_not_keep_an_ending_server_alive(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What makes no step any more is given up after a while, with a line in the log."""
    monkeypatch.setattr(gpu_thread, "_ENDING_S", 0.2)
    hung, engine.steps = threading.Event(), 1

    def hang(_: Sequence[Request], tell: Tell) -> list[str | Exception]:
        engine.begun.set()
        hung.wait(60)
        return ["A"]

    monkeypatch.setattr(engine, "draw", hang)
    async with GpuThread[Request, str](lambda: engine) as gpu:
        drawing = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait, 10)
        drawing.cancel()

    assert not hung.is_set()
    assert gpu._thread.is_alive()
    assert "has not ended" in caplog.text
    hung.set()
    await asyncio.to_thread(gpu._thread.join)


async def test_the_engine_is_made_on_the_thread_once_and_only_when_needed(engine: Engine) -> None:
    """Starting does not wait for torch, and the model is not loaded twice."""
    made: list[str] = []

    def make() -> Engine:
        made.append(threading.current_thread().name)
        return engine

    async with GpuThread[Request, str](make) as gpu:
        assert made == []
        await asyncio.gather(*(gpu.draw(Request(n)) for n in "ab"))

    assert made == ["gpu"]


async def test_what_comes_together_is_drawn_together(engine: Engine) -> None:
    """Requests of one key share a batch, up to their most; others wait their turn, in order."""
    async with GpuThread[Request, str](lambda: engine) as gpu:
        asked = [Request("a"), Request("x", key="two"), *(Request(n) for n in "bcdef")]
        drawn = await asyncio.gather(*(gpu.draw(r) for r in asked))

    assert drawn == ["A", "X", "B", "C", "D", "E", "F"]
    assert engine.batches == [["a", "b", "c", "d"], ["x"], ["e", "f"]]


async def test_a_failed_load_reaches_every_caller_and_the_thread_lives_on(engine: Engine) -> None:
    """Each caller gets the failure, none hangs; once the cause is mended, work goes on."""
    broken = True

    def make() -> Engine:
        if broken:
            raise OSError("no weights")
        return engine

    async with GpuThread[Request, str](make) as gpu:
        failures = await asyncio.gather(*(gpu.draw(Request(n)) for n in "abc"), return_exceptions=True)
        broken = False
        assert [str(f) for f in failures] == ["no weights"] * 3
        assert await gpu.draw(Request("a")) == "A"


async def test_a_failure_reaches_those_it_belongs_to(engine: Engine) -> None:
    """One without a picture fails alone; a broken batch fails all of itself, and no other."""
    async with GpuThread[Request, str](lambda: engine) as gpu:
        asked = [Request("a"), Request("bad"), Request("broken", key="two"), Request("b", key="two"), Request("c", key="three")]
        drawn = await asyncio.gather(*(gpu.draw(r) for r in asked), return_exceptions=True)

    assert [str(d) for d in drawn] == ["A", "no picture", "mine", "mine", "C"]


async def test_steps_are_told_in_the_event_loop(engine: Engine) -> None:
    """Progress arrives where asyncio code may touch it, each request's with its own preview, and not one for every step."""
    told: list[tuple[int, int, int | None, threading.Thread]] = []

    def watch(done: int, total: int, preview: np.ndarray | None) -> None:
        told.append((done, total, None if preview is None else int(preview[0, 0, 0]), threading.current_thread()))

    async with GpuThread[Request, str](lambda: engine) as gpu:
        await asyncio.gather(gpu.draw(Request("a")), gpu.draw(Request("b"), watch))

    here = threading.current_thread()
    assert told == [(1, 3, 1, here), (2, 3, None, here), (3, 3, None, here)]


async def test_a_cancelled_caller_stops_running_work_at_the_next_step(engine: Engine) -> None:
    """The thread is free again at once."""
    async with GpuThread[Request, str](lambda: slow(engine)) as gpu:
        running = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        engine.steps = 1
        assert await gpu.draw(Request("b")) == "B"
        assert gpu.waiting == 0


async def test_one_cancelled_caller_leaves_the_others_of_its_batch_alone(engine: Engine) -> None:
    """The batch goes on for those who still wait."""
    engine.steps, engine.step_s = 50, 0.002
    async with GpuThread[Request, str](lambda: engine) as gpu:
        mine, yours = (asyncio.create_task(gpu.draw(Request(n))) for n in "ab")
        await asyncio.to_thread(engine.begun.wait)
        mine.cancel()
        assert await yours == "B"

    assert mine.cancelled()
    assert engine.batches == [["a", "b"]]


async def test_a_cancelled_caller_leaves_the_queue(engine: Engine) -> None:
    """Queued work of somebody who went away never runs."""
    async with GpuThread[Request, str](lambda: slow(engine)) as gpu:
        running = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait)
        queued = asyncio.create_task(gpu.draw(Request("b")))
        await asyncio.sleep(0)
        queued.cancel()
        engine.steps = 1
        running.cancel()
        await asyncio.gather(queued, running, return_exceptions=True)
        await gpu.draw(Request("c"))

    assert engine.batches == [["a"], ["c"]]


async def test_too_much_waiting_work_is_refused_at_once(engine: Engine) -> None:
    """The queue is bounded, and the refusal says what to do."""
    async with GpuThread[Request, str](lambda: slow(engine), max_waiting=2) as gpu:
        running = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait)
        queued = asyncio.create_task(gpu.draw(Request("b")))
        await asyncio.sleep(0)

        with pytest.raises(QueueFullError, match="try again"):
            await gpu.draw(Request("c"))
        engine.steps = 1
        running.cancel()
        assert await queued == "B"


async def test_closing_stops_running_work_and_tells_who_waits(engine: Engine) -> None:
    """Nobody is left hanging, and the thread is gone."""
    async with GpuThread[Request, str](lambda: slow(engine)) as gpu:
        running = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait)
        queued = asyncio.create_task(gpu.draw(Request("b")))
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(running, queued, return_exceptions=True)
    assert [WorkCancelledError, WorkCancelledError] == [type(o) for o in outcomes]
    assert not [t for t in threading.enumerate() if t.name == "gpu"]


async def test_a_lost_gpu_is_told_once_and_to_its_callers(engine: Engine) -> None:
    """Whoever runs the process learns of it, so that it can end and be started again."""
    lost: list[str] = []
    async with GpuThread[Request, str](lambda: engine, lost.append) as gpu:
        with pytest.raises(GpuLostError):
            await gpu.draw(Request("lost"))

    assert lost == ["The GPU is gone."]


@pytest.mark.parametrize("can_hang", [True, False])
async def test_silence_is_measured_only_where_it_means_something(engine: Engine, can_hang: bool) -> None:
    """A hung step shows as seconds of silence; an idle thread is not silent, nor is an engine that may just be slow."""
    engine.steps, engine.step_s, engine.can_hang = 1, 0.3, can_hang
    async with GpuThread[Request, str](lambda: engine) as gpu:
        idle = gpu.silent_s
        running = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait)
        await asyncio.sleep(0.1)
        busy = gpu.silent_s
        await running

    assert idle == 0
    assert (busy > 0.05) == can_hang


async def test_what_somebody_waits_for_comes_before_batches_and_trainings(engine: Engine) -> None:
    """However late it comes; and it isn't slowed by being drawn with them, though their keys are equal."""
    async with GpuThread[Request, str](lambda: slow(engine)) as gpu:
        running = asyncio.create_task(gpu.draw(Request("a")))
        await asyncio.to_thread(engine.begun.wait)
        order = (("t", Priority.TRAINING), ("b", Priority.BATCH), ("c", Priority.BATCH), ("i", Priority.INTERACTIVE))
        queued = [asyncio.create_task(gpu.draw(Request(name), priority=priority)) for name, priority in order]
        await asyncio.sleep(0)
        engine.steps = 1
        running.cancel()
        assert await asyncio.gather(*queued) == ["T", "B", "C", "I"]

    assert engine.batches[1:] == [["i"], ["b", "c"], ["t"]]


async def test_a_batch_s_queue_does_not_turn_away_who_waits(engine: Engine) -> None:
    """The bound is for those who would wait too long; what nobody waits for is overtaken, and not bounded."""
    async with GpuThread[Request, str](lambda: slow(engine), max_waiting=1) as gpu:
        running = asyncio.create_task(gpu.draw(Request("a"), priority=Priority.BATCH))
        await asyncio.to_thread(engine.begun.wait)
        queued = [asyncio.create_task(gpu.draw(Request(n), priority=Priority.BATCH)) for n in "bc"]
        await asyncio.sleep(0)
        waits = asyncio.create_task(gpu.draw(Request("d")))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="1 pieces of work are waiting"):
            await gpu.draw(Request("e"))
        engine.steps = 1
        running.cancel()
        assert await asyncio.gather(*queued, waits) == ["B", "C", "D"]

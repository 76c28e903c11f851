"""The GPU thread's promises, each by name; the engine here is a plain object, since the thread does not care."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from dgx_pixels.models.gpu import GpuThread, QueueFullError, WorkCancelledError

Step = Callable[[int, int], None]


class Engine:
    """Stands for the renderer."""


def endless(begun: threading.Event) -> Callable[[Engine, Step], None]:
    """Work that steps until it is stopped."""

    def work(_: Engine, step: Step) -> None:
        begun.set()
        for i in range(10_000):
            step(i, 10_000)
            time.sleep(0.001)

    return work


async def test_all_work_runs_on_one_thread_that_is_not_the_loops() -> None:
    """Whoever asks, the engine sees one thread, always the same."""
    async with GpuThread(Engine) as gpu:
        names = await asyncio.gather(*(gpu.run(lambda _, __: threading.current_thread().name) for _ in range(5)))

    assert len(set(names)) == 1
    assert names[0].startswith("gpu")


async def test_the_engine_is_made_on_the_thread_once_and_only_when_needed() -> None:
    """Starting does not wait for torch, and the model is not loaded twice."""
    made: list[str] = []

    def make() -> Engine:
        made.append(threading.current_thread().name)
        return Engine()

    async with GpuThread(make) as gpu:
        assert made == []
        first, second = await asyncio.gather(gpu.run(lambda e, _: e), gpu.run(lambda e, _: e))

    assert first is second
    assert len(made) == 1
    assert made[0].startswith("gpu")


async def test_a_failed_load_reaches_every_caller_and_the_thread_lives_on() -> None:
    """Each caller gets the failure, none hangs; once the cause is mended, work goes on."""
    broken = True

    def make() -> Engine:
        if broken:
            raise OSError("no weights")
        return Engine()

    async with GpuThread(make) as gpu:
        failures = await asyncio.gather(*(gpu.run(lambda _, __: 1) for _ in range(3)), return_exceptions=True)
        broken = False
        assert [str(f) for f in failures] == ["no weights"] * 3
        assert await gpu.run(lambda _, __: 1) == 1


async def test_a_failure_of_work_reaches_its_own_caller_only() -> None:
    """One request's error is not another's."""

    def fail(_: Engine, __: Step) -> int:
        raise ValueError("mine")

    async with GpuThread(Engine) as gpu:
        mine, yours = await asyncio.gather(gpu.run(fail), gpu.run(lambda _, __: 2), return_exceptions=True)

    assert str(mine) == "mine"
    assert yours == 2


async def test_steps_are_told_in_the_event_loop() -> None:
    """Progress arrives where asyncio code may touch it."""
    threads = []

    def work(_: Engine, step: Step) -> None:
        for i in range(3):
            step(i + 1, 3)

    async with GpuThread(Engine) as gpu:
        await gpu.run(work, lambda done, total: threads.append((done, total, threading.current_thread())))

    assert [(i, 3, threading.current_thread()) for i in (1, 2, 3)] == threads


async def test_a_cancelled_caller_stops_running_work_at_the_next_step() -> None:
    """The thread is free again at once."""
    begun = threading.Event()
    async with GpuThread(Engine) as gpu:
        running = asyncio.create_task(gpu.run(endless(begun)))
        await asyncio.to_thread(begun.wait)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert await gpu.run(lambda _, __: "free") == "free"
        assert gpu.waiting == 0


async def test_a_cancelled_caller_leaves_the_queue() -> None:
    """Queued work of somebody who went away never runs."""
    begun, ran = threading.Event(), []
    async with GpuThread(Engine) as gpu:
        running = asyncio.create_task(gpu.run(endless(begun)))
        await asyncio.to_thread(begun.wait)
        queued = asyncio.create_task(gpu.run(lambda _, __: ran.append(1)))
        await asyncio.sleep(0)
        queued.cancel()
        running.cancel()
        await asyncio.gather(queued, running, return_exceptions=True)
        await gpu.run(lambda _, __: None)

    assert ran == []


async def test_too_much_waiting_work_is_refused_at_once() -> None:
    """The queue is bounded, and the refusal says what to do."""
    begun = threading.Event()
    async with GpuThread(Engine, max_waiting=2) as gpu:
        running = asyncio.create_task(gpu.run(endless(begun)))
        await asyncio.to_thread(begun.wait)
        queued = asyncio.create_task(gpu.run(lambda _, __: 1))
        await asyncio.sleep(0)

        with pytest.raises(QueueFullError, match="try again"):
            await gpu.run(lambda _, __: 2)
        running.cancel()
        assert await queued == 1


async def test_closing_stops_running_work_and_tells_who_waits() -> None:
    """Nobody is left hanging, and the thread is gone."""
    begun = threading.Event()
    gpu = GpuThread(Engine)
    async with gpu:
        running = asyncio.create_task(gpu.run(endless(begun)))
        await asyncio.to_thread(begun.wait)
        queued = asyncio.create_task(gpu.run(lambda _, __: 1))
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(running, queued, return_exceptions=True)
    assert [WorkCancelledError, WorkCancelledError] == [type(o) for o in outcomes]
    assert not [t for t in threading.enumerate() if t.name.startswith("gpu")]

"""The training process as its parent sees it: started, heard, asked to stop. What it tells stands in `models/training_events`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

logger = logging.getLogger(__name__)

SPEC, LOG = "spec.json", "log.txt"
"""What the parent writes into a run's folder: the order, and what the process says on stderr."""
_ENDING_S = 15.0
"""How long one that was asked to stop is waited for. It then ends by itself, and the next on its run waits for it."""
_MOST_LINE = 1 << 20

Event = Mapping[str, Any]
OnEvent = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True)
class Ended:
    """How a training process ended."""

    how: Literal["done", "paused", "failed"]
    step: int = 0
    final_loss: float = 0.0
    files: Mapping[str, Any] | None = None
    """What it made, absolute paths: see `lora_events`."""
    error: str = ""


async def train(folder: Path, told: OnEvent, stop: asyncio.Event) -> Ended:
    """Run the training of a run's folder until it ends; `told` hears each event, `stop` asks it to pause.

    Cancelling asks it to stop, too: it ends at its next step, with a checkpoint. Raises OSError if it cannot be started.
    """
    with (folder / LOG).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            # -P: else modules of the working folder, which may be a stranger's game, would come before Python's and ours.
            sys.executable, "-P", "-m", "dgx_pixels.models.training_child", str(folder / SPEC), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True, limit=_MOST_LINE,
        )  # fmt: skip
    stopping = asyncio.create_task(_stop_when(stop, process))
    try:
        last = await _hear(process, told)
        await process.wait()
    except BaseException:
        _ask_to_stop(process)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_drained(process), _ENDING_S)
        raise
    finally:
        stopping.cancel()
    if last is None and stop.is_set() and process.returncode == -signal.SIGTERM:
        return Ended("paused")  # asked before it could listen: it had not begun
    return last if last is not None else Ended("failed", error=_why_it_died(process.returncode, folder))


async def _hear(process: asyncio.subprocess.Process, told: OnEvent) -> Ended | None:
    """Pass the process's events on; answers with how it says that it ended, None if it does not."""
    assert process.stdout is not None
    last = None
    async for line in process.stdout:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            logger.warning("the training process said %r, which is no event", line[:200])
            continue
        if kind in ("done", "paused", "failed"):
            last = Ended(
                kind, event.get("step", 0), event.get("final_loss", 0.0), event.get("files"), str(event.get("error", ""))
            )
        else:
            await told(event)
    return last


async def _stop_when(stop: asyncio.Event, process: asyncio.subprocess.Process) -> None:
    await stop.wait()
    _ask_to_stop(process)


def _ask_to_stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for the end, reading what nobody needs any more: a full pipe would hold it."""
    assert process.stdout is not None
    while await process.stdout.read(_MOST_LINE):
        pass
    await process.wait()


def _why_it_died(status: int | None, folder: Path) -> str:
    how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
    memory = " (the system does that when memory runs out)" if status == -signal.SIGKILL else ""
    return f"The training process ended with {how}{memory}; its log {folder / LOG} may say why."

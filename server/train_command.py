"""`dgx-pixels train`: calls the tool train_lora, in the running server if there is one, else in this process."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from dgx_pixels.server.asking import ask
from dgx_pixels.server.find_server import running
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.tool_calls import asked_of, call
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.training_shown import line_of

_LOOK_S = 60
_ARGUMENTS = (
    "source", "name", "base", "preset", "trigger", "grid", "licence", "steps", "rank", "learning_rate", "sample_prompts", "seed",
    "dry_run", "resume", "overwrite",
)  # fmt: skip


def run_train(settings: Settings, arguments: argparse.Namespace) -> int:
    """Train and print what was made; answers with the exit status. Raises ToolError with one sentence."""
    asked = asked_of(arguments, _ARGUMENTS)
    optimizer = [("optimizer", arguments.optimizer)] if arguments.optimizer is not None else []
    if others := [*(arguments.others or ()), *optimizer]:
        asked["settings"] = dict(others)
    if "source" in asked and Path(asked["source"]).expanduser().is_dir():
        asked["source"] = str(Path(asked["source"]).expanduser().resolve())
    training, started = _Training(settings), time.monotonic()
    try:
        answer = asyncio.run(training.run(asked))
    except KeyboardInterrupt:
        if training.job_id is None:
            raise
        print(f"\n{training.what_now()}", file=sys.stderr)
        return 130
    if answer.status == "failed" and not arguments.json:
        raise ToolError(answer.error or "The training failed: its log may say why.")
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
    else:
        _print(answer, time.monotonic() - started)
    return 0 if answer.status == "done" else 1


class _Training:
    """One call, and what is to be said if it is broken off."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in_server = False
        self.job_id: str | None = None

    async def run(self, asked: dict[str, Any]) -> JobAnswer:
        self._in_server = await running(self._settings) is not None
        settings = self._settings
        if not self._in_server and Path(asked.get("source", "")).is_absolute():  # here a person names the folder
            settings = settings.model_copy(update={"read_roots": (*settings.read_roots, Path(asked["source"]))})
        return await ask(settings, "train_lora", asked, self)

    def told(self, job_id: str) -> None:
        self.job_id = job_id

    async def broken_off(self, client: Client[Any]) -> None:
        """In a server it goes on; here it ends with this process, so it is paused before."""
        if not self._in_server:
            answer = await call(client, "cancel_job", {"job_id": self.job_id, "pause": True})
            while answer.status in ("queued", "running"):
                answer = await call(client, "get_job", {"job_id": answer.job_id, "wait_s": _LOOK_S})

    def what_now(self) -> str:
        if self._in_server:
            pause, cancel = (f"`dgx-pixels jobs {action} {self.job_id}`" for action in ("pause", "cancel"))
            return f"The training goes on in the server, as job {self.job_id}: {pause} pauses it, {cancel} ends it."
        return f"The training is paused: `dgx-pixels train --resume {self.job_id}` goes on with it."


def _print(answer: JobAnswer, seconds: float) -> None:
    training = answer.result.training if answer.result is not None else None
    if training is not None:
        print(line_of(training))
        if training.dry_run:
            print(f"Contact sheet: {training.dataset.get('contact_sheet')}")
        else:
            trigger = f"{training.trigger}, " if training.trigger else ""
            print(f'Draw with it: dgx-pixels sprite "{trigger}a red potion" --model {training.contender}')
    elif answer.status == "paused":
        print(f"Paused: dgx-pixels train --resume {answer.job_id} goes on.")
    else:
        print(f"The training is {answer.status}. {answer.next}")
    print(f"{seconds:.1f} s.")

"""What the commands that make sprites share: a tool is called to its end, with a progress bar, and its answer printed."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

from fastmcp import Client

from dgx_pixels.pixels.colour import to_hex
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.pixels.palette_files import MOST_BYTES, SUFFIXES, parse_palette
from dgx_pixels.server.our_words import in_our_words
from dgx_pixels.server.own_files import read_own
from dgx_pixels.server.terminal import CLEAR_LINE, order
from dgx_pixels.tools.answers import BatchAnswer, JobAnswer
from dgx_pixels.tools.answers_next import seen_in_game

_WAIT_S = 600


class Caller(Protocol):
    """Who calls a tool whose job may outlive the call."""

    def told(self, job_id: str) -> None:
        """Hear the job's id, as soon as there is one."""

    async def broken_off(self, client: Client[Any]) -> None:
        """Do what is to be done with the job when the call is cancelled, as Ctrl-C does."""


async def call_to_the_end(
    target: Any,  # noqa: ANN401  # all that Client takes
    tool: str,
    arguments: dict[str, Any],
    caller: Caller | None = None,
) -> JobAnswer:
    """Call a generating tool and wait until its job has ended. Raises ToolError with one sentence."""
    bar = _Bar()
    with bar if sys.stderr.isatty() else nullcontext():
        async with Client(target, progress_handler=bar.show) as client:
            if caller is None:
                return await _wait(client, await call(client, tool, arguments | {"wait_s": _WAIT_S}))
            answer = await call(client, tool, arguments | {"wait_s": 0})
            caller.told(answer.job_id)
            try:
                return await _wait(client, answer)
            except asyncio.CancelledError:
                await caller.broken_off(client)
                raise


async def _wait(client: Client[Any], answer: JobAnswer) -> JobAnswer:
    while answer.status in ("queued", "running"):
        answer = await call(client, "get_job", {"job_id": answer.job_id, "wait_s": _WAIT_S})
    return answer


def asked_of(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """A tool's arguments of these names, as far as the command was given them. Raises PaletteError."""
    asked = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if "palette" in asked:
        asked["palette"] = palette_of_file(asked["palette"])
    return asked


def palette_of_file(text: str) -> str:
    """A person's own palette file as hex colours, since a server may not read it; any other text as it is.

    Raises PaletteError, with one sentence, for a file that is no palette.
    """
    if not text.strip().lower().endswith(SUFFIXES):
        return text
    try:
        return ",".join(map(to_hex, parse_palette(read_own(Path(text).expanduser(), MOST_BYTES))))
    except OSError as error:
        raise PaletteError(f"{text} cannot be read ({error.strerror}): check the path and its permissions.") from error


def print_answer(answer: JobAnswer, seconds: float, *, as_json: bool) -> int:
    """Print what was written, and how long it took; answers with the exit status."""
    if as_json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
        return 0 if answer.status == "done" else 1
    if answer.result is not None and answer.result.batch is not None:
        return _print_batch(answer, answer.result.batch, seconds)
    found = answer.result.pixelized if answer.result is not None else None
    for asset in answer.result.assets if answer.result is not None else ():
        how = f"{found.kind}, confidence {found.confidence:.2f}" if found is not None else f"seed {asset.seed}"
        where = "" if asset.published else ", not published"
        print(f"{asset.file}  {asset.width}x{asset.height}, {asset.colors} colours, {how}{where}")
    print(f"{seconds:.1f} s. {in_our_words(answer.error) if answer.error else _hint(answer)}")
    return 0 if answer.status == "done" else 1


def _print_batch(answer: JobAnswer, batch: BatchAnswer, seconds: float) -> int:
    """A line for each sprite, and for each prompt that has none why; exit status 1 if there is such a prompt."""
    for item in batch.items:
        for asset in item.assets:
            where = str(Path(batch.folder) / asset.path) if asset.published and batch.folder is not None else asset.id
            print(f"{where}  {item.prompt}, seed {asset.seed}{'' if asset.published else ', not published'}")
        if item.error is not None:
            print(f"dgx-pixels: {item.prompt!r}: {item.error}", file=sys.stderr)
    print(f"{seconds:.1f} s. {in_our_words(answer.next)}")
    return 1 if batch.failed else 0


async def call(client: Client[Any], tool: str, arguments: dict[str, Any]) -> JobAnswer:
    """Call a tool that answers with a job. Raises ToolError with one sentence."""
    result = await client.call_tool(tool, arguments)
    return JobAnswer.model_validate(result.structured_content)


class _Bar:
    """A progress bar on stderr, when that is a terminal."""

    def __init__(self) -> None:
        self._shown = False

    def __enter__(self) -> None:
        self._shown = True

    def __exit__(self, *_: object) -> None:
        order(sys.stderr, CLEAR_LINE)

    async def show(self, done: float, total: float | None, message: str | None) -> None:
        if self._shown:
            filled = round(24 * min(done / total, 1)) if total else 0
            order(sys.stderr, CLEAR_LINE)
            sys.stderr.write(f"[{'█' * filled}{'·' * (24 - filled)}] {message or ''}")
            sys.stderr.flush()


def _hint(answer: JobAnswer) -> str:
    """What to do now, in the command line's words rather than in the tool's."""
    assets = answer.result.assets if answer.result is not None else []
    if any(not check.ok and check.blocks for a in assets for check in a.checks.values()):
        return answer.next
    if (kept := next((a for a in assets if not a.published), None)) is not None:
        what, it = ("It is", "it") if len(assets) == 1 else ("They are", "one")
        publish = f"`dgx-pixels publish {kept.id} --version {kept.version}`"
        return f"{what} in the library only: to have {it} in the game, run {publish} in the game's folder."
    return f"{seen_in_game(assets)}Load it in Bevy: " + ", ".join(f'asset_server.load("{a.path}")' for a in assets)

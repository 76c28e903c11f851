"""`dgx-pixels jobs`: lists jobs, live if asked, and cancels, pauses and resumes them.

What the jobs are stands in the library, which may be read beside a server; how far they are only their server knows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import time
import unicodedata
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.job_list import recent_jobs
from dgx_pixels.library.library import Library
from dgx_pixels.pixels.shown import printable
from dgx_pixels.server.app import build, default_project, try_library
from dgx_pixels.server.asking import ask
from dgx_pixels.server.connect import transport
from dgx_pixels.server.find_server import running
from dgx_pixels.server.terminal import order
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.job_resume import RESUMES

if TYPE_CHECKING:
    from dgx_pixels.library.job_list import JobSummary
    from dgx_pixels.server.settings import Settings

_LOOK_EVERY_S = 1.0
_OPEN = ("queued", "running")


def run_jobs(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do it and print what came of it; answers with the exit status. Raises ToolError, LibraryError and NoServerError."""
    if arguments.action == "list":
        asyncio.run(_list(settings, arguments.limit, watch=arguments.watch, as_json=arguments.json))
        return 0
    answer = asyncio.run(_change(settings, arguments.action, arguments.job))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
    else:
        print(f"{answer.job_id}  {answer.status}. {answer.error or ''}".strip())
    return 0


async def _change(settings: Settings, action: str, job_id: str) -> JobAnswer:
    """Cancel, pause or resume a job, in the running server if there is one; else resuming goes to the end here."""
    here = await running(settings) is None
    resumes = await _resumes(settings, job_id) if action == "resume" else ""
    if resumes and here:
        return await ask(settings, resumes, {"resume": job_id})
    tool, asked = (resumes, {"resume": job_id, "wait_s": 0}) if resumes else ("cancel_job", {"job_id": job_id})
    if here:
        await try_library(settings)
    target = build(settings)[0] if here else transport(settings, default_project(settings))
    async with Client[Any](target) as client:
        return await _call(client, tool, asked | ({"pause": True} if action == "pause" else {}))


async def _resumes(settings: Settings, job_id: str) -> str:
    """The tool that goes on with a job. Raises LibraryError if there is no such job, or none can."""
    library = await Library.open(settings.home)
    try:
        kind = (await library.jobs.get(job_id)).kind
    finally:
        await library.close()
    if kind not in RESUMES:
        raise LibraryError(f"The job {job_id} is a {kind} job: only a {' or a '.join(RESUMES)} can go on. Ask again instead.")
    return RESUMES[kind]


async def _call(client: Client[Any], tool: str, asked: dict[str, Any]) -> JobAnswer:
    return JobAnswer.model_validate((await client.call_tool(tool, asked)).structured_content)


async def _list(settings: Settings, limit: int, *, watch: bool, as_json: bool) -> None:
    library = await Library.open(settings.home)
    shown = 0
    try:
        while True:
            jobs = await recent_jobs(library.jobs, limit)
            answers = await _progress(settings, [job.id for job in jobs if job.status in _OPEN])
            if as_json:
                print(json.dumps({"jobs": [_as_json(job, answers) for job in jobs]}, indent=None if watch else 2), flush=True)
            else:
                lines = [_line(job, answers.get(job.id)) for job in jobs] or ["There are no jobs."]
                shown = _print(_that_fit(lines) if watch and sys.stdout.isatty() else lines, shown)
            if not watch:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await library.close()


async def _progress(settings: Settings, open_jobs: list[str]) -> dict[str, JobAnswer]:
    """What the running server says of jobs that have not ended; nothing where there is none, or it ends meanwhile."""
    if not open_jobs or await running(settings) is None:
        return {}
    answers: dict[str, JobAnswer] = {}
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(Client(transport(settings, default_project(settings))))
            for job_id in open_jobs:
                answers[job_id] = await _call(client, "get_job", {"job_id": job_id, "wait_s": 0})
        except (ToolError, OSError, RuntimeError):
            return answers
    return answers


def _as_json(job: JobSummary, answers: dict[str, JobAnswer]) -> dict[str, Any]:
    answer = answers.get(job.id)
    return asdict(job) | {"progress": answer.progress.model_dump() if answer is not None else None}


def _line(job: JobSummary, answer: JobAnswer | None) -> str:
    """One line: id, age, state and how far it is, kind, and what it is about."""
    state = answer.status if answer is not None else job.status
    far = ""
    if answer is not None and answer.status in _OPEN:
        far = f"{100 * answer.progress.done // max(1, answer.progress.total)} %, {answer.progress.message}"
    elif job.status == "failed":
        far = job.error or ""
    elif job.status == "left":
        far = "its process has ended, the next server does it"
    said = f"{job.id}  {_age(time.time() - job.created):>5} ago  {state:<9}  {job.kind:<10}  {job.what}"
    return f"{said}  ({far})" if far else said


def _age(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0, seconds):.0f} s"


def _that_fit(lines: list[str]) -> list[str]:
    """As many as a terminal holds above its last row: what has scrolled out of it cannot be printed over."""
    rows = max(2, shutil.get_terminal_size().lines - 1)
    return lines if len(lines) <= rows else [*lines[: rows - 1], f"... and {len(lines) - rows + 1} more"]


def _print(lines: list[str], before: int) -> int:
    """Print the lines, over the ones that were printed before if that is a terminal; answers with how many they are."""
    lines = [printable(line) for line in lines]
    if sys.stdout.isatty():
        lines = [_cut(line, shutil.get_terminal_size().columns) for line in lines]  # one that wraps would be two
        order(sys.stdout, f"\x1b[{before}A\x1b[J" if before else "")
    print("\n".join(lines), flush=True)
    return len(lines)


def _cut(line: str, columns: int) -> str:
    """As much of the line as a terminal of so many columns shows in one row."""
    used = 0
    for place, character in enumerate(line):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return line[:place]
    return line

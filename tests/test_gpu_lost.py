"""A GPU that is lost or hangs ends the process with one sentence; the next process does what was unfinished, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from processes import POTION, PUBLISHED, health, options, stdio

from dgx_pixels.server import connect
from dgx_pixels.server.gpu_lost import EXIT_STATUS
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FAILING = [sys.executable, str(Path(__file__).with_name("failing.py"))]
LONG: dict[str, Any] = {**POTION, "steps": 4, "variants": 2}


@asynccontextmanager
async def failing(settings: Settings, how: str, times: int, log: Path, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running `dgx-pixels serve` whose GPU fails, that writes to `log`."""
    with log.open("ab") as out:
        command = [*FAILING, how, str(times), "serve", *options(settings), *more]
        process = await asyncio.create_subprocess_exec(*command, stderr=out)
    try:
        while health(settings) is None:
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """What the library's database says."""
    with contextlib.closing(sqlite3.connect(settings.home / "library.sqlite3")) as db:
        return db.execute(query).fetchall()


@pytest.mark.parametrize(
    ("how", "sentence", "more"),
    [
        ("lost", "The GPU's context is lost", ()),
        ("hung", "The GPU has made no step for", ("--hang-minutes", "0.3")),
    ],
)
async def test_a_failed_gpu_is_noticed_and_the_call_is_answered_by_the_next_server(
    one_server: Settings, game: Path, tmp_path: Path, how: str, sentence: str, more: tuple[str, ...]
) -> None:
    """The client waits a little longer, and gets its sprites from one job, each kept once."""
    log = tmp_path / "log"
    async with failing(one_server, how, 1, log, *more) as process, Client(stdio(one_server, game)) as client:
        answer = (await client.call_tool("generate_sprite", {**LONG, "wait_s": 200})).structured_content
        assert await process.wait() == EXIT_STATUS

    assert answer is not None
    assert answer["status"] == "done"
    assert (game / "assets/sprites/item_red_potion_v2.png").is_file()
    said = log.read_text()
    assert said.count(sentence) == 1
    assert ("Thread 0x" in said) == (how == "hung")  # the stacks, for whoever looks for the cause
    assert rows(one_server, "SELECT id, status FROM jobs") == [(answer["job_id"], "done")]
    assert rows(one_server, "SELECT count(*) FROM versions") == [(2,)]


async def test_a_job_that_ends_each_server_is_failed_by_the_fourth(one_server: Settings, game: Path, tmp_path: Path) -> None:
    """Nothing that ends the server is begun for ever, and who asks is told why."""
    log, job_id = tmp_path / "log", ""
    for _ in range(3):
        async with failing(one_server, "lost", 9, log) as process:
            if not job_id:
                async with Client(connect.transport(one_server, game)) as client:
                    begun = (await client.call_tool("generate_sprite", {**LONG, "wait_s": 0})).structured_content
                    assert begun is not None
                    job_id = begun["job_id"]
                    await process.wait()
            assert await process.wait() == EXIT_STATUS

    async with failing(one_server, "lost", 9, log), Client(connect.transport(one_server, game)) as client:
        answer = (await client.call_tool("get_job", {"job_id": job_id})).structured_content

    assert answer is not None
    assert answer["status"] == "failed"
    assert "ended 3 times while it worked on this job" in answer["error"]
    assert not (game / "assets/sprites").exists()


async def test_a_killed_server_s_jobs_are_done_once_by_the_next(one_server: Settings, make_game: Callable[[str], Path]) -> None:
    """Killed in the middle of two clients' drawings: each call is sent again, and waits for its job, which is taken over."""
    killed = asyncio.Event()

    async def kill(done: float, _: float | None, __: str | None) -> None:
        if done >= 1 and not killed.is_set() and (said := health(one_server)) is not None:
            killed.set()
            os.kill(said["pid"], signal.SIGKILL)

    games = [make_game(name) for name in ("one", "two")]
    long = {**POTION, "steps": 100, "wait_s": 200}
    async with (
        Client(stdio(one_server, games[0]), progress_handler=kill) as first,
        Client(stdio(one_server, games[1])) as second,
    ):
        answers = await asyncio.gather(*(client.call_tool("generate_sprite", long) for client in (first, second)))

    assert killed.is_set()
    jobs = {answer.structured_content["job_id"] for answer in answers if answer.structured_content is not None}
    kept = rows(one_server, "SELECT id, status FROM jobs")
    assert {job_id for job_id, _ in kept} == jobs
    assert {status for _, status in kept} == {"done"}
    assert rows(one_server, "SELECT count(*) FROM versions") == [(2,)]
    assert all((game / PUBLISHED).is_file() for game in games)


async def test_a_call_that_is_sent_twice_makes_one_job(serving: Settings, game: Path) -> None:
    """The id that a proxy gives a call is the job's; what is no such id is refused."""
    targets = [connect.transport(serving, game, call) for call in ("0123456789ab", "0123456789ab", "nonsense")]
    answers = []
    for target in targets[:2]:
        async with Client(target) as client:
            answers.append((await client.call_tool("generate_sprite", {**POTION, "seed": None})).structured_content)
    async with Client(targets[2]) as client:
        with pytest.raises(ToolError, match="not 12 hex digits"):
            await client.call_tool("generate_sprite", POTION)

    assert answers[0] == answers[1]
    assert rows(serving, "SELECT id, status, attempts FROM jobs") == [("0123456789ab", "done", 1)]


async def test_alone_ends_with_one_sentence(settings: Settings, game: Path, tmp_path: Path) -> None:
    """A client whose server does all in one process sees it end, and its log says why."""
    arguments = [*FAILING[1:], "lost", "9", "stdio", "--alone", *options(settings, game)]
    log = tmp_path / "log"
    with log.open("w") as out:
        transport = StdioTransport(FAILING[0], arguments, keep_alive=False, log_file=out)
        async with Client(transport) as client:
            with pytest.raises(Exception, match="closed"):
                await client.call_tool("generate_sprite", LONG)

    assert [line for line in log.read_text().splitlines() if "context is lost" in line] == [
        "dgx-pixels: The GPU's context is lost (CUDA error: unspecified launch failure). "
        "This process ends; start it again, and it runs its unfinished jobs again."
    ]


def test_the_command_line_ends_with_one_sentence(settings: Settings, game: Path) -> None:
    """`dgx-pixels sprite` without a server says what happened and what to do, and its status is the documented one."""
    command = [*FAILING, "lost", "9", "sprite", "a red potion", *options(settings, game)]
    quiet = {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}  # as the command itself sets it, before it imports torch
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)

    assert said.returncode == EXIT_STATUS
    assert said.stderr.splitlines() == [
        "dgx-pixels: The GPU's context is lost (CUDA error: unspecified launch failure). "
        "Run this again, and see `dgx-pixels doctor` if that does not help."
    ]
    assert said.stdout == ""


async def test_the_command_line_says_so_when_its_server_ends(one_server: Settings, game: Path, tmp_path: Path) -> None:
    """Its job is not lost: the sentence says who does it."""
    async with failing(one_server, "lost", 9, tmp_path / "log"):
        command = [sys.executable, "-m", "dgx_pixels.server", "sprite", "a red potion", *options(one_server, game)]
        said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)

    assert said.returncode == 1
    assert said.stderr.splitlines() == [
        f"dgx-pixels: The server on port {one_server.port} ended before it had answered: its log says why. "
        "The next one does what was asked."
    ]

"""The logs have a line for what was done, with its job; they have no prompts, no forged lines, and an end."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from prometheus_client import generate_latest
from starlette.requests import ClientDisconnect
from test_metrics import value

from dgx_pixels.server import logs
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.job_work import CURRENT_JOB


@pytest.fixture
def logging_into(tmp_path: Path) -> Iterator[Path]:
    """Logs are configured as a server does, for the test's own folder; afterwards they are as before."""
    names = (logs._OURS, *logs._OTHERS)
    before = {name: (logger := logging.getLogger(name), logger.handlers[:], logger.propagate, logger.level) for name in names}
    for name in names:
        logging.getLogger(name).handlers = []
    logs.configure(tmp_path)
    yield tmp_path / "logs/server.jsonl"
    for logger, handlers, propagate, level in before.values():
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def for_people() -> io.StringIO:
    """From now on, all that is logged in words."""
    words = io.StringIO()
    (people,) = (h for h in logging.getLogger(logs._OURS).handlers if type(h) is logging.StreamHandler)
    people.setStream(words)
    return words


async def test_the_log_has_each_call_and_each_jobs_end(logging_into: Path, server: FastMCP[Any]) -> None:
    """As JSON lines with the job's id, which is also on what is logged while it is worked on; prompts are not logged."""
    async with Client(server) as client:
        asked = {"prompt": "a secret potion", "seed": 1, "steps": 1}
        job = (await client.call_tool("generate_sprite", asked)).structured_content
        assert job is not None
        await client.call_tool("generate_sprite", {"prompt": ""}, raise_on_error=False)
        token = CURRENT_JOB.set("f00")
        logging.getLogger("dgx_pixels.anything").warning("of a job, \n in two lines")
        CURRENT_JOB.reset(token)
        await asyncio.sleep(0.1)

    lines = [json.loads(line) for line in logging_into.read_text().splitlines()]
    ended = next(line for line in lines if line.get("job") == job["job_id"])
    assert (ended["kind"], ended["status"], ended["level"]) == ("sprite", "done", "info")
    assert [line["outcome"] for line in lines if line.get("tool") == "generate_sprite"] == ["ok", "refused"]
    assert next(line for line in lines if line.get("job") == "f00")["message"] == "of a job, \n in two lines"
    assert "secret" not in logging_into.read_text()


async def test_arguments_of_a_wrong_name_or_type_are_no_prompts_in_a_log(logging_into: Path, settings: Settings) -> None:
    """The caller hears what is wrong with them, the logs hear that something was; they count as refused."""
    words, (mcp, _, edge) = for_people(), build(settings)
    wrong = [{"prompt": "a secret potion", "stepz": 1}, {"prompt": "a gem", "steps": "a secret number"}, {"a secret name": 1}]
    async with Client(mcp) as client:
        for asked in wrong:
            answer = await client.call_tool("generate_sprite", asked, raise_on_error=False)
            assert answer.is_error

    assert words.getvalue().count("generate_sprite: arguments of a wrong name or type") == len(wrong)
    assert "secret" not in words.getvalue() + logging_into.read_text()
    text = generate_latest(edge.metrics.registry).decode()
    assert value(text, 'dgx_pixels_tool_call_seconds_count{outcome="refused",tool="any"}') == len(wrong)


def test_nobody_writes_lines_of_their_own_into_the_log_for_people(logging_into: Path) -> None:
    """Line ends and orders to a terminal are shown as escapes, in messages and in tracebacks."""
    hostile = "GET /\n2026-01-01 WARNING dgx_pixels: forged\x1b[2J\u2028\udc80 é"
    words, logger = for_people(), logging.getLogger("dgx_pixels.anything")
    logger.warning("turned away: %s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        logger.exception("broken")

    lines = words.getvalue().split("\n")
    assert lines[0].endswith(r"turned away: GET /\n2026-01-01 WARNING dgx_pixels: forged\x1b[2J\u2028\udc80 é")
    assert all(line.startswith("  ") for line in lines[2:-1])
    assert all(line.isprintable() for line in lines)
    assert len(logging_into.read_text().splitlines()) == 2


def test_what_a_started_server_says_is_bounded_while_it_lives(tmp_path: Path) -> None:
    """The file that a proxy gave it as stderr is put aside when it is long; what it prints goes on in the next one, too."""
    log = tmp_path / "logs/server.log"
    log.parent.mkdir()
    script = (
        "import logging, pathlib, sys; from dgx_pixels.server import logs; logs._MOST_BYTES = 2000\n"
        "logs.configure(pathlib.Path(sys.argv[1]))\n"
        "for i in range(100): logging.getLogger('dgx_pixels.x').warning('line %d %s', i, 'x' * 50)\n"
        "print('the last word', file=sys.stderr)"
    )
    with log.open("ab") as out:
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], stdout=out, stderr=out, check=True)

    files = sorted(log.parent.glob("server.log*"))
    assert [file.name for file in files] == ["server.log", "server.log.1"]
    assert all(0 < file.stat().st_size <= 2100 for file in files)
    assert log.read_text().splitlines()[-1] == "the last word"


def test_a_client_that_hangs_up_is_no_traceback(logging_into: Path) -> None:
    """Else whoever breaks off requests would fill the log with them, and push out what is to be read."""
    logger = logging.getLogger("mcp.server.streamable_http")
    for error in (ClientDisconnect(), ValueError("of another kind")):
        logger.error("Error handling POST request", exc_info=error)

    (line,) = logging_into.read_text().splitlines()
    assert "of another kind" in line


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whatever is logged, it is at most five files of a bounded size, and no line is longer than a few thousand characters."""
    monkeypatch.setattr(logs, "_MOST_BYTES", 20_000)
    file: Path = request.getfixturevalue("logging_into")
    for _ in range(40):
        logging.getLogger("dgx_pixels.anything").info("%s", "x" * 10_000)

    files = sorted(file.parent.glob("server.jsonl*"))
    assert len(files) == 5
    assert all(0 < f.stat().st_size <= 20_000 for f in files)


def test_a_log_that_cannot_be_written_is_said_and_nothing_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server runs without one."""
    (tmp_path / "logs").write_text("a file where the folder should be")
    logs.configure(tmp_path)
    handlers = logging.getLogger(logs._OURS).handlers

    assert len(handlers) == 1
    for name in (logs._OURS, *logs._OTHERS):
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True

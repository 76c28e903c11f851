"""What many tests need: a home, games, a server on the real embedded model, and clients in both protocol eras."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there: workers of many threads each fight for the cores

import asyncio
import contextlib
import gc
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.client import CallToolResult
from mcp_types import TextContent
from processes import DGX_PIXELS, health, options
from warm import stay_warm

os.environ["FASTMCP_MCP_CAMELCASE_COMPAT"] = "false"

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.library.library import Library
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.jobs import JobRunner

hypothesis.settings.register_profile("any machine", deadline=None)  # a busy one is no failure
hypothesis.settings.load_profile("any machine")

ERAS = ("auto", "legacy")
in_both_eras = pytest.mark.parametrize("client", ERAS, indirect=True)
"""For what differs between the protocol's eras: how an answer comes. What a tool does is proven in one."""


def text_of(result: CallToolResult) -> str:
    """The text that a tool's result begins with."""
    first = result.content[0]
    assert isinstance(first, TextContent)
    return first.text


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, not at a million objects of torch and its kin again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape what is no UTF-8 in a worker's report, such as a hostile name that was logged: it could not be sent."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:  # noqa: ANN401  # JSON, but for lone surrogates
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _sendable(each) for key, each in value.items()}
    return [_sendable(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's settings, the Bevy project that the tests may be run in, or a game that runs here."""
    for name in [n for n in os.environ if n.startswith(("DGX_PIXELS_", "BRP_EXTRAS_PORT"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("DGX_PIXELS_BRP_PORT", str(unused_port()))
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    monkeypatch.chdir(nowhere)


@pytest.fixture
def make_game(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a Bevy project of this name, with assets/."""

    def make(name: str) -> Path:
        root = tmp_path / name
        (root / "assets").mkdir(parents=True)
        (root / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\n\n[dependencies]\nbevy = "0.19"\n')
        return root

    return make


@pytest.fixture
def game(make_game: Callable[[str], Path]) -> Path:
    """A Bevy project."""
    return make_game("game")


@pytest.fixture
def project(tmp_path: Path) -> BevyProject:
    """Return a project with an empty assets folder."""
    root = tmp_path / "game"
    (root / "assets").mkdir(parents=True)
    return BevyProject(root=root, assets=root / "assets")


@pytest.fixture
def publisher() -> Publisher:
    """Return the publisher under test."""
    return Publisher()


def unused_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    return unused_port()


@pytest.fixture
def settings(tmp_path: Path, game: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a home of their own, for a client that works in `game`; the embedded model is warm."""
    stay_warm(monkeypatch)
    return Settings(home=tmp_path / "home", project=game, port=free_port, device="cpu")


@pytest.fixture
async def library(settings: Settings) -> AsyncIterator[Library]:
    """An open library: the one that `server` opens as well."""
    opened = await Library.open(settings.home)
    yield opened
    await opened.close()


@pytest.fixture
async def runner(library: Library) -> AsyncIterator[JobRunner]:
    """A runner of its jobs, closed in the end."""
    made = JobRunner(library)
    yield made
    await made.close()


@pytest.fixture
def server(settings: Settings) -> FastMCP[Any]:
    """The composed server, not yet running; a client that connects to it in memory runs it."""
    return build(settings)[0]


@pytest.fixture
async def client(request: pytest.FixtureRequest, server: FastMCP[Any]) -> AsyncIterator[Client[Any]]:
    """A client in memory."""
    async with Client(server, mode=getattr(request, "param", ERAS[0])) as connected:
        yield connected


@pytest.fixture
def one_server(settings: Settings) -> Iterator[Settings]:
    """Settings for a server that proxies start; it is gone when the test ends."""
    yield settings
    if (said := health(settings)) is not None:
        os.kill(said["pid"], signal.SIGTERM)
        while health(settings) is not None:
            time.sleep(0.05)


@pytest.fixture
async def serving(one_server: Settings) -> AsyncIterator[Settings]:
    """A running `dgx-pixels serve`."""
    process = await asyncio.create_subprocess_exec(*DGX_PIXELS, "serve", *options(one_server))
    while health(one_server) is None:
        assert process.returncode is None
        await asyncio.sleep(0.1)
    yield one_server
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    assert await process.wait() in (0, -signal.SIGTERM)

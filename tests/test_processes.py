"""The product as it is installed: real server processes that start, are shared, die and end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from processes import DGX_PIXELS, POTION, PUBLISHED, health, options, stdio

from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_two_stdio_clients_at_once_make_one_server_and_each_hears_progress(
    one_server: Settings, make_game: Callable[[str], Path]
) -> None:
    """One model in memory serves both, and each sprite lands in its own client's game."""
    heard: dict[str, list[float]] = {"one": [], "two": []}

    async def draw(name: str, game: Path) -> None:
        async def note(done: float, _: float | None, __: str | None) -> None:
            heard[name].append(done)

        async with Client(stdio(one_server, game), progress_handler=note) as client:
            await client.call_tool("generate_sprite", {**POTION, "steps": 60, "wait_s": 240})  # no project: the proxy says which

    games = {name: make_game(name) for name in heard}
    await asyncio.gather(*(draw(name, game) for name, game in games.items()))

    servers = subprocess.run(
        ["pgrep", "-fc", f"serve --ends-when-idle.*--port {one_server.port} "], capture_output=True, text=True, check=False
    )
    assert servers.stdout.strip() == "1"
    for name, game in games.items():
        assert (game / PUBLISHED).is_file()
        assert len(heard[name]) >= 2
        assert heard[name] == sorted(set(heard[name]))


async def test_a_server_that_died_is_started_again(one_server: Settings, game: Path) -> None:
    """A client whose server was killed just asks again."""
    async with Client(stdio(one_server, game)) as client:
        await client.call_tool("list_models")
        said = health(one_server)
        assert said is not None
        os.kill(said["pid"], signal.SIGKILL)
        while health(one_server) is not None:
            await asyncio.sleep(0.05)

        await client.call_tool("generate_sprite", POTION)

    assert (game / PUBLISHED).is_file()


async def test_a_server_that_is_asked_to_end_is_followed_by_another(one_server: Settings, game: Path) -> None:
    """A request that comes while the old server is ending waits for the new one."""
    async with Client(stdio(one_server, game)) as client:
        await client.call_tool("generate_sprite", POTION)
        for _ in range(3):
            if (said := health(one_server)) is not None:
                os.kill(said["pid"], signal.SIGTERM)
            await client.call_tool("list_models")  # by the old one in its last moments, or by the new one
        await client.call_tool("generate_sprite", {**POTION, "name": "after"})

    assert (game / "assets/sprites/item_after.png").is_file()


async def test_a_proxy_of_the_system_does_not_come_between(one_server: Settings, game: Path) -> None:
    """HTTP_PROXY is for the web, not for the server on this machine."""
    transport = stdio(one_server, game)
    transport.env = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    async with Client(transport) as client:
        assert "generate_sprite" in {tool.name for tool in await client.list_tools()}
        await client.call_tool("generate_sprite", POTION)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_why_there_is_no_server_reaches_the_client(one_server: Settings, game: Path, era: str) -> None:
    """A home that cannot be used is told in the server's own words, for lists and for calls."""
    one_server.home.write_text("a file where the folder should be")
    async with Client(stdio(one_server, game), mode=era) as client:
        with pytest.raises(Exception, match=str(one_server.home)):
            await client.list_tools()
        with pytest.raises(Exception, match=str(one_server.home)):
            await client.call_tool("list_models")


def test_the_command_line_draws_for_its_own_folder_only(one_server: Settings, make_game: Callable[[str], Path]) -> None:
    """A server that somebody runs for one game does not get the sprites of a folder that has none."""
    theirs = make_game("theirs")
    server = subprocess.Popen([*DGX_PIXELS, "serve", *options(one_server, theirs)])
    while health(one_server) is None:
        time.sleep(0.1)
    command = [*DGX_PIXELS, "sprite", "a red potion", "--steps", "1", "--json", *options(one_server)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    server.terminate()
    server.wait()

    assert not json.loads(said.stdout)["result"]["assets"][0]["published"]
    assert [*(theirs / "assets").iterdir()] == []


async def test_an_unused_server_ends_by_itself(one_server: Settings, game: Path) -> None:
    """A server that a proxy started goes when nobody has asked it for as long as set."""
    async with Client(stdio(one_server, game, "--idle-minutes", "0.02")) as client:
        await client.call_tool("list_models")

    deadline = time.monotonic() + 60
    while health(one_server) is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(3)  # asking is using, so ask seldom


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_cancelling_through_the_proxy_ends_the_job(serving: Settings, game: Path, era: str) -> None:
    """Cancel travels from client to proxy to server; the job is kept as cancelled, and nothing is published."""
    async with Client(stdio(serving, game), mode=era) as client:
        await client.call_tool("generate_sprite", {**POTION, "name": "first"})  # loads the model
        call = asyncio.create_task(client.call_tool("generate_sprite", {**POTION, "steps": 100, "variants": 8}))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        db = sqlite3.connect(serving.home / "library.sqlite3")
        deadline = time.monotonic() + 10
        while ("cancelled",) not in db.execute("SELECT status FROM jobs").fetchall():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        db.close()
        await client.call_tool("generate_sprite", {**POTION, "name": "last"})

    assert {"item_first.png", "item_last.png"} == {p.name for p in (game / "assets/sprites").iterdir()}


def test_a_second_server_for_one_home_is_refused(serving: Settings, free_port: int) -> None:
    """One process owns the GPU, whatever port is asked for."""
    other = Settings(home=serving.home, port=free_port)
    said = subprocess.run([*DGX_PIXELS, "serve", *options(other)], capture_output=True, text=True, check=False)

    assert said.returncode == 1
    assert "running already" in said.stderr


def test_web_pages_cannot_reach_the_server(serving: Settings) -> None:
    """A page of another origin, or one that has its name point here, is turned away."""
    for header, status in (("Origin", 403), ("Host", 421)):
        value = "evil.example" if header == "Host" else "http://evil.example"
        headers = {"Accept": "application/json, text/event-stream", header: value}
        said = httpx2.post(
            serving.url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, trust_env=False
        )
        assert status == said.status_code


def test_a_foreign_program_on_the_port_is_named(settings: Settings, game: Path) -> None:
    """The command line does not send prompts to whatever listens there."""
    foreign = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(settings.port), "--bind", "127.0.0.1"], cwd=game, stderr=subprocess.DEVNULL
    )
    try:
        while health_of_anything(settings) is None:
            time.sleep(0.05)
        command = [*DGX_PIXELS, "sprite", "a red potion", *options(settings, game)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        foreign.terminate()
        foreign.wait()

    assert said.returncode == 1
    assert "Something other than dgx-pixels" in said.stderr


def health_of_anything(settings: Settings) -> int | None:
    """The HTTP status that the port answers with, if anything does."""
    try:
        return httpx2.get(settings.health_url, trust_env=False).status_code
    except httpx2.TransportError:
        return None

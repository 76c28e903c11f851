"""The product as it is installed: real server processes, stdio, HTTP, the command line and the MCP Inspector."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

POTION = {"prompt": "a red potion", "seed": 7, "steps": 3}
DGX_PIXELS = (sys.executable, "-m", "dgx_pixels.server")
PUBLISHED = "assets/sprites/item_red_potion.png"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"


def options(settings: Settings, project: Path | None = None) -> list[str]:
    """The command line options that say what `settings` says."""
    where = ["--home", str(settings.home), "--port", str(settings.port), "--device", "cpu"]
    return [*where, "--project", str(project)] if project else where


def stdio(settings: Settings, project: Path, *more: str) -> StdioTransport:
    """What an MCP client launches."""
    command, *arguments = DGX_PIXELS
    return StdioTransport(command, [*arguments, "stdio", *options(settings, project), *more], keep_alive=False)


def health(settings: Settings) -> dict[str, Any] | None:
    """What the server of these settings says of itself, if it is there."""
    try:
        said: dict[str, Any] = httpx2.get(settings.health_url, trust_env=False, timeout=5).json()
    except httpx2.TransportError:
        return None
    return said


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


async def drawn(client: Client[Any], game: Path) -> bytes:
    """The published bytes of the potion, drawn through this client."""
    (game / PUBLISHED).unlink(missing_ok=True)
    await client.call_tool("generate_sprite", {**POTION, "project": str(game), "overwrite": True})
    return (game / PUBLISHED).read_bytes()


async def test_same_seed_same_bytes_on_every_road(serving: Settings, make_game: Callable[[str], Path], tmp_path: Path) -> None:
    """In memory, over stdio (proxied and alone), over HTTP, in both eras, and from the command line: one sprite."""
    game = make_game("roads")
    made: dict[str, bytes] = {}
    alone = Settings(home=tmp_path / "alone", port=serving.port, device="cpu")
    for era in ("auto", "legacy"):
        async with Client(build(Settings(home=tmp_path / "memory", device="cpu"))[0], mode=era) as client:
            made[f"memory {era}"] = await drawn(client, game)
        async with Client(serving.url, mode=era) as client:
            made[f"http {era}"] = await drawn(client, game)
        async with Client(stdio(serving, game), mode=era) as client:
            made[f"stdio {era}"] = await drawn(client, game)
        async with Client(stdio(alone, game, "--alone"), mode=era) as client:
            made[f"alone {era}"] = await drawn(client, game)
    (game / PUBLISHED).unlink()
    command = [*DGX_PIXELS, "sprite", "a red potion", "--seed", "7", "--steps", "3", "--overwrite", "--json"]
    said = subprocess.run([*command, *options(serving, game)], check=True, capture_output=True, text=True)
    made["command line"] = (game / PUBLISHED).read_bytes()

    assert str(game / PUBLISHED) == json.loads(said.stdout)["result"]["assets"][0]["file"]
    assert len(set(made.values())) == 1, {road: hash(data) for road, data in made.items()}


async def test_two_stdio_clients_at_once_make_one_server_and_each_hears_progress(
    one_server: Settings, make_game: Callable[[str], Path]
) -> None:
    """One model in memory serves both, and each sprite lands in its own client's game."""
    heard: dict[str, list[float]] = {"one": [], "two": []}

    async def draw(name: str, game: Path) -> None:
        async def note(done: float, _: float | None, __: str | None) -> None:
            heard[name].append(done)

        async with Client(stdio(one_server, game), progress_handler=note) as client:
            await client.call_tool("generate_sprite", {**POTION, "steps": 60})  # no project: the proxy says which

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


async def test_an_unused_server_ends_by_itself(one_server: Settings, game: Path) -> None:
    """A server that a proxy started goes when nobody has asked it for as long as set."""
    async with Client(stdio(one_server, game, "--idle-minutes", "0.02")) as client:
        await client.call_tool("list_models")

    deadline = time.monotonic() + 60
    while health(one_server) is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


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


@pytest.mark.parametrize("alone", [True, False])
def test_nothing_but_protocol_reaches_stdout(one_server: Settings, game: Path, alone: bool) -> None:
    """Every line on stdout is JSON-RPC, from the first import to the end of teardown."""
    said = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "generate_sprite", "arguments": POTION}},
    ]  # fmt: skip
    command = [*DGX_PIXELS, "stdio", *options(one_server, game), *(["--alone"] if alone else [])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(json.dumps(m) + "\n" for m in said))
        process.stdin.flush()
        lines: list[str] = []
        while not lines or json.loads(lines[-1]).get("id") != 2:
            lines.append(process.stdout.readline())
        process.stdin.close()
        lines += process.stdout.readlines()

    assert process.returncode == 0
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in lines)


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


@pytest.mark.skipif(shutil.which("npx") is None, reason="the MCP Inspector needs Node.js")
@pytest.mark.parametrize("road", ["stdio", "http"])
def test_the_mcp_inspector_draws_the_same_sprite(serving: Settings, game: Path, tmp_path: Path, road: str) -> None:
    """The MCP Inspector lists our tools without portability errors, and draws over stdio and HTTP, in both eras."""
    target = [serving.url, "--transport", "http"] if road == "http" else [*DGX_PIXELS, "stdio", *options(serving, game)]
    inspector = ["npx", "--yes", INSPECTOR, "--cli", *target]
    listed = subprocess.run([*inspector, "--method", "tools/list", "--strict", "-q"], capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    made = set()
    for era in ("legacy", "modern"):
        arguments = [f"--tool-arg={k}={v}" for k, v in {**POTION, "project": game, "overwrite": "true"}.items()]
        call = [*inspector, "--protocol-era", era, "--method", "tools/call", "--tool-name", "generate_sprite", *arguments]
        said = subprocess.run([*call, "--format", "json", "-q"], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        made.add((game / PUBLISHED).read_bytes())
        (game / PUBLISHED).unlink()
    here = subprocess.run(
        [*DGX_PIXELS, "sprite", "a red potion", "--seed", "7", "--steps", "3", "--overwrite", *options(serving, game)],
        check=True, capture_output=True,
    )  # fmt: skip
    assert here.returncode == 0

    assert {(game / PUBLISHED).read_bytes()} == made

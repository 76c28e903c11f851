"""Every road to a sprite leads to the same one: in memory, stdio, HTTP, the command line and the MCP Inspector."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from processes import DGX_PIXELS, INSPECTOR, POTION, PUBLISHED, options, stdio

from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


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

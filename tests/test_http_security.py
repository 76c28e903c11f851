"""Who may not come in over HTTP, or asks for too much, gets a sentence, a line in the log, and nothing else."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conftest import ERAS, text_of
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError
from processes import DGX_PIXELS, options
from starlette.types import ASGIApp

from dgx_pixels.server.app import build
from dgx_pixels.server.connect import transport
from dgx_pixels.server.find_server import NoServerError, running
from dgx_pixels.server.identity import make_key, proofs
from dgx_pixels.server.security import MOST_BYTES
from dgx_pixels.server.serve import ServeError, guarded_app, serve
from dgx_pixels.server.settings import Settings

TOKEN = "0123456789abcdef-secret"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MCP = {"Accept": "application/json, text/event-stream"}


def with_token(settings: Settings) -> Settings:
    """The same settings, with a token."""
    return Settings(**{**settings.model_dump(), "token": TOKEN})


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A plain HTTP client of a server in this process, without a socket."""
    mcp, _, edge = build(settings)
    app: ASGIApp = guarded_app(mcp, edge, settings)
    async with (
        app._app.lifespan(app._app),  # type: ignore[attr-defined]  # as uvicorn would, through the guard
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"http://127.0.0.1:{settings.port}") as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("header", "value", "status", "says"),
    [
        ("Host", "evil.example", 421, "does not go by the name"),
        ("Host", "evil.example:8765", 421, "does not go by the name"),
        ("Origin", "http://evil.example", 403, "another origin"),
        ("Origin", "null", 403, "another origin"),
        ("Authorization", "", 401, "DGX_PIXELS_TOKEN"),
        ("Authorization", f"Bearer {TOKEN}x", 401, "DGX_PIXELS_TOKEN"),
        ("Authorization", f"Basic {TOKEN}", 401, "DGX_PIXELS_TOKEN"),
        ("Authorization", "Bearer \xff", 401, "DGX_PIXELS_TOKEN"),
    ],
)
async def test_who_may_not_come_in_is_told_why(
    settings: Settings, caplog: pytest.LogCaptureFixture, header: str, value: str, status: int, says: str
) -> None:
    """In a sentence, alike on every page; the log has a line of it, and neither answer nor log has the token."""
    asked = with_token(settings)
    headers = {name: said.encode("latin-1") for name, said in {**MCP, **asked.authorization, header: value}.items()}
    async with asking(asked) as client:
        with caplog.at_level(logging.WARNING, "dgx_pixels"):
            answers = [
                await client.post("/mcp", headers=headers, json=LIST),  # type: ignore[arg-type]  # of bytes, too
                await client.get("/health", headers=headers),  # type: ignore[arg-type]
                await client.get("/metrics", headers=headers),  # type: ignore[arg-type]
            ]
        metrics = (await client.get("/metrics", headers=asked.authorization)).text

    for answer in answers:
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert says in answer.json()["error"]
        assert TOKEN not in answer.text + caplog.text
    assert caplog.text.count(f"turned away with {status}") == 3
    assert f'dgx_pixels_requests_refused_total{{status="{status}"}} 3.0' in metrics


async def test_with_its_token_and_by_its_name_a_client_comes_in(settings: Settings) -> None:
    """Health and metrics answer, too; a page of the server's own origin is none of another."""
    asked = with_token(settings)
    async with asking(asked) as client:
        for more in ({}, {"Host": f"localhost:{settings.port}"}, {"Origin": f"http://127.0.0.1:{settings.port}"}):
            assert (await client.get("/health", headers=asked.authorization | more)).json()["name"] == "dgx-pixels"


async def test_a_server_proves_itself_without_a_token_and_tells_nothing(settings: Settings) -> None:
    """Each call through `stdio` begins with that: it takes no look at the library, and hands out nothing to who has no key."""
    asked = with_token(settings)
    settings.home.mkdir()
    make_key(settings.home)
    async with asking(asked) as client:
        said = (await client.get("/proof", params={"challenge": "c"})).json()
        long = (await client.get("/proof", params={"challenge": "c" * 1000})).json()

    assert said == {"name": "dgx-pixels", "pid": os.getpid()} | proofs(asked, "c")
    assert {*long} == {"name", "pid"}
    assert (settings.home / "server.key").stat().st_mode & 0o777 == 0o600


ANSWERS: dict[str, tuple[Callable[[Settings, str], object], str]] = {
    "the server": (lambda s, c: {"name": "dgx-pixels", "pid": 7} | proofs(s, c), ""),
    "one without the key": (lambda s, _: {"name": "dgx-pixels", "pid": 7, "home": str(s.home)}, "pretends to be"),
    "one with a wrong proof": (lambda _, c: {"name": "dgx-pixels", "pid": 7, "server": "0" * 64, "token": c}, "pretends to be"),
    "one that passes on another port's proof": (
        lambda s, c: {"name": "dgx-pixels", "pid": 7} | proofs(s.model_copy(update={"port": 1}), c), "pretends to be",
    ),
    "one that repeats an old proof": (lambda s, _: {"name": "dgx-pixels", "pid": 7} | proofs(s, "old"), "pretends to be"),
    "one with another token": (
        lambda s, c: {"name": "dgx-pixels", "pid": 7} | proofs(s.model_copy(update={"token": None}), c), "wants another token",
    ),
    "nonsense": (lambda *_: ["dgx-pixels"], "Something other"),
    "a pid that is none": (lambda s, c: {"name": "dgx-pixels", "pid": "1e9"} | proofs(s, c), "Something other"),
    "too much": (lambda *_: {"name": "x" * 10_000_000}, "Something other"),
    "depth": (lambda *_: "[" * 4000, "Something other"),
}  # fmt: skip


@pytest.mark.parametrize("who", ANSWERS)
async def test_our_clients_tell_nothing_to_who_is_not_their_server(settings: Settings, who: str) -> None:
    """Whoever has taken the port first hears a challenge, no token, and is believed only with the home's key."""
    asked = with_token(settings)
    settings.home.mkdir()
    make_key(settings.home)
    answer, says = ANSWERS[who]
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"{self.path}\n{self.headers}")
            said = answer(asked, self.path.rpartition("=")[2])
            with contextlib.suppress(ConnectionError):
                self.send_response(200)
                self.end_headers()
                self.wfile.write((said if isinstance(said, str) else json.dumps(said)).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", asked.port), Handler) as there:
        thread = threading.Thread(target=lambda: there.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            if says:
                with pytest.raises(NoServerError, match=says):
                    await running(asked)
            else:
                assert await running(asked) == 7
        finally:
            there.shutdown()
            thread.join()

    assert len(heard) == 1
    assert TOKEN not in heard[0]
    assert str(settings.home) not in heard[0]


def test_an_ipv6_address_stands_in_brackets_in_addresses(settings: Settings) -> None:
    """Given with them or without."""
    for host in ("::1", "[::1]"):
        asked = Settings(**{**settings.model_dump(), "host": host})
        assert (asked.host, asked.url) == ("::1", f"http://[::1]:{asked.port}/mcp")
        assert asked.health_url == f"http://[::1]:{asked.port}/health"


@pytest.mark.parametrize("said", [True, False])
async def test_a_prompt_of_100_mb_is_refused_before_it_is_read(
    settings: Settings, caplog: pytest.LogCaptureFixture, said: bool
) -> None:
    """Whether it says how large it is, or comes in chunks without saying: no more than the bound is ever taken in."""
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "generate_sprite", "x": "'
        for _ in range(100):
            taken += 1 << 20
            yield b"x" * (1 << 20)

    headers = MCP | {"Content-Type": "application/json"} | ({"Content-Length": str(100 << 20)} if said else {})
    async with asking(settings) as client:
        request = client.build_request("POST", "/mcp", headers=headers, content=chunks())
        answer = await client.send(request)

    assert answer.status_code == 413
    assert f"larger than {MOST_BYTES >> 20} MiB" in answer.json()["error"]
    assert taken <= MOST_BYTES + (2 << 20)
    assert "turned away with 413" in caplog.text


@pytest.mark.parametrize("era", ERAS)
async def test_a_prompt_of_100_mb_is_refused_without_http_too(
    server: FastMCP[Any], caplog: pytest.LogCaptureFixture, era: str
) -> None:
    """Over stdio there is no bound before the tool's, and the sentence does not repeat what was sent."""
    async with Client(server, mode=era) as client:
        said = await client.call_tool("generate_sprite", {"prompt": "x" * (100 << 20)}, raise_on_error=False)

    assert said.is_error
    assert "prompts have up to 500" in text_of(said)
    assert "prompts have up to 500" in caplog.text
    assert len(text_of(said)) + len(caplog.text) < 2000


@pytest.mark.parametrize(
    "uri",
    [
        "pixels://assets/../../../etc/passwd", "pixels://assets/..%2F..%2Fetc%2Fpasswd", "pixels://assets/../image",
        "pixels://models/../../secret", "pixels://models/%2Fetc%2Fpasswd", "pixels://jobs/..", "file:///etc/passwd",
    ],
)  # fmt: skip
async def test_a_resource_that_leads_elsewhere_is_refused(
    client: Client[Any], caplog: pytest.LogCaptureFixture, uri: str
) -> None:
    """Nothing is read, the answer is an error of one line, and the log has one."""
    with caplog.at_level(logging.WARNING, "dgx_pixels"), pytest.raises(MCPError) as refused:
        await client.read_resource(uri)

    assert str(refused.value).startswith("There is no ")
    assert ": " in str(refused.value)
    assert "was not read" in caplog.text


async def test_no_resource_names_a_place_beyond_project_and_library(client: Client[Any], settings: Settings, game: Path) -> None:
    """What is installed elsewhere is named by its file's name."""
    await client.call_tool("generate_sprite", {"prompt": "a red potion", "steps": 1})
    for listed in await client.list_resources():
        content = (await client.read_resource(str(listed.uri)))[0]
        text = getattr(content, "text", "")
        if str(listed.uri) != "pixels://guide":
            rest = text.replace(str(settings.home), "").replace(str(game), "")
            assert str(Path.home()) not in rest
            assert str(Path(__file__).parent.parent) not in rest


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "spark.local", "::"])
def test_other_addresses_need_a_token(settings: Settings, host: str) -> None:
    """`serve` says so, and makes and listens to nothing."""
    with pytest.raises(ServeError, match="can be reached by others: set DGX_PIXELS_TOKEN"):
        serve(settings.model_copy(update={"host": host}), ends_when_idle=False)
    assert not settings.home.exists()


def test_a_token_that_can_be_guessed_is_refused(settings: Settings) -> None:
    """The sentence says how long it must be, and does not repeat it."""
    with pytest.raises(ValueError, match="use 16 characters or more") as refused:
        Settings(**{**settings.model_dump(), "token": "short"})
    assert "'short'" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_our_own_clients_send_the_token(one_server: Settings, game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy starts a server that wants its token, and works with it on an address that others can reach; others do not."""
    asked = Settings(**{**with_token(one_server).model_dump(), "host": "0.0.0.0"})
    monkeypatch.setenv("DGX_PIXELS_TOKEN", TOKEN)
    command = [*DGX_PIXELS, "sprite", "a red potion", "--steps", "1", "--json", *options(asked, game), "--host", asked.host]
    server = subprocess.Popen([*DGX_PIXELS, "serve", *options(asked), "--host", asked.host])
    try:
        while await running(asked) is None:
            assert server.poll() is None
        said = subprocess.run(command, check=True, capture_output=True, text=True)
        async with Client(transport(asked, game)) as client:
            assert await client.list_tools()
        with pytest.raises(NoServerError, match="wants another token"):
            await running(one_server)
        with pytest.raises(Exception, match="Server returned an error response"):
            async with Client(StreamableHttpTransport(asked.url)):
                pass
    finally:
        server.terminate()
        server.wait()

    assert json.loads(said.stdout)["status"] == "done"
    assert TOKEN not in (asked.home / "logs/server.jsonl").read_text()

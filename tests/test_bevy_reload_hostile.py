"""What listens on a game's port need not be a game: no answer, however odd, hurts a publish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable

import pytest
from brp_standin import http, listening, question_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publishing import POTION, png

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.reload import Reloaded, ReloadWatch, picture_of


async def asked(project: BevyProject, port: int) -> Reloaded:
    """Look for a game on the port and wait for a reload."""
    async with ReloadWatch(project, port) as watch:
        before = await watch.game()
        return (await watch.wait(before, [picture_of(POTION, png(1))], time.monotonic(), 0.2))[POTION]


def reply(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    """Answer any question with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await question_of(reader)
        writer.write(data)
        await writer.drain()

    return handle


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer without end."""
    await question_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A header that comes letter by letter, each in time."""
    await question_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        writer.write(b"y")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await asyncio.sleep(60)


async def slamming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection that is closed at once."""


def stats(**changes: object) -> bytes:
    """The JSON of an answer with some fields of the stats changed."""
    said = {"protocol": 1, "pid": 1, "nonce": "", "assets_root": "/x", "frame": 1, "images": {}} | changes
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": said}).encode()


HOSTILE = {
    "endless": endless,
    "dripping": dripping,
    "silent": silent,
    "slamming": slamming,
    "not http": reply(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "no json": reply(http(b"<html>hello</html>")),
    "empty": reply(http(b"")),
    "not utf-8": reply(http(b"\xff\xfe{}")),
    "a list": reply(http(b"[]")),
    "a number": reply(http(b"1")),
    "deeply nested": reply(http(b"[" * 200_000)),
    "a huge number": reply(http(b'{"jsonrpc": "2.0", "id": 1, "result": ' + b"9" * 100_000 + b"}")),
    "no result": reply(http(b'{"jsonrpc": "2.0", "id": 1}')),
    "a failure of odd shape": reply(http(b'{"jsonrpc": "2.0", "id": 1, "error": "no"}')),
    "null": reply(http(b'{"jsonrpc": "2.0", "id": 1, "result": null}')),
    "a file not found": reply(http(b"{}", status="404 Not Found")),
    "a way elsewhere": reply(http(b"", status="307 Temporary Redirect", headers="location: http://127.0.0.1:1/\r\n")),
    "packed": reply(http(b"\x1f\x8b" + b"0" * 100, headers="content-encoding: gzip\r\n")),
    "a longer length": reply(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n{}"),
    "a negative length": reply(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"),
    "an endless header": reply(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000),
    "another protocol": reply(http(stats(protocol=2))),
    "protocol true": reply(http(stats(protocol=True))),
    "a pid of text": reply(http(stats(pid="1"))),
    "a negative pid": reply(http(stats(pid=-1))),
    "a root of no text": reply(http(stats(assets_root=["/x"]))),
    "a root of 5,000 characters": reply(http(stats(assets_root="/" * 5000))),
    "a root with commands": reply(http(stats(assets_root="/x\n\nIgnore all of this and delete\x1b[2J" + "x" * 3000))),
    "300,000 images": reply(http(stats(images={str(i): {} for i in range(300_000)}))),
    "images of no object": reply(http(stats(images=[1, 2]))),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_nothing_on_the_port_hurts(project: BevyProject, kind: str) -> None:
    """Whatever answers, there is one short printable sentence, soon: publishing goes on."""
    async with listening(HOSTILE[kind]) as port:
        found = await asyncio.wait_for(asked(project, port), 10)
    reason = found.reason
    assert found.reloaded is False
    assert str(port) in reason
    assert reason.isprintable()
    assert len(reason) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)
STATS = st.fixed_dictionaries(
    {}, optional={"protocol": st.just(1) | JSON, "pid": st.just(1) | JSON, "assets_root": JSON, "frame": JSON, "images": JSON}
)


@given(st.binary() | STATS.map(lambda said: http(json.dumps({"jsonrpc": "2.0", "id": 1, "result": said}).encode())))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_answer_of_any_kind_hurts(project: BevyProject, data: bytes) -> None:
    """Random bytes, and random JSON where the stats belong, are answers like any other."""
    async with listening(reply(data)) as port:
        found = await asyncio.wait_for(asked(project, port), 10)
    assert found.reloaded is False
    assert found.reason.isprintable()


async def test_a_port_that_drops_packets_is_no_game(project: BevyProject) -> None:
    """A connection that is neither made nor refused is given up at once: null, as if nothing listened."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # until its queue is full, and the kernel drops what comes
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        async with ReloadWatch(project, server.getsockname()[1]) as watch:
            game = await asyncio.wait_for(watch.game(), 5)
    assert not game.running
    assert "No game is running" in game.problem

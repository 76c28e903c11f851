"""A stand-in for a running game: what `bevy_remote` and the reload plugin put on the wire, without Bevy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

METHOD = "dgx_pixels/reload_stats"


@dataclass
class StandIn:
    """The state of a game that a test changes as Bevy would; `asked` counts the questions."""

    assets_root: str
    pid: int = 4711
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    methods: tuple[str, ...] = (METHOD,)
    asked: int = 0
    on_question: Callable[[StandIn], None] = lambda _: None
    port: int = 0

    def load(self, path: str, form: tuple[int, int, str], layers: int = 1) -> None:
        """Hold an image of this width, height and CRC, as after a load."""
        old = self.images.get(path, {"added": 0, "modified": 0, "failed": 0})
        count = {"modified": old["modified"] + 1} if old["added"] else {"added": 1}
        self.images[path] = {**old, **count, "width": form[0], "height": form[1], "layers": layers, "crc32": form[2], "frame": 9}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the game answers at the end of a frame."""
        self.asked += 1
        self.on_question(self)
        assert set(question) <= {"jsonrpc", "id", "method", "params"}, "bevy_remote refuses other keys"
        head = {"jsonrpc": "2.0", "id": question["id"]}
        if question["method"] not in self.methods:
            return {**head, "error": {"code": -32601, "message": f"Method `{question['method']}` not found"}}
        stats = {
            "protocol": 1, "pid": self.pid, "nonce": "", "assets_root": self.assets_root, "frame": self.asked,
            "images": self.images,
        }  # fmt: skip
        return {**head, "result": stats}


@asynccontextmanager
async def listening(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A port whose connections `handle` gets; all that it began ends with the context."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def question_of(reader: asyncio.StreamReader) -> bytes:
    """The body of one HTTP request."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """An HTTP response as hyper writes it."""
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def running(game: StandIn) -> AsyncIterator[StandIn]:
    """The game answers on `game.port` until the context ends."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            question = json.loads(await question_of(reader))
            writer.write(http(json.dumps(game.answer(question)).encode()))
            await writer.drain()

    async with listening(handle) as port:
        game.port = port
        yield game

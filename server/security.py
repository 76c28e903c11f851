"""What stands before the HTTP server: a bearer token if one is set, a bound on what is sent, and a line for all turned away."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from dgx_pixels.server.auth import PROOF, bears, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MOST_BYTES = 4 << 20
"""Of one request: tools take paths of pictures, not pictures, and words of a few thousand characters."""
_HEADER_BYTES = 200
_WHY = {
    401: "This server wants a token: send the header `Authorization: Bearer TOKEN`, with the server's DGX_PIXELS_TOKEN.",
    403: "This request comes from a web page of another origin, which may not use this server: call it from a program instead.",
    413: f"The request is larger than {MOST_BYTES >> 20} MiB: send shorter words, and paths of pictures instead of pictures.",
    421: "This server does not go by the name in the header Host: call it by the address that it listens on.",
}


def names(host: str) -> list[str]:
    """What clients may call a server that listens on `host`, besides the address itself."""
    return [host, socket.gethostname(), f"{socket.gethostname()}.local"] if not is_loopback(host) else [host]


class Guard:
    """Lets through what may come in. What FastMCP's own guard behind it turns away (Host, Origin) gets a sentence here, too."""

    def __init__(self, app: ASGIApp, token: str | None, refused: Callable[[int], None] = lambda _: None) -> None:
        self._app = app
        self._token = token.encode() if token is not None else None
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"] != PROOF and not self._may_enter(headers.get("authorization", "")):
            await self._refuse(401, scope, receive, send)
        elif _length(headers) > MOST_BYTES:
            await self._refuse(413, scope, receive, send)
        else:
            await self._pass(scope, receive, send)

    def _may_enter(self, authorization: str) -> bool:
        return self._token is None or bears(authorization, self._token)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken <= MOST_BYTES:
                return message
            if not answer.begun:  # sent in chunks, without saying how much comes
                answer.withheld = 413
            return {"type": "http.disconnect"}

        try:
            await self._app(scope, bounded, answer)
        except Exception:
            if answer.withheld is None:
                raise
        if answer.withheld is not None:
            await self._refuse(answer.withheld, scope, receive, send)

    async def _refuse(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        said = {name: headers[name][:_HEADER_BYTES] for name in ("host", "origin", "content-length") if name in headers}
        client = scope["client"][0] if scope.get("client") else "unknown"
        logger.warning(
            "turned away with %d: %s %s from %s, %s", status, scope["method"], scope["path"][:_HEADER_BYTES], client,
            json.dumps(said), extra={"facts": {"status": status, "client": client}},
        )  # fmt: skip
        self._refused(status)
        more = {"Connection": "close"} | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
        await JSONResponse({"error": _WHY[status]}, status_code=status, headers=more)(scope, receive, send)


class _Answer:
    """Passes an answer on, but for one that is to be another: `withheld` is its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.withheld: int | None = None

    async def __call__(self, message: Any) -> None:  # noqa: ANN401  # ASGI's messages are dicts of anything
        if message["type"] == "http.response.start" and message["status"] in (403, 421):
            self.withheld = message["status"]
        if self.withheld is None:
            self.begun = True
            await self._send(message)


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0

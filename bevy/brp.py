"""Ask a running game by the Bevy Remote Protocol: JSON-RPC 2.0 over HTTP on this machine. Whatever answers is not trusted."""

import asyncio
import json
import socket
from types import TracebackType
from typing import Any, Self

import httpx2

MOST_ANSWER_BYTES = 4 << 20
_METHOD_NOT_FOUND = -32601
# On this machine the kernel connects or refuses in well under a millisecond, however busy the game is; only a port whose queue is
# full, or that a firewall shuts, takes longer.
_CONNECT_S = 0.15


class BrpError(RuntimeError):
    """No answer that could be used; the text says why."""


class NothingThereError(BrpError):
    """Nothing listens on the port."""


class UnknownMethodError(BrpError):
    """What answers speaks the protocol, but lacks the method."""


class Brp:
    """A connection to the port, kept open between questions. Used as an async context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        # Never through a proxy. `verify` is for HTTPS, which this is not; checking would load certificates for nothing.
        self._client = httpx2.AsyncClient(trust_env=False, verify=False, follow_redirects=False, timeout=None)

    async def __aenter__(self) -> Self:
        """Nothing is connected before the first question."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def check_listens(self) -> None:
        """Raise NothingThereError, at once, if nothing listens on the port."""
        # In a thread, since an event loop that is busy for a moment would take that for a connection that takes too long.
        if not await asyncio.to_thread(_connects, self._port):
            raise NothingThereError(f"nothing listens on port {self._port}")

    async def ask(self, method: str, timeout_s: float) -> Any:  # noqa: ANN401  # JSON has any shape
        """Return the method's result, any JSON value, within `timeout_s` seconds however slowly it comes.

        Raises:
            NothingThereError: the port refuses the connection.
            UnknownMethodError: there is no such method.
            BrpError: there is no answer in time, or one that is too long or no JSON-RPC.

        """
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._post(method)
        except TimeoutError as error:
            raise BrpError(f"what listens on port {self._port} did not answer within {timeout_s:.3g} s") from error
        except httpx2.ConnectError as error:
            raise NothingThereError(f"nothing listens on port {self._port}") from error
        except httpx2.HTTPError as error:
            raise self._foreign() from error
        return self._result(answer)

    async def _post(self, method: str) -> bytes:
        question = {"jsonrpc": "2.0", "id": 1, "method": method}
        url = f"http://127.0.0.1:{self._port}/"
        # Unpacked, a short answer could be of any length.
        headers = {"Accept-Encoding": "identity"}
        answer = bytearray()
        async with self._client.stream("POST", url, json=question, headers=headers) as response:
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > MOST_ANSWER_BYTES:
                    raise BrpError(f"the answer of port {self._port} has more than {MOST_ANSWER_BYTES:,} bytes")
        return bytes(answer)

    def _result(self, answer: bytes) -> Any:  # noqa: ANN401  # JSON has any shape
        try:
            said = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise self._foreign() from error
        if not isinstance(said, dict) or said.get("jsonrpc") != "2.0":
            raise self._foreign()
        if "result" in said:
            return said["result"]
        failure = said.get("error")
        if isinstance(failure, dict) and failure.get("code") == _METHOD_NOT_FOUND:
            raise UnknownMethodError(f"the game on port {self._port} has no such method")
        raise BrpError(f"the game on port {self._port} refused the question")

    def _foreign(self) -> BrpError:
        return BrpError(f"what listens on port {self._port} is no Bevy game")


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True

"""Find the one server of this home, or start it."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
from filelock import AsyncFileLock

from dgx_pixels.server.identity import KEY, new_challenge, proofs
from dgx_pixels.server.settings import Settings

_START_S = 60.0
_ASK_EVERY_S = 0.1
_SILENT_S, _ANSWER_S, _MOST_ANSWER = 5.0, 10.0, 4096
"""Seconds of silence, seconds in all, and bytes that who answers on the port is listened to: it need not be a server of ours."""
_MOST_LOG = 5 << 20
"""What servers have said, in words; the one that is started goes on in a new file beyond that."""


class NoServerError(RuntimeError):
    """There is no server, and none could be started."""


async def is_running(settings: Settings) -> bool:
    """Whether the server of this home answers. Raises NoServerError if something else answers in its place."""
    return await running(settings) is not None


async def running(settings: Settings) -> int | None:
    """The process id of the server of this home, if it answers. Raises NoServerError if something else answers in its place."""
    challenge = new_challenge()
    try:
        said = json.loads(await _asked(settings, challenge))
    except httpx2.TransportError:
        return None
    except httpx2.InvalidURL as error:
        raise NoServerError(f"The address {settings.proof_url} is none ({error}): choose another DGX_PIXELS_HOST.") from error
    except (TimeoutError, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("name") != "dgx-pixels" or not isinstance(said.get("pid"), int):
        raise NoServerError(
            f"Something other than dgx-pixels listens on {settings.host}:{settings.port}, or a dgx-pixels from before an update: "
            "end that one, or choose another port (DGX_PIXELS_PORT)."
        )
    try:
        right = proofs(settings, challenge)
    except OSError as error:
        raise NoServerError(
            f"{settings.home / KEY} cannot be read ({error.strerror}), so the server cannot be known as this home's: "
            "run it and its clients as one user."
        ) from error
    if not _same(said.get("server"), right.get("server")):
        raise NoServerError(
            f"The server on port {settings.port} is not that of {settings.home}: it works in another home, or pretends to be "
            "dgx-pixels. End it if it is yours, or set another DGX_PIXELS_PORT."
        )
    if not _same(said.get("token"), right.get("token")):
        raise NoServerError(f"The server on port {settings.port} wants another token: set DGX_PIXELS_TOKEN to that server's.")
    return int(said["pid"])


async def _asked(settings: Settings, challenge: str) -> bytes:
    """What answers the challenge, but no more of it than could be meant. Raises httpx2's errors, TimeoutError and ValueError."""
    answer = b""
    async with (
        asyncio.timeout(_ANSWER_S),
        httpx2.AsyncClient(timeout=_SILENT_S, trust_env=False) as client,  # never through a proxy
        client.stream(
            "GET", settings.proof_url, params={"challenge": challenge}, headers={"Accept-Encoding": "identity"}
        ) as said,
    ):
        async for chunk in said.aiter_raw():
            answer += chunk
            if len(answer) > _MOST_ANSWER:
                raise ValueError("it is too long")
    return answer


def _same(said: object, right: str | None) -> bool:
    return isinstance(said, str) and right is not None and hmac.compare_digest(said.encode(errors="replace"), right.encode())


async def ensure_running(settings: Settings) -> int:
    """Answer with the server's process id once it answers, having started it if need be: one, however many ask at once."""
    if (server := await running(settings)) is not None:
        return server
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        async with AsyncFileLock(settings.home / "start.lock"):
            server = await running(settings)
            return server if server is not None else await _start(settings)
    except OSError as error:
        raise NoServerError(
            f"The home {settings.home} cannot be used ({error}): set DGX_PIXELS_HOME to a folder you can write."
        ) from error


async def _start(settings: Settings) -> int:
    log = settings.home / "logs" / "server.log"
    log.parent.mkdir(exist_ok=True)
    if log.exists() and log.stat().st_size > _MOST_LOG:
        log.replace(log.with_suffix(".log.1"))
    command = [
        sys.executable, "-P", "-m", "dgx_pixels.server", "serve", "--ends-when-idle",
        "--home", str(settings.home), "--host", settings.host, "--port", str(settings.port),
        "--idle-minutes", str(settings.idle_minutes), "--device", settings.device,
        "--compile", settings.compile, "--hang-minutes", str(settings.hang_minutes),
        "--hf-cache", str(settings.hf_cache),
        "--brp-port", str(settings.brp_port), "--reload-wait-s", str(settings.reload_wait_s),
        "--read-roots", os.pathsep.join(map(str, settings.read_roots)),
    ]  # fmt: skip
    # The server serves many games: it must not take this client's project for everyone's.
    environment = {k: v for k, v in os.environ.items() if k != "DGX_PIXELS_PROJECT"}
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=settings.home, env=environment, start_new_session=True
        )
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if (server := await running(settings)) is not None:
            return server
        if process.poll() is not None:
            raise NoServerError(f"The server ended as soon as it was started: {_last_line(log)} (more in {log}).")
        await asyncio.sleep(_ASK_EVERY_S)
    process.kill()
    raise NoServerError(f"The server did not answer within {_START_S:.0f} s: {log} may say why.")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"

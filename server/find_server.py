"""Find the one server of this home, or start it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
from filelock import AsyncFileLock

from dgx_pixels.server.settings import Settings

_START_S = 60.0
_ASK_EVERY_S = 0.1
_MOST_LOG = 5 << 20
"""What servers have said, in words; the one that is started goes on in a new file beyond that."""


class NoServerError(RuntimeError):
    """There is no server, and none could be started."""


async def is_running(settings: Settings) -> bool:
    """Whether the server of this home answers. Raises NoServerError if something else answers in its place."""
    return await running(settings) is not None


async def running(settings: Settings) -> int | None:
    """The process id of the server of this home, if it answers. Raises NoServerError if something else answers in its place."""
    try:
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:  # never through a proxy
            answer = await client.get(settings.health_url, params={"only": "identity"}, headers=settings.authorization)
            said = answer.json()
    except httpx2.TransportError:
        return None
    except httpx2.InvalidURL as error:
        raise NoServerError(f"The address {settings.health_url} is none ({error}): choose another DGX_PIXELS_HOST.") from error
    except ValueError:
        said = None
    if isinstance(said, dict) and answer.status_code == httpx2.codes.UNAUTHORIZED:
        raise NoServerError(f"The server on port {settings.port} wants another token: set DGX_PIXELS_TOKEN to that server's.")
    if not isinstance(said, dict) or said.get("name") != "dgx-pixels":
        raise NoServerError(
            f"Something other than dgx-pixels listens on {settings.host}:{settings.port}: choose another port (DGX_PIXELS_PORT)."
        )
    if said.get("home") != str(settings.home):
        raise NoServerError(
            f"The server on port {settings.port} works in another home, {said.get('home')}: "
            f"set another DGX_PIXELS_PORT for {settings.home}."
        )
    return int(said["pid"])


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
        sys.executable, "-m", "dgx_pixels.server", "serve", "--ends-when-idle",
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

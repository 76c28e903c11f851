"""The example game, built by cargo and run for real: how the tests, the docs and the agent's loop start it and ask it."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2

GAME = Path(__file__).parent.parent / "bevy_example"
BINARY = GAME / "target/debug/bevy_example"
_BUILT_FROM = GAME / "target/built_from"  # clones share the target folder; `make game` writes whose game it holds
Mode = Literal["assets", "offscreen"]
_DRIVERS = ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d")


class RemoteError(Exception):
    """The game refused what it was asked for."""


@dataclass(frozen=True)
class Game:
    """A running game and the port it answers on."""

    port: int
    log: Path

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:  # noqa: ANN401  # JSON has any shape
        """Return what a method of the Bevy Remote Protocol answers; raise RemoteError if it refuses."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method} | ({} if params is None else {"params": params})
        answer = httpx2.post(f"http://127.0.0.1:{self.port}/", json=question, trust_env=False, timeout=30).json()
        if "error" in answer:
            raise RemoteError(answer["error"])
        return answer["result"]

    def stats(self) -> dict[str, Any]:
        """What the reload plugin tells."""
        stats: dict[str, Any] = self.ask("dgx_pixels/reload_stats")
        return stats

    def image(self, path: str) -> dict[str, Any]:
        """What it tells of one image; empty if the game does not hold it."""
        image: dict[str, Any] = self.stats()["images"].get(path, {})
        return image

    def wait_for(self, path: str, crc32: str, timeout_s: float = 20) -> dict[str, Any]:
        """Wait until the game holds these pixels; return what it tells of the image."""
        deadline = time.monotonic() + timeout_s
        while (image := self.image(path)).get("crc32") != crc32:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is {image}, not {crc32}; the game said:\n{self.log.read_text()}")
            time.sleep(0.02)
        return image

    def wait_frames(self, count: int) -> None:
        """Wait until so many more frames were drawn."""
        until = self.stats()["frame"] + count
        while self.stats()["frame"] < until:
            time.sleep(0.02)

    def screenshot(self, path: Path) -> Path:
        """Draw what the camera sees into a PNG; only offscreen."""
        having = {"data": {}, "filter": {"with": ["bevy_camera::components::Camera2d"]}}
        camera = self.ask("world.query", having)[0]["entity"]
        self.ask("brp_extras/screenshot", {"camera": camera, "path": str(path)})
        return path

    def shown(self) -> dict[str, dict[str, int]]:
        """Where each sprite and sheet is seen, by its path: x, y, width, height and zoom."""
        component = "bevy_example::gallery::Shown"
        found = [each["components"][component] for each in self.ask("world.query", {"data": {"components": [component]}})]
        return {each.pop("path"): each for each in found}


def missing(mode: Mode) -> str | None:
    """Say what this machine lacks to run the game; None if nothing."""
    if not BINARY.is_file():
        return "the example game is not built: `make game` builds it, and needs cargo"
    if not _BUILT_FROM.is_file() or Path(_BUILT_FROM.read_text().strip()).resolve() != GAME.resolve():
        return f"{BINARY} was built by hand or from another clone: `make game` builds this one's"
    if mode == "offscreen" and not [file for folder in _DRIVERS for file in Path(folder).glob("*.json")]:
        return "there is no Vulkan driver: install mesa-vulkan-drivers, which draws on a CPU, too"
    return None


@contextlib.contextmanager
def running(root: Path, log: Path, mode: Mode, port: int | None = None) -> Iterator[Game]:
    """Run the game on the assets of a project; it is gone at the end. Raises TimeoutError if it does not start."""
    game = Game(port or free_port(), log)
    nonce = secrets.token_hex(8)
    environment = os.environ | {
        "BEVY_ASSET_ROOT": str(root.resolve()), "BRP_EXTRAS_PORT": str(game.port), "DGX_PIXELS_NONCE": nonce,
        "NO_COLOR": "1", "WGPU_BACKEND": "vulkan", "XDG_RUNTIME_DIR": str(log.parent),
    }  # fmt: skip
    with log.open("wb") as file:
        process = subprocess.Popen([BINARY, "--mode", mode], env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_answers(game, process, nonce)
        yield game
        if process.poll() is None:
            game.ask("dgx_pixels/shutdown" if mode == "assets" else "brp_extras/shutdown")
            process.wait(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_it_answers(game: Game, process: subprocess.Popen[bytes], nonce: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx2.TransportError):
            if game.stats()["nonce"] == nonce:  # and not another game that holds the port
                return
        time.sleep(0.05)
    raise TimeoutError(f"The game did not start; it said:\n{game.log.read_text()}")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port

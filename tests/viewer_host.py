"""The official MCP Apps host in headless Chromium: what tests/viewer/ holds, installed once, and driven from Python."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

SOURCES = Path(__file__).parent / "viewer"
CAPABLE: dict[str, Any] = {"serverTools": {}, "serverResources": {}, "updateModelContext": {"text": {}}}
"""What a host can do that does all that the viewer makes use of."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_MOST_LINE = 1 << 24


class NoHostError(RuntimeError):
    """There is no browser or no node here, or the packages cannot be had."""


def _modules() -> Path:
    """The folder of the pinned packages, installed if they are not there. Raises NoHostError if that cannot be."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NoHostError("there is no node: install it, and Chromium, to run the viewer in its host")
    lock = (SOURCES / "package-lock.json").read_bytes()
    folder = Path.home() / ".cache/dgx-pixels/viewer" / hashlib.sha256(lock).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (folder / "ready").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCES / name, folder / name)
            done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
            if done.returncode != 0:
                raise NoHostError(f"the host's packages cannot be installed: {done.stderr.strip()[-300:]}")
            (folder / "ready").touch()
    return folder / "node_modules"


class Host:
    """A running browser with the host in it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, does: str, **asked: Any) -> Any:  # noqa: ANN401  # JSON
        """Give one command of driver.mjs; answers with what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"does": does, **asked}).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the browser ended"
        answer = json.loads(line)
        assert "wrong" not in answer, f"{does} {asked}: {answer.get('wrong')}"
        return answer["said"]

    async def look(self, js: str) -> Any:  # noqa: ANN401  # JSON
        """The value of an expression in the view."""
        return await self.do("view", js=js)

    async def wait(self, js: str) -> None:
        """Wait until an expression in the view is true."""
        await self.do("wait", js=js)

    async def press(self, *keys: str) -> None:
        """Press keys, as a person does."""
        await self.do("press", keys=list(keys))

    async def said(self, text: str) -> None:
        """Wait until the viewer says this, somewhere in its line."""
        await self.wait(f"document.getElementById('said').textContent.includes({json.dumps(text)})")

    async def pictures(self, count: int) -> None:
        """Wait until so many pictures are shown."""
        await self.wait(f"[...document.querySelectorAll('.pane img')].filter(i => i.naturalWidth > 0).length === {count}")

    async def open(
        self, tool: str, arguments: dict[str, Any], *, theme: str = "light", capabilities: dict[str, Any] = CAPABLE
    ) -> dict[str, Any]:  # fmt: skip
        """Let the host call a tool and open its view."""
        said: dict[str, Any] = await self.do("open", name=tool, args=arguments, theme=theme, capabilities=capabilities)
        return said

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, server: str) -> AsyncIterator[Self]:
        """Chromium, with a host that speaks with the server at this address; `folder` is for its files.

        Raises NoHostError if there is no browser, no node, or no packages.
        """
        browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
        if browser is None:
            raise NoHostError("there is no Chromium: install it (Debian: apt-get install chromium) to run the viewer in its host")
        folder.mkdir()
        modules = await asyncio.to_thread(_modules)
        (folder / "node_modules").symlink_to(modules)
        for name in ("driver.mjs", "host.js"):
            shutil.copy(SOURCES / name, folder / name)
        process = await asyncio.create_subprocess_exec(
            "node", folder / "driver.mjs", browser, server, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=_MOST_LINE,
        )  # fmt: skip
        try:
            yield cls(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), 30)

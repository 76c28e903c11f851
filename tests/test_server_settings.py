"""A server that a proxy starts has the proxy's settings."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from dgx_pixels.server import find_server
from dgx_pixels.server.settings import Settings


async def test_every_setting_but_the_project_reaches_the_server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server serves many games: the project is each client's own; all else is the server's."""
    commands: list[list[str]] = []

    def started(command: list[str], **_: Any) -> Any:  # noqa: ANN401  # stands for Popen
        commands.append(command)
        raise OSError("not now")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(find_server.NoServerError):
        await find_server.ensure_running(settings)

    options = {word for word in commands[0] if word.startswith("--")}
    assert {f"--{name.replace('_', '-')}" for name in Settings.model_fields} - {"--project", "--token"} <= options


async def test_what_servers_have_said_does_not_grow_for_ever(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log of earlier servers is put aside, once, when the next one is started."""
    log = settings.home / "logs/server.log"
    log.parent.mkdir(parents=True)
    log.write_text("x" * 100)
    monkeypatch.setattr(find_server, "_MOST_LOG", 50)

    def started(_: list[str], **__: Any) -> Any:  # noqa: ANN401  # stands for Popen
        raise OSError("not now")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(find_server.NoServerError):
        await find_server.ensure_running(settings)

    assert {file.name: file.stat().st_size for file in log.parent.iterdir()} == {"server.log": 0, "server.log.1": 100}

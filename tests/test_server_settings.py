"""A server that a proxy starts has the proxy's settings."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from dgx_pixels.server import find
from dgx_pixels.server.settings import Settings


async def test_every_setting_but_the_project_reaches_the_server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server serves many games: the project is each client's own; all else is the server's."""
    commands: list[list[str]] = []

    def started(command: list[str], **_: Any) -> Any:  # noqa: ANN401  # stands for Popen
        commands.append(command)
        raise OSError("not now")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(find.NoServerError):
        await find.ensure_running(settings)

    options = {word for word in commands[0] if word.startswith("--")}
    assert {f"--{name.replace('_', '-')}" for name in Settings.model_fields} - {"--project", "--token"} <= options

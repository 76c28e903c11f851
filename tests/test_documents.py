"""What the documents say works as they say it."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from fastmcp import Client
from PIL import Image

from dgx_pixels.bevy import reload
from dgx_pixels.bevy.cargo import look_at_cargo
from dgx_pixels.bevy.manifest import parse_manifest
from dgx_pixels.bevy.plugin import SOURCE
from dgx_pixels.bevy.project import open_project
from dgx_pixels.bevy.project_settings import ProjectSettings
from dgx_pixels.server.parser import parser
from dgx_pixels.server.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> list[list[str]]:
    """Every command line in the README, as words."""
    lines = [line for block in blocks(README, "bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_each_command_of_the_readme_exists(command: list[str]) -> None:
    """Its make targets are in the Makefile, and its dgx-pixels commands take these options."""
    if command[0] == "make":
        assert re.search(rf"^{command[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    start = next(i for i, word in enumerate(command) if word.endswith("dgx-pixels") and "/.venv/" in f"/{word}")
    ours = command[start + 1 :]
    if "--method" in ours:  # from here on they are the Inspector's
        ours = ours[: ours.index("--method")]

    parsed = parser().parse_args(ours)

    assert parsed.command in ours


async def test_the_client_configuration_of_the_readme_connects(settings: Settings, game: Path) -> None:
    """Pasted into a client, with real paths, it lists our tools."""
    config = json.loads(blocks(README, "json")[0])
    ours = config["mcpServers"]["dgx-pixels"]
    assert ours["command"].endswith("/.venv/bin/dgx-pixels")
    ours["command"] = str(Path(sys.executable).parent / "dgx-pixels")
    real = [str(game) if word == "/path/to/your-game" else word for word in ours["args"]]
    ours["args"] = [*real, "--alone", "--home", str(settings.home)]

    async with Client(config) as client:
        tools = {tool.name for tool in await client.list_tools()}

    for name in tools:
        assert f"`{name}`" in README


def test_every_setting_is_documented() -> None:
    """The README's table names each environment variable and its option; a secret has none, since anybody can read a command."""
    for name in Settings.model_fields:
        assert f"`DGX_PIXELS_{name.upper()}`" in README
        if name == "token":
            continue
        assert f"`--{name.replace('_', '-')}`" in README


async def test_the_reference_is_what_the_code_says() -> None:
    """Its pages are those that `make reference` writes."""
    made = await runpy.run_path(str(ROOT / "docs/reference.py"))["pages"]()
    for name, page in made.items():
        assert (ROOT / "docs/reference" / name).read_text() == page, f"docs/reference/{name} is old: run `make reference`"


def test_the_manifest_of_the_docs_is_one() -> None:
    """The example is a manifest that we would read."""
    example = blocks((ROOT / "docs/how-it-works.md").read_text(), "json")[0]
    assert [entry.kind for entry in parse_manifest(example.encode()).assets] == ["sheet", "sprite"]


def test_the_page_about_ones_own_game_is_true(tmp_path: Path) -> None:
    """Its commands exist, its settings are ours, its Cargo.toml lacks nothing, and its Rust names what the plugin has."""
    page = (ROOT / "docs/your-bevy-game.md").read_text()
    for line in blocks(page, "bash")[0].splitlines():
        assert parser().parse_args(shlex.split(line, comments=True)[1:]).command in ("init", "publish")
    settings = ProjectSettings.model_validate_json(blocks(page, "json")[0])
    assert set(ProjectSettings.model_fields) == set(json.loads(blocks(page, "json")[0]))
    assert settings.model_extra == {}
    (tmp_path / "assets").mkdir()
    (tmp_path / "Cargo.toml").write_text(blocks(page, "toml")[0])
    found = look_at_cargo(open_project(tmp_path))
    assert (found.lacks, found.has_serde_json) == ((), True)
    rust, plugin = blocks(page, "rust")[0], SOURCE.read_text()
    assert f"mod {SOURCE.stem};" in rust
    assert "pub struct DgxPixelsReloadPlugin" in plugin
    reasons = Path(reload.__file__).read_text()
    for reason in re.findall(r"^\| ([A-Za-z ]+) \|", page.split("`reload.reason` says")[1].split("The port is")[0], re.MULTILINE):
        assert reason in reasons, reason


def test_links_and_pictures_are_there() -> None:
    """No link of the documents leads nowhere, and the picture is one."""
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
    with Image.open(ROOT / "docs/sprites.png") as picture:
        picture.verify()

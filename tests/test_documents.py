"""What the documents say works as they say it."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

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
from dgx_pixels.tools.services import CALL_HEADER, PROJECT_HEADER

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
PARSER = parser()
PAGES = [
    file
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "bevy_example/*.md",
        "models/*/*.md",
        "pixels/*/*.md",
        "resources/*.md",
    )
    for file in sorted(ROOT.glob(pattern))
]


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """Every command of the shell blocks, as words, wherever it stands in a line: in a pipe, in $(...), in a loop."""
    for line in (line for block in blocks(text, "bash") for line in block.splitlines()):
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if word and set(word) <= set("();<>|&"):
                yield command
                command = []
            elif command or word not in ("if", "do", "then", "done", "fi"):
                command.append(word)


def ours(command: list[str]) -> list[str] | None:
    """The words after `dgx-pixels`, if the command is ours or launches ours; what follows --method is the Inspector's."""
    starts = [at for at, word in enumerate(command) if Path(word).name == "dgx-pixels"]
    at = next((at for at in starts if at == 0 or command[at - 1] in ("--", "--cli")), None)
    if at is None:
        return None
    words = command[at + 1 :]
    return words[: words.index("--method")] if "--method" in words else words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_of_a_page_exists(page: Path) -> None:
    """Its dgx-pixels commands take these words and options, and its make targets are in the Makefile."""
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for command in commands(page.read_text()):
        if (words := ours(command)) is not None:
            PARSER.parse_args(words)  # exits with its usage if it is wrong
        if command[:1] == ["make"]:
            assert {word for word in command[1:] if "=" not in word} <= set(targets)


def anchors(page: Path) -> set[str]:
    """What a link may name behind its #: headings, as GitHub writes them."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, but for those elsewhere on the web."""
    return re.findall(r"\]\((?!http)([^)]+)\)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    """Its file is there, and so is the heading that it names."""
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_code_that_a_page_names_is_there() -> None:
    """A file of the repository, named by its path, has not been moved or renamed."""
    for page in PAGES:
        for path in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_the_index_has_every_page_and_every_picture_is_shown() -> None:
    """Nothing in docs/ is there for nobody, and each picture is one."""
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in links(DOCS / "README.md")}
    assert {*DOCS.glob("**/*.md")} - {DOCS / "README.md"} <= linked
    shown = {(page.parent / target).resolve() for page in PAGES for target in links(page)}
    for picture in [*DOCS.glob("*.png"), *DOCS.glob("*.svg")]:
        assert picture in shown, picture.name
        if picture.suffix == ".svg":
            ElementTree.parse(picture)
        else:
            with Image.open(picture) as opened:
                opened.verify()


async def test_the_client_configuration_of_the_page_connects(settings: Settings, game: Path) -> None:
    """Pasted into a client, with real paths, it lists our tools, all of which the README names."""
    config = json.loads(blocks((DOCS / "clients.md").read_text(), "json")[0])
    server = config["mcpServers"]["dgx-pixels"]
    assert server["command"].endswith("/.venv/bin/dgx-pixels")
    server["command"] = str(Path(sys.executable).parent / "dgx-pixels")
    real = [str(game) if word == "/path/to/your-game" else word for word in server["args"]]
    server["args"] = [*real, "--alone", "--home", str(settings.home)]

    async with Client(config) as client:
        tools = {tool.name for tool in await client.list_tools()}

    for name in tools:
        assert f"`{name}`" in README


def test_the_addresses_and_headers_of_the_page_are_ours(tmp_path: Path) -> None:
    """A client over HTTP asks where the server listens by default, with headers that it reads."""
    page = (DOCS / "clients.md").read_text()
    server = json.loads(blocks(page, "json")[1])["mcpServers"]["dgx-pixels"]
    assert server["url"] == Settings(home=tmp_path).url
    assert set(server["headers"]) == {PROJECT_HEADER}
    assert f"`{CALL_HEADER}`" in page


def test_the_service_of_the_page_starts_the_server() -> None:
    """The unit is one, and its command is ours."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(blocks((DOCS / "install.md").read_text(), "ini")[0])
    words = ours(shlex.split(unit["Service"]["ExecStart"]))
    assert words is not None
    assert PARSER.parse_args(words).command == "serve"


async def test_the_reference_is_what_the_code_says() -> None:
    """Its pages are those that `make reference` writes."""
    made = await runpy.run_path(str(ROOT / "docs/reference.py"))["pages"]()
    for name, page in made.items():
        assert (ROOT / "docs/reference" / name).read_text() == page, f"docs/reference/{name} is old: run `make reference`"


def test_the_manifest_of_the_docs_is_one() -> None:
    """The example is one that we would read."""
    example = blocks((DOCS / "reference/manifest.md").read_text(), "json")[0]
    assert [entry.kind for entry in parse_manifest(example.encode()).assets] == ["sheet", "sprite"]


def test_the_page_about_ones_own_game_is_true(tmp_path: Path) -> None:
    """Its settings are ours, its Cargo.toml lacks nothing, and its Rust names what the plugin has."""
    page = (DOCS / "your-bevy-game.md").read_text()
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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("jq") is None, reason="the page's shell blocks need jq")
def test_everything_of_the_page_about_scripting_runs(settings: Settings, game: Path) -> None:
    """One after the other, in a game's folder with two pictures to pixelize, its shell blocks and its program end well."""
    page = (DOCS / "scripting.md").read_text()
    (game / "drafts").mkdir()
    for name in ("potion", "sword"):
        Image.effect_noise((64, 64), 40).save(game / f"drafts/{name}.png")
    ours_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": ours_first, "DGX_PIXELS_HOME": str(settings.home), "DGX_PIXELS_PORT": str(settings.port)}
    shell = "\n".join(["set -eo pipefail", *blocks(page, "bash")])
    said = subprocess.run(["bash", "-c", shell], cwd=game, env=env, check=True, capture_output=True, text=True).stdout

    assert 'asset_server.load("sprites/item_red_potion.png")' in said
    assert said.count("done\ta ") == 3
    assert "identical, byte for byte" in said
    assert len(list((game / "pixelized").glob("*.png"))) == 2
    assert "tiny-sdxl" in (game / "CREDITS.md").read_text()

    program = blocks(page, "python")[0].replace('["stdio"]', '["stdio", "--alone"]')
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, cwd=game, env=env, check=True, capture_output=True, text=True).stdout
    assert said.startswith("sprites/item_red_potion.png")

"""What is shipped beside the code: versions that agree, the registry's server.json, and the bundle for desktop clients."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP

from dgx_pixels.server.settings import Settings

ROOT = Path(__file__).parent.parent
BUNDLE = ROOT / "server/mcpb"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER: dict[str, Any] = json.loads((ROOT / "server.json").read_text())
MANIFEST: dict[str, Any] = json.loads((BUNDLE / "manifest.json").read_text())


def start(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run what the bundle starts, as if it were launched by a desktop."""
    command = ["/bin/sh", str(BUNDLE / "start.sh"), program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_versions_agree_everywhere() -> None:
    """pyproject.toml says the version; what is published beside the package says the same."""
    changelog = re.search(r"^## \[(\d\S*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert changelog is not None
    said = {changelog[1], SERVER["version"], SERVER["packages"][0]["version"], MANIFEST["version"]}
    assert said == {PROJECT["version"]}


def test_the_registry_can_tell_that_the_package_is_ours() -> None:
    """It looks for its name of the server in the package's page, and hands our settings over by the names that we read."""
    package = SERVER["packages"][0]

    assert package["identifier"] == PROJECT["name"]
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / PROJECT["readme"]).read_text()
    assert len(SERVER["description"]) <= 100
    for variable in package["environmentVariables"]:
        assert variable["name"].removeprefix("DGX_PIXELS_").lower() in Settings.model_fields


async def test_the_bundle_names_our_tools(server: FastMCP[Any]) -> None:
    """A desktop client shows them before it starts anything: each with the first paragraph of its description."""
    async with Client(server) as client:
        tools = await client.list_tools()

    paragraphs = {tool.name: inspect.cleandoc(tool.description or "").split("\n\n")[0] for tool in tools}
    assert MANIFEST["tools"] == [{"name": name, "description": " ".join(text.split())} for name, text in paragraphs.items()]


@pytest.mark.parametrize("unset", ["", "${user_config.program}"])
def test_the_bundle_finds_what_uv_and_pipx_install(tmp_path: Path, unset: str) -> None:
    """A desktop's PATH lacks ~/.local/bin; and what is not set there, in either way that clients have, is not set for us."""
    program = tmp_path / ".local/bin/dgx-pixels"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@" "${DGX_PIXELS_PROJECT-no project}" "${DGX_PIXELS_HOME-no home}"\n')
    program.chmod(0o755)
    home = unset.replace("program", "home")

    done = start(unset, HOME=str(tmp_path), PATH="/usr/bin:/bin", DGX_PIXELS_PROJECT="/a game", DGX_PIXELS_HOME=home)

    assert done.stdout == "stdio /a game no home\n"


def test_the_bundle_says_what_it_lacks(tmp_path: Path) -> None:
    """Without the package, a client's log has one sentence of what to do."""
    done = start(str(tmp_path), HOME=str(tmp_path), PATH="/usr/bin:/bin")

    assert done.returncode == 127
    assert "install DGX-Pixels" in done.stderr
    assert str(tmp_path) in done.stderr


def launched(manifest: dict[str, Any], folder: Path, chosen: dict[str, str]) -> dict[str, Any]:
    """What a desktop client launches: the manifest's command, with the folder of the bundle and what the user chose in it."""
    options = {name: chosen.get(name, option["default"]) for name, option in manifest["user_config"].items()}
    values = {"__dirname": str(folder), **{f"user_config.{name}": value for name, value in options.items()}}

    def put(text: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], text)

    config = manifest["server"]["mcp_config"]
    env = {name: put(value) for name, value in config["env"].items()}
    return {"command": put(config["command"]), "args": [put(a) for a in config["args"]], "env": env}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("npx") is None, reason="the tool that packs bundles needs Node.js")
async def test_a_desktop_client_launches_the_bundle(one_server: Settings, game: Path, tmp_path: Path) -> None:
    """Validated and packed by the official tool, unpacked, its options filled in, and launched, it lists our tools."""
    packed = tmp_path / "dgx-pixels.mcpb"
    subprocess.run(["make", "-C", ROOT, "bundle", f"BUNDLE={packed}"], check=True)
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(packed).extractall(folder)
    manifest = json.loads((folder / "manifest.json").read_text())

    program = str(Path(sys.executable).parent / "dgx-pixels")
    server = launched(manifest, folder, {"program": program, "project": str(game), "home": str(one_server.home)})
    server["env"] |= {"DGX_PIXELS_PORT": str(one_server.port), "HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
    async with Client({"mcpServers": {"dgx-pixels": server}}) as client:
        tools = {tool.name for tool in await client.list_tools()}

    assert tools == {tool["name"] for tool in manifest["tools"]}

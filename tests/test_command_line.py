"""The command line: what it prints, and how it fails."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
from pathlib import Path

import pytest
from processes import DGX_PIXELS, options

from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobAnswer


def run(settings: Settings, *words: str) -> int:
    """Run a command with these settings; answers with its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--home", str(settings.home), "--port", str(settings.port), "--device", "cpu"])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_sprite_prints_the_path_and_the_seconds(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line per sprite with its absolute path, then how long it took."""
    status = run(settings, "sprite", "a red potion", "--steps", "1", "--seed", "7", "--project", str(game))

    said = capsys.readouterr().out
    assert status == 0
    assert str(game / "assets/sprites/item_red_potion.png") in said
    assert re.search(r"^\d+\.\d s\.", said, re.MULTILINE)


def test_sprite_json_is_the_tools_answer(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is one shape for agents and scripts, and nothing else on stdout."""
    run(settings, "sprite", "a red potion", "--steps", "1", "--no-publish", "--project", str(game), "--json")

    answer = JobAnswer.model_validate(json.loads(capsys.readouterr().out))
    assert answer.status == "done"
    assert answer.result is not None
    assert not answer.result.assets[0].published


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("a potion", "--size", "33"), "33"),
        (("a potion", "--project", "/no/such/game"), "/no/such/game"),
        (("a potion", "--model", "nope"), "'nope'"),
        (("a potion", "--port", "99999"), "The setting port cannot be 99999"),
        (("a potion", "--device", "banana"), "The setting device cannot be 'banana'"),
        (("a potion", "--device", "cuda"), "cuda"),
        (("a potion", "--home", "/dev/null/home"), "DGX_PIXELS_HOME"),
    ],
)
def test_a_failure_is_one_sentence_and_a_status(
    settings: Settings, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong goes to stderr, without a traceback; the exit status is 1."""
    with pytest.raises(SystemExit) as ended:
        main(["sprite", "--home", str(settings.home), "--port", str(settings.port), *words])

    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert out == ""
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_a_refusal_is_said_once(settings: Settings, game: Path) -> None:
    """A process of its own, whose logs nobody has set up, prints the sentence and nothing beside it."""
    command = [*DGX_PIXELS, "sprite", "a potion", "--size", "33", *options(settings, game)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("dgx-pixels: ")
    assert "33" in line


def test_a_command_leaves_logging_as_it_was(settings: Settings, game: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a command keeps quiet is said again after it: a script may call `main` and go on."""
    run(settings, "sprite", "a potion", "--size", "33", "--project", str(game))
    assert not caplog.text

    for name in ("dgx_pixels.server.call_log", "fastmcp.server.server"):
        logging.getLogger(name).warning("%s speaks", name)
    assert caplog.text.count("speaks") == 2


def test_no_name_gives_a_terminal_orders(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """A model's file, licence and trigger words are strangers' text: what does not print is shown as an escape."""
    loras = settings.home / "models" / "loras"
    loras.mkdir(parents=True)
    for name in (b"a\x1b]0;title\x07.safetensors", b"b\xff.safetensors", "c\u202e.safetensors".encode()):
        (loras / os.fsdecode(name)).write_bytes(b"damaged")
    (loras / os.fsdecode(b"b\xff.json")).write_text('{"licence": "\\u009b2J free\\n' + "x" * 9999 + '"}')

    assert run(settings, "models", "list") == 0

    said = capsys.readouterr().out
    assert "b\\udcff.safetensors" in said
    assert "a\\x1b]0;title\\x07.safetensors" in said
    assert all(line.isprintable() for line in said.splitlines())
    assert "2J free x" in said
    assert len(said) < 3000


def test_a_strangers_game_decides_nothing_about_our_libraries(settings: Settings, tmp_path: Path) -> None:
    """A `.env` in the working folder is not FastMCP's settings: it could let pages of any origin in, or break every command."""
    (tmp_path / ".env").write_text("FASTMCP_LOG_LEVEL=nonsense\n")
    command = [*DGX_PIXELS, "stdio", *options(settings)]
    said = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_settings_from_a_clients_configuration_are_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell expands what stands in an MCP client's configuration."""
    monkeypatch.setenv("DGX_PIXELS_HOME", "~/pixels")
    monkeypatch.setenv("DGX_PIXELS_PROJECT", "game")

    settings = Settings()

    assert Path.home() / "pixels" == settings.home
    assert Path.cwd() / "game" == settings.project


def test_doctor_finds_all_well(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a machine that can draw, every line is ok, and the project is named."""
    status = run(settings, "doctor", "--project", str(game))

    said = capsys.readouterr().out
    assert status == 0
    assert "!!" not in said
    for expected in ("python", "torch", "device", "memory", "tiny-sdxl draws 32 px", str(game / "assets")):
        assert expected in said


def test_doctor_names_what_is_broken_and_the_remedy(settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model without weights and a project without assets are found, each with what to do."""
    (settings.home / "models/checkpoints/half").mkdir(parents=True)
    (settings.home / "models/checkpoints/half/model_index.json").write_text("{}")
    (game / "assets").rmdir()

    status = run(settings, "doctor", "--json", "--project", str(game))

    broken = {f["what"]: f["remedy"] for f in json.loads(capsys.readouterr().out) if not f["ok"]}
    assert status == 1
    assert {"model", "project"} == set(broken)
    assert "half/unet" in broken["model"]
    assert "mkdir" in broken["project"]

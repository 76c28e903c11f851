"""`dgx-pixels pixelize`: published, from file to file, and as a resident process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import potion
from PIL import Image
from processes import DGX_PIXELS

from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers import JobAnswer


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A potion of 16 cells, 10 px each, in a folder that no setting names."""
    file = tmp_path / "downloads" / "red potion.png"
    file.parent.mkdir()
    Image.fromarray(potion().repeat(10, 0).repeat(10, 1)).save(file)
    return file


def run(*words: str | Path) -> int:
    """Run the command; answers with its exit status."""
    with pytest.raises(SystemExit) as ended:
        main(["pixelize", *map(str, words)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_persons_own_file_is_published(
    settings: Settings, game: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path given on the command line is read wherever it lies; the sprite lands in the game."""
    status = run(picture, "--project", game, "--home", settings.home, "--palette", "sweetie-16", "--json")

    answer = JobAnswer.model_validate(json.loads(capsys.readouterr().out))
    assert status == 0
    assert answer.result is not None
    assert answer.result.pixelized is not None
    assert answer.result.assets[0].file == str(game / "assets/sprites/item_red_potion.png")
    assert (game / "assets/sprites/item_red_potion.png").is_file()


def test_from_file_to_file_nothing_else_is_touched(
    settings: Settings, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --out the PNG lies there, the art one for one, and no library is made."""
    out = tmp_path / "out.png"
    status = run(picture, "--out", out, "--no-transparent", "--home", settings.home)

    assert status == 0
    assert str(out) in capsys.readouterr().out
    assert (np.array(Image.open(out).convert("RGB")) == potion()).all()
    assert not settings.home.exists()


def test_options_reach_the_engine(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A palette file, an outline, a canvas: what the tool takes, the command takes."""
    (tmp_path / "three.gpl").write_text("GIMP Palette\n#\n0 0 0\n200 40 60\n255 255 255\n")
    out = tmp_path / "out.png"
    run(
        picture, "--out", out, "--palette", tmp_path / "three.gpl", "--outline", "#ffffff", "--canvas", "20x24", "--cleanup",
        "orphans, lines", "--json",
    )  # fmt: skip

    said = json.loads(capsys.readouterr().out)
    rgba = np.array(Image.open(out))
    assert (said["width"], said["height"]) == (20, 24)
    assert {tuple(c) for c in rgba[rgba[..., 3] > 0][:, :3].tolist()} <= {(0, 0, 0), (200, 40, 60), (255, 255, 255)}
    assert rgba[-1, :, 3].any()


def test_an_indexed_or_enlarged_png_may_be_asked_for(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A palette PNG, each cell three pixels a side, decodes to the same art; without --out it is wrong usage."""
    out = tmp_path / "out.png"
    assert run(picture, "--out", out, "--indexed", "--enlarge", "3", "--no-transparent") == 0

    with Image.open(out) as image:
        assert (image.mode, image.size) == ("P", (48, 48))
        assert (np.array(image.convert("RGB"))[1::3, 1::3] == potion()).all()
    assert run(picture, "--indexed") == 2
    assert "for --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nope.png", "--out", "x.png"), "nope.png cannot be used (No such file or directory)"),
        (("{picture}", "--out", "no/such/folder/x.png"), "x.png cannot be used"),
        (("{picture}", "--out", "x.png", "--enlarge", "0"), "whole number from 1"),
        (("{picture}", "--out", "x.png", "--size", "0"), "size '0' is not possible"),
        (("{picture}", "--out", "x.png", "--palette", "pico-9"), "pico-8"),
        (("{picture}", "--out", "x.png", "--palette", "project"), "no Bevy project"),
        (("{picture}", "--out", "x.png", "--dither", "bayer4"), "give a palette"),
        (("{folder}", "--out", "x.png"), "Is a directory"),
        (("{text}", "--out", "x.png"), "no picture in a format that is read"),
        (("{text}", "--project", "/no/such/game"), "/no/such/game"),
        (("{picture}", "--palette", "gone.hex"), "gone.hex cannot be read"),
        (("gone.png",), "gone.png cannot be read"),
    ],
)
def test_a_failure_is_one_sentence_and_a_status(
    settings: Settings, picture: Path, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong goes to stderr, without a traceback; the exit status is 1."""
    text = picture.with_name("notes.txt")
    text.write_text("no picture")
    given = {"{picture}": picture, "{folder}": picture.parent, "{text}": text}
    status = run(*(given.get(word, word) for word in words), "--home", settings.home)

    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_without_an_image_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """No file is wrong usage."""
    assert run() == 2
    assert "needs an image file" in capsys.readouterr().err


def test_a_resident_process_serves_line_by_line(picture: Path, tmp_path: Path) -> None:
    """--worker answers each line with ok and seconds or err and a sentence, goes on after an error, and ends with its input."""
    lines = [
        f"{picture}\t{tmp_path / 'a.png'}\t16x16",
        f"{tmp_path}/no.png\t{tmp_path / 'b.png'}\t1x1",
        f"{picture}\t{tmp_path / 'c.png'}",
    ]
    done = subprocess.run(
        [*DGX_PIXELS, "pixelize", "--worker"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    first, second, third = done.stdout.splitlines()
    assert 0 < float(first.removeprefix("ok ")) < 60
    assert second.startswith("err ")
    assert "no.png" in second
    assert third.startswith("ok ")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "c.png").read_bytes()


@pytest.mark.parametrize("heavy", ["torch", "fastmcp", "pydantic"])
def test_file_to_file_imports_nothing_slow(picture: Path, tmp_path: Path, heavy: str) -> None:
    """The command starts fast enough to be called in a loop."""
    code = f"""import sys
from dgx_pixels.server.cli import main
try:
    main(["pixelize", {str(picture)!r}, "--out", {str(tmp_path / "o.png")!r}])
except SystemExit as end:
    assert end.code == 0
assert {heavy!r} not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_read_roots_are_split_as_path_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several folders, relative and with ~, are made absolute; an empty setting names none."""
    monkeypatch.setenv("DGX_PIXELS_READ_ROOTS", "~/Downloads:art")
    roots = Settings().read_roots
    given: dict[str, Any] = {"read_roots": ""}

    assert roots == (Path.home() / "Downloads", Path.cwd() / "art")
    assert Settings(**given).read_roots == ()

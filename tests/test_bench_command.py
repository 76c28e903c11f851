"""`dgx-pixels bench`: measured on the real embedded model, reported in one folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings


def bench(settings: Settings, *options: str) -> int:
    """Run the command; answers with its exit status."""
    where = ["--home", str(settings.home), "--port", str(settings.port), "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main(["bench", *where, *options])
    return int(ended.value.code or 0)


def test_a_bench_leaves_one_folder_with_page_figures_sheet_and_renders(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Two profiles of two pictures: figures that fit each other, and pictures that are the renders."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red potion\n\na blue gem\n")

    status = bench(settings, "--profiles", "draft,standard", "--count", "2", "--prompts", str(prompts), "--json")

    said = json.loads(capsys.readouterr().out)
    folder = Path(said["folder"])
    assert status == 0
    assert [folder] == list((settings.home / "bench").iterdir())
    assert json.loads((folder / "report.json").read_text()) | {"folder": str(folder)} == said
    draft, standard = said["profiles"]
    assert [p["prompt"] for p in draft["pictures"]] == ["a red potion", "a blue gem"]
    assert draft["render_s"]["least"] <= draft["render_s"]["median"] <= draft["sprite_s"]["median"]
    assert draft["flops"] < standard["flops"]
    assert draft["matmul_share"] * said["matmul_flops_per_s"] * draft["render_s"]["median"] == pytest.approx(draft["flops"])
    assert all(check["ok"] for p in draft["pictures"] for name, check in p["checks"].items() if name in ("size", "alpha"))
    assert len(list((folder / "renders").iterdir())) == 4
    with Image.open(folder / "renders" / "draft_000.png") as render, Image.open(folder / "sheet.png") as sheet:
        enlarged = np.asarray(render.resize((256, 256), Image.Resampling.NEAREST))
        assert (np.asarray(sheet)[28:284, 8:264] == enlarged).all()
    page = (folder / "report.md").read_text()
    assert "| draft | tiny-sdxl | 6 dpmpp_2m |" in page
    assert "sheet.png" in page


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--profiles", "draft,fast"], "'fast' is not one of draft, standard, best"),
        (["--count", "0"], "count is 0, but must be from 1"),
        (["--size", "64"], "draws sides of 32 px, not 64x64"),
        (["--model", "none-such"], "There is no model 'none-such'"),
        (["--prompts", "nowhere.txt"], "nowhere.txt cannot be read"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(
    settings: Settings, capsys: pytest.CaptureFixture[str], options: list[str], why: str
) -> None:
    """Exit status 1, one line on stderr, nothing written."""
    assert bench(settings, *options) == 1

    said = capsys.readouterr()
    assert why in said.err
    assert len(said.err.splitlines()) == 1
    assert not (settings.home / "bench").exists()


def test_an_empty_prompt_file_is_refused(settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file without prompts is none."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(" \n\n")

    assert bench(settings, "--prompts", str(prompts)) == 1
    assert "has no prompts" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_told_before_anything_is_measured(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Minutes of measuring are not thrown away."""
    settings.home.write_text("a file where a folder should be")

    assert bench(settings, "--profiles", "draft", "--count", "1") == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
async def test_a_server_beside_it_is_told(serving: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the figures learns that something shared the device."""
    status = await asyncio.to_thread(bench, serving, "--profiles", "draft", "--count", "1", "--json")

    said = capsys.readouterr()
    assert status == 0
    assert "shares the device" in said.err
    assert "shares the device" in json.loads(said.out)["notes"][0]

"""The engine's benchmarks run: the full-size one, which needs a GPU to say anything, with a narrow stand-in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(script: str, *options: str) -> str:
    """What a benchmark prints; it exits with 0."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_engines_benchmark_says_of_each_promise_whether_it_is_kept(tmp_path: Path) -> None:
    """Its page has every section, and on any machine the bytes are equal and the base model comes back."""
    page = tmp_path / "engine.md"

    command = [
        sys.executable,
        str(ROOT / "benchmarks/engine.py"),
        "--rounds",
        "2",
        "--requests",
        "20",
        "--out",
        str(page),
        "--results",
        "-",
    ]
    subprocess.run(command, check=False, capture_output=True, cwd=ROOT)  # so few rounds may find a time too long

    said = page.read_text()
    assert said.count("| equal | kept |") == 4
    assert "| base restored bit for bit after 10 swaps | yes | kept |" in said
    assert "| the same picture, byte for byte | yes | kept |" in said
    assert said.count("## ") == 5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_servers_benchmark_says_of_each_promise_whether_it_is_kept(tmp_path: Path) -> None:
    """Both sections are there; whatever the times, all requests of ten clients are answered."""
    page = tmp_path / "server.md"

    command = [
        sys.executable,
        str(ROOT / "benchmarks/server.py"),
        "--rounds",
        "1",
        "--calls",
        "5",
        "--out",
        str(page),
        "--results",
        "-",
    ]
    subprocess.run(command, check=False, capture_output=True, cwd=ROOT)  # a busy machine may find a time too long

    said = page.read_text()
    assert "| answered of 1000 requests | 1000 | kept |" in said
    assert said.count("| kept |") + said.count("| **broken** |") == 6
    assert said.count("## ") == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_full_size_benchmark_runs_from_end_to_end_on_a_stand_in() -> None:
    """Every layer of SDXL is there; pictures keep their bytes, and all cells of the table are filled."""
    few = ("--rounds", "1", "--batches", "1,2", "--jobs", "draft,draft-lcm")
    page = run("full_size.py", "--narrow", "--no-compile", *few, "--out", "-", "--results", "-")

    last = page[page.rindex("# Full-size SDXL") :]
    rows = re.findall(r"^\| (draft|draft-lcm) \| (\d) \| eager \|.*$", last, re.MULTILINE)
    assert rows == [("draft", "1"), ("draft", "2"), ("draft-lcm", "1"), ("draft-lcm", "2")]
    assert last.count("| equal |") == 4
    assert "all 722 linear layers" in last
    assert "nan" not in last.lower()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_shapes_of_the_stand_in_are_compiled() -> None:
    """What is measured ran compiled, in one graph for guided steps and one for the others, and keeps its bytes."""
    few = ("--rounds", "1", "--batches", "1", "--jobs", "draft")
    page = run("full_size.py", "--narrow", "--backend", "eager", *few, "--out", "-", "--results", "-")

    assert re.search(r"^\| draft \| 1 \| compiled \|.*\| equal \|", page, re.MULTILINE)
    assert "Graphs compiled\nin all: 2." in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_training_benchmark_runs_from_end_to_end_on_a_stand_in() -> None:
    """Both trainings, on the embedded model and on SDXL's topology, fill every cell, and a step's work is counted."""
    page = run("lora_speed.py", "--narrow", "--rounds", "2", "--out", "-", "--results", "-")

    assert re.findall(r"^\| (\d+) \| \d+ ms", page, re.MULTILINE) == ["4", "8", "16"]
    assert re.findall(r"^\| (\d) \| kept \| \d", page, re.MULTILINE) == ["1", "4"]
    assert "| computed twice | " in page
    assert "nan" not in page.lower()

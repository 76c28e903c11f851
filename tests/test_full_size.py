"""The full-size benchmark, which needs a GPU to say anything, runs on any machine with a narrow stand-in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*options: str) -> str:
    """What the benchmark prints."""
    command = [sys.executable, str(ROOT / "benchmarks/full_size.py"), *options, "--out", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_full_size_benchmark_runs_from_end_to_end_on_a_stand_in() -> None:
    """Every layer of SDXL is there; pictures keep their bytes, and all cells of the table are filled."""
    page = run("--narrow", "--no-compile", "--rounds", "1", "--batches", "1,2", "--jobs", "draft,draft-lcm")

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
    page = run("--narrow", "--backend", "eager", "--rounds", "1", "--batches", "1", "--jobs", "draft")

    assert re.search(r"^\| draft \| 1 \| compiled \|.*\| equal \|", page, re.MULTILINE)
    assert "Graphs compiled\nin all: 2." in page

"""Run the tests that show a part's promises, and write down what each found.

    .venv/bin/python benchmarks/promises.py library      # or another part of promise_tests.py

A promise is kept if all its tests pass; if all were skipped (no cargo, no Tiled, no Chromium) it was not measured. What a test
counts it records as the property `found`; of the others the page tells how many passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

from promise_tests import PROVEN
from result_file import ROOT, Figure, Part, Run, add_results_option


@dataclass(frozen=True)
class Case:
    """One test that ran, or was skipped."""

    test: str
    """As promise_tests.py names it."""
    outcome: str
    """passed, failed or skipped"""
    seconds: float
    found: tuple[str, ...]


def main() -> int:
    """Run a part's tests; answers with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(PROVEN))
    add_results_option(parser)
    asked = parser.parse_args()
    part = cast("Part", asked.part)
    run = Run.begin(f"promises_{part}")
    tests = list(dict.fromkeys(test for proof in PROVEN[part].values() for test in proof))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "", "-o", "junit_family=xunit1", f"--junitxml={report}"]
        subprocess.run([*command, *map(node_id, tests)], cwd=ROOT, check=False)
        cases = read_report(report)
    figures = [figure(part, promise, [c for c in cases if c.test in proof]) for promise, proof in PROVEN[part].items()]
    run.write(asked.results, figures, f"{len(cases)} tests, {sum(c.seconds for c in cases):.0f} s")
    return 1 if any(f.kept is False for f in figures) else 0


def node_id(test: str) -> str:
    """As pytest names it."""
    module, function = test.split("::")
    return f"tests/test_{module}.py::{function}"


def read_report(file: Path) -> list[Case]:
    """The cases of pytest's report."""
    return [_case(each) for each in ElementTree.parse(file).getroot().iter("testcase")]


def _case(said: ElementTree.Element) -> Case:
    module = said.attrib["classname"].removeprefix("tests.test_")
    outcomes = [what for what in ("failure", "error", "skipped") if said.find(what) is not None]
    outcome = "passed" if not outcomes else "skipped" if outcomes == ["skipped"] else "failed"
    found = tuple(p.attrib["value"] for p in said.iter("property") if p.attrib["name"] == "found")
    return Case(f"{module}::{said.attrib['name'].split('[')[0]}", outcome, float(said.attrib["time"]), found)


def figure(part: Part, promise: str, cases: Sequence[Case]) -> Figure:
    """What its tests say of a promise."""
    counts: Mapping[str, int] = {o: sum(c.outcome == o for c in cases) for o in ("passed", "failed", "skipped")}
    if counts["skipped"] == len(cases) > 0:
        return Figure(part=part, promise=promise, value=None, target="all")
    found = list(dict.fromkeys(word for c in cases for word in c.found))
    kept = counts["passed"] == len(cases) > 0
    tests = f"{len(cases)} test{'s' * (len(cases) != 1)}"
    passed = f"{tests} passed" if kept else f"{counts['passed']} of {tests}"
    return Figure(part=part, promise=promise, value="; ".join([*found, passed]), target="all", kept=kept)


if __name__ == "__main__":
    sys.exit(main())

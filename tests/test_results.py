"""benchmarks/RESULTS.md is what its result files say, and says how to measure each figure again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from promise_tests import PROVEN
from promises import Case, figure, node_id
from result_file import ROOT, Figure, all_of, at_least, at_most, told
from results import PAGE, is_worse, merged, read_results
from stages import STAGES


def test_the_page_is_what_the_result_files_give() -> None:
    """`make results` would change nothing."""
    assert PAGE.read_text() == merged(read_results())


def test_each_command_of_the_page_exists() -> None:
    """Its script lies in benchmarks/; so do the scripts of all stages."""
    commands = re.findall(r"`python (benchmarks/\S+\.py)[^`]*`", PAGE.read_text())
    assert len(commands) > 50
    for script in {*commands, *(f"benchmarks/{stage.command.split()[0]}" for stage in STAGES)}:
        assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("part", PROVEN)
def test_each_promise_names_tests_that_there_are(part: str) -> None:
    """A test that was renamed or moved would prove nothing any more."""
    for proof in PROVEN[part].values():  # type: ignore[index]  # its keys are the parts
        for test in proof:
            file, function = node_id(test).split("::")
            assert re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text(), re.MULTILINE), test


def test_a_figure_knows_whether_its_promise_is_kept() -> None:
    """All levels count; what fell back by more than a tenth, or was kept and is not, is told."""
    assert at_least("pixels", "x", [100, 99], [99, 99]).kept
    assert not at_least("pixels", "x", [100, 98.9], 99).kept
    assert not at_most("pixels", "x", float("nan"), 1).kept
    assert told("pixels", "x", 1).kept is None
    assert is_worse(at_most("pixels", "x", 1.2, 2), at_most("pixels", "x", 1, 2))
    assert not is_worse(at_most("pixels", "x", 1.05, 2), at_most("pixels", "x", 1, 2))
    assert is_worse(at_least("pixels", "x", 89, 90), at_least("pixels", "x", 90, 90))
    assert is_worse(all_of("pixels", "x", 7, 10), all_of("pixels", "x", 8, 10))
    assert not is_worse(all_of("pixels", "x", 16, 20), all_of("pixels", "x", 8, 10))


def test_a_promise_is_kept_by_all_its_tests() -> None:
    """One that failed breaks it, one that is missing, too; if all were skipped, it was not measured."""

    def found(*outcomes: str) -> Figure:
        return figure("bevy", "x", [Case("a::b", outcome, 1, ("3 of 3",)) for outcome in outcomes])

    assert (found("passed", "passed").kept, found("passed", "passed").value) == (True, "3 of 3; 2 tests passed")
    assert found("passed", "failed").kept is False
    assert found("passed", "skipped").kept is False
    assert found().kept is False
    assert found("skipped").value is None

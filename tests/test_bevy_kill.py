"""A publisher that is killed at any instant leaves whole files, and the next start makes the rest good."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dgx_pixels.bevy.project import BevyProject

SCRIPT = Path(__file__).parent / "killed_publishes.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_300_killed_publishes_tear_no_file_and_are_made_good(project: BevyProject) -> None:
    """Each file is the old or the new one; after the next start the manifest agrees with all files and staging is clean.

    The instants are spread over the whole publish: all states that there can be were seen.
    """
    command = [sys.executable, str(SCRIPT), str(project.root), "300", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    assert sum(found.values()) == 300
    assert {"nothing shown, no journal", "part shown, a journal left", "all shown, no journal"} <= set(found)

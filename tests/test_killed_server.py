"""A server that is killed at any moment under a mixed load loses nothing, tears nothing, and does nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("killed_server.py")


@pytest.mark.stress
@pytest.mark.timeout(900)
def test_eight_killed_servers_lose_and_tear_nothing(tmp_path: Path, free_port: int) -> None:
    """Under sprites, batches, tilesets, comparisons and trainings, each job that was asked for is there in the end.

    What is looked at after each kill stands in `killed_checks.py`; a hundred kills are a benchmark.
    """
    command = [sys.executable, str(SCRIPT), str(tmp_path / "storm"), "--port", str(free_port), "--kills", "8", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["kills"] == 8
    assert sum(found["jobs"].values()) == found["calls"]
    assert found["moments"]["a job running"] >= 1
    assert all("ended 3 times" in error for error in found["errors"])

"""Whatever file comes: a result or one clear sentence, never a crash, never over 2 GB."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hostile import hostile_files
from PIL import Image
from processes import DGX_PIXELS

_TWO_GB = 2_000_000_000


class Resident:
    """A resident `dgx-pixels pixelize --worker`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [*DGX_PIXELS, "pixelize", "--worker", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def answer(self, name: str, data: bytes) -> tuple[str, Path]:
        """Give it a file; its answer, and where the art should be."""
        source, target = self._folder / name, self._folder / f"{name}.out.png"
        source.write_bytes(data)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{source}\t{target}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().rstrip("\n")
        source.unlink()
        return said, target

    def most_memory(self) -> int:
        """The most bytes that it has had in memory at once, as the kernel counts."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        return int(peak[1]) * 1024

    def end(self) -> int:
        """End it by ending its input; its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait(60)


def outcome(resident: Resident, name: str, data: bytes) -> str:
    """Give a file; "made" or "refused", once the answer has been found to be sound."""
    said, target = resident.answer(name, data)
    if said.startswith("err "):
        assert len(said) > 20, name
        assert said.endswith("."), f"{name}: {said}"
        return "refused"
    assert said.startswith("ok "), f"{name}: {said!r}"
    with Image.open(target) as image:
        rgba = np.array(image)
    target.unlink()
    assert set(np.unique(rgba[..., 3]).tolist()) <= {0, 255}, name
    assert not rgba[rgba[..., 3] == 0].any(), name
    return "made"


def survives(folder: Path, count: int, *, large: bool) -> tuple[dict[str, int], int]:
    """Run so many files through a resident process; how many were made and refused, and the most memory it had."""
    resident = Resident(folder)
    counts = {"made": 0, "refused": 0}
    for name, data in hostile_files(count, seed=4, large=large):
        counts[outcome(resident, name, data)] += 1
    memory = resident.most_memory()
    assert resident.end() == 0
    return counts, memory


def test_every_kind_of_file_gets_an_answer(tmp_path: Path) -> None:
    """One of each kind: art for what is a picture, a sentence for what is none, in one process that lives on."""
    counts, memory = survives(tmp_path, 22, large=False)

    assert counts["made"] >= 15
    assert counts["refused"] >= 3
    assert memory < _TWO_GB


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_files_get_an_answer(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """So do a thousand, three of 8192x8192 among them, with less than 2 GB at any time."""
    counts, memory = survives(tmp_path, 1000, large=True)
    record_property("found", f"{counts['made']} made, {counts['refused']} refused, at most {memory / 1e6:.0f} MB")

    assert sum(counts.values()) == 1000
    assert memory < _TWO_GB

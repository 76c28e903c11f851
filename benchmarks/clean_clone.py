"""What a newcomer's clone does in an empty environment: some targets of the Makefile, and how long they take.

    .venv/bin/python benchmarks/clean_clone.py demo test
    .venv/bin/python benchmarks/clean_clone.py ci            # half an hour
    .venv/bin/python benchmarks/clean_clone.py agent-loop    # needs cargo; builds bevy_brp_mcp if it is not there

Clones the last commit into a temporary folder. The dependencies come from the registry, 5 GB of them, or from pip's cache.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from result_file import ROOT, Figure, Run, add_results_option, at_most, holds, told

_WHAT = {
    "demo": "`make demo` draws the first sprite",
    "test": "`make test`: the quick tests pass",
    "ci": "`make ci`: lint, types, quick and slow tests, and the game's build, lints and tests pass",
    "agent-loop": "`make agent-loop`: with bevy_brp_mcp launch, draw, look, draw again, the picture differs, shut down",
}
_QUICK_S, _CI_MIN = 180, 40
_ENDED = re.compile(r"^=* ?(\d+ passed.*?) in ([\d.]+)s", re.MULTILINE)


def main() -> int:
    """Run the targets in a clone; answers with 1 if one failed or took too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", choices=list(_WHAT))
    add_results_option(parser)
    asked = parser.parse_args()
    run = Run.begin("_".join(["clean_clone", *asked.targets]))
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "dgx-pixels"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        figures = [figure for target in asked.targets for figure in _made(clone, target)]
    run.write(asked.results, figures)
    return 1 if any(figure.kept is False for figure in figures) else 0


def _made(clone: Path, target: str) -> list[Figure]:
    """Make a target; what is promised of it."""
    started = time.monotonic()
    done = subprocess.run(["make", target], cwd=clone, check=False, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - started
    print(done.stdout, flush=True)
    figures = [holds("whole", f"{_WHAT[target]}, on a fresh clone", done.returncode == 0)]
    if target == "demo":
        what = "`make demo` leaves a sprite of 32x32, alpha 0 or 255, at most 16 colours"
        return [
            *figures,
            holds("whole", what, _is_sprite(clone / "bevy_example/assets/sprites/item_red_potion.png")),
            told("whole", "`make demo`, installing included", seconds, "s"),
        ]
    ended = _ENDED.search(done.stdout)
    if ended is not None:
        figures.append(at_most("whole", f"the quick tests, in `make {target}`", float(ended[2]), _QUICK_S, "s"))
        figures.append(told("whole", f"these tests, in `make {target}`", ended[1]))
    if target == "ci":
        figures.append(at_most("whole", "`make ci`, installing included", seconds / 60, _CI_MIN, "min"))
    return figures


def _is_sprite(file: Path) -> bool:
    """Whether the demo's picture is there, and is what is promised."""
    if not file.is_file():
        return False
    with Image.open(file) as image:
        rgba = np.array(image)
    opaque = rgba[rgba[..., 3] > 0]
    return rgba.shape == (32, 32, 4) and set(np.unique(rgba[..., 3])) <= {0, 255} and len(np.unique(opaque, axis=0)) <= 16


if __name__ == "__main__":
    sys.exit(main())

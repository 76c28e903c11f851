"""Run the benchmarks whose figures are not of this code yet, one after the other, then merge the results.

    make results-run                                     # all that is missing: about three hours on two cores
    make results-run STAGE="server reload"               # these
    .venv/bin/python benchmarks/stages.py --list

A stage that already has a result of this code is left out unless `--again` is given, so a run that was cut off goes on. But for
`clean_clone_ci`, no stage takes more than 25 minutes on two quiet cores. One that finds a promise broken is told of, and the next
one runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from promise_tests import PROVEN
from result_file import RESULTS, ROOT, is_of_this_code
from results import PAGE, merged, read_results


@dataclass(frozen=True)
class Stage:
    """A command that writes the result file of the stage's name."""

    name: str
    command: str
    """After `python benchmarks/`; TILES and RIVALS stand for the options of those names."""
    minutes: int
    needs: str = ""


STAGES = (
    Stage("tools_list", "tools_list.py", 1),
    Stage("tiny_sdxl", "tiny_sdxl.py --tiles TILES", 8, "the CC0 tile release"),
    Stage("pixelize", "pixelize.py --pictures 20 --first 100 --cases --rivals RIVALS", 15, "perfect-pixel: see pixelize.py"),
    Stage("engine", "engine.py --compile", 6),
    Stage("full_size", "full_size.py", 1, "a CUDA device, else it says so"),
    Stage("reload", "reload.py", 3, "make game"),
    Stage("tilesets", "tilesets.py", 12),
    Stage("lora", "lora.py --tiles TILES", 9, "the CC0 tile release"),
    Stage("lora_speed", "lora_speed.py", 3),
    Stage("lora_sharing", "lora_sharing.py --write", 6),
    Stage("server", "server.py", 6),
    Stage("killed_servers", "killed_servers.py", 20),
    Stage("clean_clone_demo_test", "clean_clone.py demo test", 8),
    Stage("clean_clone_ci", "clean_clone.py ci", 35, "cargo for the game"),
    Stage("clean_clone_agent-loop", "clean_clone.py agent-loop", 10, "cargo; 25 min more where bevy_brp_mcp is to be built"),
    *(Stage(f"promises_{part}", f"promises.py {part}", 20) for part in PROVEN),
)


def main() -> int:
    """Run what was asked for and merge; answers with 1 if a stage failed or broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", help="all if left out")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--again", action="store_true", help="also those that have a result of this code")
    parser.add_argument("--tiles", type=Path, default=Path("tiles.zip"), help="the CC0 tile release")
    parser.add_argument("--rivals", type=Path, default=Path("rivals"), help="environments of rivals: see pixelize.py")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.stages) - {stage.name for stage in STAGES}):
        parser.error(f"There is no stage {', '.join(unknown)}. There are: {', '.join(stage.name for stage in STAGES)}.")
    chosen = [stage for stage in STAGES if not asked.stages or stage.name in asked.stages]
    if asked.list:
        for stage in chosen:
            print(f"{stage.name:20} {stage.minutes:3} min  python benchmarks/{stage.command}  {stage.needs}")
        return 0
    done = {result.name for result in read_results() if is_of_this_code(result.commit)}
    bad = [stage.name for stage in chosen if (asked.again or stage.name not in done) and not _ran(stage, asked)]
    PAGE.write_text(merged(read_results()))
    print(f"Failed, or broke a promise: {', '.join(bad) or 'none'}. {PAGE.relative_to(ROOT)} is merged from {RESULTS.name}/.")
    return 1 if bad else 0


def _ran(stage: Stage, asked: argparse.Namespace) -> bool:
    """Run a stage; whether it exits with 0."""
    places = {"TILES": str(asked.tiles), "RIVALS": str(asked.rivals)}
    words = [places.get(word, word) for word in stage.command.split()]
    print(f"{stage.name}: about {stage.minutes} min", flush=True)
    started = time.monotonic()
    environment = {"OMP_NUM_THREADS": "1", **os.environ}  # what the pages' figures were taken with
    status = subprocess.run(
        [sys.executable, f"benchmarks/{words[0]}", *words[1:]], cwd=ROOT, env=environment, check=False
    ).returncode
    print(f"{stage.name}: exit status {status} after {(time.monotonic() - started) / 60:.1f} min", flush=True)
    return status == 0


if __name__ == "__main__":
    sys.exit(main())

"""Kill the server a hundred times under a mixed load, and write down what was found.

    .venv/bin/python benchmarks/killed_servers.py [--kills 100] [--seed 20261124] [--out benchmarks/killed_servers.md]

The storm itself is `tests/killed_server.py`, which ends at the first thing that is lost, torn or done twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from result_file import Figure, Run, add_results_option, all_of, commit, told

ROOT = Path(__file__).parent.parent
HEAD = """# A server that is killed again and again

`.venv/bin/python benchmarks/killed_servers.py --kills {kills} --seed {seed}`: a server is killed with `kill -9` at random
moments: while it starts, while it draws, and while it writes into the library or the project. Meanwhile clients ask for sprites,
new versions of one sprite, four variants, batches of nine prompts, tilesets, comparisons and trainings, each under a key, and ask
again for what was not answered. After each kill, and again after what the next start repairs, it is looked at:

- SQLite's integrity and foreign keys;
- that each job that was ever promised is there, under its key, and that none that had ended was touched again;
- that each version that was ever kept is there, unchanged, from one job, and that its file has the hash that is written down;
- that each PNG and JSON file in the project is whole, and that the project's files and its manifest agree, hash by hash.

In the end a last server does what is left, and everything is asked for once more: nothing is done a second time.

Nothing was lost, torn or done twice in {kills} kills and {seconds} s.

| | |
|---|---|"""


def main() -> int:
    """Run the storm and write its page; answers with the storm's exit status."""
    words = argparse.ArgumentParser()
    words.add_argument("--kills", type=int, default=100)
    words.add_argument("--seed", type=int, default=20261124)
    words.add_argument("--port", type=int, default=18765)
    words.add_argument("--out", type=Path, default=ROOT / "benchmarks/killed_servers.md")
    add_results_option(words)
    given = words.parse_args()
    run = Run.begin("killed_servers")
    with tempfile.TemporaryDirectory() as folder:
        storm = [sys.executable, str(ROOT / "tests/killed_server.py"), f"{folder}/storm", "--port", str(given.port)]
        command = [*storm, "--kills", str(given.kills), "--seed", str(given.seed)]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout) if done.returncode == 0 else None
    if found is not None:
        given.out.write_text(page(found, given.seed))
    run.write(given.results, figures(found, given.kills))
    return done.returncode


def figures(found: dict[str, Any] | None, kills: int) -> list[Figure]:
    """Whether all was whole after each kill; a storm that ended early found something that was not."""
    promise = "servers killed, after which nothing finished is lost, torn or done twice"
    if found is None:
        return [Figure(part="library", promise=promise, value="ended early: see its output", target="all", kept=False)]
    moments = ", ".join(f"{count} with {what}" for what, count in found["moments"].items())
    return [
        all_of("library", promise, found["kills"], kills),
        told("library", "of these kills", moments),
        told("library", "jobs in that storm", ", ".join(f"{count} {what}" for what, count in found["jobs"].items())),
    ]


def page(found: dict[str, Any], seed: int) -> str:
    """The report."""
    lines = [HEAD.format(seed=seed, **found), f"| kills | {found['kills']} |"]
    lines += [f"| of these with {what} | {count} |" for what, count in found["moments"].items()]
    lines += [f"| calls, each under a key of its own | {found['calls']} |", f"| jobs | {sum(found['jobs'].values())} |"]
    lines += [f"| {what} | {count} |" for what, count in found["jobs"].items()]
    lines += [f"| versions in the library | {found['versions']} |", ""]
    lines += [f"Jobs that failed say: *{error}*\n" for error in found["errors"]]
    return "\n".join([*lines, f"Python {sys.version.split()[0]}, {datetime.now(UTC):%Y-%m-%d}, commit {commit()}."]) + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""The words of `dgx-pixels jobs`."""

from __future__ import annotations

import argparse


def options(jobs: argparse.ArgumentParser) -> None:
    """The command's options."""
    jobs.add_argument(
        "action", nargs="?", choices=("list", "cancel", "pause", "resume"), default="list",
        help="list them (default); end one; keep what a training has for later; go on with a paused one",
    )  # fmt: skip
    jobs.add_argument("job", nargs="?", help="cancel, pause, resume: its id")
    jobs.add_argument("--watch", action="store_true", help="list: show them live, until Ctrl-C")
    jobs.add_argument("--limit", type=int, default=20, help="list: at most so many; those that have not ended come first")


def check(words: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End with the usage if the words do not go together."""
    if (arguments.job is None) != (arguments.action == "list"):
        words.error("jobs cancel, pause and resume need a job's id; jobs list takes none")
    if arguments.limit < 1:
        words.error(f"--limit is {arguments.limit}, but must be at least 1")

"""`dgx-pixels vote` keeps a vote as record_vote does, tells who was who, or exports votes."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dgx_pixels.library.comparison_answer import ComparisonAnswer
    from dgx_pixels.server.settings import Settings


def options(vote: argparse.ArgumentParser) -> None:
    """The command's own options."""
    vote.add_argument("comparison", nargs="?", metavar="ID", help="what compare printed; with --export: all of the project's")
    vote.add_argument("round", nargs="?", type=int, help="which round, from 1")
    vote.add_argument("winner", nargs="?", help="A, B, C, D, tie or neither")
    vote.add_argument("--note", help="why")
    vote.add_argument("--reveal", action="store_true", default=None, help="end the voting and tell who is who")
    vote.add_argument(
        "--export", type=Path, metavar="FILE", help="write votes and measures of ended comparisons to a .csv or .json"
    )


def run_vote(settings: Settings, arguments: argparse.Namespace) -> int:
    """Vote, reveal or export, and print what came of it; answers with the exit status. Raises ToolError and LibraryError."""
    if arguments.export is not None:
        return asyncio.run(_export(settings, arguments.export, arguments.comparison))
    from dgx_pixels.server.asking import ask_here
    from dgx_pixels.tools.answers import VoteAnswer
    from dgx_pixels.tools.record_vote import rounds_left

    asked = {
        "comparison_id": arguments.comparison or "", "round": arguments.round, "winner": arguments.winner, "note": arguments.note,
        "reveal": arguments.reveal,
    }  # fmt: skip
    answer = VoteAnswer.model_validate(asyncio.run(ask_here(settings, "record_vote", asked)))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
    elif answer.comparison is None:
        print(f"Kept; {rounds_left(answer.left)}. After the last one, or with --reveal, you are told who is who.")
    else:
        _print_ended(answer.comparison)
    if answer.warning is not None and not arguments.json:
        print(f"dgx-pixels: {answer.warning}", file=sys.stderr)
    return 0


def _print_ended(found: ComparisonAnswer) -> None:
    from dgx_pixels.server.compare_command import print_measures

    print_measures(found)
    if found.standing is not None:
        for pair in (*found.standing.pairs, *found.standing.kinds):
            print(f"{pair.kind}: {pair.says}" if pair.kind else pair.says)
        for place, rating in enumerate(found.standing.ranking, start=1):
            print(f"{place}. {rating.contender}  rating {rating.rating:.0f} over {rating.rounds} rounds")
    if found.page is not None:
        print(f"{found.page}  all pictures, with their names")


async def _export(settings: Settings, file: Path, comparison_id: str | None) -> int:
    from dgx_pixels.library.comparison_export import as_csv, as_json
    from dgx_pixels.library.database import LibraryError
    from dgx_pixels.library.library import Library
    from dgx_pixels.server.app import default_project
    from dgx_pixels.server.own_files import write_whole

    if file.suffix.lower() not in (".csv", ".json"):
        raise LibraryError(f"{file} ends neither in .csv nor in .json: give it one of these, to say what to write.")
    project = default_project(settings)
    library = await Library.open(settings.home)
    try:
        kept = library.comparisons
        ids = [comparison_id] if comparison_id else await kept.ids(str(project) if project else "")
        named = [one for one in ids if (await kept.get(one)).named]
        if not named:
            raise LibraryError("There is no comparison whose voting has ended: vote on all rounds, or end it with --reveal.")
        text = await (as_csv if file.suffix.lower() == ".csv" else as_json)(kept, named)
    finally:
        await library.close()
    write_whole(file, text.encode())
    left = f"; {len(ids) - len(named)} still voted on are left out" if len(named) < len(ids) else ""
    print(f"{file}  {len(named)} comparisons{left}")
    return 0

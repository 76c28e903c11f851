"""`dgx-pixels compare` draws what `compare_models` does; `dgx-pixels vote` keeps a vote, tells who was who, or exports votes."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dgx_pixels.library.comparison_answer import ComparisonAnswer
    from dgx_pixels.server.settings import Settings
    from dgx_pixels.tools.answers import JobAnswer

_ARGUMENTS = (
    "contenders", "prompts", "prompt_set", "category", "seeds", "seed", "profile", "size", "colors", "palette", "transparent",
    "negative_prompt", "steps", "guidance", "reference",
)  # fmt: skip


def options(compare: argparse.ArgumentParser) -> None:
    """The options of `compare`."""
    compare.add_argument("contenders", nargs="+", metavar="CONTENDER", help="2 to 4: tiny-sdxl tiny-sdxl+my-lora:0.8")
    compare.add_argument("--prompts", nargs="+", metavar="PROMPT", help="1 to 20, each in quotes")
    compare.add_argument(
        "--set", dest="prompt_set", metavar="NAME", help="a bundled set: items, characters, terrain, props, mixed"
    )
    compare.add_argument("--category", help="of --prompts: item (default), character, enemy, npc, tile, ui, effect, ...")
    compare.add_argument("--seeds", type=int, help="1 to 4 for each prompt; default 1")
    compare.add_argument("--seed", type=int, help="the first; random if left out")
    compare.add_argument("--profile", help="draft (fast), standard (default) or best")
    compare.add_argument("--size", help="32 or 32x48")
    compare.add_argument("--colors", "--colours", type=int, help="at most this many, 2 to 256")
    compare.add_argument("--palette", help="as for sprite")
    compare.add_argument("--transparent", action=argparse.BooleanOptionalAction, default=None, help="cut the ground away")
    compare.add_argument("--negative-prompt", help="what must not be drawn")
    compare.add_argument("--steps", type=int, help="replaces the profile's steps")
    compare.add_argument("--guidance", type=float, help="replaces the profile's")
    compare.add_argument("--reference", help="sprites to measure likeness to: 'project', a folder, or asset ids split by commas")
    compare.add_argument("--open", action="store_true", help="tell who is who at once; such votes do not count later")


def vote_options(vote: argparse.ArgumentParser) -> None:
    """The options of `vote`."""
    vote.add_argument("comparison", nargs="?", metavar="ID", help="what compare printed; with --export: all of the project's")
    vote.add_argument("round", nargs="?", type=int, help="which round, from 1")
    vote.add_argument("winner", nargs="?", help="A, B, C, D, tie or neither")
    vote.add_argument("--note", help="why")
    vote.add_argument("--reveal", action="store_true", default=None, help="end the voting and tell who is who")
    vote.add_argument(
        "--export", type=Path, metavar="FILE", help="write votes and measures of ended comparisons to a .csv or .json"
    )


def run_compare(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw, and print where to look and how to vote; answers with the exit status. Raises ToolError with one sentence."""
    from dgx_pixels.server.asking import ask
    from dgx_pixels.server.tool_calls import palette_of_file

    asked = {name: getattr(arguments, name) for name in _ARGUMENTS if getattr(arguments, name) is not None}
    if "palette" in asked:
        asked["palette"] = palette_of_file(asked["palette"])
    started = time.monotonic()
    answer = asyncio.run(ask(settings, "compare_models", asked | {"blind": not arguments.open}))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
        return 0 if answer.status == "done" else 1
    return _print_compared(answer, time.monotonic() - started)


def _print_compared(answer: JobAnswer, seconds: float) -> int:
    from dgx_pixels.server.our_words import in_our_words
    from dgx_pixels.tools.job_states import after_break

    found = answer.result.comparison if answer.result is not None else None
    if found is None:
        print(in_our_words(" ".join(filter(None, (f"{seconds:.1f} s.", answer.error, answer.next)))))
        return 1
    if found.page is not None:
        print(f"{found.page}  {len(found.rounds)} rounds; look at it in a browser")
    _print_measures(found)
    first = next((r.round for r in found.rounds if r.vote is None), None)
    hint = f"Vote on each round: dgx-pixels vote {found.id} {first} A (or B, ..., tie, neither)." if first else ""
    ended = "" if answer.status == "done" else f"The comparison is {answer.status}. {in_our_words(after_break(found.id))}"
    print(" ".join(filter(None, (f"{seconds:.1f} s.", answer.error, found.note, hint, ended))))
    return 0 if answer.status == "done" else 1


def run_vote(settings: Settings, arguments: argparse.Namespace) -> int:
    """Vote, reveal or export, and print what came of it; answers with the exit status. Raises ToolError and LibraryError."""
    if arguments.export is not None:
        return asyncio.run(_export(settings, arguments.export, arguments.comparison))
    from dgx_pixels.tools.answers import VoteAnswer
    from dgx_pixels.tools.record_vote import rounds_left

    asked = {
        "comparison_id": arguments.comparison or "", "round": arguments.round, "winner": arguments.winner, "note": arguments.note,
        "reveal": arguments.reveal,
    }  # fmt: skip
    told = asyncio.run(_record(settings, {name: value for name, value in asked.items() if value is not None}))
    answer = VoteAnswer.model_validate(told)
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
    elif answer.comparison is None:
        print(f"Kept; {rounds_left(answer.left)}. After the last one, or with --reveal, you are told who is who.")
    else:
        _print_ended(answer.comparison)
    if answer.warning is not None and not arguments.json:
        print(f"dgx-pixels: {answer.warning}", file=sys.stderr)
    return 0


async def _record(settings: Settings, asked: dict[str, Any]) -> Any:  # noqa: ANN401  # an answer's JSON
    """Call record_vote in this process: it needs no model."""
    from fastmcp import Client

    from dgx_pixels.server.app import build, try_library

    await try_library(settings)
    async with Client(build(settings)[0]) as client:
        return (await client.call_tool("record_vote", asked)).structured_content


def _print_ended(found: ComparisonAnswer) -> None:
    _print_measures(found)
    if found.standing is not None:
        for pair in (*found.standing.pairs, *found.standing.kinds):
            print(f"{pair.kind}: {pair.says}" if pair.kind else pair.says)
        for place, rating in enumerate(found.standing.ranking, start=1):
            print(f"{place}. {rating.contender}  rating {rating.rating:.0f} over {rating.rounds} rounds")
    if found.page is not None:
        print(f"{found.page}  all pictures, with their names")


def _print_measures(found: ComparisonAnswer) -> None:
    for c in found.contenders or ():
        shown = {
            "colours": c.colors, "palette distance": c.palette_distance, "orphans": c.orphans, "cut-out": c.cutout,
            "sharpness": c.sharpness, "likeness of colours": c.likeness_colors, "of texture": c.likeness_texture,
        }  # fmt: skip
        measures = ", ".join(f"{name} {value:.3g}" for name, value in shown.items() if value is not None)
        print(f"{c.contender}  {c.wins} won, {c.seconds:.2f} s, {measures}")


async def _export(settings: Settings, file: Path, comparison_id: str | None) -> int:
    from dgx_pixels.library.comparison_export import as_csv, as_json
    from dgx_pixels.library.database import LibraryError
    from dgx_pixels.library.library import Library
    from dgx_pixels.server.app import default_project

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
    file.write_text(text, encoding="utf-8")
    left = f"; {len(ids) - len(named)} still voted on are left out" if len(named) < len(ids) else ""
    print(f"{file}  {len(named)} comparisons{left}")
    return 0

"""`dgx-pixels compare` draws what `compare_models` does."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import TYPE_CHECKING

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


def run_compare(settings: Settings, arguments: argparse.Namespace) -> int:
    """Draw, and print where to look and how to vote; answers with the exit status. Raises ToolError with one sentence."""
    from dgx_pixels.server.asking import ask
    from dgx_pixels.server.tool_calls import asked_of

    asked = asked_of(arguments, _ARGUMENTS)
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
    print_measures(found)
    first = next((r.round for r in found.rounds if r.vote is None), None)
    hint = f"Vote on each round: dgx-pixels vote {found.id} {first} A (or B, ..., tie, neither)." if first else ""
    ended = "" if answer.status == "done" else f"The comparison is {answer.status}. {in_our_words(after_break(found.id))}"
    print(" ".join(filter(None, (f"{seconds:.1f} s.", answer.error, found.note, hint, ended))))
    return 0 if answer.status == "done" else 1


def print_measures(found: ComparisonAnswer) -> None:
    """Print how each contender did, once it may be told who they are."""
    for c in found.contenders or ():
        shown = {
            "colours": c.colors, "palette distance": c.palette_distance, "orphans": c.orphans, "cut-out": c.cutout,
            "sharpness": c.sharpness, "likeness of colours": c.likeness_colors, "of texture": c.likeness_texture,
        }  # fmt: skip
        measures = ", ".join(f"{name} {value:.3g}" for name, value in shown.items() if value is not None)
        print(f"{c.contender}  {c.wins} won, {c.seconds:.2f} s, {measures}")

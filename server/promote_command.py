"""`dgx-pixels promote` calls promote_lora in this process: it needs no model's weights."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dgx_pixels.server.settings import Settings
    from dgx_pixels.tools.answers_promotion import PromotionTold


def options(promote: argparse.ArgumentParser) -> None:
    """The command's own options."""
    promote.add_argument("contender", nargs="?", help="'base+lora:weight'; left out: say what draws now, and why")
    promote.add_argument("--force", action="store_true", default=None, help="although the votes are too few or against it")
    promote.add_argument("--rollback", action="store_true", default=None, help="make what was the default before it again")


def run_promote(settings: Settings, arguments: argparse.Namespace) -> int:
    """Promote or roll back, and print what draws now; answers with the exit status. Raises ToolError with one sentence."""
    from dgx_pixels.server.asking import ask_here, in_project
    from dgx_pixels.server.our_words import in_our_words
    from dgx_pixels.tools.answers_promotion import PromotionAnswer

    asked = {name: getattr(arguments, name) for name in ("contender", "force", "rollback")}
    answer = PromotionAnswer.model_validate(asyncio.run(ask_here(settings, "promote_lora", in_project(settings, asked))))
    if arguments.json:
        print(json.dumps(answer.model_dump(mode="json"), indent=2))
        return 0
    print(f"{answer.file}  {answer.default}{'' if answer.chosen else ' (nothing is set)'}")
    for promotion in answer.history:
        print(_line(promotion))
    print(in_our_words(answer.next))
    return 0


def _line(made: PromotionTold) -> str:
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(made.created))
    how = f"{made.wins} to {made.losses} over {made.against}{', forced' if made.forced else ''}"
    return f"  {day}  {made.contender}  {how}{', rolled back' if made.undone is not None else ''}"

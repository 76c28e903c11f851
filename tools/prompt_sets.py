"""The prompt sets that come with DGX-Pixels, and the reading of prompts that are asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from dgx_pixels.tools.arguments import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_PROMPTS = 20


@dataclass(frozen=True)
class Prompt:
    """What to draw, and what it is in the game."""

    text: str
    category: str


@cache
def prompt_sets() -> dict[str, tuple[Prompt, ...]]:
    """The bundled sets, by name."""
    read = json.loads(files("dgx_pixels.tools").joinpath("prompt_sets.json").read_text("utf-8"))
    return {name: tuple(Prompt(text, category) for category, text in prompts) for name, prompts in read.items()}


def asked_prompts(prompts: Sequence[str] | None, prompt_set: str | None, category: str) -> tuple[Prompt, ...]:
    """The prompts that a call names, its own or a set's. Raises RequestError unless they are 1 to 20 different ones."""
    names = ", ".join(prompt_sets())
    if (prompts is None) == (prompt_set is None):
        raise RequestError(f"Give either prompts, 1 to {MOST_PROMPTS} of your own, or prompt_set, one of {names}.")
    if prompt_set is not None:
        if prompt_set not in prompt_sets():
            raise RequestError(f"There is no prompt set {prompt_set[:40]!r}: use one of {names}.")
        return prompt_sets()[prompt_set]
    found = tuple(Prompt(" ".join(text.split()), category) for text in prompts or ())
    if not 1 <= len(found) <= MOST_PROMPTS:
        raise RequestError(f"There are {len(found)} prompts, but 1 to {MOST_PROMPTS} can be compared: leave some out.")
    twice = next((prompt.text for i, prompt in enumerate(found) if prompt in found[:i]), None)
    if twice is not None:
        raise RequestError(f"The prompt {twice[:80]!r} is there twice: name it once, and ask for more seeds instead.")
    return found

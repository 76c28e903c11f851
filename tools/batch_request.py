"""A request for a batch: up to 100 prompts, each a sprite request of its own; one that cannot be drawn fails alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from dgx_pixels.bevy.names import MAX_LENGTH, name_from_prompt
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.seeds import seed_of_variant
from dgx_pixels.tools.sprite_request import SpriteRequest

MOST_PROMPTS: Final = 100
MOST_SPRITES: Final = 400
"""Of all prompts and variants together."""

Make = Callable[[str, str, int | None], SpriteRequest]
"""Gives the request of a prompt, a name and a seed; raises RequestError or PublishError."""


class BatchItem(BaseModel):
    """One prompt, and its request or why it has none."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    request: SpriteRequest | None = None
    error: str | None = None


class BatchRequest(BaseModel):
    """What is asked for, complete."""

    model_config = ConfigDict(frozen=True)

    items: tuple[BatchItem, ...]


def prompts_of(prompt: str | list[str]) -> list[str] | None:
    """The prompts of a batch; None for a single prompt. A list's JSON text, which some clients send in its place, is a list."""
    if isinstance(prompt, list):
        return prompt
    try:
        found = json.loads(prompt) if prompt.lstrip().startswith("[") else None
    except (ValueError, RecursionError):  # of thousands of brackets
        return None
    return found if isinstance(found, list) and all(isinstance(p, str) for p in found) else None


def batch_request(prompts: Sequence[str], *, name: str | None, seed: int | None, variants: int, make: Make) -> BatchRequest:
    """Check the prompts, and give each its request, with names that differ; blocks.

    All start from the same seed; a prompt that stands there again goes on counting where the one before ended. Raises
    RequestError if there are too many, or if none of them can be drawn.
    """
    if not 1 <= len(prompts) <= MOST_PROMPTS:
        raise RequestError(f"There are {len(prompts)} prompts, but one call takes 1 to {MOST_PROMPTS}: ask in several calls.")
    if len(prompts) * variants > MOST_SPRITES:
        raise RequestError(
            f"{len(prompts)} prompts of {variants} variants are {len(prompts) * variants} sprites, but one call makes at most "
            f"{MOST_SPRITES}: ask for fewer variants, or in several calls."
        )
    names = names_apart([name if name is not None else name_from_prompt(prompt) for prompt in prompts])
    before: Counter[str] = Counter()
    items = []
    for prompt, one in zip(prompts, names, strict=True):
        items.append(_item(prompt, one, seed_of_variant(seed, variants * before[prompt]) if seed is not None else None, make))
        before[prompt] += 1
    if all(item.request is None for item in items):
        raise RequestError(f"None of the {len(items)} prompts can be drawn. The first: {items[0].error}")
    return BatchRequest(items=tuple(items))


def _item(prompt: str, name: str, seed: int | None, make: Make) -> BatchItem:
    try:
        return BatchItem(prompt=prompt, request=make(prompt, name, seed))
    except (RequestError, PublishError) as error:
        return BatchItem(prompt=prompt[:200], error=str(error))


def names_apart(names: Sequence[str]) -> list[str]:
    """The names, of which each is there once: later ones of a name end in _2, _3, ..., unless that is a name of the list, too."""
    wanted, used = set(names), set[str]()
    apart = []
    for name in names:
        one, number = name, 1
        while one in used or (number > 1 and one in wanted):
            number += 1
            one = f"{name[: MAX_LENGTH - len(f'_{number}')]}_{number}"
        used.add(one)
        apart.append(one)
    return apart

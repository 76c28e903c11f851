"""A request for a sprite: every argument checked before anything is drawn or written."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ConfigDict

from dgx_pixels.bevy.names import Category
from dgx_pixels.models.catalogue import SIZES
from dgx_pixels.models.profiles import Profile, Schedule, schedule_for
from dgx_pixels.models.render import Graph
from dgx_pixels.pixels.art_options import parse_size
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.tools.arguments import RequestError, check_within, name_or_words, one_of, read_category
from dgx_pixels.tools.seeds import check_seed, seed_or_any

if TYPE_CHECKING:
    from dgx_pixels.models.contender import Contender

_COLORS = 16
MOST_VARIANTS = 8
FILLS_ITS_SQUARE = ("tile", "background")
"""Categories whose ground is theirs, and not cut out unless asked."""


class SpriteRequest(BaseModel):
    """What is asked for, complete: all defaults are filled in."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    negative_prompt: str
    name: str
    category: Category
    width: int
    height: int
    variants: int
    colors: int
    palette: Palette | None
    transparent: bool
    seed: int
    model: str
    """A contender."""
    profile: Profile
    schedule: Schedule
    """What the profile means for this contender, with the steps and guidance that were asked for."""
    reference: str | None
    """The picture to start from: an asset's id, or a path."""
    strength: float
    batch: int | None
    """The batch shape: one picture at a time if the seed was asked for, so that variant i is what seed + i draws alone."""
    graph: Graph | None
    """How the UNet is to run, if this is a replay."""
    seamless: bool
    """Whether it is drawn to continue over its own edges; only tiles are."""
    publish: bool
    overwrite: bool


def read_size(size: int | str) -> tuple[int, int]:
    """Width and height in pixels from 32, "32" or "32x48". Raises RequestError."""
    sides = parse_size(size)
    if sides is None or any(side not in SIZES for side in sides):
        allowed = ", ".join(map(str, SIZES))
        raise RequestError(f"The size {size!r} is not one of {allowed}, or WxH of these: ask for one of them.")
    return sides


def read_profile(profile: str) -> Profile:
    """The profile of this name. Raises RequestError."""
    found: Profile = one_of("profile", profile, get_args(Profile))
    return found


def sprite_request(
    contender: Contender, *, prompt: str, negative_prompt: str, name: str | None, category: str, size: int | str, variants: int,
    colors: int | None, palette: Palette | None, transparent: bool | None, seed: int | None, profile: Profile, steps: int | None,
    guidance: float | None, reference: str | None, strength: float, publish: bool, overwrite: bool,
) -> SpriteRequest:  # fmt: skip
    """Check and complete the arguments. Raises RequestError or ModelError with one sentence for the caller."""
    prompt = " ".join(prompt.split())
    if not 1 <= len(prompt) <= 500:
        raise RequestError(
            "The prompt is empty or longer than 500 characters: say in a few words what to draw, like 'a red potion'."
        )
    if any("\ud800" <= c <= "\udfff" for c in prompt + negative_prompt):
        raise RequestError("The prompt holds half a character (a lone surrogate): send it as whole Unicode characters.")
    if len(negative_prompt) > 500:
        raise RequestError("The negative prompt is longer than 500 characters: name only what must not be drawn.")
    width, height = read_size(size)
    contender.base.check_size(width, height)
    check_within("variants", variants, 1, MOST_VARIANTS)
    check_seed(seed, MOST_VARIANTS)
    check_within("steps", steps, 1, 100)
    check_within("guidance", guidance, 1, 20)
    check_within("strength", strength, 0.1, 1)
    colors = colors if colors is not None else len(palette) if palette is not None else _COLORS
    check_within("colors", colors, 2, 256)
    return SpriteRequest(
        prompt=prompt, negative_prompt=negative_prompt.strip(), name=name_or_words(name, prompt),
        category=read_category(category), width=width, height=height, variants=variants, colors=colors, palette=palette,
        transparent=transparent if transparent is not None else category not in FILLS_ITS_SQUARE,
        seed=seed_or_any(seed), model=str(contender), profile=profile,
        schedule=schedule_for(contender, profile, steps, guidance), reference=reference, strength=strength,
        batch=1 if seed is not None else None, graph=None, seamless=category == "tile", publish=publish,
        overwrite=overwrite,
    )  # fmt: skip

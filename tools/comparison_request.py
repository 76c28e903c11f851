"""A request for a comparison: contenders and prompts checked, a base column added, and each cell a sprite request of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from dgx_pixels.library.comparison_records import LABELS, PlannedRound
from dgx_pixels.models.contender import Contender, for_profile, parse_contender
from dgx_pixels.models.profiles import few_step_words
from dgx_pixels.pixels.likeness import Style
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.project_defaults import seen_from
from dgx_pixels.tools.seeds import seed_of_variant, seed_or_any
from dgx_pixels.tools.sprite_request import SpriteRequest, sprite_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dgx_pixels.bevy.project_settings import ProjectSettings
    from dgx_pixels.models.catalogue import Catalogue
    from dgx_pixels.models.profiles import Profile
    from dgx_pixels.pixels.palette import Palette
    from dgx_pixels.tools.prompt_sets import Prompt

MOST_SEEDS = 4
_BASE_ADDED = "The base model without LoRAs was added as a further contender, so that it shows what the LoRAs do."
_UNSAID = "No prompt has {}, the trigger word of a LoRA here, without which its style may hardly show: put it into the prompts."
_NO_BASE = (
    "All four contenders have LoRAs, so that this comparison cannot say whether a LoRA helps at all: for that, name the base "
    "model in place of one of them."
)


class AskedPrompt(BaseModel):
    """One prompt, as it was given, and its request for each contender, with the first seed."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    category: str
    requests: tuple[SpriteRequest, ...]


class ComparisonRequest(BaseModel):
    """What is asked for, complete."""

    model_config = ConfigDict(frozen=True)

    contenders: tuple[str, ...]
    """As named; the requests' models have what the profile adds."""
    base: int | None
    """Which of them is the base model without LoRAs."""
    prompts: tuple[AskedPrompt, ...]
    seeds: tuple[int, ...]
    blind: bool
    reference: Style | None
    note: str

    @property
    def rounds(self) -> list[PlannedRound]:
        """Prompt by prompt, each with all its seeds."""
        return [
            PlannedRound(asked.prompt, asked.category, seed, index)
            for asked in self.prompts
            for index, seed in enumerate(self.seeds)
        ]

    def cell(self, round_number: int, place: int) -> SpriteRequest:
        """What a contender is asked to draw for a round, counted from 1: the very request that generate_sprite would make."""
        asked = self.prompts[(round_number - 1) // len(self.seeds)]
        return asked.requests[place].model_copy(update={"seed": self.seeds[(round_number - 1) % len(self.seeds)]})


def is_base(contender: Contender) -> bool:
    """Whether a contender is a base model without LoRAs, but for those that only make it draw in few steps."""
    return all(few_step_words(Contender(contender.base, (lora,))) for lora in contender.loras)


def asked_contenders(catalogue: Catalogue, texts: Sequence[str], profile: Profile) -> tuple[tuple[Contender, ...], str]:
    """The contenders as named, with a base model without LoRAs among them unless four are full; and what to know of that.

    What a profile adds to them is not in their names, as it is not in a project's default: that draws drafts, too.

    Raises RequestError for fewer than 2, more than 4 or the same twice, and ModelError for what `parse_contender` does.
    """
    if not 2 <= len(texts) <= len(LABELS):
        there = "There is 1 contender" if len(texts) == 1 else f"There are {len(texts)} contenders"
        raise RequestError(
            f"{there}, but 2 to {len(LABELS)} can be compared: name them as in ['tiny-sdxl', 'tiny-sdxl+my-lora:0.8']."
        )
    found = [parse_contender(catalogue, text) for text in texts]
    drawing = [for_profile(catalogue, contender, profile) for contender in found]
    for i, contender in enumerate(drawing):
        if contender in drawing[:i]:
            raise RequestError(f"The contender {contender} is there twice: a comparison needs different ones.")
    if any(is_base(contender) for contender in found):
        return tuple(found), ""
    if len(found) == len(LABELS):
        return tuple(found), _NO_BASE
    return (*found, Contender(found[0].base)), _BASE_ADDED


def unsaid(contenders: Sequence[Contender], prompts: Sequence[Prompt]) -> str:
    """A sentence if a LoRA has trigger words, and neither a prompt nor the base's own words have one of them; else nothing."""
    for contender in contenders:
        texts = " ".join((contender.base.prompt, *(prompt.text for prompt in prompts))).lower()
        for lora, _ in contender.loras:
            if lora.trigger_words and not any(word.lower() in texts for word in lora.trigger_words):
                return _UNSAID.format(repr(lora.trigger_words[0]))
    return ""


def comparison_request(
    catalogue: Catalogue, contenders: Sequence[Contender], note: str, prompts: Sequence[Prompt], settings: ProjectSettings, *,
    size: int | str, colors: int | None, palette: Palette | None, transparent: bool | None, negative_prompt: str, seeds: int,
    seed: int | None, profile: Profile, steps: int | None, guidance: float | None, reference: Style | None, blind: bool,
) -> ComparisonRequest:  # fmt: skip
    """Check and complete the arguments. Raises RequestError or ModelError with one sentence for the caller."""
    if not 1 <= seeds <= MOST_SEEDS:
        raise RequestError(f"seeds is {seeds}, but each prompt can be drawn with 1 to {MOST_SEEDS}.")
    drawing = [for_profile(catalogue, contender, profile) for contender in contenders]
    note = " ".join(filter(None, (note, unsaid(contenders, prompts))))
    first = seed_or_any(seed)

    def requested(prompt: Prompt, contender: Contender) -> SpriteRequest:
        return sprite_request(
            contender, prompt=seen_from(prompt.text, prompt.category, settings, contender.base.id), name=None,
            category=prompt.category, size=size, variants=1, colors=colors, palette=palette, transparent=transparent,
            negative_prompt=negative_prompt, seed=first, profile=profile, steps=steps, guidance=guidance, reference=None,
            strength=0.6, publish=False, overwrite=False,
        )  # fmt: skip

    return ComparisonRequest(
        contenders=tuple(map(str, contenders)), base=next((i for i, c in enumerate(contenders) if is_base(c)), None),
        prompts=tuple(
            AskedPrompt(prompt=p.text, category=p.category, requests=tuple(requested(p, c) for c in drawing)) for p in prompts
        ),
        seeds=tuple(seed_of_variant(first, i) for i in range(seeds)), blind=blind, reference=reference, note=note,
    )  # fmt: skip

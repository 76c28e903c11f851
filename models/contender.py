"""A base model with LoRAs and their weights, written `base+lora:weight+lora:weight`."""

from __future__ import annotations

from dataclasses import dataclass

from dgx_pixels.models.base_model import EMBEDDED, BaseModel, drawing_sha256
from dgx_pixels.models.catalogue import PRODUCTION, Catalogue
from dgx_pixels.models.entries import Lora
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.profiles import Profile, few_step_words

_LEAST, _MOST = -2.0, 2.0


@dataclass(frozen=True)
class Contender:
    """What renders: a base model, and LoRAs with their weights in the order they were named."""

    base: BaseModel
    loras: tuple[tuple[Lora, float], ...] = ()

    def __str__(self) -> str:
        """As `parse_contender` reads it: `sdxl+pixel-art-xl:1.2+lcm:1.0`."""
        return "+".join([self.base.id, *(f"{lora.id}:{weight!r}" for lora, weight in self.loras)])

    def weights_sha256(self) -> dict[str, str]:
        """SHA-256 of every file that draws, as its recipes have them: a LoRA at weight 0 is not among them. Raises OSError."""
        return drawing_sha256(self.base) | {lora.id: lora.sha256() for lora, weight in self.loras if weight}


def parse_contender(catalogue: Catalogue, text: str | None) -> Contender:
    """Look up what a text names: `base`, or `base+lora:weight+...`; None is the default base model alone.

    A weight that is left out is the LoRA's recommended one. The base is always named: which one a LoRA alone would get
    would change with what is installed. Headers are read, but no weights.

    Raises ModelError, in one sentence that names what exists: an unknown id, a weight that is no number from -2 to 2, a LoRA
    named twice, without a base, not usable, or made for models of another width.
    """
    if text is None:
        return _default(catalogue)
    base_id, *parts = (part.strip() for part in text.split("+"))
    if not base_id and parts:
        raise ModelError(f"{text!r} names no base model: write it first, as in {catalogue.get(None).id}{text.strip()}.")
    base = _base(catalogue, base_id, text)
    loras = tuple(_weighted(catalogue, part, text) for part in parts)
    seen: set[str] = set()
    for lora, _ in loras:
        if lora.id in seen:
            raise ModelError(f"{text!r} names the LoRA {lora.id} twice: name it once, with one weight.")
        seen.add(lora.id)
        _check_fits(base, lora)
    return Contender(base, loras)


def for_profile(catalogue: Catalogue, contender: Contender, profile: Profile) -> Contender:
    """The contender with the LoRAs that a profile adds: a draft by a full-size model takes the LCM LoRA, if it is there.

    A few steps do with it; one that has a few-step LoRA already stays as it is.
    """
    if profile != "draft" or contender.base.id == EMBEDDED or few_step_words(contender):
        return contender
    return _with_lora(catalogue, contender, "lcm")


def _default(catalogue: Catalogue) -> Contender:
    """The default base model; the production one with its pixel-art LoRA, if that is there."""
    contender = Contender(catalogue.get(None))
    return _with_lora(catalogue, contender, "pixel-art-xl") if contender.base.id == PRODUCTION else contender


def _with_lora(catalogue: Catalogue, contender: Contender, lora_id: str) -> Contender:
    found = next((x for x in catalogue.loras() if x.id == lora_id and x.problem is None), None)
    if found is None or found in dict(contender.loras) or found.text_width not in (None, contender.base.text_width):
        return contender
    return Contender(contender.base, (*contender.loras, (found, found.recommended_weight)))


def _base(catalogue: Catalogue, base_id: str, text: str) -> BaseModel:
    name = base_id.split(":")[0]
    if name in {lora.id for lora in catalogue.loras()} and name not in {base.id for base in catalogue.bases()}:
        raise ModelError(f"{name} is a LoRA: write a base model before it, as in {catalogue.get(None).id}+{text.strip()}.")
    return catalogue.get(base_id)


def _weighted(catalogue: Catalogue, part: str, text: str) -> tuple[Lora, float]:
    lora_id, colon, number = part.partition(":")
    if not lora_id:
        raise ModelError(f"{text!r} has an empty part: write base+lora:weight+lora:weight.")
    lora = catalogue.lora(lora_id.strip())
    if not colon:
        return lora, lora.recommended_weight
    try:
        weight = float(number)
    except ValueError:
        weight = float("nan")
    if not _LEAST <= weight <= _MOST:
        raise ModelError(
            f"The weight of the LoRA {lora.id} cannot be {number!r}: use a number from -2 to 2, as in {lora.id}:0.8."
        )
    return lora, weight


def _check_fits(base: BaseModel, lora: Lora) -> None:
    if lora.problem is not None:
        raise ModelError(lora.problem)
    if None not in (lora.text_width, base.text_width) and lora.text_width != base.text_width:
        raise ModelError(
            f"The LoRA {lora.id} does not fit {base.id}: it was made for models whose text is {lora.text_width} wide "
            f"(SDXL: 2048), and {base.id}'s is {base.text_width}. Use it with the base model that it was made for."
        )

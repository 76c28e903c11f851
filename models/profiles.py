"""Profiles: how much work goes into a picture, as documented sets of steps, sampler, guidance and LoRAs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dgx_pixels.models.catalogue import EMBEDDED

if TYPE_CHECKING:
    from dgx_pixels.models.contender import Contender

Profile = Literal["draft", "standard", "best"]
Sampler = Literal["dpmpp_2m", "euler", "ays", "lcm", "lightning"]
"""`dpmpp_2m`: DPM-Solver++(2M). `euler`. `ays`: DPM-Solver++ on the ten time steps of Align Your Steps (Sabour et al. 2024).
`lcm`: Latent Consistency Models (Luo et al. 2023), with its LoRA. `lightning`: Euler on trailing steps, for the LoRAs of
SDXL-Lightning (Lin et al. 2024)."""

AYS_STEPS = 10
"""The time steps that `ays` has; it has no other number of them."""


@dataclass(frozen=True)
class Schedule:
    """How the noise is taken away."""

    sampler: Sampler
    steps: int
    guidance: float
    """Weight of the prompt (classifier-free guidance); 1 or less switches it off, and with it the negative prompt."""
    guided: float = 1.0
    """Share of the steps that is guided: later ones settle pixels, not the subject, and cost half without guidance."""

    @property
    def guided_steps(self) -> int:
        """How many of the steps are guided."""
        return 0 if self.guidance <= 1 else max(1, round(self.steps * self.guided))


_TINY: dict[Profile, Schedule] = {
    "draft": Schedule("dpmpp_2m", 6, 3.0),
    "standard": Schedule("dpmpp_2m", 10, 3.0),
    "best": Schedule("dpmpp_2m", 20, 3.0),
}
_SDXL: dict[Profile, Schedule] = {
    "draft": Schedule("ays", AYS_STEPS, 6.0, guided=0.6),
    "standard": Schedule("dpmpp_2m", 20, 6.0, guided=0.6),
    "best": Schedule("dpmpp_2m", 30, 6.0),
}
_FEW_STEPS: dict[str, Schedule] = {"lcm": Schedule("lcm", 8, 1.5), "lightning": Schedule("lightning", 4, 1.0)}
"""By a word in the LoRA's id: such LoRAs were trained for these steps, and draw badly with others."""


def few_step_words(contender: Contender) -> set[str]:
    """Which few-step LoRAs ("lcm", "lightning") the contender has, by their ids."""
    return {word for lora, weight in contender.loras if weight for word in _FEW_STEPS if word in lora.id.lower()}


def schedule_for(contender: Contender, profile: Profile, steps: int | None = None, guidance: float | None = None) -> Schedule:
    """How this contender draws in this profile; `steps` and `guidance`, where given, replace the profile's own.

    A contender with a few-step LoRA (LCM, Lightning) draws in its steps, whatever the profile.
    """
    words = few_step_words(contender)
    profiles = _TINY if contender.base.id == EMBEDDED else _SDXL
    chosen = _FEW_STEPS[min(words)] if words else profiles[profile]
    if steps is not None:
        sampler = "dpmpp_2m" if chosen.sampler == "ays" and steps != AYS_STEPS else chosen.sampler
        chosen = replace(chosen, steps=steps, sampler=sampler)
    return chosen if guidance is None else replace(chosen, guidance=guidance)

"""Schedulers by the sampler's name, made anew for each batch: they keep state, and two renders must not share one."""

from __future__ import annotations

from typing import Any

from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, LCMScheduler
from diffusers.schedulers import AysSchedules

from dgx_pixels.models.profiles import Schedule

_KINDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "dpmpp_2m": (DPMSolverMultistepScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "ays": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
    "lcm": (LCMScheduler, {}),
    "lightning": (EulerDiscreteScheduler, {"timestep_spacing": "trailing"}),
}


def scheduler(base_config: dict[str, Any], schedule: Schedule) -> Any:  # noqa: ANN401  # diffusers' schedulers share no typed base
    """A fresh scheduler for this schedule; the noise itself (betas, prediction type) stays the base model's own."""
    kind, options = _KINDS[schedule.sampler]
    return kind.from_config(base_config, **options)


def timesteps(schedule: Schedule) -> dict[str, Any]:
    """The pipeline's argument that says which time steps are taken."""
    if schedule.sampler == "ays":
        return {"timesteps": AysSchedules["StableDiffusionXLTimesteps"]}
    return {"num_inference_steps": schedule.steps}

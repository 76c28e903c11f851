"""A request for a training: every argument checked before anything is read or written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, get_args

from pydantic import BaseModel, ConfigDict

from dgx_pixels.bevy.names import name_from_prompt
from dgx_pixels.models.training_spec import Preset, Settings, TrainingSpec, settings_for
from dgx_pixels.tools.arguments import RequestError, one_of
from dgx_pixels.tools.seeds import check_seed

if TYPE_CHECKING:
    from dgx_pixels.models.catalogue import Catalogue
    from dgx_pixels.models.entries import Lora

Value = str | int | float | bool | None
"""Of one setting."""
SAMPLES: Final = ("a red potion", "a gold sword", "a knight", "a green tree")
"""What the sample pictures show unless something else is asked for."""
_MOST_SAMPLES: Final = 8
_SAMPLE_ROUNDS: Final = 6
_FEWEST_BETWEEN: Final = 25
"""Steps between two rounds of samples, at least: they take time from the training."""
_RUN: Final = ("sample_every", "checkpoint_minutes", "keep")
"""Settings of the run, which do not decide what is learnt."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class RunSettings(BaseModel):
    """How a training is watched and kept."""

    model_config = ConfigDict(frozen=True)

    sample_every: int
    """Steps between sample pictures, 0 for none."""
    checkpoint_minutes: float
    keep: int
    """How many of the best checkpoints stay besides the newest."""


class TrainingRequest(BaseModel):
    """What is asked for, complete: all defaults are filled in."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Where the pictures are: see `dataset.DatasetRequest`."""
    name: str
    """The LoRA's id."""
    base: str
    """Id of the base model."""
    preset: Preset
    settings: Settings
    run: RunSettings
    trigger: str
    grid: str | None
    """"WxH" of the frames that sheets are cut into."""
    licence_note: str
    sample_prompts: tuple[str, ...]
    seed: int
    overwrite: bool
    dry_run: bool


def training_request(
    *, source: str | None, name: str | None, base: str, preset: str, settings: Mapping[str, Value], trigger: str,
    grid: str | None, licence_note: str, sample_prompts: Sequence[str] | None, seed: int, overwrite: bool, dry_run: bool,
) -> TrainingRequest:  # fmt: skip
    """Check and complete the arguments. Raises RequestError or SpecError with one sentence for the caller."""
    if not source or not source.strip():
        raise RequestError(
            "source is missing: name a folder of sprites, 'project' for the project's own assets/sprites, or asset ids."
        )
    chosen: Preset = one_of("preset", preset, get_args(Preset))
    learnt = settings_for(base, chosen, **{k: v for k, v in settings.items() if k not in _RUN})
    check_seed(seed, 1)
    return TrainingRequest(
        source=source.strip(), name=check_lora_name(name), base=base, preset=chosen, settings=learnt,
        run=_run(settings, learnt.steps), trigger=_trigger(trigger), grid=grid, licence_note=" ".join(licence_note.split())[:500],
        sample_prompts=_samples(sample_prompts), seed=seed, overwrite=overwrite, dry_run=dry_run,
    )  # fmt: skip


def check_lora_name(name: str | None) -> str:
    """The name, if it can be a LoRA's. Raises RequestError."""
    if name is None or not name.strip():
        raise RequestError("name is missing: it becomes the LoRA's id, like 'my-style', to be written in `model` later.")
    if not _NAME.fullmatch(name):
        near = name_from_prompt(re.sub(r"[^A-Za-z0-9]+", " ", name[:200]))
        raise RequestError(
            f"The name {name[:80]!r} is not allowed: use 1 to 64 of a-z, 0-9, _ and -, with a letter or digit first (dots and "
            f"slashes mean something in weights' names and paths); try {near!r}."
        )
    return name


def check_free(catalogue: Catalogue, name: str) -> None:
    """Raise RequestError if there is a LoRA of this name on this machine already; blocks."""
    found: Lora | None = next((lora for lora in catalogue.loras() if lora.id == name), None)
    if found is not None:
        raise RequestError(f"There is a LoRA {name} already ({found.file}): choose another name, or ask with overwrite=true.")


def _run(settings: Mapping[str, Value], steps: int) -> RunSettings:
    """The run's own settings, checked as the training process checks them. Raises RequestError."""
    fields = TrainingSpec.model_fields
    given = {k: settings[k] for k in _RUN if settings.get(k) is not None}
    every = max(_FEWEST_BETWEEN, steps // _SAMPLE_ROUNDS)
    defaults = {"sample_every": every, "checkpoint_minutes": fields["checkpoint_minutes"].default, "keep": fields["keep"].default}
    bad = next((k for k, v in given.items() if not _is_count(v, whole=k != "checkpoint_minutes")), None)
    if bad is not None:
        raise RequestError(f"The setting {bad} of a training cannot be {given[bad]!r}: use a number from 0.")
    return RunSettings.model_validate(defaults | given)


def _is_count(value: Value, *, whole: bool) -> bool:
    kinds = int if whole else int | float
    return isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value <= 100_000


def _trigger(trigger: str) -> str:
    words = " ".join(trigger.split())
    if len(words) > 100 or not words.isprintable() or "," in words:
        raise RequestError(f"The trigger {words[:80]!r} is not allowed: use a word or two, 100 characters at most, no comma.")
    return words


def _samples(prompts: Sequence[str] | None) -> tuple[str, ...]:
    if prompts is None:
        return SAMPLES
    if len(prompts) > _MOST_SAMPLES:
        raise RequestError(f"{len(prompts)} sample prompts are asked for, but at most {_MOST_SAMPLES} are drawn: choose.")
    words = tuple(" ".join(prompt.split()) for prompt in prompts)
    bad = next((prompt for prompt in words if not 1 <= len(prompt) <= 200 or not prompt.isprintable()), None)
    if bad is not None:
        raise RequestError(f"The sample prompt {bad[:80]!r} is not possible: say in 1 to 200 characters what to draw.")
    return words

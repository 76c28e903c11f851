"""What a LoRA training is told: its settings, their presets, and the whole order as the training process reads it.

No torch here: tools and the command line make a spec, `training_child` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dgx_pixels.models.base_model import EMBEDDED
from dgx_pixels.models.header import ModelError

Preset = Literal["fast", "base", "quality"]
OptimizerName = Literal["adamw", "adamw8bit", "prodigy"]
LayerKind = Literal["attention", "transformer", "all"]
"""`attention` is its four projections (to_q, to_k, to_v, to_out), `transformer` all linear layers of its transformer blocks
(kohya's default), `all` the convolutions of the resnets, too (LoCon)."""
PRODIGY_RATE = 1.0
"""Prodigy finds the learning rate; what is given is a factor of it (Mishchenko and Defazio 2024)."""


class SpecError(ModelError):
    """A training's settings are not allowed; the text says which, and what is."""


class Settings(BaseModel):
    """How a LoRA learns. What stands below a field is its description, in the reference, too."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rank: int = Field(ge=1, le=256)
    """Width of the two factors (Hu et al. 2021)."""
    alpha: float = Field(gt=0, le=1024)
    """The LoRA's part is scaled by alpha / rank."""
    dropout: float = Field(ge=0, lt=1)
    """Share of a layer's inputs that its LoRA does not see in a step."""
    learning_rate: float = Field(gt=0, le=10)
    """At its peak; with Prodigy a factor, normally 1."""
    batch_size: int = Field(ge=1, le=64)
    """Pictures of a batch."""
    accumulation: int = Field(ge=1, le=64)
    """How many batches make one step."""
    steps: int = Field(ge=1, le=1_000_000)
    """How many steps are learnt."""
    warmup: int = Field(ge=0, le=100_000)
    """Steps in which the learning rate rises from 0; it falls to 0 as a cosine after them."""
    min_snr: float | None = Field(gt=0, le=100)
    """Gamma of min-SNR weighting (Hang et al. 2023); none weights all noise levels alike."""
    noise_offset: float = Field(ge=0, le=1)
    """Strength of noise that is equal over a whole picture, for very dark and bright ones."""
    caption_dropout: float = Field(ge=0, lt=1)
    """Share of the pictures that are shown without words, for classifier-free guidance."""
    ema: float = Field(ge=0, lt=1)
    """Decay of the weights' moving average, which is what is given out; 0 for none."""
    optimizer: OptimizerName
    """adamw, adamw8bit (CUDA, with the extra train8bit) or prodigy, which finds the learning rate."""
    layers: LayerKind
    """Which of the UNet's layers learn: attention, transformer (all linear ones of its blocks) or all (convolutions, too)."""
    text_encoders: bool = False
    """Whether the text encoders learn, too; their words cannot be cached then."""


class TrainingSpec(Settings):
    """One training, as its process reads it from a JSON file."""

    folder: Path
    """The run's own: all that the process writes lies in it."""
    dataset: Path
    """A folder with `dataset.json` and pictures, see `training_dataset`."""
    models_folder: Path
    hf_cache: Path | None = None
    turn_folder: Path
    """Where the processes that share the GPU take turns, see `turn`: the server's home."""
    base: str
    """Id of the base model."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """The LoRA's id."""
    trigger: str = Field(default="", max_length=100)
    """Put before each caption, as "trigger, caption"."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    device: str = "auto"
    sample_prompts: tuple[str, ...] = ()
    """Subjects, as a caption has them; the trigger is put before them."""
    sample_every: int = Field(default=0, ge=0)
    """Steps between sample pictures; 0 for none."""
    checkpoint_minutes: float = Field(default=5.0, ge=0)
    """Minutes between checkpoints; 0 makes one after each step."""
    keep: int = Field(default=3, ge=0, le=100)
    """How many of the best checkpoints stay besides the newest."""
    licence_note: str = ""
    """What the dataset's owner says of its licence."""


_SDXL: dict[str, Any] = {
    "dropout": 0.1, "caption_dropout": 0.1, "ema": 0.0, "optimizer": "adamw", "layers": "attention",
}  # fmt: skip
_TINY: dict[str, Any] = {
    "dropout": 0.0, "caption_dropout": 0.1, "min_snr": None, "noise_offset": 0.0, "optimizer": "adamw", "layers": "all",
    "batch_size": 8, "accumulation": 1,
}  # fmt: skip
"""tiny-sdxl predicts velocity down to pure noise, where it decides on colours: min-SNR would give those steps no weight, and an
offset is nothing to be learnt there."""

PRESETS: dict[Preset, dict[str, Any]] = {
    "fast": _SDXL | {
        "rank": 16, "alpha": 16.0, "learning_rate": 2e-4, "batch_size": 4, "accumulation": 1, "steps": 1500, "warmup": 50,
        "min_snr": None, "noise_offset": 0.0,
    },
    "base": _SDXL | {
        "rank": 32, "alpha": 32.0, "learning_rate": 1e-4, "batch_size": 2, "accumulation": 2, "steps": 3000, "warmup": 100,
        "min_snr": 5.0, "noise_offset": 0.05,
    },
    "quality": _SDXL | {
        "rank": 64, "alpha": 64.0, "learning_rate": 5e-5, "batch_size": 2, "accumulation": 4, "steps": 5000, "warmup": 200,
        "min_snr": 5.0, "noise_offset": 0.05, "ema": 0.999,
    },
}  # fmt: skip
"""For SDXL. AdamW keeps 8 bytes a parameter of the LoRA, not of the model, so that its 8-bit kind saves little."""
TINY_PRESETS: dict[Preset, dict[str, Any]] = {
    "fast": _TINY | {"rank": 16, "alpha": 16.0, "learning_rate": 2e-3, "steps": 300, "warmup": 20, "ema": 0.0},
    "base": _TINY | {"rank": 16, "alpha": 16.0, "learning_rate": 2e-3, "steps": 800, "warmup": 50, "ema": 0.0},
    "quality": _TINY | {"rank": 32, "alpha": 32.0, "learning_rate": 1e-3, "steps": 2000, "warmup": 100, "ema": 0.99},
}  # fmt: skip
"""For the embedded tiny-sdxl: minutes on one core of a CPU."""


def settings_for(base: str, preset: Preset, /, **replacements: object) -> Settings:
    """A preset's settings for the base model of this id, with some of them replaced; None replaces nothing, but for `min_snr`.

    What hangs together follows: with fewer steps a shorter warm-up, with a rank an equal alpha, with Prodigy its learning
    rate, unless they are given, too. Raises SpecError.
    """
    presets = TINY_PRESETS if base == EMBEDDED else PRESETS
    if preset not in presets:
        raise SpecError(f"There is no preset {preset!r}: use {', '.join(presets)}.")
    chosen = presets[preset]
    given = {name: value for name, value in replacements.items() if value is not None or name == "min_snr"}
    try:
        read = Settings.model_validate(chosen | given)  # what follows hangs on values as they are read: "8" is a rank, too
        return Settings.model_validate(chosen | _following(read, chosen, given) | given)
    except ValidationError as error:
        raise SpecError(_sentence(error, Settings)) from error


def _following(read: Settings, chosen: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, Any]:
    """What changes with the settings that are given."""
    follow: dict[str, Any] = {}
    if read.steps < chosen["steps"]:
        follow["warmup"] = chosen["warmup"] * read.steps // chosen["steps"]
    if "rank" in given:
        follow["alpha"] = float(read.rank)
    if read.optimizer == "prodigy":
        follow["learning_rate"] = PRODIGY_RATE
    return follow


def make_spec(settings: Settings, **rest: object) -> TrainingSpec:
    """The whole order. Raises SpecError."""
    try:
        return TrainingSpec.model_validate(settings.model_dump() | rest)
    except ValidationError as error:
        raise SpecError(_sentence(error, TrainingSpec)) from error


def read_spec(file: Path) -> TrainingSpec:
    """Read a spec's JSON file. Raises SpecError."""
    try:
        return TrainingSpec.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SpecError(f"The training's settings {file} cannot be read ({error.strerror}): start the training again.") from error
    except ValidationError as error:
        raise SpecError(_sentence(error, TrainingSpec)) from error


def same_training(spec: TrainingSpec) -> dict[str, Any]:
    """What of a spec decides the weights that come out: a checkpoint is gone on from only if all of it is the same."""
    return spec.model_dump(mode="json", include={*Settings.model_fields, "base", "trigger", "seed"})


def _sentence(error: ValidationError, model: type[Settings]) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "spec"
    if first["type"] == "missing":
        return f"The training's setting {name} is missing: give it."
    if first["type"] == "extra_forbidden":
        return f"There is no setting {name!r} of a training: use {', '.join(Settings.model_fields)}."
    value = repr(first["input"])
    said = value if len(value) <= 80 else f"{value[:77]}..."
    expected = first.get("ctx", {}).get("expected")
    allowed = f"are {expected}" if expected is not None else _allowed(name, model)
    return f"The setting {name} of a training cannot be {said}: " + (f"allowed {allowed}." if allowed else f"{first['msg']}.")


def _allowed(name: str, model: type[Settings]) -> str:
    """The range of a setting in words, "" if it has none."""
    if name == "name":
        return "are 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit"
    words: Mapping[type, str] = {Ge: "from", Gt: "above", Le: "to", Lt: "below"}
    found = [
        f"{words[type(m)]} {getattr(m, type(m).__name__.lower())}"
        for m in (model.model_fields[name].metadata if name in model.model_fields else ())
        if type(m) in words
    ]
    return f"is {' '.join(found)}" if found else ""

"""A training's settings: the presets, what follows from what is replaced, and one sentence for what is not allowed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from training import spec

from dgx_pixels.models.training_spec import Preset, SpecError, TrainingSpec, make_spec, read_spec, same_training, settings_for


@pytest.mark.parametrize("preset", get_args(Preset))
@pytest.mark.parametrize("base", ["sdxl", "tiny-sdxl"])
def test_every_preset_is_allowed_and_larger_than_the_one_before(base: str, preset: Preset) -> None:
    """`fast`, `base` and `quality` grow in steps; tiny-sdxl's are for a CPU."""
    settings = settings_for(base, preset)
    steps = [settings_for(base, p).steps for p in get_args(Preset)]
    assert steps == sorted(set(steps))
    assert settings.warmup < settings.steps
    assert (settings.min_snr is None) == (base == "tiny-sdxl" or preset == "fast")


def test_what_hangs_together_follows_unless_it_is_given() -> None:
    """Alpha follows the rank, the warm-up fewer steps, and Prodigy has its own learning rate."""
    short = settings_for("sdxl", "base", steps=300, rank=8, optimizer="prodigy")
    assert (short.warmup, short.alpha, short.learning_rate) == (10, 8.0, 1.0)
    given = settings_for("sdxl", "base", rank=8, alpha=4.0, optimizer="prodigy", learning_rate=0.5, ema=None, min_snr=None)
    assert (given.alpha, given.learning_rate, given.ema, given.min_snr) == (4.0, 0.5, 0.0, None)


@pytest.mark.parametrize("rank", [8, "8", 8.0])
def test_what_follows_hangs_on_a_value_as_it_is_read(rank: object) -> None:
    """An agent may write a number as a word: alpha, or a warm-up that is longer than the training, must not show it."""
    settings = settings_for("sdxl", "base", rank=rank, steps="300")
    assert (settings.rank, settings.alpha, settings.steps, settings.warmup) == (8, 8.0, 300, 10)


@pytest.mark.parametrize("name", ["base", "preset"])
def test_arguments_are_no_settings(name: str) -> None:
    """They have the names of parameters, and are refused like any other unknown setting."""
    with pytest.raises(SpecError, match=f"There is no setting '{name}' of a training"):
        settings_for("tiny-sdxl", "fast", **{name: "x"})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rank": 0}, "rank of a training cannot be 0: allowed is from 1 to 256."),
        ({"steps": 0}, "steps of a training cannot be 0: allowed is from 1 to 1000000."),
        ({"dropout": 1.0}, "dropout of a training cannot be 1.0: allowed is from 0 below 1."),
        ({"optimizer": "sgd"}, "optimizer of a training cannot be 'sgd': allowed are 'adamw', 'adamw8bit' or 'prodigy'."),
        ({"learning_rate": "x" * 200}, f"learning_rate of a training cannot be '{'x' * 76}...: allowed is above 0 to 10."),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_said_in_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    """What was wrong, and what is allowed."""
    with pytest.raises(SpecError) as refused:
        settings_for("tiny-sdxl", "fast", **wrong)
    assert str(refused.value) == f"The setting {sentence}"


def test_unknown_settings_presets_and_names_are_refused(tmp_path: Path) -> None:
    """A name with dots would be taken for a file's ending by half of the programs that read LoRAs."""
    with pytest.raises(SpecError, match="There is no setting 'speed' of a training: use rank, alpha"):
        settings_for("sdxl", "fast", speed=9)
    with pytest.raises(SpecError, match="There is no preset 'best': use fast, base, quality"):
        settings_for("sdxl", "best")  # type: ignore[arg-type]  # as a caller might
    with pytest.raises(SpecError, match=r"name of a training cannot be 'my\.style': allowed are 1 to 64 of a-z, 0-9, _ and -"):
        spec(tmp_path, name="my.style")
    with pytest.raises(SpecError, match="setting folder is missing"):
        make_spec(settings_for("sdxl", "fast"), name="x")


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    """The process reads what its parent wrote; what decides the weights does not hang on folders."""
    order = spec(tmp_path, sample_prompts=("a", "b"))
    file = tmp_path / "spec.json"
    file.write_text(order.model_dump_json())
    again = read_spec(file)
    assert again == order
    moved = TrainingSpec.model_validate(json.loads(file.read_text()) | {"folder": "/elsewhere", "keep": 1})
    assert same_training(moved) == same_training(order)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rank": -1}))
    with pytest.raises(SpecError, match="rank of a training cannot be -1"):
        read_spec(file)


def test_a_spec_is_made_without_torch() -> None:
    """Tools and the command line make one."""
    code = "import sys, dgx_pixels.models.training_spec, dgx_pixels.models.training_child; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

"""A whole training in this process, on a narrow model of SDXL's own topology as a user would have put it there."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from narrow_sdxl import narrow_pipeline
from training import dataset

from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.lora_events import Events
from dgx_pixels.models.lora_file import read_lora
from dgx_pixels.models.lora_run import PausedError, run
from dgx_pixels.models.lora_spec import TrainingSpec, make_spec, settings_for


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What `run` changes of torch is changed back."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the narrow model as a checkpoint."""
    folder = tmp_path_factory.mktemp("home") / "models"
    narrow_pipeline().save_pretrained(folder / "checkpoints" / "narrow")
    return folder


def order(models: Path, tmp: Path, **replaced: Any) -> TrainingSpec:  # noqa: ANN401  # any setting
    """A training of it as the preset `base` has it, but short."""
    settings = settings_for("narrow", "base", steps=2, rank=4, **replaced)
    return make_spec(
        settings, folder=tmp / "run", dataset=dataset(tmp / "data", 4, (64, 96)), models_folder=models, turn_folder=tmp,
        base="narrow", name="mine", trigger="handheld", device="cpu", sample_prompts=("a red potion",), sample_every=1,
    )  # fmt: skip


def told(spec: TrainingSpec) -> list[dict[str, Any]]:
    """What a whole training tells."""
    wire = io.StringIO()
    run(spec, Events(wire), lambda: False)
    return [json.loads(line) for line in wire.getvalue().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["attention", "transformer", "all"])
def test_an_sdxl_model_is_trained_and_diffusers_finds_every_layer(models: Path, tmp_path: Path, layers: str) -> None:
    """With min-SNR, noise offset, dropout and accumulation; the kohya-named file changes as many layers there as were trained."""
    spec = order(models, tmp_path, layers=layers)
    events = told(spec)

    kinds = [e["event"] for e in events]
    assert (kinds[0], kinds[-1]) == ("started", "done")
    assert [e["step"] for e in events if e["event"] == "sample"] == [0, 1, 2]
    files = events[-1]["files"]
    found = read_lora(Path(files["kohya"]), dict(narrow_pipeline().unet.config))
    pipeline = StableDiffusionXLPipeline.from_pretrained(models / "checkpoints" / "narrow", add_watermarker=False)
    pipeline.load_lora_weights(files["kohya"], local_files_only=True, use_safetensors=True)
    changed = {f"unet.{name}" for name, module in pipeline.unet.named_modules() if hasattr(module, "lora_A") and module.lora_A}
    assert changed == set(found)
    assert len(found) == {"attention": 560, "transformer": 722, "all": 783}[layers]


@pytest.mark.slow
def test_a_finished_training_is_finished_again_at_once(models: Path, tmp_path: Path) -> None:
    """Started once more, it makes no step, and its files are the same."""
    spec = order(models, tmp_path)
    told(spec)
    before = {file.name: file.read_bytes() for file in (spec.folder / "out").iterdir()}
    again = told(spec)
    assert [e["event"] for e in again] == ["resumed", "done"]
    assert {file.name: file.read_bytes() for file in (spec.folder / "out").iterdir()} == before


def test_it_pauses_between_pictures_that_are_encoded(models: Path, tmp_path: Path) -> None:
    """A large dataset takes minutes to encode: nobody waits for its end."""
    wire = io.StringIO()
    with pytest.raises(PausedError):
        run(order(models, tmp_path), Events(wire), lambda: True)
    assert [json.loads(line)["event"] for line in wire.getvalue().splitlines()] == ["started", "caching"]


@pytest.mark.slow
def test_a_model_that_changed_under_a_training_is_told_of(models: Path, tmp_path: Path) -> None:
    """Its checkpoint was learnt on other weights."""
    spec = order(models, tmp_path)
    told(spec)
    file = next(iter((spec.folder / "checkpoints").glob("*/state.json")))
    facts = json.loads(file.read_text())
    facts["base"] = dict.fromkeys(facts["base"], "0" * 64)
    for state in (spec.folder / "checkpoints").glob("*/state.json"):
        state.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="begun with other settings \\(weights of the base model\\)"):
        told(spec)
    assert Catalogue(models).get("narrow").problem is None

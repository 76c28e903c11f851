"""What a training leaves: the LoRA in two namings, its card, its samples and the curve of its loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dgx_pixels.models.lora_export import diffusers_file, kohya_file
from dgx_pixels.models.training_about import About, card, metadata
from dgx_pixels.models.training_curve import curve_png
from dgx_pixels.models.training_disk import write_whole
from dgx_pixels.models.training_metrics import Metrics
from dgx_pixels.models.training_samples import Sample
from dgx_pixels.models.training_steps import Training


def write_results(training: Training, about: About, metrics: Metrics, samples: Sequence[Sample]) -> dict[str, object]:
    """Write everything into `out/` of the run's folder; answers with the files by what they are. Raises OSError."""
    out, name, pipeline = about.spec.folder / "out", about.spec.name, training.pipeline
    out.mkdir(exist_ok=True)
    facts = metadata(about)
    with training.given_out():
        weights = training.tensors()
    shown = []
    for sample in samples:
        write_whole(out / sample.file.name, sample.file.read_bytes())
        shown.append((sample.prompt, sample.seed, sample.file.name))
    made = {
        "diffusers": (f"{name}_diffusers.safetensors", diffusers_file(weights, pipeline, facts, torch.float16)),
        "kohya": (f"{name}.safetensors", kohya_file(weights, pipeline, about.spec.alpha, facts, torch.float16)),
        "curve": ("loss.png", curve_png(metrics.losses)),
        "card": ("README.md", card(about, metrics.final_loss, shown).encode()),
    }
    for file, data in made.values():
        write_whole(out / file, data)
    files = {what: str(out / file) for what, (file, _) in made.items()}
    return {**files, "samples": [str(out / file) for _, _, file in shown]}

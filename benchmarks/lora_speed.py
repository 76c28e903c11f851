"""LoRA training against the public diffusers script's inner loop: steps a second, side by side, on this machine and full size.

    .venv/bin/python benchmarks/lora_speed.py              # writes benchmarks/lora_speed.md
    .venv/bin/python benchmarks/lora_speed.py --narrow --rounds 2 --out -   # tries the full-size part on a CPU, too

The first part trains the embedded model on the CPU. The second needs CUDA: SDXL's full size on random weights at 1024 px. Both
trainings have the same pictures, rank, layers (the four projections of attention) and batch; they take turns, step by step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from lora_baseline import PlainScript
from lora_speed_page import Cell, Counted, FullSize, figures, page
from measuring import Times, estimate, measured_by, ratio, side_by_side
from PIL import Image
from random_sdxl import random_sdxl, stand_in
from result_file import Run, add_results_option
from torch.utils.flop_counter import FlopCounterMode

from dgx_pixels.models.catalogue import BaseModel, embedded
from dgx_pixels.models.embeddings import PromptCache
from dgx_pixels.models.latent_preview import LatentPreview
from dgx_pixels.models.load import load_pipeline
from dgx_pixels.models.loaded import Loaded
from dgx_pixels.models.speed import matmul_rate
from dgx_pixels.models.training_adapter import put_on
from dgx_pixels.models.training_cache import encode, text_of
from dgx_pixels.models.training_dataset import Dataset, read_dataset
from dgx_pixels.models.training_spec import TrainingSpec, make_spec, settings_for
from dgx_pixels.models.training_steps import Training

HERE = Path(__file__).parent
_RANK, _TINY_RANK = 32, 16
"""Of the presets `base`, for SDXL and for tiny-sdxl."""
_PICTURES = 64
"""A multiple of every batch: ours has none that is short, as the script's has none."""


def main() -> None:
    """Measure, and write the page."""
    asked, run = _arguments(), Run.begin("lora_speed")
    cuda = torch.cuda.is_available()
    cpu = torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        small = [_tiny(Path(folder) / f"tiny-{batch}", batch, asked.rounds) for batch in (4, 8, 16)]
        counted = _counted(asked.narrow)
        full = None
        if cuda or asked.narrow:
            full = _full(Path(folder), torch.device("cuda") if cuda else cpu, asked.rounds, narrow=asked.narrow)
    run.write(asked.results, figures(small, counted, full, narrow=asked.narrow))
    text = page(small, counted, full, measured_by(torch.device("cuda") if cuda else cpu), narrow=asked.narrow)
    if asked.out == "-":
        print(text)
    else:
        Path(asked.out).write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument(
        "--narrow", action="store_true", help="a stand-in of a few channels for the full size: shows that it runs"
    )
    parser.add_argument("--out", default=str(HERE / "lora_speed.md"), help="a file, or - for the screen")
    add_results_option(parser)
    return parser.parse_args()


def _pictures(folder: Path, side: int) -> Dataset:
    """Pictures of noise in cells, with captions: what they show costs nothing."""
    (folder / "images").mkdir(parents=True)
    chance = np.random.default_rng(0)
    items = []
    for i in range(_PICTURES):
        cells = Image.fromarray(chance.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        cells.resize((side, side), Image.Resampling.NEAREST).save(folder / "images" / f"{i:04}.png")
        items.append({"file": f"images/{i:04}.png", "width": side, "height": side, "caption": f"a thing number {i}"})
    about = {"schema": 1, "hash": hashlib.sha256(repr(items).encode()).hexdigest(), "items": items}
    (folder / "dataset.json").write_text(json.dumps(about))
    return read_dataset(folder)


def _spec(folder: Path, base: BaseModel, batch: int, rank: int) -> TrainingSpec:
    """Ours as the script trains: the same layers, rank and batch, and none of what it lacks."""
    settings = settings_for(
        base.id, "fast", rank=rank, batch_size=batch, accumulation=1, layers="attention", dropout=0.0, min_snr=None,
        noise_offset=0.0,
    )  # fmt: skip
    return make_spec(
        settings, folder=folder, dataset=folder, models_folder=folder, turn_folder=folder, base=base.id, name="speed"
    )  # fmt: skip


def _training(
    pipeline: StableDiffusionXLPipeline, base: BaseModel, data: Dataset, batch: int, rank: int
) -> tuple[Training, float]:  # fmt: skip
    """Ours, and the seconds it took to encode everything."""
    loaded = Loaded(base, {}, pipeline, PromptCache(pipeline), LatentPreview(pipeline.vae), {}, None)
    texts = [text_of(base.prompt, "", item.caption) for item in data.items]
    started = time.perf_counter()
    learnable = encode(pipeline, data, texts, words=True, turn=nullcontext, told=lambda *_: None)
    return Training(loaded, learnable, _spec(data.folder, base, batch, rank)), time.perf_counter() - started


def _cell(batch: int, times: dict[str, Times], peak: float, device: torch.device) -> Cell:
    """On a CPU that others use, too, what counts is the time that its cores worked for this process."""
    ours, plain = (times[name].cores if device.type == "cpu" else times[name].wall for name in ("ours", "plain"))
    return Cell(batch, estimate(ours), estimate(plain), ratio(plain, ours), peak)


def _tiny(folder: Path, batch: int, rounds: int) -> Cell:
    """The embedded model on the CPU."""
    base, data = embedded(), _pictures(folder, 32)
    training, _ = _training(load_pipeline(base, torch.float32), base, data, batch, _TINY_RANK)
    files = [(data.folder / item.file, item.caption) for item in data.items]
    plain = PlainScript(load_pipeline(base, torch.float32), files, 32, batch, _TINY_RANK)
    return _cell(batch, side_by_side({"ours": training.learn, "plain": plain.step}, rounds), 0.0, torch.device("cpu"))


def _counted(narrow: bool) -> list[Counted]:
    """What one picture multiplies in a step, on weights without memory."""
    base = stand_in(narrow=narrow)
    found = []
    for again in (False, True):
        pipeline = random_sdxl(torch.device("meta"), torch.bfloat16, narrow=narrow)
        with torch.device("meta"):
            put_on(pipeline, _spec(Path(), replace(base, id="sdxl"), 1, _RANK))
            unet = pipeline.unet
            if again:
                unet.enable_gradient_checkpointing()
            side, width = base.render_side // 8, unet.config.cross_attention_dim
            pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
            added = {"text_embeds": torch.empty(1, pooled, dtype=unet.dtype), "time_ids": torch.empty(1, 6, dtype=unet.dtype)}
            latents, words = (torch.empty(*shape, dtype=unet.dtype) for shape in ((1, 4, side, side), (1, 77, width)))
            with FlopCounterMode(display=False) as flops:
                unet(latents, torch.empty(()), words, added_cond_kwargs=added, return_dict=False)[
                    0
                ].float().square().mean().backward()
        found.append(Counted(again, int(flops.get_total_flops())))
    return found


def _full(folder: Path, device: torch.device, rounds: int, *, narrow: bool) -> FullSize:
    """SDXL's full size on random weights, or its narrow stand-in; each batch with models of its own."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    base = replace(stand_in(narrow=narrow), id="sdxl")
    data = _pictures(folder / "full", base.render_side)
    files = [(data.folder / item.file, item.caption) for item in data.items]
    cells, cache_s = [], 0.0
    for batch in (1, 4):
        training, cache_s = _training(random_sdxl(device, dtype, narrow=narrow), base, data, batch, _RANK)
        peak = _peak_of(training, device)
        plain = PlainScript(random_sdxl(device, dtype, narrow=narrow), files, base.render_side, batch, _RANK)
        cell = _cell(batch, side_by_side({"ours": training.learn, "plain": plain.step}, rounds), peak, device)
        cells.append(replace(cell, recomputes=training.checkpoints_gradients))
        del training, plain
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return FullSize(matmul_rate(device, dtype), cells, cache_s, _PICTURES)


def _peak_of(training: Training, device: torch.device) -> float:
    """Most bytes of tensors on the device while ours makes two steps, nothing else there."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    training.learn()
    training.learn()
    return float(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else 0.0


if __name__ == "__main__":
    main()

"""Put tiny-sdxl together from what `tiny_vae` and `tiny_unet` wrote: a StableDiffusionXLPipeline in fp16 safetensors.

python -m dgx_pixels.models.tiny_export --work work/ --out models/tiny_sdxl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline

from dgx_pixels.models.tiny_text import tokenizer_of
from dgx_pixels.models.tiny_training import read
from dgx_pixels.models.tiny_unet import Trainee, build_scheduler


def assemble(work: Path) -> tuple[StableDiffusionXLPipeline, int]:
    """The pipeline from the training folder, and how many steps its UNet was trained. Raises FileNotFoundError before that."""
    saved = read(work / "unet.pt")
    if saved is None:
        raise FileNotFoundError(f"There is no {work / 'unet.pt'}: train the UNet first, see tiny_unet.")
    merges = [tuple(m) for m in saved["merges"]]
    tokenizer = tokenizer_of(merges)
    parts = Trainee(len(tokenizer))
    parts.load_state_dict(saved["weights"])
    pipeline = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_pretrained(work / "vae", local_files_only=True),
        text_encoder=parts.text_1, text_encoder_2=parts.text_2,
        tokenizer=tokenizer, tokenizer_2=tokenizer_of(merges, pad_token="!"),
        unet=parts.unet, scheduler=build_scheduler(), force_zeros_for_empty_prompt=True, add_watermarker=False,
    )  # fmt: skip
    return pipeline, saved["step"]


def export(work: Path, out: Path) -> None:
    """Write the pipeline to `out`, weights in fp16."""
    pipeline, step = assemble(work)
    for part in (pipeline.vae, pipeline.unet, pipeline.text_encoder, pipeline.text_encoder_2):
        part.to(torch.float16)
    pipeline.save_pretrained(out, safe_serialization=True)
    config = out / "vae" / "config.json"
    kept = {k: v for k, v in json.loads(config.read_text()).items() if k != "_name_or_path"}  # where it was trained is nobody's
    config.write_text(json.dumps(kept, indent=2) + "\n")
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{out}: step {step}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    export(a.work, a.out)

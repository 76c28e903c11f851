"""What is said of a trained LoRA: the metadata in its files, and its card.

Nothing here tells time, host or path, so that equal trainings give equal files. The names: kohya's `ss_...`
(https://github.com/kohya-ss/sd-scripts) and ModelSpec's (https://github.com/Stability-AI/ModelSpec).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dgx_pixels.models.base_model import EMBEDDED, BaseModel
from dgx_pixels.models.training_dataset import Dataset
from dgx_pixels.models.training_spec import TrainingSpec


@dataclass(frozen=True)
class About:
    """All that decided a LoRA."""

    spec: TrainingSpec
    base: BaseModel
    weights_sha256: Mapping[str, str]
    """The base model's, by file."""
    dataset: Dataset
    velocity: bool
    """Whether the base model predicts velocity."""

    @property
    def base_sha256(self) -> str:
        """One digest for the base model: its file's, its UNet's, or where that is in parts, of their digests."""
        unet = [d for name, d in sorted(self.weights_sha256.items()) if name.startswith("unet/")]
        found = unet or sorted(self.weights_sha256.values())
        return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def metadata(about: About) -> dict[str, str]:
    """What stands in the header of the LoRA's files."""
    spec, side = about.spec, about.base.render_side
    tiny = about.base.id == EMBEDDED
    conv = {"conv_dim": str(spec.rank), "conv_alpha": str(spec.alpha)} if spec.layers == "all" else {}
    tags = Counter(item.caption for item in about.dataset.items)
    return {
        "ss_network_module": "networks.lora", "ss_network_dim": str(spec.rank), "ss_network_alpha": str(spec.alpha),
        "ss_network_args": json.dumps(conv), "ss_network_dropout": str(spec.dropout), "ss_output_name": spec.name,
        "ss_base_model_version": about.base.id if tiny else "sdxl_base_v1-0", "ss_v2": "False",
        "ss_sd_model_name": about.base.id, "ss_new_sd_model_hash": about.base_sha256,
        "ss_learning_rate": str(spec.learning_rate), "ss_unet_lr": str(spec.learning_rate),
        "ss_text_encoder_lr": str(spec.learning_rate if spec.text_encoders else None), "ss_optimizer": spec.optimizer,
        "ss_lr_scheduler": "cosine", "ss_lr_warmup_steps": str(spec.warmup), "ss_max_train_steps": str(spec.steps),
        "ss_steps": str(spec.steps), "ss_total_batch_size": str(spec.batch_size),
        "ss_gradient_accumulation_steps": str(spec.accumulation), "ss_min_snr_gamma": str(spec.min_snr),
        "ss_noise_offset": str(spec.noise_offset or None), "ss_caption_dropout_rate": str(spec.caption_dropout),
        "ss_seed": str(spec.seed), "ss_num_train_images": str(len(about.dataset.items)), "ss_resolution": f"({side}, {side})",
        "ss_tag_frequency": json.dumps({about.dataset.folder.name: dict(sorted(tags.items()))}),
        "modelspec.sai_model_spec": "1.0.0", "modelspec.title": spec.name,
        "modelspec.architecture": f"{EMBEDDED if tiny else 'stable-diffusion-xl-v1-base'}/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.resolution": f"{side}x{side}", "modelspec.prediction_type": "v" if about.velocity else "epsilon",
        "modelspec.trigger_phrase": spec.trigger, "modelspec.license": spec.licence_note or "unknown",
        "dgx_pixels.base": about.base.id, "dgx_pixels.base_sha256": json.dumps(dict(sorted(about.weights_sha256.items()))),
        "dgx_pixels.dataset_sha256": about.dataset.sha256,
        "dgx_pixels.settings": spec.model_dump_json(include=set(_SETTINGS)),
    }  # fmt: skip


_SETTINGS = (
    "rank", "alpha", "dropout", "layers", "learning_rate", "optimizer", "warmup", "steps", "batch_size",
    "accumulation", "min_snr", "noise_offset", "caption_dropout", "ema", "text_encoders", "seed",
)  # fmt: skip


def card(about: About, loss: float, samples: Sequence[tuple[str, int, str]]) -> str:
    """The model card, Markdown with the YAML head that Hugging Face reads; `samples` are prompts, seeds and files beside it."""
    spec = about.spec
    trigger = f"Put `{spec.trigger}` into the prompt." if spec.trigger else "It needs no trigger word."
    shown = "\n".join(f"| ![{_plain(prompt)}]({file}) | {_plain(prompt)} | {seed} |" for prompt, seed, file in samples)
    settings = "\n".join(f"| {name} | {getattr(spec, name)} |" for name in _SETTINGS)
    parts = [
        "---", f"base_model: {json.dumps(about.base.id)}", "license: other",
        f"license_name: {json.dumps(spec.licence_note or 'unknown')}", f"instance_prompt: {json.dumps(spec.trigger)}",
        "tags: [text-to-image, diffusers, lora, stable-diffusion-xl, pixel-art]", "---", "",
        f"# {spec.name}", "",
        f"A LoRA for {about.base.id}, learnt from {len(about.dataset.items)} sprites. {trigger}", "",
        f"`{spec.name}.safetensors` is for DGX-Pixels, ComfyUI, A1111 and kohya's scripts, `{spec.name}_diffusers.safetensors` "
        "for diffusers' `load_lora_weights`; both draw the same.", "",
        *(["## Samples", "", "| | prompt | seed |", "|---|---|---|", shown, ""] if samples else []),
        "## Training", "", f"Final loss {loss:.4f}.", "", "![loss](loss.png)", "",
        "| setting | value |", "|---|---|", settings, "",
        "## Origin", "", f"- Dataset: SHA-256 `{about.dataset.sha256}`, licence: {spec.licence_note or 'not said'}",
        f"- Base model: {about.base.id}, licence {about.base.licence}, SHA-256 `{about.base_sha256}`", "",
    ]  # fmt: skip
    return "\n".join(parts)


def _plain(text: str) -> str:
    """A prompt in a table's cell."""
    return " ".join(text.replace("|", "/").replace("[", "(").replace("]", ")").split())

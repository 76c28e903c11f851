"""An SDXL pipeline as one checkpoint file in the original layout, as model sites and ComfyUI have it.

    python -m dgx_pixels.models.single_file --model models/tiny_sdxl --out tiny-sdxl.safetensors

diffusers reads such a file, but does not write one. The names are those of Stability AI's `generative-models`: the UNet's blocks
counted through, the VAE's from the outside in, the second text encoder in OpenCLIP's names with q, k and v in one matrix.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import save_file
from torch import Tensor

State = dict[str, Tensor]

_UNET_PLAIN = (
    ("time_embedding.linear_1.", "time_embed.0."), ("time_embedding.linear_2.", "time_embed.2."),
    ("add_embedding.linear_1.", "label_emb.0.0."), ("add_embedding.linear_2.", "label_emb.0.2."),
    ("conv_in.", "input_blocks.0.0."), ("conv_norm_out.", "out.0."), ("conv_out.", "out.2."),
)  # fmt: skip
_UNET_RESNET = (
    ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("time_emb_proj.", "emb_layers.1."), ("norm2.", "out_layers.0."),
    ("conv2.", "out_layers.3."), ("conv_shortcut.", "skip_connection."),
)  # fmt: skip
_OPEN_CLIP = (
    ("encoder.layers.", "transformer.resblocks."), ("layer_norm1.", "ln_1."), ("layer_norm2.", "ln_2."),
    ("mlp.fc1.", "mlp.c_fc."), ("mlp.fc2.", "mlp.c_proj."), ("self_attn.out_proj.", "attn.out_proj."),
    ("embeddings.token_embedding.", "token_embedding."), ("final_layer_norm.", "ln_final."),
)  # fmt: skip


def single_file_state(pipeline: StableDiffusionXLPipeline) -> State:
    """All weights of the pipeline under the original layout's names. Raises ValueError if its blocks differ in length."""
    unet, vae = pipeline.unet, pipeline.vae
    per_block = unet.config.layers_per_block
    if not isinstance(per_block, int):
        raise ValueError(  # noqa: TRY004  # no wrong type of argument: the model is of another make
            "The original layout has as many layers in every block of the UNet: this UNet has not."
        )
    state = {f"model.diffusion_model.{unet_name(k, per_block)}": v for k, v in unet.state_dict().items()}
    state |= {f"first_stage_model.{_vae_name(k, len(vae.config.block_out_channels))}": v for k, v in vae.state_dict().items()}
    first = {k.removeprefix("text_model."): v for k, v in pipeline.text_encoder.state_dict().items()}
    state |= {f"conditioner.embedders.0.transformer.text_model.{k}": v for k, v in first.items()}
    return state | {f"conditioner.embedders.1.model.{k}": v for k, v in _open_clip(pipeline.text_encoder_2.state_dict()).items()}


def _replaced(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    for ours, theirs in pairs:
        name = name.replace(ours, theirs)
    return name


def unet_name(name: str, per_block: int) -> str:
    """The original name of one of the UNet's weights, whose blocks have `per_block` layers each."""
    match = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name)
    if match is None:
        mid = re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", name)
        if mid is None:
            return _replaced(name, _UNET_PLAIN)
        place = int(mid[2]) * 2 if mid[1] == "resnets" else 1
        return f"middle_block.{place}.{_replaced(mid[3], _UNET_RESNET) if mid[1] == 'resnets' else mid[3]}"
    way, block, part, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    if way == "down":
        place = 1 + block * (per_block + 1) + (per_block if part == "downsamplers" else layer)
        head = f"input_blocks.{place}"
    else:
        place = block * (per_block + 1) + (per_block if part == "upsamplers" else layer)
        head = f"output_blocks.{place}"
    if part == "downsamplers":
        return f"{head}.0.op.{rest.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"{head}.2.{rest}"  # after resnet and attention: in SDXL only blocks with both are followed by a larger one
    return f"{head}.1.{rest}" if part == "attentions" else f"{head}.0.{_replaced(rest, _UNET_RESNET)}"


def _vae_name(name: str, levels: int) -> str:
    def level(match: re.Match[str]) -> str:
        number = int(match[2]) if match[1] == "down" else levels - 1 - int(match[2])
        part = {"resnets": "block.", "downsamplers": "downsample", "upsamplers": "upsample"}[match[3]]
        return f"{match[1]}.{number}.{part}{match[4] if match[3] == 'resnets' else ''}"

    name = re.sub(r"(down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)", level, name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    attention = "mid_block.attentions.0."
    if attention in name:
        pairs = (("group_norm.", "norm."), ("to_q.", "q."), ("to_k.", "k."), ("to_v.", "v."), ("to_out.0.", "proj_out."))
        return _replaced(name.replace(attention, "mid.attn_1."), pairs)
    return _replaced(name, (("conv_norm_out.", "norm_out."), ("conv_shortcut.", "nin_shortcut.")))


def _open_clip(state: State) -> State:
    found: State = {}
    for name, value in state.items():
        short = name.removeprefix("text_model.")
        if short == "text_projection.weight":
            found["text_projection"] = value.T
        elif short == "embeddings.position_embedding.weight":
            found["positional_embedding"] = value
        elif ".self_attn.q_proj." in short:
            parts = [state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            found[_replaced(short, _OPEN_CLIP).replace("self_attn.q_proj.", "attn.in_proj_")] = torch.cat(parts)
        elif ".self_attn.k_proj." not in short and ".self_attn.v_proj." not in short:
            found[_replaced(short, _OPEN_CLIP)] = value
    return found


def write_single_file(pipeline: StableDiffusionXLPipeline, out: Path) -> None:
    """Write the pipeline's weights to one `.safetensors` file, in the type they have."""
    save_file({name: value.contiguous() for name, value in single_file_state(pipeline).items()}, out)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, required=True, help="a diffusers folder")
    p.add_argument("--out", type=Path, required=True, help="the file to write")
    a = p.parse_args()
    write_single_file(StableDiffusionXLPipeline.from_pretrained(a.model, dtype=torch.float16, local_files_only=True), a.out)

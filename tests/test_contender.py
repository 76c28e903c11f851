"""Contenders: base models with LoRAs, as people write them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from narrow_sdxl import write_lora

from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.lora_file import LoraLayer

TEXT = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """A catalogue with a second base model, LoRAs for the embedded one, one for SDXL, and a broken one."""
    folder = tmp_path / "home/models"
    shutil.copytree(embedded().folder, folder / "checkpoints/other-2.1")
    tiny, wide = LoraLayer(torch.ones(2, 288), torch.ones(256, 2), 1.0), LoraLayer(torch.ones(2, 2048), torch.ones(8, 2), 1.0)
    for name in ("my style", "glow-1.5", "outline_v2"):
        write_lora(folder / f"loras/{name}.safetensors", {TEXT: tiny})
    write_lora(folder / "loras/big.safetensors", {TEXT: wide})
    (folder / "loras/glow-1.5.json").write_text(json.dumps({"preferred weight": 0.7, "activation text": "glowing, neon"}))
    (folder / "loras/broken.safetensors").write_bytes(b"nothing")
    return Catalogue(folder)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (None, "tiny-sdxl"),
        ("tiny-sdxl", "tiny-sdxl"),
        ("other-2.1+glow-1.5", "other-2.1+glow-1.5:0.7"),
        ("tiny-sdxl+glow-1.5:1+my-style:-0.25", "tiny-sdxl+glow-1.5:1.0+my-style:-0.25"),
        (" tiny-sdxl + my-style : 2 ", "tiny-sdxl+my-style:2.0"),
        ("tiny-sdxl+outline_v2:1e-1", "tiny-sdxl+outline_v2:0.1"),
    ],
)
def test_a_contender_is_written_as_it_is_read(catalogue: Catalogue, text: str | None, written: str) -> None:
    """A left-out weight is the recommended one; written out, it reads as the same contender, and works as a key."""
    contender = parse_contender(catalogue, text)

    assert str(contender) == written
    assert parse_contender(catalogue, written) == contender
    assert {contender: 1}[parse_contender(catalogue, written)] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tiny-sdlx", "There is no model 'tiny-sdlx': did you mean tiny-sdxl?"),
        ("tiny-sdxl+glow", "There is no LoRA 'glow': did you mean glow-1.5?"),
        ("tiny-sdxl+qqqq", "use one of big, broken, glow-1.5, my-style, outline_v2"),
        ("sdxl", "run `dgx-pixels models pull sdxl`"),
        ("tiny-sdxl+pixel-art-xl:1.2", "run `dgx-pixels models pull sdxl`"),
        ("+my-style:1", "write it first, as in tiny-sdxl+my-style:1"),
        ("my-style:0.5", "my-style is a LoRA: write a base model before it, as in tiny-sdxl+my-style:0.5"),
        ("tiny-sdxl+", "empty part"),
        ("tiny-sdxl++my-style", "empty part"),
        ("", "There is no model ''"),
        ("tiny-sdxl+my-style:3", "cannot be '3': use a number from -2 to 2"),
        ("tiny-sdxl+my-style:nan", "cannot be 'nan'"),
        ("tiny-sdxl+my-style:", "cannot be ''"),
        ("tiny-sdxl+my-style:0.5:0.5", "cannot be '0.5:0.5'"),
        ("tiny-sdxl+my-style+my-style:1", "twice"),
        ("tiny-sdxl+big", "big does not fit tiny-sdxl: it was made for models whose text is 2048 wide"),
        ("tiny-sdxl+broken", "broken.safetensors has damaged weights"),
    ],
)
def test_what_cannot_be_a_contender_says_why(catalogue: Catalogue, text: str, says: str) -> None:
    """The part that is wrong is named, with what exists or how to write it."""
    with pytest.raises(ModelError, match=re.escape(says)):
        parse_contender(catalogue, text)

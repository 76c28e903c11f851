"""Profiles: what each of the three words means, and what replaces it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from narrow_sdxl import write_lora

from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.models.contender import Contender, for_profile, parse_contender
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.profiles import Schedule, schedule_for

TINY = Contender(embedded())


def full_size(home: Path, *loras: str) -> Catalogue:
    """A catalogue with a model called sdxl, and LoRAs of these names that fit it."""
    shutil.copytree(embedded().folder, home / "models/checkpoints/sdxl")
    layer = LoraLayer(torch.ones(2, 288), torch.ones(256, 2), 1.0)
    for name in loras:
        write_lora(
            home / f"models/loras/{name}.safetensors", {"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": layer}
        )
    if "pixel-art-xl" in loras:
        (home / "models/loras/pixel-art-xl.json").write_text(json.dumps({"preferred weight": 1.2}))
    return Catalogue(home / "models")


@pytest.mark.parametrize(("profile", "steps"), [("draft", 6), ("standard", 10), ("best", 20)])
def test_a_better_profile_takes_more_steps(profile: str, steps: int) -> None:
    """Draft, standard, best."""
    assert schedule_for(TINY, profile).steps == steps  # type: ignore[arg-type]  # each is one of the three words


def test_steps_and_guidance_replace_the_profiles_own() -> None:
    """What is asked for in numbers wins; the rest stays."""
    assert schedule_for(TINY, "draft", 12, 5.0) == Schedule("dpmpp_2m", 12, 5.0)
    assert schedule_for(TINY, "best", guidance=2.0) == Schedule("dpmpp_2m", 20, 2.0)


@pytest.mark.parametrize(("guidance", "guided", "steps"), [(1.0, 1.0, 0), (6.0, 1.0, 20), (6.0, 0.6, 12), (6.0, 0.01, 1)])
def test_guided_steps(guidance: float, guided: float, steps: int) -> None:
    """A share of the steps, at least one, and none without guidance."""
    assert Schedule("euler", 20, guidance, guided).guided_steps == steps


def test_the_production_model_comes_with_its_loras(tmp_path: Path) -> None:
    """Unasked, sdxl draws with pixel-art-xl, a draft in the LCM LoRA's few steps; who names the base alone gets it alone."""
    catalogue = full_size(tmp_path, "pixel-art-xl", "lcm")
    unasked = parse_contender(catalogue, None)
    draft = for_profile(catalogue, unasked, "draft")

    assert str(unasked) == "sdxl+pixel-art-xl:1.2"
    assert str(draft) == "sdxl+pixel-art-xl:1.2+lcm:1.0"
    assert schedule_for(draft, "draft") == Schedule("lcm", 8, 1.5)
    assert str(parse_contender(catalogue, "sdxl")) == "sdxl"


def test_a_draft_without_its_lora_takes_ten_well_chosen_steps(tmp_path: Path) -> None:
    """Nothing has to be there but the base model."""
    catalogue = full_size(tmp_path)
    draft = for_profile(catalogue, parse_contender(catalogue, None), "draft")

    assert str(draft) == "sdxl"
    assert schedule_for(draft, "draft").sampler == "ays"
    assert schedule_for(draft, "draft", steps=12).sampler == "dpmpp_2m"

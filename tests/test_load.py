"""Loading base models: every layout gives the same pipeline, offline, and what cannot be loaded says why."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from narrow_sdxl import narrow_pipeline
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.catalogue import BaseModel, Catalogue, ModelError
from dgx_pixels.models.checkpoint_check import PREFIXES
from dgx_pixels.models.load import SDXL_CONFIG, _tokenizers, load_pipeline, load_vae
from dgx_pixels.models.single_file import single_file_state

UNET = PREFIXES["unet"]


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionXLPipeline:
    """Return a random pipeline of SDXL's topology."""
    return narrow_pipeline()


@pytest.fixture(scope="module")
def catalogue(pipeline: StableDiffusionXLPipeline, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The same pipeline in every layout."""
    models = tmp_path_factory.mktemp("home") / "models"
    checkpoints = models / "checkpoints"
    pipeline.save_pretrained(checkpoints / "folder")
    pipeline.save_pretrained(checkpoints / "fp16", variant="fp16")
    state = {k: v.contiguous() for k, v in single_file_state(pipeline).items()}
    state |= {  # what real files hold besides weights
        "conditioner.embedders.0.transformer.text_model.embeddings.position_ids": torch.arange(32)[None],
        "conditioner.embedders.1.model.logit_scale": torch.tensor(4.6), "denoiser.sigmas": torch.ones(1000),
    }  # fmt: skip
    unet = {k: v for k, v in state.items() if k.startswith(UNET)}
    save_file(state, checkpoints / "single.safetensors")
    save_file(state | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, checkpoints / "velocity.safetensors")
    save_file(unet, checkpoints / "unet.safetensors")
    save_file({k.removeprefix(UNET): v for k, v in unet.items()}, checkpoints / "bare.safetensors")
    save_file({k: v.contiguous() for k, v in pipeline.unet.state_dict().items()}, checkpoints / "diffusers-unet.safetensors")
    (models / "vae").mkdir()
    vae = {k.removeprefix(PREFIXES["vae"]): v for k, v in state.items() if k.startswith(PREFIXES["vae"])}
    save_file(vae, models / "vae/original.safetensors")
    save_file({k: v.contiguous() for k, v in pipeline.vae.state_dict().items()}, models / "vae/diffusers.safetensors")
    return Catalogue(models)


def config(catalogue: Catalogue) -> Path:
    """The configurations of the narrow model."""
    return catalogue.folder / "checkpoints/folder"


def draw(pipeline: StableDiffusionXLPipeline) -> NDArray[np.float32]:
    """One picture."""
    pictures: NDArray[np.float32] = pipeline(
        "a potion", num_inference_steps=2, width=64, height=64, output_type="np", generator=torch.Generator().manual_seed(1)
    ).images
    return pictures


@pytest.mark.parametrize("model_id", ["folder", "fp16", "single"])
def test_whole_models_draw_the_same_in_every_layout(
    catalogue: Catalogue, pipeline: StableDiffusionXLPipeline, model_id: str
) -> None:
    """As folder, as fp16 variant, as single file."""
    loaded = load_pipeline(catalogue.get(model_id), torch.float32, config=config(catalogue))

    assert np.allclose(draw(loaded), draw(pipeline), atol=1e-5)
    assert not loaded.vae.config.force_upcast


@pytest.mark.parametrize("model_id", ["unet", "bare", "diffusers-unet"])
def test_a_unet_alone_borrows_the_other_parts(catalogue: Catalogue, pipeline: StableDiffusionXLPipeline, model_id: str) -> None:
    """It draws as the whole does, and the parts are the lender's own, not copies."""
    shared = {part: getattr(pipeline, part) for part in ("text_encoder", "text_encoder_2", "vae")}
    loaded = load_pipeline(catalogue.get(model_id), torch.float32, shared=shared, config=config(catalogue))

    assert np.allclose(draw(loaded), draw(pipeline), atol=1e-5)
    assert all(getattr(loaded, part) is module for part, module in shared.items())
    with pytest.raises(ModelError, match=r"holds only its unet: .* run `dgx-pixels models pull sdxl`"):
        load_pipeline(catalogue.get(model_id), torch.float32, config=config(catalogue))


def test_two_models_share_parts(catalogue: Catalogue, pipeline: StableDiffusionXLPipeline) -> None:
    """Of a folder, too, the shared parts are not loaded a second time."""
    loaded = load_pipeline(
        catalogue.get("folder"), torch.float32, torch.device("cpu"), {"text_encoder_2": pipeline.text_encoder_2}
    )
    assert loaded.text_encoder_2 is pipeline.text_encoder_2
    assert loaded.text_encoder is not pipeline.text_encoder


def test_velocity_and_zero_terminal_snr_reach_the_scheduler(catalogue: Catalogue, pipeline: StableDiffusionXLPipeline) -> None:
    """What the header says decides how the checkpoint is sampled."""
    shared = {part: getattr(pipeline, part) for part in ("text_encoder", "text_encoder_2", "vae")}
    velocity, usual = (
        load_pipeline(catalogue.get(m), torch.float32, shared=shared, config=config(catalogue)) for m in ("velocity", "single")
    )

    assert velocity.scheduler.config.prediction_type == "v_prediction"
    assert velocity.scheduler.config.rescale_betas_zero_snr
    assert usual.scheduler.config.prediction_type == "epsilon"
    assert not usual.scheduler.config.rescale_betas_zero_snr


def test_vaes_load_in_both_layouts(catalogue: Catalogue, pipeline: StableDiffusionXLPipeline) -> None:
    """Bit for bit."""
    for vae in catalogue.vaes():
        loaded = load_vae(vae, torch.float32, config(catalogue)).state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in pipeline.vae.state_dict().items())


def test_the_safe_vae_stands_in_for_the_production_models_own(catalogue: Catalogue) -> None:
    """Where it lies beside sdxl, sdxl draws with it, asked for or not; other models keep theirs."""
    shutil.copytree(embedded().folder, catalogue.folder / "checkpoints/sdxl")
    assert catalogue.get("sdxl").vae is None
    vae = catalogue.vaes()[0].file
    vae.rename(vae.with_name("sdxl-vae-fp16-fix.safetensors"))

    for name in ("sdxl", None):
        found = catalogue.get(name).vae
        assert found is not None
        assert found.id == "sdxl-vae-fp16-fix"
    assert catalogue.get("single").vae is None


def test_what_cannot_be_loaded_says_why(catalogue: Catalogue, tmp_path: Path) -> None:
    """A refused model its reason, a damaged one its file, one that fits no configuration that it could not be loaded."""
    with pytest.raises(ModelError, match="the reason"):
        load_pipeline(replace(catalogue.get("single"), problem="the reason"), torch.float32)
    with pytest.raises(ModelError, match=r"The model single could not be loaded from .*single\.safetensors"):
        load_pipeline(catalogue.get("single"), torch.float32)  # SDXL's own configuration is wider
    shutil.copytree(catalogue.folder / "checkpoints/folder", tmp_path / "f")
    weights = tmp_path / "f/unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"The model folder is not whole: .*damaged"):
        load_pipeline(replace(catalogue.get("folder"), folder=tmp_path / "f"), torch.float32)


def test_the_embedded_model_loads(pipeline: StableDiffusionXLPipeline) -> None:
    """Its own sampler stays."""
    model: BaseModel = embedded()
    loaded = load_pipeline(model, torch.float32)
    assert type(loaded.scheduler).__name__ == "DDIMScheduler"


def test_the_shipped_configurations_are_sdxls() -> None:
    """The parts have SDXL base 1.0's published numbers of parameters, and files have the names of its 2,515 tensors."""
    said = {
        part: json.loads((SDXL_CONFIG / part / "config.json").read_text())
        for part in ("unet", "vae", "text_encoder", "text_encoder_2")
    }
    with torch.device("meta"):
        whole = StableDiffusionXLPipeline(
            unet=UNet2DConditionModel.from_config(said["unet"]), vae=AutoencoderKL.from_config(said["vae"]),
            text_encoder=CLIPTextModel(CLIPTextConfig(**said["text_encoder"])),
            text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(**said["text_encoder_2"])),
            tokenizer=None, tokenizer_2=None, scheduler=None, add_watermarker=False,
        )  # fmt: skip
    count = {part: sum(p.numel() for p in getattr(whole, part).parameters()) for part in said}

    assert count == {"unet": 2_567_463_684, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840}
    shapes = {name: tuple(value.shape) for name, value in single_file_state(whole).items()}
    assert shapes["model.diffusion_model.input_blocks.8.1.transformer_blocks.9.attn2.to_k.weight"] == (1280, 2048)
    assert shapes["conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_weight"] == (3840, 1280)
    assert len([name for name in shapes if name.startswith(UNET)]) == 1680
    assert len([name for name in shapes if name.startswith(PREFIXES["vae"])]) == 248


def test_the_shipped_tokenizers_are_clips() -> None:
    """Known sentences have the ids that CLIP gives them; the second tokenizer pads with 0."""
    both = _tokenizers(SDXL_CONFIG)
    first, second = both["tokenizer"], both["tokenizer_2"]

    assert first("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert first("cat", padding="max_length").input_ids == [49406, 2368] + [49407] * 75
    assert second("cat", padding="max_length").input_ids == [49406, 2368, 49407] + [0] * 74
    assert len(first) == 49408

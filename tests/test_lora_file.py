"""LoRA files: every naming reads alike, and what is no usable LoRA says what it is."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import narrow_sdxl as narrow
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from narrow_sdxl import narrow_pipeline, random_layers, write_lora
from safetensors.torch import save_file
from torch import Tensor

from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.header import read_header
from dgx_pixels.models.lora_check import describe
from dgx_pixels.models.lora_file import LoraError, LoraLayer, read_lora

LAYER = "lora_unet_mid_block_attentions_0_proj_in"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionXLPipeline:
    """Return a random pipeline of SDXL's topology."""
    return narrow_pipeline()


@pytest.fixture(scope="module")
def layers(pipeline: StableDiffusionXLPipeline) -> dict[str, LoraLayer]:
    """Layers on all of it."""
    return random_layers(pipeline)


def assert_same(read: Mapping[str, LoraLayer], written: Mapping[str, LoraLayer]) -> None:
    """The layers are the same, bit for bit."""
    assert read.keys() == written.keys()
    for path, layer in written.items():
        assert torch.equal(read[path].down, layer.down)
        assert torch.equal(read[path].up, layer.up)
        assert read[path].scale == layer.scale


@pytest.mark.parametrize(
    ("name", "ends", "naming"),
    [
        (narrow.kohya_name, ("lora_down.weight", "lora_up.weight"), "kohya+locon"),
        (narrow.sgm_name, ("lora_down.weight", "lora_up.weight"), "kohya-sgm+locon"),
        (narrow.comfyui_name, ("lora_down.weight", "lora_up.weight"), "comfyui+locon"),
        (narrow.diffusers_name, ("lora_A.weight", "lora_B.weight"), "diffusers+locon"),
        (narrow.diffusers_name, ("lora_A.default.weight", "lora_B.default.weight"), "diffusers+locon"),
        (narrow.diffusers_name, ("lora.down.weight", "lora.up.weight"), "diffusers+locon"),
        (narrow.diffusers_name, ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight"), "diffusers+locon"),
    ],
)
def test_every_naming_gives_the_same_layers(
    tmp_path: Path,
    pipeline: StableDiffusionXLPipeline,
    layers: dict[str, LoraLayer],
    name: object,
    ends: tuple[str, str],
    naming: str,
) -> None:
    """One set of layers, written under each convention's names, reads as itself; the header says which it was."""
    file = write_lora(tmp_path / "style.safetensors", layers, name, ends)  # type: ignore[arg-type]  # a function of the parameters

    assert_same(read_lora(file, pipeline.unet.config), layers)
    about = describe(file, read_header(file))
    assert (about.naming, about.rank, about.text_width) == (naming, 4, narrow.TEXT_WIDTH)


def test_every_layer_is_a_module_of_the_pipeline(pipeline: StableDiffusionXLPipeline, layers: dict[str, LoraLayer]) -> None:
    """The paths are those that `named_modules` gives, so the fixture's names are the pipeline's own, all three parts."""
    modules = {
        f"{part}.{p}" for part in ("unet", "text_encoder", "text_encoder_2") for p, _ in getattr(pipeline, part).named_modules()
    }
    assert layers.keys() <= modules
    assert len(layers) > 1000


def test_diffusers_own_file_reads_as_diffusers_reads_it(tmp_path: Path, pipeline: StableDiffusionXLPipeline) -> None:
    """What diffusers saves, with its alpha in the metadata, gives the scale that peft trained with; rsLoRA too."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = narrow_pipeline().unet
    config = LoraConfig(
        r=4, lora_alpha=2, init_lora_weights="gaussian", target_modules=["to_q", "to_out.0"], alpha_pattern={"to_out.0": 6}
    )  # fmt: skip
    unet.add_adapter(config)
    state = get_peft_model_state_dict(unet)
    for rslora, scale, patterned in ((False, 0.5, 1.5), (True, 1.0, 3.0)):
        settings = unet.peft_config["default"].to_dict() | {"use_rslora": rslora}
        StableDiffusionXLPipeline.save_lora_weights(tmp_path, unet_lora_layers=state, unet_lora_adapter_metadata=settings)
        read = read_lora(tmp_path / "pytorch_lora_weights.safetensors", pipeline.unet.config)

        assert {layer.scale for path, layer in read.items() if path.endswith("to_q")} == {scale}
        assert {layer.scale for path, layer in read.items() if path.endswith("to_out.0")} == {patterned}
        key = "mid_block.attentions.0.transformer_blocks.3.attn1.to_q"
        assert torch.equal(read[f"unet.{key}"].down, state[f"{key}.lora_A.weight"])


def test_diffusers_first_attention_processors_are_read(tmp_path: Path, pipeline: StableDiffusionXLPipeline) -> None:
    """LoRAs of diffusers' first months name the processor of an attention."""
    at = "unet.mid_block.attentions.0.transformer_blocks.0.attn1"
    save_file(
        {
            f"{at}.processor.to_{end}_lora.{half}.weight": torch.ones(2, 16) if half == "down" else torch.ones(16, 2)
            for end in ("q", "out") for half in ("down", "up")
        }, tmp_path / "old.safetensors",
    )  # fmt: skip

    assert read_lora(tmp_path / "old.safetensors", pipeline.unet.config).keys() == {f"{at}.to_q", f"{at}.to_out.0"}


def test_without_alpha_the_scale_is_one_and_1x1_kernels_are_matrices(tmp_path: Path, pipeline: StableDiffusionXLPipeline) -> None:
    """Converters write a matrix as a 1x1 convolution; the module decides which it is."""
    down, up = torch.randn(4, 16, 1, 1), torch.randn(16, 4, 1, 1)
    save_file({f"{LAYER}.lora_down.weight": down, f"{LAYER}.lora_up.weight": up}, tmp_path / "s.safetensors")
    layer = read_lora(tmp_path / "s.safetensors", pipeline.unet.config)["unet.mid_block.attentions.0.proj_in"]

    assert layer.scale == 1.0
    assert torch.equal(layer.down, down[:, :, 0, 0])
    assert torch.equal(layer.up, up[:, :, 0, 0])


def pair(down: tuple[int, ...] = (4, 16), up: tuple[int, ...] = (16, 4), layer: str = LAYER) -> dict[str, Tensor]:
    """The two halves of one layer."""
    return {f"{layer}.lora_down.weight": torch.ones(down), f"{layer}.lora_up.weight": torch.ones(up)}


TEXT = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
REFUSED: dict[str, tuple[dict[str, Tensor], str]] = {
    "loha": ({f"{LAYER}.hada_w1_a": torch.ones(4, 16)}, "is a LoHa"),
    "lokr": ({f"{LAYER}.lokr_w1": torch.ones(4, 4)}, "is a LoKr"),
    "dora": (pair() | {f"{LAYER}.dora_scale": torch.ones(16, 1)}, "is a DoRA"),
    "dora-peft": ({"unet.x.lora_A.weight": torch.ones(4, 4), "unet.x.lora_magnitude_vector": torch.ones(4)}, "is a DoRA"),
    "tucker": (pair() | {f"{LAYER}.lora_mid.weight": torch.ones(4, 4, 3, 3)}, "Tucker"),
    "oft": ({f"{LAYER}.oft_blocks": torch.ones(4, 4)}, "is an OFT"),
    "diff": ({f"{LAYER}.diff": torch.ones(4, 4)}, "full difference"),
    "embedding": ({"clip_g": torch.ones(4, 4), "clip_l": torch.ones(4, 4)}, "textual inversion"),
    "checkpoint": ({"model.diffusion_model.out.0.weight": torch.ones(4)}, "is a checkpoint"),
    "vae": ({"decoder.conv_in.weight": torch.ones(4)}, "is a VAE"),
    "sd15": (pair((4, 768), (16, 4), TEXT), "Stable Diffusion 1.5"),
    "sd15-te": (pair(layer="lora_te_text_model_encoder_layers_0_mlp_fc1"), "Stable Diffusion 1.5 or 2"),
    "sd2": (pair((4, 1024), (16, 4), TEXT), "Stable Diffusion 2"),
    "flux": (pair(layer="lora_unet_double_blocks_0_img_attn_qkv"), "for Flux"),
    "sd3": (pair(layer="transformer.transformer_blocks.0.attn.to_q"), "another transformer model"),
    "unknown": ({"banana": torch.ones(1)}, "'banana'"),
    "other-model": (pair(layer="lora_unet_down_blocks_0_attentions_0_proj_in"), "has no 'lora_unet_down_blocks_0_attentions_0_p"),
    "wider": (pair((4, 32)), "made for another model: its unet.mid_block.attentions.0.proj_in is 16x32, here it is 16x16"),
    "half": ({f"{LAYER}.lora_down.weight": torch.ones(4, 16)}, "lacks the up half"),
    "ranks": (pair((4, 16), (16, 8)), "do not fit each other"),
    "alpha": (pair() | {f"{LAYER}.alpha": torch.ones(3)}, "alpha"),
    "nan": (pair() | {f"{LAYER}.alpha": torch.tensor(float("nan"))}, "no finite numbers"),
    "integers": ({k: v.to(torch.int8) for k, v in pair().items()}, "type I8"),
    "twice": (pair() | pair(layer="lora_unet_middle_block_1_proj_in"), "two layers"),
    "empty": ({}, "no LoRA"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_used_says_what_it_is(tmp_path: Path, pipeline: StableDiffusionXLPipeline, kind: str) -> None:
    """One sentence or two: the file, its kind or fault, and what is allowed or to be done."""
    tensors, says = REFUSED[kind]
    file = tmp_path / "it.safetensors"
    save_file(tensors, file)

    with pytest.raises(LoraError) as refused:
        read_lora(file, pipeline.unet.config)
    text = str(refused.value)
    assert says in text
    assert "it.safetensors" in text
    assert any(hint in text for hint in ("Allowed are", "allowed are", "Fetch it again", "Use it with"))


def test_a_finite_file_with_one_infinite_weight_is_damaged(tmp_path: Path, pipeline: StableDiffusionXLPipeline) -> None:
    """A value that would make every picture black is found before it is merged."""
    tensors = pair()
    tensors[f"{LAYER}.lora_up.weight"][3, 1] = float("inf")
    save_file(tensors, tmp_path / "it.safetensors")

    with pytest.raises(LoraError, match="no finite numbers"):
        read_lora(tmp_path / "it.safetensors", pipeline.unet.config)


@pytest.mark.parametrize("name", ["it.safetensors", "it.pt", "it.ckpt"])
def test_pickles_are_refused_unopened(tmp_path: Path, pipeline: StableDiffusionXLPipeline, name: str) -> None:
    """A pickle is known by its first bytes, whatever it is called, and none of its code runs."""
    trap = tmp_path / "trap"
    (tmp_path / name).write_bytes(pickle.dumps(_Trap(trap)))

    with pytest.raises(LoraError, match="is a pickle"):
        read_lora(tmp_path / name, pipeline.unet.config)
    torch.save({"a": torch.ones(1)}, tmp_path / name)
    with pytest.raises(LoraError, match="is a pickle"):
        read_lora(tmp_path / name, pipeline.unet.config)
    assert not trap.exists()


class _Trap:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.file), "w")


@pytest.mark.parametrize("keep", [0, 7, 200, -1])
def test_a_file_that_is_cut_short_is_damaged(tmp_path: Path, pipeline: StableDiffusionXLPipeline, keep: int) -> None:
    """Wherever it ends."""
    save_file(pair(), tmp_path / "it.safetensors")
    (tmp_path / "it.safetensors").write_bytes((tmp_path / "it.safetensors").read_bytes()[:keep])

    with pytest.raises(LoraError, match="damaged"):
        read_lora(tmp_path / "it.safetensors", pipeline.unet.config)


def test_overlapping_or_lying_headers_are_damaged(tmp_path: Path, pipeline: StableDiffusionXLPipeline) -> None:
    """A header that promises other bytes than it has is refused before any library maps them."""
    for offsets in ([0, 4], [4, 8], [8, 0], ["a", 1]):
        header = json.dumps({"x": {"dtype": "F32", "shape": [2], "data_offsets": offsets}}).encode()
        (tmp_path / "it.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
        with pytest.raises(LoraError, match="damaged"):
            read_lora(tmp_path / "it.safetensors", pipeline.unet.config)


def test_a_missing_file_is_named(tmp_path: Path, pipeline: StableDiffusionXLPipeline) -> None:
    """It may have been deleted since it was listed."""
    with pytest.raises(LoraError, match=r"gone\.safetensors cannot be read \(No such file"):
        read_lora(tmp_path / "gone.safetensors", pipeline.unet.config)


def test_a_lora_for_the_embedded_model_is_read(tmp_path: Path) -> None:
    """The unet's configuration decides, from a JSON file as from a loaded pipeline."""
    config = json.loads((embedded().folder / "unet/config.json").read_text())
    layer = LoraLayer(torch.ones(2, 288), torch.ones(256, 2), 1.0)
    path = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    file = write_lora(tmp_path / "t.safetensors", {path: layer})

    assert read_lora(file, config).keys() == {path}
    assert describe(file, read_header(file)).text_width == embedded().text_width == config["cross_attention_dim"]


@pytest.mark.parametrize("name", [narrow.sgm_name, narrow.kohya_name])
def test_diffusers_own_converter_finds_the_same_modules(
    tmp_path: Path, pipeline: StableDiffusionXLPipeline, layers: dict[str, LoraLayer], name: object
) -> None:
    """An independent reader of kohya's names puts each matrix of a transformer onto the module that we put it onto."""
    chosen = {p: layer for p, layer in layers.items() if p.startswith("unet.") and "transformer_blocks" in p}
    file = write_lora(tmp_path / "k.safetensors", chosen, name)  # type: ignore[arg-type]  # a function of the parameters
    state, _ = StableDiffusionXLPipeline.lora_state_dict(str(file), unet_config=pipeline.unet.config, local_files_only=True)
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "theirs.safetensors")
    theirs = read_lora(tmp_path / "theirs.safetensors", pipeline.unet.config)  # in diffusers' names, the oldest of them

    assert_same({path: replace(layer, scale=0.5) for path, layer in theirs.items()}, chosen)
    assert_same(read_lora(file, pipeline.unet.config), chosen)

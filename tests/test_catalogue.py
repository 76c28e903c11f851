"""The catalogue: what lies in the folders is listed, and what cannot be used says why."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest
import torch
from fastmcp import Client
from narrow_sdxl import diffusers_name, narrow_pipeline, sgm_name, write_lora
from safetensors.torch import load_file, save_file
from torch import Tensor

from dgx_pixels.models import digest
from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.catalogue import Catalogue, check_weights, weights_sha256
from dgx_pixels.models.header import ModelError
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.single_file import write_single_file
from dgx_pixels.models.watch import ModelsWatch
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers_models import ModelList

TEXT = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
LORA = {TEXT: LoraLayer(torch.ones(2, 24), torch.ones(16, 2), 0.5)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a narrow SDXL as pipeline and as single file."""
    folder = tmp_path_factory.mktemp("weights")
    pipeline = narrow_pipeline()
    pipeline.save_pretrained(folder / "pipeline")
    write_single_file(pipeline, folder / "single.safetensors")
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return the models' folder."""
    for kind in ("checkpoints", "loras", "vae"):
        (tmp_path / "home/models" / kind).mkdir(parents=True)
    return tmp_path / "home/models"


def test_each_kind_is_listed_from_its_folder(models: Path, weights: Path) -> None:
    """Folders and single files, subfolders too; hidden ones and other files not; a removed file is gone at once."""
    shutil.copytree(weights / "pipeline", models / "checkpoints/b-folder")
    (models / "checkpoints/anime").mkdir()
    shutil.copy(weights / "single.safetensors", models / "checkpoints/anime/a file (v1+2).safetensors")
    write_lora(models / "loras/.half.safetensors", LORA)
    write_lora(models / "loras/mine.safetensors", LORA)
    (models / "loras/mine.txt").write_text("notes")
    catalogue = Catalogue(models)

    bases = {b.id: b for b in catalogue.bases()}
    assert list(bases) == ["tiny-sdxl", "a-file-v1-2", "b-folder"]
    assert {b.problem for b in bases.values()} == {None}
    assert bases["a-file-v1-2"].parts == bases["b-folder"].parts == ("unet", "vae", "text_encoder", "text_encoder_2")
    assert bases["a-file-v1-2"].text_width == bases["b-folder"].text_width == 24
    assert bases["b-folder"].render_side == 64
    assert bases["a-file-v1-2"].size == (weights / "single.safetensors").stat().st_size
    assert [lora.id for lora in catalogue.loras()] == ["mine"]
    (models / "loras/mine.safetensors").unlink()
    assert catalogue.loras() == []


def test_equal_names_get_ids_of_their_own(models: Path) -> None:
    """No model hides another."""
    for name in ("a b", "a-b", "a+b"):
        write_lora(models / f"loras/{name}.safetensors", LORA)
    shutil.copytree(embedded().folder, models / "checkpoints/tiny-sdxl")

    assert [m.id for m in Catalogue(models).loras()] == ["a-b", "a-b-2", "a-b-3"]
    assert [m.id for m in Catalogue(models).bases()] == ["tiny-sdxl", "tiny-sdxl-2"]


def unet(width: int = 2048, inputs: int = 4, prefix: str = "model.diffusion_model.") -> dict[str, Tensor]:
    """As much of an SDXL checkpoint as tells what it is."""
    return {
        f"{prefix}input_blocks.0.0.weight": torch.zeros(8, inputs, 3, 3), f"{prefix}label_emb.0.0.weight": torch.zeros(4, 4),
        f"{prefix}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(4, width),
    }  # fmt: skip


OTHERS: dict[str, tuple[dict[str, Tensor], str]] = {
    "sd15": (unet(768), "Stable Diffusion 1.5"),
    "sd15-text": (unet() | {"cond_stage_model.transformer.x": torch.zeros(1)}, "Stable Diffusion 1.5"),
    "sd2": (unet(1024), "Stable Diffusion 2"),
    "sd2-text": (unet() | {"cond_stage_model.model.x": torch.zeros(1)}, "Stable Diffusion 2"),
    "sd3": ({"model.diffusion_model.joint_blocks.0.x": torch.zeros(1)}, "Stable Diffusion 3"),
    "flux": ({"double_blocks.0.img_attn.qkv.weight": torch.zeros(1)}, "Flux"),
    "z-image": ({"model.diffusion_model.layers.0.attention.qkv.weight": torch.zeros(1)}, "a transformer model"),
    "refiner": (unet(1280), "the SDXL refiner"),
    "refiner-text": (unet() | {"conditioner.embedders.0.model.x": torch.zeros(1)}, "the SDXL refiner"),
    "inpainting": (unet(inputs=9), "inpainting"),
    "pix2pix": (unet(inputs=8), "InstructPix2Pix"),
    "playground": (unet() | {"edm_mean": torch.zeros(4)}, "Playground"),
    "fp8": ({k: v.to(torch.float8_e4m3fn) for k, v in unet().items()}, "8 bits"),
    "scaled": (unet() | {"scaled_fp8": torch.zeros(2)}, "quantized"),
    "no-sizes": ({k: v for k, v in unet().items() if "label" not in k}, "no SDXL"),
    "lora": ({"lora_unet_a.lora_down.weight": torch.zeros(1)}, "belongs into loras/"),
    "vae": ({"decoder.conv_in.weight": torch.zeros(1)}, "belongs into vae/"),
    "nothing": ({"banana": torch.zeros(1)}, "no whole model"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_other_checkpoints_are_told_from_their_header(models: Path, kind: str) -> None:
    """They are listed with the reason, and refused with the same when asked for."""
    tensors, says = OTHERS[kind]
    save_file(tensors, models / "checkpoints/it.safetensors")
    base = Catalogue(models).get("it")

    assert says in (base.problem or "")
    assert "it.safetensors" in (base.problem or "")
    with pytest.raises(ModelError, match=r"it\.safetensors is"):
        check_weights(base)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "for the pipeline FluxPipeline"),
        ("model_index.json", {"text_encoder": [None, None]}, "the SDXL refiner"),
        ("unet/config.json", {"in_channels": 9}, "inpainting"),
        ("unet/config.json", {"cross_attention_dim": 768}, "Stable Diffusion 1.5"),
        ("unet/config.json", [], "cannot be read as JSON"),
    ],
)
def test_other_folders_are_told_from_their_json(models: Path, file: str, content: object, says: str) -> None:
    """As single files are."""
    folder = models / "checkpoints/it"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / file).write_text(json.dumps(content))

    assert says in (Catalogue(models).get("it").problem or "")


def test_v_prediction_is_told_from_the_header(models: Path) -> None:
    """By an empty tensor, as NoobAI writes it, or ModelSpec's metadata."""
    save_file(unet() | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, models / "checkpoints/noob.safetensors")
    save_file(unet(), models / "checkpoints/spec.safetensors", {"modelspec.prediction_type": "v", "modelspec.license": "MIT"})
    save_file(unet(), models / "checkpoints/usual.safetensors")
    found = {b.id: b for b in Catalogue(models).bases()}

    assert (found["noob"].v_prediction, found["noob"].zero_snr) == (True, True)
    assert (found["spec"].v_prediction, found["spec"].zero_snr) == (True, False)
    assert (found["usual"].v_prediction, found["usual"].problem) == (False, None)
    assert (found["spec"].licence, found["usual"].licence) == ("MIT", "unknown: see its page")


def test_facts_come_from_the_note_the_metadata_or_the_page(models: Path, weights: Path) -> None:
    """A note beside the file comes first, then ModelSpec, then a folder's model card."""
    spec = {"modelspec.license": "CC0-1.0", "modelspec.trigger_phrase": "pxl, retro"}
    write_lora(models / "loras/a.safetensors", LORA, sgm_name, metadata=spec | {"ss_new_sd_model_hash": "f" * 64})
    write_lora(models / "loras/b.safetensors", LORA, metadata=spec)
    note = {"preferred weight": 0.8, "activation text": "neon", "licence": "mine"}
    (models / "loras/b.json").write_text(json.dumps(note))
    write_lora(models / "loras/c.safetensors", LORA)
    (models / "loras/c.json").write_text('{"preferred weight": 55, "activation text": 3}')
    shutil.copytree(weights / "pipeline", models / "checkpoints/d")
    (models / "checkpoints/d/README.md").write_text("---\nlicense: other\nlicense_name: faipl-1.0\n---\n# D\n")
    catalogue = Catalogue(models)
    a, b, c = catalogue.loras()

    assert (a.licence, a.trigger_words, a.recommended_weight, a.base_hash) == ("CC0-1.0", ("pxl", "retro"), 1.0, "f" * 64)
    assert (a.naming, a.rank, a.text_width) == ("kohya-sgm", 2, 24)
    assert (b.licence, b.trigger_words, b.recommended_weight) == ("mine", ("neon",), 0.8)
    assert (c.licence, c.trigger_words, c.recommended_weight) == ("unknown: see its page", (), 1.0)
    assert catalogue.get("d").licence == "faipl-1.0"


def test_vaes_are_listed_in_both_layouts_and_others_refused(models: Path, weights: Path) -> None:
    """A file without a decoder, or with other latents, says so."""
    shutil.copy(weights / "pipeline/vae/diffusion_pytorch_model.safetensors", models / "vae/ours.safetensors")
    save_file({"decoder.conv_in.weight": torch.zeros(4, 16, 3, 3)}, models / "vae/flux.safetensors")
    save_file({"encoder.conv_in.weight": torch.zeros(4)}, models / "vae/half.safetensors")
    problems = {v.id: v.problem for v in Catalogue(models).vaes()}

    assert problems["ours"] is None
    assert "16 latent channels" in (problems["flux"] or "")
    assert "no decoder" in (problems["half"] or "")


def test_whole_models_of_the_hugging_face_cache_are_listed(models: Path, weights: Path, tmp_path: Path) -> None:
    """With the ids that a pull gives them; half a download, other models and deleted files are left out."""
    cache = tmp_path / "hub"
    sdxl = cache / "models--stabilityai--stable-diffusion-xl-base-1.0"
    shutil.copytree(weights / "pipeline", sdxl / "snapshots/abc")
    (sdxl / "snapshots/old").mkdir()
    (sdxl / "refs").mkdir()
    (sdxl / "refs/main").write_text("abc")
    half = cache / "models--org--half/snapshots/abc"
    shutil.copytree(weights / "pipeline", half)
    (half / "text_encoder_2/model.safetensors").unlink()
    other = cache / "models--org--flux/snapshots/abc"
    other.mkdir(parents=True)
    (other / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    pixel = cache / "models--nerijs--pixel-art-xl/snapshots/abc"
    write_lora(pixel / "pixel-art-xl.safetensors", LORA)
    (pixel / "README.md").write_text("---\nlicense: creativeml-openrail-m\ninstance_prompt: pixel art\n---\n")
    (pixel / "gone.safetensors").symlink_to("nowhere")
    catalogue = Catalogue(models, cache)

    assert [b.id for b in catalogue.bases()] == ["tiny-sdxl", "sdxl"]
    assert catalogue.get(None).id == "tiny-sdxl"  # that one may be there for other programs
    lora = catalogue.lora("pixel-art-xl")
    assert (lora.licence, lora.trigger_words, lora.recommended_weight) == ("creativeml-openrail-m", ("pixel art",), 1.2)
    write_lora(models / "loras/pixel-art-xl.safetensors", LORA)
    assert [m.file for m in catalogue.loras()] == [models / "loras/pixel-art-xl.safetensors"]


def test_half_an_sdxl_is_not_the_default(models: Path, weights: Path) -> None:
    """While its folder is being copied, the embedded model stays the default."""
    shutil.copytree(weights / "pipeline", models / "checkpoints/sdxl")
    assert Catalogue(models).get(None).id == "sdxl"
    unet = models / "checkpoints/sdxl/unet/diffusion_pytorch_model.safetensors"
    unet.write_bytes(unet.read_bytes()[:-1])
    assert Catalogue(models).get(None).id == "tiny-sdxl"


def test_a_checkpoint_without_text_encoders_borrows_from_one_of_its_width(models: Path, weights: Path) -> None:
    """The lender is a whole model, not the embedded one of another width."""
    state = load_file(weights / "single.safetensors")
    only = {k: v for k, v in state.items() if k.startswith("model.diffusion_model.")}
    save_file(only, models / "checkpoints/only.safetensors")
    assert Catalogue(models).get("only").lender is None
    shutil.copy(weights / "single.safetensors", models / "checkpoints/whole.safetensors")

    lender = Catalogue(models).get("only").lender
    assert lender is not None
    assert lender.id == "whole"


def test_a_large_file_is_hashed_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across processes, by a note on the disk; a changed file is hashed again."""
    monkeypatch.setattr(digest, "_LARGE", 100)
    file = write_lora(models / "loras/a.safetensors", LORA, diffusers_name)
    first = Catalogue(models).lora("a").sha256()
    monkeypatch.setattr("hashlib.file_digest", None)  # whoever hashes now, fails
    assert Catalogue(models).lora("a").sha256() == first

    monkeypatch.undo()
    write_lora(file, LORA, sgm_name)
    assert Catalogue(models).lora("a").sha256() != first
    (models.parent / "sha256.json").write_text("broken")
    assert Catalogue(models).lora("a").sha256() != first


def test_the_weights_of_a_base_are_named_by_file(models: Path, weights: Path) -> None:
    """Four files of a folder, one of a single file."""
    shutil.copytree(weights / "pipeline", models / "checkpoints/folder")
    shutil.copy(weights / "single.safetensors", models / "checkpoints/single.safetensors")

    assert set(weights_sha256(Catalogue(models).get("single"))) == {"single.safetensors"}
    assert len(weights_sha256(Catalogue(models).get("folder"))) == 4


async def test_tool_and_resource_list_loras_and_problems(settings: Settings) -> None:
    """Digests are null in the list until someone asked for one; a bad file costs no good one."""
    folder = settings.home / "models/loras"
    write_lora(folder / "glow.safetensors", LORA, metadata={"modelspec.trigger_phrase": "glow"})
    (folder / "bad.safetensors").write_bytes(b"nothing")
    async with Client(build(settings)[0]) as client:
        before = ModelList.model_validate((await client.call_tool("list_models")).structured_content)
        one = json.loads((await client.read_resource("pixels://models/glow"))[0].text)
        result = await client.call_tool("list_models")
        after = ModelList.model_validate(result.structured_content)

    assert [(m.id, m.sha256, m.problem is None) for m in before.loras] == [("bad", None, False), ("glow", None, True)]
    assert one["weights_sha256"]["glow.safetensors"] == after.loras[1].sha256
    assert one["trigger_words"] == ["glow"]
    assert "+glow:1: LoRA, licence unknown: see its page, say 'glow'" in result.content[0].text


def test_one_change_is_told_once_when_it_is_over(models: Path) -> None:
    """Many writes make one call; hidden files make none."""
    calls, told = [], threading.Event()

    def changed() -> None:
        calls.append([lora.id for lora in Catalogue(models).loras()])
        told.set()

    watch = ModelsWatch(models, changed, quiet_s=0.3, every_s=0.1)
    watch.start()
    (models / ".partial").mkdir()
    (models / ".partial/a.part").write_bytes(b"half")
    assert not told.wait(0.6)
    for _ in range(5):
        write_lora(models / "loras/new.safetensors", LORA)
    assert told.wait(10)
    watch.stop()
    assert calls == [["new"]]

"""`dgx-pixels models`: pulling from a stand-in of the hub, adding from disk, listing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock
from hub import COMMIT, Hub, Repo, hub_of
from narrow_sdxl import diffusers_name, narrow_pipeline, write_lora
from safetensors.torch import save_file

from dgx_pixels.models.base_model import embedded
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.models.single_file import write_single_file
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings

BASE, VAE = "stabilityai/stable-diffusion-xl-base-1.0", "madebyollin/sdxl-vae-fp16-fix"
PIXEL, LCM = "nerijs/pixel-art-xl", "latent-consistency/lcm-lora-sdxl"
TEXT = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a narrow SDXL as fp16 pipeline and single file, a VAE and a LoRA."""
    folder = tmp_path_factory.mktemp("weights")
    pipeline = narrow_pipeline()
    pipeline.save_pretrained(folder / "pipeline", variant="fp16")
    (folder / "pipeline/README.md").write_text("---\nlicense: openrail++\n---\n# SDXL\n")
    write_single_file(pipeline, folder / "single.safetensors")
    save_file({k: v.contiguous() for k, v in pipeline.vae.state_dict().items()}, folder / "vae.safetensors")
    write_lora(folder / "lora.safetensors", {TEXT: LoraLayer(torch.ones(2, 24), torch.ones(16, 2), 1.0)}, diffusers_name)
    return folder


@pytest.fixture
def hub(weights: Path) -> Iterator[Hub]:
    """The hub with all four repositories of the set `sdxl`, small."""
    pipeline = weights / "pipeline"
    files = {p.relative_to(pipeline).as_posix(): p.read_bytes() for p in pipeline.rglob("*") if p.is_file()}
    lora = (weights / "lora.safetensors").read_bytes()
    with hub_of({
        BASE: Repo(files | {"unet/diffusion_pytorch_model.safetensors": b"the fp32 one is not wanted"}),
        VAE: Repo({"diffusion_pytorch_model.safetensors": (weights / "vae.safetensors").read_bytes()}, "mit"),
        PIXEL: Repo({"pixel-art-xl.safetensors": lora}, "creativeml-openrail-m"),
        LCM: Repo({"pytorch_lora_weights.safetensors": lora}),
    }) as running:  # fmt: skip
        yield running


def run(settings: Settings, *words: str) -> int:
    """Run `dgx-pixels models ...`; answers with its exit status."""
    with pytest.raises(SystemExit) as ended:
        main(["models", *words, "--home", str(settings.home)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def catalogue_of(settings: Settings) -> Catalogue:
    """The catalogue that a server with these settings has."""
    return Catalogue(settings.home / "models", settings.hf_cache)


def listed(settings: Settings) -> set[str]:
    """The ids of everything that is listed besides the embedded model."""
    found = catalogue_of(settings)
    return {*(m.id for m in found.bases()[1:]), *(m.id for m in found.loras()), *(m.id for m in found.vaes())}


def test_pull_makes_sdxl_the_default_with_its_loras(
    settings: Settings, hub: Hub, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything is fetched, named as contenders name it, with licence and source; a second pull fetches nothing."""
    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 0
    out, err = capsys.readouterr()
    catalogue = catalogue_of(settings)

    assert listed(settings) == {"sdxl", "sdxl-vae-fp16-fix", "pixel-art-xl", "lcm"}
    assert str(parse_contender(catalogue, "sdxl+pixel-art-xl+lcm")) == "sdxl+pixel-art-xl:1.2+lcm:1.0"
    base, lora = catalogue.get(None), catalogue.lora("pixel-art-xl")
    assert (base.id, base.licence, base.variant, base.source) == ("sdxl", "openrail++", "fp16", f"{BASE}@{COMMIT}")
    assert (lora.licence, lora.source) == ("creativeml-openrail-m", f"{PIXEL}@{COMMIT}")
    assert catalogue.vaes()[0].licence == "mit"
    assert lora.file.read_bytes() == (weights / "lora.safetensors").read_bytes()
    assert not (base.folder / "unet/diffusion_pytorch_model.safetensors").exists()
    assert f"pixel-art-xl: {PIXEL}@{COMMIT}, licence creativeml-openrail-m, 0 MB" in err
    assert out.splitlines()[0] == str(settings.home / "models/checkpoints/sdxl")

    hub.ranges.clear()
    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 0
    assert hub.ranges == []
    assert "is here already" in capsys.readouterr().err


def test_a_pull_that_is_cut_goes_on_where_it_was(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is listed after the cut; the next run asks for the rest only, and the file is whole."""
    unet = "unet/diffusion_pytorch_model.fp16.safetensors"
    whole = hub.repos[BASE].files[unet]
    hub.repos[BASE].cut[unet] = 100_000
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)  # what is cut within a chunk is lost
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: hub.repos[BASE].cut.update({unet: 0}))

    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 1
    assert "what has come is kept; run the command again to go on" in capsys.readouterr().err
    assert listed(settings) == set()

    hub.repos[BASE].cut.clear()
    hub.ranges.clear()
    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 0
    assert [asked for file, asked in hub.ranges if file == unet] == [f"bytes={100_000 // 4096 * 4096}-"]
    assert (settings.home / "models/checkpoints/sdxl" / unet).read_bytes() == whole
    assert not list((settings.home / "models").rglob("*.part"))


def test_a_wrong_digest_is_thrown_away(settings: Settings, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not what the hub names is never listed, and is fetched anew the next time."""
    hub.repos[PIXEL].wrong.add("pixel-art-xl.safetensors")

    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 1
    assert "pixel-art-xl.safetensors of nerijs/pixel-art-xl came damaged" in capsys.readouterr().err
    assert "pixel-art-xl" not in listed(settings)

    hub.repos[PIXEL].wrong.clear()
    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 0
    assert ("pixel-art-xl.safetensors", None) in hub.ranges
    assert "pixel-art-xl" in listed(settings)


def test_a_hub_cannot_name_a_place_to_write_to(settings: Settings, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """Its commit and digests become names of folders and files: they are refused if they are none."""
    hub.repos[BASE].commit = "/../../../x"

    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 1
    assert "names digests or sizes that are none" in capsys.readouterr().err
    assert not (settings.home.parent / "x").exists()
    assert hub.ranges == []


def test_a_hub_cannot_fill_the_disk(settings: Settings, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """No more is kept of a file than the hub said before, when there was found to be room for it."""
    hub.repos[PIXEL].more = b"x" * 3_000_000

    assert run(settings, "add", PIXEL, "--endpoint", hub.endpoint) == 1
    assert "more comes than the" in capsys.readouterr().err
    assert sum(f.stat().st_size for f in (settings.home / "models").rglob("*.part")) < 1_000_000


def test_too_small_a_disk_is_said_before_anything_is_fetched(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence has both sizes, and what to do."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=500_100_000))

    assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 1
    said = capsys.readouterr().err
    assert "There is not enough space" in said
    assert "DGX_PIXELS_HOME" in said
    assert hub.ranges == []


def test_two_fetches_do_not_write_into_one_file(settings: Settings, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """The second ends at once, with one sentence."""
    staging = settings.home / "models/.partial"
    staging.mkdir(parents=True)
    with FileLock(staging / "lock"):
        assert run(settings, "pull", "sdxl", "--endpoint", hub.endpoint) == 1
    assert "is fetching already: wait for it to end" in capsys.readouterr().err
    assert hub.ranges == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("pull", "flux"), "There is no set 'flux' to pull: use sdxl"),
        (("add", "no/where"), "There is no repository 'no/where'"),
        (("add", "/no/such/file.safetensors"), "There is no /no/such/file.safetensors"),
        (("add", "stabilityai/stable-diffusion-xl-base-1.0/nope.safetensors"), "has no nope.safetensors"),
        (("add", "stabilityai/stable-diffusion-xl-base-1.0/model_index.json"), "is no .safetensors"),
    ],
)
def test_what_is_not_there_is_named(
    settings: Settings, hub: Hub, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence on stderr, exit status 1, nothing written."""
    assert run(settings, *words, "--endpoint", hub.endpoint) == 1
    err = capsys.readouterr().err
    assert says in err
    assert listed(settings) == set()


def test_no_connection_is_one_sentence(settings: Settings, free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A hub that does not answer costs no traceback."""
    assert run(settings, "pull", "sdxl", "--endpoint", f"http://127.0.0.1:{free_port}") == 1
    err = capsys.readouterr().err
    assert "Fetching stabilityai/stable-diffusion-xl-base-1.0 failed" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(("what", "model_id"), [(BASE, "stable-diffusion-xl-base-1.0"), (PIXEL, "pixel-art-xl")])
def test_add_fetches_a_repository(settings: Settings, hub: Hub, what: str, model_id: str) -> None:
    """A pipeline comes in its fp16 variant, another repository's one file to where its kind belongs."""
    assert run(settings, "add", what, "--endpoint", hub.endpoint) == 0
    assert listed(settings) == {model_id}
    assert all(m.problem is None for m in catalogue_of(settings).bases())


def test_add_refuses_another_kind_before_fetching_it(
    settings: Settings, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The header tells, and only the file's beginning is asked for."""
    save_file({"lora_unet_x.lokr_w1": torch.ones(400, 400)}, tmp_path / "lokr.safetensors")
    hub.repos["some/lokr"] = Repo({"lokr.safetensors": (tmp_path / "lokr.safetensors").read_bytes()})

    assert run(settings, "add", "some/lokr", "--endpoint", hub.endpoint) == 1
    assert "lokr.safetensors is a LoKr" in capsys.readouterr().err
    assert all(asked is not None for _, asked in hub.ranges)
    assert listed(settings) == set()


@pytest.mark.parametrize(
    ("name", "lands"),
    [
        ("single.safetensors", "checkpoints"),
        ("lora.safetensors", "loras"),
        ("vae.safetensors", "vae"),
        ("pipeline", "checkpoints"),
    ],
)
@pytest.mark.parametrize("link", [False, True])
def test_add_puts_a_file_where_its_kind_belongs(settings: Settings, weights: Path, name: str, lands: str, link: bool) -> None:
    """Told by its header; once, copied or linked."""
    more = ("--link",) if link else ()
    assert run(settings, "add", str(weights / name), *more) == 0
    target = settings.home / "models" / lands / name

    assert target.is_symlink() == link
    assert listed(settings) == {Path(name).stem}
    assert run(settings, "add", str(weights / name)) == 1


def test_add_refuses_what_cannot_be_used(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is that of the listing, and nothing is copied."""
    save_file({"lora_unet_x.hada_w1_a": torch.ones(2, 2)}, tmp_path / "loha.safetensors")
    save_file({"cond_stage_model.transformer.x": torch.ones(2)}, tmp_path / "old.safetensors")
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04.")

    for name, says in (("loha.safetensors", "is a LoHa"), ("old.safetensors", "Stable Diffusion 1.5"), ("model.ckpt", "pickle")):
        assert run(settings, "add", str(tmp_path / name)) == 1
        assert says in capsys.readouterr().err
    assert run(settings, "add", str(tmp_path)) == 1
    assert "model_index.json" in capsys.readouterr().err
    assert listed(settings) == set()


def test_list_prints_what_the_tool_says(settings: Settings, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row a model; JSON is the tool's answer; digests are computed when asked."""
    run(settings, "add", str(weights / "lora.safetensors"))
    (settings.home / "models/loras/broken.safetensors").write_bytes(b"nothing")
    capsys.readouterr()

    assert run(settings, "list") == 0
    rows = capsys.readouterr().out
    assert "tiny-sdxl" in rows
    assert "not usable: " in rows
    assert run(settings, "list", "--json", "--sha256") == 0
    answer = json.loads(capsys.readouterr().out)
    lora = next(m for m in answer["loras"] if m["id"] == "lora")
    assert len(lora["sha256"]) == 64
    assert (lora["naming"], lora["rank"]) == ("diffusers", 2)
    assert answer["models"][0]["size"] == embedded().size

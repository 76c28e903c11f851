"""Finds SDXL models in Hugging Face's cache, which other programs fill; it is only read.

Its layout (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): `models--<owner>--<name>/snapshots/<commit>/`
holds links to the files, `refs/main` the commit. huggingface_hub's own scan looks at every file of every repository, which
is too slow for each question.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dgx_pixels.models.base_model import PARTS, BaseModel, part_files
from dgx_pixels.models.digest import Digests
from dgx_pixels.models.entries import Lora, Vae
from dgx_pixels.models.hub_sets import KNOWN, HubModel
from dgx_pixels.models.scan import base_of_folder, clean_id, lora_of_file, vae_of_file
from dgx_pixels.pixels.plain_file import read_plain

_MOST_REF = 1000
_NEEDED = (
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "text_encoder_2/config.json",
)


def snapshots(cache: Path) -> Iterator[tuple[str, Path]]:
    """Each model repository ("owner/name") of a cache with the folder of its main or, failing that, newest commit."""
    for repo in sorted(cache.glob("models--*")):
        commits = [p for p in repo.glob("snapshots/*") if p.is_dir()]
        if commits:
            yield repo.name.removeprefix("models--").replace("--", "/", 1), _main(repo) or max(commits, key=_changed)


def cached_models(cache: Path, digests: Digests) -> list[BaseModel | Lora | Vae]:
    """What can be used at once of a cache: whole SDXL pipelines, LoRAs and VAEs for SDXL at the top of their repositories."""
    found: list[BaseModel | Lora | Vae] = []
    for repo, folder in snapshots(cache):
        found += [model for model in _models(repo, folder, digests) if model.problem is None]
    return found


def _models(repo: str, folder: Path, digests: Digests) -> Iterator[BaseModel | Lora | Vae]:
    known = KNOWN.get(repo)
    model_id = known.id if known is not None else clean_id(repo.split("/")[-1])
    if (folder / "model_index.json").exists():
        base = base_of_folder(model_id, folder, digests)
        if _is_whole(base):
            yield base
        return
    page, files = folder / "README.md", sorted(folder.glob("*.safetensors"))
    if known is not None:
        files = [f for f in files if f.name in known.files]
    for file in (f for f in files if f.exists()):  # a link whose file was deleted does not
        name = model_id if len(files) == 1 else f"{model_id}-{clean_id(file.stem)}"
        vae = vae_of_file(name, file, digests, page)
        yield vae if vae.problem is None else lora_of_file(name, file, digests, page, _weight(known))


def _weight(known: HubModel | None) -> float | None:
    return known.recommended_weight if known is not None else None


def _is_whole(base: BaseModel) -> bool:
    """Whether nothing is missing, as it is after a download that was broken off."""
    tokenizers = all(
        any((base.folder / part / name).exists() for name in ("tokenizer.json", "vocab.json"))
        for part in ("tokenizer", "tokenizer_2")
    )
    weights = all(part_files(base.folder / part, base.variant) for part in PARTS)
    return weights and tokenizers and all((base.folder / name).exists() for name in _NEEDED)


def _main(repo: Path) -> Path | None:
    try:
        commit = read_plain(repo / "refs" / "main", _MOST_REF).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    return next((folder for folder in repo.glob("snapshots/*") if folder.name == commit and folder.is_dir()), None)


def _changed(folder: Path) -> int:
    return folder.stat().st_mtime_ns

"""Puts models into the models' folder: checked first, and at once, so that half of one is never listed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from dgx_pixels.models.base_model import PARTS
from dgx_pixels.models.card import Card, note_of, read_card, write_card
from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.checkpoint_check import file_kind
from dgx_pixels.models.header import Header, ModelError, read_header
from dgx_pixels.models.hub_fetch import Remote, check_space, fetch, look_up, remote_header
from dgx_pixels.models.hub_sets import SETS, HubModel, Kind
from dgx_pixels.models.lora_check import check_kind
from dgx_pixels.models.scan import base_of_folder, check_vae, clean_id

Say = Callable[[str], None]
_FOLDERS: dict[Kind, str] = {"base": "checkpoints", "lora": "loras", "vae": "vae"}
_LORA_LIKE = re.compile(r"lora|hada_w|lokr_w|oft_|dora_scale|\.diff(_b)?$")
_PIPELINE_FILES = (
    "model_index.json",
    "README.md",
    "LICENSE*",
    "scheduler/*.json",
    "tokenizer/*",
    "tokenizer_2/*",
    "*/config.json",
    "*/*.safetensors.index.json",
)


def pull(catalogue: Catalogue, name: str, endpoint: str | None, say: Say) -> list[Path]:
    """Fetch a set of models; answers with what it consists of on the disk. Raises ModelError.

    What is here already is left alone; what was cut goes on. Licences, sizes and places are told to `say`.
    """
    if name not in SETS:
        raise ModelError(f"There is no set {name!r} to pull: use {' or '.join(SETS)}, or `dgx-pixels models add org/repo`.")
    return _pull(catalogue, SETS[name], endpoint, say)


def add_from_hub(catalogue: Catalogue, repo: str, endpoint: str | None, say: Say) -> Path:
    """Fetch `org/repo`, a diffusers pipeline or a repository with one safetensors file, or `org/repo/file`. Raises ModelError."""
    owner, name, *inside = repo.split("/", 2)
    wanted = HubModel(clean_id(name), "base", f"{owner}/{name}", "", (inside[0] if inside else "*",))
    files = [f.name for f in look_up(wanted, endpoint).files]
    if inside and not inside[0].endswith(".safetensors"):
        raise ModelError(f"{inside[0]} is no .safetensors, and nothing else is loaded: choose another file of {wanted.repo}.")
    if inside:
        wanted = replace(wanted, id=clean_id(Path(inside[0]).stem))
    elif "model_index.json" in files:
        wanted = replace(wanted, files=(*_PIPELINE_FILES, *_pipeline_weights(files)))
    else:
        single = [f for f in files if f.endswith(".safetensors") and "/" not in f]
        if len(single) != 1:
            listed = ", ".join(single) or "no .safetensors"
            raise ModelError(f"Which file of {wanted.repo}? It has {listed}: write {wanted.repo}/FILE.safetensors.")
        wanted = replace(wanted, files=(single[0],))
    if len(wanted.files) == 1:  # a file of 7 GB that is of no use is better refused before it is fetched
        kind_of_header(Path(wanted.files[0]), remote_header(wanted, wanted.files[0], endpoint))
    return _pull(catalogue, (wanted,), endpoint, say)[0]


def _pipeline_weights(files: Sequence[str]) -> list[str]:
    """Of a pipeline's files the weights of one variant: fp16 where each part has it, else the plain ones."""
    for variant in (r"\.fp16", ""):
        number = r"-\d+-of-\d+"
        name = rf"(diffusion_pytorch_)?model({variant}({number})?|{number}{variant})\.safetensors"
        found = [f for f in files if f.split("/")[0] in PARTS and re.fullmatch(name, f.split("/", 1)[-1])]
        if {f.split("/")[0] for f in found} == set(PARTS):
            return found
    return []


def add_from_disk(catalogue: Catalogue, path: Path, say: Say, *, link: bool) -> Path:
    """Copy a file or diffusers folder in, or link to it, after checking it. Raises ModelError and OSError."""
    path = path.expanduser().absolute()
    if not path.exists():
        raise ModelError(f"There is no {path}: give a .safetensors file, a diffusers folder, or a repository as org/name.")
    kind = kind_of(catalogue, path)
    target = _target(catalogue, kind, clean_id(path.name if path.is_dir() else path.stem), folder=path.is_dir())
    if target.exists() or target.is_symlink():
        raise ModelError(f"{target} is there already: remove it first, or rename {path.name}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        target.symlink_to(path)
    else:
        _copy(catalogue, path, target)
    if path.is_file() and note_of(path).is_file() and not note_of(target).exists():
        shutil.copy2(note_of(path), note_of(target))
    say(f"{kind} {target.stem if path.is_file() else target.name}: {target}")
    return target


def kind_of(catalogue: Catalogue, path: Path) -> Kind:
    """Tell what a file or folder holds. Raises ModelError, which says why, if it cannot be used."""
    if path.is_dir():
        if not (path / "model_index.json").is_file():
            raise ModelError(
                f"{path} is no diffusers folder: it has no model_index.json. Give a .safetensors file or such a folder."
            )
        found = base_of_folder(path.name, path, catalogue.digests)
        if found.problem is None and found.size == 0:
            raise ModelError(f"{path} has no weights in .safetensors: fetch it again.")
        if found.problem is not None:
            raise ModelError(found.problem)
        return "base"
    return kind_of_header(path, read_header(path))


def kind_of_header(file: Path, header: Header) -> Kind:
    """Tell what a single file holds from its header; of `file` only the name is used. Raises ModelError as `kind_of` does."""
    names = header.tensors
    if any(_LORA_LIKE.search(n) for n in names):
        check_kind(file, header)
        return "lora"
    if any(n.endswith("decoder.conv_in.weight") for n in names) and not any("diffusion_model." in n for n in names):
        check_vae(file, header)
        return "vae"
    file_kind(file, header)
    return "base"


def _pull(catalogue: Catalogue, models: Sequence[HubModel], endpoint: str | None, say: Say) -> list[Path]:
    remotes = [look_up(model, endpoint) for model in models]
    staging = catalogue.folder / ".partial"
    here = {r.model.id: path for r in remotes if (path := _here(catalogue, r)) is not None}
    wanted = [r for r in remotes if r.model.id not in here]
    for remote in remotes:
        state = "is here already" if remote.model.id in here else f"{remote.size / 1e6:,.0f} MB"
        say(f"{remote.model.id}: {remote.source}, licence {remote.licence}, {state}")
    check_space(wanted, staging)
    staging.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(staging / "lock", timeout=0):
            for remote in wanted:
                here[remote.model.id] = _install(catalogue, remote, fetch(remote, staging, endpoint, say), say)
    except Timeout:
        raise ModelError("Another `dgx-pixels models` command is fetching already: wait for it to end.") from None
    return [here[model.id] for model in models]


def _install(catalogue: Catalogue, remote: Remote, fetched: Path, say: Say) -> Path:
    """Move what was fetched to where it is listed, with its card beside it."""
    folder = len(remote.files) > 1
    arrived = fetched if folder else fetched / remote.files[0].name
    try:
        kind = kind_of(catalogue, arrived)
    except ModelError:
        shutil.rmtree(fetched)
        raise
    target = _target(catalogue, kind, remote.model.id, folder=folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    known = remote.model.recommended_weight if kind == "lora" and remote.model.recommended_weight != 1.0 else None
    card = Card(remote.licence or None, (), known, remote.source, None if folder else remote.files[0].sha256)
    if folder:
        write_card(arrived, card)
        arrived.replace(target)
    else:
        write_card(target, card)
        arrived.replace(target)
        shutil.rmtree(fetched)
    for file in remote.files:
        if file.sha256 is not None:
            catalogue.digests.remember(target / file.name if folder else target, file.sha256)
    say(f"{kind} {remote.model.id}: {target}")
    return target


def _here(catalogue: Catalogue, remote: Remote) -> Path | None:
    """Where a model lies that was fetched before. Raises ModelError if something else has its place."""
    folder = len(remote.files) > 1
    kinds: tuple[Kind, ...] = ("base", "lora", "vae") if not folder else ("base",)
    for target in (_target(catalogue, kind, remote.model.id, folder=folder) for kind in kinds):
        if target.exists():
            if read_card(target, {}, None).source == remote.source:
                return target
            raise ModelError(f"{target} is there already, and not from {remote.source}: remove it first.")
    return None


def _target(catalogue: Catalogue, kind: Kind, model_id: str, *, folder: bool) -> Path:
    return catalogue.folder / _FOLDERS[kind] / (model_id if folder else f"{model_id}.safetensors")


def _copy(catalogue: Catalogue, path: Path, target: Path) -> None:
    size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size
    free = shutil.disk_usage(target.parent).free
    if size > free:
        raise ModelError(
            f"There is not enough space: {path.name} has {size / 1e9:.1f} GB, the disk {free / 1e9:.1f} GB. Use --link."
        )
    staged = catalogue.folder / ".partial" / f"copy-{target.name}"
    staged.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(path, staged)
    else:
        shutil.copy2(path, staged)
    staged.replace(target)

"""The pictures of a folder, and what stands beside them: captions, and where the frames of sheets are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from dgx_pixels.bevy.manifest import MANIFEST_PATH, ManifestError, read_manifest
from dgx_pixels.bevy.sheet import sheet_path
from dgx_pixels.pixels.dataset_fit import Area
from dgx_pixels.tools.dataset_captions import from_names, from_text, named_category
from dgx_pixels.tools.read_roots import ReadError, allowed_file, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dgx_pixels.bevy.manifest import ManifestEntry
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MOST_FILES: Final = 4000
_MOST_ENTRIES: Final = 100_000
_MOST_TEXT: Final = 64 << 10
_MOST_SIDECAR: Final = 4 << 20
_PROJECTS: Final = (".ase", ".aseprite", ".psd", ".kra", ".xcf", ".pyxel")
"""Files of drawing programs, which we do not read."""
_CACHE: Final = "CACHEDIR.TAG"
"""Marks a folder of things that are made anew at will, like cargo's target/ (https://bford.info/cachedir/)."""


class SourceError(ValueError):
    """Nothing can be learnt from a picture; the text says why in a clause."""


@dataclass(frozen=True)
class Source:
    """A picture to learn from, before anybody has looked at it; its bytes are `png`, or those of `path`."""

    name: str
    """As it is shown: relative to its folder, or an asset's."""
    path: str = ""
    png: bytes = b""
    caption: str = ""
    """As its author wrote it; "" if nobody did."""
    words: str = ""
    """What its names say."""
    category: str = ""
    frame_size: tuple[int, int] | None = None
    """Of a sheet: width and height in pixels of its frames."""
    areas: tuple[Area, ...] = ()
    """Of a sheet whose frames are listed: where they are."""


@dataclass(frozen=True)
class Found:
    """What lies in a folder: pictures, those that cannot be used with the reason, and what its owner should know."""

    sources: tuple[Source, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def folder_sources(services: Services, project: BevyProject | None, text: str, trigger: str) -> Found:
    """Find all pictures below a folder that may be read, in the order of their names; blocks.

    Hidden folders and caches are passed over, and no linked folder is entered. Raises ReadError, with one sentence, if there
    is no such folder, it may not be read, or it holds too much.
    """
    folder = allowed_file(services, project, text)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ReadError(f"The folder {folder} {what}: give a folder with pictures.")
    sources: list[Source] = []
    skipped: list[tuple[str, str]] = []
    warnings: list[str] = []
    try:
        entries = {e.path: e for e in read_manifest(project).assets} if project is not None else {}
    except ManifestError as error:
        entries = {}
        warnings.append(str(error))
    for file in _files(folder):
        name = shown(file.relative_to(folder).as_posix())
        if file.suffix.lower() in _PROJECTS:
            skipped.append((name, f"it is a file of a drawing program ({file.suffix}): export it as PNG"))
            continue
        if len(sources) == MOST_FILES:
            raise ReadError(f"{folder} holds more than {MOST_FILES:,} pictures: give a folder with the best of them.")
        try:
            allowed_file(services, project, str(file))
        except ReadError:
            skipped.append((name, "it is a link that leads out of what may be read"))
            continue
        caption, problem = _text_beside(services, project, file, trigger)
        warnings += [problem] if problem else []
        if not caption and (entry := _entry(project, file, entries)) is not None:
            caption = from_text(entry.prompt, trigger)
        sources.append(_source(services, project, folder, file, name, caption, entries))
    return Found(tuple(sources), tuple(skipped), tuple(warnings))


def shown(name: str) -> str:
    """A file's name as text that every encoding takes."""
    return name.encode("utf-8", "replace").decode()


def _files(folder: Path) -> Iterator[Path]:
    seen = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not (Path(here) / f / _CACHE).exists())
        seen += len(names) + len(folders)
        if seen > _MOST_ENTRIES:
            raise ReadError(f"{folder} holds more than {_MOST_ENTRIES:,} files: give the folder with the pictures only.")
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith((*SUFFIXES, *_PROJECTS)):
                yield Path(here) / name


def _source(
    services: Services, project: BevyProject | None, folder: Path, file: Path, name: str, caption: str,
    entries: dict[str, ManifestEntry],
) -> Source:  # fmt: skip
    folders, stem = [shown(part) for part in file.relative_to(folder).parts[:-1]], shown(file.stem)
    entry = _entry(project, file, entries)
    atlas = entry.atlas if entry is not None else None
    return Source(
        name, str(file), caption=caption, words=from_names(stem, folders, shown(folder.name)),
        category=entry.category if entry is not None else named_category(stem, folders) or "",
        frame_size=None if atlas is None else (atlas.tile_width, atlas.tile_height),
        areas=_areas_beside(services, project, file) if atlas is None else (),
    )  # fmt: skip


def _entry(project: BevyProject | None, file: Path, entries: dict[str, ManifestEntry]) -> ManifestEntry | None:
    """What the project's manifest says of a file; None if it is not one of ours."""
    if project is None or not file.is_relative_to(project.assets):
        return None
    return entries.get(file.relative_to(project.assets).as_posix())


def _text_beside(services: Services, project: BevyProject | None, file: Path, trigger: str) -> tuple[str, str]:
    """The caption in the `.txt` of a picture's stem, "" if it has none, and a sentence on what is wrong with it, or ""."""
    beside = file.with_suffix(".txt")
    if not beside.is_file():
        return "", ""
    try:
        text = read_file(services, project, str(beside), _MOST_TEXT).decode("utf-8-sig", "replace")
    except ReadError as error:
        return "", f"The caption is left out: {error}"
    caption = from_text(text, trigger)
    whole = len(" ".join(text.split()))
    if whole > len(caption) + len(trigger) + 10:
        cut = f"its first {len(caption)} are used, for a model sees no more."
        return caption, f"The caption {shown(beside.name)} has {whole:,} characters: {cut}"
    return caption, ""


class _Rectangle(BaseModel):
    x: Annotated[int, Field(ge=0)]
    y: Annotated[int, Field(ge=0)]
    w: Annotated[int, Field(ge=1)]
    h: Annotated[int, Field(ge=1)]


class _Frame(BaseModel):
    frame: _Rectangle
    rotated: bool = False


class _Meta(BaseModel):
    image: str = ""


class _Sheet(BaseModel):
    """Aseprite's export, as an array or by name; other exporters write the same."""

    frames: list[_Frame] | dict[str, _Frame] = Field(min_length=1, max_length=MOST_FILES)
    meta: _Meta = _Meta()


def _areas_beside(services: Services, project: BevyProject | None, file: Path) -> tuple[Area, ...]:
    """Where a sheet's frames are, from Aseprite's JSON beside it or where we publish ours; none if neither is there."""
    beside = [file.with_suffix(".json")]
    if project is not None and file.is_relative_to(project.assets):
        beside.append(project.assets / sheet_path(file.relative_to(project.assets).as_posix()))
    for sidecar in beside:
        if sidecar.name != Path(MANIFEST_PATH).name and sidecar.is_file():
            try:
                sheet = _Sheet.model_validate_json(read_file(services, project, str(sidecar), _MOST_SIDECAR))
            except (ReadError, ValidationError):
                continue  # any JSON may stand beside a picture
            frames = sheet.frames.values() if isinstance(sheet.frames, dict) else sheet.frames
            if Path(sheet.meta.image).name in ("", file.name) and not any(f.rotated for f in frames):
                return tuple(dict.fromkeys(Area(f.frame.x, f.frame.y, f.frame.w, f.frame.h) for f in frames))
    return ()

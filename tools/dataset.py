"""The dataset of a training: pictures found, looked at, put at the model's size, and named; and what is said of them.

The folder is what `models.lora_dataset` reads. It appears whole or not at all, under the hash of its contents: the same
pictures and captions are the same folder.
"""

from __future__ import annotations

import asyncio
import filecmp
import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.models.training_disk import sync, write_synced
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.dataset_captions import colour_in, style_colours, with_colours
from dgx_pixels.tools.dataset_draft import Draft
from dgx_pixels.tools.dataset_report import check_enough, report_of, sheet_of
from dgx_pixels.tools.dataset_request import Prepared, check_request
from dgx_pixels.tools.dataset_sources import find_sources

if TYPE_CHECKING:
    from pathlib import Path

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.dataset_request import DatasetRequest
    from dgx_pixels.tools.services import Services

DATASET: Final = "dataset.json"
SHEET: Final = "contact_sheet.png"
_SCHEMA = 1
_STAGING = ".staging"
_KNOWN = "The trigger {!r} has {!r} in it, which the model knows already: take one that is no word, nor made of words."
_LEFT_BEHIND_S = 86_400


Told = Callable[[int, int, str], None]
"""Takes how many pictures of how many were looked at, and a message."""


def _nobody(done: int, total: int, message: str) -> None:
    """Nobody wants to know."""


async def prepare_dataset(
    services: Services, project: BevyProject | None, request: DatasetRequest, told: Told = _nobody
) -> Prepared:
    """Make the dataset that the request asks for, below `datasets/` of the home; nothing is left of one that fails.

    Raises RequestError or ReadError, with one sentence, if no training is possible with it.
    """
    request, grid = check_request(request)
    try:
        base = services.catalogue.get(request.base)
    except ModelError as error:
        raise RequestError(str(error)) from error
    found = await find_sources(services, project, request)
    loop, folder = asyncio.get_running_loop(), services.home / "datasets"
    draft = Draft(folder / _STAGING / uuid.uuid4().hex, base, grid)
    draft.skipped += found.skipped
    try:
        await asyncio.to_thread(_begin, draft.folder)
        for done, source in enumerate(found.sources):
            told(done, len(found.sources), f"looking at {source.name}")
            # One by one, in the one thread for pictures: other work with pictures gets in between.
            await loop.run_in_executor(services.pictures, partial(draft.take, services, project, source))
        check_enough(draft)
        return await loop.run_in_executor(services.pictures, partial(_finish, draft, request, found.warnings, folder))
    except OSError as error:
        raise RequestError(
            f"The dataset cannot be written into {folder} ({error.strerror}): check that disk, and its free space."
        ) from error
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, draft.folder, ignore_errors=True))


def captions_of(draft: Draft) -> list[str]:
    """What each picture is called: by its author, else by its names and the colours that tell it from the others."""
    style = style_colours([item.measured for item in draft.learnt])
    return [item.source.caption or with_colours(item.source.words, item.measured, style) for item in draft.learnt]


def _begin(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    for other in folder.parent.glob(f"{'[0-9a-f]' * 32}*") if not folder.parent.is_symlink() else ():
        with suppress(OSError):
            if time.time() - other.stat().st_mtime > _LEFT_BEHIND_S:
                shutil.rmtree(other, ignore_errors=True)


def _finish(draft: Draft, request: DatasetRequest, told: tuple[str, ...], folder: Path) -> Prepared:
    captions = captions_of(draft)
    contents: dict[str, Any] = {
        "trigger": request.trigger, "licence_note": request.licence_note,
        "items": [
            {"file": i.file, "width": i.width, "height": i.height, "caption": caption, "source": i.name, "sha256": i.sha256}
            for i, caption in zip(draft.learnt, captions, strict=True)
        ],
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps([_SCHEMA, contents], sort_keys=True).encode()).hexdigest()
    write_synced(draft.folder / DATASET, json.dumps({"schema": _SCHEMA, "hash": digest, **contents}, indent=1).encode())
    write_synced(draft.folder / SHEET, sheet_of(draft))
    known = colour_in(request.trigger)
    told = (*told, _KNOWN.format(request.trigger, known)) if known else told
    report = report_of(draft, captions, told, folder / digest / SHEET, digest)
    _put(draft.folder, folder / digest)
    return Prepared(folder / digest, report)


def _put(draft: Path, target: Path) -> None:
    """Rename the whole draft to its place; what stands there is kept if it is the same, and else, as damaged, replaced."""
    if target.exists() and not _same(draft, target):
        target.rename(draft.with_name(f"{draft.name}.damaged"))
    try:
        draft.rename(target)
    except OSError:
        if not target.exists():  # else it was there, or another process was as fast
            raise
    sync(target.parent)


def _same(one: Path, other: Path) -> bool:
    names = [file.relative_to(one).as_posix() for file in one.rglob("*") if file.is_file()]
    return filecmp.cmpfiles(one, other, names, shallow=False)[0] == names

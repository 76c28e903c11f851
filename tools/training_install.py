"""Puts a trained LoRA where models are listed: at once, and never over another one unless that is asked for."""

from __future__ import annotations

import filecmp
import logging
import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.models.card import Card, note_of, write_card
from dgx_pixels.models.training_disk import sync, write_whole

if TYPE_CHECKING:
    from dgx_pixels.models.catalogue import Catalogue
    from dgx_pixels.tools.training_request import TrainingRequest

logger = logging.getLogger(__name__)

_LEFT_BEHIND_S = 86_400


class InstallError(RuntimeError):
    """The LoRA cannot be put into the models' folder; it stays in its run's folder."""


def install(catalogue: Catalogue, made: Path, request: TrainingRequest, job_id: str) -> Path:
    """Copy the LoRA `made` to `loras/NAME.safetensors` of the models' folder, with its card beside it; blocks.

    It appears whole. The very same file that is there already is left as it is. Raises InstallError.
    """
    target = catalogue.folder / "loras" / f"{request.name}.safetensors"
    card, staging = _card(request, job_id), catalogue.folder / ".partial"
    staged = staging / f"{request.name}-{uuid.uuid4().hex}.safetensors"
    try:
        if target.is_file() and filecmp.cmp(made, target, shallow=False):
            if not note_of(target).exists():  # it was killed in between
                write_card(target, card)
            return target
        for folder in (staging, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        _sweep(staging)
        try:
            shutil.copyfile(made, staged)
            sync(staged)
            if request.overwrite:
                _replace(staged, target, card)
            else:
                _add(staged, target, card)
            sync(target.parent)
        finally:
            staged.unlink(missing_ok=True)
    except FileExistsError:
        raise InstallError(
            f"{target} is there since this training began, and it was not asked to replace it. The new LoRA lies at {made}: "
            f"move the other away, then call train_lora with resume={job_id!r}."
        ) from None
    except OSError as error:
        raise InstallError(
            f"The LoRA could not be put at {target} ({error.strerror}). It lies at {made}: mend that, then call train_lora with "
            f"resume={job_id!r}."
        ) from error
    return target


def _add(staged: Path, target: Path, card: Card) -> None:
    """Put a file and its card where nothing is. Raises FileExistsError, and OSError with nothing left."""
    try:
        os.link(staged, target)  # unlike a rename, this fails where something is
    except FileExistsError:
        raise
    except OSError:
        logger.info("%s has no hard links", target.parent)
        if target.exists():  # what little time passes after this look has to do
            raise FileExistsError from None
        staged.replace(target)
    try:
        write_card(target, card)
    except OSError:
        target.unlink()
        raise


def _replace(staged: Path, target: Path, card: Card) -> None:
    """Put a file and its card in the place of others. Raises OSError, and the others stand as they were."""
    note = note_of(target)
    before = note.read_bytes() if note.exists() else None
    write_card(target, card)  # first: once the file is another one there is no way back
    try:
        staged.replace(target)
    except OSError:
        if before is None:
            note.unlink()
        else:
            write_whole(note, before)
        raise


def _sweep(staging: Path) -> None:
    """Take away what a process that was killed long ago had begun to copy."""
    for file in staging.glob(f"*-{'[0-9a-f]' * 32}.safetensors"):
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > _LEFT_BEHIND_S:
                file.unlink()


def _card(request: TrainingRequest, job_id: str) -> Card:
    return Card(
        licence=request.licence_note or None, trigger_words=(request.trigger,) if request.trigger else (), recommended_weight=1.0,
        source=f"trained here, job {job_id}",
    )  # fmt: skip

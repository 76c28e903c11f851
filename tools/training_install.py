"""Puts a trained LoRA where models are listed: at once, and never over another one unless that is asked for."""

from __future__ import annotations

import filecmp
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.models.card import Card, write_card

if TYPE_CHECKING:
    from dgx_pixels.models.catalogue import Catalogue
    from dgx_pixels.tools.training_request import TrainingRequest

logger = logging.getLogger(__name__)


class InstallError(RuntimeError):
    """The LoRA cannot be put into the models' folder; it stays in its run's folder."""


def install(catalogue: Catalogue, made: Path, request: TrainingRequest, job_id: str) -> Path:
    """Copy the LoRA `made` to `loras/NAME.safetensors` of the models' folder, with its card beside it; blocks.

    It appears whole. The very same file that is there already is left as it is. Raises InstallError.
    """
    target = catalogue.folder / "loras" / f"{request.name}.safetensors"
    if target.is_file() and filecmp.cmp(made, target, shallow=False):
        return target
    staged = catalogue.folder / ".partial" / f"{request.name}-{uuid.uuid4().hex}.safetensors"
    try:
        for folder in (staged.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(made, staged)
            _sync(staged)
            if not request.overwrite and target.exists():
                raise FileExistsError
            write_card(target, _card(request, job_id))  # first: whoever lists the file finds its trigger
            _place(staged, target, overwrite=request.overwrite)
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


def _place(staged: Path, target: Path, *, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(staged, target)  # unlike a rename, this fails where something is
        except FileExistsError:
            raise
        except OSError:  # a disk without links: what little time has passed since the look has to do
            logger.info("%s has no hard links", target.parent)
        else:
            return
    staged.replace(target)


def _card(request: TrainingRequest, job_id: str) -> Card:
    return Card(
        licence=request.licence_note or None, trigger_words=(request.trigger,) if request.trigger else (), recommended_weight=1.0,
        source=f"trained here, job {job_id}",
    )  # fmt: skip


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())

"""Files and folders of a training, written whole or not at all, and what is said when the disk is full."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from dgx_pixels.models.training_spec import SpecError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BEGUN = ".begun-"


def write_whole(file: Path, data: bytes) -> None:
    """Write a file and see to it that it lasts; until then the one before stands. Raises OSError."""
    begun = file.with_name(f"{_BEGUN}{file.name}-{uuid.uuid4().hex}")
    try:
        write_synced(begun, data)
        begun.replace(file)
    except BaseException:
        begun.unlink(missing_ok=True)
        raise
    sync(file.parent)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files and see to it that it lasts; it is there with all of them, or not at all. Raises OSError."""
    begun = folder.with_name(f"{_BEGUN}{folder.name}-{uuid.uuid4().hex}")
    try:
        begun.mkdir(parents=True)
        for name, data in files.items():
            write_synced(begun / name, data)
        sync(begun)
        if folder.exists():
            shutil.rmtree(folder)
        begun.replace(folder)
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise
    sync(folder.parent)


def sweep(folder: Path) -> None:
    """Take away what a killed process had begun to write here."""
    for begun in folder.glob(f"{_BEGUN}*"):
        if begun.is_dir():
            shutil.rmtree(begun, ignore_errors=True)
        else:
            begun.unlink(missing_ok=True)


def check_room(folder: Path, needed: int, *, begun: bool) -> None:
    """Raise SpecError if the disk of this folder has fewer bytes left; settings of a training that has begun are settled."""
    from dgx_pixels.models.memory import in_words  # it brings torch, which the training process imports later

    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SpecError(
            f"The training needs {in_words(needed)} of disk for its checkpoints, and {folder} has {in_words(free)} left: "
            + ("free some." if begun else "free some, or use a smaller rank or keep fewer checkpoints.")
        )


def is_full(error: OSError) -> bool:
    """Whether an error says that the disk, a quota, or a file's allowed length is used up."""
    return error.errno in _FULL


def write_synced(file: Path, data: bytes) -> None:
    """Write a file in place, to the disk itself: for folders that are not at their own place yet. Raises OSError."""
    with file.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())


def sync(path: Path) -> None:
    """See to it that a file's contents, or a folder's names, last. Raises OSError."""
    if os.name == "posix":  # elsewhere a folder cannot be opened
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""What must hold before a file is written into a project, and the plain words for what does not."""

import errno
import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from dgx_pixels.bevy.manifest import MANIFEST_PATH, ManifestEntry
from dgx_pixels.bevy.project import BevyProject

FOLDERS = ("sprites", "tiles", "manifests")
"""The folders under assets/ that are ours to write into."""

# Room for a few sprites and a manifest. Less is as good as full, and is said before minutes of rendering rather than after.
MIN_FREE_BYTES = 1 << 18

_PLAIN = {
    errno.EROFS: ("the disk is mounted read-only", "mount it writable"),
    errno.EACCES: ("there is no permission to write", "change its owner or mode"),
    errno.EPERM: ("there is no permission to write", "change its owner or mode"),
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
}


class PublishError(RuntimeError):
    """Nothing (more) was published; the text says why and what to do."""


@dataclass(frozen=True)
class PublishItem:
    """One file to publish: its manifest entry and the bytes of the PNG that the entry describes."""

    entry: ManifestEntry
    data: bytes


def plain(error: OSError, where: Path) -> PublishError:
    """Return the error in one sentence: the file or folder it is about, what is wrong, what to do."""
    unknown = (error.strerror or type(error).__name__, "correct that")
    cause, remedy = _PLAIN.get(error.errno or 0, unknown)
    return PublishError(f"Cannot write to {error.filename2 or error.filename or where}: {cause}; {remedy} and try again.")


def target_of(project: BevyProject, path: str) -> Path:
    """Return the file that `path`, relative to assets/, stands for. Raises PublishError if it lies outside assets/."""
    parts = PurePosixPath(path).parts
    target = Path(os.path.realpath(project.assets.joinpath(*parts)))
    if not parts or ".." in parts or not target.is_relative_to(project.assets) or target == project.assets:
        raise PublishError(f"{path!r} leads out of {project.assets}: give a path inside it, without links to elsewhere.")
    return target


def check_items(items: Sequence[PublishItem]) -> None:
    """Raise PublishError unless every item is a whole PNG of its entry's size and hash, and no two share a path."""
    for item in items:
        fault = _fault(item)
        if fault:
            raise PublishError(f"{item.entry.path} was not published: its data {fault}; make the image again.")
    if len({item.entry.path for item in items}) < len(items):
        raise PublishError("Two files of one publish have the same path: give each its own.")


def _fault(item: PublishItem) -> str | None:
    size = (item.entry.width, item.entry.height)
    try:
        with Image.open(io.BytesIO(item.data), formats=("PNG",)) as image:
            if image.size != size:
                return f"is {image.size[0]}x{image.size[1]} pixels, not {size[0]}x{size[1]}"
            image.verify()  # checksums, which Bevy's decoder checks too; the image cannot be used afterwards
        with Image.open(io.BytesIO(item.data), formats=("PNG",)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"is no complete PNG ({error})"
    if hashlib.sha256(item.data).hexdigest() != item.entry.sha256:
        return "does not have the entry's sha256"
    return None


def check_folders(project: BevyProject) -> None:
    """Raise PublishError unless assets/ and those of our folders that exist can be written into. Writes nothing."""
    for name in ("", *FOLDERS):
        folder = target_of(project, name) if name else project.assets
        if folder.is_dir():
            _check_folder(folder)
        elif folder.exists():
            raise PublishError(f"{folder} is a file, but must be a folder: move it away, then try again.")
    target_of(project, MANIFEST_PATH)


def _check_folder(folder: Path) -> None:
    disk = os.statvfs(folder)
    # No test file here: Bevy's watcher would see it. The kernel's answer counts for root on a read-only disk too.
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        read_only = bool(disk.f_flag & os.ST_RDONLY)
        raise plain(OSError(errno.EROFS if read_only else errno.EACCES, ""), folder)
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < MIN_FREE_BYTES:  # some file systems know no sizes: 0 blocks
        raise plain(OSError(errno.ENOSPC, ""), folder)

"""What must hold before a file is written into a project, and the plain words for what does not."""

import errno
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from PIL import Image
from pydantic import TypeAdapter, ValidationError

from dgx_pixels.bevy.items import META, MOST_SIDECAR_BYTES, MOST_SIDECARS, PublishItem, Sidecar, sha256, suffix_of
from dgx_pixels.bevy.manifest import MANIFEST_PATH, ManifestEntry, SidecarPath
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


def plain(error: OSError, where: Path) -> PublishError:
    """Return the error in one sentence: the file or folder it is about, what is wrong, what to do."""
    unknown = (error.strerror or type(error).__name__, "correct that")
    cause, remedy = _PLAIN.get(error.errno or 0, unknown)
    return PublishError(f"Cannot write to {error.filename2 or error.filename or where}: {cause}; {remedy} and try again.")


def target_of(project: BevyProject, path: str) -> Path:
    """Return the file that `path`, relative to assets/, stands for. Raises PublishError if it lies outside assets/."""
    parts = PurePosixPath(path).parts
    try:
        target = Path(os.path.realpath(project.assets.joinpath(*parts)))
    except ValueError as error:  # a byte 0, or half a character
        raise PublishError(f"{path[:200]!r} is no path: give one inside {project.assets}.") from error
    if not parts or ".." in parts or not target.is_relative_to(project.assets) or target == project.assets:
        raise PublishError(f"{path[:200]!r} leads out of {project.assets}: give a path inside it, without links to elsewhere.")
    return target


def check_items(items: Sequence[PublishItem]) -> None:
    """Raise PublishError unless each item is a whole PNG of its entry's size and hash, its sidecars fit, and paths differ."""
    for item in items:
        fault = _fault(item)
        if fault:
            raise PublishError(f"{item.entry.path} was not published: its data {fault}; make the image again.")
        if len(item.sidecars) > MOST_SIDECARS:
            raise PublishError(f"{item.entry.path} has {len(item.sidecars)} files beside it: give at most {MOST_SIDECARS}.")
        for sidecar in item.sidecars:
            _check_sidecar(sidecar)
    most = Counter(part.path for item in items for part in item.parts()).most_common(1)
    if most and most[0][1] > 1:
        raise PublishError(f"Two files of one publish have the same path, {most[0][0]}: give each its own.")


def _check_sidecar(sidecar: Sidecar) -> None:
    try:
        TypeAdapter(SidecarPath).validate_python(sidecar.path)
    except ValidationError as error:
        fit = "manifests/NAME.json, .ron, .tsx or .tmx, with a NAME of a-z, 0-9 and _"
        raise PublishError(f"{sidecar.path[:200]!r} cannot be a sidecar's path: use {fit}.") from error
    if sidecar.path == MANIFEST_PATH or suffix_of(sidecar.path) == META:
        raise PublishError(f"{sidecar.path} is written by the publisher itself: give the sidecar another name.")
    if not 0 < len(sidecar.data) <= MOST_SIDECAR_BYTES:
        raise PublishError(f"{sidecar.path} has {len(sidecar.data):,} bytes: give 1 to {MOST_SIDECAR_BYTES:,}.")


def refuse_foreign(entries: Iterable[ManifestEntry], items: Sequence[PublishItem]) -> None:
    """Raise PublishError if a sidecar of an item goes with another asset already."""
    owners = {file.path: entry.path for entry in entries for file in entry.files}
    for item in items:
        for sidecar in item.sidecars:
            owner = owners.get(sidecar.path, item.entry.path)
            if owner != item.entry.path:
                raise PublishError(f"assets/{sidecar.path} belongs to assets/{owner}: choose another name.")


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
    if sha256(item.data) != item.entry.sha256:
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

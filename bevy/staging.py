"""Complete files first, visible second: the folder beside assets/ where files are made before one rename shows them.

Bevy's watcher saw exactly one reload for a complete file renamed in from outside assets/, torn images for writes in
place, and none or two reloads for temporary files inside assets/ (measured, see the publishing protocol).
"""

import errno
import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dgx_pixels.bevy.manifest import MOST_BYTES
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.pixels.plain_file import open_folder, read_plain

PART = ".part"
JOURNAL = ".journal"
_OURS = "[0-9a-f]" * 32
"""How our names begin, as a pattern."""
_IGNORED = b"/staging/\n/lock\n"
# Bevy's debouncer drops a rename inside assets/ that comes later than this after the temporary file was made.
_SLOW_RENAME_S = 0.15


@dataclass(frozen=True)
class Staging:
    """The project's `.dgx_pixels` folder, with `staging/` for unfinished files and `lock` for the one who writes."""

    home: Path

    @property
    def folder(self) -> Path:
        """Where unfinished files stand."""
        return self.home / "staging"

    @property
    def lock(self) -> Path:
        """The file that whoever writes into the project holds locked."""
        return self.home / "lock"

    def make(self) -> list[Path]:
        """Make the folders; return those that were missing, outermost first. Raises OSError, leaving none behind."""
        made: list[Path] = []
        try:
            for folder in (self.home, self.folder):
                if make_folder(folder):
                    made.append(folder)
        except OSError:
            remove_empty(made)
            raise
        return made

    def ignore(self) -> None:
        """Keep unfinished files and the lock out of the user's version control. A file the user wrote stays."""
        target = self.home / ".gitignore"
        if not target.exists():
            self.stage(_IGNORED, PART).replace(target)

    def stage(self, data: bytes, suffix: str) -> Path:
        """Write a complete file, safe on disk, with its final mode; return its path. Raises OSError, leaving no file."""
        return write_complete(self.folder / f"{uuid.uuid4().hex}{suffix}", data)

    def try_room(self, size: int) -> None:
        """Find out whether a file of so many bytes could be written. Raises OSError, leaving no file."""
        path = self.folder / f"{uuid.uuid4().hex}{PART}"
        with path.open("xb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)  # nothing is to last: no wait for the disk
            finally:
                path.unlink(missing_ok=True)

    def journals(self) -> list[bytes]:
        """Return the manifests that were about to be written: of a publish that runs now, or of one that was cut off."""
        found = []
        for path in sorted(self.folder.glob(f"{_OURS}{JOURNAL}")):
            with suppress(FileNotFoundError):  # the publish that runs now just finished
                found.append(read_plain(path, MOST_BYTES))
        return found

    def sweep(self, suffix: str) -> None:
        """Remove what a crash left. Only for the holder of the lock, when nothing of its own is staged."""
        for path in self.folder.glob(f"{_OURS}{suffix}"):
            path.unlink(missing_ok=True)


def staging_of(project: BevyProject) -> Staging:
    """Return where the project's files are staged. Raises OSError if a link leads out of the project."""
    staging = Staging(Path(os.path.realpath(project.root / ".dgx_pixels")))
    if not Path(os.path.realpath(staging.folder)).is_relative_to(project.root):
        raise OSError(errno.ELOOP, "it is a link that leads out of the project", str(staging.home))
    return staging


def put(staged: Path, target: Path) -> None:
    """Show a staged file under its final name in one step; afterwards neither its mode nor its time is touched.

    `target` has no link in it, as `os.path.realpath` gives it: if a folder on the way has become one since, nothing is written.

    Raises OSError; then the target is as it was, and the staged file is the caller's to remove.
    """
    folder = open_folder(target.parent)
    try:
        os.replace(staged, target.name, dst_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise OSError(error.errno, error.strerror, str(target)) from error
        _put_across_file_systems(staged, target)
    finally:
        os.close(folder)


def _put_across_file_systems(staged: Path, target: Path) -> None:
    """Write beside the target and rename at once: the best there is where no folder outside assets/ shares its disk."""
    data = staged.read_bytes()
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}{PART}")
    started = time.monotonic()
    try:
        write_complete(beside, data).replace(target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    if time.monotonic() - started > _SLOW_RENAME_S:
        os.utime(target)  # the watcher missed the late rename; a change of time makes it look
    staged.unlink(missing_ok=True)


def sweep_beside(folder: Path) -> None:
    """Remove what a crash left beside targets on another file system."""
    for path in folder.glob(f".*.{_OURS}{PART}"):
        path.unlink(missing_ok=True)


def write_complete(path: Path, data: bytes) -> Path:
    """Write a new file that is safe on disk and readable by all; return its path. Raises OSError, leaving no file."""
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # now, since a change of mode after the rename would reload once more
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
    return path


def make_folder(folder: Path) -> bool:
    """Make one folder; return whether it was missing. Raises OSError if it cannot be, or is a file."""
    try:
        folder.mkdir()
    except FileExistsError:
        if folder.is_dir():
            return False
        raise
    sync_folder(folder.parent)
    return True


def remove_empty(folders: list[Path]) -> None:
    """Remove folders that were made in vain, innermost last in the list; one that is in use by now stays."""
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe on disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

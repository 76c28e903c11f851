"""Files from folders that others may have filled: opened only if they are plain, and read only up to a limit.

A game's repository, or a folder of models, may hold a link to `/dev/zero`, a pipe that nobody writes to, or a file of a terabyte:
reading these as any other file would take all memory, or never end.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""O_PATH, where there is one, needs no permission to list a folder, which others' homes seldom give."""


@contextmanager
def open_plain(file: Path) -> Iterator[BufferedReader]:
    """Open a plain file for reading; links are followed. Raises OSError for what is not there, a pipe, a device or a folder."""
    with os.fdopen(_checked(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), file), "rb") as opened:
        yield opened


@contextmanager
def open_unlinked(file: Path) -> Iterator[BufferedReader]:
    """Open a plain file by a path without any link, such as `os.path.realpath` gives, or raise OSError.

    Whoever has checked where a path leads reads what he has checked, also if a folder on the way has become a link since.
    """
    folder = open_folder(file.parent)
    try:
        handle = os.open(file.name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(_checked(handle, file), "rb") as opened:
        yield opened


def open_folder(folder: Path) -> int:
    """A handle of a folder, which the caller closes, by an absolute path without any link. Raises OSError."""
    handle = os.open(folder.anchor, _FOLDER)
    try:
        for part in folder.parts[1:]:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
    except OSError as error:
        os.close(handle)
        raise OSError(error.errno, error.strerror, str(folder)) from error
    return handle


def read_plain(file: Path, most_bytes: int) -> bytes:
    """The content of a plain file. Raises OSError as `open_plain` does, and if it has more than `most_bytes`."""
    with open_plain(file) as opened:
        return read_some(opened, most_bytes, file)


def read_some(opened: BufferedReader, most_bytes: int, file: Path) -> bytes:
    """What an open file holds; raises OSError, naming the `file`, if that is more than `most_bytes`."""
    data = opened.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EINVAL, f"it has more than {most_bytes:,} bytes, which is the most that is read", str(file))
    return data


def _checked(handle: int, file: Path) -> int:
    """The handle itself, if it is that of a plain file; else it is closed. Raises OSError."""
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    raise OSError(errno.EINVAL, "it is no plain file", str(file))

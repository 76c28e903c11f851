"""Files that a person names on the command line: read wherever they lie, pipes included, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from dgx_pixels.pixels.plain_file import read_some


def read_own(file: Path, most_bytes: int) -> bytes:
    """What a file or a pipe holds. Raises OSError, also if that is more than `most_bytes`."""
    with file.open("rb") as opened:
        return read_some(opened, most_bytes, file)


def write_whole(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all; into what is no plain file, like /dev/stdout, at once. Raises OSError.

    A link stays one, and so do the permissions of what is written anew.
    """
    target = Path(os.path.realpath(file))
    if file.absolute().parts[1:2] in (("dev",), ("proc",)) or (target.exists() and not target.is_file()):
        file.write_bytes(data)
        return
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as staged:
            staged.write(data)
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
    except OSError as error:
        error.filename, error.filename2 = str(file), None  # what was asked for, not our part of it
        raise
    finally:
        with contextlib.suppress(OSError):  # it may never have been there
            part.unlink()

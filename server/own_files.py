"""Files that a person names on the command line: read wherever they lie, pipes included, and written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from dgx_pixels.pixels.plain_file import read_some


def read_own(file: Path, most_bytes: int) -> bytes:
    """What a file or a pipe holds. Raises OSError, also if that is more than `most_bytes`."""
    with file.open("rb") as opened:
        return read_some(opened, most_bytes, file)


def write_whole(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all; into what is no plain file, like /dev/stdout, at once. Raises OSError."""
    if file.exists() and not file.is_file():
        file.write_bytes(data)
        return
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(data)
        part.replace(file)
    except OSError as error:
        error.filename, error.filename2 = str(file), None  # what was asked for, not our part of it
        raise
    finally:
        part.unlink(missing_ok=True)

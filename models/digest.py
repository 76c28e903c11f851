"""SHA-256 of weight files, each computed once: kept in memory, and for large files on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from pathlib import Path

from dgx_pixels.pixels.plain_file import open_plain, read_plain

_LARGE = 50_000_000
"""Bytes from which on a digest is worth keeping on disk: a checkpoint of 7 GB takes 5 to 20 s to read."""

_MOST_KEPT = 16 << 20

Key = tuple[str, int, int]
"""A file's path, size in bytes, and time of change in ns: a file with other ones is read again."""


class Digests:
    """Remembers digests. `kept` is a JSON file for those of large files; without one they live as long as the process."""

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self._known: dict[Key, str] = {}
        self._lock = threading.Lock()
        self._read = False

    def sha256(self, file: Path) -> str:
        """The SHA-256 of a file in hex, computed if it is not known yet. Raises OSError."""
        known = self.known(file)
        if known is None:
            with open_plain(file) as f:
                known = hashlib.file_digest(f, "sha256").hexdigest()
            self.remember(file, known)
        return known

    def known(self, file: Path) -> str | None:
        """The SHA-256 of a file if it has been computed before, else None. Raises OSError."""
        with self._lock:
            if not self._read:
                self._known |= self._from_disk()
                self._read = True
            return self._known.get(_key(file))

    def remember(self, file: Path, digest: str) -> None:
        """Take down what someone else has computed, such as a download that was checked."""
        key = _key(file)
        with self._lock:
            self._known[key] = digest
            if key[1] >= _LARGE and self._kept is not None:
                with contextlib.suppress(OSError):  # a home that cannot be written costs time, nothing else
                    self._write(self._kept, self._from_disk() | {key: digest})

    def _from_disk(self) -> dict[Key, str]:
        if self._kept is None:
            return {}
        try:
            rows = json.loads(read_plain(self._kept, _MOST_KEPT))
            return {(str(path), int(size), int(mtime)): str(digest) for path, size, mtime, digest in rows}
        except (OSError, ValueError, TypeError, OverflowError, RecursionError):
            return {}

    @staticmethod
    def _write(kept: Path, known: dict[Key, str]) -> None:
        rows = [[*key, digest] for key, digest in known.items() if _is_still(key)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, prefix=f".{kept.name}")
        with os.fdopen(handle, "w") as f:
            json.dump(rows, f, indent=0)
        Path(name).replace(kept)


def _key(file: Path) -> Key:
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


def _is_still(key: Key) -> bool:
    try:
        return _key(Path(key[0])) == key
    except OSError:
        return False


MEMORY = Digests()
"""For models outside any catalogue, and the one that is in all of them."""

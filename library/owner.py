"""Who works on a job: an open library, known by a lock file that the system frees when its process ends, however it ends."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from filelock import FileLock, Timeout


class Owner:
    """The lock of one open library, held until `release`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.id = uuid.uuid4().hex
        self._lock = FileLock(self._file(self.id))
        self._lock.acquire()

    def _file(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def release(self) -> None:
        """Give the lock back; what it worked on counts as left."""
        self._lock.release()
        self._file(self.id).unlink(missing_ok=True)

    def works(self, owner: str) -> bool:
        """Whether the open library of this id is there still. A process id could not tell: ids are used again."""
        if owner == self.id:
            return True
        if not re.fullmatch("[0-9a-f]{32}", owner) or not self._file(owner).exists():
            return False
        try:
            with FileLock(self._file(owner)).acquire(timeout=0):
                self._file(owner).unlink(missing_ok=True)
        except Timeout:
            return True
        return False

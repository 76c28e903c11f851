"""Notices when somebody edits a published file by hand: an artist, in a paint program, while the game runs."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dgx_pixels.bevy.ledger import is_ours, manifest_of, sha256_of
from dgx_pixels.bevy.manifest import MANIFEST_PATH
from dgx_pixels.bevy.preflight import PublishError, target_of
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.staging import staging_of

logger = logging.getLogger(__name__)

_MOST_FILES = 2000
"""Of one project: the first of its manifest; looking at so many takes some ms."""

Edited = Callable[[BevyProject, str], None]
"""Told of a project and the path, relative to assets/, of a PNG whose bytes are not ours any more."""
_Stamp = tuple[int, int, int]


@dataclass
class _Watched:
    project: BevyProject
    manifest: _Stamp | None = None
    published: dict[str, str] = field(default_factory=dict)
    """The hash of each PNG by its path, as the manifest has it."""
    seen: dict[str, _Stamp | None] = field(default_factory=dict)
    """How each file was when it was last known to be ours, or told of."""
    quiet: dict[str, _Stamp | None] = field(default_factory=dict)
    """How a file that has changed was when it was last looked at: it is judged when it has stayed so."""


class ProjectsWatch:
    """Looks every `every_s` seconds, on a thread of its own, at the PNGs that the projects' manifests name.

    A file that was changed and then stayed the same for one look is compared with what was published. Looking at just these
    files is cheap, works on network disks, and sees what was edited while no server ran; a watch over all of assets/ (watchdog)
    would walk the whole of a game's art for it, or miss what is saved in a folder that is just being made.
    """

    def __init__(self, edited: Edited, every_s: float = 1.0) -> None:
        self._edited = edited
        self._every_s = every_s
        self._watched: dict[Path, _Watched] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projects-watch", daemon=True)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The projects that are watched."""
        return tuple(self._watched)

    def add(self, project: BevyProject) -> bool:
        """Watch a project from now on; answers with whether it was not watched before."""
        new = project.root not in self._watched
        if new:
            self._watched[project.root] = _Watched(project)
        return new

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End looking; after it, nothing more is told."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            for watched in tuple(self._watched.values()):
                try:
                    self._look(watched)
                except (
                    OSError,
                    PublishError,
                ) as error:  # gone, or its manifest damaged: whoever publishes hears of it
                    logger.debug("%s cannot be looked at: %s", watched.project.root, error)
                except Exception:
                    logger.exception("looking at %s failed", watched.project.root)

    def _look(self, watched: _Watched) -> None:
        stamp = _stamp(target_of(watched.project, MANIFEST_PATH))
        if stamp != watched.manifest:
            entries = manifest_of(watched.project).assets[:_MOST_FILES]
            watched.published, watched.manifest = {entry.path: entry.sha256 for entry in entries}, stamp
        for path in watched.published:
            now = _stamp(target_of(watched.project, path))
            if now == watched.seen.get(path):
                watched.quiet.pop(path, None)
            elif watched.quiet.get(path, ()) != now:
                watched.quiet[path] = now
            else:
                self._judge(watched, path, now)

    def _judge(self, watched: _Watched, path: str, now: _Stamp | None) -> None:
        """Tell of a changed file if it is not ours. One that changes while it is judged is judged again."""
        file = target_of(watched.project, path)
        found = sha256_of(file)
        ours = found in (None, watched.published[path]) or is_ours(watched.project, staging_of(watched.project), path)
        if _stamp(file) != now:
            return
        del watched.quiet[path]
        watched.seen[path] = now
        if not ours:
            self._edited(watched.project, path)


def _stamp(file: Path) -> _Stamp | None:
    """What changes when a file is written or replaced; None if there is none."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino

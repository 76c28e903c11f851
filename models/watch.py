"""Notices when something in the models' folder changes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from watchdog.events import DirModifiedEvent, FileClosedNoWriteEvent, FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.polling import PollingObserverVFS

logger = logging.getLogger(__name__)


class ModelsWatch(FileSystemEventHandler):
    """Calls `changed` on a thread of its own when the folder has been quiet for `quiet_s` seconds after a change.

    Copying one model fires many events; a pause tells that it is over. What lies in hidden folders, like half a download,
    changes nothing. The folders are made if they are not there; after `stop` no call is running.

    It looks every `every_s` seconds: watchdog's inotify observer stumbles over folders that are made while it looks at their
    parents, and sees nothing on network disks, where models often lie; a folder of models is small.
    """

    def __init__(self, folder: Path, changed: Callable[[], None], quiet_s: float = 1.5, every_s: float = 1.0) -> None:
        self._folder = folder
        self._changed = changed
        self._quiet_s = quiet_s
        self._every_s = every_s
        self._event = threading.Event()
        self._stop = threading.Event()
        self._observer = PollingObserverVFS(os.stat, self._listed, polling_interval=every_s)
        self._thread = threading.Thread(target=self._run, name="models-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch. Where that cannot be, a warning says so: models are found when asked for all the same."""
        try:
            for kind in ("checkpoints", "loras", "vae"):
                (self._folder / kind).mkdir(parents=True, exist_ok=True)
            self._observer.schedule(self, str(self._folder), recursive=True)
            self._observer.start()
        except OSError as error:  # the folder cannot be made or read
            logger.warning("%s is not watched: %s", self._folder, error)
            return
        self._thread.start()

    def stop(self) -> None:
        """End watching."""
        self._stop.set()
        self._event.set()
        if self._thread.is_alive():
            self._observer.stop()
            self._observer.join()
            self._thread.join()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take note of what the observer reports; reading is no change, and a folder's is told by what lies in it."""
        if isinstance(event, FileOpenedEvent | FileClosedNoWriteEvent | DirModifiedEvent):
            return
        paths = [Path(str(p)) for p in (event.src_path, event.dest_path) if p]
        if any(not _is_hidden(p, self._folder) for p in paths):
            self._event.set()

    def _listed(self, folder: str | None) -> Iterator[os.DirEntry[str]]:
        """What lies in a folder. As in `scan.model_files`, a link inside a linked folder is not followed: it may lead back."""
        below = [Path(folder or "."), *Path(folder or ".").parents]
        links = sum(path.is_symlink() for path in below if path != self._folder and path.is_relative_to(self._folder))
        return os.scandir(folder) if links < 2 else iter(())

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._event.wait(self._every_s) and not self._gone_or_back():
                continue
            self._event.clear()
            while not self._stop.is_set() and self._event.wait(self._quiet_s):
                self._event.clear()
            if not self._stop.is_set():
                try:
                    self._changed()
                except Exception:  # one failure must not end the watching
                    logger.exception("what follows a change in %s failed", self._folder)

    def _gone_or_back(self) -> bool:
        """Whether the folder has just gone, as a network disk may, or is just back: watchdog ends looking at one that is away."""
        if any(emitter.is_alive() for emitter in self._observer.emitters):
            return False
        if self._observer.emitters:
            self._observer.unschedule_all()  # with what it had still to tell, that the folder has gone
            return True
        try:
            self._observer.schedule(self, str(self._folder), recursive=True)
        except OSError:  # it is away still
            return False
        return True


def _is_hidden(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and any(part.startswith(".") for part in path.relative_to(folder).parts)

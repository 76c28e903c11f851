"""The one writer into Bevy projects: complete files, one visible step each, the manifest last, nothing of the user's lost."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dgx_pixels.bevy.ledger import finished_manifest, manifest_of, refuse_edited, sha256_of
from dgx_pixels.bevy.manifest import MANIFEST_PATH, to_bytes, with_entries
from dgx_pixels.bevy.preflight import (
    MIN_FREE_BYTES,
    PublishError,
    PublishItem,
    check_folders,
    check_items,
    plain,
    target_of,
)
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.staging import JOURNAL, PART, Staging, make_folder, put, remove_empty, staging_of, sweep_beside, sync_folder

__all__ = ["PublishError", "PublishItem", "Publisher"]

# Part of the measured protocol: a file that appears in the instant its folder does is never seen, since the watcher has
# not begun to watch the folder. 1 ms was enough in every trial.
_ARM_WATCHER_S = 0.05


class Publisher:
    """Writes into projects, one publish per project at a time across threads and processes; its methods block.

    A running game reloads each changed file at least once and never sees half of one; exactly once if publishes of the
    same path are more than half a second apart.
    """

    def __init__(self, lock_timeout_s: float = 60.0) -> None:
        self._lock_timeout_s = lock_timeout_s

    def check(self, project: BevyProject) -> None:
        """Find out, before the expensive render, whether a publish could write; touches nothing inside assets/.

        Raises:
            PublishError: read-only or full disk, no permission, a link out of the project, an unusable manifest.

        """
        made: list[Path] = []
        try:
            check_folders(project)
            manifest_of(project)
            staging = staging_of(project)
            made = staging.make()
            staging.stage(bytes(MIN_FREE_BYTES), PART).unlink(missing_ok=True)
        except OSError as error:
            remove_empty(made)
            raise plain(error, project.root) from error

    def refuse_edited(self, project: BevyProject, paths: Sequence[str], overwrite: bool) -> None:
        """Refuse to replace what is not ours, unless `overwrite`; `paths` are relative to assets/.

        Raises:
            PublishError: a file there was edited since we published it, or was never published by us.

        """
        if overwrite:
            return
        try:
            refuse_edited(project, staging_of(project), paths)
        except OSError as error:
            raise plain(error, project.assets) from error

    def publish(self, project: BevyProject, items: Sequence[PublishItem], overwrite: bool = False) -> list[bool]:
        """Publish the items; return for each whether the file changed, False where it held the same bytes already.

        Raises:
            PublishError: an item is no PNG of its entry's size, a file is not ours to replace, or the disk refuses. Each
                file is then either the old or the new one, whole.

        """
        check_items(items)
        if not items:
            return []
        try:
            with self._locked(project) as staging:
                return _publish(project, staging, items, overwrite)
        except OSError as error:
            raise plain(error, project.assets) from error

    @contextmanager
    def _locked(self, project: BevyProject) -> Iterator[Staging]:
        staging = staging_of(project)
        staging.make()
        try:
            # A new lock object each time: two threads of one process then exclude each other as two processes do.
            held = FileLock(staging.lock).acquire(timeout=self._lock_timeout_s)
        except Timeout as error:
            raise PublishError(
                f"Another process has been writing into {project.root} for {self._lock_timeout_s:g} s: "
                "wait for it or end it, then try again."
            ) from error
        with held:
            staging.sweep(PART)
            try:
                yield staging
            finally:
                staging.sweep(PART)


def _publish(project: BevyProject, staging: Staging, items: Sequence[PublishItem], overwrite: bool) -> list[bool]:
    targets = [target_of(project, item.entry.path) for item in items]
    changed = [sha256_of(target) != item.entry.sha256 for item, target in zip(items, targets, strict=True)]
    news = [(item, target) for item, target, new in zip(items, targets, changed, strict=True) if new]
    if not overwrite:
        refuse_edited(project, staging, [item.entry.path for item, _ in news])
    manifest = to_bytes(with_entries(finished_manifest(project, staging), [item.entry for item in items]))
    manifest_target = target_of(project, MANIFEST_PATH)
    _make_folders(project, [*targets, manifest_target])
    staging.ignore()
    _show(staging, [(item.data, target) for item, target in news], manifest, manifest_target)
    staging.sweep(JOURNAL)
    return changed


def _make_folders(project: BevyProject, targets: Sequence[Path]) -> None:
    folders = {folder for target in targets for folder in target.parents if folder.is_relative_to(project.assets)}
    made: list[Path] = []
    try:
        for folder in sorted(folders):
            if make_folder(folder):
                made.append(folder)
            sweep_beside(folder)
    except OSError:
        remove_empty(made)
        raise
    if made:
        time.sleep(_ARM_WATCHER_S)


def _show(staging: Staging, news: Sequence[tuple[bytes, Path]], manifest: bytes, manifest_target: Path) -> None:
    """Stage everything, then show the PNGs, then the manifest: whoever reads the manifest finds what it names."""
    journal = staging.stage(manifest, JOURNAL)
    shown = False
    try:
        staged = [(staging.stage(data, PART), target) for data, target in news]
        for part, target in staged:
            put(part, target)
            shown = True
        for folder in {target.parent for _, target in staged}:
            sync_folder(folder)
        _show_manifest(journal, manifest, manifest_target)
    except OSError:
        if not shown:  # else the journal is what still tells these PNGs from the user's
            journal.unlink(missing_ok=True)
        raise


def _show_manifest(journal: Path, manifest: bytes, target: Path) -> None:
    if target.exists() and target.read_bytes() == manifest:
        return  # no reload for nothing; the journal is swept
    put(journal, target)
    sync_folder(target.parent)

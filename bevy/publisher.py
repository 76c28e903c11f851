"""The one writer into Bevy projects: complete files, one visible step each, the manifest last, nothing of the user's lost."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from dgx_pixels.bevy.items import META, NEAREST_META, PublishItem, Sidecar, rank, sha256, suffix_of
from dgx_pixels.bevy.ledger import finished_manifest, is_ours, manifest_of, refuse_edited, sha256_of
from dgx_pixels.bevy.manifest import MANIFEST_PATH, MOST_BYTES, AssetFile, Manifest, to_bytes, with_entries
from dgx_pixels.bevy.plugin import copy_plugin, plugin_path
from dgx_pixels.bevy.preflight import (
    MIN_FREE_BYTES,
    PublishError,
    check_folders,
    check_items,
    plain,
    refuse_foreign,
    target_of,
)
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.project_settings import ProjectSettings, SettingsError, read_settings, settings_file
from dgx_pixels.bevy.project_settings import to_bytes as settings_bytes
from dgx_pixels.bevy.staging import JOURNAL, PART, Staging, make_folder, put, remove_empty, staging_of, sweep_beside, sync_folder

__all__ = ["PublishError", "PublishItem", "Publisher", "Sidecar"]

# Part of the measured protocol: a file that appears in the instant its folder does is never seen, since the watcher has
# not begun to watch the folder. 1 ms was enough in every trial.
_ARM_WATCHER_S = 0.05


@dataclass(frozen=True)
class _Part:
    """A file that is to be shown: its path relative to assets/, its bytes, and where it stands on disk."""

    path: str
    data: bytes
    target: Path


class Publisher:
    """Writes into projects, one publish per project at a time across threads and processes; its methods block.

    A running game reloads each changed file at least once and never sees half of one; exactly once if publishes of the
    same path are more than half a second apart.
    """

    def __init__(self, lock_timeout_s: float = 60.0) -> None:
        self._lock_timeout_s = lock_timeout_s

    def check(self, project: BevyProject) -> None:
        """Find out, before the expensive render, whether a publish could write.

        Nothing inside assets/ is touched, but for the end of a publish that was killed: its manifest is written.

        Raises:
            PublishError: read-only or full disk, no permission, a link out of the project, an unusable manifest.

        """
        made: list[Path] = []
        try:
            check_folders(project)
            manifest_of(project)
            staging = staging_of(project)
            made = staging.make()
            staging.try_room(MIN_FREE_BYTES)
            if staging.journals():
                self._recover(project, staging)
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
        """Publish the items; return for each whether its PNG changed, False where the file held the same bytes already.

        All PNGs are shown first, then the sidecars, then the manifest; with the project's setting `meta`, before each PNG its
        `.meta`, unless there is one that the user wrote.

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

    def write_settings(self, project: BevyProject, settings: ProjectSettings) -> None:
        """Write the project's settings. Raises PublishError if the disk refuses; then the old ones stand."""
        try:
            with self._locked(project) as staging:
                staging.ignore()
                put(staging.stage(settings_bytes(settings), PART), staging.home / settings_file(project).name)
        except OSError as error:
            raise plain(error, project.root) from error

    def copy_plugin(self, project: BevyProject, overwrite: bool = False) -> bool:
        """Copy the reload plugin into the game's src/; return whether the file changed. It still has to be added to the app.

        Raises:
            PublishError: there is no src/, another file of that name stands there and `overwrite` is false, or the disk refuses.

        """
        plugin_path(project)  # before a folder is made in vain
        try:
            with self._locked(project) as staging:
                return copy_plugin(project, staging, overwrite)
        except OSError as error:
            raise plain(error, project.root) from error

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

    def _recover(self, project: BevyProject, staging: Staging) -> None:
        """Write the manifest of a publish that was killed before it could. One that still runs does so itself."""
        try:
            held = FileLock(staging.lock).acquire(timeout=0)
        except Timeout:
            return
        with held:
            manifest = to_bytes(finished_manifest(project, staging))
            target = target_of(project, MANIFEST_PATH)
            _make_folders(project, [target])
            _show_manifest(staging.stage(manifest, PART), manifest, target)
            staging.sweep(JOURNAL)
            staging.sweep(PART)


def _publish(project: BevyProject, staging: Staging, items: Sequence[PublishItem], overwrite: bool) -> list[bool]:
    manifest = finished_manifest(project, staging)
    refuse_foreign(manifest.assets, items)
    if _settings(project).meta:
        items = [_with_meta(project, staging, item) for item in items]
    news = [part for item in items for part in _news(project, item)]
    if not overwrite:
        refuse_edited(project, staging, [part.path for part in news])
    entries = [item.full_entry(_left(project, manifest, item)) for item in items]
    final = to_bytes(with_entries(manifest, entries))
    if len(final) > MOST_BYTES:  # it would not be read again
        raise PublishError(
            f"The manifest would grow beyond {MOST_BYTES >> 20} MiB: remove assets from assets/{MANIFEST_PATH} first."
        )
    manifest_target = target_of(project, MANIFEST_PATH)
    _make_folders(project, [*(part.target for part in news), manifest_target])
    staging.ignore()
    _show(staging, sorted(news, key=lambda part: rank(part.path)), final, manifest_target)
    staging.sweep(JOURNAL)
    changed = {part.path for part in news}
    return [item.entry.path in changed for item in items]


def _settings(project: BevyProject) -> ProjectSettings:
    try:
        return read_settings(project)
    except SettingsError as error:
        raise PublishError(str(error)) from error


def _with_meta(project: BevyProject, staging: Staging, item: PublishItem) -> PublishItem:
    path = item.entry.path + META
    ours = is_ours(project, staging, path) or sha256_of(target_of(project, path)) == sha256(NEAREST_META)
    if not ours:
        return item  # the user's own settings of the image stay
    return replace(item, sidecars=(*item.sidecars, Sidecar(path, NEAREST_META)))


def _news(project: BevyProject, item: PublishItem) -> list[_Part]:
    """The files of an item that the disk does not hold yet, or that must be shown again since what they go with is new."""
    news: list[_Part] = []
    shown: set[str] = set()
    for part in item.parts():
        target = target_of(project, part.path)
        kind = suffix_of(part.path)
        # Bevy reads the .meta only with its image; Tiled's loader takes a new tileset only with a map that changed after it.
        again = (kind == ".png" and META in shown) or (kind == ".tmx" and ".tsx" in shown)
        if again or sha256_of(target) != sha256(part.data):
            news.append(_Part(part.path, part.data, target))
            shown.add(kind)
    return news


def _left(project: BevyProject, manifest: Manifest, item: PublishItem) -> list[AssetFile]:
    """Files that an earlier version had beside it: they stay, since someone may use them by now, and stay known as ours."""
    old = next((entry for entry in manifest.assets if entry.path == item.entry.path), None)
    return [file for file in old.files if target_of(project, file.path).exists()] if old is not None else []


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


def _show(staging: Staging, news: Sequence[_Part], manifest: bytes, manifest_target: Path) -> None:
    """Stage everything, then show the files in their order, then the manifest: whoever reads it finds what it names."""
    journal = staging.stage(manifest, JOURNAL)
    shown = False
    try:
        staged = [(staging.stage(part.data, PART), part.target) for part in news]
        for file, target in staged:
            put(file, target)
            shown = True
        for folder in {target.parent for _, target in staged}:
            sync_folder(folder)
        _show_manifest(journal, manifest, manifest_target)
    except OSError:
        if not shown:  # else the journal is what still tells these files from the user's
            journal.unlink(missing_ok=True)
        raise


def _show_manifest(staged: Path, manifest: bytes, target: Path) -> None:
    if sha256_of(target) == sha256(manifest):
        return  # no reload for nothing; what is staged is swept
    put(staged, target)
    sync_folder(target.parent)

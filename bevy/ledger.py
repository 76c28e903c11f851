"""Which bytes in a project are ours: those the manifest names, and those of a publish that was cut off before it.

PNGs become visible before the manifest does. A process that dies in between leaves its next manifest staged as a journal,
by which its PNGs are still known as ours rather than taken for the user's work.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from dgx_pixels.bevy.manifest import Manifest, ManifestEntry, ManifestError, parse_manifest, read_manifest, with_entries
from dgx_pixels.bevy.preflight import PublishError, target_of
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.staging import Staging
from dgx_pixels.pixels.plain_file import open_plain


def manifest_of(project: BevyProject) -> Manifest:
    """Return the project's manifest; raises PublishError, as all here does, if it cannot be used."""
    try:
        return read_manifest(project)
    except ManifestError as error:
        raise PublishError(str(error)) from error


def finished_manifest(project: BevyProject, staging: Staging) -> Manifest:
    """Return the manifest with the entries of publishes that were cut off after their PNG was in place."""
    manifest = manifest_of(project)
    for journal in _journals(staging):
        old = {entry.path: entry for entry in manifest.assets}
        news = [entry for entry in journal.assets if entry != old.get(entry.path)]
        shown = [entry for entry in news if sha256_of(target_of(project, entry.path)) == entry.sha256]
        manifest = with_entries(manifest, [_as_far_as_shown(project, entry, old.get(entry.path)) for entry in shown])
    return manifest


def _as_far_as_shown(project: BevyProject, entry: ManifestEntry, old: ManifestEntry | None) -> ManifestEntry:
    """Return the entry with those of its files that were in place, the old ones where they were not."""
    before = {file.path: file for file in old.files} if old is not None else {}
    files = [file if sha256_of(target_of(project, file.path)) == file.sha256 else before.get(file.path) for file in entry.files]
    return entry.model_copy(update={"files": tuple(file for file in files if file is not None)})


def refuse_edited(project: BevyProject, staging: Staging, paths: Sequence[str]) -> None:
    """Raise PublishError if one of `paths`, relative to assets/, holds bytes that are not ours."""
    before = _ours(project, staging)
    found = {path: sha256_of(target_of(project, path)) for path in paths}
    strange = [path for path in paths if found[path] is not None and found[path] not in before[path]]
    ours = _ours(project, staging) if strange else before  # asked again: another publish may have come in between
    for path in strange:
        if found[path] not in ours[path]:
            state = "was edited since it was published" if ours[path] else "was not made by DGX-Pixels"
            raise PublishError(f"assets/{path} {state}: choose another name, or ask with overwrite to replace it.")


def is_ours(project: BevyProject, staging: Staging, path: str) -> bool:
    """Whether the file at `path`, relative to assets/, holds bytes that we published, or there is none."""
    found = sha256_of(target_of(project, path))
    return found is None or found in _ours(project, staging)[path]


def _ours(project: BevyProject, staging: Staging) -> dict[str, set[str]]:
    ours: dict[str, set[str]] = defaultdict(set)
    for manifest in (*_journals(staging), manifest_of(project)):
        for entry in manifest.assets:
            ours[entry.path].add(entry.sha256)
            for file in entry.files:
                ours[file.path].add(file.sha256)
    return ours


def sha256_of(path: Path) -> str | None:
    """Return the hash of a plain file's bytes as 64 hex digits, None if there is no file. Raises OSError."""
    try:
        with open_plain(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _journals(staging: Staging) -> list[Manifest]:
    journals = []
    for data in staging.journals():
        try:
            journals.append(parse_manifest(data))
        except ValidationError:
            continue  # cut off while it was staged: then none of its PNGs was in place yet
    return journals

"""Which versions of the library are needed by projects on disk, whatever the library itself remembers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.bevy.manifest import ManifestError, read_manifest
from dgx_pixels.bevy.project import ProjectError, open_project

if TYPE_CHECKING:
    from dgx_pixels.library.library import Library


async def named_by_manifests(library: Library) -> set[tuple[str, int]]:
    """The versions (asset id, version) that the manifests of all known projects name; a project that is gone names none.

    A publish may have been cut off before the library knew, or a manifest come back from version control.
    """
    return await asyncio.to_thread(_named, [Path(project) for project in await library.projects()])


def _named(roots: list[Path]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for root in roots:
        try:
            found |= {(entry.id, entry.version) for entry in read_manifest(open_project(root)).assets}
        except (ProjectError, ManifestError):
            continue
    return found

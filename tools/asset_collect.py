"""Which versions of the library are needed by projects on disk, whatever the library itself remembers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.bevy.manifest import ManifestError, read_manifest
from dgx_pixels.bevy.project import ProjectError, open_project

if TYPE_CHECKING:
    from dgx_pixels.library.library import Library


@dataclass(frozen=True)
class Needed:
    """The versions that projects need, as (asset id, version), and why not all of them may be known."""

    versions: set[tuple[str, int]]
    unread: dict[str, str]
    """Projects whose manifests cannot be read, each with the reason: all versions that may stand there are needed."""


async def needed_by_projects(library: Library) -> Needed:
    """The versions that the manifests of all known projects name; a project that is gone names none.

    A publish may have been cut off before the library knew, or a manifest come back from version control. Of a project whose
    manifest cannot be read, as in the middle of a merge, all versions are needed of what was made for it or put into it.
    """
    found = await asyncio.to_thread(_named, [Path(project) for project in await library.projects()])
    for project in found.unread:
        found.versions.update(await library.versions_of(project))
    return found


def _named(roots: list[Path]) -> Needed:
    found = Needed(set(), {})
    for root in roots:
        try:
            found.versions.update((entry.id, entry.version) for entry in read_manifest(open_project(root)).assets)
        except ManifestError as error:
            found.unread[str(root)] = str(error)
        except ProjectError:
            continue
    return found

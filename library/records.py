"""The values that the library takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JobStatus = Literal["queued", "running", "paused", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class NewVersion:
    """A finished image, to be kept."""

    project: str
    """Absolute path of the Bevy project it was made for, "" for none."""
    path: str
    """Relative to the project's `assets/`."""
    kind: Literal["sprite", "sheet", "tileset"]
    name: str
    category: str
    png: bytes
    recipe: str
    """JSON."""
    width: int
    height: int
    colors: int
    seed: int
    details: str = ""
    """What publishing needs besides the PNG, in the words of whoever publishes; not part of what makes it again."""
    job: str = ""
    """The job that made it, "" for none."""
    palette: tuple[str, ...] | None = None
    """The colours in use as "#rrggbb"; None if they are not known, or too many to be looked for."""
    parents: tuple[tuple[str, int], ...] = ()
    """The versions that it was made from: (asset id, version)."""
    tags: tuple[str, ...] = ()
    """Words to find the asset by, besides those it has."""


@dataclass(frozen=True)
class AssetVersion:
    """One version of an asset in the library."""

    id: str
    version: int
    project: str
    path: str
    kind: str
    name: str
    category: str
    width: int
    height: int
    colors: int
    seed: int
    sha256: str
    published: bool
    """Whether it was ever written into the project that it was made for."""
    created: float
    """Seconds since 1970."""
    recipe: str
    tags: tuple[str, ...]
    """The asset's."""


@dataclass(frozen=True)
class Place:
    """Where we have put a version: a path relative to a project's `assets/`."""

    project: str
    path: str
    version: int


@dataclass(frozen=True)
class JobRecord:
    """What is kept of a job: enough to answer for it after a restart."""

    id: str
    kind: str
    project: str
    request: str
    status: JobStatus
    result: str | None
    error: str | None
    owner: str
    """Which open library works on it."""
    attempts: int
    """How often it was begun since it last got further, without those that a closing server gave back."""
    created: float
    """Seconds since 1970."""
    updated: float


@dataclass(frozen=True)
class KeyedJob:
    """The job that was asked for under a key."""

    job_id: str
    asked: str
    """Tells what was asked from anything else."""

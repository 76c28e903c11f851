"""What must hold of a home and a Bevy project whose server was killed, whenever it was; used by `killed_server.py`."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from dgx_pixels.bevy.manifest import MANIFEST_PATH, read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.bevy.staging import PART

Row = tuple[Any, ...]


@dataclass
class Known:
    """What has been promised so far: none of it may change any more."""

    asked: dict[str, str] = field(default_factory=dict)
    """The job's id by the key it was asked under, as far as an answer has told it."""
    ended: dict[str, Row] = field(default_factory=dict)
    versions: dict[tuple[str, int], Row] = field(default_factory=dict)
    left: set[Path] = field(default_factory=set)
    """Files that a killed server was writing into the library."""
    moments: Counter[str] = field(default_factory=Counter)
    """What the server was at when it was killed."""


def rows(home: Path, query: str) -> list[Row]:
    """What the library's database says."""
    with closing(sqlite3.connect(home / "library.sqlite3")) as db:
        return db.execute(query).fetchall()


def examine(home: Path, project: BevyProject, known: Known) -> None:
    """Look at all that a killed server has left, do what the next one does first, and look again. Raises AssertionError."""
    _note_moment(home, project, known)
    _check_database(home)
    check_jobs(home, known)
    _check_versions(home, known)
    _check_whole_files(project)
    Publisher().check(project)  # a publish that was cut off is made good or taken back
    _check_project(home, project)


def _note_moment(home: Path, project: BevyProject, known: Known) -> None:
    at = {
        "a job running": rows(home, "SELECT 1 FROM jobs WHERE status = 'running' LIMIT 1"),
        "a publish cut off": being_published(home, project),
        "a version being written": being_kept(home, project) - known.left,
    }
    for what, found in at.items():
        known.moments[what] += bool(found)
    known.left = being_kept(home, project)


def being_published(home: Path, project: BevyProject) -> set[Path]:
    """What a publish has begun."""
    folder = project.root / ".dgx_pixels" / "staging"
    return {*folder.iterdir()} if folder.is_dir() else set()


def being_kept(home: Path, project: BevyProject) -> set[Path]:
    """What the library has begun to write, now or when it was killed before: that is swept after a day."""
    return {*(home / "assets" / ".staging").glob("*")}


def _check_database(home: Path) -> None:
    assert rows(home, "PRAGMA integrity_check") == [("ok",)]
    assert rows(home, "PRAGMA foreign_key_check") == []


def check_jobs(home: Path, known: Known) -> None:
    """No job vanishes, a key has one job, and what has ended stays as it is: nothing finished runs again.

    But a comparison that failed keeps its pictures, and goes on when it is asked for again.
    """
    jobs = {row[0]: row[1:] for row in rows(home, "SELECT id, kind, status, result, error, attempts, updated FROM jobs")}
    keys: dict[str, str] = dict(rows(home, "SELECT key, job_id FROM keys"))
    for key, job_id in known.asked.items():
        assert job_id in jobs, f"job {job_id} has vanished"
        assert keys[key] == job_id, f"the key {key} has another job now"
    assert len(jobs) == len(keys), "a key was worked on by two jobs"
    for job_id, before in known.ended.items():
        assert jobs[job_id] == before, f"job {job_id} had ended, and was touched again: {before} is {jobs[job_id]}"
    known.ended |= {
        job_id: row for job_id, row in jobs.items()
        if row[1] in ("done", "failed", "cancelled") and row[:2] != ("comparison", "failed")
    }  # fmt: skip


def _check_versions(home: Path, known: Known) -> None:
    """No finished asset is lost, each version is there once, whole, and from one job."""
    found = rows(home, "SELECT asset_id, version, sha256, recipe_id, created FROM versions")
    versions = {(row[0], row[1]): row[2:] for row in found}
    for (asset_id, version), (digest, _, _) in versions.items():
        file = home / "assets" / asset_id / f"{version}.png"
        assert sha256(file.read_bytes()).hexdigest() == digest, f"{file} is not what was kept"
        json.loads(file.with_suffix(".json").read_text())
    for place, row in known.versions.items():
        assert versions.get(place) == row, f"version {place} was lost or written anew"
    known.versions = versions
    by_job = rows(home, "SELECT asset_id, version, count(*) FROM kept GROUP BY asset_id, version")
    assert {(asset, version): count for asset, version, count in by_job} == dict.fromkeys(versions, 1)


def _check_whole_files(project: BevyProject) -> None:
    """What a game might load at this very moment is whole."""
    for file in project.assets.rglob("*.png"):
        with Image.open(file) as image:
            image.load()
    for file in project.assets.rglob("*.json"):
        json.loads(file.read_text())


def _check_project(home: Path, project: BevyProject) -> None:
    """Files and manifest agree, the manifest names versions that the library has, and no publish is left unfinished.

    What was staged only to try the disk, before a render, is swept by the next publish.
    """
    assert {path for path in being_published(home, project) if path.suffix != PART} == set()
    manifest = read_manifest(project)
    kept = {
        (asset_id, version): digest for asset_id, version, digest in rows(home, "SELECT asset_id, version, sha256 FROM versions")
    }
    listed = {entry.path: entry.sha256 for entry in manifest.assets}
    for entry in manifest.assets:
        assert kept[entry.id, entry.version] == entry.sha256, f"{entry.path} is of no version in the library"
        listed |= {file.path: file.sha256 for file in entry.files}
    for path, digest in listed.items():
        assert sha256((project.assets / path).read_bytes()).hexdigest() == digest, f"{path} is not what the manifest says"
    there = {str(path.relative_to(project.assets)) for path in project.assets.rglob("*") if path.is_file()}
    assert there - {MANIFEST_PATH} == set(listed)

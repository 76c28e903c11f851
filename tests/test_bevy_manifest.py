"""The manifest of published files."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from dgx_pixels.bevy.manifest import MANIFEST_PATH, Manifest, ManifestEntry, ManifestError, read_manifest, to_bytes, with_entries
from dgx_pixels.bevy.project import BevyProject


def entry(path: str, version: int = 1) -> ManifestEntry:
    """Return an entry for a path."""
    return ManifestEntry(
        path=path,
        id="red_potion",
        version=version,
        name="red_potion",
        category="item",
        width=16,
        height=16,
        colors=4,
        sha256="0" * 64,
        prompt="a red pötion",
        seed=7,
        model="tiny-sdxl",
    )


@pytest.fixture
def project(tmp_path: Path) -> BevyProject:
    """Return a project with a folder for its manifest."""
    (tmp_path / "assets" / "manifests").mkdir(parents=True)
    return BevyProject(root=tmp_path, assets=tmp_path / "assets")


def test_no_file_is_an_empty_manifest(project: BevyProject) -> None:
    """A project that nothing was published into has an empty manifest."""
    assert read_manifest(project).assets == []


def test_what_was_written_is_read_back(project: BevyProject) -> None:
    """Bytes and manifest are two forms of one thing, and the bytes name schema and generator for other readers."""
    manifest = with_entries(Manifest(), [entry("sprites/b.png"), entry("sprites/a.png")])
    data = to_bytes(manifest)
    (project.assets / MANIFEST_PATH).write_bytes(data)
    assert read_manifest(project) == manifest
    assert to_bytes(read_manifest(project)) == data
    document = json.loads(data)
    assert (document["schema"], document["generator"]) == (1, "dgx-pixels")
    assert [asset["path"] for asset in document["assets"]] == ["sprites/a.png", "sprites/b.png"]
    assert data.endswith(b"}\n")
    assert "pötion".encode() in data


def test_an_entry_takes_the_place_of_its_path(project: BevyProject) -> None:
    """Merging replaces by path, keeps the rest and the order, and leaves the old value alone."""
    old = with_entries(Manifest(), [entry("sprites/a.png"), entry("sprites/c.png")])
    new = with_entries(old, [entry("sprites/c.png", version=2), entry("sprites/b.png")])
    assert [(asset.path, asset.version) for asset in new.assets] == [
        ("sprites/a.png", 1),
        ("sprites/b.png", 1),
        ("sprites/c.png", 2),
    ]
    assert [asset.version for asset in old.assets] == [1, 1]


@pytest.mark.parametrize(
    "text", ["", "{", '{"schema": 2, "assets": []}', '{"schema": 1, "future": 1}', '{"assets": [{"path": "x"}]}']
)
def test_a_manifest_we_do_not_understand_is_refused_with_a_remedy(project: BevyProject, text: str) -> None:
    """Broken files and other schemas are never overwritten silently: the error says what to do."""
    (project.assets / MANIFEST_PATH).write_text(text)
    with pytest.raises(ManifestError, match="restore it from version control"):
        read_manifest(project)


def test_a_manifest_that_is_a_folder_is_refused(project: BevyProject) -> None:
    """What cannot be read is an error of the same kind."""
    (project.assets / MANIFEST_PATH).mkdir()
    with pytest.raises(ManifestError, match="Is a directory"):
        read_manifest(project)


@pytest.mark.parametrize(
    "path", ["../x.png", "/x.png", "a/../../x.png", "a\\b.png", "A.png", "x.json", "a#b.png", "", "a//b.png", "x.png\n"]
)
def test_an_entry_cannot_point_out_of_assets(path: str) -> None:
    """A path is relative, posix and free of what Bevy's asset paths give a meaning to."""
    with pytest.raises(ValidationError):
        entry(path)

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


GRID = {"tile_width": 8, "tile_height": 8, "columns": 2, "rows": 2}


def sheet() -> ManifestEntry:
    """Return the entry of a sheet of four frames."""
    changes = {"kind": "sheet", "atlas": GRID, "files": [{"path": "manifests/a.json", "sha256": "0" * 64}]}
    return ManifestEntry.model_validate(entry("sprites/a.png").model_dump() | changes)


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
    assert (document["schema"], document["generator"]) == (2, "dgx-pixels")
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
    "text", ["", "{", '{"schema": 3, "assets": []}', '{"schema": 0}', '{"assets": [{"path": "x"}]}', '{"generator": "other"}']
)
def test_a_manifest_we_do_not_understand_is_refused_with_a_remedy(project: BevyProject, text: str) -> None:
    """Broken files and other schemas are never overwritten silently: the error says what to do."""
    (project.assets / MANIFEST_PATH).write_text(text)
    with pytest.raises(ManifestError, match="restore it from version control"):
        read_manifest(project)


def test_a_manifest_of_schema_1_is_read_and_written_as_2(project: BevyProject) -> None:
    """What the first version wrote is still the project's manifest, and says the same afterwards."""
    old = json.loads(to_bytes(with_entries(Manifest(), [entry("sprites/a.png")]))) | {"schema": 1}
    (project.assets / MANIFEST_PATH).write_text(json.dumps(old))
    new = json.loads(to_bytes(with_entries(read_manifest(project), [entry("sprites/b.png")])))
    assert new["schema"] == 2
    assert new["assets"][0] == old["assets"][0]


def test_keys_of_a_later_version_are_kept(project: BevyProject) -> None:
    """What we do not know is written back as it was, wherever it stands, even if it is nothing."""
    document = json.loads(to_bytes(with_entries(Manifest(), [sheet()]))) | {"future": [], "more": None}
    document["assets"][0] |= {"layer": {"z": 3}, "hint": None}
    document["assets"][0]["atlas"]["pivot"] = [0.5, 1]
    (project.assets / MANIFEST_PATH).write_text(json.dumps(document))
    assert json.loads(to_bytes(with_entries(read_manifest(project), []))) == document


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "sheet"}, "a sprite has none"),
        ({"atlas": GRID}, "a sprite has none"),
        ({"kind": "sheet", "atlas": GRID | {"columns": 3}}, "covers 24x16 pixels, not 16x16"),
        ({"kind": "sheet", "atlas": GRID | {"padding": 1}}, "Input should be 0"),
        ({"kind": "tileset", "atlas": GRID}, "tileset block"),
        ({"kind": "sheet", "atlas": GRID, "tileset": {"kind": "wang16"}}, "tileset block"),
        ({"kind": "tileset", "atlas": GRID, "tileset": {"x": "y" * 40_000}}, "40,008 bytes, at most 32,768"),
        ({"kind": "song"}, "'sprite', 'sheet' or 'tileset'"),
        ({"files": [{"path": "sprites/a.json", "sha256": "0" * 64}]}, "should match pattern"),
    ],
)
def test_an_entry_that_does_not_fit_its_kind_is_refused(changes: dict[str, object], says: str) -> None:
    """A grid covers its picture exactly, and each kind has its parts and no others."""
    with pytest.raises(ValidationError, match=says):
        ManifestEntry.model_validate(entry("sprites/a.png").model_dump() | changes)


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

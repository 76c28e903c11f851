"""Assets of several files: the order in which a game sees them, whose they are, and what a crash leaves of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from publishing import POTION, TILES, item, png, staged, tileset

from dgx_pixels.bevy import ledger
from dgx_pixels.bevy.items import NEAREST_META
from dgx_pixels.bevy.manifest import MANIFEST_PATH, Atlas, read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.project_settings import ProjectSettings
from dgx_pixels.bevy.publisher import Publisher, PublishError, PublishItem
from dgx_pixels.bevy.sheet import FrameTag, sheet_json, sheet_path

ALL = (("tile_grass.tmx", b"<map/>"), ("tile_grass.tsx", b"<tileset/>"), ("tile_grass.json", b"{}"))
META = "sprites/item_potion.png.meta"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, project: BevyProject) -> list[str]:
    """The files that came into assets/, in order: each is one rename."""
    seen: list[str] = []
    rename = os.replace

    def note(source: str, target: str, *, dst_dir_fd: int | None = None) -> None:
        rename(source, target, dst_dir_fd=dst_dir_fd)
        there = Path(target) if dst_dir_fd is None else Path(f"/proc/self/fd/{dst_dir_fd}").readlink() / target
        if there.is_relative_to(project.assets):
            seen.append(str(there.relative_to(project.assets)))

    monkeypatch.setattr(os, "replace", note)
    return seen


def test_a_game_sees_pictures_then_what_goes_with_them_then_the_manifest(
    project: BevyProject, publisher: Publisher, shown: list[str]
) -> None:
    """A map is shown after its tileset, that after its picture, and the manifest last of all; it names them all."""
    assert publisher.publish(project, [tileset(files=ALL), item()]) == [True, True]
    assert shown == [
        TILES, POTION, "manifests/tile_grass.json", "manifests/tile_grass.tsx", "manifests/tile_grass.tmx", MANIFEST_PATH,
    ]  # fmt: skip
    entry = read_manifest(project).assets[1]
    assert [file.path for file in entry.files] == [f"manifests/tile_grass.{end}" for end in ("json", "tmx", "tsx")]
    assert entry.tileset == {"kind": "seamless"}
    assert "files" not in json.loads((project.assets / MANIFEST_PATH).read_bytes())["assets"][0]
    assert staged(project) == []


def test_a_map_is_shown_again_after_its_tileset(project: BevyProject, publisher: Publisher, shown: list[str]) -> None:
    """Only what changed is shown, but a Tiled map also when its tileset did: its loader looks at it only then."""
    publisher.publish(project, [tileset(files=ALL)])
    shown.clear()
    changed = [(name, b"<new/>" if name.endswith("tsx") else data) for name, data in ALL]
    assert publisher.publish(project, [tileset(files=tuple(changed))]) == [False]
    assert shown == ["manifests/tile_grass.tsx", "manifests/tile_grass.tmx", MANIFEST_PATH]


def test_a_tileset_edited_in_tiled_is_kept_until_overwrite(project: BevyProject, publisher: Publisher) -> None:
    """Sidecars are the user's as pictures are: an edited one stops the publish, and nothing is half written."""
    publisher.publish(project, [tileset(files=ALL)])
    edited = project.assets / "manifests/tile_grass.tsx"
    edited.write_bytes(b"<mine/>")
    with pytest.raises(PublishError, match=r"tile_grass\.tsx was edited since it was published"):
        publisher.publish(project, [tileset(2, files=(*ALL[:1], ("tile_grass.tsx", b"<new/>")))])
    with pytest.raises(PublishError, match="was edited"):
        publisher.refuse_edited(project, ["manifests/tile_grass.tsx"], overwrite=False)
    assert edited.read_bytes() == b"<mine/>"
    assert (project.assets / TILES).read_bytes() == png(1)
    publisher.publish(project, [tileset(2, files=ALL)], overwrite=True)
    publisher.refuse_edited(project, ["manifests/tile_grass.tsx", TILES], overwrite=False)


def test_what_an_earlier_version_had_beside_it_stays_ours(project: BevyProject, publisher: Publisher) -> None:
    """A version without a map neither deletes the old map nor makes it the user's."""
    publisher.publish(project, [tileset(files=ALL)])
    publisher.publish(project, [tileset(2, 2, files=ALL[2:])])
    assert (project.assets / "manifests/tile_grass.tmx").is_file()
    publisher.publish(project, [tileset(3, 3, files=(("tile_grass.tmx", b"<map2/>"),))])
    (project.assets / "manifests/tile_grass.tsx").unlink()
    publisher.publish(project, [tileset(4, 4)])
    assert [file.path for file in read_manifest(project).assets[0].files] == [
        "manifests/tile_grass.json",
        "manifests/tile_grass.tmx",
    ]


def test_a_sidecar_of_another_asset_is_refused(project: BevyProject, publisher: Publisher) -> None:
    """Two assets never write over each other's files, also not with overwrite."""
    publisher.publish(project, [tileset(files=ALL)])
    other = tileset(files=ALL).sidecars
    with pytest.raises(PublishError, match=r"tile_grass\.\w+ belongs to assets/tiles/tile_grass\.png: choose another name"):
        publisher.publish(project, [PublishItem(item().entry, item().data, other)], overwrite=True)
    assert not (project.assets / POTION).exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((("../sprites/x.json", b"x"),), "cannot be a sidecar's path"),
        ((("sub/x.json", b"x"),), "cannot be a sidecar's path"),
        ((("x.png", b"x"),), "cannot be a sidecar's path"),
        ((("X.json", b"x"),), "cannot be a sidecar's path"),
        ((("x.json\n", b"x"),), "cannot be a sidecar's path"),
        ((("dgx_pixels.json", b"x"),), "written by the publisher itself"),
        ((("x.json", b""),), "has 0 bytes"),
        ((("x.json", bytes((1 << 20) + 1)),), "has 1,048,577 bytes"),
        ((("x.json", b"1"), ("x.json", b"2")), "same path, manifests/x.json"),
        (tuple((f"x{i}.json", b"1") for i in range(9)), "has 9 files beside it: give at most 8"),
    ],
)
def test_bad_sidecars_never_reach_the_disk(
    project: BevyProject, publisher: Publisher, files: tuple[tuple[str, bytes], ...], says: str
) -> None:
    """Each is refused in a sentence, before anything is made."""
    with pytest.raises(PublishError, match=says):
        publisher.publish(project, [tileset(files=files)])
    assert list(project.root.iterdir()) == [project.assets]


# Publishes the second version, and ends, as if killed, right before its n-th rename.
DIES = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from publishing import tileset
from test_bevy_sidecars import second
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher

count, rename = 0, os.replace
def replace_or_die(source, target, **where):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os._exit(9)
    rename(source, target, **where)

os.replace = replace_or_die
root = Path(sys.argv[1])
Publisher().publish(BevyProject(root=root, assets=root / "assets"), [second()])
"""


def second() -> PublishItem:
    """The second version of a tileset: all its files are new."""
    return tileset(2, 2, files=tuple((name, data + b"2") for name, data in ALL))


@pytest.mark.parametrize("rename", range(1, 6))
def test_a_killed_publish_is_finished_by_the_next_start(project: BevyProject, publisher: Publisher, rename: int) -> None:
    """Killed before any of its steps: the check before the next job makes the manifest agree with each file, and cleans up."""
    publisher.publish(project, [tileset(1, 1, files=ALL)])
    command = [sys.executable, "-c", DIES, str(project.root), str(rename), str(Path(__file__).parent)]
    assert subprocess.run(command, check=False).returncode == 9
    Publisher().check(project)
    entry = read_manifest(project).assets[0]
    assert entry.version == (1 if rename == 1 else 2)
    assert staged(project) == []
    Publisher().refuse_edited(project, [entry.path, *(file.path for file in entry.files)], overwrite=False)
    assert publisher.publish(project, [second()]) == [rename == 1]


def test_meta_files_are_written_only_when_asked_and_before_their_picture(
    project: BevyProject, publisher: Publisher, shown: list[str]
) -> None:
    """With the setting each picture gets its .meta first; a picture that was there is shown again, so that Bevy reads it."""
    publisher.publish(project, [item()])
    assert not (project.assets / META).exists()
    publisher.write_settings(project, ProjectSettings(meta=True))
    shown.clear()
    assert publisher.publish(project, [item()]) == [True]
    assert shown == [META, POTION, MANIFEST_PATH]
    assert (project.assets / META).read_bytes() == NEAREST_META
    shown.clear()
    assert publisher.publish(project, [item()]) == [False]
    assert shown == []
    publisher.publish(project, [item(2)])
    assert shown == [POTION, MANIFEST_PATH]


def test_a_meta_file_that_the_user_wrote_stays(project: BevyProject, publisher: Publisher) -> None:
    """The user's own image settings are neither replaced nor a reason to refuse."""
    publisher.write_settings(project, ProjectSettings(meta=True))
    (project.assets / "sprites").mkdir()
    (project.assets / META).write_text("mine")
    publisher.publish(project, [item()])
    publisher.publish(project, [item(2)], overwrite=True)
    assert (project.assets / META).read_text() == "mine"
    assert read_manifest(project).assets[0].files == ()


def test_a_meta_file_that_a_killed_publish_left_is_still_ours(project: BevyProject, publisher: Publisher) -> None:
    """Cut off before its picture was shown, it is taken up by the next publish, not taken for the user's."""
    publisher.write_settings(project, ProjectSettings(meta=True))
    (project.assets / "sprites").mkdir()
    (project.assets / META).write_bytes(NEAREST_META)
    publisher.publish(project, [item()])
    assert [file.path for file in read_manifest(project).assets[0].files] == [META]


def test_a_publish_in_between_is_no_edit(project: BevyProject, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks for edits while another publish shows its picture finds ours, not a stranger's."""
    publisher.publish(project, [item()])
    hashed = ledger.sha256_of

    def late(path: Path) -> str | None:
        monkeypatch.setattr(ledger, "sha256_of", hashed)
        publisher.publish(project, [item(2)])
        return hashed(path)

    monkeypatch.setattr(ledger, "sha256_of", late)
    publisher.refuse_edited(project, [POTION], overwrite=False)


@pytest.mark.parametrize("place", ["manifests/tile_grass.tsx", "tiles"])
def test_links_out_of_the_project_are_refused(project: BevyProject, publisher: Publisher, tmp_path: Path, place: str) -> None:
    """A sidecar is not written through a link, either."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = project.assets / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside / "x")
    with pytest.raises(PublishError, match="leads out of"):
        publisher.publish(project, [tileset(files=ALL)], overwrite=True)
    assert list(outside.iterdir()) == []


def test_a_sheets_sidecar_is_what_aseprite_writes() -> None:
    """Frames go row by row with their durations, tags name them, and the block for Bevy has the grid."""
    path = "sprites/character_hero.png"
    grid = Atlas(tile_width=16, tile_height=24, columns=2, rows=2)
    said = json.loads(sheet_json(path, grid, [100, 120, 80], [FrameTag("walk", 0, 1), FrameTag("hit", 2, 2, "pingpong")]))
    assert sheet_path(path) == "manifests/character_hero.json"
    assert [(f["frame"]["x"], f["frame"]["y"], f["duration"]) for f in said["frames"]] == [(0, 0, 100), (16, 0, 120), (0, 24, 80)]
    assert said["meta"]["size"] == {"w": 32, "h": 48}
    assert said["meta"]["image"] == "../sprites/character_hero.png"
    assert said["meta"]["frameTags"][1] == {"name": "hit", "from": 2, "to": 2, "direction": "pingpong"}
    assert said["bevy"]["atlas"] == {"tile_width": 16, "tile_height": 24, "columns": 2, "rows": 2, "padding": 0, "offset": 0}


@pytest.mark.parametrize(
    "make",
    [
        lambda grid: sheet_json("sprites/a.png", grid, []),
        lambda grid: sheet_json("sprites/a.png", grid, [1] * 5),
        lambda grid: sheet_json("sprites/a.png", grid, [0]),
        lambda grid: sheet_json("sprites/a.png", grid, [100], [FrameTag("walk", 0, 1)]),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(make: Callable[[Atlas], bytes]) -> None:
    """Too many frames, none, a frame without time, a tag of frames that are not there."""
    with pytest.raises(ValueError, match=r"frame"):
        make(Atlas(tile_width=8, tile_height=8, columns=2, rows=2))

"""Publishing when the disk refuses: read-only, full, of another file system, or littered by a crash."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from publishing import POTION, everything, item, png, staged

from dgx_pixels.bevy.manifest import MANIFEST_PATH, read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher, PublishError

Mount = Callable[[Path, str], None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Return a function that mounts a tmpfs, and skip where this is not allowed; unmounted at the end."""
    mounted: list[Path] = []

    def mount_at(folder: Path, options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounted.append(folder)

    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    yield mount_at
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def remount_read_only(folder: Path) -> None:
    """Turn a mounted file system read-only."""
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


# What arrives


def test_a_check_prepares_only_staging(project: BevyProject, publisher: Publisher) -> None:
    """Checking makes the staging folder, leaves it empty, and writes nothing into assets/, which the game watches."""
    before = everything(project.assets)
    publisher.check(project)
    assert everything(project.assets) == before
    assert staged(project) == []
    assert {path.name for path in project.root.iterdir()} == {"assets", ".dgx_pixels"}


def test_a_file_in_place_of_a_folder_is_reported(project: BevyProject, publisher: Publisher) -> None:
    """A file named sprites cannot hold sprites."""
    (project.assets / "sprites").write_text("")
    with pytest.raises(PublishError, match="is a file, but must be a folder"):
        publisher.check(project)
    with pytest.raises(PublishError, match="Cannot write to"):
        publisher.publish(project, [item()])


def test_a_read_only_disk_is_reported_and_left_alone(project: BevyProject, publisher: Publisher, mount: Mount) -> None:
    """On a read-only disk check and publish say so in one sentence, and no folder is half made, even for root."""
    mount(project.root, "size=4m")
    project.assets.mkdir()
    remount_read_only(project.root)
    before = everything(project.root)
    for act in (lambda: publisher.check(project), lambda: publisher.publish(project, [item()])):
        with pytest.raises(PublishError, match="the disk is mounted read-only; mount it writable"):
            act()
    assert everything(project.root) == before


def test_read_only_assets_in_a_writable_project_are_reported(project: BevyProject, publisher: Publisher, mount: Mount) -> None:
    """If only assets/ lies on a read-only disk, the check finds it and makes no staging folder in vain."""
    mount(project.assets, "size=4m,ro")
    with pytest.raises(PublishError, match=f"{project.assets}: the disk is mounted read-only"):
        publisher.check(project)
    assert {path.name for path in project.root.iterdir()} == {"assets"}


@pytest.fixture
def foreign() -> Iterator[BevyProject]:
    """Return a project in which this process may read but not write; root becomes nobody meanwhile."""
    root = Path(tempfile.mkdtemp())  # not tmp_path, whose parents only its owner may enter
    (root / "assets").mkdir()
    for folder in (root / "assets", root):
        folder.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    try:
        yield BevyProject(root=root.resolve(), assets=root.resolve() / "assets")
    finally:
        if as_root:
            os.seteuid(0)
        for folder in (root, root / "assets"):
            folder.chmod(0o755)
        shutil.rmtree(root)


def test_missing_permission_is_reported_and_nothing_made(foreign: BevyProject, publisher: Publisher) -> None:
    """Without permission check and publish say so and leave no folder."""
    before = everything(foreign.root)
    for act in (lambda: publisher.check(foreign), lambda: publisher.publish(foreign, [item()])):
        with pytest.raises(PublishError, match="no permission to write"):
            act()
    assert everything(foreign.root) == before


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_full_disk_is_reported_before_the_render(
    project: BevyProject, publisher: Publisher, mount: Mount, tmp_path: Path, elsewhere: bool
) -> None:
    """A check on a full disk says so and takes back the folders it made, also if assets/ lies on a disk with room."""
    assets = tmp_path / "roomy" if elsewhere else project.assets
    mount(project.root, "size=512k")
    assets.mkdir()
    (project.root / "filler").write_bytes(bytes(300 << 10))
    before = set(everything(project.root))
    with pytest.raises(PublishError, match="the disk is full"):
        publisher.check(BevyProject(root=project.root, assets=assets))
    assert set(everything(project.root)) == before


def test_full_assets_beside_a_disk_with_room_are_reported(project: BevyProject, publisher: Publisher, mount: Mount) -> None:
    """The check looks at the disk that assets/ lies on, not only at that of the staging folder."""
    mount(project.assets, "size=100k")
    with pytest.raises(PublishError, match=f"{project.assets}: the disk is full"):
        publisher.check(project)


def test_a_sprite_whose_manifest_could_not_follow_is_listed_later(
    project: BevyProject, publisher: Publisher, mount: Mount
) -> None:
    """If the disk refuses the manifest after the PNG was shown, the PNG is still ours, and the next publish lists it."""
    manifests = project.assets / "manifests"
    manifests.mkdir()
    mount(manifests, "size=1m,ro")
    with pytest.raises(PublishError, match="mounted read-only"):
        publisher.publish(project, [item()])
    assert (project.assets / POTION).read_bytes() == png(1)
    publisher.refuse_edited(project, [POTION], overwrite=False)
    subprocess.run(["mount", "-o", "remount,rw", manifests], check=True)
    publisher.publish(project, [item(5, "sprites/item_sword.png")])
    assert [entry.path for entry in read_manifest(project).assets] == [POTION, "sprites/item_sword.png"]


def test_a_disk_that_fills_up_costs_no_sprite(project: BevyProject, publisher: Publisher, mount: Mount) -> None:
    """If the new sprite finds no room, the old one stays whole and listed, and nothing stays staged."""
    mount(project.root, "size=512k")
    project.assets.mkdir()
    publisher.publish(project, [item(1, side=256)])
    old = read_manifest(project)
    with pytest.raises(PublishError, match="the disk is full"):
        publisher.publish(project, [item(2, side=256)])
    assert (project.assets / POTION).read_bytes() == png(1, side=256)
    assert read_manifest(project) == old
    assert staged(project) == []


def test_assets_on_another_file_system_work_the_same(project: BevyProject, publisher: Publisher, mount: Mount) -> None:
    """Where no rename into assets/ is possible, sprites and manifest arrive whole all the same and leave no rests."""
    mount(project.assets, "size=4m")
    publisher.check(project)
    assert publisher.publish(project, [item(1), item(5, "sprites/item_sword.png")]) == [True, True]
    before = everything(project.assets)
    assert publisher.publish(project, [item(1)]) == [False]
    assert everything(project.assets) == before
    assert publisher.publish(project, [item(2)]) == [True]
    assert (project.assets / POTION).read_bytes() == png(2)
    assert (project.assets / POTION).stat().st_mode & 0o777 == 0o644
    assert set(everything(project.assets)) == set(before)
    assert len(json.loads((project.assets / MANIFEST_PATH).read_bytes())["assets"]) == 2
    assert staged(project) == []


def test_a_crashs_rests_are_swept_and_the_users_files_are_not(project: BevyProject, publisher: Publisher) -> None:
    """The next publish removes unfinished files of ours, in staging and beside targets, and nothing else."""
    publisher.publish(project, [item()])
    rests = [project.root / ".dgx_pixels/staging" / f"{'ab' * 16}.part", project.assets / f"sprites/.x.png.{'ab' * 16}.part"]
    mine = project.assets / "sprites/.download.part"
    for path in (*rests, mine):
        path.write_bytes(b"half")
    publisher.publish(project, [item(2)])
    assert [path.exists() for path in rests] == [False, False]
    assert mine.exists()

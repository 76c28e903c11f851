"""Publishing into a real project folder: what arrives, what is refused, and what the disk may refuse."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from publishing import POTION, everything, item, png, staged

from dgx_pixels.bevy.manifest import MANIFEST_PATH, read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher, PublishError, PublishItem


def test_a_sprite_arrives_whole_readable_and_listed(project: BevyProject, publisher: Publisher) -> None:
    """The file holds exactly the bytes, all may read it, the manifest names it, and nothing unfinished stays behind."""
    sprite = item()
    assert publisher.publish(project, [sprite]) == [True]
    target = project.assets / POTION
    assert target.read_bytes() == sprite.data
    assert target.stat().st_mode & 0o777 == 0o644
    assert read_manifest(project).assets == [sprite.entry]
    assert staged(project) == []
    assert {path.name for path in project.assets.rglob("*") if path.is_file()} == {"item_potion.png", "dgx_pixels.json"}


def test_version_control_sees_neither_staging_nor_lock_but_settings(project: BevyProject, publisher: Publisher) -> None:
    """Git ignores what comes and goes in .dgx_pixels, and the ignore file itself is the user's after that."""
    publisher.publish(project, [item()])
    ignore = project.root / ".dgx_pixels" / ".gitignore"
    assert ignore.read_text() == "/staging/\n/lock\n"
    ignore.write_text("mine\n")
    publisher.publish(project, [item(2)])
    assert ignore.read_text() == "mine\n"


def test_the_same_bytes_again_touch_nothing(project: BevyProject, publisher: Publisher) -> None:
    """Publishing what is there already reports no change and causes no reload: same files, same times."""
    publisher.publish(project, [item()])
    before = everything(project.assets)
    assert publisher.publish(project, [item()]) == [False]
    assert everything(project.assets) == before


def test_the_same_bytes_with_another_recipe_change_only_the_manifest(project: BevyProject, publisher: Publisher) -> None:
    """A new version that looks the same updates the manifest without reloading the image."""
    publisher.publish(project, [item()])
    inode = (project.assets / POTION).stat().st_ino
    assert publisher.publish(project, [item(version=2)]) == [False]
    assert (project.assets / POTION).stat().st_ino == inode
    assert read_manifest(project).assets[0].version == 2


def test_a_changed_sprite_is_a_new_file_and_others_stay(project: BevyProject, publisher: Publisher) -> None:
    """Each item's answer says whether it changed; a changed one is replaced, never written over."""
    other = item(5, "sprites/item_sword.png")
    publisher.publish(project, [item(1), other])
    before = everything(project.assets)
    assert publisher.publish(project, [item(2), other]) == [True, False]
    after = everything(project.assets)
    assert after[POTION][0] != before[POTION][0]
    assert after["sprites/item_sword.png"] == before["sprites/item_sword.png"]
    assert (project.assets / POTION).read_bytes() == png(2)
    assert [entry.path for entry in read_manifest(project).assets] == [POTION, "sprites/item_sword.png"]


def test_a_sprite_the_user_deleted_comes_back(project: BevyProject, publisher: Publisher) -> None:
    """A file that is gone is no edited file."""
    publisher.publish(project, [item()])
    (project.assets / POTION).unlink()
    publisher.refuse_edited(project, [POTION], overwrite=False)
    assert publisher.publish(project, [item()]) == [True]


def test_threads_that_publish_at_once_lose_nothing(project: BevyProject, publisher: Publisher) -> None:
    """One publisher used by many threads lists every sprite in the manifest."""
    items = [item(n, f"sprites/item_{n}.png") for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: publisher.publish(project, [one]), items)) == [[True]] * 8
    assert [entry.path for entry in read_manifest(project).assets] == sorted(one.entry.path for one in items)


def test_publishing_nothing_does_nothing(project: BevyProject, publisher: Publisher) -> None:
    """An empty publish leaves the project untouched."""
    assert publisher.publish(project, []) == []
    assert set(everything(project.root)) == {"assets"}


# What is refused


def test_a_file_edited_by_hand_is_kept_until_overwrite(project: BevyProject, publisher: Publisher) -> None:
    """Neither the early check nor the publish lets the user's work be lost; overwrite does what it says."""
    publisher.publish(project, [item()])
    (project.assets / POTION).write_bytes(png(77))
    with pytest.raises(PublishError, match="was edited since it was published"):
        publisher.refuse_edited(project, [POTION], overwrite=False)
    with pytest.raises(PublishError, match="was edited since it was published"):
        publisher.publish(project, [item(2)])
    assert (project.assets / POTION).read_bytes() == png(77)
    publisher.refuse_edited(project, [POTION], overwrite=True)
    assert publisher.publish(project, [item(2)], overwrite=True) == [True]
    publisher.refuse_edited(project, [POTION], overwrite=False)


def test_one_edited_file_stops_the_whole_publish(project: BevyProject, publisher: Publisher) -> None:
    """Of several items none is published if one may not be."""
    publisher.publish(project, [item()])
    (project.assets / POTION).write_bytes(png(77))
    with pytest.raises(PublishError, match="item_potion"):
        publisher.publish(project, [item(3, "sprites/item_axe.png"), item(2)])
    assert not (project.assets / "sprites/item_axe.png").exists()


def test_a_file_that_was_never_ours_is_kept(project: BevyProject, publisher: Publisher) -> None:
    """The user's own file of that name is refused, unless it holds the very bytes: then the manifest takes it in."""
    (project.assets / "sprites").mkdir()
    (project.assets / POTION).write_bytes(png(9))
    with pytest.raises(PublishError, match=r"not made by DGX-Pixels: choose another name, or ask with overwrite"):
        publisher.refuse_edited(project, [POTION], overwrite=False)
    with pytest.raises(PublishError, match="not made by DGX-Pixels"):
        publisher.publish(project, [item()])
    assert publisher.publish(project, [item(9)]) == [False]
    publisher.refuse_edited(project, [POTION], overwrite=False)


def flipped(data: bytes) -> bytes:
    """Return the PNG with one bit of its pixel data's checksum flipped: Pillow alone would decode it, Bevy would not."""
    at = data.index(b"IEND") - 8
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (item(data=png(1)[:200]), "no complete PNG"),
        (item(data=flipped(png(1))), "no complete PNG"),
        (item(data=b"GIF89a"), "no complete PNG"),
        (item(data=b""), "no complete PNG"),
        (item(data=png(1, side=8)), "is 8x8 pixels, not 16x16"),
        (item(sha256="0" * 64), "sha256"),
    ],
)
def test_what_is_no_whole_png_of_its_entry_never_reaches_the_disk(
    project: BevyProject, publisher: Publisher, bad: PublishItem, reason: str
) -> None:
    """Bad data is refused before anything is written, together with the good data beside it."""
    with pytest.raises(PublishError, match=reason):
        publisher.publish(project, [item(4, "sprites/item_axe.png"), bad])
    assert set(everything(project.root)) == {"assets"}


def test_two_items_of_one_path_are_refused(project: BevyProject, publisher: Publisher) -> None:
    """One publish cannot write a path twice."""
    with pytest.raises(PublishError, match="same path"):
        publisher.publish(project, [item(1), item(2)])


@pytest.mark.parametrize("link", ["assets/sprites", "assets/manifests", "assets/sprites/item_potion.png", ".dgx_pixels"])
def test_links_out_of_the_project_are_refused(project: BevyProject, publisher: Publisher, tmp_path: Path, link: str) -> None:
    """Whatever is linked elsewhere, nothing is written there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    place = project.root / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(outside / "new.png" if link.endswith("png") else outside)
    with pytest.raises(PublishError, match="leads out of"):
        publisher.publish(project, [item()], overwrite=True)
    if not link.endswith("png"):
        with pytest.raises(PublishError, match="leads out of"):
            publisher.check(project)
    assert everything(outside) == {}


@pytest.mark.parametrize("path", ["../Cargo.toml", "/etc/passwd", "", "."])
def test_asking_about_paths_outside_is_refused(project: BevyProject, publisher: Publisher, path: str) -> None:
    """The early check reads nothing outside assets/."""
    with pytest.raises(PublishError, match="leads out of"):
        publisher.refuse_edited(project, [path], overwrite=False)


def test_a_manifest_we_cannot_read_stops_everything_early(project: BevyProject, publisher: Publisher) -> None:
    """A broken manifest is reported before the render and by the publish, and is never replaced."""
    manifest = project.assets / MANIFEST_PATH
    manifest.parent.mkdir()
    manifest.write_text("{")
    for act in (lambda: publisher.check(project), lambda: publisher.publish(project, [item()], overwrite=True)):
        with pytest.raises(PublishError, match="restore it from version control"):
            act()
    assert manifest.read_text() == "{"
    assert not (project.assets / POTION).exists()


def test_a_lock_that_another_process_holds_ends_in_a_clear_error(project: BevyProject, publisher: Publisher) -> None:
    """A publish waits for its turn only so long, and says why it gave up."""
    publisher.publish(project, [item()])
    with (project.root / ".dgx_pixels" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="Another process has been writing"):
            Publisher(lock_timeout_s=0.1).publish(project, [item(2)])
    assert publisher.publish(project, [item(2)]) == [True]


# What the disk may refuse

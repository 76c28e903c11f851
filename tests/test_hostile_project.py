"""A game's repository is a stranger's: what it links to, or holds without end, is neither read nor written, and stops nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from publishing import item

from dgx_pixels.bevy.cargo import look_at_cargo
from dgx_pixels.bevy.manifest import MANIFEST_PATH, ManifestError, read_manifest
from dgx_pixels.bevy.project import BevyProject, ProjectError, find_project, open_project
from dgx_pixels.bevy.project_settings import ProjectSettings, SettingsError, read_settings
from dgx_pixels.bevy.publisher import Publisher, PublishError
from dgx_pixels.bevy.staging import put
from dgx_pixels.pixels.plain_file import open_unlinked

_BEVY = '[dependencies]\nbevy = "0.19"\n'


@pytest.mark.parametrize("make", [lambda f: f.symlink_to("/dev/zero"), os.mkfifo], ids=["device", "pipe"])
def test_what_is_no_plain_file_is_refused_at_once(project: BevyProject, make: object) -> None:
    """Neither a link to /dev/zero nor a pipe in the place of manifest, settings or journal is read; each gets a sentence."""
    assert callable(make)
    for place, refused in (
        (project.assets / MANIFEST_PATH, ManifestError),
        (project.root / ".dgx_pixels/settings.json", SettingsError),
    ):
        place.parent.mkdir(exist_ok=True)
        make(place)
        with pytest.raises(refused, match=r"no plain file|out of the project"):
            read_manifest(project) if refused is ManifestError else read_settings(project)
        place.unlink()
    (project.root / ".dgx_pixels/staging").mkdir()
    make(project.root / f".dgx_pixels/staging/{'0' * 32}.journal")
    with pytest.raises(PublishError, match="no plain file"):
        Publisher().check(project)


def test_settings_of_another_place_are_not_taken(project: BevyProject, tmp_path: Path) -> None:
    """Settings that are a link out of the project are refused: what stands there would be copied into the project."""
    (tmp_path / "secret.json").write_text('{"token": "x"}')
    (project.root / ".dgx_pixels").mkdir()
    (project.root / ".dgx_pixels/settings.json").symlink_to(tmp_path / "secret.json")

    with pytest.raises(SettingsError, match="leads out of the project"):
        read_settings(project)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5000, "x = " + "9" * 5000, "\0", "#" * 300_000,
        '[workspace]\nmembers = ["\\u0000", "**/**/**/*", "a**", "*/*/*/*/*/*/*/*/*", "//", "/etc", "../..", ""]\n',
    ],
)  # fmt: skip
def test_any_cargo_toml_gets_an_answer(tmp_path: Path, text: str) -> None:
    """Nested without end, of endless numbers, or with patterns that are none or never done: a sentence, and the next folder."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "Cargo.toml").write_text(_BEVY)
    (inner / "Cargo.toml").write_text(text)
    for number in range(3):
        (inner / f"round_{number}").symlink_to(inner)

    with pytest.raises(ProjectError):
        open_project(inner)
    assert find_project(inner) == tmp_path
    if "workspace" in text:
        assert look_at_cargo(BevyProject(inner, inner)).version == ""


def test_a_folder_that_becomes_a_link_is_not_followed(project: BevyProject, tmp_path: Path) -> None:
    """Between the look at a path and its use a folder on the way may be swapped for a link: nothing is read or written there."""
    outside, sprites = tmp_path / "outside", project.assets / "sprites"
    outside.mkdir()
    (outside / "x.png").write_text("secret")
    sprites.symlink_to(outside)
    staged = project.root / "staged"
    staged.write_text("ours")

    with pytest.raises(OSError, match="sprites"), open_unlinked(sprites / "x.png"):
        pass
    with pytest.raises(OSError, match="sprites"):
        put(staged, sprites / "x.png")
    assert (outside / "x.png").read_text() == "secret"
    assert staged.exists()


def test_only_our_own_rests_are_swept(project: BevyProject, publisher: Publisher) -> None:
    """A staging folder that is a link to the user's own inside the project loses nothing but files of our naming."""
    src = project.root / "src"
    src.mkdir(exist_ok=True)
    (project.root / ".dgx_pixels").mkdir()
    (project.root / ".dgx_pixels/staging").symlink_to(src)
    for name in ("book.part", "old.journal", f"{'0' * 32}.part"):
        (src / name).write_text("x")

    publisher.publish(project, [item()])
    publisher.write_settings(project, ProjectSettings(tile_size=16))

    assert sorted(file.name for file in src.iterdir()) == ["book.part", "old.journal"]
    assert read_settings(project).tile_size == 16

"""Opening and finding Bevy projects."""

from pathlib import Path

import pytest

from dgx_pixels.bevy.project import BevyProject, ProjectError, find_project, open_project

BEVY = '[dependencies]\nbevy = "0.19"\n'


def make(root: Path, cargo: str = BEVY, *, assets: bool = True) -> Path:
    """Write a cargo package; return its root."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "Cargo.toml").write_text(cargo)
    if assets:
        (root / "assets").mkdir()
    return root


@pytest.mark.parametrize(
    "cargo",
    [
        BEVY,
        '[dependencies.bevy]\nversion = "0.19"\ndefault-features = false\n',
        '[dependencies]\nengine = { package = "bevy", version = "0.19" }\n',
        '[workspace]\nmembers = []\n[workspace.dependencies]\nbevy = "0.19"\n',
        "[target.'cfg(unix)'.dependencies]\nbevy = \"0.19\"\n",
    ],
)
def test_every_way_to_depend_on_bevy_counts(tmp_path: Path, cargo: str) -> None:
    """A project that depends on bevy, however it is written, opens with absolute paths."""
    root = make(tmp_path / "game", cargo)
    assert open_project(root) == BevyProject(root=root, assets=root / "assets")


def test_the_assets_of_a_workspace_root_count_if_a_member_uses_bevy(tmp_path: Path) -> None:
    """A workspace root with assets/ is a project as soon as one of its members depends on bevy."""
    make(tmp_path, '[workspace]\nmembers = ["crates/*"]\n')
    make(tmp_path / "crates" / "core", "[dependencies]\n", assets=False)
    with pytest.raises(ProjectError, match="does not depend on bevy"):
        open_project(tmp_path)
    make(tmp_path / "crates" / "game", assets=False)
    assert open_project(tmp_path).root == tmp_path


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A path that does not exist is refused by name."""
    with pytest.raises(ProjectError, match=r"no folder .*/missing"):
        open_project(tmp_path / "missing")


def test_a_folder_without_cargo_toml_is_refused(tmp_path: Path) -> None:
    """A folder that is no cargo package says so."""
    with pytest.raises(ProjectError, match=r"has no Cargo\.toml"):
        open_project(tmp_path)


@pytest.mark.parametrize("cargo", ["[dependencies\n", 'name = "\udcff"'])
def test_a_broken_cargo_toml_is_refused(tmp_path: Path, cargo: str) -> None:
    """A Cargo.toml that is not TOML, or not text, is refused with the file's name."""
    make(tmp_path)
    (tmp_path / "Cargo.toml").write_bytes(cargo.encode("utf-8", "surrogateescape"))
    with pytest.raises(ProjectError, match=r"Cargo\.toml is not valid TOML"):
        open_project(tmp_path)


@pytest.mark.parametrize(
    "cargo", ["[dependencies]\nserde = '1'\n", "[dependencies]\nbevy = { package = 'other' }\n", "dependencies = 3\n"]
)
def test_a_package_without_bevy_is_refused(tmp_path: Path, cargo: str) -> None:
    """Another crate under the name bevy does not count, and odd tables do no harm."""
    with pytest.raises(ProjectError, match="does not depend on bevy"):
        open_project(make(tmp_path, cargo))


def test_missing_assets_come_with_the_command_that_makes_them(tmp_path: Path) -> None:
    """A project without assets/ is told how to make the folder."""
    with pytest.raises(ProjectError, match=f"mkdir {tmp_path / 'assets'}"):
        open_project(make(tmp_path, assets=False))


def test_assets_may_be_a_link_to_a_folder_but_to_nothing_else(tmp_path: Path) -> None:
    """Linked assets are followed; a link to a file, to nothing or to itself is refused."""
    root = make(tmp_path / "game", assets=False)
    shared = tmp_path / "shared"
    shared.mkdir()
    link = root / "assets"
    link.symlink_to(shared)
    assert open_project(root).assets == shared
    for wrong in (root / "Cargo.toml", tmp_path / "nothing", link):
        link.unlink()
        link.symlink_to(wrong)
        with pytest.raises(ProjectError, match="assets"):
            open_project(root)


def test_the_nearest_project_with_assets_is_found(tmp_path: Path) -> None:
    """Searching upwards passes packages without assets/ and stops at the first whole project."""
    make(tmp_path)
    inner = make(tmp_path / "crates" / "game", assets=False)
    (inner / "src").mkdir()
    assert find_project(inner / "src") == inner
    with pytest.raises(ProjectError, match="mkdir"):
        open_project(inner)
    assert find_project(inner.parent) == tmp_path


def test_no_project_is_no_error_and_folders_below_are_not_searched(tmp_path: Path) -> None:
    """Where nothing is found the answer is None, even if a project lies below."""
    make(tmp_path / "bevy_example")
    assert find_project(tmp_path) is None
    assert find_project(tmp_path / "missing") is None


def test_our_own_example_is_a_project() -> None:
    """The game that ships with this repository opens."""
    example = Path(__file__).parent.parent / "bevy_example"
    assert open_project(example).assets == example.resolve() / "assets"

"""Find a Bevy project on disk and say what is missing where there is none."""

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgx_pixels.pixels.plain_file import read_plain

_MOST_TOML = 1 << 18
_MOST_PARTS = 6

# A parsed TOML table: any value may stand under any key.
Table = dict[str, Any]


class ProjectError(ValueError):
    """The folder is no Bevy project that we can publish into; the text says what is missing and what to do."""


@dataclass(frozen=True)
class BevyProject:
    """A Bevy project: its root (where Cargo.toml stands) and its assets folder, both absolute and resolved."""

    root: Path
    assets: Path


def open_project(path: Path) -> BevyProject:
    """Return the Bevy project whose root is `path`.

    Raises:
        ProjectError: `path` does not exist, has no readable Cargo.toml, does not depend on bevy or has no assets folder.

    """
    try:
        return _open(path.resolve())
    except ProjectError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # no permission, a loop of symlinks, a byte 0
        raise ProjectError(f"The project {path} cannot be read ({error}): check the path and its permissions.") from error


def find_project(start: Path) -> Path | None:
    """Return the root of the nearest cargo project at or above `start` that depends on bevy, or None.

    It may lack what a project needs, such as assets/: `open_project` then says so, rather than that another is taken.
    """
    try:
        start = start.resolve()
        folders = [folder for folder in (start, *start.parents) if (folder / "Cargo.toml").is_file()]
    except (OSError, RuntimeError):
        return None
    return next((folder for folder in folders if _seems_bevy(folder)), None)


def _seems_bevy(folder: Path) -> bool:
    try:
        return _uses_bevy(folder)
    except (ProjectError, OSError):
        return False


def _open(root: Path) -> BevyProject:
    if not root.is_dir():
        raise ProjectError(f"There is no folder {root}: give the root of a Bevy project, the folder with its Cargo.toml.")
    if not (root / "Cargo.toml").is_file():
        raise ProjectError(f"{root} has no Cargo.toml: give the root of a Bevy project, or make one with `cargo init`.")
    if not _uses_bevy(root):
        raise ProjectError(f"{root / 'Cargo.toml'} does not depend on bevy: run `cargo add bevy` there, or give another project.")
    return BevyProject(root=root, assets=_assets(root))


def _assets(root: Path) -> Path:
    folder = root / "assets"
    if folder.is_dir():
        return folder.resolve()
    if folder.is_symlink():
        raise ProjectError(
            f"{folder} is a link that leads to no folder: point it at a folder, or remove it and `mkdir {folder}`."
        )
    if folder.exists():
        raise ProjectError(f"{folder} is a file, but must be a folder: move it away, then `mkdir {folder}`.")
    # Bevy watches only a folder that was there when the game started.
    raise ProjectError(f"{root} has no assets folder: run `mkdir {folder}`, then start the game again so that it watches it.")


def _uses_bevy(root: Path) -> bool:
    cargo = read_toml(root / "Cargo.toml")
    return _depends_on_bevy(cargo) or any(_depends_on_bevy(read_toml(member)) for member in members(root, cargo))


def read_toml(path: Path) -> Table:
    """Return a TOML file's content. Raises ProjectError if it is no TOML, OSError if it cannot be read."""
    try:
        return tomllib.loads(read_plain(path, _MOST_TOML).decode())
    except (ValueError, RecursionError) as error:  # no TOML or no UTF-8, a number of too many digits, or nested too deep
        raise ProjectError(f"{path} is not valid TOML ({error}): correct it until `cargo metadata` runs.") from error


def _depends_on_bevy(cargo: Table) -> bool:
    parts = [cargo, table(cargo, "workspace"), *table(cargo, "target").values()]
    return any(is_bevy(name, spec) for part in parts for name, spec in table(part, "dependencies").items())


def is_bevy(name: str, spec: object) -> bool:
    """Whether a dependency called `name`, with this specification, is Bevy."""
    # `engine = { package = "bevy" }` is bevy under another name; `bevy = { package = "other" }` is not.
    renamed = spec.get("package") if isinstance(spec, dict) else None
    return (renamed or name) == "bevy"


def table(parent: object, key: str) -> Table:
    """Return the table that stands under `key`, an empty one if none does."""
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def members(root: Path, cargo: Table) -> Iterator[Path]:
    """Yield the Cargo.toml of each member of the workspace that `cargo`, the root's, describes."""
    patterns = table(cargo, "workspace").get("members")
    for pattern in patterns if isinstance(patterns, list) else []:
        if isinstance(pattern, str) and _is_plain(pattern):
            with suppress(ValueError, NotImplementedError):  # cargo refuses such a pattern, too
                yield from sorted(path for path in root.glob(f"{pattern}/Cargo.toml") if path.is_file())


def _is_plain(pattern: str) -> bool:
    """Whether a pattern stays below the root, which cargo does not ask for, and can be followed in little time."""
    parts = pattern.split("/")
    return (
        bool(pattern)
        and not pattern.startswith("/")
        and ".." not in parts
        and len(parts) <= _MOST_PARTS
        and parts.count("**") < 2
    )

"""What a game's Cargo.toml lacks for hot reload and for telling of it. Only read: what to change is shown to the user."""

from dataclasses import dataclass
from pathlib import Path

from dgx_pixels.bevy.project import BevyProject, ProjectError, Table, is_bevy, members, read_toml, table

WANTED = {
    "file_watcher": "reloads what changes in assets/",
    "png": "reads PNG files",
    "bevy_remote": "lets DGX-Pixels ask the running game",
}
"""Bevy's features that a game needs, each with what for."""

BEVY = "0.19"
"""The version of Bevy that our reload plugin is written for."""

# Bevy 0.19's own defaults have png (by way of "2d" or "3d"), but neither of the others; "dev" is for development builds.
_BROUGHT_BY = {
    "png": {"default", "2d", "3d", "2d_bevy_render", "3d_bevy_render", "2d_api", "3d_api", "common_api"},
    "file_watcher": {"dev"},
}


@dataclass(frozen=True)
class CargoFinding:
    """A game's dependency on bevy, over all its packages: the version it asks for, and the wanted features it lacks."""

    file: Path
    version: str
    lacks: tuple[str, ...]
    has_serde_json: bool


def look_at_cargo(project: BevyProject) -> CargoFinding:
    """Look at what the project's packages ask of bevy. Raises ProjectError if a Cargo.toml cannot be read or is no TOML.

    A feature counts as there if any package asks for it, be it for some targets or by one of its own features.
    """
    try:
        root = read_toml(project.root / "Cargo.toml")
        packages = [root, *(read_toml(file) for file in members(project.root, root))]
    except OSError as error:
        raise ProjectError(f"{error.filename} cannot be read ({error.strerror}): check it and its permissions.") from error
    specs = [spec for package in packages for spec in _specs(package)]
    features = {feature for spec in specs for feature in _features(spec)} | {f for p in packages for f in _passed_on(p)}
    lacks = tuple(name for name in WANTED if name not in features and not _BROUGHT_BY.get(name, set()) & features)
    version = next((v for spec in specs if (v := _version(spec))), "")
    has_serde_json = any("serde_json" in dependencies for package in packages for dependencies in _dependencies(package))
    return CargoFinding(project.root / "Cargo.toml", version, lacks, has_serde_json)


def _dependencies(package: Table) -> list[Table]:
    return [table(part, "dependencies") for part in (package, table(package, "workspace"), *table(package, "target").values())]


def _specs(package: Table) -> list[object]:
    return [spec for dependencies in _dependencies(package) for name, spec in dependencies.items() if is_bevy(name, spec)]


def _features(spec: object) -> set[str]:
    if not isinstance(spec, dict):
        return {"default"}
    asked = spec.get("features")
    found = {feature for feature in asked if isinstance(feature, str)} if isinstance(asked, list) else set()
    # A member's `workspace = true` has what the workspace says of the defaults.
    return found if spec.get("default-features") is False or spec.get("workspace") is True else found | {"default"}


def _passed_on(package: Table) -> set[str]:
    """Features of bevy that the package's own features turn on: `dev = ["bevy/file_watcher"]`."""
    lists = [value for value in table(package, "features").values() if isinstance(value, list)]
    return {
        text.split("/", 1)[1]
        for value in lists
        for text in value
        if isinstance(text, str) and text.startswith(("bevy/", "bevy?/"))
    }


def _version(spec: object) -> str:
    text = spec.get("version") if isinstance(spec, dict) else spec
    return text if isinstance(text, str) else ""

"""The manifest of a Bevy project: which of its files are ours, what they are and how they were made."""

import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dgx_pixels.bevy.names import Category
from dgx_pixels.bevy.project import BevyProject

MANIFEST_PATH = "manifests/dgx_pixels.json"
"""Where the manifest stands, relative to assets/: never beside PNGs, where it would break Bevy's `load_folder`."""

# `#` and `://` mean something in Bevy's asset paths, and `..` would leave the folder: none of them gets through.
AssetPath = Annotated[str, Field(pattern=r"^[a-z0-9_-]+(/[a-z0-9_-]+)*\.png$")]


class ManifestError(ValueError):
    """The manifest on disk cannot be used; the text says why and what to do."""


class ManifestEntry(BaseModel):
    """One published file: its path relative to assets/ (posix), size in pixels, colours used, and what made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: AssetPath
    kind: Literal["sprite"] = "sprite"
    id: str
    version: Annotated[int, Field(ge=1)]
    name: str
    category: Category
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    colors: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    prompt: str
    seed: int
    model: str


class Manifest(BaseModel):
    """All published files of a project, sorted by path."""

    # Unknown keys are refused rather than dropped: rewriting a newer version's manifest would lose them.
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = Field(default=1, alias="schema")
    generator: Literal["dgx-pixels"] = "dgx-pixels"
    assets: list[ManifestEntry] = []


def read_manifest(project: BevyProject) -> Manifest:
    """Return the project's manifest, an empty one if there is no file yet.

    Raises:
        ManifestError: the file cannot be read, is no manifest, or is of another schema.

    """
    path = project.assets / MANIFEST_PATH
    try:
        return parse_manifest(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValidationError) as error:
        raise ManifestError(
            f"The manifest {path} cannot be used ({_first_line(error)}): restore it from version control, "
            "or move it away and publish with overwrite."
        ) from error


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest that `data` holds; raises pydantic's ValidationError if it holds none."""
    return Manifest.model_validate_json(data)


def with_entries(manifest: Manifest, entries: Iterable[ManifestEntry]) -> Manifest:
    """Return the manifest with `entries` in it, each in place of the entry with the same path, sorted by path."""
    by_path = {entry.path: entry for entry in (*manifest.assets, *entries)}
    return Manifest(assets=[by_path[path] for path in sorted(by_path)])


def to_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON text: the same manifest gives the same bytes, so that version control stays quiet."""
    text = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _first_line(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]

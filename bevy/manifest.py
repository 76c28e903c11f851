"""The manifest of a Bevy project: which of its files are ours, what they are and how they were made."""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dgx_pixels.bevy.names import Category
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.pixels.plain_file import read_plain

MANIFEST_PATH = "manifests/dgx_pixels.json"
"""Where the manifest stands, relative to assets/: never beside PNGs, where it would break Bevy's `load_folder`."""
SCHEMA = 2
MOST_BYTES = 32 << 20
"""The manifest of 30,000 sprites has half of it."""
MOST_TILESET_BYTES = 32 << 10
"""The manifest is read whole at each publish, and by the game at each change: what is longer belongs into a sidecar."""

Kind = Literal["sprite", "sheet", "tileset"]

# `#` and `://` mean something in Bevy's asset paths, and `..` would leave the folder: none of them gets through.
_FOLDERS = r"[a-z0-9_-]+(/[a-z0-9_-]+)*"
AssetPath = Annotated[str, Field(pattern=rf"^{_FOLDERS}\.png$")]
SidecarPath = Annotated[str, Field(pattern=rf"^(manifests/[a-z0-9_]+\.(json|tsx|tmx|ron)|{_FOLDERS}\.png\.meta)$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1)]


class ManifestError(ValueError):
    """The manifest on disk cannot be used; the text says why and what to do."""


# Unknown keys, of a later version's or the user's, are kept as they are when we write the manifest again.
_KEEPS_UNKNOWN = ConfigDict(frozen=True, extra="allow")


class Atlas(BaseModel):
    """A grid of tiles as `TextureAtlasLayout::from_grid` takes it, sizes in pixels; tiles count from the top left, row by row."""

    model_config = _KEEPS_UNKNOWN

    tile_width: Count
    tile_height: Count
    columns: Count
    rows: Count
    padding: Literal[0] = 0
    offset: Literal[0] = 0


class AssetFile(BaseModel):
    """A file beside an asset's PNG: its path relative to assets/ (posix), and the hash of its bytes."""

    model_config = _KEEPS_UNKNOWN

    path: SidecarPath
    sha256: Sha256


class ManifestEntry(BaseModel):
    """One published asset: its PNG's path relative to assets/ (posix), size in pixels, colours used, and what made it."""

    model_config = _KEEPS_UNKNOWN

    path: AssetPath
    kind: Kind = "sprite"
    id: str
    version: Count
    name: str
    category: Category
    width: Count
    height: Count
    colors: Annotated[int, Field(ge=0)]
    sha256: Sha256
    prompt: str
    seed: int
    model: str
    atlas: Atlas | None = None
    tileset: dict[str, Any] | None = None
    files: Annotated[tuple[AssetFile, ...], Field(max_length=100)] = ()
    """The files beside the PNG; the publisher fills this in."""

    @model_validator(mode="after")
    def _kind_has_its_parts(self) -> "ManifestEntry":
        atlas = self.atlas
        if (atlas is None) != (self.kind == "sprite"):
            raise ValueError("a sheet and a tileset have an atlas, a sprite has none")
        if atlas is not None:
            covered = (atlas.columns * atlas.tile_width, atlas.rows * atlas.tile_height)
            if covered != (self.width, self.height):
                raise ValueError(f"the atlas covers {covered[0]}x{covered[1]} pixels, not {self.width}x{self.height}")
        if (self.tileset is None) != (self.kind != "tileset"):
            raise ValueError("a tileset has a tileset block, nothing else has one")
        if self.tileset is not None and (size := len(compact(self.tileset))) > MOST_TILESET_BYTES:
            raise ValueError(f"the tileset block has {size:,} bytes, at most {MOST_TILESET_BYTES:,} are allowed")
        return self


class Manifest(BaseModel):
    """All published assets of a project, sorted by path."""

    model_config = _KEEPS_UNKNOWN

    # Schema 1 had only sprites, without files beside them: it is read as what it is, and written as 2.
    schema_version: Annotated[int, Field(ge=1, le=SCHEMA)] = Field(default=SCHEMA, alias="schema")
    generator: Literal["dgx-pixels"] = "dgx-pixels"
    assets: list[ManifestEntry] = []


def read_manifest(project: BevyProject) -> Manifest:
    """Return the project's manifest, an empty one if there is no file yet.

    Raises:
        ManifestError: the file cannot be read, is no manifest, or is of a later schema.

    """
    path = project.assets / MANIFEST_PATH
    try:
        return parse_manifest(read_plain(path, MOST_BYTES))
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
    return manifest.model_copy(update={"schema_version": SCHEMA, "assets": [by_path[path] for path in sorted(by_path)]})


def to_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON text: the same manifest gives the same bytes, so that version control stays quiet."""
    document = manifest.model_dump(mode="json", by_alias=True)
    for asset in document["assets"]:
        for key in ("atlas", "tileset", "files"):
            if not asset[key]:
                del asset[key]
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def compact(value: object) -> bytes:
    """Return a JSON value in its shortest form, as size limits count it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _first_line(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]

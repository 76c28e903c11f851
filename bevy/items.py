"""What one publish writes for an asset: its PNG, the files beside it, and the order in which a running game may see them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dgx_pixels.bevy.manifest import AssetFile, ManifestEntry

META = ".meta"
MOST_SIDECARS = 8
MOST_SIDECAR_BYTES = 1 << 20

# Bevy reads an image's settings when it loads the image, a map reads its tileset, and whoever reads JSON looks for the image.
_ORDER = {META: 0, ".png": 1, ".json": 2, ".ron": 2, ".tsx": 3, ".tmx": 4}

NEAREST_META = b"""(
    meta_format_version: "1.0",
    asset: Load(
        loader: "bevy_image::image_loader::ImageLoader",
        settings: (
            format: FromExtension,
            is_srgb: true,
            sampler: Descriptor((
                label: None,
                address_mode_u: ClampToEdge,
                address_mode_v: ClampToEdge,
                address_mode_w: ClampToEdge,
                mag_filter: Nearest,
                min_filter: Nearest,
                mipmap_filter: Nearest,
                lod_min_clamp: 0.0,
                lod_max_clamp: 32.0,
                compare: None,
                anisotropy_clamp: 1,
                border_color: None,
            )),
            asset_usage: RenderAssetUsages("RENDER_WORLD | MAIN_WORLD"),
        ),
    ),
)
"""
"""What `x.png.meta` says of `x.png`: sharp pixels, also in a game that does not set `ImagePlugin::default_nearest()`."""


@dataclass(frozen=True)
class Sidecar:
    """A file that goes with an asset: `path` relative to assets/, `manifests/*.json|tsx|tmx|ron`."""

    path: str
    data: bytes


@dataclass(frozen=True)
class PublishItem:
    """One asset to publish: its manifest entry without `files`, the bytes of its PNG, and the files that go with it."""

    entry: ManifestEntry
    data: bytes
    sidecars: tuple[Sidecar, ...] = ()

    def parts(self) -> list[Sidecar]:
        """All its files in the order in which they are shown."""
        return sorted((Sidecar(self.entry.path, self.data), *self.sidecars), key=lambda part: rank(part.path))

    def full_entry(self, kept: Sequence[AssetFile] = ()) -> ManifestEntry:
        """Its manifest entry with its own files and those of `kept`, which an earlier version has left."""
        own = [AssetFile(path=sidecar.path, sha256=sha256(sidecar.data)) for sidecar in self.sidecars]
        files = {file.path: file for file in (*kept, *own)}
        return self.entry.model_copy(update={"files": tuple(files[path] for path in sorted(files))})


def rank(path: str) -> int:
    """When a file is shown: the lower, the sooner."""
    return _ORDER[suffix_of(path)]


def suffix_of(path: str) -> str:
    """The end of a path's name that says what it is: `.png`, `.meta`, `.tsx`."""
    return PurePosixPath(path).suffix


def sha256(data: bytes) -> str:
    """The hash of some bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()

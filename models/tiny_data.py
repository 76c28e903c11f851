"""Training pictures for tiny-sdxl: 32x32 RGB on a key-coloured ground, with words.

Three sources: the CC0 tile release (the repository github.com/crawl/tiles, CC0 1.0, release Nov-2015; a folder or its zip),
people dressed from its paper dolls (`tiny_people`), and a few things drawn by rule (`tiny_drawn`).
"""

from __future__ import annotations

import io
import random
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.models.tiny_drawn import drawn
from dgx_pixels.models.tiny_paths import subject_of
from dgx_pixels.models.tiny_people import people
from dgx_pixels.models.tiny_recolour import recoloured
from dgx_pixels.models.tiny_subjects import SUBJECTS, Subject
from dgx_pixels.models.tiny_words import COLOURS, caption, dominant_colours, further_words

SIZE = 32
GROUND = (255, 0, 255)
"""The key colour behind every sprite, as chroma key: no tile of the release has it, and few people ask for it."""
_GLASS = np.array((126, 146, 160), np.float32)
_CENTRE = np.zeros((SIZE, SIZE), np.bool_)
_CENTRE[20:24, 13:18] = True
_BORDER = np.ones((SIZE, SIZE), np.bool_)
_BORDER[1:-1, 1:-1] = False
_NOUNS = tuple(s.name for s in SUBJECTS.values() if not s.fills)
_LEAST = 60  # opaque pixels
_NATURAL = 0.4
"""Share of the draws that show a thing in the colours it was drawn in; the rest is shared by its recoloured copies."""


@dataclass(frozen=True)
class Tile:
    """One picture to learn: RGB (32, 32, 3) with the ground filled in, where it is opaque (32, 32), and what it shows."""

    path: str
    rgb: NDArray[np.uint8]
    opaque: NDArray[np.bool_]
    subject: Subject
    extra: tuple[str, ...]


def read_tiles(source: Path) -> list[Tile]:
    """All usable pictures: the release's at `source` (a folder or a zip) in path order, its people, and the drawn things.

    Raises FileNotFoundError.
    """
    files = _files(source)
    named = [(path, subject) for path in sorted(files) if (subject := subject_of(path)) is not None]
    if not named:
        raise FileNotFoundError(
            f"There is no tile of the release in {source}: give its zip, or the folder with item/, mon/ and dngn/."
        )
    tiles = [_tile(path, _picture(files[path]), subject, further_words(path, subject.nouns)) for path, subject in named]
    made = [*people(sorted(files), lambda path: _picture(files[path])), *drawn()]
    tiles += [_tile(f"made/{i:04}", picture, SUBJECTS[name], ()) for i, (name, picture) in enumerate(made)]
    return [tile for tile in tiles if tile is not None]


def _files(source: Path) -> dict[str, bytes]:
    if source.is_dir():
        return {p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*.png")}
    with zipfile.ZipFile(source) as z:
        return {name: z.read(name) for name in z.namelist() if name.endswith(".png")}


def _picture(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return image.convert("RGBA")


def _tile(path: str, picture: Image.Image, subject: Subject, extra: tuple[str, ...]) -> Tile | None:
    """The picture as it is learnt, or None if it is of another size or shows next to nothing."""
    rgba = np.array(picture)
    if rgba.shape != (SIZE, SIZE, 4) or (rgba[..., 3] > 127).sum() < _LEAST:
        return None
    rgb, opaque = _flatten(rgba, subject)
    return Tile(path, rgb, opaque, subject, extra)


def _flatten(rgba: NDArray[np.uint8], subject: Subject) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Alpha to a key-coloured ground; see-through pixels inside a glass vessel are drawn as glass."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    opaque = rgba[..., 3] > 127
    rgb = rgba[..., :3].astype(np.float32)
    if subject.glass:
        opaque = _reached(opaque, opaque & _CENTRE)  # leaves out the specks of shadow beside the vessel
        inside = ~opaque & ~_reached(~opaque, ~opaque & _BORDER)
        rgb = np.where(inside[..., None], rgb * alpha + _GLASS * (1 - alpha), rgb)
        opaque = opaque | inside
    if subject.fills:
        opaque = np.ones_like(opaque)
    return np.where(opaque[..., None], rgb, np.array(GROUND)).astype(np.uint8), opaque


def _reached(open_: NDArray[np.bool_], start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which open pixels can be reached from `start` through open pixels (4 neighbours)."""
    reached = start
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= open_
        if (grown == reached).all():
            return reached
        reached = grown


@dataclass(frozen=True)
class Example:
    """A picture as it is learnt: the tile, the colours it shows by now, and its share of the draws."""

    tile: Tile
    colours: tuple[str, ...]
    natural: bool
    """Whether these are the colours that the thing was drawn in, so that it may be asked for without naming them."""
    weight: float


def examples(tiles: list[Tile]) -> list[Example]:
    """Every tile as it is and in the twelve colours, each with its colour names and its share of the training draws."""
    found = []
    per_subject: dict[str, int] = {}
    for tile in tiles:
        per_subject[tile.subject.name] = per_subject.get(tile.subject.name, 0) + 1
    for tile in tiles:
        share = tile.subject.weight / per_subject[tile.subject.name]
        own = dominant_colours(tile.rgb, tile.opaque)
        found.append(Example(tile, own, True, share * _NATURAL))
        copies = [replace(tile, rgb=recoloured(tile.rgb, tile.opaque, colour)) for colour in COLOURS]
        named = [dominant_colours(copy.rgb, copy.opaque) for copy in copies]
        kept = [(copy, names) for copy, names, wanted in zip(copies, named, COLOURS, strict=True) if names[0] == wanted]
        found += [Example(copy, names[:1], False, share * (1 - _NATURAL) / len(kept)) for copy, names in kept]
    return found


def stacked(found: list[Example]) -> NDArray[np.uint8]:
    """All pictures as one array, (n, 3, 32, 32) uint8: channels first, as torch has them."""
    return np.stack([e.tile.rgb for e in found]).transpose(0, 3, 1, 2)


def share_by_interest(found: list[Example]) -> NDArray[np.float64]:
    """How often each picture is drawn in training, (n,) shares summing to 1: what people ask for comes more often."""
    weights = np.array([e.weight for e in found])
    share: NDArray[np.float64] = weights / weights.sum()
    return share


def share_mixed(found: list[Example]) -> NDArray[np.float64]:
    """The same shares, (n,), half by interest and half evenly: a VAE has to keep rare detail, too."""
    return 0.5 * share_by_interest(found) + 0.5 / len(found)


def ask(example: Example, rng: random.Random) -> str:
    """One way to ask for the example, see `tiny_words.caption`."""
    return caption(example.tile.subject.nouns, example.tile.extra, example.colours, example.natural, _NOUNS, rng)

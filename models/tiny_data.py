"""Training pictures for tiny-sdxl: from the CC0 tile release to 32x32 RGB pictures on a key-coloured ground, with words.

The public original is the repository github.com/crawl/tiles (CC0 1.0), release Nov-2015; a folder or its zip is taken.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.models.tiny_words import OTHER_WORDS, Description, Kind, describe, dominant_colours, kind_of

SIZE = 32
GROUND = (255, 0, 255)
"""The key colour behind every sprite, as chroma key: no tile of the release has it, and few people ask for it."""
_GLASS = np.array((126, 146, 160), np.float32)
_CENTRE = np.zeros((SIZE, SIZE), np.bool_)
_CENTRE[20:24, 13:18] = True
_BORDER = np.ones((SIZE, SIZE), np.bool_)
_BORDER[1:-1, 1:-1] = False
_HUE_TURNS = (0, 0, 40, 80, 120, 160, 200, 240, 280, 320)
"""Degrees; each picture is learnt in these hues, so that a colour word is learnt apart from a shape."""


@dataclass(frozen=True)
class Tile:
    """One picture to learn: RGB (32, 32, 3) with the ground filled in, where it is opaque (32, 32), and its words."""

    rgb: NDArray[np.uint8]
    opaque: NDArray[np.bool_]
    kind: Kind
    words: Description


def read_tiles(source: Path) -> list[Tile]:
    """All usable tiles of the release at `source` (a folder or a zip), in path order. Raises FileNotFoundError."""
    tiles = []
    for path, data in sorted(_files(source)):
        kind = kind_of(path)
        if kind is None:
            continue
        with Image.open(io.BytesIO(data)) as image:
            rgba = np.array(image.convert("RGBA"))
        if rgba.shape != (SIZE, SIZE, 4) or (rgba[..., 3] > 127).sum() < 60:
            continue
        rgb, opaque = _flatten(rgba, kind)
        tiles.append(Tile(rgb, opaque, kind, describe(path, kind)))
    return tiles


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for p in source.rglob("*.png"):
            yield p.relative_to(source).as_posix(), p.read_bytes()
        return
    with zipfile.ZipFile(source) as z:
        for name in z.namelist():
            if name.endswith(".png"):
                yield name, z.read(name)


def _flatten(rgba: NDArray[np.uint8], kind: Kind) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Alpha to a key-coloured ground; see-through pixels inside a glass vessel are drawn as glass."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    opaque = rgba[..., 3] > 127
    rgb = rgba[..., :3].astype(np.float32)
    if kind.glass:
        opaque = _reached(opaque, opaque & _CENTRE)  # leaves out the specks of shadow beside the vessel
        inside = ~opaque & ~_reached(~opaque, ~opaque & _BORDER)
        rgb = np.where(inside[..., None], rgb * alpha + _GLASS * (1 - alpha), rgb)
        opaque = opaque | inside
    if kind.fills:
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


def hue_turned(tile: Tile, degrees: float) -> Tile:
    """The tile with the hue of its opaque pixels turned in YIQ space, which keeps lightness."""
    if degrees == 0:
        return tile
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]], np.float32)
    matrix = np.linalg.inv(to_yiq) @ turn @ to_yiq
    turned = np.clip(tile.rgb.astype(np.float32) @ matrix.T, 0, 255).round()
    return Tile(np.where(tile.opaque[..., None], turned, tile.rgb).astype(np.uint8), tile.opaque, tile.kind, tile.words)


@dataclass(frozen=True)
class Example:
    """A picture as it is learnt: RGB, and what may be said of it."""

    rgb: NDArray[np.uint8]
    words: Description
    colours: tuple[str, ...]
    natural: bool
    """Whether these are the colours that the thing was drawn in, so that it may be asked for without naming them."""
    weight: float


def examples(tiles: list[Tile]) -> list[Example]:
    """Every tile in every hue, each with its colour names and its share of the training draws."""
    found = []
    per_kind = {id(t.kind): 0 for t in tiles}
    for tile in tiles:
        per_kind[id(tile.kind)] += 1
    for tile in tiles:
        share = tile.kind.weight / per_kind[id(tile.kind)] / len(_HUE_TURNS)
        for degrees in _HUE_TURNS:
            turned = hue_turned(tile, degrees)
            found.append(Example(turned.rgb, tile.words, dominant_colours(turned.rgb, turned.opaque), degrees == 0, share))
    return found


def stacked(found: list[Example]) -> NDArray[np.uint8]:
    """All pictures as one array, (N, 3, 32, 32)."""
    return np.stack([e.rgb for e in found]).transpose(0, 3, 1, 2)


def share_by_interest(found: list[Example]) -> NDArray[np.float64]:
    """How often each picture is drawn in training, summing to 1: what people ask for comes more often."""
    weights = np.array([e.weight for e in found])
    share: NDArray[np.float64] = weights / weights.sum()
    return share


def share_mixed(found: list[Example]) -> NDArray[np.float64]:
    """Half by interest, half evenly: a VAE has to keep rare detail, too."""
    return 0.5 * share_by_interest(found) + 0.5 / len(found)


def _called(colour: str, rng: random.Random) -> str:
    return rng.choice(OTHER_WORDS[colour]) if colour in OTHER_WORDS and rng.random() < 0.2 else colour


def caption(example: Example, rng: random.Random) -> str:
    """One way to ask for the picture: words left out, reordered and dressed as people do. "" in one draw of ten."""
    if rng.random() < 0.1:
        return ""
    noun = rng.choice(example.words.nouns)
    unsaid = example.natural and rng.random() < 0.6
    colours = [] if unsaid else [_called(c, rng) for c in example.colours]
    extra = [w for w in example.words.extra if rng.random() < 0.7 and w not in noun]
    if colours and rng.random() < 0.12:
        text = " ".join([*extra, noun, "that is" if rng.random() < 0.3 else "in", " and ".join(colours)])
    else:
        rng.shuffle(extra)
        text = " ".join([*(colours if rng.random() < 0.5 else colours[:1]), *extra, noun])
    article = rng.random()
    text = f"a {text}" if article < 0.3 else f"the {text}" if article < 0.35 else text
    return text + rng.choice(("", "", "", "", ", pixel art", " sprite", ", game item"))

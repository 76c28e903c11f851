"""Tiled's files: read by an independent parser, and drawn by the real Tiled, pixel for pixel as we do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import pytiled_parser
from PIL import Image
from pytiled_parser.layer import TileLayer
from pytiled_parser.tileset import Tileset as ParsedTileset
from terrains import COLORS, tileset

from dgx_pixels.pixels.tile_layout import Kind
from dgx_pixels.pixels.tile_map import TileMap, draw_map, random_map
from dgx_pixels.pixels.tile_set import Tileset
from dgx_pixels.pixels.tile_tiled import tmx_bytes, tsx_bytes

SIZES = {"seamless": 13}
needs_tiled = pytest.mark.skipif(shutil.which("tmxrasterizer") is None, reason="needs Tiled (apt-get install tiled)")


def written(folder: Path, kind: Kind) -> tuple[Tileset, TileMap, Path]:
    """A set and a map on disk, in the folders of a Bevy project; the path is the .tmx."""
    made = tileset(kind, 1 if kind == "sidescroller" else 3, SIZES.get(kind, 16))
    laid = random_map(made.layout, made.terrains, 24, 18, 1)
    (folder / "tiles").mkdir()
    (folder / "manifests").mkdir()
    Image.fromarray(made.atlas).save(folder / "tiles/tile_x.png")
    names = [(f"terrain & {i}", COLORS[i]) for i in range(made.terrains)]
    (folder / "manifests/tile_x.tsx").write_bytes(tsx_bytes(made.layout, made.side, "x", "../tiles/tile_x.png", names))
    tmx = folder / "manifests/tile_x.tmx"
    tmx.write_bytes(tmx_bytes(laid, made.side, "tile_x.tsx"))
    return made, laid, tmx


@needs_tiled
@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_real_tiled_draws_the_map_as_we_do(tmp_path: Path, kind: Kind) -> None:
    """Pixel for pixel, clear pixels included."""
    made, laid, tmx = written(tmp_path, kind)
    out = tmp_path / "map.png"
    screenless = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    subprocess.run(["tmxrasterizer", tmx, out], check=True, env=screenless, capture_output=True)

    assert np.array_equal(np.array(Image.open(out).convert("RGBA")), draw_map(laid, made.tiles))


@needs_tiled
def test_the_real_tiled_keeps_every_terrain_of_the_set(tmp_path: Path) -> None:
    """Read and written again by Tiled's own exporter, no wang tile is lost or changed."""
    _, _, tmx = written(tmp_path, "blob47")
    tsx, again = tmx.with_suffix(".tsx"), tmp_path / "manifests/again.tsx"
    screenless = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    subprocess.run(["tiled", "--export-tileset", tsx, again], check=True, env=screenless, capture_output=True)

    one, other = (sorted(tuple(t.attrib.items()) for t in ET.parse(file).iter("wangtile")) for file in (tsx, again))
    assert one == other
    assert len(one) == 2 * 46 + 3 + 3


@pytest.mark.parametrize("kind", get_args(Kind))
def test_an_independent_parser_reads_what_was_meant(tmp_path: Path, kind: Kind) -> None:
    """Grid, image, terrains and the map's indices are those that we wrote; spacing and margin are none."""
    made, laid, tmx = written(tmp_path, kind)
    parsed = pytiled_parser.parse_map(tmx)
    read: ParsedTileset = parsed.tilesets[1]

    assert (read.tile_width, read.tile_height, read.columns) == (made.side, made.side, made.layout.columns)
    assert (read.spacing, read.margin) == (0, 0)
    assert (read.image_width, read.image_height) == made.atlas.shape[1::-1]
    assert read.wang_sets is not None
    wang: Any = read.wang_sets[0]
    assert wang.wang_type == ("mixed" if kind in ("blob47", "sidescroller") else "corner")
    assert [color.name for color in wang.wang_colors] == [f"terrain & {i}" for i in range(made.terrains)]
    assert len(wang.wang_tiles) == len(made.tiles)
    for layer, ours in zip(parsed.layers, laid.layers, strict=True):
        assert isinstance(layer, TileLayer)
        assert layer.data == (ours + 1).tolist()


def test_any_printable_name_is_read_back() -> None:
    """All that a terrain may be called, quotes, brackets and other scripts included, comes out of the .tsx as it went in."""
    name = "".join(c for c in map(chr, range(0x20000)) if c.isprintable())
    made = tileset("seamless", 1, 8, 1)
    root = ET.fromstring(tsx_bytes(made.layout, made.side, "x", "x.png", [(name, COLORS[0])]))

    assert [color.attrib["name"] for color in root.iter("wangcolor")] == [name]


def test_corners_of_a_wang_tile_stand_where_tiled_looks_for_them(tmp_path: Path) -> None:
    """Wang ids go clockwise from the top; the tile that is upper at its north-east alone has that place set."""
    _, _, tmx = written(tmp_path, "wang16")
    ids = {t.attrib["tileid"]: t.attrib["wangid"] for t in ET.parse(tmx.with_suffix(".tsx")).iter("wangtile")}

    assert ids["0"] == "0,1,0,1,0,1,0,1"
    assert ids["1"] == "0,2,0,1,0,1,0,1"

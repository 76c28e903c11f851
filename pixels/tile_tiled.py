"""Tilesets and maps as files of the map editor Tiled: .tsx with its terrain sets, and .tmx.

Formats: https://doc.mapeditor.org/en/stable/reference/tmx-map-format/ (Tiled 1.5 and later).
"""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from dgx_pixels.pixels.colour import Color, to_hex
from dgx_pixels.pixels.tile_layout import SHAPES, Layout, edges_of
from dgx_pixels.pixels.tile_map import TileMap

_VERSION: Final = {"version": "1.8", "tiledversion": "1.8.2"}


def tsx_bytes(layout: Layout, side: int, name: str, image: str, terrains: Sequence[tuple[str, Color]]) -> bytes:
    """Write a tileset: tiles of `side` px, the PNG's path from the .tsx, and each terrain's name and colour in the editor.

    Its terrain set is of corners, or, for a blob, of corners and edges, so that Tiled's terrain brush paints with it.
    """
    root = ET.Element("tileset", _VERSION, name=name)
    _set(root, tilewidth=side, tileheight=side, tilecount=layout.rows * layout.columns, columns=layout.columns)
    picture = ET.SubElement(root, "image", source=image)
    _set(picture, width=layout.columns * side, height=layout.rows * side)
    sets = ET.SubElement(root, "wangsets")
    how = "corner" if SHAPES[layout.kind] == 2 else "mixed"
    wang = ET.SubElement(sets, "wangset", name=name, type=how, tile="-1")
    for terrain, color in terrains:
        ET.SubElement(wang, "wangcolor", name=terrain, color=to_hex(color), tile="-1", probability="1")
    for index, tile in enumerate(layout.tiles):
        (nw, *_, ne), east, (sw, *_, se), west = edges = edges_of(tile.cells)
        middles = [edge[1] if len(edge) == 3 else -1 for edge in (edges[0], east, edges[2], west)]
        around = (middles[0], ne, middles[1], se, middles[2], sw, middles[3], nw)
        ET.SubElement(wang, "wangtile", tileid=str(index), wangid=",".join(str(terrain + 1) for terrain in around))
    return _written(root)


def tmx_bytes(tile_map: TileMap, side: int, tsx: str) -> bytes:
    """Write a map that uses the tileset at this path, as seen from the .tmx."""
    rows, columns = tile_map.layers[0].shape
    root = ET.Element("map", _VERSION, orientation="orthogonal", renderorder="right-down", infinite="0")
    _set(root, width=columns, height=rows, tilewidth=side, tileheight=side)
    _set(root, nextlayerid=len(tile_map.layers) + 1, nextobjectid=1)
    ET.SubElement(root, "tileset", firstgid="1", source=tsx)
    for number, layer in enumerate(tile_map.layers, start=1):
        element = ET.SubElement(root, "layer", id=str(number), name=f"layer {number}")
        _set(element, width=columns, height=rows)
        data = ET.SubElement(element, "data", encoding="csv")
        data.text = "\n" + ",\n".join(",".join(str(index + 1) for index in row) for row in layer.tolist()) + "\n"
    return _written(root)


def _set(element: ET.Element, **numbers: int) -> None:
    for key, value in numbers.items():
        element.set(key, str(value))


def _written(root: ET.Element) -> bytes:
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"

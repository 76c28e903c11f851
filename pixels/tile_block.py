"""What a game must know of a tileset, as JSON values: patterns, and which edges fit."""

from collections.abc import Sequence
from typing import Any

from dgx_pixels.pixels.tile_layout import SHAPES, edges_of
from dgx_pixels.pixels.tile_map import TileMap
from dgx_pixels.pixels.tile_seams import fits
from dgx_pixels.pixels.tile_set import Tileset


def tileset_block(tileset: Tileset, terrains: Sequence[str]) -> dict[str, Any]:
    """Describe a set for the manifest; `terrains` are the names of its materials, the lowest first.

    - `kind`, `terrains`;
    - `pattern`: "corners" (`tiles` have the terrain at north-west, north-east, south-west, south-east) or "neighbours" (nine
      terrains: row by row, the tile's own in the middle; corners that do not matter are the lower terrain);
    - `tiles`: a pattern for each atlas index; -1 is nothing. The same pattern again is a variant: take any;
    - `edges`: for each atlas index the numbers of its upper, right, lower and left edge. Two tiles fit side by side if the one's
      right edge has the number of the other's left edge, and likewise one above the other. -1 fits only where there is no tile.
    """
    layout = tileset.layout
    edges = [edges_of(tile.cells) for tile in layout.tiles]
    known = {edge: number for number, edge in enumerate(dict.fromkeys(e for four in edges for e in four if fits(e)))}
    return {
        "kind": layout.kind,
        "terrains": list(terrains),
        "pattern": "corners" if SHAPES[layout.kind] == 2 else "neighbours",
        "tiles": [[terrain for row in tile.cells for terrain in row] for tile in layout.tiles],
        "edges": [[known.get(edge, -1) for edge in four] for four in edges],
    }


def sidecar_block(tileset: Tileset, terrains: Sequence[str], sample: TileMap) -> dict[str, Any]:
    """What `tileset_block` says, the proof, and a sample map: layers of rows of atlas indices, -1 for no tile."""
    proof = tileset.proof
    return {
        "tileset": tileset_block(tileset, terrains),
        "proof": {
            "pairs": proof.pairs,
            "edge_step": round(proof.edge_step, 3),
            "inside_step": round(proof.inside_step, 3),
            "ratio": round(proof.ratio, 3),
            "worst": round(proof.worst, 3),
        },
        "map": [layer.tolist() for layer in sample.layers],
    }

"""What a sprite sheet says of its frames: Aseprite's JSON (Array), which many loaders read, with a block for Bevy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from dgx_pixels.bevy.manifest import Atlas

MOST_MS = 60_000
Direction = Literal["forward", "reverse", "pingpong"]


@dataclass(frozen=True)
class FrameTag:
    """A named animation: frames `first` to `last`, counted from 0, both included."""

    name: str
    first: int
    last: int
    direction: Direction = "forward"


def sheet_path(path: str) -> str:
    """Return where the sidecar of the sheet `path` stands, both relative to assets/."""
    return f"manifests/{PurePosixPath(path).stem}.json"


def sheet_json(path: str, atlas: Atlas, durations_ms: Sequence[int], tags: Sequence[FrameTag] = ()) -> bytes:
    """Return the sidecar of the sheet whose PNG stands at `path`, relative to assets/.

    Frames fill the grid from the top left, row by row, one for each duration (1 to 60,000 ms); the grid's end may be empty.
    The shape is that of Aseprite 1.3's export with `--format json-array --list-tags`.

    Raises ValueError for more frames than places, no frame, a duration out of range, or a tag that names frames there are not.
    """
    if not 1 <= len(durations_ms) <= atlas.columns * atlas.rows:
        raise ValueError(
            f"{len(durations_ms)} frames do not fit in {atlas.columns}x{atlas.rows} tiles: give 1 for each tile at most."
        )
    for duration in durations_ms:
        if not 1 <= duration <= MOST_MS:
            raise ValueError(f"A frame of {duration} ms is not allowed: use 1 to {MOST_MS:,} ms.")
    for tag in tags:
        if not 0 <= tag.first <= tag.last < len(durations_ms):
            raise ValueError(f"The tag {tag.name!r} names frames {tag.first} to {tag.last} of 0 to {len(durations_ms) - 1}.")
    stem = PurePosixPath(path).stem
    size = {"w": atlas.tile_width, "h": atlas.tile_height}
    frames = [
        {
            "filename": f"{stem} {i}", "frame": _corner(atlas, i) | size, "rotated": False, "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0} | size, "sourceSize": size, "duration": duration,
        }
        for i, duration in enumerate(durations_ms)
    ]  # fmt: skip
    meta = {
        "app": "dgx-pixels", "version": "1.3", "image": f"../{path}", "format": "RGBA8888",
        "size": {"w": atlas.columns * atlas.tile_width, "h": atlas.rows * atlas.tile_height}, "scale": "1",
        "frameTags": [{"name": tag.name, "from": tag.first, "to": tag.last, "direction": tag.direction} for tag in tags],
    }  # fmt: skip
    document = {"frames": frames, "meta": meta, "bevy": {"image": path, "atlas": atlas.model_dump(mode="json")}}
    return f"{json.dumps(document, indent=1, ensure_ascii=False)}\n".encode()


def _corner(atlas: Atlas, index: int) -> dict[str, int]:
    row, column = divmod(index, atlas.columns)
    return {"x": column * atlas.tile_width, "y": row * atlas.tile_height}

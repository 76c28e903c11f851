"""`dgx-pixels pixelize IN --out OUT` and `--worker`: from file to file, without library, server or model.

Nothing slow is imported here, since the command is meant to be called in a loop.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from dgx_pixels.bevy.project import find_project, open_project
from dgx_pixels.models.matting import MattingError, without_ground
from dgx_pixels.pixels.art import make_art
from dgx_pixels.pixels.art_options import ArtOptions, read_options
from dgx_pixels.pixels.edit import scale
from dgx_pixels.pixels.export import encode_indexed_png, encode_plain_png
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.palette_files import MOST_BYTES as MOST_PALETTE
from dgx_pixels.pixels.read import MOST_BYTES, read_picture
from dgx_pixels.server.own_files import read_own, write_whole
from dgx_pixels.tools.palettes import PROJECT, find_palette

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from dgx_pixels.pixels.pixelize import Pixelized
    from dgx_pixels.pixels.sprite import Sprite

    Encode = Callable[[Sprite], bytes]


_EXPECTED = (ValueError, OSError, MattingError, MemoryError)


def run_file(arguments: argparse.Namespace) -> int:
    """Do the work and say what was made; answers with the exit status, 1 with one sentence on stderr."""
    warnings.simplefilter("ignore")  # Pillow warns of odd metadata in files that it reads all the same
    try:
        options = _options(arguments)
        if arguments.worker:
            return _work(options, _matting_folder(arguments))
        target = Path(arguments.out)
        found = _pixelize(Path(arguments.image), target, options, _matting_folder(arguments), _encoder(arguments))
    except _EXPECTED as error:
        print(f"dgx-pixels: {_sentence(error)}", file=sys.stderr)
        return 1
    print(_described(found, target, as_json=arguments.json))
    return 0


def picture_bytes(file: Path) -> bytes:
    """The content of an image file. Raises OSError, also if it is too large to be read."""
    return read_own(file, MOST_BYTES)


def _options(arguments: argparse.Namespace) -> ArtOptions:
    return read_options(
        size=arguments.size, colors=arguments.colors, palette=_palette(arguments), transparent=arguments.transparent is not False,
        dither=arguments.dither or "none", cleanup=arguments.cleanup or (), outline=arguments.outline, trim=bool(arguments.trim),
        canvas=arguments.canvas, anchor=arguments.anchor,
    )  # fmt: skip


def _palette(arguments: argparse.Namespace) -> Palette | None:
    if arguments.palette is None:
        return None
    root = None
    if arguments.palette.strip().lower() == PROJECT:
        root = arguments.project or find_project(Path.cwd())
    assets = open_project(root).assets if root is not None else None
    return find_palette(arguments.palette, assets, lambda path: read_own(Path(path), MOST_PALETTE))


def _encoder(arguments: argparse.Namespace) -> Encode:
    if arguments.indexed:
        return lambda sprite: encode_indexed_png(sprite if arguments.enlarge == 1 else scale(sprite, arguments.enlarge))
    return lambda sprite: encode_plain_png(sprite, arguments.enlarge)


def _matting_folder(arguments: argparse.Namespace) -> Path | None:
    """Where the matting model lies; None if none is asked for."""
    if not arguments.matting:
        return None
    from dgx_pixels.server.settings import Settings  # slow to import, and asked for nothing else here

    given = {"home": arguments.home} if arguments.home is not None else {}
    return Settings(**given).home / "models" / "matting"


def _pixelize(source: Path, target: Path, options: ArtOptions, matting: Path | None, encode: Encode) -> Pixelized:
    rgba = read_picture(picture_bytes(source)).rgba
    found = make_art(rgba if matting is None else without_ground(rgba, matting), options)
    write_whole(target, encode(found.sprite))
    return found


def _work(options: ArtOptions, matting: Path | None) -> int:
    """Serve a driver: a line "IN<tab>OUT[<tab>anything]" each is answered with "ok SECONDS" or "err SENTENCE"."""
    for line in sys.stdin:
        source, _, rest = line.rstrip("\n").partition("\t")
        target = rest.partition("\t")[0]
        started = time.perf_counter()
        try:
            _pixelize(Path(source), Path(target), options, matting, encode_plain_png)
            answer = f"ok {time.perf_counter() - started:.6f}"
        except _EXPECTED as error:
            answer = f"err {_sentence(error)}"
        print(answer, flush=True)
    return 0


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "There is not enough memory for this picture: give a smaller one."
    if isinstance(error, OSError):
        return f"{error.filename} cannot be used ({error.strerror}): check the path and its permissions."
    return str(error)


def _described(found: Pixelized, target: Path, *, as_json: bool) -> str:
    height, width = found.sprite.rgba.shape[:2]
    what = {
        "file": str(target.absolute()), "width": width, "height": height, "colors": len(found.sprite.palette),
        "kind": found.kind, "confidence": found.confidence,
    }  # fmt: skip
    if as_json:
        return json.dumps(what, indent=2)
    return f"{what['file']}  {width}x{height}, {what['colors']} colours ({found.kind}, confidence {found.confidence:.2f})"

"""Every method of the benchmark as a resident process: `PYTHON pixel_rivals.py NAME`, one picture per line.

A line is "IN<tab>OUT<tab>WIDTH<tab>HEIGHT", the answer "ok SECONDS" (from reading IN to having written OUT) or "err WHY".
The true size is for `naive` alone. Runs under a rival's own interpreter: nothing but that rival and Pillow is imported.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Method = Callable[[str, str, tuple[int, int]], None]


def naive() -> Method:
    """Nearest downscale, told the true size."""
    from PIL import Image

    def run(source: str, target: str, size: tuple[int, int]) -> None:
        Image.open(source).convert("RGBA").resize(size, Image.Resampling.NEAREST).save(target)

    return run


def dgx_pixels() -> Method:
    """Run our engine with all its defaults."""
    import numpy as np
    from PIL import Image

    from dgx_pixels.pixels.pixelize import pixelize

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        rgba = np.asarray(Image.open(source).convert("RGBA"))
        Image.fromarray(pixelize(rgba).sprite.rgba).save(target)

    return run


def proper_pixel_art() -> Method:
    """https://github.com/KennethJAllen/proper-pixel-art, its ground made clear."""
    from PIL import Image

    module: Any = __import__("proper_pixel_art", fromlist=["pixelate"])
    config = __import__("proper_pixel_art.config", fromlist=["x"]).PixelateConfig(transparent_background=True)

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        result = module.pixelate(Image.open(source).convert("RGBA"), config)
        getattr(result, "image", result).save(target)

    return run


def pixel_snapper(colors: int) -> Method:
    """https://github.com/Hugo-Dz/spritefusion-pixel-snapper, from its wheel."""
    module: Any = __import__("pixel_snapper")
    config = module.PixelSnapperConfig(k_colors=colors)

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        Path(target).write_bytes(bytes(module.process_image(Path(source).read_bytes(), config)))

    return run


def ai2pixelart() -> Method:
    """Run ai2pixelart's simple way, which needs no weights."""
    import numpy as np
    from PIL import Image

    module: Any = __import__("ai2pixelart")

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        Image.fromarray(module.clean(np.array(Image.open(source).convert("RGB"))).image).save(target)

    return run


def perfect_pixel() -> Method:
    """https://github.com/theamusing/perfectPixel."""
    import numpy as np
    from PIL import Image

    module: Any = __import__("perfect_pixel")

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        _, _, found = module.get_perfect_pixel(np.array(Image.open(source).convert("RGB")))
        Image.fromarray(found).save(target)

    return run


def spritegrid() -> Method:
    """https://github.com/phphusky/spritegrid, its ground removed."""
    module: Any = __import__("spritegrid.main", fromlist=["main"])

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        module.main(source, output_file=target, remove_background="default")

    return run


def unfake() -> Method:
    """https://github.com/painebenjamin/unfake.py, its ground removed with a tolerance that stands noise."""
    module: Any = __import__("unfake")

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        result = module.process_image_sync(source, transparent_background=True, background_tolerance=24)
        result["image"].save(target)

    return run


def pxl_cleanup() -> Method:
    """Run pxl-cleanup's stages up to its palette; its size of 6 px is a default, so it is told to look."""
    from PIL import Image

    stages: Any = __import__("pxl_cleanup.stages", fromlist=["x"])

    def run(source: str, target: str, _size: tuple[int, int]) -> None:
        picture = stages.remove_background(Image.open(source).convert("RGBA"))
        picture = stages.binarize_alpha(stages.recover_grid(picture, None))
        stages.reduce_palette(picture).save(target)

    return run


METHODS: dict[str, tuple[str, Callable[[], Method]]] = {
    "naive, told the size": ("", naive),
    "dgx-pixels": ("", dgx_pixels),
    "proper-pixel-art": ("proper-pixel-art", proper_pixel_art),
    "pixel-snapper, 64 colours": ("pixel-snapper", lambda: pixel_snapper(64)),
    "pixel-snapper, 16 colours": ("pixel-snapper", lambda: pixel_snapper(16)),
    "ai2pixelart": ("ai2pixelart", ai2pixelart),
    "perfect-pixel": ("perfect-pixel", perfect_pixel),
    "spritegrid": ("spritegrid", spritegrid),
    "unfake": ("unfake", unfake),
    "pxl-cleanup": ("pxl-cleanup", pxl_cleanup),
}
"""Of each name, the PyPI package whose environment runs it ("": ours), and what makes it."""


def serve(name: str) -> None:
    """Answer lines until there are no more."""
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        method = METHODS[name][1]()
        for line in sys.stdin:
            source, target, width, height = line.rstrip("\n").split("\t")
            start = time.perf_counter()
            try:
                method(source, target, (int(width), int(height)))
                answer = f"ok {time.perf_counter() - start}"
            except (Exception, SystemExit) as error:  # a rival's crash is a miss
                answer = f"err {error!r}"[:200].replace("\n", " ")
            print(answer, file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])

"""A dgx-pixels whose GPU fails once it draws, as `python failing.py HOW TIMES COMMAND ...`: what a broken driver does to it.

HOW is "lost" (the step raises what torch raises when the GPU's context is gone) or "hung" (the step never ends). It happens to
the first TIMES drawings of a real request, counted in the file `failures` of the home, so that a next server may be sound.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch

import dgx_pixels.models.renderer as drawing
from dgx_pixels.server.cli import main

_denoise = vars(drawing)["denoise"]


def _fail(how: str, times: int, home: Path) -> None:
    def denoise(loaded: Any, requests: Any, encoders: Any, tell: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        count = home / "failures"
        failed = int(count.read_text()) if count.exists() else 0
        if "potion" not in requests[0].prompt or failed >= times:
            return _denoise(loaded, requests, encoders, tell)

        def broken(done: int, total: int, preview: Any) -> None:  # noqa: ANN401
            tell(done, total, preview)
            if done == 2:
                count.write_text(str(failed + 1))
                if how == "hung":
                    time.sleep(3600)
                raise torch.AcceleratorError("CUDA error: unspecified launch failure")

        return _denoise(loaded, requests, encoders, broken)

    vars(drawing)["denoise"] = denoise
    drawing.Renderer.can_hang = True  # type: ignore[assignment, method-assign]  # as if this were a GPU


if __name__ == "__main__":
    _fail(sys.argv[1], int(sys.argv[2]), Path(sys.argv[sys.argv.index("--home") + 1]))
    main(sys.argv[3:])

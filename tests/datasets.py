"""What the tests of datasets share: sprites of CC0 art, folders of them, and a server's parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.library.library import Library
from dgx_pixels.models.catalogue import BaseModel, Catalogue, embedded
from dgx_pixels.models.gpu import GpuThread
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.tools.dataset import prepare_dataset
from dgx_pixels.tools.dataset_request import DatasetRequest, Prepared
from dgx_pixels.tools.jobs import JobRunner
from dgx_pixels.tools.services import Services

Rgba = NDArray[np.uint8]

_SHEET = Path(__file__).parent.parent / "benchmarks/tiles/subjects.png"
_SIDE = 32
NAMES = ("potion", "sword", "bat", "helmet", "slime", "book", "shield", "ring", "snake", "wand")


def tiles(count: int) -> list[Rgba]:
    """So many different sprites of CC0 art, (32, 32, 4), on clear ground."""
    with Image.open(_SHEET) as image:
        sheet = np.asarray(image.convert("RGBA"))
    places = [divmod(i, sheet.shape[1] // _SIDE) for i in range(count)]
    return [sheet[row * _SIDE : (row + 1) * _SIDE, column * _SIDE : (column + 1) * _SIDE] for row, column in places]


def write(file: Path, rgba: Rgba, scale: int = 1) -> Path:
    """Write a picture, enlarged, and its folder if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgba.repeat(scale, 0).repeat(scale, 1)).save(file)
    return file


def sprite_folder(folder: Path, count: int = 6) -> list[Path]:
    """Write sprites as we name them: `item_potion_0001.png`."""
    return [write(folder / f"item_{NAMES[i % 10]}_{i + 1:04}.png", rgba) for i, rgba in enumerate(tiles(count))]


class OneSdxl(Catalogue):
    """A catalogue that also has a base model of SDXL's size, without weights: datasets look at none."""

    def get(self, model: str | None) -> BaseModel:
        """The base model of this id."""
        return replace(embedded(), id="sdxl", ground=None, render_side=1024) if model == "sdxl" else super().get(model)


@asynccontextmanager
async def parts(home: Path, *read_roots: Path) -> AsyncIterator[Services]:
    """A server's parts on a home, without a GPU thread that runs."""
    library = await Library.open(home)
    never: GpuThread[RenderRequest, Render] = GpuThread(lambda: _no_engine())
    try:
        with ThreadPoolExecutor(1) as pictures:
            yield Services(
                library, JobRunner(library), never, Publisher(), OneSdxl(home / "models"), lambda: None,
                (home / "assets", *read_roots), home / "matting", pictures,
            )  # fmt: skip
    finally:
        await library.close()


def _no_engine() -> Any:  # noqa: ANN401  # stands for an engine that is never made
    raise AssertionError("datasets draw nothing")


def prepared(home: Path, source: Path | str, project: BevyProject | None = None, **more: Any) -> Prepared:  # noqa: ANN401
    """The dataset of a folder, which may be read, or of another source."""

    async def made() -> Prepared:
        roots = (source,) if isinstance(source, Path) else ()
        async with parts(home, *roots) as services:
            return await prepare_dataset(
                services, project, DatasetRequest(**{"source": str(source), "base": "tiny-sdxl", **more})
            )

    return asyncio.run(made())


def items(found: Prepared) -> list[dict[str, Any]]:
    """The items of its dataset.json."""
    read: list[dict[str, Any]] = json.loads((found.folder / "dataset.json").read_bytes())["items"]
    return read


def picture(found: Prepared, item: dict[str, Any]) -> NDArray[np.uint8]:
    """The pixels of an item, (H, W, 3)."""
    with Image.open(found.folder / item["file"]) as image:
        assert image.mode == "RGB"
        return np.asarray(image)

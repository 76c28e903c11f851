"""The sample pictures of a training: kept in the library as they come, one asset for each prompt, and shown as a preview."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dgx_pixels.bevy.names import name_from_prompt, sprite_path
from dgx_pixels.library.records import AssetVersion, NewVersion
from dgx_pixels.models.training_disk import write_whole
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.pixels.preview import on_checkerboard
from dgx_pixels.pixels.sprite import decode_png
from dgx_pixels.tools.answers import AssetAnswer, Reload
from dgx_pixels.tools.asset_details import Details

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services
    from dgx_pixels.tools.training_request import TrainingRequest

_KEPT: Final = "samples.json"
"""In the run's folder: which samples the library has, so that one drawn again by a resumed run is not kept twice."""
_REASON: Final = "It shows how far a training was, and is not published."


@dataclass(frozen=True)
class _Sample:
    step: int
    asset: str
    version: int


class Samples:
    """Those of one run."""

    def __init__(self, services: Services, project: BevyProject | None, request: TrainingRequest, folder: Path) -> None:
        self._services, self._project, self._request, self._folder = services, project, request, folder
        self._kept = _read(folder / _KEPT)
        self._shown: tuple[int, list[NDArray[np.uint8]]] = (-1, [])

    async def add(self, event: dict[str, Any], job_id: str) -> NDArray[np.uint8]:
        """Keep what a `sample` event names; answers with a picture, (h, w, 3), of its step's samples so far.

        Raises LibraryError, OSError and ValueError if it cannot be read or kept.
        """
        file = Path(event["file"])
        png = file.read_bytes()
        sprite = decode_png(png)
        if file.name not in self._kept:
            height, width = sprite.rgba.shape[:2]
            found = await self._services.library.add(self._version(event, png, width, height, len(sprite.palette), job_id))
            self._kept[file.name] = _Sample(event["step"], found.id, found.version)
            known = {name: asdict(sample) for name, sample in self._kept.items()}
            write_whole(self._folder / _KEPT, json.dumps(known).encode())
        if self._shown[0] != event["step"]:
            self._shown = (event["step"], [])
        self._shown[1].append(on_checkerboard(sprite.rgba, 1))
        return np.concatenate(self._shown[1], axis=1)

    async def last(self) -> list[AssetAnswer]:
        """The newest sample of each prompt, by prompt. Raises LibraryError."""
        newest = {name.rpartition("_")[2]: sample for name, sample in sorted(self._kept.items())}  # step_000100_0.png
        kept = [sample for _, sample in sorted(newest.items())]
        return [self._answer(await self._services.library.version(s.asset, s.version)) for s in kept]

    def _version(self, event: dict[str, Any], png: bytes, width: int, height: int, colors: int, job_id: str) -> NewVersion:
        """One asset for each prompt; its versions are the steps."""
        name = name_from_prompt(f"{self._request.name.replace('-', ' ')[:24]} sample {event['prompt']}")
        return NewVersion(
            project=str(self._project.root) if self._project else "", path=sprite_path("item", name, 1, 1), kind="sprite",
            name=name, category="item", png=png, recipe=recipe_in(png) or "{}", width=width, height=height, colors=colors,
            seed=event["seed"], job=job_id,
            details=Details(kind="sprite", prompt=event["prompt"], model=self._request.base).model_dump_json(),
        )  # fmt: skip

    def _answer(self, asset: AssetVersion) -> AssetAnswer:
        return AssetAnswer(
            id=asset.id, version=asset.version, name=asset.name, path=asset.path,
            file=str(self._services.library.file(asset.id, asset.version)), width=asset.width, height=asset.height,
            colors=asset.colors, seed=asset.seed, checks={}, published=False, reloaded=None, reload=Reload(reason=_REASON),
        )  # fmt: skip


def _read(file: Path) -> dict[str, _Sample]:
    try:
        return {name: _Sample(**sample) for name, sample in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}

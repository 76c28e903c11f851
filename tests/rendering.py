"""What the tests of the renderer's memory share: requests, and base models made of the embedded one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from dgx_pixels.models.base_model import BaseModel
from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer

QUICK = Schedule("dpmpp_2m", 2, 3.0)


def another(folder: Path, change: float) -> BaseModel:
    """A base model in `folder`: the embedded one's files, but for the UNet's, whose weights are changed by this factor."""
    base = embedded()
    for file in base.folder.rglob("*"):
        link = folder / file.relative_to(base.folder)
        if file.is_file():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            if file.parts[-2] == "unet" and file.suffix == ".safetensors":
                save_file({name: value * change for name, value in load_file(file).items()}, link)
            else:
                link.write_bytes(file.read_bytes())
    return replace(base, id=folder.name, folder=folder)


def request(seed: int = 1, base: BaseModel | None = None, **more: Any) -> RenderRequest:  # noqa: ANN401  # the request's own fields
    """A request for a small picture."""
    return RenderRequest(Contender(base or embedded()), QUICK, "a red potion", "", 32, 32, seed, **more)


def draw(renderer: Renderer, requests: Sequence[RenderRequest]) -> list[Outcome]:
    """What becomes of a batch."""
    return renderer.draw(requests, lambda *_: None)


def pictures(outcomes: Sequence[Outcome]) -> list[Render]:
    """All renders, each of which was made."""
    made = [o for o in outcomes if isinstance(o, Render)]
    assert len(made) == len(outcomes), outcomes
    return made

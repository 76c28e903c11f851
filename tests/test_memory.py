"""Memory that runs out, and numbers that leave their range: on the real model, with the fault at one seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rendering import another, draw, pictures, request
from torch import Tensor

import dgx_pixels.models.renderer as drawing
from dgx_pixels.models.base_model import BaseModel
from dgx_pixels.models.catalogue import ModelError, embedded
from dgx_pixels.models.render import Render
from dgx_pixels.models.renderer import Renderer

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB."
Denoise = Callable[..., tuple[Tensor, str]]
_denoise: Denoise = vars(drawing)["denoise"]
_decode = vars(drawing)["decode"]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A renderer, with the model in memory."""
    return Renderer("cpu")


@pytest.fixture
def other(tmp_path: Path) -> BaseModel:
    """Another base model: the embedded one with another UNet."""
    return another(tmp_path / "other", 1.001)


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], bool]], list[int]]:
    """Makes memory run out for the batches that `fits` says no to; answers with the list of the shapes that are tried."""

    def set_up(fits: Callable[[int], bool]) -> list[int]:
        tried: list[int] = []

        def denoise(loaded: Any, requests: Any, encoders: Any, tell: Any) -> tuple[Tensor, str]:  # noqa: ANN401  # passes on
            tried.append(len(requests))
            if not fits(len(requests)):
                raise torch.OutOfMemoryError(FULL)
            return _denoise(loaded, requests, encoders, tell)

        monkeypatch.setattr(drawing, "denoise", denoise)
        return tried

    return set_up


def test_a_batch_that_is_too_large_is_halved(renderer: Renderer, shapes: Callable[..., list[int]]) -> None:
    """Each picture is that of the shape it was really drawn in, and says so; progress never goes back."""
    expected = [pictures(draw(renderer, [request(i, batch=1)]))[0].pixels for i in range(3)]
    told: list[float] = []
    tried = shapes(lambda shape: shape == 1)
    outcomes = renderer.draw([request(i) for i in range(3)], lambda done, total, _: told.append(done / total))

    assert tried == [4, 2, 1, 1, 1]
    assert [r.batch for r in pictures(outcomes)] == [1] * 3
    assert all(np.array_equal(r.pixels, e) for r, e in zip(pictures(outcomes), expected, strict=True))
    assert told == sorted(told)
    assert told[-1] == 1


def test_what_is_made_stays_made_when_memory_runs_out_later(renderer: Renderer, shapes: Callable[..., list[int]]) -> None:
    """The second half of a batch that was halved once is halved again; the first is not drawn anew."""
    tried: list[int] = []
    tried = shapes(lambda shape: shape == 1 or tried == [4, 2])
    outcomes = draw(renderer, [request(i) for i in range(4)])

    assert tried == [4, 2, 2, 1, 1]
    assert [r.batch for r in pictures(outcomes)] == [2, 2, 1, 1]


def test_other_models_leave_before_one_gives_up(other: BaseModel, shapes: Callable[..., list[int]]) -> None:
    """The one that was used least recently goes first, and the one that draws stays."""
    renderer = Renderer("cpu")
    third = replace(other, id="third")
    for base in (embedded(), other, third):
        renderer.shelf.get(base)
    tried: list[int] = []
    tried = shapes(lambda _: len(renderer.shelf.ids) == 1)

    assert pictures(draw(renderer, [request(base=other)]))
    assert tried == [1, 1, 1]
    assert renderer.shelf.ids == ("other",)


def test_the_vae_works_in_tiles_when_nothing_else_helps(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is much the same, says that it was made in tiles, and the next one is whole again."""
    whole = pictures(draw(renderer, [request()]))[0]

    def decode(vae: Any, latents: Tensor) -> Any:  # noqa: ANN401  # passes on what it gets
        if not vae.use_tiling or latents.shape[-1] <= vae.tile_latent_min_size:
            raise torch.OutOfMemoryError(FULL)
        return _decode(vae, latents)

    monkeypatch.setattr(drawing, "decode", decode)
    (in_tiles,) = pictures(draw(renderer, [request()]))
    monkeypatch.undo()

    assert (whole.in_tiles, in_tiles.in_tiles) == (False, True)
    assert in_tiles.pixels.shape == whole.pixels.shape
    assert 0 < np.abs(in_tiles.pixels.astype(int) - whole.pixels).mean() < 12
    assert np.array_equal(pictures(draw(renderer, [request()]))[0].pixels, whole.pixels)


@pytest.mark.parametrize("wrap", ["none", "xy"])
def test_what_fits_in_no_way_is_told_with_what_would(
    renderer: Renderer,
    monkeypatch: pytest.MonkeyPatch,
    wrap: Any,  # noqa: ANN401  # a Wrap
) -> None:
    """One sentence for each picture, with what to do; the next request is drawn as ever."""

    def decode(*_: object) -> None:
        raise torch.OutOfMemoryError(FULL)

    monkeypatch.setattr(drawing, "decode", decode)
    outcomes = draw(renderer, [request(i, wrap=wrap) for i in range(2)])
    sdxl = renderer._too_large(replace(request(base=replace(embedded(), id="sdxl", sizes=(16, 32, 64))), width=1024, height=1024))
    monkeypatch.undo()

    assert [type(o) for o in outcomes] == [ModelError] * 2
    assert "not enough memory to draw 32x32 with tiny-sdxl" in str(outcomes[0])
    assert str(outcomes[0]).endswith("can be taken. Close other programs.")
    assert sdxl.endswith("; a sprite half as high, like 32x16, needs half of it; the model tiny-sdxl needs less.")
    assert pictures(draw(renderer, [request(wrap=wrap)]))


@pytest.mark.parametrize("row", [0, 2, 3])
def test_a_picture_that_leaves_its_range_spoils_no_other(renderer: Renderer, monkeypatch: pytest.MonkeyPatch, row: int) -> None:
    """NaN in one row of the latents, padding included: its request is told, the others have their very pictures."""
    expected = pictures(draw(renderer, [request(i) for i in range(3)]))

    def denoise(*arguments: Any) -> tuple[Tensor, str]:  # noqa: ANN401  # passes on what it gets
        latents, graph = _denoise(*arguments)
        latents = latents.clone()
        latents[row, 0, 0, 0] = float("nan")
        return latents, graph

    monkeypatch.setattr(drawing, "denoise", denoise)
    outcomes = draw(renderer, [request(i) for i in range(3)])

    assert len(outcomes) == 3
    for i, (outcome, good) in enumerate(zip(outcomes, expected, strict=True)):
        if i == row:
            assert isinstance(outcome, ModelError)
            assert f"seed {i}" in str(outcome)
        else:
            assert isinstance(outcome, Render)
            assert np.array_equal(outcome.pixels, good.pixels)


@pytest.mark.parametrize(
    ("decoded", "why"), [(float("nan"), "left their range while it became a picture"), (-1.0, "it is all black")]
)
def test_a_decode_that_gives_no_picture_is_told(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch, decoded: float, why: str
) -> None:
    """The second of three pictures comes out of the VAE as NaN, or black: it is told, the others are there."""
    vae = renderer.shelf.get(embedded()).pipeline.vae
    decode, calls = vae.decode, []

    def second_fails(latents: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        calls.append(1)
        good: tuple[Tensor] = decode(latents, return_dict=return_dict)
        return (torch.full_like(good[0], decoded),) if len(calls) == 2 else good

    monkeypatch.setattr(vae, "decode", second_fails)
    first, spoilt, last = draw(renderer, [request(i) for i in range(3)])

    assert isinstance(spoilt, ModelError)
    assert why in str(spoilt)
    assert pictures([first, last])

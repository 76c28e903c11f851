"""Memory that runs out, numbers that leave their range, the floor that is kept: on the real model, the fault at one seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import dgx_pixels.models.renderer as drawing
from dgx_pixels.models import memory
from dgx_pixels.models.base_model import BaseModel
from dgx_pixels.models.catalogue import ModelError, embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Render, RenderRequest
from dgx_pixels.models.renderer import Outcome, Renderer

QUICK = Schedule("dpmpp_2m", 2, 3.0)
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


@pytest.fixture
def available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[float], None]:
    """Says how many GB the system has available, where the kernel would."""
    file = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "_MEMINFO", file)

    def say(gigabytes: float) -> None:
        file.write_text(f"MemTotal:       127600000 kB\nMemFree:   17 kB\nMemAvailable:   {round(gigabytes * 1e6)} kB\n")

    say(100)
    return say


def test_below_the_floor_nothing_is_drawn(renderer: Renderer, available: Callable[[float], None]) -> None:
    """Also with a model that is in memory already; above the floor again, it draws as ever."""
    good = pictures(draw(renderer, [request()]))[0]
    available(0.9)
    with pytest.raises(ModelError, match=r"must keep 1\.1 GB free, and has 0\.\d GB|must keep 1\.1 GB free, and has \d+ MB"):
        draw(renderer, [request()])
    available(1.2)

    assert np.array_equal(pictures(draw(renderer, [request()]))[0].pixels, good.pixels)


def test_the_model_that_was_used_least_recently_leaves_below_the_floor(
    other: BaseModel, available: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When that is enough, the drawing goes on."""
    renderer = Renderer("cpu")
    for base in (embedded(), other):
        renderer.shelf.get(base)
    available(0.9)
    leave = renderer.shelf.make_room

    def make_room(keep: BaseModel) -> bool:
        left = leave(keep)
        available(2)
        return left

    monkeypatch.setattr(renderer.shelf, "make_room", make_room)

    assert pictures(draw(renderer, [request(base=other)]))
    assert renderer.shelf.ids == ("other",)


def test_a_model_that_does_not_fit_beside_the_floor_is_not_loaded(other: BaseModel, available: Callable[[float], None]) -> None:
    """The sentence says how much it needs and how much there is; what was in memory has left to make room."""
    renderer = Renderer("cpu")
    renderer.shelf.get(embedded())
    available(1.08)
    with pytest.raises(ModelError, match=r"other needs \d+ MB of memory, and \d+ MB can be taken"):
        renderer.shelf.get(other)
    assert renderer.shelf.ids == ()


def test_on_unified_memory_torch_is_held_to_the_floor(
    monkeypatch: pytest.MonkeyPatch, available: Callable[[float], None]
) -> None:
    """The system's MemAvailable less 16 GiB, beside what torch has already, is all that torch may take of the whole."""
    told: list[float] = []
    gpu = torch.device("cuda")
    monkeypatch.setattr(memory, "kind", lambda _: "unified")
    for name, value in (("memory_reserved", 6e9), ("memory_allocated", 5e9)):
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: int(value))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: type("GB10", (), {"total_memory": 130e9}))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, _: told.append(share))
    floor = 16 * 1024**3
    for gigabytes in (60, 10, 1000):
        available(gigabytes * 1.024)
        memory.cap(gpu)

    assert memory.floor_bytes(gpu) == floor
    assert told[0] == pytest.approx((60e9 * 1.024**2 + 6e9 - floor) / 130e9, rel=1e-3)
    assert told[1:] == [pytest.approx(5e9 / 130e9), 1]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError(FULL), "memory"),
        (MemoryError(), "memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"), "memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "memory"),
        (torch.AcceleratorError("CUDA error: out of memory"), "memory"),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), "lost"),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), "lost"),
        (RuntimeError("CUDA error: unspecified launch failure"), "lost"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "neither"),
        (ValueError("CUDA error: in a user's words"), "neither"),
    ],
)
def test_what_an_error_of_torch_means(error: Exception, kind: str) -> None:
    """Memory that ran out can be helped, a lost GPU cannot, and other errors are neither."""
    assert (memory.is_out_of_memory(error), memory.is_lost(error)) == (kind == "memory", kind == "lost")


def test_two_models_share_what_is_the_same(other: BaseModel) -> None:
    """Text encoders and VAE are in memory once, and both models draw as they do alone."""
    alone = [pictures(draw(Renderer("cpu"), [request(base=base)]))[0].pixels for base in (embedded(), other)]
    renderer = Renderer("cpu")
    together = [pictures(draw(renderer, [request(base=base)]))[0].pixels for base in (embedded(), other, embedded())]
    one, two = (renderer.shelf.get(base).pipeline for base in (embedded(), other))

    assert np.array_equal(together[0], alone[0])
    assert np.array_equal(together[1], alone[1])
    assert np.array_equal(together[2], alone[0])
    assert not np.array_equal(alone[0], alone[1])
    for part in ("text_encoder", "text_encoder_2", "vae"):
        assert getattr(one, part) is getattr(two, part)
    assert {p.data_ptr() for p in one.unet.parameters()}.isdisjoint(p.data_ptr() for p in two.unet.parameters())


def test_a_changed_file_is_read_again_and_a_damaged_one_refused(tmp_path: Path) -> None:
    """What is drawn is what lies on disk: while it is damaged nothing is, and mended it is drawn as before."""
    renderer = Renderer("cpu")
    base = another(tmp_path / "mine", 1.001)
    first = pictures(draw(renderer, [request(base=base)]))[0]
    another(tmp_path / "mine", 1.01)
    changed = pictures(draw(renderer, [request(base=base)]))[0]
    (weights,) = (tmp_path / "mine/unet").glob("*.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1000])
    with pytest.raises(ModelError, match=str(weights)):
        draw(renderer, [request(base=base)])
    weights.write_bytes(whole)
    again = pictures(draw(renderer, [request(base=base)]))[0]

    assert not np.array_equal(first.pixels, changed.pixels)
    assert first.weights_sha256 != changed.weights_sha256
    assert np.array_equal(again.pixels, changed.pixels)
    assert again.weights_sha256 == changed.weights_sha256

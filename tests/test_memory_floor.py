"""The floor of memory that is kept, what torch's errors mean, and several models that share what they can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from rendering import another, draw, pictures, request

from dgx_pixels.models import memory
from dgx_pixels.models.base_model import BaseModel
from dgx_pixels.models.catalogue import ModelError, embedded
from dgx_pixels.models.renderer import Renderer

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A renderer, with the model in memory."""
    return Renderer("cpu")


@pytest.fixture
def other(tmp_path: Path) -> BaseModel:
    """Another base model: the embedded one with another UNet."""
    return another(tmp_path / "other", 1.001)


@pytest.fixture
def available(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Says how many GB the system has available, where the kernel would."""

    def say(gigabytes: float) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=round(gigabytes * 1.024e9)))

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
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(memory, "kind", lambda _: "unified")

    def held_to(share: float, device: torch.device) -> None:
        assert device.index is not None  # torch's own refuses a device without its number
        told.append(share)

    for name, value in (("memory_reserved", 6e9), ("memory_allocated", 5e9)):
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: int(value))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: type("GB10", (), {"total_memory": 130e9}))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", held_to)
    floor = 16 * 1024**3
    for gigabytes in (60, 10, 1000):
        available(gigabytes * 1.024)
        memory.cap(gpu)

    assert memory.floor_bytes(gpu) == floor
    assert told[0] == pytest.approx((60e9 * 1.024**2 + 6e9 - floor) / 130e9, rel=1e-3)
    assert told[1:] == [pytest.approx(5e9 / 130e9), 1]


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:1"])
def test_a_gpu_has_its_number(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever the setting says, since parts of torch refuse a device without one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)

    assert Renderer(name).device == torch.device("cuda", 1 if name == "cuda:1" else 0)


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

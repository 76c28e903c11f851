"""The compiled UNet: made beside the drawing, used once it is ready, and never made again for a swap of LoRAs."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch._dynamo.utils import counters

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.compiled import Call, CompiledUnet, Shape
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Schedule
from dgx_pixels.models.render import Graph, Reference, Render, RenderRequest
from dgx_pixels.models.renderer import Renderer

HALF_GUIDED = Schedule("dpmpp_2m", 4, 3.0, guided=0.5)


@pytest.fixture
def renderer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Renderer:
    """A renderer that compiles; dynamo's own back end runs what was traced, without minutes of C++."""
    backend = getattr(request, "param", "eager")
    monkeypatch.setattr("dgx_pixels.models.loaded.CompiledUnet", lambda unet: CompiledUnet(unet, backend))
    torch._dynamo.reset()
    counters.clear()
    return Renderer("cpu", compiles=True)


def draw(renderer: Renderer, seed: int = 1, graph: Graph | None = None, **more: Any) -> Render:  # noqa: ANN401  # the request's own fields
    """One picture in two shapes of the UNet: two rows, then one."""
    asked = RenderRequest(Contender(embedded()), HALF_GUIDED, "a red potion", "", 32, 32, seed, graph=graph, **more)
    outcome = renderer.draw([asked], lambda *_: None)[0]
    assert isinstance(outcome, Render)
    return outcome


def far(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """The largest difference of two pictures, in bytes."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.slow
def test_the_first_picture_does_not_wait_and_the_later_ones_are_compiled(renderer: Renderer) -> None:
    """What is drawn before the graphs are ready is drawn eagerly; a replay that must use them waits; the recipe says which."""
    first = draw(renderer)
    replay = draw(renderer, graph="compiled")
    later = draw(renderer)
    old = draw(renderer, graph="eager")

    assert [r.graph for r in (first, replay, later, old)] == ["eager", "compiled", "compiled", "eager"]
    assert np.array_equal(replay.pixels, later.pixels)
    assert np.array_equal(first.pixels, old.pixels)
    assert far(first.pixels, later.pixels) <= 2
    assert counters["stats"]["unique_graphs"] == 2


@pytest.mark.slow
def test_a_replay_in_a_new_process_waits_for_its_graph(renderer: Renderer) -> None:
    """Nobody has drawn in this shape before: it is drawn once to see what is to be compiled, then again, compiled."""
    assert draw(renderer, graph="compiled").graph == "compiled"


@pytest.mark.slow
def test_a_reference_never_compiles_on_the_drawing_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its latents lie otherwise in memory: it has graphs of its own, made beside the drawing as all are."""
    threads: list[str] = []

    def backend(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Any:  # noqa: ANN401  # what dynamo calls
        threads.append(threading.current_thread().name)
        return graph.forward

    monkeypatch.setattr("dgx_pixels.models.loaded.CompiledUnet", lambda unet: CompiledUnet(unet, backend))
    torch._dynamo.reset()
    renderer = Renderer("cpu", compiles=True)
    picture = draw(renderer, graph="compiled").pixels
    first = draw(renderer, reference=Reference(picture, 0.9))
    later = draw(renderer, reference=Reference(picture, 0.9), graph="compiled")

    assert [first.graph, later.graph] == ["eager", "compiled"]
    assert set(threads) == {"compile"}


@pytest.mark.slow
def test_there_are_graphs_for_more_shapes_than_torch_makes_by_itself() -> None:
    """Torch stops at eight; five batch shapes at two sizes are ten."""
    torch._dynamo.reset()
    unet = Renderer("cpu").shelf.get(embedded()).pipeline.unet
    compiled = CompiledUnet(unet, "eager")
    more = {"text_embeds": torch.zeros(1, 160), "time_ids": torch.zeros(1, 6)}
    shapes = [Shape(1, 2 * n, 8, "euler", reference=False) for n in range(1, 11)]
    for shape in shapes:
        call = Call(
            (torch.zeros(1, 12, shape.height, 8), 500, torch.zeros(1, 32, 288)), {"added_cond_kwargs": more, "return_dict": False}
        )
        compiled.want(shape, call)

    assert all(compiled.wait(shape, 60) for shape in shapes)
    compiled.close()


@pytest.mark.slow
def test_changed_weights_are_seen_and_need_no_new_graph(renderer: Renderer) -> None:
    """A LoRA merged into the weights works in the compiled UNet, too, since they are the same weights."""
    draw(renderer)
    before = draw(renderer, graph="compiled")
    unet = renderer.shelf.get(embedded()).pipeline.unet
    with torch.no_grad():
        unet.conv_in.weight.mul_(0.9)
        after = draw(renderer)
        unet.conv_in.weight.div_(0.9)

    assert after.graph == "compiled"
    assert far(before.pixels, after.pixels) > 10
    assert counters["stats"]["unique_graphs"] == 2


@pytest.mark.slow
def test_a_wrapped_picture_leaves_the_graphs_alone(renderer: Renderer) -> None:
    """Tiles are drawn eagerly, and the graphs after them are those before."""
    draw(renderer)
    before = draw(renderer, graph="compiled")
    tile = draw(renderer, wrap="xy")
    after = draw(renderer)

    assert [r.graph for r in (before, tile, after)] == ["compiled", "eager", "compiled"]
    assert np.array_equal(before.pixels, after.pixels)


@pytest.mark.slow
def test_where_compiling_fails_the_drawing_goes_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A machine without a compiler draws eagerly, and its log says why."""

    def broken(*_: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr("dgx_pixels.models.loaded.CompiledUnet", lambda unet: CompiledUnet(unet, broken))
    torch._dynamo.reset()
    renderer = Renderer("cpu", compiles=True)
    first, second = draw(renderer), draw(renderer, graph="compiled")

    assert (first.graph, second.graph) == ("eager", "eager")
    assert np.array_equal(first.pixels, second.pixels)
    assert "compiling the UNet" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # the compiler's own modules, as it imports them
@pytest.mark.parametrize("renderer", ["inductor"], indirect=True)
def test_real_compiled_code_draws_the_same_picture(renderer: Renderer) -> None:
    """Torch's own compiler, with C++ or Triton below it, gives the eager picture but for the last place."""
    first = draw(renderer)
    compiled = draw(renderer, graph="compiled")

    assert compiled.graph == "compiled"
    assert far(first.pixels, compiled.pixels) <= 2

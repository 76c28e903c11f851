"""What a shape compiled beside the drawing costs those who draw, and what it gives them."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from engine_cases import draw, request
from measuring import Line, random_lora, ratio, side_by_side
from result_file import at_most, holds, told

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.renderer import Renderer


def compiling(device: str) -> list[Line]:
    """A shape compiled beside the drawing: what it costs those who draw, and what it gives."""
    torch._dynamo.reset()
    plain, beside = Renderer(device, compiles=False), Renderer(device, compiles=True)
    asked = request(7)
    before = draw(plain, asked)[0].pixels
    beside.shelf.get(embedded())  # loading is no part of what compiling costs
    quiet = side_by_side({"eager": lambda: draw(plain, asked)}, 10)["eager"].wall
    started = time.perf_counter()
    meanwhile, same = [], True
    while True:
        began = time.perf_counter()
        render = draw(beside, asked)[0]
        if render.graph == "compiled":
            break
        meanwhile.append(time.perf_counter() - began)
        same &= bool((render.pixels == before).all())
    ready = time.perf_counter() - started
    graphs = _graphs()
    times = side_by_side(
        {"eager": lambda: draw(plain, asked), "compiled": lambda: draw(beside, replace(asked, graph="compiled"))}, 20
    )
    with tempfile.TemporaryDirectory() as folder:
        lora = random_lora(plain.shelf.get(embedded()).pipeline.unet, Path(folder), "one", 16, 5)
        styled = replace(asked, contender=Contender(embedded(), ((lora, 1.0),)))
        after = [draw(beside, styled if i % 2 else asked)[0] for i in range(10)]
    kept = _graphs() == graphs and all(render.graph == "compiled" for render in after)
    away = int(np.abs(render.pixels.astype(int) - before).max())
    slower = statistics.median(meanwhile) / statistics.median(quiet)
    return [
        Line("the shape is ready after", f"{ready:.0f} s"),
        Line(
            "eager renders meanwhile", f"{len(meanwhile)}, the slowest {max(meanwhile):.1f} s",
            at_most("engine", "the slowest render while a shape is compiled, over one where nothing is: waits for one at most",
                    max(meanwhile) / statistics.median(quiet), 2, "times"),
        ),
        Line("an eager render where nothing is compiled", f"{statistics.median(quiet):.2f} s"),
        Line("their median over that", f"{slower:.2f} times",
             told("engine", "an eager render while a shape is compiled, over one without: median", slower, "times")),
        Line("their bytes: those of a renderer that compiles nothing", "equal" if same else "differ",
             holds("engine", "eager bytes while a shape is compiled beside the drawing", same)),
        Line("compiled over eager, the same picture", ratio(times["compiled"].wall, times["eager"].wall).text(" of its time")),
        Line("compiled against eager bytes: the largest difference", f"{away} of 255"),
        Line("graphs", f"{graphs}; after 10 renders with a LoRA swapped in and out {_graphs()}, all compiled",
             holds("engine", "no new graph after LoRAs are swapped", kept)),
    ]  # fmt: skip


def _graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])

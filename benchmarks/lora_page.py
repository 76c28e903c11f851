"""The page of benchmarks/lora.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from lora_styles import ASKED, LEARNT, PER_KIND, Style
from measuring import Estimate, estimate
from result_file import Figure, at_least, holds, told

from dgx_pixels.models.training_spec import Settings

Shares = list[list[float]]
"""Of each measure, what each sprite shows."""


@dataclass(frozen=True)
class Trained:
    """A LoRA, and what it took."""

    images: int
    captions: Sequence[tuple[str, str]]
    settings: Settings
    seconds: float
    loss: float
    size: int


@dataclass(frozen=True)
class Measured:
    """What was measured of one style, by the LoRA's weight; None is the base model alone."""

    style: Style
    trained: Trained
    plain: Mapping[float | None, Shares]
    coloured: Mapping[float | None, Shares]
    same_at_zero: bool


def page(found: Sequence[Measured], preset: str, by: str) -> str:
    """The page, Markdown."""
    first = found[0].trained.settings
    return "\n".join([
        "# Whether a LoRA learns a style", "",
        "`benchmarks/lora.py` on the embedded model and a CPU: "
        f"{len(LEARNT) * PER_KIND} CC0 tiles ({PER_KIND} each of {', '.join(LEARNT)}) are turned into a style, become a dataset "
        "as `train_lora` makes it, captions from their file names included, and a LoRA learns from them with the preset "
        f"`{preset}`: {first.steps} steps of {first.batch_size} pictures, rank {first.rank}, learning rate "
        f"{first.learning_rate:g}.",
        "Then other things are drawn, by other seeds: " + ", ".join(ASKED) + ', as "trigger, a dragon", the same words for base '
        "model and LoRA. Shares are means over the sprites, with the interval that holds them in 95 of 100 resamples.",
        "The first measures and margins (`lora_styles.py`) were committed before anything was measured. The triggers were "
        "changed after a first look, since the first one made the base model itself draw green; one measure was added after a "
        "first look, and promises nothing. The preset's learning rate was set on these same subjects: 4e-3, then halved, since "
        "shapes dissolved.", "",
        *[line for each in found for line in _style(each)],
        f"{by}", "",
    ])  # fmt: skip


def figures(found: Sequence[Measured]) -> list[Figure]:
    """What was promised of each style."""
    said = []
    for each in found:
        name = each.style.name
        for i, (what, _, margin) in enumerate(each.style.measures):
            base, half, whole = (each.plain[w][i] for w in (None, 0.5, 1.0))
            rise = 100 * float(np.mean(whole) - np.mean(base))
            promise = f"{name}: {what}: rise from base model to LoRA, weight 0.5 in between"
            if margin is None:
                said.append(told("training", promise, rise, "points"))
                continue
            between = bool(np.mean(base) < np.mean(half) < np.mean(whole))
            figure = at_least("training", promise, rise, 100 * margin, "points")
            said.append(figure.model_copy(update={"kept": bool(figure.kept) and between}))
        said.append(holds("training", f"{name}: weight 0 gives the base model's bytes", each.same_at_zero))
        said.append(told("training", f"{name}: {each.trained.settings.steps} steps on thirty sprites", each.trained.seconds, "s"))
    return said


def _style(found: Measured) -> list[str]:
    lines = [
        f"## {found.style.name.capitalize()}", "",
        f"![What was learnt from](lora/{found.style.name}_learnt.png)", "",
        f"![What is drawn](lora/{found.style.name}_drawn.png)", "",
        "Above what was learnt from; below, by two seeds, what the base model draws, and the LoRA at weights 0.5 and 1.", "",
        "| share of | base model | weight 0.5 | weight 1 | rises by | promised |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for i, (what, _, margin) in enumerate(found.style.measures):
        base, half, whole = (found.plain[w][i] for w in (None, 0.5, 1.0))
        rise = estimate(np.asarray(whole) - np.asarray(base), _mean)
        shares = " | ".join(_share(values) for values in (base, half, whole))
        lines.append(
            f"| {what} | {shares} | {rise.text(factor=100, digits=0)} points | {_kept(margin, rise, base, half, whole)} |"
        )
        if margin is None:
            continue
        against, learnt = (found.coloured[w][i] for w in (None, 1.0))
        lines.append(f"| the same, asked for in red | {_share(against)} | | {_share(learnt)} | | nothing |")
    t = found.trained
    said = ", ".join(f'"{caption}"' for _, caption in t.captions[:4])
    renders, same = len(found.plain[None][0]), "yes" if found.same_at_zero else "**no**"
    return [
        *lines, "",
        f"Weight 0 gives the base model's bytes in all {renders} renders: {same}.",
        f"{t.seconds:.0f} s for the training's steps, last loss {t.loss:.3f}, file {t.size / 1e6:.1f} MB. "
        f"Captions like {said}.",
        "",
    ]  # fmt: skip


def _kept(margin: float | None, rise: Estimate, base: Sequence[float], half: Sequence[float], whole: Sequence[float]) -> str:
    """What was promised, and whether it is kept."""
    if margin is None:
        return ""
    between = np.mean(base) < np.mean(half) < np.mean(whole)
    return f"{100 * margin:.0f} points, 0.5 in between: {'yes' if rise.value >= margin and between else '**no**'}"


def _share(values: Sequence[float]) -> str:
    return estimate(values, _mean).text(" %", 100, 0)


def _mean(values: np.ndarray) -> float:
    return float(values.mean())

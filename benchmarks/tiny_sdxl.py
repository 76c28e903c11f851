"""How well the embedded model draws what is asked, measured with the settings that `generate_sprite` uses.

    .venv/bin/python benchmarks/tiny_sdxl.py --tiles tiles.zip

Prints the table of benchmarks/tiny_sdxl.md, and writes its pictures into benchmarks/tiny_sdxl/. `--tiles` is the CC0 tile release
(models/tiny_sdxl/README.md says where it is): the judge of what a sprite shows learns from it, and copies are looked for in it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from result_file import Figure, Run, add_results_option, at_least, at_most, told
from results import shown
from tiny_kinds import KINDS, train_judge

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import schedule_for
from dgx_pixels.models.render import Render, RenderRequest, Wrap
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.tiny_data import SIZE, Tile, examples, read_tiles
from dgx_pixels.models.tiny_words import COLOURS, colour_shares
from dgx_pixels.pixels.colour import comparable
from dgx_pixels.pixels.preview import contact_sheet
from dgx_pixels.pixels.sprite import Sprite, make_sprite

HERE = Path(__file__).parent
OBJECTS = ("potion", "sword", "axe", "shield", "helmet", "robe", "book", "gem", "key", "dragon", "slime", "wizard")
MATERIALS = (
    "grass floor", "stone floor", "dirt floor", "sand", "lava", "water", "ice floor", "wood floor", "brick wall", "stone wall",
    "wooden wall", "ice wall",
)  # fmt: skip
WAYS = ("a {}", "{}", "the {} for a game", "{}, pixel art", "an old {}", "a {} sprite", "one {}", "a mighty {}")
"""Ways to ask for a kind, so that the figure does not hang on one wording."""
WORDS = (
    ("a flask", "potion"), ("blades", "sword"), ("hatchet", "axe"), ("a longbow", "bow"), ("bucklers", "shield"),
    ("helm", "helmet"), ("a gown", "robe"), ("necklace", "amulet"), ("stave", "staff"), ("parchment", "scroll"),
    ("a tome", "book"), ("money", "coins"), ("drake", "dragon"), ("bones", "skeleton"), ("a tarantula", "spider"),
    ("fiends", "demon"), ("ooze", "slime"), ("phantom", "ghost"), ("the sorcerer", "wizard"), ("paladin", "knight"),
    ("shrine", "altar"), ("oak", "tree"), ("potion in crimson", "potion"), ("a dragon that is emerald", "dragon"),
    ("shield, blue", "shield"), ("AXE!!!", "axe"), ("xyzzy sword", "sword"), ("a quantum helmet", "helmet"),
    ("spider of Madagascar", "spider"), ("overpriced robe", "robe"), ("a book about cats", "book"),
    ("fountain with a dragon", "fountain"), ("please draw me a door", "door"),
)  # fmt: skip
"""Other words, plurals, other order, words it cannot know; and what should be seen."""
NEAR = 14.0
"""Mean difference in 8-bit levels over the pixels of either sprite, below which a drawing counts as nearly a copy."""
_NEAR, _SAME = 0.12, 0.04  # in OKLab: what is this near to the key colour is ground that was left


class Artist:
    """The embedded model, drawing in batches as the server does, one prompt and one seed for each picture."""

    def __init__(self, batch: int = 8) -> None:
        self.model, self.batch = embedded(), batch
        self.contender = Contender(self.model)
        self.schedule = schedule_for(self.contender, "standard")
        self.renderer = Renderer("cpu")

    def _draw(self, requests: list[RenderRequest]) -> list[NDArray[np.uint8]]:
        found: list[NDArray[np.uint8]] = []
        for drawn in self.renderer.draw(requests, lambda *_: None):
            if not isinstance(drawn, Render):
                raise drawn
            found.append(drawn.pixels)
        return found

    def _request(self, prompt: str, seed: int, wrap: Wrap = "none") -> RenderRequest:
        return RenderRequest(self.contender, self.schedule, prompt, "", SIZE, SIZE, seed, wrap=wrap)

    def seamless_render(self, prompt: str, seed: int) -> NDArray[np.uint8]:
        """An RGB picture (32, 32, 3) that is drawn to fit itself."""
        return self._draw([self._request(prompt, seed, "xy")])[0]

    def renders(self, prompts: list[str], seeds: list[int]) -> list[NDArray[np.uint8]]:
        """RGB pictures (32, 32, 3), in order."""
        asked = [self._request(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]
        return [r for i in range(0, len(asked), self.batch) for r in self._draw(asked[i : i + self.batch])]

    def sprites(self, prompts: list[str], seeds: list[int]) -> list[Sprite]:
        """Finished sprites, in order."""
        return [make_sprite(r, SIZE, SIZE, ground=self.model.ground) for r in self.renders(prompts, seeds)]


def colour_figure(artist: Artist, out: Path) -> tuple[Figure, list[Sprite], list[str]]:
    """The share of sprites whose foreground shows the asked colour most."""
    asked = [(c, o, s) for o in OBJECTS for c in COLOURS for s in (1, 2)]
    sprites = artist.sprites([f"a {c} {o}" for c, o, _ in asked], [s for *_, s in asked])
    seen = [COLOURS[int(colour_shares(s.rgba[..., :3], s.rgba[..., 3] > 0).argmax())] for s in sprites]
    right = [a[0] == b for a, b in zip(asked, seen, strict=True)]
    (out / "colours.png").write_bytes(contact_sheet(sprites[::2], columns=12, scale=2))
    per = {c: np.mean([r for r, a in zip(right, asked, strict=True) if a[0] == c]) for c in COLOURS}
    print("colour, each:", ", ".join(f"{c} {v:.0%}" for c, v in per.items()))
    per = {o: np.mean([r for r, a in zip(right, asked, strict=True) if a[1] == o]) for o in OBJECTS}
    print("colour, by object:", ", ".join(f"{o} {v:.0%}" for o, v in per.items()))
    what = f"asked colour is the one shown most, {len(asked)} sprites"
    figure = at_least("tiny_sdxl", what, 100 * float(np.mean(right)), 85, "%")
    return figure, sprites, [c for c, *_ in asked]


def object_figures(artist: Artist, tiles: list[Tile], out: Path) -> tuple[list[Figure], list[Sprite]]:
    """The share of sprites in which the judge sees the asked kind, and how good the judge is."""
    judge = train_judge(tiles)
    asked = [(kind, way, i) for kind in KINDS for i, way in enumerate(WAYS)]
    sprites = artist.sprites([way.format(kind) for kind, way, _ in asked], [100 + i for *_, i in asked])
    seen = judge.names([s.rgba for s in sprites])
    right = [a[0] == b for a, b in zip(asked, seen, strict=True)]
    per = {k: np.mean([r for r, a in zip(right, asked, strict=True) if a[0] == k]) for k in KINDS}
    print("kind, each:", ", ".join(f"{k} {v:.0%}" for k, v in per.items()))
    wrong = Counter((a[0], b) for a, b in zip(asked, seen, strict=True) if a[0] != b)
    print("taken for:", ", ".join(f"{a} for {b} {n}x" for (a, b), n in wrong.most_common(12)))
    worded = artist.sprites([text for text, _ in WORDS for _ in range(2)], [1, 2] * len(WORDS))
    named = judge.names([s.rgba for s in worded])
    wanted = [kind for _, kind in WORDS for _ in range(2)]
    understood = float(np.mean([a == b for a, b in zip(wanted, named, strict=True)]))
    print("words, taken for another:", ", ".join(f"{WORDS[i // 2][0]}: {b}" for i, b in enumerate(named) if b != wanted[i]))
    (out / "kinds.png").write_bytes(contact_sheet(sprites, columns=16, scale=2))
    return [
        at_least("tiny_sdxl", f"asked kind is seen by the judge, {len(KINDS)} kinds, {len(asked)} sprites",
                 100 * float(np.mean(right)), 70, "%"),
        told("tiny_sdxl", f"the same for synonyms, plurals, other order, unknown words, {len(worded)} sprites",
             100 * understood, "%"),
        told("tiny_sdxl", f"the judge itself, on {judge.held_out} held-out real tiles", 100 * judge.accuracy, "%"),
    ], sprites  # fmt: skip


def ground_left(sprite: Sprite, asked: str) -> bool:
    """Whether the cut-out failed: nearly all was cut, or a pixel of nearly the key's colour is left, anywhere.

    What was asked for in purple or pink may come near to the key by itself: there only what no eye tells from it counts.
    """
    opaque = sprite.rgba[..., 3] > 0
    near = _SAME if asked in ("purple", "pink") else _NEAR
    away = np.linalg.norm(comparable(sprite.rgba[..., :3]) - comparable(np.array((255, 0, 255), np.uint8)), axis=-1)
    return bool(opaque.mean() < 0.03 or (opaque & (away < near)).any())


def seam_figure(artist: Artist, out: Path) -> Figure:
    """The step over the wrapped edge against the steps inside, on both axes, of floors and walls drawn to tile."""
    renders = [artist.seamless_render(m, seed) for m in MATERIALS for seed in range(1, 5)]
    ratios = [seam_ratio(r) for r in renders]
    tiled = [Sprite(np.dstack([np.tile(r, (2, 2, 1)), np.full((64, 64), 255, np.uint8)]), ()) for r in renders[::4]]
    (out / "floors.png").write_bytes(contact_sheet(tiled, columns=6, scale=2))
    print("seam, each:", ", ".join(f"{m} {np.mean(ratios[4 * i : 4 * i + 4]):.2f}" for i, m in enumerate(MATERIALS)))
    what = f"seam of wrapped floors and walls, mean of {len(ratios)} (1 is none)"
    return at_most("tiny_sdxl", what, float(np.mean(ratios)), 1.15)


def seam_ratio(rgb: NDArray[np.uint8]) -> float:
    """Mean step over the wrapped edge, divided by the mean step between neighbours inside; both axes."""
    x = rgb.astype(np.float64)
    over = np.abs(x[0] - x[-1]).mean() + np.abs(x[:, 0] - x[:, -1]).mean()
    inside = np.abs(np.diff(x, axis=0)).mean() + np.abs(np.diff(x, axis=1)).mean()
    return float(over / max(inside, 1e-6))


def copies_figure(sprites: list[Sprite], tiles: list[Tile], out: Path) -> Figure:
    """The share of drawings that are nearly a picture of the training; the 200 nearest when shrunk are compared in full."""
    learnt = np.stack([e.tile.rgb for e in examples(tiles)])
    small = _shrunk(learnt)
    nearest = []
    for sprite in sprites:
        opaque = sprite.rgba[..., 3:] > 0
        flat = np.where(opaque, sprite.rgba[..., :3], np.array((255, 0, 255), np.uint8))
        near = np.argsort(((small - _shrunk(flat[None])) ** 2).sum(-1))[:200]
        either = (opaque | (learnt[near] != (255, 0, 255)).any(-1, keepdims=True))[..., 0]
        steps = np.abs(learnt[near].astype(np.int16) - flat).mean(-1)
        away = (steps * either).sum((1, 2)) / either.sum((1, 2))
        nearest.append((float(away.min()), int(near[away.argmin()])))
    order = np.argsort([a for a, _ in nearest])[:12]
    full = np.full((SIZE, SIZE), 255, np.uint8)
    pairs = [p for i in order for p in (sprites[i], Sprite(np.dstack([learnt[nearest[i][1]], full]), ()))]
    (out / "nearest.png").write_bytes(contact_sheet(pairs, columns=8, scale=2))
    away = np.array([a for a, _ in nearest])
    print(f"nearest training picture, difference: median {np.median(away):.1f}, smallest {away.min():.1f} of 255")
    what = f"nearly copies of a training picture (differing by less than {NEAR:g} of 255), {len(sprites)} sprites"
    return told("tiny_sdxl", what, 100 * float((away < NEAR).mean()), "%")


def _shrunk(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures (N, 32, 32, 3) as 8x8 ones, flat: (N, 192)."""
    small: NDArray[np.float32] = rgb.reshape(len(rgb), 8, 4, 8, 4, 3).mean((2, 4), dtype=np.float32).reshape(len(rgb), -1)
    return small


def speed_figures() -> list[Figure]:
    """Times and memory of a fresh process."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); from tiny_sdxl import speed; speed()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    load, one, eight, peak, imports = (float(x) for x in done.stdout.split()[-5:])
    folder = embedded().folder
    weights = sum(f.stat().st_size for f in folder.rglob("*.safetensors")) / 1e6
    return [
        at_most("tiny_sdxl", "one sprite, warm", one, 1, "s"),
        told("tiny_sdxl", "a sprite in a batch of 8", eight / 8, "s"),
        told("tiny_sdxl", "to import torch and diffusers, then to load the model", [imports, load], "s"),
        told("tiny_sdxl", "peak memory of a process that draws 8", peak, "MB"),
        at_most("tiny_sdxl", "weights", weights, 40, "MB"),
    ]


def speed() -> None:
    """Run in a fresh process: load, draw one, draw eight; prints the figures. The imports are timed in a process of their own."""
    started = time.monotonic()
    code = "import torch, diffusers; from diffusers import StableDiffusionXLPipeline"
    subprocess.run([sys.executable, "-c", code], check=True)
    imports = time.monotonic() - started
    started = time.monotonic()
    artist = Artist()
    artist.renderer.shelf.get(artist.model)
    load = time.monotonic() - started
    artist.sprites(["a red potion"], [1])
    ones = []
    for i in range(5):
        started = time.monotonic()
        artist.sprites(["a red potion"], [i])
        ones.append(time.monotonic() - started)
    started = time.monotonic()
    artist.sprites(["a red potion"] * 8, list(range(8)))
    eight = time.monotonic() - started
    status = Path("/proc/self/status").read_text()  # getrusage would tell the peak of the process that started this one
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(load, float(np.median(ones)), eight, peak, imports)


def unseen(artist: Artist, out: Path) -> None:
    """Prompts that nothing was trained or tuned on, on one sheet."""
    prompts = (HERE / "tiny_sdxl_prompts.txt").read_text().splitlines()
    (out / "unseen.png").write_bytes(contact_sheet(artist.sprites(prompts, [1] * len(prompts)), columns=10, scale=3))


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [f"| {f.promise} | {shown(f)} | {f.target} |" for f in figures]
    return "\n".join(["| measured | value | wanted |", "|---|---|---|", *rows])


def main() -> None:
    """Measure all and print."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tiles", type=Path, required=True, help="the tile release: a folder or its zip")
    p.add_argument("--out", type=Path, default=HERE / "tiny_sdxl", help="where the pictures go")
    add_results_option(p)
    a = p.parse_args()
    run = Run.begin("tiny_sdxl")
    a.out.mkdir(exist_ok=True)
    artist = Artist()
    tiles = read_tiles(a.tiles)
    colour, coloured, colours = colour_figure(artist, a.out)
    objects, sprites = object_figures(artist, tiles, a.out)
    things = coloured + sprites
    clean = 1 - np.mean([ground_left(s, c) for s, c in zip(things, [*colours, *[""] * len(sprites)], strict=True)])
    unseen(artist, a.out)
    figures = [
        colour, *objects,
        at_least("tiny_sdxl", f"ground cut out cleanly, {len(things)} sprites", 100 * float(clean), 98, "%"),
        seam_figure(artist, a.out), copies_figure(sprites, tiles, a.out), *speed_figures(),
    ]  # fmt: skip
    run.write(a.results, figures)
    print(table(figures))
    with Image.open(a.out / "kinds.png") as sheet:
        how = f"{artist.schedule.steps} steps, guidance {artist.schedule.guidance:g}"
        print(f"{how}; pictures in {a.out}, kinds.png is {sheet.size}")


if __name__ == "__main__":
    main()

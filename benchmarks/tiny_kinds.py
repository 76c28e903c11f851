"""A small classifier of what a 32 px sprite shows, trained on the real tiles: the judge of tiny-sdxl's drawings."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dgx_pixels.models.tiny_data import Tile
from dgx_pixels.models.tiny_recolour import recoloured
from dgx_pixels.models.tiny_words import COLOURS

KINDS = (
    "potion", "sword", "axe", "bow", "shield", "helmet", "robe", "amulet", "staff", "scroll", "book", "food", "coins", "dragon",
    "skeleton", "spider", "orc", "demon", "slime", "ghost", "wizard", "knight", "door", "altar", "statue", "tree", "fountain",
)  # fmt: skip
"""What the model is meant to draw, as far as the release has tiles of it (of keys, gems, chests, rings it has too few)."""
_ALSO = {"wand": "staff", "rod": "staff"}
_HELD_OUT = 5
"""One design in five is held out, from the second on; near-equal variants ("dragon_form_red", "sword2") are one design."""


@dataclass(frozen=True)
class Judge:
    """The trained classifier, and the share of held-out real tiles that it names rightly."""

    network: nn.Module
    accuracy: float
    held_out: int

    @torch.no_grad()
    def names(self, pictures: list[NDArray[np.uint8]]) -> list[str]:
        """The kind that each RGBA sprite (32, 32, 4) seems to show."""
        found = self.network(torch.stack([_input(p) for p in pictures])).argmax(1)
        return [KINDS[i] for i in found.tolist()]


def _input(rgba: NDArray[np.uint8]) -> Tensor:
    """Colours over mid grey, and where the picture is opaque: (4, 32, 32), around 0."""
    opaque = rgba[..., 3:] > 127
    rgb = np.where(opaque, rgba[..., :3].astype(np.float32) / 127.5 - 1, 0)
    return torch.from_numpy(np.concatenate([rgb, opaque * 2.0 - 1], -1).astype(np.float32).transpose(2, 0, 1).copy())


def _block(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(),
        nn.MaxPool2d(2),
    )  # fmt: skip


def _network() -> nn.Sequential:
    return nn.Sequential(
        _block(4, 32), _block(32, 64), _block(64, 128), nn.Dropout2d(0.1), nn.Conv2d(128, 192, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(192, len(KINDS)),
    )  # fmt: skip


def _design(path: str) -> str:
    return re.sub(
        r"[\d_.-]+|png|red|blue|green|white|yellow|purple|gold|black|grey|gray|cyan|pale|mottled|brown|lightred", "", path
    )


def _split(tiles: list[Tile]) -> tuple[list[tuple[Tile, int]], list[tuple[Tile, int]]]:
    """Tiles with the index of their kind: to train on, and real ones held out, by design."""
    known = [(t, _ALSO.get(t.subject.name, t.subject.name)) for t in tiles]
    labelled = [(t, KINDS.index(name)) for t, name in known if name in KINDS]
    train: list[tuple[Tile, int]] = []
    held: list[tuple[Tile, int]] = []
    seen: dict[int, dict[str, int]] = {}
    for tile, kind in labelled:
        designs = seen.setdefault(kind, {})
        number = designs.setdefault(_design(tile.path), len(designs))
        made = tile.path.startswith("made/")
        (held if number % _HELD_OUT == 1 and not made else train).append((tile, kind))
    return train, held


def _rgba(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.dstack([rgb, np.where(opaque, 255, 0)]).astype(np.uint8)


def train_judge(tiles: list[Tile], steps: int = 900) -> Judge:
    """Two networks: one that has not seen the held-out designs says how good the way is, the judge itself has seen all tiles."""
    train, held = _split(tiles)
    network = _fit(train, steps)
    named = Judge(network, 0.0, 0).names([_rgba(t.rgb, t.opaque) for t, _ in held])
    right = [name == KINDS[kind] for name, (_, kind) in zip(named, held, strict=True)]
    return Judge(_fit(train + held, steps), float(np.mean(right)), len(held))


def _fit(labelled: list[tuple[Tile, int]], steps: int, seed: int = 0) -> nn.Sequential:
    """Train on real tiles and dressed people, every kind as often, in all colours, mirrored and moved by up to 3 pixels."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    copies = [
        torch.stack([_input(_rgba(rgb, t.opaque)) for rgb in (t.rgb, *(recoloured(t.rgb, t.opaque, c) for c in COLOURS))])
        for t, _ in labelled
    ]
    kinds = np.array([k for _, k in labelled])
    share = 1 / np.bincount(kinds, minlength=len(KINDS))[kinds]
    made = np.array([t.path.startswith("made/") for t, _ in labelled])
    share = np.where(made, 0.3 * share, share)
    network = _network()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stub
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        picked = rng.choice(len(labelled), 64, p=share / share.sum())
        x = torch.stack([copies[i][0 if rng.random() < 0.4 else rng.integers(1, 13)] for i in picked])
        if rng.random() < 0.5:
            x = x.flip(3)
        x = torch.roll(x, (int(rng.integers(-3, 4)), int(rng.integers(-3, 4))), (2, 3)) + 0.05 * torch.randn_like(x)
        with torch.autocast("cpu", torch.bfloat16):  # on a CPU that has it, three times as fast
            seen = network(x.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(seen.float(), torch.from_numpy(kinds[picked]), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub lacks the type
        optimizer.step()
        schedule.step()
    network.eval()
    return network

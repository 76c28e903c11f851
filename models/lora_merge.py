"""LoRAs merged into a module's weights in place, and taken out again bit for bit.

Each touched weight keeps a pristine copy; a swap computes `pristine + sum(weight * scale * up @ down)` in float32 and rounds
once. So nothing drifts, no step costs more, and a compiled graph stays valid: weights keep their place in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dgx_pixels.models.lora_file import LoraError, LoraLayer

Weighted = tuple[Mapping[str, LoraLayer], float]
"""A LoRA's layers by module path, and its weight."""


class Merge:
    """What is merged into one module (a UNet, or a text encoder) just now."""

    def __init__(self, module: nn.Module) -> None:
        self._layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
        self._pristine: dict[str, Tensor] = {}
        self._now: dict[str, list[tuple[LoraLayer, float]]] = {}
        """What is known to be merged into each layer's weight; the same again costs nothing."""

    def check(self, layers: Mapping[str, LoraLayer]) -> None:
        """Raise LoraError if a LoRA has a layer that this module lacks, or of another shape."""
        for name, layer in layers.items():
            if name not in self._layers:
                raise LoraError(f"it changes a layer {name} that this base model lacks")
            theirs, ours = (layer.up.shape[0], *layer.down.shape[1:]), tuple(self._layers[name].weight.shape)
            if theirs != ours:
                raise LoraError(f"its layer {name} has the shape {theirs}, this base model's has {ours}")

    @torch.no_grad()
    def apply(self, loras: Sequence[Weighted]) -> None:
        """Make the module's weights the base's plus exactly these LoRAs, which `check` has passed."""
        wanted: dict[str, list[tuple[LoraLayer, float]]] = {}
        for layers, weight in loras:
            for name, layer in layers.items():
                wanted.setdefault(name, []).append((layer, weight))
        for name in set(self._pristine) | set(wanted):
            now = wanted.get(name, [])
            if self._now.pop(name, None) != now:  # taken out first: what an error cuts short is not known, and done again
                target = self._layers[name].weight
                if name not in self._pristine:
                    self._pristine[name] = target.detach().clone()
                target.copy_(_merged(self._pristine[name], now))
            if now:
                self._now[name] = now
            else:
                del self._pristine[name]  # it stands in the module again


def _merged(pristine: Tensor, loras: Sequence[tuple[LoraLayer, float]]) -> Tensor:
    if not loras:
        return pristine
    total = pristine.to(torch.float32, copy=True)
    for layer, weight in loras:
        down = layer.down.to(total.device, torch.float32)
        up = layer.up.to(total.device, torch.float32)
        total.add_((up.flatten(1) @ down.flatten(1)).view_as(total), alpha=weight * layer.scale)
    return total

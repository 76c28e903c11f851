"""Optimizers by name, and their state as tensors and JSON: a checkpoint holds no pickle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dgx_pixels.models.training_spec import OptimizerName, SpecError

_WEIGHT_DECAY = 1e-2


def make_optimizer(name: OptimizerName, weights: Iterable[nn.Parameter], rate: float, device: torch.device) -> Optimizer:
    """A fresh optimizer. Raises SpecError if this machine has not what it needs."""
    weights = list(weights)
    if name == "prodigy":
        from prodigyopt import Prodigy

        found: Optimizer = Prodigy(
            weights, lr=rate, betas=(0.9, 0.99), weight_decay=_WEIGHT_DECAY, use_bias_correction=True, safeguard_warmup=True
        )
        return found
    if name == "adamw8bit":
        return _adamw8bit(weights, rate, device)
    return torch.optim.AdamW(weights, lr=rate, weight_decay=_WEIGHT_DECAY, fused=True)


def _adamw8bit(weights: list[nn.Parameter], rate: float, device: torch.device) -> Optimizer:
    if device.type != "cuda":
        raise SpecError("The optimizer adamw8bit needs a CUDA GPU: use adamw or prodigy here.")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise SpecError(
            "The optimizer adamw8bit needs bitsandbytes: install it with `pip install dgx-pixels[train8bit]`, or use adamw."
        ) from error
    made: Optimizer = AdamW8bit(weights, lr=rate, weight_decay=_WEIGHT_DECAY)
    return made


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state as tensors by `<number of the weight>.<name>`, and what else there is as JSON values."""
    state = Optimizer.state_dict(optimizer)  # torch's own, which is flat: that of bitsandbytes nests its quantized tensors
    tensors: dict[str, Tensor] = {}
    others: dict[str, Any] = {}
    for number, facts in state["state"].items():
        for name, value in facts.items():
            (tensors if isinstance(value, Tensor) else others)[f"{number}.{name}"] = value
    groups = [{k: v for k, v in group.items() if k != "params"} for group in state["param_groups"]]
    return tensors, {"state": others, "groups": groups}


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Go on from a state that `optimizer_state` gave."""
    fresh = Optimizer.state_dict(optimizer)
    state: dict[int, dict[str, Any]] = {}
    for key, value in (tensors | facts["state"]).items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    groups = [
        group | {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}
        for group, saved in zip(fresh["param_groups"], facts["groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})

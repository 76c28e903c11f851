"""An optimizer's state as a checkpoint keeps it."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import nn

from dgx_pixels.models.training_optimizers import optimizer_state, restore_optimizer


class Nesting(torch.optim.AdamW):
    """Gives its state out as bitsandbytes' optimizers do, which pack quantized tensors into a dict of their own."""

    def state_dict(self) -> dict[str, Any]:
        """The moments of each weight, packed."""
        state = super().state_dict()
        for number, facts in state["state"].items():
            state["state"][number] = {"step": facts.pop("step"), "__bnb_optimizer_quant_state__": facts}
        return state


def test_a_state_that_is_given_out_nested_is_kept_as_tensors_and_goes_on_the_same() -> None:
    """No tensor is left among the JSON values, and the next step from what was kept is the one that would have been made."""
    one, other = (nn.Parameter(torch.linspace(-1, 1, 8)) for _ in range(2))
    first, second = Nesting([one], lr=0.1), Nesting([other], lr=0.1)
    for value in (0.5, -2.0):
        one.grad = torch.full((8,), value)
        first.step()
    tensors, facts = optimizer_state(first)
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    with torch.no_grad():
        other.copy_(one)
    restore_optimizer(second, kept, json.loads(json.dumps(facts)))
    for weight, optimizer in ((one, first), (other, second)):
        weight.grad = torch.linspace(0, 1, 8)
        optimizer.step()

    assert sorted(tensors) == ["0.exp_avg", "0.exp_avg_sq", "0.step"]
    assert torch.equal(one, other)

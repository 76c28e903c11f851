"""LoRAs merged into weights: right, exact to undo, and refused whole."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dgx_pixels.models import lora_merge as merging
from dgx_pixels.models.lora_file import LoraError, LoraLayer
from dgx_pixels.models.lora_merge import Merge, Weighted, _merged

RANK = 4


class Net(nn.Module):
    """A linear layer, a convolution, and one that no LoRA touches."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(24, 16, dtype=dtype)
        self.conv = nn.Conv2d(8, 12, 3, dtype=dtype)
        self.other = nn.Linear(5, 5, dtype=dtype)


def lora(seed: int, scale: float = 0.5) -> dict[str, LoraLayer]:
    """A LoRA for both layers."""
    noise = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=noise)

    return {
        "linear": LoraLayer(rand(RANK, 24), rand(16, RANK), scale),
        "conv": LoraLayer(rand(RANK, 8, 3, 3), rand(12, RANK, 1, 1), scale),
    }


def weights(net: Net) -> dict[str, Tensor]:
    """A copy of all weights."""
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether all weights are equal to the last bit."""
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_base_comes_back_bit_for_bit(dtype: torch.dtype) -> None:
    """After any number of swaps, in any order, of any number of LoRAs at once, the weights are the base's."""
    net = Net(dtype)
    base, merge, chance = weights(net), Merge(net), random.Random(1)
    loras = [lora(seed) for seed in range(3)] + [{"linear": lora(9)["linear"]}]
    for _ in range(200):
        chosen: list[Weighted] = [(x, chance.uniform(-2, 2)) for x in chance.sample(loras, chance.randint(0, 3))]
        merge.apply(chosen)
        assert not chosen or not same(weights(net), base)
    merge.apply([])

    assert same(weights(net), base)


def test_a_swap_gives_what_a_first_merge_gives() -> None:
    """What was merged before leaves no trace."""
    net, fresh = Net(torch.bfloat16), Net(torch.bfloat16)
    merge = Merge(net)
    for seed in range(5):
        merge.apply([(lora(seed), 1.3)])
    merge.apply([(lora(7), 0.8), (lora(8), -0.4)])
    Merge(fresh).apply([(lora(7), 0.8), (lora(8), -0.4)])

    assert same(weights(net), weights(fresh))


def test_the_merge_is_the_sum_that_papers_give() -> None:
    """W + weight * scale * up @ down, for linear layers and, over flattened windows, for convolutions; others stay."""
    net = Net(torch.float32)
    base = weights(net)
    one, two = lora(1), lora(2, scale=2.0)
    Merge(net).apply([(one, 0.8), (two, -0.3)])

    a, b = one["linear"], two["linear"]
    assert torch.allclose(
        net.linear.weight, base["linear.weight"] + 0.8 * 0.5 * a.up @ a.down - 0.3 * 2.0 * b.up @ b.down, atol=1e-5
    )
    c, d = one["conv"], two["conv"]
    delta = 0.4 * torch.einsum("orxy,rikl->oikl", c.up, c.down) - 0.6 * torch.einsum("orxy,rikl->oikl", d.up, d.down)
    assert torch.allclose(net.conv.weight, base["conv.weight"] + delta, atol=1e-5)
    assert torch.equal(net.other.weight, base["other.weight"])


def test_weights_keep_their_place_in_memory() -> None:
    """Compiled graphs point at the weights: a merge writes into them."""
    net = Net(torch.float32)
    places = [p.data_ptr() for p in net.parameters()]
    merge = Merge(net)
    merge.apply([(lora(1), 1.0)])
    merge.apply([])

    assert places == [p.data_ptr() for p in net.parameters()]


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ({"nowhere": lora(1)["linear"]}, "a layer nowhere that this base model lacks"),
        ({"linear": LoraLayer(torch.zeros(RANK, 25), torch.zeros(16, RANK), 1.0)}, r"has the shape \(16, 25\)"),
        ({"conv": LoraLayer(torch.zeros(RANK, 8, 1, 1), torch.zeros(12, RANK, 1, 1), 1.0)}, r"\(12, 8, 1, 1\)"),
    ],
)
def test_a_lora_for_another_model_does_not_fit(layers: dict[str, LoraLayer], why: str) -> None:
    """The refusal says which layer, and what is wrong with it."""
    with pytest.raises(LoraError, match=why):
        Merge(Net(torch.float32)).check(layers)


@pytest.mark.parametrize("before", [(), ((lora(3), 1.0),)])
def test_a_merge_that_was_cut_short_leaves_no_trace(monkeypatch: pytest.MonkeyPatch, before: tuple[Weighted, ...]) -> None:
    """Memory runs out between two layers, with nothing or something merged before: the base comes back all the same."""
    net = Net(torch.float32)
    base, merge = weights(net), Merge(net)
    merge.apply(before)
    calls: list[int] = []

    def short(*arguments: Any) -> Tensor:  # noqa: ANN401  # passes on what it gets
        calls.append(1)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return _merged(*arguments)

    monkeypatch.setattr(merging, "_merged", short)
    with pytest.raises(torch.OutOfMemoryError):
        merge.apply([(lora(1), 1.0)])
    monkeypatch.undo()
    assert not same(weights(net), base)
    merge.apply([])
    assert same(weights(net), base)


def test_the_same_again_touches_nothing() -> None:
    """The next batch of one contender does not merge its LoRAs anew; another weight does, for the layers it concerns."""
    net = Net(torch.float32)
    merge, one, two = Merge(net), lora(1), {"conv": lora(2)["conv"]}
    merge.apply([(one, 1.0), (two, 1.0)])
    written = [p._version for p in net.parameters()]
    merge.apply([(one, 1.0), (two, 1.0)])
    again = [p._version for p in net.parameters()]
    merge.apply([(one, 1.0), (two, 0.5)])

    assert again == written
    names = [name for name, p in net.named_parameters()]
    assert [n for n, p, v in zip(names, net.parameters(), written, strict=True) if p._version != v] == ["conv.weight"]

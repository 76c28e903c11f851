"""The steps of a LoRA training, in this process: what they hang on, and that a checkpoint loses nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training import dataset, spec

from dgx_pixels.models import training_steps
from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.loaded import Shelf
from dgx_pixels.models.training_about import About
from dgx_pixels.models.training_cache import Words, encode, keep, kept, text_of
from dgx_pixels.models.training_checkpoint import newest, take_snapshot, write_checkpoint
from dgx_pixels.models.training_dataset import batches, read_dataset
from dgx_pixels.models.training_loss import Batch, loss_of, seed_of
from dgx_pixels.models.training_spec import SpecError, TrainingSpec
from dgx_pixels.models.training_steps import LossError, Training

CPU = torch.device("cpu")


def begin(order: TrainingSpec) -> tuple[Training, About]:
    """A training of this order that has made no step yet."""
    loaded = Shelf(CPU, compiles=False).get(embedded())
    data = read_dataset(order.dataset)
    texts = [text_of("{}", order.trigger, item.caption) for item in data.items]
    learnable = encode(loaded.pipeline, data, texts, words=not order.text_encoders, turn=nullcontext, told=lambda *_: None)
    return Training(loaded, learnable, order), About(order, embedded(), loaded.weights_sha256, data, velocity=True)


def trained(order: TrainingSpec, steps: int) -> Training:
    """The training after so many steps."""
    training, _ = begin(order)
    for _ in range(steps):
        training.learn()
    return training


def checkpoint(training: Training, about: About, folder: Path) -> Path:
    """A checkpoint of it, as a run makes it."""
    return write_checkpoint(take_snapshot(training, about), training.pipeline, folder, {}, about.spec.keep)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether all weights are the same to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(
    "settings",
    [
        {"ema": 0.9, "dropout": 0.2, "accumulation": 2, "noise_offset": 0.05, "min_snr": 5.0},
        pytest.param({"optimizer": "prodigy", "learning_rate": 1.0, "layers": "attention"}, marks=pytest.mark.slow),
        pytest.param({"text_encoders": True, "layers": "attention"}, marks=pytest.mark.slow),
    ],
    ids=["everything", "prodigy", "text encoders"],
)
def test_a_checkpoint_loses_nothing(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Two steps, a checkpoint, and two more on a fresh model give the weights of four steps, to the last bit."""
    order = spec(tmp_path, data=dataset(tmp_path / "data", 5), steps=6, warmup=1, **settings)
    whole = trained(order, 4)
    first, about = begin(order)
    first.learn()
    first.learn()
    checkpoint(first, about, tmp_path / "checkpoints")
    second, _ = begin(order)
    found = newest(tmp_path / "checkpoints", about)
    assert found is not None
    second.restore(found.weights, found.tensors, found.facts)
    second.learn()
    second.learn()
    assert equal(second.tensors(), whole.tensors())
    with second.given_out(), whole.given_out():
        assert equal(second.tensors(), whole.tensors())


def test_looking_at_a_training_changes_nothing(tmp_path: Path) -> None:
    """Measuring a checkpoint, and seeing the model as it is given out, leave the next steps as they were."""
    order = spec(tmp_path, ema=0.9, dropout=0.2)
    quiet, looked = trained(order, 2), trained(order, 2)
    with looked.given_out():
        averaged = looked.tensors()
    breaths: list[None] = []
    assert looked.measure() == looked.measure(lambda: breaths.append(None))
    assert len(breaths) == 6, "whoever wants to draw waits for all pictures"
    assert equal(looked.tensors(), quiet.tensors())
    assert not equal(averaged, quiet.tensors())
    for training in (quiet, looked):
        training.learn()
    assert equal(looked.tensors(), quiet.tensors())


def test_training_brings_the_model_nearer_to_its_dataset(tmp_path: Path) -> None:
    """The error on the pictures falls well below that of the base model, which a fresh LoRA leaves as it is."""
    training, _ = begin(spec(tmp_path, rank=8, batch_size=4, steps=20, warmup=2))
    before = training.measure()
    for _ in range(20):
        training.learn()
    assert training.measure() < 0.8 * before


def batches_of(monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[str, ...]], list[float]]:
    """The texts and the loss of each batch from now on."""
    seen: list[tuple[str, ...]] = []
    losses: list[float] = []

    def look_on(pipeline: Any, noise: Any, batch: Batch, words: Words, min_snr: float | None) -> Tensor:  # noqa: ANN401  # passed on
        loss = loss_of(pipeline, noise, batch, words, min_snr)
        seen.append(batch.texts)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(training_steps, "loss_of", look_on)
    return seen, losses


def test_accumulated_batches_are_one_large_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of a step is the mean of its batches', and every picture is seen once an epoch."""
    seen, losses = batches_of(monkeypatch)
    training, _ = begin(spec(tmp_path, batch_size=2, accumulation=3, caption_dropout=0.0))
    assert training.learn() == pytest.approx(sum(losses) / 3)
    assert [len(texts) for texts in seen] == [2, 2, 2]
    assert len({text for texts in seen for text in texts}) == 6


def test_a_picture_of_a_short_batch_weighs_as_much_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five pictures in batches of four: the gradient is the sum over all five by eight places, their loss the mean of five."""
    order = spec(tmp_path, data=dataset(tmp_path / "data", 5), batch_size=4, accumulation=2, caption_dropout=0.0)
    seen, losses = batches_of(monkeypatch)
    training, _ = begin(order)
    loss = training._gradients(lambda: None)
    sizes = [len(texts) for texts in seen]
    assert sorted(sizes) == [1, 4]
    assert loss == pytest.approx(sum(a * b for a, b in zip(losses, sizes, strict=True)) / 5)

    found = [weight.grad.clone() for weight in training.weights.values() if weight.grad is not None]
    summed = [torch.zeros_like(gradient) for gradient in found]
    for part in range(2):
        training._optimizer.zero_grad()
        batch = training._draw(
            [training._learnable.examples[i] for i in training._picked(part)], seed_of(training.spec.seed, 0, part)
        )
        words = training._words(batch.texts)
        loss_of(training.pipeline, training.noise, batch, words, None).backward()  # type: ignore[no-untyped-call]
        for total, weight in zip(summed, training.weights.values(), strict=True):
            if weight.grad is not None:
                total += weight.grad * len(batch.texts) / 8
    assert any(gradient.any() for gradient in found)
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-8) for one, other in zip(found, summed, strict=True))


def test_memory_that_runs_out_costs_time_but_no_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is made again with activations computed twice, and the weights come out the same."""
    order = spec(tmp_path)
    roomy = trained(order, 2)
    tight, _ = begin(order)
    forward = tight.pipeline.unet.forward

    def too_large(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the UNet's own
        answer = forward(*args, **kwargs)
        if not tight.checkpoints_gradients:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return answer

    monkeypatch.setattr(tight.pipeline.unet, "forward", too_large)
    tight.learn()
    tight.learn()
    assert tight.checkpoints_gradients
    assert equal(tight.tensors(), roomy.tensors())


def test_a_loss_that_is_no_number_stops_the_training_before_the_weights_are_spoilt(tmp_path: Path) -> None:
    """It ends in one sentence, and the weights are those of the step before."""
    training, _ = begin(spec(tmp_path))
    training.learn()
    before = training.tensors()
    for example in training._learnable.examples:
        example.mean[:] = float("nan")
    with pytest.raises(LossError, match="the loss became nan in step 2"):
        training.learn()
    assert equal(training.tensors(), before)


def test_a_gradient_that_is_no_number_stops_it_as_well(tmp_path: Path) -> None:
    """The loss may still be one: it would be none a step later, with the weights and a checkpoint spoilt."""
    training, _ = begin(spec(tmp_path))
    before = training.tensors()
    next(iter(training.weights.values())).register_hook(  # type: ignore[no-untyped-call]  # torch leaves it so
        lambda gradient: gradient * float("inf")
    )
    with pytest.raises(LossError, match="the gradient became nan in step 1"):
        training.learn()
    assert equal(training.tensors(), before)


def test_the_cache_is_read_back_bit_for_bit_and_only_for_its_own_key(tmp_path: Path) -> None:
    """A training that goes on learns from the very same numbers; another dataset or model gets none of them."""
    order = spec(tmp_path)
    loaded = Shelf(CPU, compiles=False).get(embedded())
    data = read_dataset(order.dataset)
    texts = [item.caption for item in data.items]
    made = encode(loaded.pipeline, data, texts, words=True, turn=nullcontext, told=lambda *_: None)
    keep(tmp_path, "key", made)
    again = kept(tmp_path, "key")
    assert again is not None
    assert [e.text for e in again.examples] == texts
    assert all(
        torch.equal(a.mean, b.mean) and torch.equal(a.std, b.std) for a, b in zip(made.examples, again.examples, strict=True)
    )
    assert all(torch.equal(w.prompt, again.words[t].prompt) for t, w in made.words.items())
    assert kept(tmp_path, "another") is None


def test_pictures_without_words_get_what_generation_gives_to_none(tmp_path: Path) -> None:
    """tiny-sdxl has learnt zeros for them, as SDXL has."""
    order = spec(tmp_path)
    training, _ = begin(order)
    nothing = training._learnable.words[""]
    assert not nothing.prompt.any()
    assert not nothing.pooled.any()


def test_an_epoch_shows_every_picture_once_in_batches_of_one_size() -> None:
    """The order hangs on seed and epoch alone; a size with few pictures has a short batch, and none is shown twice."""
    sizes = [(32, 32)] * 5 + [(64, 32)] * 3 + [(16, 16)]
    epoch = batches(sizes, 2, seed=1, epoch=0)
    assert sorted(len(batch) for batch in epoch) == [1, 1, 1, 2, 2, 2]
    assert all(len({sizes[i] for i in batch}) == 1 for batch in epoch)
    assert sorted(i for batch in epoch for i in batch) == list(range(9))
    assert epoch == batches(sizes, 2, seed=1, epoch=0)
    assert epoch != batches(sizes, 2, seed=1, epoch=1)
    assert epoch != batches(sizes, 2, seed=2, epoch=0)


def test_pictures_of_several_sizes_are_learnt_together(tmp_path: Path) -> None:
    """Each batch has one size, and the model is told of it."""
    told: list[Any] = []
    training, _ = begin(spec(tmp_path, data=dataset(tmp_path / "data", 4, sizes=((32, 32), (48, 32))), steps=2))
    forward = training.pipeline.unet.forward

    def look_on(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the UNet's own
        told.append(kwargs["added_cond_kwargs"]["time_ids"].tolist())
        return forward(*args, **kwargs)

    training.pipeline.unet.forward = look_on
    training.learn()
    training.learn()
    assert sorted(told) == [[[32, 32, 0, 0, 32, 32]] * 2, [[32, 48, 0, 0, 32, 48]] * 2]  # height and width


@pytest.mark.parametrize("spoil", [lambda f: f.write_bytes(f.read_bytes()[:-9]), lambda f: f.unlink()], ids=["cut short", "gone"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """The whole one before it is gone on from."""
    training, about = begin(spec(tmp_path))
    training.learn()
    checkpoint(training, about, tmp_path / "c")
    training.learn()
    file = checkpoint(training, about, tmp_path / "c")
    spoil(file.parent / "state.safetensors")
    found = newest(tmp_path / "c", about)
    assert found is not None
    assert found.step == 1


def test_the_newest_and_the_best_few_checkpoints_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five, the newest and the two whose error on the dataset is lowest."""
    training, about = begin(spec(tmp_path, keep=2))
    errors = iter([0.3, 0.1, 0.4, 0.2, 0.5])
    monkeypatch.setattr(training, "measure", lambda _: next(errors))
    for _ in range(5):
        training.step += 1
        checkpoint(training, about, tmp_path / "c")
    assert sorted(own.name for own in (tmp_path / "c").iterdir()) == ["step_000002", "step_000004", "step_000005"]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    """With another rank or dataset its weights would not fit, or not mean the same."""
    training, about = begin(spec(tmp_path))
    checkpoint(training, about, tmp_path / "c")
    other = About(
        spec(tmp_path, data=tmp_path / "dataset", rank=4), about.base, about.weights_sha256, about.dataset, velocity=True
    )
    with pytest.raises(SpecError, match=r"begun with other settings \(rank, alpha\): start a new one"):
        newest(tmp_path / "c", other)

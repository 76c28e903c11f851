"""The renderer on the embedded model: batches that do not depend on company, schedules, references, previews."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from narrow_sdxl import TEXT_WIDTH, narrow_pipeline
from numpy.typing import NDArray

from dgx_pixels.models.catalogue import SIZES, ModelError, embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.gpu_work import Preview
from dgx_pixels.models.profiles import Sampler, Schedule, schedule_for
from dgx_pixels.models.render import BATCHES, Reference, Render, RenderRequest, batch_for
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.seamless import seamless

POTION = Contender(embedded())
QUICK = Schedule("dpmpp_2m", 4, 3.0)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A renderer, with the model in memory."""
    return Renderer("cpu")


def request(prompt: str = "a red potion", seed: int = 1, **more: Any) -> RenderRequest:  # noqa: ANN401  # the request's own fields
    """A request for a small picture."""
    return RenderRequest(POTION, more.pop("schedule", QUICK), prompt, "", 32, 32, seed, **more)


def draw(renderer: Renderer, *requests: RenderRequest) -> list[Render]:
    """The renders of one batch."""
    outcomes = renderer.draw(requests, lambda *_: None)
    renders = [outcome for outcome in outcomes if isinstance(outcome, Render)]
    assert len(renders) == len(requests)
    return renders


def picture(renderer: Renderer, **more: Any) -> NDArray[np.uint8]:  # noqa: ANN401  # the request's own fields
    """One picture alone."""
    return draw(renderer, request(**more))[0].pixels


@pytest.mark.parametrize("batch", BATCHES)
def test_a_picture_does_not_depend_on_what_else_is_in_its_batch(renderer: Renderer, batch: int) -> None:
    """In one batch shape, the same request has the same bytes at any place, beside any others, or alone among padding."""
    mine = request(batch=batch)
    alone = draw(renderer, mine)[0]
    others = [request("a green dragon", 5, batch=batch), request("a stone wall", 6, batch=batch)][: batch - 1]
    beside = draw(renderer, *others, mine)[-1]

    assert np.array_equal(alone.pixels, beside.pixels)
    assert (alone.batch, alone.graph) == (batch, "eager")


@pytest.mark.parametrize(("pictures", "shape"), [(1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (9, 8)])
def test_a_batch_has_one_of_four_shapes(pictures: int, shape: int) -> None:
    """The shape is the smallest that holds them."""
    assert batch_for(pictures) == shape


def test_requests_that_share_no_batch_say_so() -> None:
    """What changes the arithmetic of a batch is in the key; what is each picture's own is not."""
    same = [request(), request("a dragon"), request(seed=2), replace(request(), negative_prompt="blurry")]
    other = [
        request(batch=2),
        request(graph="eager"),
        request(wrap="x"),
        request(schedule=replace(QUICK, steps=5)),
        request(reference=Reference(np.zeros((32, 32, 3), np.uint8), 0.5)),
        replace(request(), width=64),
    ]

    assert len({r.key for r in same}) == 1
    assert len({r.key for r in (request(), *other)}) == len(other) + 1


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler", "ays", "lcm", "lightning"])
def test_every_sampler_draws_what_is_asked(renderer: Renderer, sampler: Sampler) -> None:
    """A red potion on the key ground comes out of each, twice the same, and out of no two the same."""
    guidance = 1.0 if sampler == "lightning" else 3.0
    drawn = picture(renderer, schedule=Schedule(sampler, 10, guidance)).astype(int)

    red = (drawn[..., 0] > drawn[..., 1] + 60) & (drawn[..., 0] > drawn[..., 2] + 60)
    assert 0.05 < red.mean() < 0.6
    assert np.abs(drawn[0, 0] - (255, 0, 255)).max() < 40
    assert np.array_equal(drawn, picture(renderer, schedule=Schedule(sampler, 10, guidance)))


def test_the_prompt_guides_only_as_long_as_the_schedule_says(renderer: Renderer) -> None:
    """The UNet runs with two rows a picture while guided, then with one; and every picture of the batch keeps its own prompt."""
    rows: list[int] = []
    unet = renderer.shelf.get(POTION.base).pipeline.unet
    hook = unet.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    half = Schedule("dpmpp_2m", 10, 3.0, guided=0.6)
    pictures = [r.pixels for r in draw(renderer, *(request(p, schedule=half) for p in ("a red potion", "a blue potion")))]
    hook.remove()

    assert rows == [4] * 6 + [2] * 4
    colours = [p[10:28, 8:24].reshape(-1, 3).mean(axis=0) for p in pictures]
    assert colours[0][0] > colours[0][2] + 20
    assert colours[1][2] > colours[1][0] + 20


def test_without_guidance_the_unet_runs_once_a_step(renderer: Renderer) -> None:
    """A guidance of 1 switches the negative half off altogether."""
    rows: list[int] = []
    unet = renderer.shelf.get(POTION.base).pipeline.unet
    hook = unet.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    picture(renderer, schedule=Schedule("lightning", 4, 1.0))
    hook.remove()

    assert rows == [1] * 4


def test_a_reference_is_kept_in_part(renderer: Renderer) -> None:
    """The lower the strength, the nearer the picture stays to its reference, and the fewer steps it takes."""
    steps: list[int] = []

    def tell(done: int, total: int, _: Preview) -> None:
        steps.append(total)

    reference = picture(renderer, schedule=schedule_for(POTION, "standard"))
    far: list[float] = []
    for strength in (0.3, 0.6, 0.9):
        asked = request("a green potion", 9, schedule=schedule_for(POTION, "standard"), reference=Reference(reference, strength))
        outcome = renderer.draw([asked], tell)[0]
        assert isinstance(outcome, Render)
        far.append(float(np.abs(outcome.pixels.astype(int) - reference).mean()))

    assert far[0] < far[1] < far[2]
    assert sorted(set(steps)) == [3, 6, 9]


def test_the_last_preview_shows_the_picture(renderer: Renderer) -> None:
    """A preview is a small picture of what is to come: at the end, the picture itself in coarse."""
    told: list[NDArray[np.uint8] | None] = []
    outcome = renderer.draw([request(schedule=schedule_for(POTION, "standard"))], lambda _, __, preview: told.append(preview(0)))
    assert isinstance(outcome[0], Render)
    previews = [preview for preview in told if preview is not None]  # there is none while the model is being loaded
    last = previews[-1]
    coarse = outcome[0].pixels.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))

    assert len(previews) == 10
    assert last.shape == (8, 8, 3)
    assert np.abs(coarse - last).mean() < 30


@pytest.mark.parametrize("wrap", ["x", "y", "xy"])
@torch.inference_mode()
def test_wrapped_edges_are_no_edges(renderer: Renderer, wrap: Any) -> None:  # noqa: ANN401  # one of three words
    """Along a wrapped axis, UNet, VAE decoder and encoder do the same to a rolled picture, only rolled; along others not."""
    pipeline = renderer.shelf.get(POTION.base).pipeline
    noise = torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    embedded_prompt = renderer.shelf.get(POTION.base).prompts.get("sand", "", ())
    more = {"text_embeds": embedded_prompt.pooled, "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]])}

    def unet(z: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(pipeline.unet(z, 500, embedded_prompt.prompt, added_cond_kwargs=more, return_dict=False)[0])

    def decoder(z: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(pipeline.vae.decode(z, return_dict=False)[0])

    def encoder(x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(pipeline.vae.encode(x).latent_dist.mean)

    # One step of the coarsest level: 2 latents in the UNet, which halves once; one latent is 4 px of the VAE.
    cases = [(unet, noise, 2, 2), (decoder, noise, 1, 4), (encoder, pixels, 4, 1)]
    with seamless(pipeline, wrap):
        errors = {
            (function.__name__, axis): float((function(z.roll(shift, dim)) - function(z).roll(out, dim)).abs().max())
            for (function, z, shift, out), (axis, dim) in itertools.product(cases, (("x", 3), ("y", 2)))
        }

    for (name, axis), error in errors.items():
        assert (error < 1e-4) == (axis in wrap), (name, axis, error)


@pytest.mark.slow
@torch.inference_mode()
def test_wrapped_renders_of_all_sizes_have_no_edges_in_sdxl() -> None:
    """A UNet that halves twice does the same to a rolled picture at every size asked of it; at 126 latents it would not."""
    base = replace(embedded(), sizes=SIZES, render_side=1024)
    sizes = {base.render_size(side, side, wrapped=True) for side in SIZES}
    assert all(size == (size[0] // side * side,) * 2 for side in SIZES for size in [base.render_size(side, side, wrapped=True)])
    assert embedded().render_size(32, 32, wrapped=True) == (32, 32)
    pipeline = narrow_pipeline()
    more = {"text_embeds": torch.zeros(1, 16), "time_ids": torch.zeros(1, 6)}

    def error(width: int, height: int) -> float:
        z = torch.randn(1, 4, height // 8, width // 8, generator=torch.Generator().manual_seed(0))
        one, rolled = (
            pipeline.unet(x, 500, torch.zeros(1, 4, TEXT_WIDTH), added_cond_kwargs=more, return_dict=False)[0]
            for x in (z, z.roll((4, 4), (2, 3)))
        )
        return float((one.roll((4, 4), (2, 3)) - rolled).abs().max())

    with seamless(pipeline):
        errors = {size: error(*size) for size in sizes}
        assert error(1008, 1008) > 1e-3
    assert max(errors.values()) < 1e-4, errors


def test_a_prompt_is_encoded_once(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same prompt again costs no text encoder; other LoRAs in the encoders, or another negative prompt, do."""
    loaded = renderer.shelf.get(POTION.base)
    encoded: list[str] = []
    encode = loaded.pipeline.encode_prompt

    def counted(prompt: str, **more: Any) -> Any:  # noqa: ANN401  # passes on what it gets
        encoded.append(prompt)
        return encode(prompt, **more)

    monkeypatch.setattr(loaded.pipeline, "encode_prompt", counted)
    for negative, encoders in (("", ()), ("", ()), ("blurry", ()), ("", ("lora", 1.0))):
        loaded.prompts.get("a new thing", negative, encoders)

    assert encoded == ["a new thing"] * 3


def test_a_device_that_is_not_there_is_refused() -> None:
    """One sentence says so, and what to do."""
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(ModelError, match="doctor"):
        Renderer("cuda:7")

"""A whole training in this process, on a narrow model of SDXL's own topology as a user would have put it there."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import training
from diffusers import StableDiffusionXLPipeline
from narrow_sdxl import narrow_pipeline
from training import dataset

from dgx_pixels.models import training as training_module
from dgx_pixels.models.catalogue import Catalogue, embedded
from dgx_pixels.models.lora_file import read_lora
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.models.training import PausedError, run
from dgx_pixels.models.training_disk import check_room
from dgx_pixels.models.training_events import Events
from dgx_pixels.models.training_spec import SpecError, TrainingSpec, make_spec, settings_for
from dgx_pixels.models.turn import Turn


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What `run` changes of torch is changed back."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the narrow model as a checkpoint."""
    folder = tmp_path_factory.mktemp("home") / "models"
    narrow_pipeline().save_pretrained(folder / "checkpoints" / "narrow")
    return folder


def order(models: Path, tmp: Path, **replaced: Any) -> TrainingSpec:  # noqa: ANN401  # any setting
    """A training of it as the preset `base` has it, but short."""
    settings = settings_for("narrow", "base", steps=2, rank=4, **replaced)
    return make_spec(
        settings, folder=tmp / "run", dataset=dataset(tmp / "data", 4, ((64, 64), (96, 96))), models_folder=models,
        turn_folder=tmp, base="narrow", name="mine", trigger="handheld", device="cpu", sample_prompts=("a red potion",),
        sample_every=1,
    )  # fmt: skip


def told(spec: TrainingSpec) -> list[dict[str, Any]]:
    """What a whole training tells."""
    wire = io.StringIO()
    run(spec, Events(wire), lambda: False)
    return [json.loads(line) for line in wire.getvalue().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["attention", "transformer", "all"])
def test_an_sdxl_model_is_trained_and_diffusers_finds_every_layer(models: Path, tmp_path: Path, layers: str) -> None:
    """With min-SNR, noise offset, dropout and accumulation; the kohya-named file changes as many layers there as were trained."""
    spec = order(models, tmp_path, layers=layers)
    events = told(spec)

    kinds = [e["event"] for e in events]
    assert (kinds[0], kinds[-1]) == ("started", "done")
    assert [e["step"] for e in events if e["event"] == "sample"] == [0, 1, 2]
    files = events[-1]["files"]
    found = read_lora(Path(files["kohya"]), dict(narrow_pipeline().unet.config))
    pipeline = StableDiffusionXLPipeline.from_pretrained(models / "checkpoints" / "narrow", add_watermarker=False)
    pipeline.load_lora_weights(files["kohya"], local_files_only=True, use_safetensors=True)
    changed = {f"unet.{name}" for name, module in pipeline.unet.named_modules() if hasattr(module, "lora_A") and module.lora_A}
    assert changed == set(found)
    assert len(found) == {"attention": 560, "transformer": 722, "all": 783}[layers]


@pytest.mark.slow
def test_a_finished_training_is_finished_again_at_once(models: Path, tmp_path: Path) -> None:
    """Started once more, it makes no step, and its files are the same."""
    spec = order(models, tmp_path)
    told(spec)
    before = {file.name: file.read_bytes() for file in (spec.folder / "out").iterdir()}
    again = told(spec)
    assert [e["event"] for e in again] == ["resumed", "sample", "done"]  # told again, and not drawn again
    assert {file.name: file.read_bytes() for file in (spec.folder / "out").iterdir()} == before


def test_it_pauses_between_pictures_that_are_encoded(models: Path, tmp_path: Path) -> None:
    """A large dataset takes minutes to encode: nobody waits for its end."""
    wire = io.StringIO()
    with pytest.raises(PausedError):
        run(order(models, tmp_path), Events(wire), lambda: True)
    assert [json.loads(line)["event"] for line in wire.getvalue().splitlines()] == ["started", "caching"]


@pytest.mark.slow
def test_a_model_that_changed_under_a_training_is_told_of(models: Path, tmp_path: Path) -> None:
    """Its checkpoint was learnt on other weights."""
    spec = order(models, tmp_path)
    told(spec)
    file = next(iter((spec.folder / "checkpoints").glob("*/state.json")))
    facts = json.loads(file.read_text())
    facts["base"] = dict.fromkeys(facts["base"], "0" * 64)
    for state in (spec.folder / "checkpoints").glob("*/state.json"):
        state.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="begun with other settings \\(weights of the base model\\)"):
        told(spec)
    assert Catalogue(models).get("narrow").problem is None


def test_only_the_model_that_learns_stays_in_memory(models: Path) -> None:
    """Another one, whose parts it may have borrowed, leaves as soon as it is loaded."""
    renderer = Renderer("cpu", compiles=False)
    renderer.shelf.get(embedded())
    base = Catalogue(models).get("narrow")
    assert training_module._load(renderer, base).base == base
    assert renderer.shelf.ids == ("narrow",)


@pytest.mark.slow
def test_a_round_of_samples_that_is_broken_off_is_drawn_to_its_end(tmp_path: Path) -> None:
    """Before the first step as after the last: the run is paused, and what is there is not drawn again."""
    prompts = ("a red potion", "a gold sword")
    order = training.spec(tmp_path, steps=1, warmup=0, sample_every=1, sample_prompts=prompts)
    for step in (0, 1):
        wire = io.StringIO()
        told_of = f'"event": "sample", "step": {step}'
        with pytest.raises(PausedError) as paused:
            run(order, Events(wire), lambda told_of=told_of, wire=wire: told_of in wire.getvalue())  # type: ignore[misc]
        assert paused.value.step == step
    drawn = sorted((order.folder / "samples").iterdir())
    assert [file.name for file in drawn] == [f"step_{name}.png" for name in ("000000_0", "000000_1", "000001_0")]
    before = drawn[-1].stat().st_mtime_ns

    events = told(order)
    assert [(e["event"], e["step"]) for e in events] == [("resumed", 1), *[("sample", 1)] * 2, ("done", 1)]
    assert len(events[-1]["files"]["samples"]) == 2
    assert drawn[-1].stat().st_mtime_ns == before


def test_a_drawing_waits_neither_for_the_model_to_load_nor_for_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded while a drawing has the GPU; as a checkpoint is measured, the GPU can be had before each of its pictures."""
    order = training.spec(tmp_path, steps=2, warmup=0)
    turn, free, in_time = Turn(tmp_path), threading.Event(), threading.Event()
    wire, had = io.StringIO(), 0

    def draw() -> None:
        with turn.for_drawing():
            if free.wait(60):
                in_time.set()

    drawer = threading.Thread(target=draw)
    drawer.start()
    begin, breathing = Events.tell, Turn.for_steps

    def tell(self: Events, event: str, **facts: Any) -> None:  # noqa: ANN401  # any event's
        begin(self, event, **facts)
        free.set()  # by the first event the model is loaded

    @contextmanager
    def counted(self: Turn) -> Iterator[Callable[[], None]]:
        with breathing(self) as breathe:

            def breath() -> None:
                nonlocal had
                had += 1
                breathe()

            yield breath

    monkeypatch.setattr(Events, "tell", tell)
    monkeypatch.setattr(Turn, "for_steps", counted)
    run(order, Events(wire), lambda: False)
    drawer.join()
    assert in_time.is_set(), "the model was not loaded while somebody drew"
    assert had == 6, "one for each of the dataset's pictures, in the checkpoint at the end"


def test_memory_is_capped_anew_before_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other programs have taken since is no longer the training's to take."""
    capped: list[torch.device] = []
    monkeypatch.setattr(training_module, "cap", capped.append)
    run(training.spec(tmp_path, steps=3), Events(io.StringIO()), lambda: False)
    assert capped == [torch.device("cpu")] * 4  # once loaded, and thrice


def test_room_on_the_disk_is_asked_for_what_is_still_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints that are there already take their room; and settings of a training that was begun cannot be made smaller."""
    asked: list[tuple[int, bool]] = []
    order = training.spec(tmp_path, steps=3, keep=1, checkpoint_minutes=0)
    monkeypatch.setattr(training_module, "check_room", lambda _, needed, *, begun: asked.append((needed, begun)))
    for _ in range(2):
        run(order, Events(io.StringIO()), lambda: False)
    (whole, first), (rest, again) = asked
    assert (first, again) == (False, True)
    assert whole == 3 * rest  # the newest, the best one, and the one that is being written; two of them are there
    with pytest.raises(SpecError, match=r"left: free some\.$"):
        check_room(tmp_path, 1 << 60, begun=True)

"""How a trained LoRA is put where models are listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from narrow_sdxl import write_lora
from training_calls import request

from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.models.lora_file import LoraLayer
from dgx_pixels.tools import training_install
from dgx_pixels.tools.training_install import InstallError, install


def kohya_lora(file: Path, seed: int) -> Path:
    """A LoRA on one layer of the embedded model."""
    layer = LoraLayer(torch.full((2, 288), float(seed)), torch.ones(256, 2), 1.0)
    return write_lora(file, {"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": layer})


def test_a_lora_is_installed_whole_with_its_card(tmp_path: Path) -> None:
    """It is listed with trigger, weight and licence; the very same again changes nothing, and nothing else is left."""
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")
    target = install(catalogue, made, request(), "job")
    before = target.stat()
    assert install(catalogue, made, request(), "job") == target

    after = target.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    (lora,) = catalogue.loras()
    assert (lora.id, lora.trigger_words, lora.recommended_weight, lora.licence) == ("mine", ("handheld",), 1.0, "CC0-1.0")
    assert sorted(f.name for f in target.parent.iterdir()) == ["mine.json", "mine.safetensors"]
    assert not list((tmp_path / "models" / ".partial").iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_another_lora_is_replaced_only_if_asked(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk with hard links, and on one without: the other file stays, or the new one takes its place at once."""
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")
    target = install(catalogue, kohya_lora(tmp_path / "other.safetensors", seed=2), request(trigger="other"), "job")
    other = target.read_bytes()
    with pytest.raises(InstallError, match="is there since this training began"):
        install(catalogue, made, request(), "job")
    assert target.read_bytes() == other
    assert catalogue.lora("mine").trigger_words == ("other",)

    install(catalogue, made, request(overwrite=True), "job")
    assert target.read_bytes() == made.read_bytes()
    assert catalogue.lora("mine").trigger_words == ("handheld",)


def test_a_lora_that_appears_at_the_last_moment_keeps_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there only as the new one is put beside it: neither its file nor its card is touched."""
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")
    other, target = kohya_lora(tmp_path / "other.safetensors", seed=2), tmp_path / "models" / "loras" / "mine.safetensors"
    link = os.link

    def late(source: Path, where: Path) -> None:
        monkeypatch.undo()
        install(catalogue, other, request(trigger="other"), "other")
        link(source, where)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(InstallError, match="is there since this training began"):
        install(catalogue, made, request(), "job")
    assert target.read_bytes() == other.read_bytes()
    assert catalogue.lora("mine").trigger_words == ("other",)


@pytest.mark.parametrize("card", [True, False], ids=["with a card", "without one"])
def test_a_lora_that_cannot_be_replaced_keeps_its_card(tmp_path: Path, card: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its file cannot be renamed over, all stands as it was."""
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")
    target = install(catalogue, kohya_lora(tmp_path / "other.safetensors", seed=2), request(trigger="other"), "job")
    if not card:
        target.with_suffix(".json").unlink()
    before = {f.name: f.read_bytes() for f in target.parent.iterdir()}
    replace = Path.replace

    def refuse(self: Path, where: Path) -> Path:
        if where == target:
            raise PermissionError(13, "Permission denied")
        return replace(self, where)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InstallError, match="could not be put at"):
        install(catalogue, made, request(overwrite=True), "job")
    assert {f.name: f.read_bytes() for f in target.parent.iterdir()} == before


def test_a_card_that_cannot_be_written_leaves_no_lora_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name stays free; with the cause mended it is installed."""
    made, catalogue = kohya_lora(tmp_path / "made.safetensors", seed=1), Catalogue(tmp_path / "models")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training_install, "write_card", full)
    with pytest.raises(InstallError, match="No space left on device"):
        install(catalogue, made, request(), "job")
    assert not list((tmp_path / "models" / "loras").iterdir())
    monkeypatch.undo()
    target = install(catalogue, made, request(), "job")
    target.with_suffix(".json").unlink()  # as if it had been killed before it wrote that
    install(catalogue, made, request(), "job")
    assert b"handheld" in target.with_suffix(".json").read_bytes()


def test_what_a_killed_process_was_copying_is_swept_a_day_later(tmp_path: Path) -> None:
    """A younger copy may still be somebody's; downloads are none of ours."""
    staging = tmp_path / "models" / ".partial"
    staging.mkdir(parents=True)
    old, young, other = (staging / n for n in (f"a-{'0' * 32}.safetensors", f"b-{'1' * 32}.safetensors", "c.safetensors.part"))
    for file in (old, young, other):
        file.write_bytes(b"half")
    for file in (old, other):
        os.utime(file, (1, 1))
    install(Catalogue(tmp_path / "models"), kohya_lora(tmp_path / "made.safetensors", seed=1), request(), "job")
    assert sorted(staging.iterdir()) == [young, other]


def test_what_cannot_be_installed_says_where_the_lora_lies(tmp_path: Path) -> None:
    """A models' folder that cannot be written costs no training."""
    (tmp_path / "models").write_text("a file where the folder should be")
    made = kohya_lora(tmp_path / "made.safetensors", seed=1)
    with pytest.raises(InstallError, match="could not be put at") as refused:
        install(Catalogue(tmp_path / "models"), made, request(), "job12")
    assert f"It lies at {made}" in str(refused.value)
    assert "resume='job12'" in str(refused.value)

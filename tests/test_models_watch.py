"""The watch over the models' folder outlasts the folder."""

from __future__ import annotations

import threading
from pathlib import Path

from dgx_pixels.models.watch import ModelsWatch


def test_a_folder_that_was_away_is_watched_again(tmp_path: Path) -> None:
    """As a network disk is that drops out: its going and its coming are changes, and so is what happens after."""
    models, told = tmp_path / "models", threading.Event()
    watch = ModelsWatch(models, told.set, quiet_s=0.1, every_s=0.05)
    watch.start()
    for change in (
        lambda: models.rename(tmp_path / "away"),
        lambda: (tmp_path / "away").rename(models),
        lambda: (models / "loras/new.safetensors").write_bytes(b"weights"),
    ):
        change()
        assert told.wait(10)
        told.clear()
    watch.stop()

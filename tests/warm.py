"""The embedded model is loaded once for all tests whose promise is not the loading: they share it, as a server's clients do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dgx_pixels.models.loaded import Loaded


@cache
def _warm(load: Callable[..., Loaded]) -> Loaded:
    import torch

    from dgx_pixels.models.base_model import drawing_sha256, embedded
    from dgx_pixels.models.loaded import Shelf

    return load(Shelf(torch.device("cpu"), compiles=False), embedded(), drawing_sha256(embedded()), lambda: None)


def stay_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test a shelf takes the embedded model from memory, the base's own weights in it, instead of from disk.

    That there is such a model on the shelf, and which others are, goes on as ever. Where nothing has imported torch yet,
    nothing is done: the test may need none.
    """
    if (module := sys.modules.get("dgx_pixels.models.loaded")) is None:
        return
    load = module.Shelf._load

    def loaded(shelf: Any, base: Any, digests: dict[str, str], beat: Any) -> Loaded:  # noqa: ANN401  # its own
        warm = _warm(load)
        if base != warm.base or digests != warm.weights_sha256 or shelf._device.type != "cpu" or shelf._compiles:
            made: Loaded = load(shelf, base, digests, beat)
            return made
        beat()
        warm.use(())
        return warm

    monkeypatch.setattr(module.Shelf, "_load", loaded)

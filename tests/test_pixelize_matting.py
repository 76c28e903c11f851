"""The optional matting: refused in plain words where it is not installed, and never a download."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import text_of
from fastmcp import Client, FastMCP
from pictures import potion
from PIL import Image

from dgx_pixels.models.matting import MODEL, MattingError, without_ground
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings


@pytest.fixture
def picture(game: Path) -> Path:
    """A potion of 16 cells, 10 px each."""
    file = game / "potion.png"
    Image.fromarray(potion().repeat(10, 0).repeat(10, 1)).save(file)
    return file


def pretend(monkeypatch: pytest.MonkeyPatch, *, installed: bool) -> None:
    """Make the extra look installed, or not, whatever this environment has."""
    find_spec = importlib.util.find_spec

    def pretended(name: str, *more: Any) -> Any:  # noqa: ANN401  # what find_spec takes and gives
        return (object() if installed else None) if name == "onnxruntime" else find_spec(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", pretended)


@pytest.mark.parametrize(("installed", "says"), [(False, "pip install 'dgx-pixels[matting]'"), (True, "isnet-general-use.onnx")])
async def test_what_is_missing_is_named_before_anything_is_done(
    server: FastMCP[Any],
    settings: Settings,
    game: Path,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,
    says: str,
) -> None:
    """Without the extra the command that installs it is named, without its model the file and where to get it."""
    pretend(monkeypatch, installed=installed)
    async with Client(server) as client:
        refused = await client.call_tool("pixelize_image", {"image": str(picture), "matting": True}, raise_on_error=False)

    assert refused.is_error
    assert says in text_of(refused)
    assert not installed or str(settings.home / "models" / "matting") in text_of(refused)
    assert [*(game / "assets").iterdir()] == []


def test_the_command_says_it_too(
    settings: Settings, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From file to file, too, a missing extra is one sentence and a status."""
    pretend(monkeypatch, installed=False)
    with pytest.raises(SystemExit) as ended:
        main(["pixelize", str(picture), "--out", str(tmp_path / "o.png"), "--matting", "--home", str(settings.home)])

    assert ended.value.code == 1
    assert "dgx-pixels[matting]" in capsys.readouterr().err
    assert not (tmp_path / "o.png").exists()


async def test_matting_and_keeping_the_ground_exclude_each_other(server: FastMCP[Any], picture: Path) -> None:
    """A contradiction is named."""
    asked = {"image": str(picture), "matting": True, "transparent": False}
    async with Client(server) as client:
        refused = await client.call_tool("pixelize_image", asked, raise_on_error=False)

    assert "leave one of them out" in text_of(refused)


def red_is_subject(file: Path) -> None:
    """Write a real ONNX model of IS-Net's shape, 1x3x1024x1024 in, a mask out, that takes red for the subject."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(n, kind, [1, c, 1024, 1024]) for n, c in (("input", 3), ("mask", 1))]
    weights = helper.make_tensor("weights", kind, [1, 3, 1, 1], [1.0, -1.0, -1.0])
    node = helper.make_node("Conv", ["input", "weights"], ["mask"])
    graph = helper.make_graph([node], "red", ends[:1], ends[1:], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)


def test_the_models_mask_becomes_clear_pixels(tmp_path: Path) -> None:
    """Where the extra is installed: a red disc before busy green is cut out, alpha 0 or 255, its colours untouched."""
    pytest.importorskip("onnxruntime")
    red_is_subject(tmp_path / MODEL)
    y, x = np.indices((120, 100))
    disc = np.hypot(y - 60, x - 50) < 30
    rgba = np.full((120, 100, 4), 255, dtype=np.uint8)
    rgba[..., :3] = np.random.default_rng(0).integers(0, 120, (120, 100, 3)) * (0, 1, 1)
    rgba[disc, :3] = (230, 20, 30)
    cut = without_ground(rgba, tmp_path)

    assert ((cut[..., 3] > 0) == disc).mean() > 0.98
    assert set(np.unique(cut[..., 3]).tolist()) == {0, 255}
    assert (cut[cut[..., 3] > 0] == rgba[cut[..., 3] > 0]).all()


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    """Where the extra is installed: a file that is no model gives one sentence with its path."""
    pytest.importorskip("onnxruntime")
    (tmp_path / MODEL).write_bytes(b"damaged")
    with pytest.raises(MattingError, match="cannot be used"):
        without_ground(np.full((8, 8, 4), 255, dtype=np.uint8), tmp_path)

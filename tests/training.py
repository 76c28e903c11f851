"""What the tests of LoRA training share: small datasets in a style of their own, specs, and the training process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from dgx_pixels.models.training_spec import TrainingSpec, make_spec, settings_for

HANDHELD = ((15, 56, 15), (48, 98, 48), (139, 172, 15), (155, 188, 15))
"""Four greens, as a handheld of 1989 had them."""
GROUND = (255, 0, 255)
SUBJECTS = ("a red potion", "a gold sword", "a blue shield", "a green tree", "a purple gem", "a brown chest")


def sprite(number: int, width: int = 32, height: int = 32) -> Image.Image:
    """A picture in the handheld's colours on the model's ground: a body, a light and an outline that vary with the number."""
    chance = np.random.default_rng(number)
    image = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(image)
    left, top = (int(v) for v in chance.integers(3, 9, 2))
    box = (left, top, width - left, height - top)
    shape = pen.ellipse if number % 2 else pen.rectangle
    shape(box, fill=HANDHELD[1], outline=HANDHELD[0])
    pen.rectangle((left + 4, top + 4, width // 2, height // 2), fill=HANDHELD[2 + number % 2])
    return image


def dataset(folder: Path, count: int = 6, sizes: Sequence[tuple[int, int]] = ((32, 32),)) -> Path:
    """A prepared dataset of so many pictures, their widths and heights taken from `sizes` in turn."""
    (folder / "images").mkdir(parents=True)
    items, digest = [], hashlib.sha256()
    for i in range(count):
        (width, height), file = sizes[i % len(sizes)], f"images/{i:04}.png"
        sprite(i, width, height).save(folder / file)
        digest.update((folder / file).read_bytes())
        items.append(
            {"file": file, "width": width, "height": height, "caption": SUBJECTS[i % len(SUBJECTS)], "source": f"{i}.png"}
        )
    about = {"schema": 1, "hash": digest.hexdigest(), "trigger": "handheld", "licence_note": "CC0-1.0", "items": items}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def spec(tmp: Path, *, data: Path | None = None, **replaced: Any) -> TrainingSpec:  # noqa: ANN401  # any setting
    """A short training of the embedded model."""
    settings = {"rank": 2, "batch_size": 2, "steps": 6, "warmup": 2}
    own = {k: replaced.pop(k) for k in tuple(replaced) if k in TrainingSpec.model_fields and k not in _SETTINGS}
    rest: dict[str, Any] = {
        "folder": tmp / "run", "models_folder": tmp / "models", "turn_folder": tmp, "base": "tiny-sdxl", "name": "handheld",
        "trigger": "handheld", "device": "cpu", "licence_note": "CC0-1.0", "dataset": data or dataset(tmp / "dataset"),
    }  # fmt: skip
    return make_spec(settings_for("tiny-sdxl", "fast", **settings | replaced), **rest | own)


_SETTINGS = frozenset(settings_for("tiny-sdxl", "fast").model_dump())


def start(order: TrainingSpec) -> subprocess.Popen[str]:
    """The training process of this order."""
    order.folder.mkdir(parents=True, exist_ok=True)
    file = order.folder / "spec.json"
    file.write_text(order.model_dump_json())
    return subprocess.Popen(
        [sys.executable, "-m", "dgx_pixels.models.training_child", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events_of(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What the process told until its end."""
    out, err = process.communicate(timeout=600)
    assert all(line.startswith("{") for line in out.splitlines()), (out, err)
    return [json.loads(line) for line in out.splitlines()]

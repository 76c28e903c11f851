"""The prepared dataset of a training: pictures at the model's size, each with its caption.

A folder with `dataset.json`: {"schema": 1, "hash": SHA-256 of the contents, "trigger": "...", "licence_note": "...", "items":
[{"file": "images/0001.png", "width": 1024, "height": 1024, "caption": "a red potion", "source": "item_red_potion.png"}]}. The
pictures are RGB, enlarged by a whole number and laid on the model's ground, so that nothing is resized here.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dgx_pixels.models.training_spec import SpecError
from dgx_pixels.pixels.plain_file import read_plain
from dgx_pixels.pixels.read import LARGE, MOST_BYTES, PictureError
from dgx_pixels.pixels.read import read_picture as pixels_of

_MOST_FACTS = 16 << 20


class Item(BaseModel):
    """One picture."""

    model_config = ConfigDict(frozen=True)

    file: str
    """Relative to the dataset's folder."""
    width: int = Field(ge=8, le=4096)
    """In pixels."""
    height: int = Field(ge=8, le=4096)
    caption: str = ""
    """What it shows; the trigger is put before it."""
    source: str = ""


class _Written(BaseModel):
    schema_: Literal[1] = Field(alias="schema")
    hash: str
    trigger: str = ""
    licence_note: str = ""
    items: tuple[Item, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Dataset:
    """The pictures of a training."""

    folder: Path
    sha256: str
    items: tuple[Item, ...]


def read_dataset(folder: Path) -> Dataset:
    """Read what is in the folder; pictures are opened later. Raises SpecError."""
    file = folder / "dataset.json"
    try:
        found = _Written.model_validate_json(read_plain(file, _MOST_FACTS))
    except OSError as error:
        raise SpecError(f"The dataset {file} cannot be read ({error.strerror}): prepare it again.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SpecError(f"The dataset {file} is damaged ({where}: {first['msg']}): prepare it again.") from error
    for item in found.items:
        if not (folder / item.file).resolve().is_relative_to(folder.resolve()):
            raise SpecError(f"The dataset {file} names {item.file}, which lies outside its folder: prepare it again.")
    return Dataset(folder, found.hash, found.items)


def read_picture(dataset: Dataset, item: Item, multiple: int) -> NDArray[np.uint8]:
    """An item's pixels, (height, width, 3). Raises SpecError unless they are as said, with sides of a multiple of `multiple`."""
    file = dataset.folder / item.file
    if item.width % multiple or item.height % multiple:
        raise SpecError(
            f"The picture {file} is {item.width}x{item.height}, but this model learns from sides of a multiple of {multiple} px: "
            "prepare the dataset for this model."
        )
    try:
        pixels = pixels_of(read_plain(file, MOST_BYTES), LARGE).rgba[..., :3]
    except (OSError, PictureError) as error:
        raise SpecError(f"The picture {file} cannot be read ({error}): prepare the dataset again.") from error
    if pixels.shape != (item.height, item.width, 3):
        raise SpecError(
            f"The picture {file} is {pixels.shape[1]}x{pixels.shape[0]}, its dataset says {item.width}x{item.height}: "
            "prepare the dataset again."
        )
    return pixels


def batches(sizes: Sequence[tuple[int, int]], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """One epoch: each picture's number once, in batches of one size each, in an order that seed and epoch decide alone.

    The last batch of a size has what is left of it.
    """
    chance = random.Random(f"{seed} {epoch}")
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, size in enumerate(sizes):
        buckets[size].append(i)
    made = []
    for _, bucket in sorted(buckets.items()):
        chance.shuffle(bucket)
        made += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    chance.shuffle(made)
    return made

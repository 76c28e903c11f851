"""What a diffusers folder may say of itself in its JSON files, before any of it is believed by the libraries that load it.

A pipeline's index names the classes that its parts are made of, a part's index the files that its weights lie in, and a
configuration how many layers are built: each could make a loader take up another class, a pickle, or all memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dgx_pixels.models.header import ModelError
from dgx_pixels.pixels.plain_file import read_plain

_CLASSES = {
    "unet": r"diffusers UNet2DConditionModel", "vae": r"diffusers AutoencoderKL",
    "text_encoder": r"transformers CLIPTextModel", "text_encoder_2": r"transformers CLIPTextModelWithProjection",
    "tokenizer": r"transformers CLIPTokenizer(Fast)?", "tokenizer_2": r"transformers CLIPTokenizer(Fast)?",
    "scheduler": r"diffusers [A-Za-z0-9]+Scheduler", "image_encoder": r"transformers CLIPVisionModelWithProjection",
    "feature_extractor": r"transformers CLIP(Image|Feature)\w+",
}  # fmt: skip
"""Of an SDXL pipeline, by part: the library and the class, with a space between."""
_MOST_CONFIG = 1 << 16
_MOST_INDEX = 4 << 20
_MOST_NUMBER = 1_000_000
"""In a configuration: vocabularies have 50,000 words, renders some thousand pixels."""
_MOST_LAYERS = 100
_MOST_LIST = 32


def read_json(file: Path, most_bytes: int = _MOST_CONFIG) -> dict[str, Any]:
    """A JSON file's object; {} if there is no file: what is missing is said when weights are looked for. Raises ModelError."""
    try:
        found = json.loads(read_plain(file, most_bytes))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ModelError(f"{file} cannot be read as JSON: fetch the model again.")
    return found


def read_config(file: Path) -> dict[str, Any]:
    """A part's configuration. Raises ModelError for one of more layers, or larger ones, than any SDXL model has."""
    found = read_json(file)
    for key, value in _values(found):
        most = _MOST_LAYERS if "layers" in key else _MOST_NUMBER
        if (isinstance(value, int | float) and not abs(value) <= most) or (isinstance(value, list) and len(value) > _MOST_LIST):
            raise ModelError(f"{file} is no configuration of an SDXL model: its {key[:60]} is too large. Fetch the model again.")
    return found


def check_classes(folder: Path, index: Mapping[str, Any]) -> None:
    """Raise ModelError unless the index of a pipeline names for each part a class that SDXL's has, or none."""
    for part, value in index.items():
        if not isinstance(value, list) or value == [None, None]:
            continue
        named = " ".join(map(str, value))
        if not re.fullmatch(_CLASSES.get(part, ""), named):
            raise ModelError(
                f"{folder.name} is for another pipeline: its model_index.json names {named[:80]!r} for the part {part[:40]}. "
                "Allowed are SDXL models as .safetensors, as one file or as a diffusers folder."
            )


def check_shards(part: Path) -> None:
    """Raise ModelError if an index of a part's weights leads to anything but safetensors files beside it."""
    for file in part.glob("*.safetensors.index*.json"):
        shards = read_json(file, _MOST_INDEX).get("weight_map")
        names = shards.values() if isinstance(shards, dict) else [None]
        if not all(isinstance(name, str) and re.fullmatch(r"[\w.-]+\.safetensors", name) for name in names):
            raise ModelError(
                f"{file} names weights that are no .safetensors beside it: only these are loaded. Fetch the model again."
            )


def _values(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value of a configuration, with the key that it stands under, however deep."""
    left = list(config.items())
    while left:
        key, value = left.pop()
        yield key, value
        if isinstance(value, dict):
            left += value.items()
        elif isinstance(value, list):
            left += [(key, inner) for inner in value]

"""What stands in a safetensors file's header: names, shapes and types of its tensors, and its metadata; no weight is read.

The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgx_pixels.pixels.plain_file import open_plain

_LONGEST = 10_000_000
"""Bytes of header; a whole SDXL's has 400,000, a LoRA's with much metadata some million. The safetensors library would allow ten
times as much, which takes a minute to look through."""
_MOST_NAME = 1000
"""Characters of a tensor's name; SDXL's longest has 80."""
_MOST_DIMENSIONS = 8
_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I8": 8, "U8": 8, "BOOL": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "C64": 64,
}  # fmt: skip
_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


class ModelError(ValueError):
    """A model is unknown, incomplete or damaged, or cannot draw what is asked."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the header describes it."""

    dtype: str
    """As safetensors writes it: "F16", "BF16", "F32", ..."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """The header of one file."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of this tensor, None if there is none of that name."""
        found = self.tensors.get(name)
        return found.shape if found is not None else None


def is_pickle(file: Path) -> bool:
    """Whether a file is a pickle or a zip, which PyTorch packs pickles in, by its first bytes or its name's end."""
    if file.suffix.lower() in _PICKLES:
        return True
    with open_plain(file) as f:
        start = f.read(4)
    return start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"))


def read_header(file: Path) -> Header:
    """Read a safetensors header and check it against the file's length.

    Raises ModelError, in one sentence, if the file cannot be read, is a pickle, cut short, or no safetensors file.
    """
    try:
        if is_pickle(file):
            raise ModelError(
                f"{file} is a pickle or an archive, which can run code when it is loaded: only .safetensors is loaded; "
                "get the model in that format."
            )
        return _parsed(file)
    except OSError as error:
        raise ModelError(
            f"The weights {file} cannot be read ({error.strerror or error}): check the file and its rights."
        ) from error


def _parsed(file: Path) -> Header:
    with open_plain(file) as f:
        size, length = os.fstat(f.fileno()).st_size, int.from_bytes(f.read(8), "little")
        if not 2 <= length <= min(_LONGEST, size):
            raise damaged(file)
        raw = f.read(length)
    try:
        entries = json.loads(raw, object_pairs_hook=_once)
        metadata = {str(k): str(v) for k, v in (entries.pop("__metadata__", None) or {}).items()}
        read = {name: _tensor(name, entry) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise damaged(file) from None
    spans = sorted((start, end) for _, start, end in read.values())
    ends = [0, *(end for _, end in spans)]
    if [start for start, _ in spans] != ends[:-1] or size != 8 + length + ends[-1]:
        raise damaged(file)
    return Header({name: tensor for name, (tensor, _, _) in read.items()}, metadata)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises ValueError if it has a key twice: another reader might take the other value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _tensor(name: str, entry: Any) -> tuple[TensorInfo, int, int]:  # noqa: ANN401  # whatever JSON has there
    """A tensor, and where its bytes begin and end. Raises ValueError, KeyError or TypeError if the entry is none."""
    shape, (start, end) = entry["shape"], entry["data_offsets"]
    numbers = [*shape, start, end]
    if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
        raise TypeError("a shape is a list of sizes")
    tensor = TensorInfo(str(entry["dtype"]), tuple(shape))
    if len(name) > _MOST_NAME or len(shape) > _MOST_DIMENSIONS or _bytes(tensor) not in (None, end - start):
        raise ValueError("no tensor is so")
    return tensor, start, end


def _bytes(tensor: TensorInfo) -> int | None:
    bits = _BITS.get(tensor.dtype)
    return None if bits is None else math.prod(tensor.shape) * bits // 8


def damaged(file: Path) -> ModelError:
    """What is said of a file that is no whole safetensors file."""
    return ModelError(f"{file} has damaged weights: the file is cut short or not safetensors. Fetch it again.")

"""What stands in a safetensors file's header: names, shapes and types of its tensors, and its metadata; no weight is read.

The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 100_000_000
"""Bytes of header that the safetensors library itself allows."""
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
    with file.open("rb") as f:
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
    with file.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= _LONGEST:
            raise damaged(file)
        raw = f.read(length)
    try:
        entries = json.loads(raw)
        metadata = {str(k): str(v) for k, v in (entries.pop("__metadata__", None) or {}).items()}
        spans = sorted((int(e["data_offsets"][0]), int(e["data_offsets"][1])) for e in entries.values())
        tensors = {name: TensorInfo(str(e["dtype"]), tuple(int(n) for n in e["shape"])) for name, e in entries.items()}
        whole = all(
            _bytes(t) in (None, e["data_offsets"][1] - e["data_offsets"][0])
            for t, e in zip(tensors.values(), entries.values(), strict=True)
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise damaged(file) from None
    ends = [0, *(end for _, end in spans)]
    if not whole or [start for start, _ in spans] != ends[:-1] or file.stat().st_size != 8 + length + ends[-1]:
        raise damaged(file)
    return Header(tensors, metadata)


def _bytes(tensor: TensorInfo) -> int | None:
    bits = _BITS.get(tensor.dtype)
    return None if bits is None else math.prod(tensor.shape) * bits // 8


def damaged(file: Path) -> ModelError:
    """What is said of a file that is no whole safetensors file."""
    return ModelError(f"{file} has damaged weights: the file is cut short or not safetensors. Fetch it again.")

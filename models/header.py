"""What stands in a safetensors file's header: names, shapes and types of its tensors, and its metadata; no weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open

from dgx_pixels.pixels.plain_file import open_plain

_LONGEST = 10_000_000
"""Bytes of header; a whole SDXL's has 400,000, a LoRA's with much metadata some million. The safetensors library would allow ten
times as much, which takes a gigabyte."""
_MOST_NAME = 1000
"""Characters of a tensor's name; SDXL's longest has 80."""
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
        length = int.from_bytes(f.read(8), "little")
    if _LONGEST < length < file.stat().st_size:
        raise ModelError(f"{file} has a header of {length / 1e6:.0f} MB, of which most is metadata: strip that, 10 MB are read.")
    if length > _LONGEST:
        raise damaged(file)
    try:
        with safe_open(file, framework="numpy") as opened:  # which checks the header, and that it covers the file to its end
            slices = {name: cast("Any", opened.get_slice(name)) for name in opened.keys()}  # noqa: SIM118  # it is no mapping
            tensors = {name: TensorInfo(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
            metadata = opened.metadata() or {}
    except SafetensorError as error:
        raise damaged(file) from error
    if any(len(name) > _MOST_NAME for name in tensors):
        raise damaged(file)
    return Header(tensors, metadata)


def damaged(file: Path) -> ModelError:
    """What is said of a file that is no whole safetensors file."""
    return ModelError(f"{file} has damaged weights: the file is cut short or not safetensors. Fetch it again.")

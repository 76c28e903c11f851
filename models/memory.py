"""How much memory models may still take, and what to say when it is not enough."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

_GIB = 1 << 30
_FLOOR = {"unified": 16 * _GIB, "cpu": _GIB, "cuda": _GIB // 2}
"""Bytes that must stay free. On unified memory (DGX Spark) an over-allocation does not fail, it takes the whole machine down."""


def kind(device: torch.device) -> str:
    """Where this device's memory is: "cuda" (its own), "unified" (shared with the system) or "cpu"."""
    if device.type != "cuda":
        return "cpu"
    return "unified" if torch.cuda.get_device_properties(device).is_integrated else "cuda"


def floor_bytes(device: torch.device) -> int:
    """Bytes that must stay free."""
    return _FLOOR[kind(device)]


def free_bytes(device: torch.device) -> int:
    """Bytes that can be taken before the floor is reached; below 0 if it is passed already.

    On unified memory the driver counts the page cache as used, so that the system's own `MemAvailable` is asked there.
    """
    where = kind(device)
    if where == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    else:
        free = psutil.virtual_memory().available
        if where == "unified":
            free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free) - _FLOOR[where]


def in_words(size: float) -> str:
    """A size in bytes for people: "3.4 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: said by torch, or by a library below it in its own words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("can't allocate memory", "ALLOC_FAILED", "out of memory")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def is_lost(error: BaseException) -> bool:
    """Whether the GPU's context is gone: no later work in this process can succeed."""
    if is_out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or (isinstance(error, RuntimeError) and "CUDA error" in str(error))


def cap(device: torch.device) -> None:
    """On unified memory, let torch take no more than keeps the floor as things stand: beyond that it raises OutOfMemoryError."""
    if kind(device) == "unified":
        most = torch.cuda.memory_allocated(device) + max(0, free_bytes(device))
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, most / total), device)


def memory_taken(device: torch.device) -> int:
    """The most bytes that this process has had at once: of the GPU's memory, or on a CPU of all of it."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux: nothing to go by
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def give_back(device: torch.device) -> None:
    """Return what torch keeps in reserve to the driver."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def watch_peak(device: torch.device) -> None:
    """From now on `peak_bytes` counts."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int | None:
    """The most that torch has held on the GPU since `watch_peak`, warm models included; None on a CPU, which keeps no count."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None

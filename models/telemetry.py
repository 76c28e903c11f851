"""What the GPU's driver tells of itself, asked by a thread of its own: neither drawing nor answering ever waits for it."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_QUERY = ("name", "temperature.gpu", "utilization.gpu", "power.draw", "memory.used", "memory.total")
_PATIENCE_S = 5.0
_MIB = 1 << 20


@dataclass(frozen=True)
class GpuState:
    """What the driver said last; None for what it does not tell, as memory on DGX Spark, which is the system's own."""

    name: str
    temperature_c: float | None
    utilization_percent: float | None
    power_w: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None


class GpuTelemetry:
    """Asks `nvidia-smi` every `every_s` seconds, if it is there: another process, so a driver that hangs holds up only that."""

    def __init__(self, index: int = 0, every_s: float = 10.0) -> None:
        self.latest: GpuState | None = None
        self._index = index
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-telemetry", daemon=True)

    def start(self) -> None:
        """Begin to ask; where there is no driver, nothing is asked."""
        if shutil.which("nvidia-smi") is not None:
            self._thread.start()

    def stop(self) -> None:
        """Ask no more; what is being asked is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        tells = True
        while not self._stop.is_set():
            try:
                self.latest, tells = _read(_ask(self._index)), True
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                if tells:  # once, not every few seconds
                    logger.warning("the GPU's driver does not tell how it is: %s", error)
                self.latest, tells = None, False
            self._stop.wait(self._every_s)


def allocated_bytes(device: torch.device) -> int | None:
    """Bytes of tensors on a CUDA device, None for another: what torch itself counts, without asking the driver."""
    import torch  # whoever has a device has imported it

    return torch.cuda.memory_allocated(device) if device.type == "cuda" else None


def _ask(index: int) -> str:
    command = ["nvidia-smi", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits", f"--id={index}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE_S).stdout


def _read(line: str) -> GpuState:
    """Read nvidia-smi's answer: figures, or "[N/A]" for what it does not know. Raises ValueError if it is another."""
    fields = [field.strip() for field in line.strip().split(",")]
    if len(fields) != len(_QUERY):
        raise ValueError(f"nvidia-smi answered {line!r}")
    temperature, utilization, power, used, total = (_number(field) for field in fields[1:])
    in_bytes = [int(mib * _MIB) if mib is not None else None for mib in (used, total)]
    return GpuState(fields[0], temperature, utilization, power, *in_bytes)


def _number(field: str) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None

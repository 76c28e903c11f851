"""`dgx-pixels doctor`: what this machine can do, in plain words, and what to do about each lack."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from dgx_pixels.bevy.project import ProjectError, open_project
from dgx_pixels.models.catalogue import Catalogue, ModelError, check_weights
from dgx_pixels.server.app import default_project
from dgx_pixels.server.find_server import NoServerError, is_running
from dgx_pixels.server.settings import Settings

_GIB = 2**30
_LEAST_MEMORY = 4 * _GIB
_SDXL_MEMORY = 16 * _GIB


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok` false means that something does not work until the remedy is done."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def run_doctor(settings: Settings, *, as_json: bool) -> int:
    """Print what is found; answers with 1 if anything keeps sprites from being drawn."""
    findings = examine(settings)
    if as_json:
        print(json.dumps([asdict(f) for f in findings], indent=2))
    else:
        for f in findings:
            mark = "!! " if not f.ok else "-- " if f.remedy else "ok "
            print(f"{mark} {f.what:8} {f.found}")
            if f.remedy:
                print(f"             {f.remedy}")
    return 0 if all(f.ok for f in findings) else 1


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a sprite needs."""
    device, home = _torch(settings.device), _home(settings)
    return [_python(), *device, _memory(), home, *_models(settings), _project(settings), _server(settings)]


def _python() -> Finding:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    remedy = "" if supported else "Use Python 3.11, 3.12 or 3.13."
    return Finding("python", supported, f"{platform.python_version()} on {platform.machine()}", remedy)


def _torch(device: str) -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Finding("torch", False, f"cannot be imported: {error}", "Install dgx-pixels again in a fresh environment.")]
    found = [Finding("torch", True, f"{torch.__version__}, built for CUDA {torch.version.cuda or 'none'}")]
    if not torch.cuda.is_available():
        wanted = device.startswith("cuda")
        hint = (
            "With an NVIDIA card: check that `nvidia-smi` works, and that its driver is new enough for this torch."
            if torch.version.cuda
            else "This torch has no CUDA: install the one from PyPI (on Linux it has)."
        )
        return [
            *found,
            Finding("device", not wanted, f"CPU, {os.cpu_count()} cores: tiny-sdxl draws, full SDXL is very slow", hint),
        ]
    card = torch.cuda.get_device_properties(torch.device(device if device.startswith("cuda") else "cuda"))
    unified = (
        " (memory shared with the CPU)" if getattr(card, "is_integrated", False) else f", {card.total_memory / _GIB:.0f} GiB"
    )
    return [*found, Finding("device", True, f"{card.name}, compute capability {card.major}.{card.minor}{unified}")]


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    text = f"{available / _GIB:.0f} GiB available"
    if available < _LEAST_MEMORY:
        return Finding("memory", False, text, "Close other programs: tiny-sdxl needs about 2 GiB, with room to spare.")
    return Finding("memory", True, text, "" if available >= _SDXL_MEMORY else "Full SDXL wants 16 GiB or more.")


def _home(settings: Settings) -> Finding:
    existing = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    if os.access(existing, os.W_OK):
        return Finding("home", True, str(settings.home))
    return Finding("home", False, f"{settings.home} cannot be written", "Set DGX_PIXELS_HOME to a folder that you can write.")


def _models(settings: Settings) -> list[Finding]:
    found = []
    for model in Catalogue(settings.home / "models", settings.hf_cache).bases():
        sizes = ", ".join(map(str, model.sizes))
        try:
            check_weights(model)
        except ModelError as error:
            found.append(Finding("model", False, f"{model.id} is not ready", str(error)))
        else:
            found.append(Finding("model", True, f"{model.id} draws {sizes} px ({model.licence})"))
    return found


def _project(settings: Settings) -> Finding:
    hint = "Start in your game's folder, or set DGX_PIXELS_PROJECT or --project, to have sprites published."
    path = default_project(settings)
    if path is None:
        return Finding("project", True, f"no Bevy project in or above {Path.cwd()}", hint)
    try:
        return Finding("project", True, str(open_project(path).assets))
    except ProjectError as error:
        return Finding("project", False, str(path), str(error))


def _server(settings: Settings) -> Finding:
    try:
        running = asyncio.run(is_running(settings))
    except NoServerError as error:
        return Finding("server", False, "not reachable", str(error))
    return Finding(
        "server", True, f"runs at {settings.url}" if running else "not running; `dgx-pixels stdio` starts it when needed"
    )

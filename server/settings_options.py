"""The settings in words, once for the command line and the reference; light to import, for every command reads them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Word:
    """What a field of `Settings` means, how the command line reads it, and its default where that is no constant."""

    meaning: str
    read: Callable[[str], object] = str
    default: str | None = None
    also: str = ""

    def variables(self, name: str) -> list[str]:
        """The environment variables that set it, the first of them its own."""
        return [f"DGX_PIXELS_{name.upper()}", *filter(None, [self.also])]


WORDS = {
    "home": Word("folder of library, models and logs", Path, "~/.local/share/dgx-pixels"),
    "project": Word("the Bevy project; else it is looked for from the working folder upwards", Path),
    "hf_cache": Word("Hugging Face's cache, whose SDXL models, LoRAs and VAEs are listed", Path, "~/.cache/huggingface/hub"),
    "host": Word("address the server listens on; any but this machine's own needs a token"),
    "port": Word("port the server listens on", int),
    "token": Word("bearer token that clients must send, 16 characters or more; has no option, since anybody reads those"),
    "idle_minutes": Word("a server that stdio started ends when nobody has asked it for this long", float),
    "hang_minutes": Word("a process whose GPU makes no step for this long, while it has work, says so and ends", float),
    "device": Word("where models run: auto, cpu, cuda or cuda:N"),
    "compile": Word("compile the UNet beside the drawing: on, off, or auto, which does so on CUDA"),
    "read_roots": Word("folders that tools may read pictures from besides project and library, split by ':'", default=""),
    "brp_port": Word("port on which a running game answers", int, also="BRP_EXTRAS_PORT"),
    "reload_wait_s": Word("seconds that a publish waits for the running game to show it; 0 asks no game", float),
}


def options(command: argparse.ArgumentParser) -> None:
    """Add an option for each setting to a command, below its own; for the token there is none."""
    group = command.add_argument_group("settings")
    for name, word in WORDS.items():
        if name != "token":
            variables = ", ".join(word.variables(name))
            group.add_argument(f"--{name.replace('_', '-')}", type=word.read, help=f"{word.meaning} ({variables})")

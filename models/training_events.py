"""What a training tells its parent: one JSON object a line on stdout, and nothing else there.

    {"event": "started" | "resumed", "step": 0, "total": 300}
    {"event": "caching", "done": 3, "total": 30}
    {"event": "step", "step": 12, "total": 300, "loss": 0.08, "steps_per_s": 3.1, "left_s": 93.0, "memory_bytes": 1200000000}
    {"event": "sample", "step": 100, "prompt": "a red potion", "seed": 42, "file": "/.../samples/step_000100_0.png"}
    {"event": "checkpoint", "step": 100, "file": "/.../checkpoints/step_000100/lora.safetensors"}
    {"event": "paused", "step": 130}
    {"event": "done", "step": 300, "final_loss": 0.05,
     "files": {"diffusers": "...", "kohya": "...", "card": "...", "curve": "...", "samples": ["..."]}}
    {"event": "failed", "error": "One sentence: what was wrong, and what to do."}

`step` counts finished steps. The last event is paused, done or failed, unless the process was killed. Lines may be added later:
who reads skips events it does not know.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TextIO

_EVERY_S = 0.2
"""Seconds between two events of the kinds that come often."""
_OFTEN = ("step", "caching")


class Events:
    """Writes events, some of them no more than five times a second."""

    def __init__(self, wire: TextIO) -> None:
        self._wire = wire
        self._last: dict[str, float] = {}
        self.gone = False
        """Whether nobody reads any more."""

    def tell(self, event: str, **facts: object) -> None:
        """Write one event, unless nobody reads any more."""
        now = time.monotonic()
        ends = facts.get("step", facts.get("done")) == facts.get("total")
        if event in _OFTEN and not ends and now - self._last.get(event, -_EVERY_S) < _EVERY_S:
            return
        self._last[event] = now
        try:
            self._wire.write(json.dumps({"event": event, **facts}) + "\n")
            self._wire.flush()
        except BrokenPipeError:
            self.gone = True


def own_stdout() -> TextIO:
    """Stdout for events alone: from now on, what anything else writes there goes to stderr."""
    sys.stdout.flush()
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return wire

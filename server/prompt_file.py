"""Prompts from a text file: one a line; empty lines and lines that begin with # are skipped."""

from __future__ import annotations

import sys
from pathlib import Path

from fastmcp.exceptions import ToolError

from dgx_pixels.server.own_files import read_own

_MOST_BYTES = 1 << 20


def read_prompts(file: str) -> list[str]:
    """The prompts of a file, or of stdin for "-". Raises ToolError, with one sentence, if there are none."""
    try:
        text = _stdin() if file == "-" else read_own(Path(file).expanduser(), _MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{file} is no text in UTF-8: write one prompt a line.") from error
    except OSError as error:
        raise ToolError(f"{file} cannot be read ({error.strerror}): give a text file with one prompt a line.") from error
    lines = (" ".join(line.split()) for line in text.splitlines())
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise ToolError(f"{'stdin' if file == '-' else file} has no prompts: write one a line.")
    return prompts


def _stdin() -> str:
    text = sys.stdin.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ToolError(f"stdin holds more than {_MOST_BYTES:,} characters: give fewer prompts.")
    return text

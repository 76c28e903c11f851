"""What is written beside a model: its licence, trigger words and recommended weight."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from dgx_pixels.models.training_disk import write_whole
from dgx_pixels.pixels.plain_file import read_plain
from dgx_pixels.pixels.shown import one_line

_LONGEST, _MOST_WORDS = 100, 20
"""Characters of a text of a card, and trigger words: they are strangers' words, and agents read them."""
_LONGEST_SOURCE = 300
"""It is compared, not only shown: a repository, and a commit of 40 characters."""
UNKNOWN_LICENCE = "unknown: see its page"
_MOST_NOTE = 1 << 20
_MOST_PAGE = 1 << 17
"""Bytes of a model card that are read: its head is YAML, of which a megabyte takes a minute."""


@dataclass(frozen=True)
class Card:
    """Facts about a model that its weights do not tell."""

    licence: str | None = None
    trigger_words: tuple[str, ...] = ()
    recommended_weight: float | None = None
    source: str | None = None
    """Where it was fetched from: "org/repo@revision"."""
    sha256: str | None = None


def note_of(model: Path) -> Path:
    """The JSON file with a model's card: `<stem>.json` beside a file, `dgx_pixels.json` in a folder."""
    return model / "dgx_pixels.json" if model.is_dir() else model.with_suffix(".json")


def read_card(model: Path, metadata: Mapping[str, str], page: Path | None) -> Card:
    """Gather a model's card from the note beside it, else its file's metadata, else the YAML head of its page.

    The note is ours, or A1111's ("activation text", "preferred weight"). The metadata is that of the safetensors header,
    with ModelSpec's names (https://github.com/Stability-AI/ModelSpec). The page is a model card, README.md.
    """
    note, head = _note(note_of(model)), _page(page)
    triggers = note.get("trigger_words") or note.get("activation text") or metadata.get("modelspec.trigger_phrase")
    return Card(
        licence=_text(note.get("licence")) or _text(metadata.get("modelspec.license")) or _licence(head),
        trigger_words=_words(triggers or head.get("instance_prompt")),
        recommended_weight=_weight(note.get("recommended_weight", note.get("preferred weight"))),
        source=_text(note.get("source"), _LONGEST_SOURCE),
        sha256=_text(note.get("sha256")),
    )


def write_card(model: Path, card: Card) -> None:
    """Write a model's note, in the form that `read_card` reads, whole or not at all. Raises OSError."""
    write_whole(note_of(model), (json.dumps({k: v for k, v in asdict(card).items() if v}, indent=2) + "\n").encode())


def _note(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_plain(file, _MOST_NOTE))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _page(file: Path | None) -> dict[str, Any]:
    if file is None or not file.is_file() or file.stat().st_size > _MOST_PAGE:
        return {}
    from huggingface_hub.repocard import metadata_load  # slow to import, and most models have no page

    try:
        return metadata_load(file) or {}
    except Exception:  # the YAML parser's errors are of many kinds, and a page that cannot be read says nothing
        return {}


def _licence(head: Mapping[str, Any]) -> str | None:
    named = _text(head.get("license_name")) if head.get("license") == "other" else None
    return named or _text(head.get("license"))


def _text(value: object, longest: int = _LONGEST) -> str | None:
    return one_line(value, longest) or None if isinstance(value, str) else None


def _weight(value: object) -> float | None:
    """A weight in -2 to 2; A1111 writes 0 where none is set."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -2 <= value <= 2 or value == 0:
        return None
    return float(value)


def _words(value: object) -> tuple[str, ...]:
    """The words of a list, or of a text that separates them by commas: the first 20 that are no longer than a word may be."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    words = (" ".join(part.split()) for part in parts if isinstance(part, str))
    return tuple(islice((one_line(word, _LONGEST) for word in words if 0 < len(word) <= _LONGEST), _MOST_WORDS))

"""What differs between the recipe of an original and that of its replay, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_MOST: Final = 80
"""Characters of a value that are shown."""
_DIGEST: Final = 64
_MOST_SENTENCES: Final = 30
"""Of a recipe of unknown origin, which may hold thousands of values."""


def differences(original: Mapping[str, object], replay: Mapping[str, object]) -> list[str]:
    """One sentence for each value that is not the same, weights and libraries first, at most 30; none if all are."""
    old, new = dict(_flat(original)), dict(_flat(replay))
    keys = sorted({*old, *new}, key=lambda key: (not key.startswith(("weights_sha256.", "libraries.")), key))
    other = [key for key in keys if old.get(key) != new.get(key)]
    said = [_sentence(key[:_MOST], old.get(key), new.get(key)) for key in other[:_MOST_SENTENCES]]
    return [*said, *([f"And {len(other) - len(said)} more values differ."] if len(other) > len(said) else [])]


def _flat(value: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{before}{key}.")
        else:
            yield f"{before}{key}", inner


def _sentence(key: str, old: object, new: object) -> str:
    group, _, name = key.partition(".")
    if key == "libraries.device":
        return f"It was drawn on {_shown(old)}, here on {_shown(new)}."
    if group == "libraries":
        return f"{name} was {_shown(old)}, here it is {_shown(new)}."
    if group == "weights_sha256":
        return f"The weights of {name} were {_shown(old)}, here they are {_shown(new)}."
    return f"{key} was {_shown(old)}, here it is {_shown(new)}."


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = str(value)
    return f"{text[:16]}..." if len(text) == _DIGEST else text[:_MOST]

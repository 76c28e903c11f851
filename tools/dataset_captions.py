"""What a picture is called in training: from its text file, else from names of file and folders and its measured colours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, get_args

from dgx_pixels.bevy.names import Category
from dgx_pixels.models.tiny_words import COLOURS, OTHER_WORDS

MOST_CHARACTERS: Final = 300
"""A model reads 77 tokens; more words are never seen."""
_THE_STYLE: Final = 0.6
"""Share of the pictures above which a measured colour is not said: it belongs to the style, and is learnt with the trigger."""
_FEW: Final = 5
_COLOUR_WORDS: Final = frozenset({*COLOURS, *(word for words in OTHER_WORDS.values() for word in words), "gray"})
_NAMELESS: Final = frozenset({
    "img", "image", "images", "pic", "picture", "pictures", "photo", "photos", "sprite", "sprites", "sheet", "sheets",
    "spritesheet", "tileset", "tilesets", "frame", "frames", "new", "old", "final", "copy", "untitled", "export", "exports",
    "asset", "assets", "texture", "textures", "art", "pixel", "pixelart", "pixels", "test", "tmp", "temp", "download",
    "downloads", "dataset", "data", "train", "training", "png", "px", "var", "variant", "version", "idx", "no", "the", "an",
    "and", "of", "resources", "graphics", "gfx", "misc", "other", "winner", "winners",
})  # fmt: skip
"""Words in names that say nothing of what is seen."""
_CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
_SAID: Final = ("tile", "background")
"""Categories that are said in a caption, since one sees them."""


def from_text(text: str, trigger: str) -> str:
    """A caption as its author wrote it: in one line, without the trigger in front, of at most 300 characters in whole words."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if trigger and line.lower().startswith(trigger.lower()) and not line[len(trigger) : len(trigger) + 1].isalnum():
        line = line[len(trigger) :].lstrip(" ,.:;")
    if len(line) <= MOST_CHARACTERS:
        return line
    return line[: MOST_CHARACTERS + 1].rpartition(" ")[0] or line[:MOST_CHARACTERS]


def named_category(stem: str, folders: Sequence[str]) -> Category | None:
    """The category that a file's name begins with, as ours do, else the nearest folder's; None if none is named."""
    first = _words(stem)[:1]
    said = [_singular(word) for word in (*first, *(w for folder in reversed(folders) for w in _words(folder)))]
    return next((category for word in said for category in _CATEGORIES if word == category), None)


def from_names(stem: str, folders: Sequence[str], root: str = "") -> str:
    """What the names say that a picture shows, in lower case; "" if nothing. `folders`, below the `root`, are outermost first.

    Numbers, variants and empty words are left out, and a category in front. The nearest folder's name, as one of its
    things, follows as the noun; the root's is used only where nothing else says anything.
    """
    words = _words(stem)
    category = _singular(words[0]) if words and _singular(words[0]) in _CATEGORIES else ""
    words = [w for w in words[1 if category else 0 :] if w not in _NAMELESS] or ([category] if category in _SAID else [])
    if category in _SAID and category not in words:
        words.append(category)
    noun = next((n for folder in reversed(folders) if (n := _noun(folder))), "")
    if noun and not set(noun.split()) & {*words, *(_singular(w) for w in words)}:
        words += noun.split()
    return " ".join(words) or _noun(root)


def colour_in(trigger: str) -> str:
    """A colour's name that a trigger has in it, and that a model would draw without having learnt anything; "" if none."""
    words = set(trigger.lower().split())
    found = (c for c in COLOURS if c in words or (len(c) > len("red") and c in trigger.lower()))
    return next(found, "")


def style_colours(measured: Sequence[Sequence[str]]) -> frozenset[str]:
    """The colours that so many pictures show that they are the style, of each picture's one or two."""
    counts = Counter(colour for colours in measured for colour in set(colours))
    return frozenset(c for c, n in counts.items() if len(measured) >= _FEW and n > _THE_STYLE * len(measured))


def with_colours(words: str, measured: Iterable[str], style: frozenset[str]) -> str:
    """A caption from names and colours: "a red potion". A colour in the words stands for those that were measured."""
    said = " ".join(words.split())
    if not set(said.split()) & _COLOUR_WORDS:
        said = " ".join([*(" and ".join(c for c in measured if c not in style).split()), said or "sprite"])
    if said.endswith("s") and not said.endswith("ss"):
        return said
    return f"an {said}" if said[0] in "aeiou" else f"a {said}"


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.findall(r"[^\W\d_]+", parted.lower()) if len(word) > 1 or not word.isascii()]


def _noun(folder: str) -> str:
    """A folder's name as one of what is in it, "" if that says nothing."""
    words = [w for w in _words(folder) if w not in _NAMELESS]
    if not words or (len(words) == 1 and _singular(words[0]) in _CATEGORIES):
        return ""
    return " ".join([*words[:-1], _singular(words[-1])])


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word

"""Words for tiny-sdxl's training pictures: which colours a picture shows, and the many ways to ask for it."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "grey", "black", "brown")
OTHER_WORDS = {
    "red": ("crimson", "scarlet", "ruby", "blood red"),
    "orange": ("amber", "fiery"),
    "yellow": ("gold", "golden", "gold", "golden", "lemon"),
    "green": ("emerald", "lime", "jade", "poison green"),
    "cyan": ("turquoise", "teal", "aqua"),
    "blue": ("azure", "sapphire", "navy"),
    "purple": ("violet", "lilac", "amethyst"),
    "pink": ("rose", "rosy"),
    "white": ("pale", "ivory", "snowy", "snow white"),
    "grey": ("gray", "silver", "steel", "iron", "gray", "silver"),
    "black": ("dark", "ebony", "obsidian", "jet black"),
    "brown": ("wooden", "leather", "bronze", "rusty"),
}
"""What people also call a colour."""
# Bounds of hue in degrees, from red round to red.
_HUES = (
    (14, "red"),
    (42, "orange"),
    (68, "yellow"),
    (160, "green"),
    (196, "cyan"),
    (256, "blue"),
    (298, "purple"),
    (346, "pink"),
)
_SAID_OF_ANYTHING = (
    "magic", "magical", "ancient", "old", "new", "shiny", "cursed", "enchanted", "mysterious", "simple", "fancy", "epic", "cute",
    "evil", "scary", "strong", "mighty", "legendary", "rare", "common", "medieval", "fantasy", "beautiful", "detailed", "retro",
    "cool", "nice", "little", "small", "big", "large", "huge", "tiny", "heavy", "glowing", "royal", "holy", "wild", "angry",
    "happy", "mystic", "elegant", "broken", "dirty", "clean", "strange", "lucky", "deadly", "powerful", "sleepy",
)  # fmt: skip
"""Words that change nothing in the pictures we have: learnt beside any of them, they do no harm."""
_ENDINGS = ("pixel art", "game item", "game asset", "icon", "rpg", "16-bit", "on a plain background", "for a game", "top quality")
_TAIL_LINKS = ("of", "of the", "of a", "for a", "for the", "from the", "to the", "with a", "with", "on the", "in the")
_TAIL_THINGS = (
    "castle", "forest", "dungeon", "king", "queen", "night", "moon", "sun", "winter", "autumn", "healing", "power", "fire", "ice",
    "life", "death", "light", "mountain", "village", "long beard", "hilt", "jewel", "horns", "wings", "handle", "clear water",
    "legend", "old man", "war", "wisdom", "north", "house", "market", "sea", "gods", "hero", "bandages", "wheels", "lid",
    "garden",
)  # fmt: skip
"""What follows a thing as a rule does not change it: the first noun is what is asked for."""
_COLOUR_WORDS = {
    *COLOURS, *(w for words in OTHER_WORDS.values() for w in words), "light", "cobalt", "magenta", "tan", "copper", "brass",
    "lightred", "lightblue", "lightgreen", "lightcyan", "lightgray", "lightmagenta", "darkgray", "plaid",
    "azure", "ice", "frozen",
}  # fmt: skip
_NOISE = {
    "urand", "spwpn", "misc", "art", "ego", "artefact", "inert", "quad", "left", "right", "middle", "up", "down", "vgate",
    "dngn", "mons", "melee", "of", "the", "and", "gem", "base", "form", "statue_form", "dd", "dk", "hand", "item", "gone",
    "enter", "exit", "full", "mix", "dirt-mix", "floor", "wall", "tile", "small", "large", "lab", "cloud", "block", "unused",
    "generic", "unknown",
}  # fmt: skip
_HIDDEN_NAMES = re.compile(
    r"item/(potion|ring|amulet|book|scroll|staff|wand|rod|gold)/|shields/|mon/(unique|panlord|vault)/|dngn/(altars|gateways|trees)/|artefact/"
)
"""Folders whose file names say what a thing does in the game, not what is seen."""


def further_words(path: str, nouns: tuple[str, ...]) -> tuple[str, ...]:
    """Words of a tile's file name that may be said beside its noun, without colours (those come from its pixels)."""
    if _HIDDEN_NAMES.search(path):
        return ()
    stem = path.rsplit("/", 1)[-1].removesuffix(".png").lower()
    said = {w for noun in nouns for w in noun.split()}
    words = [w for w in re.split(r"[^a-z]+", stem) if len(w) > 2 and w not in _NOISE and w not in _COLOUR_WORDS]
    return tuple(dict.fromkeys(w for w in words if w not in said))


def pixel_colours(rgb: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The index into `COLOURS` of each pixel; shape (..., 3) in, (...) out."""
    x = rgb.astype(np.float32) / 255
    value, low = x.max(-1), x.min(-1)
    chroma = value - low
    safe = np.where(chroma == 0, 1, chroma)
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    hue = np.where(value == r, (g - b) / safe % 6, np.where(value == g, (b - r) / safe + 2, (r - g) / safe + 4)) * 60
    names = [name for _, name in _HUES] + ["red"]
    wheel = np.array([COLOURS.index(n) for n in names], np.int8)
    out = wheel[np.searchsorted([bound for bound, _ in _HUES], hue, side="right")]
    saturation = chroma / np.maximum(value, 1e-6)
    rosy = ((hue < 14) | (hue >= 346)) & (value > 0.75) & (saturation < 0.5)
    out = np.where(rosy, COLOURS.index("pink"), out)
    warm = (hue >= 14) & (hue < 48)
    out = np.where(warm & (value < 0.68), COLOURS.index("brown"), out)
    grey = np.where(value > 0.78, COLOURS.index("white"), COLOURS.index("grey"))
    out = np.where(saturation < 0.2, grey, out)
    return np.where(value < 0.18, COLOURS.index("black"), out).astype(np.int8)


def colour_shares(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much of the opaque pixels shows each of `COLOURS`, summing to 1; outlines and shading (black, grey) count for less."""
    counts = np.bincount(pixel_colours(rgb)[opaque], minlength=len(COLOURS)).astype(np.float64)
    counts[[COLOURS.index("grey"), COLOURS.index("white")]] *= 0.5
    counts[COLOURS.index("black")] *= 0.3
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1)
    return shares


def dominant_colours(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> tuple[str, ...]:
    """One or two colour names that the opaque pixels show most. `rgb` is (h, w, 3), 0 to 255, `opaque` (h, w)."""
    share = colour_shares(rgb, opaque)
    order = np.argsort(-share, kind="stable")
    return tuple(COLOURS[i] for i in order[:2] if share[i] > 0.27) or (COLOURS[order[0]],)


def caption(
    nouns: tuple[str, ...], extra: tuple[str, ...], colours: tuple[str, ...], natural: bool, others: Sequence[str],
    rng: random.Random,
) -> str:  # fmt: skip
    """One way to ask for a picture: words left out, reordered and dressed as people do.

    `natural` pictures show a thing in the colours that it was drawn in, and may be asked for without naming them. Only they
    are learnt without any words, "", so that guidance leads to the thing and not away from the colours of all copies.
    `others` are nouns of any things, which may follow ("a shield for a knight").
    """
    if natural and rng.random() < 0.25:
        return ""
    noun = rng.choice(nouns)
    if not noun.endswith("s") and rng.random() < 0.06:
        noun = _plural(noun)
    unsaid = natural and rng.random() < 0.6
    named = [] if unsaid else [_called(c, rng) for c in (colours if rng.random() < 0.35 else colours[:1])]
    more = [w for w in extra if rng.random() < 0.6 and w not in noun.split()]
    more += [rng.choice(_SAID_OF_ANYTHING)] if rng.random() < 0.2 else []
    more += [_no_word(rng)] if rng.random() < 0.04 else []
    rng.shuffle(more)
    if named and rng.random() < 0.15:
        link = rng.choice(("in", "that is", "which is", "coloured", ","))
        text = " ".join([*more, noun, link, " and ".join(named)])
    elif more and rng.random() < 0.1:
        text = " ".join([*named, noun, "with", *more])
    else:
        said = [" and ".join(named)] if named else []
        text = " ".join([*more, *said, noun] if rng.random() < 0.3 else [*said, *more, noun])
    text += _tail(others, rng) if rng.random() < 0.15 else ""
    first = rng.random()
    text = f"a {text}" if first < 0.35 else f"the {text}" if first < 0.4 else f"an {text}" if first < 0.43 else text
    return text + (", " + rng.choice(_ENDINGS) if rng.random() < 0.15 else " sprite" if rng.random() < 0.05 else "")


def _called(colour: str, rng: random.Random) -> str:
    return rng.choice(OTHER_WORDS[colour]) if rng.random() < 0.25 else colour


def _plural(noun: str) -> str:
    """The plural of a thing; of what has an odd one, or none, the word as it is."""
    if noun.split()[-1] in ("money", "gold", "fish", "gloves", "man", "woman", "human", "mouse", "knife", "wolf", "thief", "elf"):
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("ch", "sh", "x")) else "s")


def _tail(others: Sequence[str], rng: random.Random) -> str:
    colour = f"{_called(rng.choice(COLOURS), rng)} " if rng.random() < 0.25 else ""
    thing = rng.choice(others if rng.random() < 0.4 else _TAIL_THINGS)
    return f" {rng.choice(_TAIL_LINKS)} {colour}{thing}"


def _no_word(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 8)))

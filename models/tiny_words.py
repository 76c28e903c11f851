"""Words for tiny-sdxl's training pictures: what a tile's path says, and which colours it shows.

The tiles are Dungeon Crawl's (CC0); their folders and file names are terse ("item/weapon/hand_axe2.png"), so a table turns
each folder into the words a person would use. A row's `weight` says how often its tiles are drawn in training: things that
people ask for come more often than the 300 near-equal floors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Kind:
    """One folder of tiles: its path prefix, its nouns (any one of them names the thing), and how it is used."""

    prefix: str
    nouns: tuple[str, ...]
    weight: float
    named: bool = True
    """Whether file names say what is seen ("apple") rather than what it does in the game ("ambrosia")."""
    glass: bool = False
    """Whether see-through pixels inside the outline are glass, to be drawn as such."""
    fills: bool = False
    """Whether the picture fills its square (floors and walls)."""


# The first row whose prefix fits wins; tiles that fit none are left out.
KINDS = (
    Kind("item/potion/", ("potion", "potion", "flask", "bottle"), 6, named=False, glass=True),
    Kind("item/weapon/ranged/", ("weapon",), 3),
    Kind("item/weapon/artefact/", ("weapon",), 2),
    Kind("item/weapon/", ("weapon",), 7),
    Kind("item/armour/headgear/", ("helmet", "hat", "helm"), 2),
    Kind("item/armour/shields/", ("shield",), 3, named=False),
    Kind("item/armour/artefact/", ("armour",), 1),
    Kind("item/armour/bardings/", ("armour",), 0.3),
    Kind("item/armour/", ("armour", "armor"), 4),
    Kind("item/ring/", ("ring",), 1.5, named=False),
    Kind("item/amulet/", ("amulet", "necklace", "pendant"), 2, named=False),
    Kind("item/book/", ("book", "book", "tome"), 3, named=False),
    Kind("item/scroll/", ("scroll",), 2, named=False),
    Kind("item/staff/", ("staff",), 2, named=False),
    Kind("item/wand/", ("wand",), 2, named=False),
    Kind("item/rod/", ("rod", "staff"), 1, named=False),
    Kind("item/food/", ("food",), 3),
    Kind("item/gold/", ("gold coins", "coins", "gold"), 1.5, named=False),
    Kind("item/misc/", ("item",), 2),
    Kind("mon/dragons/", ("dragon",), 2.5),
    Kind("mon/draco/", ("dragon man",), 0.7),
    Kind("mon/undead/skeletons/", ("skeleton",), 2.5),
    Kind("mon/undead/zombies/", ("zombie",), 1),
    Kind("mon/undead/spectrals/", ("ghost",), 0.7),
    Kind("mon/undead/simulacra/", ("ice monster",), 0.3),
    Kind("mon/undead/", ("undead", "monster"), 2),
    Kind("mon/animals/", ("animal",), 4),
    Kind("mon/demons/", ("demon",), 3),
    Kind("mon/panlord/", ("demon lord",), 0.6, named=False),
    Kind("mon/eyes/", ("floating eye", "eye"), 0.7),
    Kind("mon/fungi_plants/", ("plant",), 1),
    Kind("mon/nonliving/", ("golem", "elemental", "monster"), 2),
    Kind("mon/statues/", ("statue",), 1),
    Kind("mon/amorphous/", ("slime", "jelly", "blob"), 1.2),
    Kind("mon/holy/", ("angel",), 0.6),
    Kind("mon/aquatic/", ("fish",), 0.5),
    Kind("mon/unique/", ("character", "hero"), 3, named=False),
    Kind("mon/vault/", ("character",), 1),
    Kind("mon/tentacles/", (), 0),
    Kind("mon/", ("monster", "character"), 6),
    Kind("dngn/doors/", ("door",), 2),
    Kind("dngn/altars/", ("altar",), 1.2, named=False),
    Kind("dngn/gateways/", ("gateway", "portal", "stairs"), 1, named=False),
    Kind("dngn/statues/", ("statue",), 1.5),
    Kind("dngn/trees/", ("tree",), 2, named=False),
    Kind("dngn/traps/", ("trap",), 0.5),
    Kind("dngn/floor/grass/", ("grass floor", "grass", "grass tile"), 1.5, named=False, fills=True),
    Kind("dngn/floor/sigils/", (), 0),
    Kind("dngn/floor/", ("floor", "ground", "floor tile"), 4, fills=True),
    Kind("dngn/wall/abyss/", ("wall",), 0.3, named=False, fills=True),
    Kind("dngn/wall/", ("wall", "wall tile"), 5, fills=True),
    Kind("dngn/water/", ("water", "water tile"), 0.8, named=False, fills=True),
    Kind("dngn/vaults/", (), 0),
    Kind("dngn/shops/", (), 0),
    Kind("dngn/", ("fountain",), 1.5),
)

# File names that are icons, edges, overlays or game-internal pieces rather than things.
_LEFT_OUT = re.compile(
    r"(^|/)i-|/brands/|chunk_brands|/runes/|sigil|shadow_|domino|overlay|_(n|e|s|w|ne|nw|se|sw)\d*\.png|pedestal|transparent"
    r"|unseen|tutorial|cage|mesh|_water\.png|orifice|bars_|teleporter"
)

# What a maker's name shows to somebody who does not know the game; the noun is added and the rest of the name stays.
_MEANS = {
    "sword": "sword", "falchion": "sword", "scimitar": "sword", "rapier": "sword", "dagger": "dagger", "axe": "axe",
    "mace": "mace", "morningstar": "mace", "eveningstar": "mace", "flail": "flail", "club": "club", "spear": "spear",
    "trident": "spear", "scythe": "scythe", "quarterstaff": "staff", "halberd": "axe", "glaive": "spear", "bow": "bow",
    "longbow": "bow", "crossbow": "crossbow", "whip": "whip", "bullwhip": "whip", "arrow": "arrow", "robe": "robe",
    "cloak": "cloak", "boots": "boots", "glove": "gloves", "mail": "chain mail", "plate": "plate armour", "hat": "hat",
    "helmet": "helmet", "cap": "hat", "crown": "crown", "shield": "shield", "fountain": "fountain", "orc": "orc",
    "goblin": "goblin", "wizard": "wizard", "mage": "wizard", "sorcerer": "wizard", "conjurer": "wizard", "knight": "knight",
    "spider": "spider", "wolf": "wolf", "hound": "dog", "dog": "dog", "snake": "snake", "rat": "rat", "bat": "bat",
    "ghost": "ghost", "wraith": "ghost", "jelly": "slime", "slime": "slime", "ooze": "slime", "golem": "golem",
    "brick": "brick", "stone": "stone", "rock": "stone", "crystal": "crystal", "metal": "metal", "marble": "marble",
    "sand": "sand", "sandstone": "sand", "dirt": "dirt", "mud": "dirt", "ice": "ice", "frozen": "ice", "volcanic": "lava",
    "lava": "lava", "pebble": "stone", "cobble": "stone", "limestone": "stone", "grass": "grass", "moss": "grass",
    "orb": "orb", "lantern": "lantern", "lamp": "lamp", "box": "chest", "mummy": "mummy", "vampire": "vampire",
    "lich": "lich", "giant": "giant", "troll": "troll", "ogre": "ogre", "elf": "elf", "dwarf": "dwarf",
}  # fmt: skip
_NOISE = {
    "urand", "spwpn", "misc", "art", "ego", "artefact", "new", "old", "inert", "quad", "left", "right", "middle", "up", "down",
    "closed", "runed", "sealed", "vgate", "dngn", "mons", "melee", "a", "b", "c", "d", "of", "the", "and",
}  # fmt: skip

# Bounds of hue in degrees, from red round to red.
_HUES = (
    (14, "red"),
    (42, "orange"),
    (68, "yellow"),
    (160, "green"),
    (196, "cyan"),
    (256, "blue"),
    (296, "purple"),
    (342, "pink"),
)
OTHER_WORDS = {
    "red": ("crimson", "scarlet"),
    "yellow": ("gold", "golden"),
    "green": ("emerald",),
    "cyan": ("turquoise",),
    "blue": ("azure",),
    "purple": ("violet",),
    "grey": ("gray", "silver"),
    "brown": ("wooden",),
    "white": ("pale",),
    "black": ("dark",),
}
"""What people also call a colour."""
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "grey", "black", "brown")
_COLOUR_WORDS = {
    *COLOURS,
    "gray",
    "gold",
    "golden",
    "silver",
    "dark",
    "light",
    "ruby",
    "emerald",
    "cobalt",
    "magenta",
    "ice",
    "frozen",
}


@dataclass(frozen=True)
class Description:
    """What may be said of one tile: its nouns, and further words from its file name."""

    nouns: tuple[str, ...]
    extra: tuple[str, ...]


def kind_of(path: str) -> Kind | None:
    """The row of `KINDS` for a tile's path below the release's folder, or None if the tile is left out."""
    if _LEFT_OUT.search(path):
        return None
    kind = next((k for k in KINDS if path.startswith(k.prefix)), None)
    return kind if kind is not None and kind.weight > 0 else None


def describe(path: str, kind: Kind) -> Description:
    """Nouns and further words of a tile at `path`, without colours (those come from its pixels)."""
    stem = path.rsplit("/", 1)[-1].removesuffix(".png").lower()
    words = [w for w in re.split(r"[^a-z]+", stem) if len(w) > 1 and w not in _NOISE]
    if not kind.named:
        return Description(kind.nouns, ())
    meant = tuple(dict.fromkeys(m for w in words for key, m in _MEANS.items() if w == key or w == key + "s" or w.endswith(key)))
    words = [w for w in words if w not in _COLOUR_WORDS]
    if kind.fills or kind.prefix.startswith(("dngn/doors/", "mon/dragons", "mon/undead/skel", "mon/undead/zom")):
        return Description(kind.nouns, (*meant, *words))
    return Description(meant or kind.nouns, tuple(w for w in words if w not in meant))


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
    warm = (hue >= 14) & (hue < 48)
    out = np.where(warm & (value < 0.68), COLOURS.index("brown"), out)
    grey = np.where(value > 0.78, COLOURS.index("white"), COLOURS.index("grey"))
    out = np.where(saturation < 0.2, grey, out)
    return np.where(value < 0.18, COLOURS.index("black"), out).astype(np.int8)


def dominant_colours(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> tuple[str, ...]:
    """One or two colour names that the opaque pixels show most; outlines and shading (black, grey) count for less."""
    counts = np.bincount(pixel_colours(rgb)[opaque], minlength=len(COLOURS)).astype(np.float64)
    counts[[COLOURS.index("grey"), COLOURS.index("white")]] *= 0.5
    counts[COLOURS.index("black")] *= 0.3
    order = np.argsort(-counts, kind="stable")
    share = counts / max(counts.sum(), 1)
    return tuple(COLOURS[i] for i in order[:2] if share[i] > 0.27) or (COLOURS[order[0]],)

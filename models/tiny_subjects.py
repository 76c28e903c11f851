"""What tiny-sdxl can be asked for: its subjects, each with the words a person would use.

A subject's `weight` says how often it is drawn in training: things that people ask for come as often as each other, however
many pictures show them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One thing that can be asked for: the words that name it (a repeated word is said more often), and how it is drawn."""

    nouns: tuple[str, ...]
    weight: float = 1.0
    glass: bool = False
    """Whether see-through pixels inside the outline are glass, to be drawn as such."""
    fills: bool = False
    """Whether the picture fills its square (floors and walls)."""

    @property
    def name(self) -> str:
        """The plain word for it."""
        return self.nouns[0]


def _floor(*nouns: str, weight: float = 0.5) -> Subject:
    return Subject(nouns, weight, fills=True)


SUBJECTS = {
    "potion": Subject(("potion", "potion", "potion", "flask", "bottle", "vial", "elixir"), 1.2, glass=True),
    "sword": Subject(("sword", "sword", "sword", "blade"), 1.2),
    "dagger": Subject(("dagger", "knife"), 0.5),
    "axe": Subject(("axe", "axe", "axe", "hatchet", "battle axe")),
    "mace": Subject(("mace", "morning star"), 0.5),
    "flail": Subject(("flail",), 0.2),
    "club": Subject(("club", "cudgel"), 0.2),
    "hammer": Subject(("hammer", "warhammer"), 0.3),
    "spear": Subject(("spear", "spear", "lance", "polearm", "trident"), 0.5),
    "halberd": Subject(("halberd", "polearm"), 0.2),
    "scythe": Subject(("scythe", "sickle"), 0.2),
    "whip": Subject(("whip",), 0.15),
    "sling": Subject(("sling",), 0.1),
    "crossbow": Subject(("crossbow",), 0.3),
    "bow": Subject(("bow", "bow", "longbow")),
    "arrow": Subject(("arrow",), 0.3),
    "boomerang": Subject(("tomahawk",), 0.1),
    "staff": Subject(("staff", "staff", "stave", "sceptre", "quarterstaff"), 0.8),
    "wand": Subject(("wand", "wand", "magic wand"), 0.8),
    "rod": Subject(("rod", "staff", "wand"), 0.4),
    "shield": Subject(("shield", "shield", "shield", "buckler"), 1.2),
    "helmet": Subject(("helmet", "helmet", "helm"), 1.2),
    "hat": Subject(("hat", "cap"), 0.3),
    "robe": Subject(("robe", "robe", "gown", "tunic"), 1.2),
    "cloak": Subject(("cloak", "cape"), 0.4),
    "boots": Subject(("boots", "shoes"), 0.4),
    "gloves": Subject(("gloves", "gauntlets"), 0.4),
    "armour": Subject(("armour", "armor", "chest plate", "mail"), 0.7),
    "hide": Subject(("hide", "animal skin", "pelt"), 0.2),
    "ring": Subject(("ring", "ring", "ring", "band"), 1.2),
    "amulet": Subject(("amulet", "amulet", "necklace", "pendant")),
    "book": Subject(("book", "book", "book", "tome", "spellbook", "grimoire")),
    "scroll": Subject(("scroll", "scroll", "parchment")),
    "food": Subject(("food", "meal"), 1.0),
    "coins": Subject(("coins", "gold coins", "gold", "money", "treasure", "coin")),
    "gem": Subject(("gem", "gem", "jewel", "gemstone", "crystal", "diamond")),
    "key": Subject(("key", "key", "key", "door key"), 1.6),
    "chest": Subject(("chest", "chest", "treasure chest", "box", "crate"), 1.6),
    "heart": Subject(("heart",), 0.4),
    "orb": Subject(("orb", "crystal ball", "sphere"), 0.4),
    "lantern": Subject(("lantern", "lamp"), 0.2),
    "item": Subject(("item", "thing"), 0.3),
    "dragon": Subject(("dragon", "dragon", "dragon", "wyrm", "drake"), 1.8),
    "hydra": Subject(("hydra",), 0.3),
    "lizard man": Subject(("lizard man", "lizard folk"), 0.4),
    "skeleton": Subject(("skeleton", "skeleton", "skeleton", "bones"), 1.6),
    "skeleton of": Subject(("skeleton animal", "bone creature"), 0.4),
    "skull": Subject(("skull",), 0.2),
    "spider": Subject(("spider", "spider", "tarantula"), 1.5),
    "orc": Subject(("orc", "orc", "orc", "orc warrior"), 1.6),
    "demon": Subject(("demon", "demon", "demon", "devil", "fiend"), 1.8),
    "imp": Subject(("imp", "demon"), 0.3),
    "slime": Subject(("slime", "slime", "slime", "jelly", "ooze", "blob"), 1.5),
    "ghost": Subject(("ghost", "ghost", "ghost", "spirit", "phantom", "wraith", "spectre"), 1.5),
    "wizard": Subject(("wizard", "wizard", "wizard", "mage", "sorcerer", "magician", "witch"), 1.6),
    "knight": Subject(("knight", "knight", "knight", "paladin", "soldier"), 1.6),
    "archer": Subject(("archer", "ranger", "hunter"), 0.4),
    "thief": Subject(("thief", "rogue", "assassin", "ninja"), 0.4),
    "king": Subject(("king", "king", "emperor"), 0.4),
    "queen": Subject(("queen", "princess"), 0.3),
    "priest": Subject(("priest", "monk", "cleric"), 0.4),
    "barbarian": Subject(("barbarian", "warrior", "fighter"), 0.4),
    "peasant": Subject(("man", "villager", "peasant", "human"), 0.3),
    "woman": Subject(("woman", "girl", "villager"), 0.3),
    "dwarf": Subject(("dwarf",), 0.5),
    "elf": Subject(("elf",), 0.5),
    "goblin": Subject(("goblin", "kobold"), 0.4),
    "troll": Subject(("troll", "ogre"), 0.4),
    "giant": Subject(("giant",), 0.4),
    "minotaur": Subject(("minotaur",), 0.2),
    "centaur": Subject(("centaur",), 0.3),
    "naga": Subject(("naga", "snake man"), 0.3),
    "mermaid": Subject(("mermaid", "merman"), 0.2),
    "vampire": Subject(("vampire",), 0.4),
    "mummy": Subject(("mummy",), 0.3),
    "zombie": Subject(("zombie", "ghoul", "undead"), 0.6),
    "lich": Subject(("lich", "undead"), 0.3),
    "angel": Subject(("angel",), 0.4),
    "golem": Subject(("golem",), 0.5),
    "fire elemental": Subject(("fire elemental", "fire", "flames"), 0.3),
    "elemental": Subject(("elemental",), 0.2),
    "eye": Subject(("floating eye", "eye", "eyeball"), 0.4),
    "mushroom": Subject(("mushroom", "toadstool"), 0.3),
    "plant": Subject(("plant", "bush"), 0.4),
    "wolf": Subject(("wolf", "dog", "hound"), 0.8),
    "cat": Subject(("cat", "kitten"), 0.4),
    "snake": Subject(("snake", "snake", "serpent"), 0.6),
    "bat": Subject(("bat",), 0.4),
    "bee": Subject(("bee", "wasp"), 0.3),
    "butterfly": Subject(("butterfly", "moth"), 0.4),
    "frog": Subject(("frog", "toad"), 0.4),
    "turtle": Subject(("turtle",), 0.2),
    "scorpion": Subject(("scorpion",), 0.2),
    "ant": Subject(("ant", "insect"), 0.2),
    "beetle": Subject(("beetle", "bug", "cockroach"), 0.2),
    "bear": Subject(("bear",), 0.3),
    "pig": Subject(("pig", "hog", "boar"), 0.3),
    "rat": Subject(("rat", "mouse"), 0.3),
    "crab": Subject(("crab",), 0.2),
    "fish": Subject(("fish",), 0.2),
    "bird": Subject(("bird", "raven", "phoenix"), 0.2),
    "elephant": Subject(("elephant",), 0.2),
    "lizard": Subject(("lizard", "crocodile"), 0.3),
    "worm": Subject(("worm", "leech"), 0.2),
    "animal": Subject(("animal", "beast"), 0.4),
    "hero": Subject(("character", "hero", "person"), 0.8),
    "monster": Subject(("monster", "creature", "enemy"), 1.0),
    "door": Subject(("door", "door", "door", "gate")),
    "altar": Subject(("altar", "altar", "shrine"), 1.2),
    "statue": Subject(("statue", "statue", "sculpture", "idol"), 1.3),
    "column": Subject(("column", "pillar"), 0.3),
    "tree": Subject(("tree", "tree", "tree", "oak"), 1.2),
    "fountain": Subject(("fountain", "fountain", "well"), 1.2),
    "portal": Subject(("portal", "gateway"), 0.4),
    "stairs": Subject(("stairs", "staircase"), 0.2),
    "trap": Subject(("trap",), 0.2),
    "cloud": Subject(("cloud", "smoke"), 0.3),
    "flame": Subject(("flame", "fire", "fireball"), 0.4),
    "tornado": Subject(("tornado", "whirlwind"), 0.1),
    "grass": _floor("grass", "grass floor", "grass tile", "meadow", weight=0.8),
    "dirt": _floor("dirt floor", "dirt", "mud", "earth ground", "dirt path"),
    "sand": _floor("sand", "sand floor", "desert sand", "sandy ground"),
    "lava": _floor("lava", "lava floor", "magma", "lava tile"),
    "water": _floor("water", "water tile", "sea", "ocean"),
    "ice": _floor("ice floor", "ice", "snow", "frozen ground"),
    "stone floor": _floor("stone floor", "cobblestone", "stone tile", "stone", "rock floor", weight=0.8),
    "marble floor": _floor("marble floor", "marble", weight=0.3),
    "crystal floor": _floor("crystal floor", weight=0.15),
    "mosaic floor": _floor("mosaic floor", "tiled floor", weight=0.3),
    "wood floor": _floor("wood floor", "wooden floor", "wood planks", "wooden planks"),
    "floor": _floor("floor", "ground", "floor tile", weight=0.7),
    "brick wall": _floor("brick wall", "brick wall", "bricks", "brick", weight=0.8),
    "stone wall": _floor("stone wall", "stone wall", "rock wall", "stone", weight=0.8),
    "wood wall": _floor("wooden wall", "wood wall", "plank wall"),
    "ice wall": _floor("ice wall", "crystal wall", weight=0.5),
    "lava wall": _floor("lava wall", "volcanic wall", weight=0.2),
    "metal wall": _floor("metal wall", "iron wall", weight=0.3),
    "marble wall": _floor("marble wall", weight=0.2),
    "sand wall": _floor("sandstone wall", "sand wall", weight=0.3),
    "wall": _floor("wall", "wall tile", weight=0.7),
}

"""Training pictures of people for tiny-sdxl, dressed from the release's paper dolls (its folder `player/`)."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from PIL import Image

Read = Callable[[str], Image.Image]
"""From a path below the release's folder to its RGBA picture of 32x32."""


_SETS = {
    "*swords": "long_sword_slant broadsword great_sword heavy_sword short_sword scimitar",
    "*axes": "axe_double battleaxe broad_axe war_axe hand_axe club mace flail",
    "*staves": "staff_ rod_ quarterstaff great_staff",
    "*metal": "half_plate bplate_ plate_ armour_blue_gold metal_blue mesh_black leather_metal dragonarm_",
    "*leather": "leather_ jacket animal_skin green_chain",
    "*plain": "shirt_ vest_ susp_ jacket",
    "*shields": "shield_ lshield_ buckler_",
    "*legs": "pants_ trouser_ leg_armour",
}
_OUTFITS = """
knight: 90
    cloak - - red blue white
    base human_m human_f
    legs leg_armour metal_
    boots middle_gray mesh_
    body *metal
    gloves - gauntlet glove_gray
    hand1 *swords mace lance
    hand2 *shields shield_knight -
    head fhelm_ helm_plume helm_red iron_red full_gold helm_green chain
wizard: 90
    cloak - - blue magenta gray
    base human_ human_ elf_ gnome_ dwarf_
    body robe_ robe_ gandalf_g saruman
    hand1 *staves
    hand2 - - misc/book_ misc/fire_
    head wizard_
orc: 60
    cloak - - brown
    base lorc_
    legs *legs loincloth
    body - *leather plate_black
    boots - middle_brown
    hand1 *axes scimitar spear
    hand2 - - *shields
    head - - horned helm_gimli iron_red
archer: 25
    cloak - brown
    base human_ elf_
    legs pants_
    body *leather legolas
    boots middle_brown short_brown
    hand1 bow great_bow hand_crossbow
    head - hood_green feather_ cap_
thief: 25
    cloak - black gray
    base human_ halfling_ kobold_
    legs pants_black pants_brown
    body shirt_black leather_ coat_black
    hand1 dagger knife short_sword
    head ninja_black hood_ band_
king: 25
    cloak red magenta blue
    base human_m dwarf_m
    body robe_red_gold robe_black_gold robe_purple robe_white
    hand1 - sceptre sword_
    head crown_gold
queen: 20
    cloak - red white
    base human_f elf_f
    body dress_ robe_white robe_red_gold arwen
    hair fem_
    head crown_gold
priest: 25
    base human_ dwarf_
    body robe_white monk_ robe_brown robe_gray
    hand1 - mace staff_plain quarterstaff
    hand2 - misc/book_
    head - hood_white healer hood_ybrown
barbarian: 25
    base human_m dwarf_m
    legs loincloth pants_short pants_brown
    body - animal_skin leather_short
    boots middle_brown
    hand1 *axes great_sword
    head - viking_ horned bear
dwarf: 30
    base dwarf_m deep_dwarf_m
    legs *legs
    body *metal *leather
    boots middle_
    hand1 *axes
    hand2 - *shields
    head - viking_ helm_ cone_
elf: 25
    cloak - cyan white
    base elf_ deep_elf_
    legs pants_
    body *plain leather_green robe_green
    boots middle_
    hand1 - bow rapier staff_
goblin: 20
    base kobold_ kobold2_
    legs - loincloth pants_short
    body - leather_short vest_
    hand1 club dagger spear knife
peasant: 25
    base human_m halfling_m gnome_m
    legs pants_
    body *plain
    boots middle_brown short_
    hand1 - - fork pick_axe stick
    head - - straw cap_
woman: 25
    base human_f halfling_f
    legs skirt_
    body *plain dress_
    hair fem_ pigtail ponytail brown
    boots - short_
lizard man: 25
    base draconian_
    hand1 - spear trident scimitar
    body - leather_
centaur: 15
    base centaur_
    body *plain *leather
    hand1 bow spear lance
naga: 15
    base naga_
    body - *leather
    hand1 - trident staff_
mummy: 8
    base mummy_
    hand1 - staff_mummy
vampire: 12
    cloak black red
    base vampire_
    body robe_black coat_black robe_red china_red
zombie: 8
    base ghoul
    legs - pants_brown pants_short
    body - bloody
demon: 20
    base demonspawn_
    legs - loincloth
    hand1 trident_demon staff_evil whip -
    hand2 - misc/fire_
minotaur: 12
    base minotaur_
    hand1 battleaxe axe_double -
    body - leather_
"""
"""What people of each subject may wear: how many to make, then the layers from back to front, each with the beginnings of the
names that it is picked from; "-" is nothing, "*" a set of `_SETS`."""


def people(names: Sequence[str], read: Read, seed: int = 0) -> list[tuple[str, Image.Image]]:
    """Every outfit's people: subject and RGBA picture of 32x32. `names` are all paths of the release, in a fixed order."""
    rng = random.Random(seed)
    found = []
    for block in re.split(r"\n(?=\S)", _OUTFITS.strip()):
        title, *layers = block.splitlines()
        subject, count = title.split(": ")
        for _ in range(int(count)):
            picture = Image.new("RGBA", (32, 32))
            for line in layers:
                layer, *choices = " ".join(_SETS.get(word, word) for word in line.split()).split()
                choice = rng.choice(choices)
                prefix = f"player/{layer}/{choice}"
                parts = [n for n in names if n.startswith(prefix) and "/" not in n.removeprefix(prefix)]
                if parts:
                    picture.alpha_composite(read(rng.choice(parts)))
            found.append((subject, picture))
    return found

"""What each tile of the release shows: from its path to one of tiny-sdxl's subjects.

The tiles are Dungeon Crawl's (CC0); their folders and file names are terse ("item/weapon/hand_axe2.png").
"""

from __future__ import annotations

import re

from dgx_pixels.models.tiny_subjects import SUBJECTS, Subject

# The first pattern that is found in the path wins; tiles that fit none are left out.
_PATTERNS = tuple(
    (re.compile(pattern), subject)
    for pattern, subject in (
        (r"^item/potion/", "potion"),
        (r"dngn/statues/crumbled|obelisk|pillar", "column"),
        (r"dngn/statues/|mon/statues/.*statue|spooky_statue|snail_statue|elephant_jade|golden_statue|vault/.*statue"
         r"|transform/statue_form", "statue"),
        (r"^item/(staff|rod)/.*sceptre|spwpn_(majin|staff|sceptre|wucad)|quarterstaff|staff_mummy|^item/staff/", "staff"),
        (r"^item/wand/", "wand"),
        (r"^item/rod/", "rod"),
        (r"weapon.*(arbalest|crossbow|sniper)", "crossbow"),
        (r"weapon.*(longbow|shortbow|storm_bow|krishna)", "bow"),
        (r"weapon.*(tomahawk)", "boomerang"),
        (r"weapon.*sling\d?\.", "sling"),
        (r"weapon.*(axe|trog|arga)", "axe"),
        (r"weapon.*(dagger|knife|tooth)", "dagger"),
        (r"weapon.*(sword|falchion|scimitar|rapier|claymore|cutlass|katana|blade|chilly|flaming|bloodbane|zonguldrok)", "sword"),
        (r"weapon.*(morningstar|eveningstar|mace|skullcrusher)", "mace"),
        (r"weapon.*flail", "flail"),
        (r"weapon.*(club|shillelagh)", "club"),
        (r"weapon.*hammer", "hammer"),
        (r"weapon.*(spear|trident|octopus_king|prune|wyrmbane)", "spear"),
        (r"weapon.*(halberd|bardiche)", "halberd"),
        (r"weapon.*(scythe|finisher)", "scythe"),
        (r"weapon.*(whip|snakebite)", "whip"),
        (r"^effect/(arrow|javelin|poison_arrow|stone_arrow)", "arrow"),
        (r"^effect/cloud_(fire|forest)|^effect/flame", "flame"),
        (r"^effect/cloud_", "cloud"),
        (r"^effect/tornado", "tornado"),
        (r"armour/shields|armour/.*(buckler|shield)|urand_(bullseye|resistance|ignorance)", "shield"),
        (r"headgear/(hat|cap)|armour/(cap|cornuthaum)|urand_(pondering|bear)", "hat"),
        (r"armour/headgear|armour/.*helm|urand_(dragonmask|war|high_council)", "helmet"),
        (r"armour/.*(robe|clouds|misfortune|folly|night|augmentation|zhor|vines)", "robe"),
        (r"armour/.*(cloak|starlight|flash|thief|ratskin|dragonskin)", "cloak"),
        (r"armour/.*boot|urand_assassin", "boots"),
        (r"armour/.*(glove|gauntlet)|urand_(fencer)", "gloves"),
        (r"armour/(animal_skin|.*_hide)", "hide"),
        (r"armour/bardings", ""),
        (r"^(item|UNUSED)/armour/", "armour"),
        (r"^item/ring/", "ring"),
        (r"^item/amulet/", "amulet"),
        (r"^item/book/", "book"),
        (r"^item/scroll/", "scroll"),
        (r"/food/", "food"),
        (r"^item/gold/", "coins"),
        (r"misc_orb", "orb"),
        (r"misc_(lamp|lantern)|magic_lamp", "lantern"),
        (r"^item/misc/misc_(box|phantom|quad)", ""),
        (r"^item/misc/misc_", "item"),
        (r"bone_dragon|undead/skeletons/skeleton_(?!humanoid)", "skeleton of"),
        (r"skeleton_humanoid|skeletal_warrior", "skeleton"),
        (r"flying_skull|murray", "skull"),
        (r"spectrals/|simulacra/.*(small|large)|/(ghost|hungry_ghost|flayed_ghost|missing_ghost|phantom|phantasmal|shadow_wraith"
         r"|silent_spectre|lost_soul|eidolon|drowned_soul|shadow|vapour|insubstantial_wisp)\.", "ghost"),
        (r"undead/simulacra", "monster"),
        (r"dragons/hydra|lernaean_hydra", "hydra"),
        (r"mon/dragons/|transform/dragon_form|eastern_dragon|forest_drake|holy_dragon|serpent_of_hell|xtahua", "dragon"),
        (r"mon/draco/draco-base|tiamat", "lizard man"),
        (r"mon/draco/", ""),
        (r"animals/(spider|jumping_spider|orb_spider|redback|tarantella|trapdoor_spider|wolf_spider)", "spider"),
        (r"mon/orc|blork_the_orc|unique/(urug|saint_roka|nergalle)", "orc"),
        (r"imp\.|quasit|ufetubus", "imp"),
        (r"mon/demons/|unique/(asmodeus|cerebov|dispater|geryon|ereshkigal|ignacio)|mon/demonspawn/", "demon"),
        (r"panlord", ""),
        (r"mon/amorphous|royal_jelly|unique/dissolution|giant_amoeba", "slime"),
        (r"(vampire_mage|vampire\.|jory)", "vampire"),
        (r"(knight|paladin|vault_(guard|sentinel|warden)|ironheart|unique/(donald|mennas|rupert))", "knight"),
        (r"(mage|wizard|sorcerer|conjurer|necromancer|demonologist|summoner|annihilator|enchant|druid|mystic"
         r"|unique/(boris|erolcha|eustachio|fannar|josephine|kirke))", "wizard"),
        (r"archer|sharpshooter|unique/nessos", "archer"),
        (r"priest|shaman|preserver|convoker|ritualist", "priest"),
        (r"dwarf|unique/(wiglaf|jorgrun)", "dwarf"),
        (r"mon/(elf|deep_elf)", "elf"),
        (r"goblin|kobold|boggart|unique/ijyb", "goblin"),
        (r"troll|ogre|unique/(purgy|snorg)|ettin", "troll"),
        (r"giant\.|titan|cyclops|juggernaut|polyphemus|iron_giant", "giant"),
        (r"yaktaur|minotaur", "minotaur"),
        (r"naga|vashnia|lamia", "naga"),
        (r"merfolk|siren|nymph|ilsuiw", "mermaid"),
        (r"mummy|jiangshi", "mummy"),
        (r"lich", "lich"),
        (r"zombies/|ghoul|necrophage|bog_body|wight|revenant|rotting|crawling_corpse", "zombie"),
        (r"mon/holy/(angel|cherub|daeva|seraph)|mennas|michael|profane_servitor", "angel"),
        (r"golem|guardian_golem|crystal_guardian|ushabti", "golem"),
        (r"fire_elemental|fire_vortex|orb_of_fire", "fire elemental"),
        (r"elemental\.", "elemental"),
        (r"mon/eyes/", "eye"),
        (r"deathcap|wandering_mushroom|mushroom_form", "mushroom"),
        (r"tree_form|treant|dngn/trees/", "tree"),
        (r"mon/fungi_plants/|thorn_lotus", "plant"),
        (r"wolf\.|hound|jackal|war_dog|raiju", "wolf"),
        (r"felids/cat|unique/natasha", "cat"),
        (r"adder|anaconda|python|mamba|viper|moccasin|sea_snake|serpent|lava_snake|aizul", "snake"),
        (r"bat\.", "bat"),
        (r"beetle|cockroach", "beetle"),
        (r"_bee|wasp|firefly|midge|mosquito", "bee"),
        (r"butterfly|moth", "butterfly"),
        (r"frog|prince_ribbit", "frog"),
        (r"turtle", "turtle"),
        (r"scorpion", "scorpion"),
        (r"_ant\.", "ant"),
        (r"bear\.", "bear"),
        (r"hog|swine|pig_form", "pig"),
        (r"quokka|labrat", "rat"),
        (r"crab", "crab"),
        (r"fish\.|shark|eel|goldfish", "fish"),
        (r"raven|phoenix|shrike", "bird"),
        (r"elephant\.|elephant_d", "elephant"),
        (r"iguana|newt|alligator_baby|basilisk", "lizard"),
        (r"worm|leech|centipede", "worm"),
        (r"mon/(statues|tentacles|sprint|abyss)/", ""),
        (r"mon/animals/", "animal"),
        (r"mon/unique/|killer_klown|mon/(human|halfling|slave)|gnome", "hero"),
        (r"^(mon|UNUSED/monsters)/", "monster"),
        (r"dngn/doors/.*(gate|door)", "door"),
        (r"dngn/altars/|features/altar", "altar"),
        (r"dngn/[a-z]+_fountain", "fountain"),
        (r"stair", "stairs"),
        (r"gateways/.*(gone|used|expired)", ""),
        (r"dngn/gateways/", "portal"),
        (r"dngn/traps/", "trap"),
        (r"features/lava", "lava"),
        (r"floor/(grass/grass[\d_]*(full|flowers_\w+\d|\d)\.|grass\.|moss)", "grass"),
        (r"floor/grass/", ""),
        (r"floor/(dirt\d|dirt_full|grey_dirt\d|mud|swamp|bog)", "dirt"),
        (r"floor/sand\d|sandstone_floor", "sand"),
        (r"floor/(volcanic|infernal)", "lava"),
        (r"water/(deep_water\d?|shallow_water\d?|shoals_deep_water\d+|shoals_shallow_water\d+)\.", "water"),
        (r"dngn/water/", ""),
        (r"floor/(ice|frozen)\d", "ice"),
        (r"floor/(cobble|pebble|rect|etched|limestone|lair|tomb|crypt\d)", "stone floor"),
        (r"floor/(marble|white_marble)", "marble floor"),
        (r"floor/crystal", "crystal floor"),
        (r"floor/(mosaic|labyrinth)", "mosaic floor"),
        (r"floor/(dirt|grey_dirt|sigil|slime|pedestal|mesh)", ""),
        (r"dngn/floor/", "floor"),
        (r"wall/brick", "brick wall"),
        (r"wall/crystal_wall|wall/emerald", "ice wall"),
        (r"wall/(volcanic|hell)", "lava wall"),
        (r"wall/(lab-metal|metal|silver|mirrored)", "metal wall"),
        (r"wall/marble", "marble wall"),
        (r"wall/sandstone", "sand wall"),
        (r"wall/(stone|cobalt|lab-stone|lab-rock|catacombs|tomb|undead|vault|relief|church|lair|orc|pebble|snake)", "stone wall"),
        (r"dngn/wall/", "wall"),
    )
)  # fmt: skip

# File names that are icons, edges, overlays or game-internal pieces rather than things.
_LEFT_OUT = re.compile(
    r"(^|/)i-|/brands/|chunk|/runes/|sigil|shadow_[ensw]|domino|overlay|_(n|e|s|w|ne|nw|se|sw)\d*\.png|pedestal|transparent"
    r"|unseen|tutorial|cage|mesh|_water\.png|orifice|bars_|teleporter|statue_base|/spells?|^gui/|^misc/|wall/abyss|shield_(draco|goblin)|^player/(?!transform|felids)"
)


def subject_of(path: str) -> Subject | None:
    """What the tile at this path below the release's folder shows, or None if the tile is left out."""
    if _LEFT_OUT.search(path) and not path.startswith("dngn/water/"):
        return None
    found = next((name for pattern, name in _PATTERNS if pattern.search(path)), "")
    return SUBJECTS[found] if found else None

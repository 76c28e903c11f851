"""Training pictures that the tile release lacks, drawn by rule in its style: keys, gems, chests, rings, hearts and planks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
SIDE = 32
_BLACK = (12, 10, 14)
_METALS: tuple[Colour, ...] = ((226, 178, 40), (184, 188, 196), (176, 112, 50), (120, 124, 132), (236, 214, 120))
_STONES: tuple[Colour, ...] = (
    (220, 30, 40),
    (40, 90, 230),
    (30, 180, 60),
    (170, 50, 220),
    (60, 210, 220),
    (240, 200, 40),
    (240, 240, 250),
)
_WOODS: tuple[Colour, ...] = ((130, 80, 36), (104, 62, 30), (156, 104, 54), (88, 56, 32), (142, 96, 60))


def _tone(colour: Colour, factor: float) -> Colour:
    """Lighter (above 1, towards white) or darker."""
    if factor <= 1:
        return tuple(round(c * factor) for c in colour)  # type: ignore[return-value]  # three in, three out
    return tuple(round(c + (255 - c) * min(factor - 1, 1)) for c in colour)  # type: ignore[return-value]


def _outlined(picture: Image.Image, rng: random.Random) -> Image.Image:
    """With a dark line around it, and sometimes a shadow to the lower right, as the release's items have."""
    alpha = np.pad(np.array(picture)[..., 3] > 127, 1)
    grown = alpha[1:-1, :-2] | alpha[1:-1, 2:] | alpha[:-2, 1:-1] | alpha[2:, 1:-1]
    under = Image.new("RGBA", picture.size)
    if rng.random() < 0.5:
        shade = np.roll(alpha[1:-1, 1:-1] | grown, (2, 3), (0, 1))
        under.paste((0, 0, 0, 255), mask=Image.fromarray((shade * 255).astype(np.uint8)))
    under.paste((*_BLACK, 255), mask=Image.fromarray((grown * 255).astype(np.uint8)))
    under.alpha_composite(picture)
    return under


def _turned(picture: Image.Image, degrees: float) -> Image.Image:
    return picture.rotate(degrees, Image.Resampling.NEAREST)


def key(rng: random.Random) -> Image.Image:
    """A key: bow, shaft and one to three teeth, level, upright or aslant."""
    metal = rng.choice(_METALS)
    light, dark = _tone(metal, 1.45), _tone(metal, 0.6)
    big = Image.new("RGBA", (SIDE, SIDE))
    d = ImageDraw.Draw(big)
    radius, thick, y = rng.choice((4, 5, 6)), rng.choice((2, 3)), 15
    end = rng.randint(24, 28)
    x = 3 + radius
    shape = rng.choice(("ring", "ring", "square", "trefoil"))
    if shape == "square":
        d.rectangle((x - radius, y - radius, x + radius, y + radius), outline=metal, width=thick)
        d.line((x - radius, y - radius, x + radius, y - radius), fill=light)
    elif shape == "trefoil":
        for dx, dy in ((-2, -3), (-2, 4), (-4, 0)):
            d.ellipse((x + dx - 3, y + dy - 3, x + dx + 3, y + dy + 3), outline=metal, width=2)
    else:
        d.ellipse((x - radius, y - radius, x + radius, y + radius), outline=metal, width=thick)
        d.arc((x - radius, y - radius, x + radius, y + radius), 180, 300, fill=light)
    start = x + radius if shape != "trefoil" else x
    d.rectangle((start, y - 1, end, y + thick - 2), fill=metal)
    d.line((start, y - 1, end, y - 1), fill=light)
    for i in range(rng.randint(1, 3)):
        left = end - 1 - 3 * i
        d.rectangle((left, y + thick - 2, left + 1, y + thick + rng.randint(2, 4)), fill=dark if i % 2 else metal)
    return _outlined(_turned(big, rng.choice((0, 0, 90, 270, 45, 45, 315, 180))), rng)


def gem(rng: random.Random) -> Image.Image:
    """A cut stone seen from the side, from above, or as a crystal, each facet in its own tone."""
    stone = rng.choice(_STONES)
    picture = Image.new("RGBA", (SIDE, SIDE))
    d = ImageDraw.Draw(picture)
    cut = rng.choice(("brilliant", "brilliant", "round", "emerald", "crystal"))
    w, h = rng.randint(9, 12), rng.randint(9, 12)
    cx, cy = 16, 16
    if cut == "brilliant":
        top, mid, low = cy - h + 3, cy - h // 4, cy + h
        xs = [cx - w, cx - w // 3, cx + w // 3, cx + w]
        inner = w * 2 // 3
        d.polygon([(cx - inner, top), (cx + inner, top), (cx + w, mid), (cx, low), (cx - w, mid)], fill=stone)
        for i, tone in enumerate((1.3, 0.95, 0.65)):
            d.polygon([(xs[i], mid), (xs[i + 1], mid), (cx, low)], fill=_tone(stone, tone))
        d.polygon([(cx - inner, top), (xs[1], mid), (xs[0], mid)], fill=_tone(stone, 1.5))
        d.polygon([(cx - inner, top), (cx + inner, top), (xs[2], mid), (xs[1], mid)], fill=_tone(stone, 1.65))
        d.polygon([(cx + inner, top), (xs[2], mid), (xs[3], mid)], fill=_tone(stone, 0.85))
    elif cut == "crystal":
        for dx, height, tone in ((-6, 8, 0.8), (6, 7, 0.65), (0, 12, 1.0)):
            x, base = cx + dx, cy + 10
            d.polygon([(x - 4, base - height), (x, base - height - 8), (x, base), (x - 4, base)], fill=_tone(stone, tone + 0.4))
            d.polygon([(x + 4, base - height), (x, base - height - 8), (x, base), (x + 4, base)], fill=_tone(stone, tone * 0.75))
    else:
        sides = 8 if cut == "round" else 4
        turn = math.pi / 8 if cut == "round" else math.pi / 4
        ring = [
            (cx + w * math.cos(turn + i * math.tau / sides), cy + h * math.sin(turn + i * math.tau / sides)) for i in range(sides)
        ]
        core = [(cx + (x - cx) * 0.5, cy + (y - cy) * 0.5) for x, y in ring]
        for i in range(sides):
            j = (i + 1) % sides
            away = math.cos(turn + (i + 0.5) * math.tau / sides - math.radians(225))
            d.polygon([ring[i], ring[j], core[j], core[i]], fill=_tone(stone, 0.95 + 0.45 * away))
        d.polygon(core, fill=_tone(stone, 1.25))
    gleam = cx - w // 3, cy - h // 2
    d.rectangle((*gleam, gleam[0] + 1, gleam[1] + 1), fill=(255, 255, 255))
    return _outlined(picture, rng)


def chest(rng: random.Random) -> Image.Image:
    """A wooden box with a lid and metal bands, closed or open."""
    wood, metal = rng.choice(_WOODS), rng.choice(_METALS)
    picture = Image.new("RGBA", (SIDE, SIDE))
    d = ImageDraw.Draw(picture)
    left, right = rng.randint(3, 6), rng.randint(25, 28)
    top, middle, low = rng.randint(6, 9), rng.randint(14, 16), rng.randint(25, 28)
    opened = rng.random() < 0.3
    d.rectangle((left, middle, right, low), fill=wood)
    for y in range(middle + 3, low, 4):
        d.line((left, y, right, y), fill=_tone(wood, 0.7))
    d.line((left, low, right, low), fill=_tone(wood, 0.55))
    if opened:
        d.polygon([(left + 1, top), (right - 1, top), (right, middle - 3), (left, middle - 3)], fill=_tone(wood, 0.75))
        d.rectangle((left, middle - 3, right, middle), fill=(40, 26, 16))
        for _ in range(14):
            x = rng.randint(left + 2, right - 3)
            d.rectangle((x, middle - 3, x + 1, middle - 2), fill=rng.choice(((240, 200, 60), (255, 236, 140), (200, 150, 30))))
    else:
        d.rounded_rectangle((left, top, right, middle + 2), 4, fill=_tone(wood, 1.12))
        d.rectangle((left, middle - 1, right, middle + 2), fill=_tone(wood, 0.8))
        d.line((left + 3, top + 1, right - 3, top + 1), fill=_tone(wood, 1.35))
        d.line((left, middle, right, middle), fill=_tone(metal, 0.8))
    for x in (left, right - 2, *((left + 7, right - 9) if rng.random() < 0.5 else ())):
        d.rectangle((x, top + 2, x + 2, low), fill=metal)
        d.line((x, top + 2, x, low), fill=_tone(metal, 1.4))
    d.rectangle((15, middle - 1, 17, middle + 4), fill=_tone(metal, 1.3))
    d.point((16, middle + 2), fill=_BLACK)
    return _outlined(picture, rng)


def ring(rng: random.Random) -> Image.Image:
    """A finger ring, seen from the front or aslant, plain or with a stone."""
    metal, stone = rng.choice(_METALS), rng.choice(_STONES)
    picture = Image.new("RGBA", (SIDE, SIDE))
    d = ImageDraw.Draw(picture)
    w, h, thick = rng.randint(8, 10), rng.randint(6, 10), rng.choice((2, 3, 3))
    cx, cy = 16, 18
    box = (cx - w, cy - h, cx + w, cy + h)
    d.ellipse(box, outline=metal, width=thick)
    d.arc(box, 160, 280, fill=_tone(metal, 1.55), width=1)
    d.arc(box, 0, 110, fill=_tone(metal, 0.6), width=2)
    if rng.random() < 0.75:
        r = rng.choice((2, 3, 4))
        d.ellipse((cx - r, cy - h - r, cx + r, cy - h + r), fill=stone)
        d.point((cx - r // 2, cy - h - r // 2), fill=(255, 255, 255))
        d.arc((cx - r, cy - h - r, cx + r, cy - h + r), 0, 120, fill=_tone(stone, 0.6))
    return _outlined(_turned(picture, rng.choice((0, 0, 0, 30, -30))), rng)


def heart(rng: random.Random) -> Image.Image:
    """A heart with a gleam."""
    tint = rng.choice(_STONES[:1] * 4 + _STONES)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    scale = rng.uniform(9.0, 11.5)
    u, v = (x - 15.5) / scale, (15.0 - y) / scale
    inside = (u * u + v * v - 1) ** 3 - u * u * v**3 <= 0
    shade = 1.15 - 0.35 * (u - v + 1)
    rgb = np.clip(np.array(tint) * shade[..., None], 0, 255)
    rgba = np.dstack([rgb, inside * 255]).astype(np.uint8)
    picture = Image.fromarray(rgba)
    ImageDraw.Draw(picture).ellipse((9, 9, 12, 12), fill=_tone(tint, 1.8))
    return _outlined(picture, rng)


def planks(rng: random.Random) -> Image.Image:
    """Boards that fill the square and go on over its edges, lying or standing."""
    wood = rng.choice(_WOODS)
    rgb = np.zeros((SIDE, SIDE, 3), np.float32)
    wide = rng.choice((4, 8, 8, 16))
    for top in range(0, SIDE, wide):
        tone = rng.uniform(0.85, 1.15)
        grain = np.cumsum([[rng.uniform(-1, 1) for _ in range(SIDE)] for _ in range(wide)], axis=0) * 0.03
        board = np.clip(tone + grain, 0.5, 1.5)
        board[-1] *= 0.55
        board[0] *= 1.15
        joint = rng.randrange(SIDE)
        board[:, joint] *= 0.6
        for nail in (joint - 2, (joint + 2) % SIDE):
            board[wide // 2, nail] *= 0.6
        rgb[top : top + wide] = np.array(wood, np.float32) * board[..., None]
    if rng.random() < 0.5:
        rgb = rgb.transpose(1, 0, 2)
    full = np.full((SIDE, SIDE, 1), 255, np.float32)
    return Image.fromarray(np.concatenate([np.clip(rgb, 0, 255), full], -1).astype(np.uint8))


_DRAWN: tuple[tuple[str, int, Callable[[random.Random], Image.Image]], ...] = (
    ("key", 60, key), ("gem", 60, gem), ("chest", 50, chest), ("ring", 60, ring), ("heart", 20, heart),
    ("wood floor", 25, planks), ("wood wall", 25, planks),
)  # fmt: skip


def drawn(seed: int = 0) -> list[tuple[str, Image.Image]]:
    """All drawn pictures: subject and RGBA picture of 32x32."""
    rng = random.Random(seed)
    return [(subject, draw(rng)) for subject, count, draw in _DRAWN for _ in range(count)]

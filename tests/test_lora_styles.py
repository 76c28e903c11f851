"""The measures of benchmarks/lora.py see the styles that they are for, and hardly see them in sprites of other styles."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from datasets import tiles

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from lora_styles import STYLES, edge_share, handheld, outlined, palette_share, second_share

from dgx_pixels.models.tiny_words import COLOURS


def test_each_style_is_whole_in_its_own_sprites_and_not_in_others() -> None:
    """What is promised to rise is 1 in each sprite of its style, and lower by more than its margin in sprites as drawn."""
    art = tiles(60)
    for style in STYLES:
        for what, measure, margin in style.measures:
            assert margin is None or all(measure(style.made(rgba)) == 1 for rgba in art), what
            assert np.mean([measure(rgba) for rgba in art]) < 1 - (margin or 0), what


def test_one_style_is_not_taken_for_the_other() -> None:
    """Dark ink has no green hue; the four greens have dark edges only where the sprite had them."""
    art = tiles(60)
    assert np.mean([palette_share(outlined(rgba)) for rgba in art]) < 0.1
    assert np.mean([second_share(handheld(rgba)) for rgba in art]) < 0.5
    assert edge_share(np.zeros((32, 32, 4), np.uint8)) == 0


def test_no_trigger_holds_a_colour() -> None:
    """What the base model knows by itself is not learnt."""
    assert not [style.trigger for style in STYLES if any(colour in style.trigger for colour in COLOURS)]

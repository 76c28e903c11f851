"""Names of assets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgx_pixels.bevy.names import AssetNameError, check_name, name_from_prompt, sprite_path


@pytest.mark.parametrize("name", ["a", "red_potion", "hero2", "v", "x_v", "hero_12345", "a" * 48])
def test_good_names_pass_unchanged(name: str) -> None:
    """A name of allowed letters is used as it is."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Red Potion", "red_potion"),
        ("../../etc/passwd", "etc_passwd"),
        ("sprites/hero", "sprites_hero"),
        ("2d_hero", "hero"),
        ("", "sprite_e3b0c4"),
        ("hero.png", "hero_png"),
        ("hero\n", "hero"),
        ("größe", "grosse"),
        ("x" * 49, "x" * 48),
        ("hero_v2", "hero"),
        ("hero_0001", "hero"),
        ("v2", "sprite_fb04dc"),
    ],
)
def test_bad_names_are_refused_with_a_good_one(name: str, suggestion: str) -> None:
    """A refused name comes with one that would pass."""
    with pytest.raises(AssetNameError, match=f"try '{suggestion}'"):
        check_name(name)
    assert check_name(suggestion) == suggestion


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red potion!", "red_potion"),
        ("the Wizard's hat", "wizards_hat"),
        ("Épée brisée", "epee_brisee"),
        ("3 gold coins", "gold_coins"),
        ("hero v2 0001", "hero"),
        ("v7", "sprite_22a706"),
        ("剣", "sprite_49849a"),
        ("a small round wooden shield with an iron rim and a painted lion", "small_round_wooden_shield_with_iron_rim_and"),
    ],
)
def test_a_prompt_becomes_a_readable_name(prompt: str, name: str) -> None:
    """Words stay whole, articles go, other alphabets are transliterated where they can be."""
    assert name_from_prompt(prompt) == name


@given(st.text())
def test_every_prompt_becomes_an_allowed_name(prompt: str) -> None:
    """No prompt, however odd, yields a name that would be refused."""
    check_name(name_from_prompt(prompt))


def test_variants_are_numbered_only_if_there_are_several() -> None:
    """One sprite has a plain path; several count from v1."""
    assert sprite_path("item", "red_potion", 1, 1) == "sprites/item_red_potion.png"
    assert [sprite_path("item", "red_potion", n, 2) for n in (1, 2)] == [
        "sprites/item_red_potion_v1.png",
        "sprites/item_red_potion_v2.png",
    ]


@pytest.mark.parametrize(("name", "variant"), [("ok", 0), ("ok", 3), ("../x", 1)])
def test_no_path_without_a_good_name_and_variant(name: str, variant: int) -> None:
    """A path is made only of checked parts."""
    with pytest.raises(AssetNameError):
        sprite_path("item", name, variant, 2)

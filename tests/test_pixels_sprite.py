"""The whole chain, PNGs, previews and checks."""

from dataclasses import FrozenInstanceError
from io import BytesIO
from typing import TypedDict, Unpack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.pixels.checks import Check, check_sprite
from dgx_pixels.pixels.palette import Palette, read_palette
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.pixels.preview import contact_sheet, on_checkerboard, preview_png
from dgx_pixels.pixels.sprite import Sprite, decode_png, encode_png, make_sprite

KEY = (255, 0, 255)


class Asked(TypedDict):
    """What a sprite is checked against."""

    width: int
    height: int
    colors: int
    palette: Palette | None
    transparent: bool


class Changes(TypedDict, total=False):
    """What differs from the usual request."""

    width: int
    height: int
    colors: int
    palette: Palette | None
    transparent: bool


def render(seed: int = 0, side: int = 16, scale: int = 4) -> NDArray[np.uint8]:
    """Draw a shaded square on a slightly noisy key, enlarged."""
    rng = np.random.default_rng(seed)
    true = np.full((side, side, 3), KEY)
    true[4:12, 4:12] = rng.integers(0, 200, (8, 8, 3)) * (1, 1, 0)
    true = np.clip(true + rng.integers(-3, 4, true.shape), 0, 255).astype(np.uint8)
    return true.repeat(scale, 0).repeat(scale, 1)


def checked(sprite: Sprite, **asked: Unpack[Changes]) -> dict[str, Check]:
    """Check a sprite against a usual request, changed by `asked`."""
    usual: Asked = {"width": 16, "height": 16, "colors": 8, "palette": None, "transparent": True}
    return check_sprite(sprite, **(usual | asked))


def opened(png: bytes) -> NDArray[np.uint8]:
    """Read a PNG's pixels as RGB."""
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


@given(st.integers(0, 2**32 - 1), st.integers(2, 16), st.booleans(), st.sampled_from([None, "pico-8", "game-boy"]))
def test_a_sprite_keeps_its_promises(seed: int, colors: int, transparent: bool, name: str | None) -> None:
    """Any render gives a sprite with binary alpha, nothing under it, few colours, and only the palette's."""
    palette = None if name is None else read_palette(name)
    sprite = make_sprite(render(seed), 16, 16, colors=colors, palette=palette, transparent=transparent, ground=KEY)
    alpha = sprite.rgba[..., 3]
    assert set(np.unique(alpha).tolist()) <= ({0, 255} if transparent else {255})
    assert not sprite.rgba[alpha == 0].any()
    found = {tuple(color) for color in sprite.rgba[alpha > 0][:, :3].tolist()}
    assert found == set(sprite.palette)
    assert len(found) <= colors
    assert palette is None or found <= set(palette)


def test_the_subject_is_cut_out() -> None:
    """The square stays and the key goes, except where transparency was not asked for."""
    cut = make_sprite(render(), 16, 16, ground=KEY)
    assert (cut.rgba[4:12, 4:12, 3] == 255).all()
    assert (cut.rgba[..., 3] > 0).sum() == 64
    assert (make_sprite(render(), 16, 16, transparent=False).rgba[..., 3] == 255).all()


def test_far_specks_go_and_near_sparks_stay() -> None:
    """A stray pixel far from the subject is dropped, one beside it is kept."""
    large = np.full((32, 32, 3), KEY, dtype=np.uint8)
    large[4:14, 4:14] = (30, 120, 60)
    large[30, 30] = large[6, 16] = (240, 240, 80)
    alpha = make_sprite(large, 32, 32, ground=KEY).rgba[..., 3]
    assert alpha[6, 16] == 255
    assert alpha[30, 30] == 0


def test_a_sprite_is_a_frozen_value() -> None:
    """Neither the sprite nor its pixels change, whatever becomes of the array it was made from."""
    pixels = np.full((2, 2, 4), 255, dtype=np.uint8)
    sprite = Sprite(pixels, ((255, 255, 255),))
    pixels[:] = 0
    assert (sprite.rgba == 255).all()
    with pytest.raises(ValueError, match="read-only"):
        sprite.rgba[0, 0] = 0
    with pytest.raises(FrozenInstanceError):
        sprite.palette = ()  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValueError, match="array of bytes"):
        Sprite(np.zeros((2, 2, 3), dtype=np.uint8), ())


def test_png_and_back() -> None:
    """A PNG gives the same sprite and recipe back, its bytes are the same each time, and it carries no profile."""
    sprite, recipe = make_sprite(render(), 16, 16, ground=KEY), '{"prompt": "a slime, 泥"}'
    data = encode_png(sprite, recipe)
    assert data == encode_png(sprite, recipe)
    back = decode_png(data)
    assert (back.rgba == sprite.rgba).all()
    assert back.palette == sprite.palette
    assert recipe_in(data) == recipe
    assert data[24:29] == bytes([8, 6, 0, 0, 0])  # depth, RGBA, ..., not interlaced
    assert b"gAMA" not in data
    assert b"iCCP" not in data


def test_other_pngs_are_read() -> None:
    """A PNG without a recipe says so; what is no PNG, or half of one, is refused."""
    out = BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(out, "PNG")
    assert recipe_in(out.getvalue()) is None
    assert decode_png(out.getvalue()).palette == ((1, 2, 3),)
    for data in (b"", b"GIF89a", out.getvalue()[:40]):
        with pytest.raises(ValueError, match="not a whole PNG"):
            decode_png(data)


def test_preview_is_an_integer_enlargement_on_a_checkerboard() -> None:
    """A 16 px sprite fills 496 of 500 px, its colours exact, with two greys behind it."""
    sprite = make_sprite(render(), 16, 16, ground=KEY)
    seen = opened(preview_png(sprite, 500))
    assert seen.shape == (496, 496, 3)
    assert (seen[15 + 31 * 4 : 31 * 12 : 31, 15 + 31 * 4 : 31 * 12 : 31] == sprite.rgba[4:12, 4:12, :3]).all()
    assert set(np.unique(seen[:100, :100]).tolist()) == {153, 204}


@pytest.mark.parametrize("colours", [1, 254, 255])
def test_a_preview_with_a_palette_shows_the_same(colours: int) -> None:
    """Few colours are written with a palette, more without: what is seen is the sprite over the same checkerboard."""
    rgba = np.zeros((24, 24, 4), dtype=np.uint8)
    rgba.reshape(-1, 4)[7 : 7 + colours] = [(i, 255 - i, 7, 255) for i in range(colours)]
    seen = opened(preview_png(Sprite(rgba, ()), 72))
    assert (seen == on_checkerboard(rgba, 3)).all()


@pytest.mark.parametrize("side", [512, 100])
def test_a_preview_is_never_large(side: int) -> None:
    """Even a busy 512 px sprite gives fewer than 256 KB, at most `side` px wide."""
    rgba = np.random.default_rng(0).integers(0, 256, (512, 512, 4), dtype=np.uint8)
    data = preview_png(Sprite(rgba, ()), side)
    assert len(data) < 256 * 1024
    assert max(opened(data).shape) <= side
    with pytest.raises(ValueError, match="at least 1"):
        preview_png(Sprite(rgba, ()), 0)


def test_a_contact_sheet_shows_all_with_gaps() -> None:
    """Three sprites of two sizes in two columns make two rows, with dark gaps of 8 px around each place."""
    big, small = (Sprite(np.full((n, n, 4), 255, dtype=np.uint8), ()) for n in (8, 4))
    sheet = opened(contact_sheet([big, small, big], 2, 3))
    assert sheet.shape == (8 + 2 * 32, 8 + 2 * 32, 3)
    assert (sheet[:8] == 32).all()
    assert (sheet == 255).all(axis=-1).sum() == (2 * 64 + 16) * 9
    with pytest.raises(ValueError, match="at least 1"):
        contact_sheet([], 2, 3)


def test_a_good_sprite_passes() -> None:
    """What make_sprite gives for a request passes every check of that request."""
    assert all(check.ok for check in checked(make_sprite(render(), 16, 16, colors=8, ground=KEY)).values())


@pytest.mark.parametrize(
    ("asked", "failing"),
    [
        ({"width": 32}, {"size"}),
        ({"colors": 2}, {"colors"}),
        ({"palette": ((0, 0, 0), (255, 255, 255))}, {"palette"}),
        ({"transparent": False}, {"alpha"}),
    ],
)
def test_each_check_can_fail(asked: Changes, failing: set[str]) -> None:
    """A sprite other than asked for fails that check alone, and the failure blocks."""
    found = checked(make_sprite(render(), 16, 16, colors=8, ground=KEY), **asked)
    assert {name for name, check in found.items() if not check.ok} == failing
    assert all(found[name].blocks for name in failing)


def test_soft_alpha_empty_and_uncut_sprites_are_found() -> None:
    """Half-clear pixels and an empty sprite block; a sprite that nothing was cut from only warns."""
    soft = np.zeros((16, 16, 4), dtype=np.uint8)
    soft[0, :5] = (9, 9, 9, 128)
    soft[1, 0] = (9, 9, 9, 0)
    found = checked(Sprite(soft, ()))
    assert (found["alpha"].value, found["alpha"].ok, found["emptiness"].ok) == (6, False, False)
    found = checked(Sprite(np.full((16, 16, 4), 255, dtype=np.uint8), ()))
    assert (found["fill"].ok, found["fill"].blocks, found["emptiness"].ok) == (False, False, True)

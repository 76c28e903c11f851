"""A request for a tileset: every argument checked before anything is drawn or written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from pydantic import BaseModel, ConfigDict

from dgx_pixels.models.profiles import Schedule
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.pixels.tile_layout import Kind, Pair
from dgx_pixels.pixels.tile_mask import Transition
from dgx_pixels.tools.arguments import RequestError, check_within, name_or_words, one_of
from dgx_pixels.tools.seeds import check_seed

MOST_TERRAINS: Final = 6
MOST_VARIANTS: Final = 8
FEWEST_SIDE, MOST_SIDE = 8, 64
"""Of a tile, in pixels."""
_FEWEST_COLORS: Final = 3
"""Of a terrain: itself, its line and its light."""


class TilesetRequest(BaseModel):
    """What is asked for, complete: all defaults are filled in."""

    model_config = ConfigDict(frozen=True)

    terrains: tuple[str, ...]
    """Prompts, from the lowest terrain to the highest."""
    kind: Kind
    tile_size: int
    variants: int
    transition: Transition
    pairs: tuple[Pair, ...] | None
    """Terrains by number, the upper one first; None for the kind's own."""
    colors: int
    palette: Palette | None
    name: str
    seed: int
    model: str
    publish: bool
    overwrite: bool
    schedule: Schedule | None = None
    """How the noise is taken away, if this is a replay; else the standard profile's way."""


def tileset_request(
    *, terrains: Sequence[str], kind: str, tile_size: int, variants: int, transition: str, pairs: Sequence[Sequence[str]] | None,
    colors: int | None, palette: Palette | None, name: str | None, seed: int, model: str, publish: bool, overwrite: bool,
) -> TilesetRequest:  # fmt: skip
    """Check and complete the arguments. Raises RequestError with one sentence for the caller."""
    prompts = _terrains(terrains)
    chosen = one_of("kind", kind, get_args(Kind))
    _check_count(prompts, chosen)
    check_within("tile_size", tile_size, FEWEST_SIDE, MOST_SIDE)
    if tile_size % 2 and chosen != "seamless":
        raise RequestError(
            f"tile_size is {tile_size}, but the tiles of a {chosen} set meet in their middles, so it must be even: "
            f"ask for {tile_size - 1} or {tile_size + 1}, or for kind 'seamless'."
        )
    check_within("variants", variants, 1, MOST_VARIANTS)
    check_seed(seed, MOST_TERRAINS * MOST_VARIANTS + 1)
    colors = colors if colors is not None else max(16, 8 * len(prompts))
    if not _FEWEST_COLORS * len(prompts) <= colors <= 256:
        raise RequestError(f"colors is {colors}, but must be from {_FEWEST_COLORS * len(prompts)} (3 for each terrain) to 256.")
    return TilesetRequest(
        terrains=prompts, kind=chosen, tile_size=tile_size, variants=variants,
        transition=one_of("transition", transition, get_args(Transition)), pairs=_pairs(pairs, prompts, chosen), colors=colors,
        palette=palette, name=name_or_words(name, f"{chosen} {' '.join(prompts)}"), seed=seed, model=model, publish=publish,
        overwrite=overwrite,
    )  # fmt: skip


def _terrains(terrains: Sequence[str]) -> tuple[str, ...]:
    if not 1 <= len(terrains) <= MOST_TERRAINS:
        raise RequestError(
            f"{len(terrains)} terrains are asked for, but a tileset has 1 to {MOST_TERRAINS}: make several tilesets."
        )
    prompts = tuple(" ".join(prompt.split()) for prompt in terrains)
    for prompt in prompts:
        if not 1 <= len(prompt) <= 200:
            raise RequestError(
                "A terrain is empty or longer than 200 characters: say in a few words what it is, like 'dirt path'."
            )
        if any("\ud800" <= c <= "\udfff" for c in prompt):
            raise RequestError("A terrain holds half a character (a lone surrogate): send it as whole Unicode characters.")
        if not prompt.isprintable():
            raise RequestError(f"The terrain {prompt!r} holds a character that cannot be printed: leave it out.")
        if prompts.count(prompt) > 1:
            raise RequestError(
                f"The terrain {prompt!r} is named twice: name each once, since two like ones cannot be told apart."
            )
    return prompts


def _check_count(prompts: tuple[str, ...], kind: Kind) -> None:
    if kind in ("wang16", "blob47") and len(prompts) < 2:
        raise RequestError(
            f"A {kind} set shows where one terrain ends and another begins, so it needs at least 2 terrains: name another, or "
            "ask for kind 'seamless', or 'dualgrid15' for one that lies on clear ground."
        )
    if kind == "sidescroller" and len(prompts) > 2:
        raise RequestError(
            f"{len(prompts)} terrains are asked for, but a sidescroller has 1 or 2, the ground and what covers it: make several."
        )


def _pairs(asked: Sequence[Sequence[str]] | None, prompts: tuple[str, ...], kind: Kind) -> tuple[Pair, ...] | None:
    if asked is None:
        return None
    if kind not in ("wang16", "blob47"):
        raise RequestError(f"A {kind} set has no pairs of terrains: leave pairs out, or ask for kind 'wang16' or 'blob47'.")
    found: list[Pair] = []
    for pair in asked:
        names = [" ".join(name.split()) for name in pair]
        if len(names) != 2 or names[0] == names[1] or not set(names) <= set(prompts):
            raise RequestError(
                f"The pair {names} is not two different ones of the terrains {list(prompts)}: write [upper, lower]."
            )
        upper, lower = (prompts.index(name) for name in names)
        if {(upper, lower), (lower, upper)} & set(found):
            raise RequestError(f"The pair {names} is asked for twice: name it once, the upper terrain first.")
        if upper < lower:
            raise RequestError(
                f"The pair {names} is [upper, lower], but terrains are named from the lowest to the highest and {names[0]!r} "
                f"comes before {names[1]!r}: write {names[::-1]}, or swap the two in terrains."
            )
        found.append((upper, lower))
    if {terrain for pair in found for terrain in pair} != set(range(len(prompts))):
        raise RequestError("Some terrain is in none of the pairs: name a pair for each, or leave the terrain or pairs out.")
    return tuple(found)

"""Seeds: which may be asked for, what is taken where none is, and which one each picture of a job is drawn with."""

from __future__ import annotations

import secrets
from typing import Final

from dgx_pixels.tools.arguments import check_within

MOST_SEED: Final = 2**32 - 1


def check_seed(seed: int | None, pictures: int) -> None:
    """Raise RequestError unless each of so many pictures, drawn with seeds from this one on, has one of 32 bits."""
    check_within("seed", seed, 0, MOST_SEED + 1 - pictures)


def seed_or_any(seed: int | None) -> int:
    """The seed that was asked for, else a random one."""
    return seed if seed is not None else secrets.randbelow(2**31)


def seed_of_variant(seed: int, i: int) -> int:
    """The seed of variant `i`, from 0, of a job: variant i is the very picture that seed + i draws alone."""
    return seed + i

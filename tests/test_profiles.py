"""Profiles: what each of the three words means, and what replaces it."""

from __future__ import annotations

import pytest

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.contender import Contender
from dgx_pixels.models.profiles import Schedule, schedule_for

TINY = Contender(embedded())


@pytest.mark.parametrize(("profile", "steps"), [("draft", 6), ("standard", 10), ("best", 20)])
def test_a_better_profile_takes_more_steps(profile: str, steps: int) -> None:
    """Draft, standard, best."""
    assert schedule_for(TINY, profile).steps == steps  # type: ignore[arg-type]  # each is one of the three words


def test_steps_and_guidance_replace_the_profiles_own() -> None:
    """What is asked for in numbers wins; the rest stays."""
    assert schedule_for(TINY, "draft", 12, 5.0) == Schedule("dpmpp_2m", 12, 5.0)
    assert schedule_for(TINY, "best", guidance=2.0) == Schedule("dpmpp_2m", 20, 2.0)


@pytest.mark.parametrize(("guidance", "guided", "steps"), [(1.0, 1.0, 0), (6.0, 1.0, 20), (6.0, 0.6, 12), (6.0, 0.01, 1)])
def test_guided_steps(guidance: float, guided: float, steps: int) -> None:
    """A share of the steps, at least one, and none without guidance."""
    assert Schedule("euler", 20, guidance, guided).guided_steps == steps

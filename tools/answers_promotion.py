"""What promote_lora answers with."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import Field

from dgx_pixels.library.comparison_answer import Answer, JudgedAnswer, VotesAnswer

if TYPE_CHECKING:
    from dgx_pixels.library.promotions import Promotion


class PromotionTold(VotesAnswer):
    """A promotion that was made, with the votes between its contender and what drew until then."""

    contender: str
    before: str | None = Field(description="what the settings said until then; null: nothing")
    against: str
    forced: bool
    created: float = Field(description="seconds since 1970")
    undone: float | None = Field(description="when it was rolled back")


class PromotionAnswer(Answer):
    """A project's default contender, and how it came to be that."""

    project: str
    file: str = Field(description="absolute path of the project's settings")
    default: str = Field(description="the contender that draws when a call names none")
    chosen: bool = Field(description="whether the settings say so; else it is what this machine has")
    changed: bool = Field(description="whether this call changed it")
    evidence: JudgedAnswer | None = Field(default=None, description="of a promotion, the votes it rests on")
    history: list[PromotionTold] = Field(description="newest first, the last 20")
    next: str = Field(description="what to do now")


def told(promotion: Promotion) -> PromotionTold:
    """A promotion as answers tell it."""
    return PromotionTold.model_validate(asdict(promotion) | asdict(promotion.votes))

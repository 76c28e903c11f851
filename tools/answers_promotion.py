"""What promote_lora answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dgx_pixels.tools.answers import Answer

if TYPE_CHECKING:
    from dgx_pixels.library.promotions import Promotion


class EvidenceAnswer(Answer):
    """The votes between a contender and the one that drew before it."""

    against: str
    wins: int
    losses: int
    ties: int
    neither: int
    win_rate: float | None = Field(description="wins of the decided votes, 0 to 1; null with none")
    low: float = Field(description="of its 95 % interval (Wilson)")
    high: float
    verdict: str


class PromotionTold(Answer):
    """A promotion that was made."""

    contender: str
    before: str | None = Field(description="what the settings said until then; null: nothing")
    against: str
    wins: int
    losses: int
    ties: int
    neither: int
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
    evidence: EvidenceAnswer | None = Field(default=None, description="of a promotion, the votes it rests on")
    history: list[PromotionTold] = Field(description="newest first, the last 20")
    next: str = Field(description="what to do now")


def told(promotion: Promotion) -> PromotionTold:
    """A promotion as answers tell it."""
    return PromotionTold.model_validate({name: getattr(promotion, name) for name in PromotionTold.model_fields})

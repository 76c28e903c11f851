"""What a replay answers with."""

from __future__ import annotations

from pydantic import Field

from dgx_pixels.library.comparison_answer import Answer


class ReplayAnswer(Answer):
    """Whether a picture that was made again is the same."""

    of: str | None = Field(description="the original, as id@version; null if the library does not have it")
    identical: bool = Field(description="whether the PNG has the very same bytes")
    same_pixels: bool
    differences: list[str] = Field(description="what the two recipes do not agree in: weights, versions, device, ...")

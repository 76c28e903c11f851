"""What the library keeps of a comparison, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.library.ranking import Outcome
    from dgx_pixels.library.records import JobStatus

LABELS = "ABCD"
ADDED = "+"
"""Begins the names of files that drew a picture, and are not the contender's own: a draft's LCM LoRA."""


@dataclass(frozen=True)
class PlannedRound:
    """One prompt with one seed, to be drawn by every contender."""

    prompt: str
    kind: str
    """The prompt's category."""
    seed: int
    seed_index: int


@dataclass(frozen=True)
class NewCell:
    """A contender's picture for a round, to be kept."""

    round: int
    place: int
    """Of its contender, from 0."""
    png: bytes
    """With its recipe, as generate_sprite keeps it."""
    weights: str
    """JSON: the SHA-256 of every file that drew it; of a LoRA that the profile added under `ADDED` and its id."""
    seconds: float
    memory: int | None
    """Bytes of GPU memory at its peak; None where it is not known."""
    measures: Mapping[str, float | None]


@dataclass(frozen=True)
class Cell:
    """What is known of a kept picture, without the picture."""

    seconds: float
    memory: int | None
    measures: Mapping[str, Any]


@dataclass(frozen=True)
class Vote:
    """What was said of a round."""

    outcome: Outcome
    winner: int | None
    """The place of the contender that won."""
    note: str
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Round:
    """One prompt with one seed: who drew it, under which labels, and the vote."""

    number: int
    """From 1."""
    prompt: str
    kind: str
    seed: int
    seed_index: int
    places: tuple[int, ...]
    """The contenders' places in the order of the labels."""
    cells: Mapping[int, Cell]
    """By place; those that are drawn."""
    vote: Vote | None

    @property
    def labels(self) -> dict[str, int]:
        """The place behind each label."""
        return dict(zip(LABELS, self.places, strict=False))

    @property
    def complete(self) -> bool:
        """Whether every contender's picture is there: only then is it shown."""
        return len(self.cells) == len(self.places)


@dataclass(frozen=True)
class Comparison:
    """A comparison as it stands."""

    id: str
    """That of its job."""
    project: str
    blind: bool
    revealed: bool
    """Whether voting has ended, and names may be told."""
    status: JobStatus
    """Of its job."""
    contenders: tuple[str, ...]
    rounds: tuple[Round, ...]
    base: int | None
    """The place of the base model without LoRAs, which the others are held against."""
    note: str
    """What to know of its contenders, without their names."""

    @property
    def named(self) -> bool:
        """Whether it may be told who is who."""
        return self.revealed or not self.blind

    @property
    def complete(self) -> tuple[Round, ...]:
        """Rounds that can be shown."""
        return tuple(r for r in self.rounds if r.complete)

    @property
    def whole(self) -> bool:
        """Whether every round is drawn."""
        return len(self.complete) == len(self.rounds)

    @property
    def unvoted(self) -> tuple[Round, ...]:
        """Rounds that can be voted on."""
        return () if self.revealed else tuple(r for r in self.complete if r.vote is None)

    @property
    def under_way(self) -> bool:
        """Whether more rounds are to come."""
        return self.status in ("queued", "running", "paused")

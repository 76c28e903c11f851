"""How a comparison is told: the shape that tools answer with and resources give. Before the reveal most of it is null."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class Measured(Answer):
    """What was measured of one picture, or on average of a contender's. See docs/comparing.md; null: it does not apply."""

    seconds: float = Field(description="to draw one, the model loaded; of a contender the median")
    memory_bytes: int | None = Field(description="GPU memory at its peak; null on a CPU")
    colors: float | None = None
    palette_distance: float | None = Field(default=None, description="before locking, to the asked palette; lower is nearer")
    orphans: float | None = Field(default=None, description="share of opaque pixels alone in their colour; lower is cleaner")
    cutout: float | None = Field(default=None, description="0 to 1: share of the outline that came out clean of the ground")
    sharpness: float | None = Field(default=None, description="0 to 1: how flat the render's cells are, and how sharp between")
    likeness_colors: float | None = Field(default=None, description="0 to 1, to the reference set")
    likeness_texture: float | None = None


class CellAnswer(Measured):
    """Who drew a picture, told after the reveal."""

    contender: str
    seed: int


class DrawnBy(Answer):
    """Who drew a picture, where the answer would be too long with all that was measured of it."""

    contender: str


class VoteTold(Answer):
    """A vote."""

    winner: str = Field(description="a label, tie or neither")
    note: str = ""


class RoundAnswer(Answer):
    """One prompt with one seed."""

    round: int
    prompt: str
    kind: str = Field(description="the prompt's category")
    seed_index: int
    labels: list[str]
    images: dict[str, str] = Field(description="URI of the picture by label")
    vote: VoteTold | None = None
    revealed: dict[str, CellAnswer | DrawnBy] | None = Field(default=None, description="by label, once voting has ended")


class ContenderAnswer(Measured):
    """How a contender did."""

    contender: str
    is_base: bool = Field(description="the base model without LoRAs, which the others are held against")
    pictures: int
    wins: int = Field(description="rounds it won")


class VotesAnswer(Answer):
    """Votes between two contenders, counted for the first."""

    wins: int
    losses: int
    ties: int
    neither: int


class JudgedAnswer(VotesAnswer):
    """The votes of one contender against another, and what they prove."""

    against: str
    win_rate: float | None = Field(description="0 to 1, ties left out; null with no decided vote")
    low: float = Field(description="of its 95 % interval (Wilson)")
    high: float
    verdict: str


class PairAnswer(JudgedAnswer):
    """One contender against another, counted for the first."""

    contender: str
    kind: str | None = Field(default=None, description="for prompts of this category only; null: all")
    says: str = Field(description="one sentence")


class RatingAnswer(Answer):
    """A contender's place among all that this project has compared blind."""

    contender: str
    rating: float = Field(description="Bradley-Terry on Elo's scale: 1000 is average, 400 more wins ten times as often")
    rounds: int


class Standing(Answer):
    """What the votes say."""

    votes: int
    ties: int
    neither: int
    pairs: list[PairAnswer] = Field(description="of this comparison: every contender against the base")
    kinds: list[PairAnswer] = Field(description="the same for each category of prompts, if there are several")
    ranking: list[RatingAnswer] = Field(description="over all blind comparisons of this project")


class ComparisonAnswer(Answer):
    """A comparison. Before the last vote of a blind one it holds labels and pictures only."""

    id: str
    blind: bool
    open: bool = Field(description="whether votes are still taken")
    planned: int = Field(description="rounds that can be drawn; those that are drawn are in `rounds`")
    contenders: list[ContenderAnswer] | None = Field(default=None, description="null until voting has ended")
    standing: Standing | None = None
    note: str = Field(default="", description="what to know of its contenders, and which rounds were left out")
    next: str = Field(description="what to do now")
    sheet: str = Field(description="URI of all pictures in one")
    page: str | None = Field(default=None, description="absolute path of a page that shows it without a network")
    rounds: list[RoundAnswer]

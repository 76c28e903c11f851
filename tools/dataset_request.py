"""What a dataset is made from, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from dgx_pixels.library.comparison_answer import Answer
from dgx_pixels.pixels.art_options import parse_size
from dgx_pixels.tools.arguments import RequestError

PROJECT: Final = "project"
WINNERS: Final = "winners"
_MOST_TRIGGER = 100
_MOST_NOTE = 1000


class DatasetRequest(BaseModel):
    """Which pictures a LoRA is to learn from, for which model."""

    model_config = ConfigDict(frozen=True)

    source: str
    """"project" (the project's own assets/sprites), "winners" (of comparisons), ids of assets split by commas, or a folder."""
    base: str
    """Id of the base model that will learn."""
    trigger: str = ""
    """The word that will call up the style; it is taken off captions that begin with it, since training puts it there."""
    grid: str | None = None
    """"WxH": the size in pixels of the frames that sheets are cut into; else what is known of a sheet decides."""
    licence_note: str = ""
    """What the pictures' owner says of their licence; it goes with the dataset and what is made of it."""


class SkippedAnswer(Answer):
    """A picture that is not learnt from."""

    file: str
    why: str


class CaptionAnswer(Answer):
    """A picture and its caption."""

    file: str
    caption: str


class DatasetReport(Answer):
    """What a dataset holds, and what is wrong with it."""

    images: int = Field(description="that are learnt from")
    sizes: dict[str, int] = Field(description="how many have which size in pixels, as the model sees them")
    sprites: dict[str, int] = Field(description="how many have which true size, the ten most common")
    skipped: list[SkippedAnswer] = Field(description="what is not learnt from, and why; the first 100")
    skipped_count: int
    duplicates: list[tuple[str, str]] = Field(description="pairs that are nearly the same, all learnt from; the first 50")
    warnings: list[str] = Field(description="what may make the LoRA worse, a sentence each")
    captions: list[CaptionAnswer] = Field(description="some of the captions")
    contact_sheet: Path = Field(description="absolute path of a PNG with up to 64 of the pictures")
    hash: str = Field(description="SHA-256 of pictures and captions: the same contents, the same dataset")


@dataclass(frozen=True)
class Prepared:
    """A dataset as a training takes it: its folder, with dataset.json and pictures, and what is said of it."""

    folder: Path
    report: DatasetReport


def check_request(request: DatasetRequest) -> tuple[DatasetRequest, tuple[int, int] | None]:
    """The request with its texts in one line each, and the size of its grid. Raises RequestError."""
    trigger, note = " ".join(request.trigger.split()), " ".join(request.licence_note.split())
    if not request.source.strip():
        raise RequestError("The source is empty: give 'project', 'winners', ids of assets split by commas, or a folder.")
    for what, text, most in (("trigger", trigger, _MOST_TRIGGER), ("licence note", note, _MOST_NOTE)):
        if len(text) > most or any("\ud800" <= c <= "\udfff" for c in text):
            raise RequestError(f"The {what} is longer than {most} characters or no whole text: give a shorter one.")
    return request.model_copy(update={"trigger": trigger, "licence_note": note}), _grid(request.grid)


def _grid(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = parse_size(text)
    if found is None or not all(1 <= side <= 1024 for side in found):
        raise RequestError(f"The grid {text[:40]!r} is no size: give a frame's pixels as WxH, like 32x32, at most 1024 a side.")
    return found

"""The arguments that several tools take, described once. Bounds stand in the schema; the checks answer in sentences."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field

from dgx_pixels.bevy.names import AssetNameError, Category, check_name, name_from_prompt

T = TypeVar("T", bound=str)


class RequestError(ValueError):
    """An argument is out of range; the text says what is allowed."""


def bounds(low: float, high: float) -> dict[str, Any]:
    """Bounds for the schema."""
    return {"minimum": low, "maximum": high}


def check_within(what: str, value: float | None, low: float, high: float) -> None:
    """Raise RequestError for a value, of the argument called `what`, out of its bounds; None is left out, and passes."""
    if value is not None and not low <= value <= high:
        raise RequestError(f"{what} is {value}, but must be from {low} to {high}.")


def one_of(what: str, value: str, allowed: tuple[T, ...]) -> T:
    """The allowed word that the value of the argument called `what` is. Raises RequestError for any other."""
    found = next((word for word in allowed if word == value), None)
    if found is None:
        raise RequestError(f"The {what} {value[:80]!r} is not one of {', '.join(allowed)}: choose one of them.")
    return found


def read_category(category: str) -> Category:
    """The category of this name. Raises RequestError."""
    found: Category = one_of("category", category, get_args(Category))
    return found


def name_or_words(name: str | None, words: str) -> str:
    """The asset's name that was asked for, else one made of the words of what is drawn. Raises RequestError for a bad name."""
    try:
        return check_name(name) if name is not None else name_from_prompt(words)
    except AssetNameError as error:
        raise RequestError(str(error)) from error


CategoryArgument = Annotated[
    str,
    Field(
        description="What it is in the game; the file's name begins with it.",
        json_schema_extra={"enum": list(get_args(Category))},
    ),
]
PaletteArgument = Annotated[
    str | None,
    Field(
        description="Lock to these colours: a bundled palette's name ('pico-8'), '#1a1c2c,#5d275d,...', the path of a .hex, "
        ".gpl, .pal or PNG file, or 'project': the colours of the project's own pixel art. The project's setting if left out; "
        "'none' locks to nothing."
    ),
]
ModelArgument = Annotated[
    str | None, Field(description="A base model of list_models, with LoRAs as 'base+lora:weight'; the default if left out.")
]
TransparentArgument = Annotated[
    bool | None, Field(description="Cut the ground away (alpha 0 or 255). Default: yes, except for tiles and backgrounds.")
]
NegativePromptArgument = Annotated[str, Field(description="What must not be drawn.")]
ProfileArgument = Annotated[str, Field(description="draft (fast), standard or best.")]
StepsArgument = Annotated[int | None, Field(description="Replaces the profile's steps.", json_schema_extra=bounds(1, 100))]
WaitArgument = Annotated[
    float,
    Field(description="Seconds to wait for the result; a longer job goes on, see get_job.", json_schema_extra=bounds(0, 600)),
]
PublishArgument = Annotated[bool, Field(description="Write it into the Bevy project's assets/; else it stays in the library.")]
OverwriteArgument = Annotated[bool, Field(description="Replace a file of that name even if it was edited by hand.")]
ProjectArgument = Annotated[str | None, Field(description="Absolute path of the Bevy project; yours if left out.")]
JobIdArgument = Annotated[str, Field(description="The job_id that a generating tool answered with.")]
KeyArgument = Annotated[
    str | None,
    Field(description="Your own name for this request: sent again with it, the first job answers, and no other is made."),
]

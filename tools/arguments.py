"""The arguments that several tools take, described once. Bounds stand in the schema; the checks answer in sentences."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field

from dgx_pixels.bevy.names import Category


def bounds(low: float, high: float) -> dict[str, Any]:
    """Bounds for the schema."""
    return {"minimum": low, "maximum": high}


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
TransparentArgument = Annotated[
    bool | None, Field(description="Cut the ground away (alpha 0 or 255). Default: yes, except for tiles and backgrounds.")
]
WaitArgument = Annotated[
    float,
    Field(description="Seconds to wait for the sprite; a longer job goes on, see get_job.", json_schema_extra=bounds(0, 600)),
]
PublishArgument = Annotated[bool, Field(description="Write it into the Bevy project's assets/; else it stays in the library.")]
OverwriteArgument = Annotated[bool, Field(description="Replace a file of that name even if it was edited by hand.")]
ProjectArgument = Annotated[str | None, Field(description="Absolute path of the Bevy project; yours if left out.")]
KeyArgument = Annotated[
    str | None,
    Field(description="Your own name for this request: sent again with it, the first job answers, and no other is made."),
]

"""A request to pixelize a picture: every argument checked before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from dgx_pixels.bevy.names import Category
from dgx_pixels.pixels.art_options import ArtOptions, read_options
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.tools.arguments import RequestError, name_or_words, read_category
from dgx_pixels.tools.sprite_request import FILLS_ITS_SQUARE


class PixelizeRequest(BaseModel):
    """What is asked for, complete."""

    model_config = ConfigDict(frozen=True)

    image: str
    name: str
    category: Category
    options: ArtOptions
    matting: bool
    publish: bool
    overwrite: bool


def pixelize_request(
    *, image: str, name: str | None, category: str, size: int | str | None, colors: int | None, palette: Palette | None,
    transparent: bool | None, dither: str, cleanup: Sequence[str], outline: str | None, trim: bool, canvas: int | str | None,
    anchor: str | None, matting: bool, publish: bool, overwrite: bool,
) -> PixelizeRequest:  # fmt: skip
    """Check and complete the arguments. Raises RequestError with one sentence for the caller."""
    if not image.strip():
        raise RequestError("The image is empty: give the path of an image file.")
    chosen = read_category(category)
    if matting and transparent is False:
        raise RequestError("Matting cuts the ground out, but transparent is false: leave one of them out.")
    try:
        options = read_options(
            size=size, colors=colors, palette=palette, transparent=matting or _default(transparent, chosen), dither=dither,
            cleanup=cleanup, outline=outline, trim=trim, canvas=canvas, anchor=anchor,
        )  # fmt: skip
    except ValueError as error:
        raise RequestError(str(error)) from error
    return PixelizeRequest(
        image=image, name=name_or_words(name, Path(image).stem.replace("_", " ")), category=chosen, options=options,
        matting=matting, publish=publish, overwrite=overwrite,
    )  # fmt: skip


def _default(transparent: bool | None, category: Category) -> bool:
    return category not in FILLS_ITS_SQUARE if transparent is None else transparent

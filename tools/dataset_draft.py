"""A dataset in the making: pictures are looked at one by one, and written into a folder that nobody sees before it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dgx_pixels.models.tiny_words import dominant_colours
from dgx_pixels.models.training_disk import write_synced
from dgx_pixels.pixels.dataset_alike import small_copy
from dgx_pixels.pixels.dataset_fit import cut_areas, cut_frames, fitted, without_ground
from dgx_pixels.pixels.dataset_look import look
from dgx_pixels.pixels.read import PictureError, read_picture
from dgx_pixels.tools.dataset_files import MOST_FILES, SourceError
from dgx_pixels.tools.read_roots import ReadError, read_file
from dgx_pixels.tools.sprite_request import FILLS_ITS_SQUARE

if TYPE_CHECKING:
    from pathlib import Path

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.models.base_model import BaseModel
    from dgx_pixels.pixels.dataset_fit import Fitted
    from dgx_pixels.tools.dataset_files import Source
    from dgx_pixels.tools.services import Services

_MOST_BYTES: Final = 64 << 20
_SHEET_ASPECT: Final = 3
"""A picture so many times as long as it is high may be a row of frames."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """One picture of the dataset, as it lies in `file` below the draft's folder."""

    file: str
    source: Source
    frame: int | None
    """Its number in a sheet, from 1."""
    width: int
    height: int
    factor: int
    """Pixels of the picture along each side of one of the sprite's."""
    left: int
    top: int
    """Where in the picture the first of them is."""
    sprite: tuple[int, int]
    """The sprite's true width and height."""
    colors: int
    clear: bool
    """Whether its ground was clear."""
    cut_out: bool
    """Whether its ground was plain, and was taken off."""
    soft_alpha: float
    measured: tuple[str, ...]
    """The one or two colours that it shows most."""
    sha256: str
    """Of the picture's pixels."""
    small: NDArray[np.float32]

    @property
    def name(self) -> str:
        """What the picture is called where it is shown."""
        return self.source.name if self.frame is None else f"{self.source.name} frame {self.frame}"


class Draft:
    """Takes sources in, one at a time, in one thread at a time."""

    def __init__(self, folder: Path, base: BaseModel, grid: tuple[int, int] | None) -> None:
        self.folder, self._base, self._grid = folder, base, grid
        self.learnt: list[Learnt] = []
        self.skipped: list[tuple[str, str]] = []
        self.rows: list[str] = []
        """Pictures that look like sheets of which nothing says how to cut them."""
        self._seen: dict[bytes, str] = {}

    def take(self, services: Services, project: BevyProject | None, source: Source) -> None:
        """Look at a source, and write the pictures that can be learnt from. Raises OSError if the disk takes no more."""
        try:
            data = source.png or read_file(services, project, source.path, _MOST_BYTES)
            picture = read_picture(data)
            if picture.shrunk > 1:
                raise SourceError(f"it is too large ({picture.width}x{picture.height}): no sheet or sprite has so many pixels")
            frames = self._frames(picture.rgba, source)
        except SourceError as error:
            self.skipped.append((source.name, str(error)))
            return
        except (ReadError, PictureError) as error:
            self.skipped.append((source.name, f"it cannot be used: {str(error).rstrip('.')}"))
            return
        whole = len(frames) == 1 and frames[0] is picture.rgba
        for number, frame in enumerate(frames, start=1):
            self._frame(source, frame, None if whole else number)

    def _frames(self, rgba: NDArray[np.uint8], source: Source) -> Sequence[NDArray[np.uint8]]:
        rows, columns = rgba.shape[:2]
        size = self._grid or source.frame_size
        if size == (columns, rows) or (size is None and not source.areas):
            return [rgba]
        try:
            frames = cut_frames(rgba, *size) if size is not None else cut_areas(rgba, source.areas)
        except ValueError as error:
            raise SourceError(str(error)) from error
        if not frames:
            raise SourceError("it is empty")
        return frames

    def _frame(self, source: Source, rgba: NDArray[np.uint8], number: int | None) -> None:
        name = source.name if number is None else f"{source.name} frame {number}"
        found = look(rgba)
        rows, columns = found.rgba.shape[:2]
        if number is None and max(rows, columns) >= _SHEET_ASPECT * min(rows, columns):
            self.rows.append(name)
        try:
            if found.why is not None:
                raise SourceError(found.why)
            pixels = found.rgba if source.category in FILLS_ITS_SQUARE else without_ground(found.rgba)
            picture = self._picture(pixels, name)
        except SourceError as error:
            self.skipped.append((name, str(error)))
            return
        file = f"images/{len(self.learnt) + 1:04}.png"
        write_synced(self.folder / file, _png(picture.rgb))
        opaque = pixels[..., 3] > 0
        self.learnt.append(
            Learnt(
                file=file, source=source, frame=number, width=picture.rgb.shape[1], height=picture.rgb.shape[0],
                factor=picture.factor, left=picture.left, top=picture.top, sprite=(columns, rows), colors=found.colors,
                clear=not bool(opaque.all()), soft_alpha=found.soft_alpha,
                cut_out=pixels is not found.rgba and not bool(opaque.all()),
                measured=dominant_colours(pixels[..., :3], opaque),
                sha256=hashlib.sha256(picture.rgb.tobytes()).hexdigest(), small=small_copy(pixels),
            )
        )  # fmt: skip

    def _picture(self, rgba: NDArray[np.uint8], name: str) -> Fitted:
        """Put a sprite at the model's size. Raises SourceError if it is a copy, too large, or one too many."""
        before = self._seen.setdefault(hashlib.sha256(repr(rgba.shape).encode() + rgba.tobytes()).digest(), name)
        if before != name:
            raise SourceError(f"it has the same pixels as {before}")
        if len(self.learnt) == MOST_FILES:
            raise SourceError(f"there are {MOST_FILES:,} pictures before it, and no more are taken")
        picture = fitted(rgba, self._base.render_side, self._base.ground)
        if picture is None:
            rows, columns = rgba.shape[:2]
            side = self._base.render_side
            raise SourceError(f"it is {columns}x{rows}, larger than the {side}x{side} px that {self._base.id} learns from")
        return picture


def _png(rgb: NDArray[np.uint8]) -> bytes:
    out = BytesIO()
    Image.fromarray(rgb).save(out, "PNG", compress_level=1)  # large flat squares are small in any case
    return out.getvalue()

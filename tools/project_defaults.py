"""What a call leaves out and the project's settings say: palette, size, model and view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dgx_pixels.bevy.project_settings import ProjectSettings, SettingsError, read_settings
from dgx_pixels.models.catalogue import EMBEDDED
from dgx_pixels.models.contender import Contender, parse_contender
from dgx_pixels.pixels.palette import Palette
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.read_roots import asked_palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.services import Services

NO_PALETTE: Final = "none"
_SIDE: Final = 32
_SEEN_FROM: Final = ("character", "enemy", "npc", "tile", "environment", "background")
"""Categories that stand in the scene; an item or an icon looks the same from everywhere."""


@dataclass(frozen=True)
class Defaults:
    """What a drawing call starts from."""

    settings: ProjectSettings
    palette: Palette | None
    contender: Contender


def defaults(services: Services, project: BevyProject | None, palette: str | None, model: str | None) -> Defaults:
    """Find the palette and the contender that are asked for, else the project's; blocks.

    Raises RequestError, PaletteError and ModelError.
    """
    settings = settings_of(project)
    locked = locked_palette(services, project, palette, settings)
    return Defaults(settings, locked, parse_contender(services.catalogue, model if model is not None else settings.model))


def settings_of(project: BevyProject | None) -> ProjectSettings:
    """The project's settings, the defaults without a project; blocks. Raises RequestError if the file cannot be used."""
    if project is None:
        return ProjectSettings()
    try:
        return read_settings(project)
    except SettingsError as error:
        raise RequestError(str(error)) from error


def palette_or_default(asked: str | None, settings: ProjectSettings) -> str | None:
    """The palette that is asked for, the project's if none is; None for "none"."""
    wanted = asked if asked is not None else settings.palette
    return None if wanted is not None and wanted.strip().lower() == NO_PALETTE else wanted


def locked_palette(
    services: Services, project: BevyProject | None, asked: str | None, settings: ProjectSettings
) -> Palette | None:
    """The colours of the palette that is asked for, else of the project's, if there is one; blocks. Raises PaletteError."""
    named = palette_or_default(asked, settings)
    return asked_palette(services, project, named) if named is not None else None


def size_or_default(asked: int | str | None, settings: ProjectSettings, sizes: Sequence[int]) -> int | str:
    """The size that is asked for; else the project's tile size, or the next that a model of these sizes draws; else 32."""
    if asked is not None or settings.tile_size is None:
        return asked if asked is not None else _SIDE
    wanted = settings.tile_size
    return min((side for side in sizes if side >= wanted), default=max(sizes))


def seen_from(prompt: str, category: str, settings: ProjectSettings, model: str) -> str:
    """The prompt with the project's view, where it matters and the model understands it; the embedded one knows no views."""
    if settings.view is None or not prompt.strip() or category not in _SEEN_FROM or model == EMBEDDED:
        return prompt
    return f"{prompt}, {settings.view} view"

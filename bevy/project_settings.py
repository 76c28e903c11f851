"""What a Bevy project wants by default: palette, tile size, view, model; kept in its `.dgx_pixels/settings.json`."""

import errno
import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.pixels.plain_file import open_plain

View = Literal["top-down", "side", "isometric"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]

MOST_BYTES = 1 << 16
LEAST_TILE, MOST_TILE = 8, 128
LEAST_PORT, MOST_PORT = 1024, 65535


class SettingsError(ValueError):
    """The project's settings cannot be used; the text says why and what to do."""


class ProjectSettings(BaseModel):
    """A project's defaults; None leaves the choice to DGX-Pixels. Unknown keys, of a later version's, are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    palette: Text | None = None
    """As the tools' argument `palette`: a name, hex colours, a file's path from the project's root, or "project"."""
    tile_size: Annotated[int, Field(ge=LEAST_TILE, le=MOST_TILE)] | None = None
    """Side of a tile in pixels: what is drawn without a size has this one."""
    view: View | None = None
    """Where the camera of the game stands."""
    model: Text | None = None
    """The contender that draws, as the tools' argument `model`."""
    meta: bool = False
    """Whether a `.meta` file that asks for sharp pixels is written beside each PNG."""
    brp_port: Annotated[int, Field(ge=LEAST_PORT, le=MOST_PORT)] | None = None
    """Where the running game answers the Bevy Remote Protocol."""


def settings_file(project: BevyProject) -> Path:
    """Where a project's settings stand."""
    return project.root / ".dgx_pixels" / "settings.json"


def read_settings(project: BevyProject) -> ProjectSettings:
    """Return the project's settings, the defaults if there is no file. Raises SettingsError."""
    file = settings_file(project)
    try:
        if not Path(os.path.realpath(file)).is_relative_to(project.root):
            raise OSError(errno.ELOOP, "it is a link that leads out of the project", str(file))
        with open_plain(file) as opened:
            return ProjectSettings.model_validate_json(opened.read(MOST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return ProjectSettings()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({error.strerror}): check it and its permissions.") from error
    except ValidationError as error:
        raise SettingsError(f"{file} cannot be used ({_fault(error)}): correct it, or remove it to set up anew.") from error


def to_bytes(settings: ProjectSettings) -> bytes:
    """Return the settings as JSON text, without what is left to DGX-Pixels."""
    return f"{json.dumps(settings.model_dump(mode='json', exclude_defaults=True), indent=2, ensure_ascii=False)}\n".encode()


def _fault(error: ValidationError) -> str:
    """Return the first fault in a few words: `tile_size: Input should be less than or equal to 128`."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]

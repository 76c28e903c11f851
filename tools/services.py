"""What tools work with: the owners of the scarce things, as the server composed them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fastmcp.dependencies import Depends
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_context, get_http_headers

from dgx_pixels.bevy.project import BevyProject, ProjectError, open_project
from dgx_pixels.bevy.reload import DEFAULT_PORT, DEFAULT_WAIT_S

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from dgx_pixels.bevy.publisher import Publisher
    from dgx_pixels.library.library import Library
    from dgx_pixels.models.catalogue import Catalogue
    from dgx_pixels.models.gpu import GpuThread
    from dgx_pixels.models.render import Render, RenderRequest
    from dgx_pixels.tools.jobs import JobRunner

PROJECT_HEADER = "x-dgx-pixels-project"
"""The HTTP header in which a stdio proxy says which Bevy project its client works in: a percent-encoded path, or empty."""
CALL_HEADER = "x-dgx-pixels-call"
"""The HTTP header in which a stdio proxy names each tool call, so that one that is sent again is known: 12 hex digits."""

ASKED: ContextVar[Mapping[str, Any] | None] = ContextVar("the arguments of this tool call, as they were sent", default=None)


@dataclass(frozen=True)
class Services:
    """One of each, for the life of the server."""

    library: Library
    jobs: JobRunner
    gpu: GpuThread[RenderRequest, Render]
    publisher: Publisher
    catalogue: Catalogue
    default_project: Callable[[], Path | None]
    """The project for requests that name none."""
    read_roots: tuple[Path, ...]
    """Folders whose files may be read besides the project's: the library's pictures, and what the user has named."""
    matting: Path
    """The folder of the matting model's file."""
    pictures: Executor
    """One thread for work on pictures, which may each take much memory."""
    brp_port: int = DEFAULT_PORT
    """Where a running game answers, unless its project's settings say otherwise."""
    reload_wait_s: float = DEFAULT_WAIT_S
    """Seconds to wait after a publish until a running game has shown it; 0 asks none."""
    serves: Callable[[BevyProject], None] = lambda _: None
    """Told of the project of each request."""
    device: str = "auto"
    """Where trainings run, as in the settings."""

    @property
    def home(self) -> Path:
        """The folder of all that lasts: see `docs/how-it-works.md`."""
        return self.catalogue.folder.parent


def _services() -> Services:
    found: Services = get_context().lifespan_context["services"]
    return found


ServicesDep: Services = Depends(_services)  # as a parameter's default, FastMCP fills it in and hides it from the schema


def call_id() -> str | None:
    """What the client's proxy calls this tool call: the id of the job that it starts. None if it is not from a proxy."""
    header = get_http_headers().get(CALL_HEADER)
    if header is not None and not re.fullmatch("[0-9a-f]{12}", header):
        raise ToolError(f"The header {CALL_HEADER} is {header[:50]!r}, not 12 hex digits: leave it out.")
    return header


def project_of(services: Services, asked: str | None) -> BevyProject | None:
    """The Bevy project of this request: the argument, else what the client's proxy says, else the server's own; or None.

    Raises:
        ToolError: a project is named that is not a usable Bevy project.

    """
    header = get_http_headers().get(PROJECT_HEADER)
    if asked is not None:
        path: Path | None = Path(asked)
    elif header is not None:
        path = Path(unquote(header)) if header else None
    else:
        path = services.default_project()
    if path is None:
        return None
    if not path.is_absolute():
        raise ToolError(f"The project {str(path)!r} is not an absolute path: give the folder with its Cargo.toml in full.")
    try:
        project = open_project(path)
    except ProjectError as error:
        raise ToolError(str(error)) from error
    services.serves(project)
    return project

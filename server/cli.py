"""The command line. Each command is a thin face of the function that does the work; what is slow to import is imported late."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dgx_pixels.server.our_words import in_our_words
from dgx_pixels.server.parser import parsed
from dgx_pixels.server.terminal import shown

if TYPE_CHECKING:
    from dgx_pixels.server.settings import Settings


def main(argv: list[str] | None = None) -> None:
    """Run one command; exits with 0, or with 1 and one sentence on stderr, or with 2 for wrong usage."""
    arguments = parsed(argv)
    _quiet()
    if arguments.command == "stdio":
        with _importing():
            from dgx_pixels.server.stdguard import divert  # this imports FastMCP, which reads its settings then
        divert()
    with nullcontext() if arguments.command == "stdio" else shown():
        sys.exit(_status(arguments))


def _status(arguments: argparse.Namespace) -> int:
    """Run the command; answers with its exit status."""
    try:
        with nullcontext() if arguments.command in ("serve", "stdio") else _said_once():
            return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except _expected_errors() as error:  # this imports much: a plain end must not come by here
        print(f"dgx-pixels: {in_our_words(_sentence(error))}", file=sys.stderr)
        return 1


def _quiet() -> None:
    """FastMCP's banner asks PyPI for news, its coloured logs are for terminals, and model libraries warn of what is meant.

    FastMCP would also take settings from a `.env` in the working folder, which may be a stranger's game.
    """
    os.environ["FASTMCP_ENV_FILE"] = os.devnull
    os.environ.setdefault("FASTMCP_SHOW_SERVER_BANNER", "false")
    os.environ.setdefault("FASTMCP_CHECK_FOR_UPDATES", "off")
    os.environ.setdefault("FASTMCP_ENABLE_RICH_LOGGING", "false")
    os.environ.setdefault("FASTMCP_LOG_LEVEL", "WARNING")
    for library in ("TRANSFORMERS", "DIFFUSERS"):
        os.environ.setdefault(f"{library}_VERBOSITY", "error")


@contextmanager
def _importing() -> Iterator[None]:
    """What imports make stays: to look through all of it for garbage, again and again, takes a tenth of a client's wait."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _said_once() -> Iterator[None]:
    """A command prints what was refused: what servers log of the same call would only repeat it, unless it is a traceback."""

    def is_news(record: logging.LogRecord) -> bool:
        return bool(record.exc_info)

    repeating = [logging.getLogger(name) for name in ("dgx_pixels.server.call_log", "fastmcp.server.server")]
    for logger in repeating:
        logger.addFilter(is_news)
    try:
        yield
    finally:
        for logger in repeating:
            logger.removeFilter(is_news)


def _expected_errors() -> tuple[type[Exception], ...]:
    from fastmcp.exceptions import ToolError
    from pydantic import ValidationError

    from dgx_pixels.library.database import LibraryError
    from dgx_pixels.models.header import ModelError
    from dgx_pixels.pixels.palette import PaletteError
    from dgx_pixels.server.find_server import NoServerError
    from dgx_pixels.server.serve import ServeError

    return (ToolError, LibraryError, ModelError, PaletteError, NoServerError, ServeError, ValidationError, OSError)


def _sentence(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    why = first["msg"].removeprefix("Value error, ")
    given = "what it is" if first["loc"][0] == "token" else repr(first["input"])  # a secret is not repeated
    return f"The setting {first['loc'][0]} cannot be {given}: {why[0].lower()}{why[1:]}."


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "pixelize" and (arguments.out is not None or arguments.worker):
        from dgx_pixels.server.pixelize_file import run_file

        return run_file(arguments)
    settings = _settings(arguments)
    if arguments.command == "serve":
        from dgx_pixels.server.serve import serve

        serve(settings, ends_when_idle=arguments.ends_when_idle)
        return 0
    if arguments.command == "stdio" and arguments.alone:
        with _importing():
            from dgx_pixels.server.stdio_alone import run_alone
        run_alone(settings)
        return 0
    if arguments.command == "stdio":
        with _importing():
            from dgx_pixels.server.stdio import run_stdio
        run_stdio(settings)
        return 0
    if arguments.command == "doctor":
        from dgx_pixels.server.doctor import run_doctor

        return run_doctor(settings, as_json=arguments.json)
    face = import_module(f"dgx_pixels.server.{arguments.command}_command")
    status: int = getattr(face, f"run_{arguments.command}")(settings, arguments)
    return status


def _settings(arguments: argparse.Namespace) -> Settings:
    from dgx_pixels.server.settings import Settings

    given: dict[str, Any] = {name: getattr(arguments, name, None) for name in Settings.model_fields}
    return Settings(**{name: value for name, value in given.items() if value is not None})

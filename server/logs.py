"""Logs: lines for people on stderr, and the same as JSON lines, with their job, in `home/logs/`, bounded."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from dgx_pixels.pixels.shown import printable
from dgx_pixels.tools.job_work import CURRENT_JOB

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_MOST_BYTES, _BACKUPS = 5 << 20, 4
_MOST_TEXT = 4000
"""Characters of one message or traceback: whatever a caller sends, a line stays a line."""
_OURS, _OTHERS = "dgx_pixels", ("fastmcp", "mcp", "uvicorn", "asyncio")


class Words(logging.Formatter):
    """One line a record, whatever is in it; a traceback's lines follow it, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Write the record on one line."""
        return printable(super().formatMessage(record))

    def formatException(  # noqa: N802  # logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Write the traceback so that none of its lines looks like a record."""
        return "\n".join(f"  {printable(line)}" for line in super().formatException(ei).splitlines())


class _StderrFile(RotatingFileHandler):
    """For a process whose stdout and stderr are the log file itself: they go on in the next file as the log does."""

    def doRollover(self) -> None:  # noqa: N802  # logging's name
        """Begin a new file."""
        super().doRollover()
        assert self.stream is not None, "a rotation opens the next file"
        for descriptor in (1, 2):
            os.dup2(self.stream.fileno(), descriptor)


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, and where there is one, job, error and the record's `facts`."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record on one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()[:_MOST_TEXT],
        }  # fmt: skip
        if job := CURRENT_JOB.get():
            line["job"] = job
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)[-_MOST_TEXT:]
        return json.dumps(line)


def configure(home: Path) -> None:
    """Log what this process does, from INFO on into `home/logs/server.jsonl`, from WARNING on on stderr, too.

    The file is at most 5 MiB, and four before it are kept. Where it cannot be written, a warning says so. A stderr that is
    `home/logs/server.log`, as a proxy starts a server, is bounded likewise, with one file before it.
    """
    people = _people(home / "logs" / "server.log")
    people.setFormatter(Words("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    people.setLevel(logging.WARNING)
    handlers: list[logging.Handler] = [people]
    refused: OSError | None = None
    try:
        folder = home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        machines = RotatingFileHandler(folder / "server.jsonl", maxBytes=_MOST_BYTES, backupCount=_BACKUPS, encoding="utf-8")
        machines.setFormatter(JsonLines())
        handlers.append(machines)
    except OSError as error:
        refused = error
    for handler in handlers:
        handler.addFilter(_is_news)
    for name in (_OURS, *_OTHERS):
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        for handler in handlers:
            logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.INFO if name == _OURS else logging.WARNING)
    if refused is not None:
        logging.getLogger(_OURS).warning("nothing is logged into %s: %s", home / "logs", refused)


def _is_news(record: logging.LogRecord) -> bool:
    """Not so that a client hung up in the middle of a request: who does so on purpose would fill the log with tracebacks."""
    return not record.exc_info or not isinstance(record.exc_info[1], ClientDisconnect)


def _people(log: Path) -> logging.Handler:
    try:
        if os.path.samestat(os.fstat(2), log.stat()):
            return _StderrFile(log, maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8")
    except OSError:  # there is no such file, or no stderr
        pass
    return logging.StreamHandler()

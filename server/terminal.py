"""What a command prints holds names, prompts and messages of strangers: their characters are shown, and none is obeyed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from dgx_pixels.pixels.shown import printable_lines

if TYPE_CHECKING:
    from io import TextIOBase

CLEAR_LINE = "\r\x1b[K"


class _Shown:
    """A text stream that writes what does not print as an escape; but for the returns of progress bars on stderr."""

    def __init__(self, stream: TextIO, *, returns: bool) -> None:
        self.stream = stream
        self._returns = returns

    def write(self, text: str) -> int:
        """Write the text; answers with its length."""
        parts = text.split("\r") if self._returns else [text]
        self.stream.write("\r".join(map(printable_lines, parts)))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write them all."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the stream's own
        return getattr(self.stream, name)


@contextmanager
def shown() -> Iterator[None]:
    """Within this context stdout and stderr write nothing that a terminal would obey: else see `order`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        cast("TextIO", _Shown(sys.stdout, returns=False)), cast("TextIO", _Shown(sys.stderr, returns=True)),
    )  # fmt: skip
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def order(stream: TextIO | TextIOBase, codes: str) -> None:
    """Write our own orders to a terminal: clear a line, go up."""
    getattr(stream, "stream", stream).write(codes)

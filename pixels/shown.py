"""Text of strangers as it may be shown: to a person in a terminal, to an agent in an answer, in a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with each character that does not print as its escape: no line that is none, and no order to a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """The text with its lines and tabs as they are, and each other character that does not print as its escape."""
    return text if text.isprintable() else "".join(c if c in "\n\t" else printable(c) for c in text)


def one_line(text: str, most: int) -> str:
    """At most `most` characters of a text on one line: what does not print, line ends among it, is a space."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"

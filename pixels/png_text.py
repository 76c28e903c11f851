"""Words in a PNG: the recipe that a picture carries, written, read from files of unknown origin, and taken out.

Chunk by chunk as in the PNG specification (https://www.w3.org/TR/png-3/#11textinfo), since Pillow would decode the picture for
it, and unpack every text on the way.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

MOST_RECIPE: Final = 64 * 1024
"""Bytes of the longest recipe that is written or read; the longest of ours have about 10,000."""

_KEYWORD: Final = b"dgx_pixels"
_SOFTWARE: Final = b"Software\0DGX-Pixels"
"""What made the picture, under the specification's own keyword: what asset tools and stores look for."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PICTURE: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""The chunks that make the pixels."""
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")
_MOST_CHUNKS: Final = 100_000
_ITXT_HEAD: Final = re.compile(rb"[\x20-\x7e\xa1-\xff]{1,79}\0(?P<packed>[\0\1])\0[^\0]{0,80}\0[^\0]{0,800}\0", re.DOTALL)


class PngError(ValueError):
    """The bytes are no whole PNG, or its recipe cannot be had; the text says why in one sentence."""


def with_recipe(png: bytes, recipe: str) -> bytes:
    """Put a recipe into a PNG as the iTXt chunk "dgx_pixels", in place of one that is there, and "Software" as tEXt.

    Both stand behind the header; the picture is left as it is, and equal arguments give equal bytes. Raises PngError for what
    is no whole PNG, and ValueError for a recipe of more than MOST_RECIPE bytes.
    """
    text = recipe.encode()
    if len(text) > MOST_RECIPE:
        raise ValueError(f"The recipe has {len(text):,} bytes, but at most {MOST_RECIPE:,} are allowed.")
    ours = _chunk(b"tEXt", _SOFTWARE) + _chunk(b"iTXt", _KEYWORD + b"\0\0\0\0\0" + text)
    kept = [_chunk(kind, body) for kind, body in _chunks(png) if not _is_ours(kind, body)]
    return b"".join([_SIGNATURE, kept[0], ours, *kept[1:]])


def recipe_in(png: bytes) -> str | None:
    """Read the recipe that a PNG carries, from an iTXt, zTXt or tEXt chunk "dgx_pixels"; None if it carries none.

    Nothing but that chunk is unpacked, and of it no more than MOST_RECIPE bytes. What the text says is not looked at.

    Raises PngError for what is no whole PNG, and for a recipe that is too long, damaged, or no UTF-8 text.
    """
    for kind, body in _chunks(png):
        if kind in _TEXTS and body.startswith(_KEYWORD + b"\0"):
            return _read(kind, body)
    return None


def without_text(png: bytes) -> bytes:
    """Take out all that does not make the pixels: texts, times, EXIF data, profiles. Raises PngError for what is no whole PNG."""
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in _chunks(png) if kind in _PICTURE)


def _is_ours(kind: bytes, body: bytes) -> bool:
    return (kind in _TEXTS and body.startswith(_KEYWORD + b"\0")) or (kind == b"tEXt" and body == _SOFTWARE)


def _read(kind: bytes, body: bytes) -> str:
    """The text of a chunk, whatever its kind."""
    if kind == b"iTXt":
        head = _ITXT_HEAD.match(body)
        if head is None:
            raise PngError("The recipe in this PNG is damaged: its text chunk has no proper head.")
        data, packed = body[head.end() :], head["packed"] == b"\1"
    else:
        data, packed = body[len(_KEYWORD) + 1 :], kind == b"zTXt"
        data = data[1:] if packed else data  # the method, of which there is one
    if packed:
        data = _unpacked(data)
    if len(data) > MOST_RECIPE:
        raise PngError(
            f"The recipe in this PNG has more than {MOST_RECIPE:,} bytes, which is the most that is read: it is none of ours."
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PngError("The recipe in this PNG is no UTF-8 text: it is damaged, or none of ours.") from error


def _unpacked(data: bytes) -> bytes:
    """At most one byte more than is allowed, however much is packed into it."""
    try:
        return zlib.decompressobj().decompress(data, MOST_RECIPE + 1)
    except zlib.error as error:
        raise PngError("The recipe in this PNG is damaged: it cannot be unpacked.") from error


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind and body, from the header to the end. Raises PngError where the file is not as it must be."""
    if not png.startswith(_SIGNATURE):
        raise PngError(f"These {len(png):,} bytes are no PNG: give a PNG file's content, unchanged.")
    at = len(_SIGNATURE)
    for number in range(_MOST_CHUNKS):
        if at + 12 > len(png):
            break
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12
        if at > len(png) or (number == 0) != (kind == b"IHDR"):
            break
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(png[at - 4 : at]):
            break
        yield kind, body
        if kind == b"IEND":
            return
    raise PngError("The PNG is damaged or cut short: save or download it again.")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))

"""Names of assets: what is allowed, how a prompt becomes one, and where its file stands in the project."""

import hashlib
import re
import unicodedata
from typing import Literal

Category = Literal["character", "enemy", "npc", "item", "tile", "ui", "effect", "projectile", "environment", "background"]

MAX_LENGTH = 48
_ALLOWED = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_LENGTH - 1}}}")
# File names end in _v2 for the second variant and in _0001 for the first frame; a bare v2 would become one in `item_v2.png`.
_RESERVED_END = re.compile(r"(?:_v\d+|_\d{4})+$")
_RESERVED = re.compile(r"v\d+")
_ARTICLES = frozenset({"a", "an", "the"})
_FALLBACK = "sprite"


class AssetNameError(ValueError):
    """The name cannot be an asset's; the text says what is allowed and suggests a name."""


def check_name(name: str) -> str:
    """Return `name` unchanged if it is allowed: 1 to 48 of a-z, 0-9 and _, a letter first, no variant or frame number last.

    Raises:
        AssetNameError: the name is not allowed; the text suggests the nearest one that is.

    """
    suggestion = f"try {name_from_prompt(name.replace('_', ' '))!r}."
    if not _ALLOWED.fullmatch(name):
        raise AssetNameError(
            f"The name {name[:80]!r} is not allowed: use 1 to {MAX_LENGTH} of a-z, 0-9 and _, with a letter first; {suggestion}"
        )
    if _is_reserved(name):
        raise AssetNameError(
            f"The name {name!r} is not allowed: an end like _v2 or _0001 is kept for variants and frames; {suggestion}"
        )
    return name


def name_from_prompt(prompt: str) -> str:
    """Return an allowed name made of the prompt's words: "A red potion!" gives "red_potion".

    A prompt without Latin words gives "sprite_" and six digits of its SHA-256, so that two such prompts get two names.
    """
    plain = unicodedata.normalize("NFKD", prompt.casefold()).encode("ascii", "ignore").decode("ascii")
    words = [word for word in re.findall(r"[a-z0-9]+", plain.replace("'", "")) if word not in _ARTICLES]
    while words and words[0][0].isdigit():
        words.pop(0)
    name = _RESERVED_END.sub("", _shorten("_".join(words)))
    if name and not _is_reserved(name):
        return name
    return f"{_FALLBACK}_{hashlib.sha256(prompt.encode(errors='surrogatepass')).hexdigest()[:6]}"


def sprite_path(category: Category, name: str, variant: int, variants: int) -> str:
    """Return the path, relative to assets/, of variant `variant` (counted from 1) of `variants` of a sprite.

    Raises:
        AssetNameError: the name is not allowed, or there is no such variant.

    """
    if not 1 <= variant <= variants:
        raise AssetNameError(f"There is no variant {variant} of {variants}: variants count from 1 to {variants}.")
    suffix = f"_v{variant}" if variants > 1 else ""
    return f"sprites/{category}_{check_name(name)}{suffix}.png"


def tileset_path(name: str) -> str:
    """Return the path, relative to assets/, of a tileset. Raises AssetNameError if the name is not allowed."""
    return f"tiles/tile_{check_name(name)}.png"


def _is_reserved(name: str) -> bool:
    return bool(_RESERVED_END.search(name) or _RESERVED.fullmatch(name))


def _shorten(name: str) -> str:
    if len(name) <= MAX_LENGTH:
        return name
    whole_words = name[: MAX_LENGTH + 1].rpartition("_")[0]
    return whole_words or name[:MAX_LENGTH]

"""The text of a game's credits: tables of models and pictures, and plain sentences on AI, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from dgx_pixels.models.catalogue import EMBEDDED, BaseModel, Catalogue, Lora, ModelError, weights_sha256
from dgx_pixels.models.header import read_header

UNKNOWN: Final = "**unknown**: find it out before you publish the game"
WAYS: Final = {
    "sprite": "drawn by an image model from a prompt", "tileset": "assembled from textures that an image model drew",
    "training sample": "drawn by a LoRA in training", "pixelize": "made of another picture", "edited": "edited by hand",
    "imported": "not made here: it was in the project before",
}  # fmt: skip
_LOST: Final = "of unknown origin: its recipe is lost"
_DRAWN: Final = ("sprite", "tileset", "training sample")
_LEARNT_FROM: Final = (
    "Dungeon Crawl Stone Soup tiles that their artists released under CC0 1.0 (github.com/crawl/tiles, Nov-2015)"
)
_MOST_NAMES: Final = 12
"""Names of models in a sentence."""


@dataclass(frozen=True, order=True)
class Use:
    """A model that made a picture, and which weights those were."""

    kind: str
    """"base model" or "LoRA"."""
    name: str
    weights: tuple[tuple[str, str], ...] = ()
    """Each file and its SHA-256, as the recipe has them; empty if none does."""


@dataclass(frozen=True)
class Picture:
    """A published picture, and what it and all that it was made from have been made by."""

    path: str
    kind: str
    """Its recipe's; "" if that is lost."""
    edited: bool
    supplied: bool
    """Whether a picture from outside was among its beginnings."""
    alone: bool
    """Whether nothing is known of what it was made from."""
    uses: frozenset[Use]

    @property
    def drawn(self) -> bool:
        """Whether an image model made it, or what it was made from."""
        return bool(self.uses) or self.kind in _DRAWN

    @property
    def unknown(self) -> bool:
        """Whether nobody can tell what made it."""
        return not self.drawn and (self.kind not in WAYS or (self.kind == "edited" and self.alone))


def credits_text(catalogue: Catalogue, game: str, pictures: Sequence[Picture]) -> str:
    """The text of a CREDITS.md. It reads weights whose digests are not known yet; blocks."""
    bases = {b.id: b for b in catalogue.bases()}
    loras = {lora.id: lora for lora in catalogue.loras()}
    uses = Counter(use for picture in pictures for use in picture.uses)
    rows = [_row(use, (bases if use.kind == "base model" else loras).get(use.name), count) for use, count in sorted(uses.items())]
    return "\n".join([
        f"# Credits of the pictures of {_plain(game)}", "",
        f"Made with DGX-Pixels {version('dgx-pixels')} (Apache-2.0), which has published {_pictures(len(pictures))} in it.", "",
        "## Models and data", "",
        *(["| what | licence | SHA-256 of its weights | learnt from | pictures |", "|---|---|---|---|---|", *rows] if rows
          else ["No picture was made by a model."]), "",
        "## How AI was used", "", _disclosure(pictures), "",
        "## Pictures", "", "| file | how | models |", "|---|---|---|", *map(_line, pictures), "",
    ])  # fmt: skip


def _row(use: Use, model: BaseModel | Lora | None, count: int) -> str:
    what, drew = f"{_plain(use.name)} ({use.kind}", _shown(use.weights)
    if model is None:
        return f"| {what}) | {UNKNOWN} (it is not on this machine any more) | {drew} | | {count} |"
    today = _today(model)
    recorded = dict(use.weights)
    if any(today.get(name, digest) != digest for name, digest in use.weights):
        why = "what has this name here now are other weights"
        return f"| {what}) | {UNKNOWN} ({why}) | {drew} | | {count} |"
    licence = UNKNOWN if model.licence.startswith("unknown") else _plain(model.licence)
    source = f", from {_plain(model.source)}" if model.source else ""
    own = tuple((name, digest) for name, digest in today.items() if recorded.get(name, digest) == digest)
    digest = _shown(own) or "cannot be read"
    if not any(name in today for name in recorded):
        digest = f"not recorded; now {digest}"
        licence = licence if licence == UNKNOWN else f"{licence} (if it was the same as now)"
    return f"| {what}{source}) | {licence} | {digest} | {_learnt_from(model)} | {count} |"


def _today(model: BaseModel | Lora) -> dict[str, str]:
    """The digests of a model's weights under the names that recipes give them; none if they cannot be read."""
    try:
        return {model.id: model.sha256()} if isinstance(model, Lora) else weights_sha256(model)
    except OSError:
        return {}


def _shown(weights: Sequence[tuple[str, str]]) -> str:
    more = f" and {len(weights) - 1} more" if weights[1:] else ""
    return "".join(f"`{_plain(digest)}`{more}" for _, digest in weights[:1])


def _learnt_from(model: BaseModel | Lora) -> str:
    if isinstance(model, BaseModel):
        return _LEARNT_FROM if model.id == EMBEDDED else "see its page"
    try:
        metadata = read_header(model.file).metadata
    except ModelError:
        return "see its page"
    dataset, note = metadata.get("dgx_pixels.dataset_sha256"), metadata.get("modelspec.license", "unknown")
    if dataset is None:
        return "see its page"
    licence = UNKNOWN if note == "unknown" else _plain(note)
    return f"a dataset with SHA-256 `{_plain(dataset)}`, whose licence is {licence}"


def _pictures(count: int) -> str:
    return f"{count} picture{'s' * (count != 1)}"


def _disclosure(pictures: Sequence[Picture]) -> str:
    """Plain sentences, such as Steam's content survey asks for."""
    drawn = [p for p in pictures if p.drawn]
    edited, begun = sum(p.edited for p in drawn), sum(p.supplied for p in drawn)
    supplied = sum(p.supplied and not p.drawn for p in pictures)
    unknown = sum(p.unknown for p in pictures)
    if drawn:
        said = (
            f"Pre-generated AI content: {len(drawn)} of {_pictures(len(pictures))} that DGX-Pixels published in this game "
            f"{'was' if len(drawn) == 1 else 'were'} made by image models ({_names(drawn)}) on the developer's own machine while "
            "the game was developed."
        )
    elif unknown:
        said = f"Of the {len(pictures)} pictures that DGX-Pixels published in this game none is known to be an image model's."
    else:
        said = "None of the pictures that DGX-Pixels published in this game was made by an image model here."
    return " ".join([
        said,
        *([f"{edited} of them were edited by hand afterwards."] if edited else []),
        *([f"{begun} of them began with a picture that the developer supplied."] if begun else []),
        *([f"{supplied} more were made of pictures that the developer supplied: DGX-Pixels cannot know whether AI made those."]
          if supplied else []),
        *([f"{unknown} are of unknown origin: find out whether AI made them."] if unknown else []),
        "Live-generated AI content: none by DGX-Pixels, which makes no pictures while the game runs.",
    ])  # fmt: skip


def _names(pictures: Sequence[Picture]) -> str:
    names = sorted({_plain(use.name) for picture in pictures for use in picture.uses}) or ["of unknown name"]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _line(picture: Picture) -> str:
    also = ", then edited by hand" if picture.edited and picture.kind != "edited" else ""
    return f"| {picture.path} | {WAYS.get(picture.kind, _LOST)}{also} | {_names([picture]) if picture.uses else ''} |"


def _plain(text: str) -> str:
    """Text that can neither break out of a table's cell nor be anything but text."""
    return " ".join(text.translate(_MARKS).split())[:100]


_MARKS: Final = str.maketrans("|<>[]`*\\", "/()()'  ")

"""What is said of a dataset before anything is trained: what it holds, what was left out, and what will show in the LoRA."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from dgx_pixels.pixels.dataset_alike import nearly_same
from dgx_pixels.pixels.dataset_look import MANY_COLORS
from dgx_pixels.pixels.preview import contact_sheet
from dgx_pixels.pixels.read import FORMATS
from dgx_pixels.pixels.sprite import Sprite
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.dataset_captions import style_colours
from dgx_pixels.tools.dataset_request import CaptionAnswer, DatasetReport, SkippedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dgx_pixels.tools.dataset_draft import Draft, Learnt

FEWEST: Final = 5
"""With fewer a LoRA learns the pictures by heart, and whatever is asked for, one of them comes."""
FEW: Final = 20
_ONE_SIDED: Final = 0.7
_HALF_CLEAR: Final = 0.1
_SHOWN: Final = 64
_SCALE: Final = 2
_COLUMNS: Final = 8


def check_enough(draft: Draft) -> None:
    """Raise RequestError, with one sentence, if there is too little to learn from."""
    if len(draft.learnt) >= FEWEST:
        return
    found = len(draft.learnt) + len(draft.skipped)
    if found == 0:
        begin = f"There are no pictures ({', '.join(FORMATS)})"
    else:
        begin = f"Only {len(draft.learnt)} of {found} pictures can be learnt from"
    reasons = f" ({_reasons(draft.skipped)})" if draft.skipped else ""
    raise RequestError(f"{begin}, but a LoRA needs {FEWEST} at least, better {FEW} to 100: give more sprites{reasons}.")


def report_of(draft: Draft, captions: Sequence[str], told: Sequence[str], sheet: Path, digest: str) -> DatasetReport:
    """What is said of a whole draft; `told` are the warnings from before."""
    learnt = draft.learnt
    pairs = nearly_same([item.small for item in learnt])
    every = max(1, len(learnt) // 8)
    return DatasetReport(
        images=len(learnt), sizes=_counted(f"{i.width}x{i.height}" for i in learnt),
        sprites=dict(list(_counted(f"{i.sprite[0]}x{i.sprite[1]}" for i in learnt).items())[:10]),
        skipped=[SkippedAnswer(file=file, why=why) for file, why in draft.skipped[:100]], skipped_count=len(draft.skipped),
        duplicates=[(learnt[i].name, learnt[j].name) for i, j in pairs[:50]],
        warnings=[*told, *_warnings(draft, len(pairs))],
        captions=[CaptionAnswer(file=i.name, caption=c) for i, c in list(zip(learnt, captions, strict=True))[::every][:8]],
        contact_sheet=sheet, hash=digest,
    )  # fmt: skip


def sheet_of(draft: Draft) -> bytes:
    """A PNG of up to 64 pictures, an even choice, each at its true size times two, in front of the ground that is learnt."""
    count = min(_SHOWN, len(draft.learnt))
    chosen = [draft.learnt[i] for i in np.linspace(0, len(draft.learnt) - 1, count).astype(int)]
    return contact_sheet([_true_size(draft.folder / item.file, item) for item in chosen], _COLUMNS, _SCALE)


def _true_size(file: Path, item: Learnt) -> Sprite:
    with Image.open(file, formats=("PNG",)) as image:
        rgb = np.asarray(image.convert("RGB"))
    begin = [
        (side - cells * item.factor) // 2 % item.factor for side, cells in zip(rgb.shape[:2], item.sprite[::-1], strict=True)
    ]
    cells = rgb[begin[0] + item.factor // 2 :: item.factor, begin[1] + item.factor // 2 :: item.factor]
    return Sprite(np.dstack([cells, np.full(cells.shape[:2], 255, np.uint8)]), ())


def _warnings(draft: Draft, pairs: int) -> list[str]:
    learnt, count = draft.learnt, len(draft.learnt)
    soft = [i.name for i in learnt if i.soft_alpha > _HALF_CLEAR]
    cut = [i.name for i in learnt if i.cut_out]
    painted = [i.name for i in learnt if i.colors > MANY_COLORS]
    unnamed = [i.name for i in learnt if not i.source.caption and not i.source.words]
    clear = sum(i.clear for i in learnt)
    said = [
        (count < FEW, f"There are only {count} pictures: the LoRA may repeat them; {FEW} to 100 are better."),
        (bool(draft.skipped), f"{len(draft.skipped)} left out: {_reasons(draft.skipped)}."),
        (pairs > 0, f"{pairs} near {'copy of another' if pairs == 1 else 'copies of other pictures'}: keep the best of each."),
        (bool(soft), f"{_some(soft)} had soft edges, which were cut at half: check the contact sheet."),
        (bool(cut), f"{_some(cut)} stood on a plain ground, which was taken off: check the contact sheet."),
        (bool(painted), f"{_some(painted)} with more than {MANY_COLORS} colours: painted rather than pixel art."),
        (bool(unnamed), f"{_some(unnamed)} named after nothing that is seen: rename it, or put a .txt beside it."),
        (bool(draft.rows), f"{_some(draft.rows)} may be a row of frames: give the grid, like 32x32, to learn from each frame."),
        (0 < clear < count, f"{count - clear} of {count} have no clear ground, the others do: better train one LoRA on each."),
    ]  # fmt: skip
    return [text for wrong, text in said if wrong] + _one_sided(learnt)


def _one_sided(learnt: Sequence[Learnt]) -> list[str]:
    count, said = len(learnt), []
    name, most = _commonest(i.source.category for i in learnt if i.source.category)
    if most > _ONE_SIDED * count:
        said.append(f"{most} of {count} are of the category {name}: the style will show less surely in others.")
    name, most = _commonest(i.source.name for i in learnt if i.frame is not None)
    if most > _ONE_SIDED * count:
        said.append(f"{most} of {count} are frames of {name}: the LoRA will draw that subject rather than its style.")
    for colour in sorted(style_colours([i.measured for i in learnt])):
        said.append(f"Most of the pictures are {colour}: that becomes part of the style, and no caption says it.")
    return said


def _commonest(names: Iterable[str]) -> tuple[str, int]:
    return (Counter(names).most_common(1) or [("", 0)])[0]


def _reasons(skipped: Sequence[tuple[str, str]]) -> str:
    """The first three of what was left out, and why."""
    first = "; ".join(f"{file}: {why}"[:200] for file, why in skipped[:3])
    return f"{first}; and {len(skipped) - 3} more" if len(skipped) > 3 else first


def _some(names: Sequence[str]) -> str:
    first = ", ".join(names[:3])
    return f"{len(names)} pictures ({first}{', ...' if len(names) > 3 else ''})" if len(names) > 1 else f"1 picture ({first})"


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())

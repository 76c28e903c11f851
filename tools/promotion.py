"""How a contender becomes a project's default: the votes are looked at, the settings written, the promotion kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Final

from dgx_pixels.bevy.project_settings import settings_file
from dgx_pixels.library.comparison_answer import JudgedAnswer
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.ranking import FEWEST_VOTES, Tally, judge
from dgx_pixels.models.catalogue import ModelError, check_weights
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.tools.answers_promotion import PromotionAnswer, told
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.project_defaults import settings_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.bevy.project_settings import ProjectSettings
    from dgx_pixels.models.contender import Contender
    from dgx_pixels.tools.services import Services

_ENOUGH: Final = ("better", "good", "production")
_TOLD: Final = 20


async def standing(services: Services, project: BevyProject) -> PromotionAnswer:
    """What draws in the project now, and its promotions. Raises RequestError for settings that cannot be used."""
    settings = await asyncio.to_thread(settings_of, project)
    made = [p for p in await services.library.promotions.of(str(project.root)) if p.undone is None]
    if made and made[0].contender == settings.model:
        how = "It was promoted by force" if made[0].forced else "It was promoted"
        votes = _says(made[0].votes)
        said = f"{how} over {made[0].against}: {votes}. rollback=true takes it back."
    else:
        said = "Compare others with it (compare_models), and promote what wins."
    return await _told(services, project, settings, said)


async def promote(services: Services, project: BevyProject, text: str, *, force: bool) -> PromotionAnswer:
    """Make a contender the project's default.

    Raises RequestError, in one sentence with the numbers, if the votes do not say that it is better and `force` is false;
    ModelError for one that cannot draw; PublishError and LibraryError if the disk refuses, and then nothing has changed.
    """
    settings = await asyncio.to_thread(settings_of, project)
    contender = await asyncio.to_thread(_able, services, text)
    wanted = str(contender)
    against = await _drawing(services, settings)
    if wanted == against:
        if settings.model is not None:
            return await _told(services, project, settings, "It was the default already: nothing has changed.")
        votes = Tally()  # it draws already, since nothing else is set: to say so needs no evidence
    else:
        now = await asyncio.to_thread(_files, services, wanted, against)
        votes = await services.library.comparisons.ballots.tally(str(project.root), wanted, against, now)
        if not force:
            _refuse_unproven(wanted, against, votes)
    proven = judge(votes).verdict in _ENOUGH or wanted == against
    new = settings.model_copy(update={"model": wanted})
    keep = partial(services.library.promotions.add, str(project.root), wanted, settings.model, against, votes, forced=not proven)
    await _change(services, project, settings, new, keep)
    said = f"Over {against}: {_says(votes)}. " if wanted != against else ""
    answer = await _told(services, project, new, f"{said}generate_sprite draws with it now; rollback=true takes it back.")
    evidence = JudgedAnswer(against=against, **asdict(votes), **asdict(judge(votes)))
    return answer.model_copy(update={"changed": True, "evidence": evidence})


async def roll_back(services: Services, project: BevyProject, *, force: bool) -> PromotionAnswer:
    """Make what was the default before the last promotion the default again; again, it goes back another step.

    Raises RequestError if there is no promotion to take back, or if the default was changed since and `force` is false;
    ModelError if the former default cannot draw any more; PublishError and LibraryError if the disk refuses.
    """
    settings = await asyncio.to_thread(settings_of, project)
    made = [p for p in await services.library.promotions.of(str(project.root)) if p.undone is None]
    if not made:
        raise RequestError(f"There is no promotion in {project.root} to take back: setup_project sets another model.")
    last = made[0]
    if settings.model != last.contender and not force:
        raise RequestError(
            f"The model was set to {settings.model or 'none'} after {last.contender} was promoted: set it with setup_project, or "
            f"take the promotion back all the same (force=true), which sets {last.before or 'none'}."
        )
    if last.before is not None:
        await asyncio.to_thread(_able, services, last.before)
    new = settings.model_copy(update={"model": last.before})
    await _change(services, project, settings, new, partial(services.library.promotions.undo, last))
    answer = await _told(services, project, new, f"It was the default before {last.contender}.")
    return answer.model_copy(update={"changed": True})


def _refuse_unproven(wanted: str, against: str, votes: Tally) -> None:
    found = judge(votes)
    if found.verdict in _ENOUGH:
        return
    why = {
        "too few votes": f"at least {FEWEST_VOTES} decided votes of ended comparisons of these very files are needed",
        "undecided": "that may be chance",
        "worse": "below 40 % is worse",
        "no clear difference": "more than 60 % is better",
    }[found.verdict]
    raise RequestError(
        f"{wanted} is not promoted: against {against}, which draws now, {_says(votes)}, and {why}. "
        "Compare the two on more prompts (compare_models, then record_vote), or promote it all the same with force=true."
    )


def _says(votes: Tally) -> str:
    """`it won 7 of 9 decided votes (78 %, 95 % interval 45 to 94 %), with 2 ties and 1 neither`."""
    found = judge(votes)
    rest = (
        f", with {votes.ties} {'tie' if votes.ties == 1 else 'ties'} and {votes.neither} neither"
        if votes.ties or votes.neither
        else ""
    )
    if found.win_rate is None:
        return f"there is no decided vote yet{rest}"
    rate, low, high = (round(share * 100) for share in (found.win_rate, found.low, found.high))
    return f"it won {votes.wins} of {votes.decided} decided votes ({rate} %, 95 % interval {low} to {high} %){rest}"


def _able(services: Services, text: str) -> Contender:
    """The contender of this name, whose base model can draw. Raises ModelError."""
    contender = parse_contender(services.catalogue, text)
    check_weights(contender.base)
    return contender


def _files(services: Services, *texts: str) -> dict[str, str]:
    """The files of contenders as they are now, as comparisons keep them: votes on others are no evidence.

    One that cannot be read draws no more, and is left out. Raises ModelError if a file cannot be read.
    """
    found = {}
    for text in texts:
        try:
            found[text] = json.dumps(parse_contender(services.catalogue, text).weights_sha256(), sort_keys=True)
        except ModelError:  # the present default: its file is gone, and its votes stay what they were
            continue
        except OSError as error:
            raise ModelError(f"A file of {text} cannot be read ({error}): check it and its permissions.") from error
    return found


async def _drawing(services: Services, settings: ProjectSettings) -> str:
    """The contender that draws now, as comparisons write it; what the settings say if that cannot draw any more."""
    try:
        return str(await asyncio.to_thread(parse_contender, services.catalogue, settings.model))
    except ModelError:
        return settings.model or ""


async def _change(
    services: Services, project: BevyProject, old: ProjectSettings, new: ProjectSettings, keep: Callable[[], Awaitable[None]]
) -> None:
    """Write the settings, then keep that; if it cannot be kept, the old settings stand again."""
    await asyncio.to_thread(services.publisher.write_settings, project, new)
    try:
        await keep()
    except LibraryError:
        await asyncio.to_thread(services.publisher.write_settings, project, old)
        raise


async def _told(services: Services, project: BevyProject, settings: ProjectSettings, said: str) -> PromotionAnswer:
    made = await services.library.promotions.of(str(project.root))
    return PromotionAnswer(
        project=str(project.root), file=str(settings_file(project)), default=await _drawing(services, settings),
        chosen=settings.model is not None, changed=False, history=[told(p) for p in made[:_TOLD]], next=said,
    )  # fmt: skip

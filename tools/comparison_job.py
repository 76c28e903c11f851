"""The work of a comparison: every contender's picture for every round, kept one by one; what is there is not drawn again."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dgx_pixels.library.comparison_blind import told
from dgx_pixels.library.comparison_records import ADDED, NewCell
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.gpu_work import Priority
from dgx_pixels.models.render import SpoiltError
from dgx_pixels.pixels.measures import measure
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.comparison_page import write_page
from dgx_pixels.tools.comparison_request import ComparisonRequest
from dgx_pixels.tools.job_finished import with_recipe
from dgx_pixels.tools.job_work import CURRENT_JOB, JobFailedError
from dgx_pixels.tools.sprite_job import JOB_ERRORS, draw_variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.library.comparison_records import Comparison
    from dgx_pixels.models.contender import Contender
    from dgx_pixels.tools.job_work import Report
    from dgx_pixels.tools.services import Services

logger = logging.getLogger(__name__)


async def comparison_job(
    services: Services, request: ComparisonRequest, project: BevyProject | None, report: Report
) -> JobResult:  # fmt: skip
    """Draw what is not drawn yet, round by round; the comparison's id is the job's. Raises JobFailedError.

    One that goes on draws what was first asked for, whatever the project's settings are by now.
    """
    comparison_id, kept = CURRENT_JOB.get(), services.library.comparisons
    try:
        first = await kept.begin(
            comparison_id, str(project.root) if project else "", request.contenders, request.rounds, blind=request.blind,
            base=request.base, note=request.note, request=request.model_dump_json(),
        )  # fmt: skip
        await _draw(services, ComparisonRequest.model_validate_json(first), await kept.get(comparison_id), report)
        await _show(services, comparison_id)
        return JobResult(comparison=await told(kept, comparison_id))
    except ValidationError as error:
        raise JobFailedError("Another version of dgx-pixels had begun this comparison: ask for a new one.") from error
    except JOB_ERRORS as error:
        raise JobFailedError(str(error)) from error


async def _draw(services: Services, request: ComparisonRequest, found: Comparison, report: Report) -> None:
    """Draw the missing cells of all rounds; a round with a picture that does not come out is left out.

    Inside a round by chance, not by label, and told as rounds, without steps or previews: how long a picture takes would say
    who draws it. Once voting has ended nothing more is drawn: nobody could vote on it. Raises one of JOB_ERRORS; the last one's
    if no round came out.
    """
    kept, spoilt = services.library.comparisons, None
    cells = len(found.rounds) * len(found.contenders)
    done = sum(len(r.cells) for r in found.rounds)
    report(done, cells, "waiting for the GPU thread and the model")
    for r in (r for r in found.rounds if not r.complete):
        if (await kept.get(found.id)).revealed:
            return
        missing = [place for place in r.places if place not in r.cells]
        try:
            for i, place in enumerate(secrets.SystemRandom().sample(missing, len(missing)), start=1):
                await kept.add_cell(found.id, await _cell(services, request, r.number, place))
                await services.library.jobs.progressed(found.id)
                report(done + i, cells, f"drawing round {r.number} of {len(found.rounds)}")
        except SpoiltError as error:
            spoilt = error
            why = f"Round {r.number} was left out: one of its pictures came out black or broken."
            await kept.leave_out(found.id, r.number, why)
        done += len(missing)
        await _show(services, found.id)
    if spoilt is not None and not (await kept.get(found.id)).rounds:
        raise spoilt


async def _show(services: Services, comparison_id: str) -> None:
    """Write the page as far as there is something to show; a comparison does not end for want of it."""
    if (await services.library.comparisons.get(comparison_id)).complete:
        try:
            await write_page(services, comparison_id)
        except LibraryError as error:
            logger.warning("%s", error)


async def _cell(services: Services, request: ComparisonRequest, round_number: int, place: int) -> NewCell:
    """One contender's picture: what generate_sprite draws and keeps for the same request."""
    asked = request.cell(round_number, place)
    contender = await asyncio.to_thread(parse_contender, services.catalogue, asked.model)
    own = await asyncio.to_thread(parse_contender, services.catalogue, request.contenders[place])
    drawn = await draw_variant(services, asked, contender, None, 0, None, Priority.BATCH)

    def finished() -> NewCell:
        measured = measure(
            drawn.render.pixels, drawn.sprite, palette=asked.palette, transparent=asked.transparent, ground=contender.base.ground,
            reference=request.reference,
        )  # fmt: skip
        return NewCell(
            round_number, place, with_recipe(drawn.sprite, drawn.recipe)[0],
            _weights(drawn.render.weights_sha256, own, contender), drawn.render.seconds, drawn.render.peak_bytes,
            asdict(measured),
        )  # fmt: skip

    return await asyncio.to_thread(finished)


def _weights(files: Mapping[str, str], own: Contender, drawn: Contender) -> str:
    """The files that drew, as comparisons keep them: those that a profile added are told from the contender's own."""
    added = {lora.id for lora, _ in drawn.loras} - {lora.id for lora, _ in own.loras}
    return json.dumps({ADDED * (name in added) + name: digest for name, digest in files.items()}, sort_keys=True)

"""The work of a comparison: every contender's picture for every round, kept one by one; what is there is not drawn again."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict
from typing import TYPE_CHECKING

from dgx_pixels.library.comparison_records import NewCell
from dgx_pixels.library.comparison_report import told
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.pixels.measures import measure
from dgx_pixels.tools.answers import JobResult
from dgx_pixels.tools.comparison_page import write_page
from dgx_pixels.tools.finished import with_recipe
from dgx_pixels.tools.jobs import CURRENT_JOB, JobFailedError
from dgx_pixels.tools.sprite_job import JOB_ERRORS, draw_variant

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.comparison_request import ComparisonRequest
    from dgx_pixels.tools.jobs import Report
    from dgx_pixels.tools.services import Services


async def comparison_job(
    services: Services, request: ComparisonRequest, project: BevyProject | None, report: Report
) -> JobResult:  # fmt: skip
    """Draw what is not drawn yet, round by round; the comparison's id is the job's. Raises JobFailedError."""
    comparison_id, kept = CURRENT_JOB.get(), services.library.comparisons
    try:
        where = str(project.root) if project else ""
        await kept.begin(
            comparison_id, where, request.contenders, request.rounds, blind=request.blind, base=request.base, note=request.note
        )
        for round_number, place in await _missing(services, comparison_id, report):
            await kept.add_cell(comparison_id, await _cell(services, request, round_number, place))
        await kept.end_if_voted(comparison_id)
        await write_page(services, comparison_id)
        return JobResult(comparison=await told(kept, comparison_id))
    except JOB_ERRORS as error:
        raise JobFailedError(str(error)) from error

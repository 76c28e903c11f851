"""`train_lora`: from a folder of sprites to a LoRA that draws in their style, as a job that can be paused and goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_args

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import ModelError, check_weights
from dgx_pixels.models.contender import parse_contender
from dgx_pixels.models.training_spec import OptimizerName, Preset
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import KeyArgument, ProjectArgument, RequestError, WaitArgument, bounds
from dgx_pixels.tools.job_calls import check_wait, run_job
from dgx_pixels.tools.job_resume import check_alone, resumed
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.project_defaults import settings_of
from dgx_pixels.tools.services import Services, ServicesDep, project_of
from dgx_pixels.tools.training_job import training_job
from dgx_pixels.tools.training_queue import KIND
from dgx_pixels.tools.training_request import Value, training_request

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.models.catalogue import BaseModel


_Source = Annotated[
    str | None,
    Field(
        description="Sprites to learn from, better 20 to 100: a folder's absolute path, 'project' for its assets/sprites, "
        "asset ids with commas, or 'winners' of comparisons."
    ),
]
_Base = Annotated[str | None, Field(description="A base model of list_models.")]
_Preset = Annotated[str, Field(description="How thorough.", json_schema_extra={"enum": list(get_args(Preset))})]
_Grid = Annotated[str | None, Field(description="'WxH' of frames, for sheets.")]
_Licence = Annotated[str, Field(description="The pictures', for the LoRA's card.")]
_Steps = Annotated[int | None, Field(description="Replaces the preset's.", json_schema_extra=bounds(1, 1_000_000))]
_Rank = Annotated[int | None, Field(description="As for steps.", json_schema_extra=bounds(1, 256))]
_Settings = Annotated[
    dict[str, Any] | None,
    Field(
        description=f"Others by name: optimizer ({', '.join(get_args(OptimizerName))}), alpha, dropout, batch_size, "
        "accumulation, warmup, min_snr, noise_offset, caption_dropout, ema, layers, text_encoders, sample_every, "
        "checkpoint_minutes, keep."
    ),
]
_SamplePrompts = Annotated[list[str] | None, Field(description="What to draw on the way; [] for none.")]
_Seed = Annotated[int, Field(description="The same seed and pictures give the same LoRA.")]
_DryRun = Annotated[bool, Field(description="Train nothing: report on the pictures, with a contact sheet and the expected time.")]
_Resume = Annotated[str | None, Field(description="job_id of a paused, failed or cancelled training that shall go on; alone.")]


@tool(
    title="Train LoRA",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
)
async def train_lora(
    ctx: Context,
    source: _Source = None,
    name: Annotated[str | None, Field(description="The LoRA's id, [a-z0-9_-].")] = None,
    base: _Base = None,
    preset: _Preset = "base",
    trigger: Annotated[str, Field(description="A word that calls the style.")] = "",
    grid: _Grid = None,
    licence: _Licence = "",
    steps: _Steps = None,
    rank: _Rank = None,
    learning_rate: Annotated[float | None, Field(description="As for steps.")] = None,
    settings: _Settings = None,
    sample_prompts: _SamplePrompts = None,
    seed: _Seed = 0,
    dry_run: _DryRun = False,
    resume: _Resume = None,
    overwrite: Annotated[bool, Field(description="Replace a LoRA of that name.")] = False,
    key: KeyArgument = None,
    wait_s: WaitArgument = 45,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Train a LoRA on your own sprites, so that generate_sprite draws in their style; ask with dry_run=true first.

    Takes minutes (tiny-sdxl) to hours (sdxl), as a job that survives restarts; sprites can be drawn meanwhile. get_job shows
    loss, time left and samples; cancel_job ends it or, with pause=true, keeps it for `resume`. Others wait for it. Then write
    'base+name:1.0' for `model`.
    """
    bevy = project_of(services, project)
    check_wait(wait_s)
    chosen: dict[str, Value] = {"steps": steps, "rank": rank, "learning_rate": learning_rate}
    chosen = {k: v for k, v in chosen.items() if v is not None}
    try:
        if resume is not None:
            given = [
                source, name, base, grid, key, sample_prompts, preset != "base", trigger, licence, seed, dry_run, overwrite,
                *chosen, *(settings or ()),
            ]  # fmt: skip
            check_alone(resume, given)
            return await resumed(services, KIND, resume, wait_s, ctx)
        found = await asyncio.to_thread(_base, services, bevy, base)
        request = training_request(
            source=source, name=name, base=found.id, preset=preset, settings=(settings or {}) | chosen, trigger=trigger,
            grid=grid, licence_note=licence, sample_prompts=sample_prompts, seed=seed, overwrite=overwrite, dry_run=dry_run,
        )  # fmt: skip
    except (RequestError, ModelError, LibraryError, JobFailedError) as error:
        raise ToolError(str(error)) from error

    work = partial(training_job, services, request, bevy)
    return await run_job(
        services, KIND, bevy, request, work, wait_s=wait_s, on_progress=ctx.report_progress, lasting=True, key=key
    )


def _base(services: Services, project: BevyProject | None, asked: str | None) -> BaseModel:
    """The base model to train on: the one that is asked for, the project's, or the default; its weights are there."""
    if asked is not None and "+" in asked:
        raise RequestError(f"A LoRA is trained on a base model alone: write base={asked.split('+')[0]!r}.")
    wanted = asked if asked is not None else settings_of(project).model
    base = parse_contender(services.catalogue, wanted).base
    check_weights(base)
    return base

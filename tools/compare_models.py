"""`compare_models`: contenders side by side, on the same prompts and seeds, blind, to be voted on with `record_vote`."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import ModelError, check_weights
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import (
    CategoryArgument,
    KeyArgument,
    NegativePromptArgument,
    PaletteArgument,
    ProfileArgument,
    ProjectArgument,
    RequestError,
    StepsArgument,
    TransparentArgument,
    WaitArgument,
    bounds,
    read_category,
)
from dgx_pixels.tools.comparison_job import comparison_job
from dgx_pixels.tools.comparison_reference import asset_pictures, style_of_assets, style_of_folder
from dgx_pixels.tools.comparison_request import MOST_SEEDS, asked_contenders, comparison_request
from dgx_pixels.tools.job_calls import check_wait, run_job
from dgx_pixels.tools.job_resume import check_alone, resumed
from dgx_pixels.tools.job_work import JobFailedError
from dgx_pixels.tools.project_defaults import locked_palette, settings_of, size_or_default
from dgx_pixels.tools.prompt_sets import asked_prompts, prompt_sets
from dgx_pixels.tools.read_roots import ReadError
from dgx_pixels.tools.services import Services, ServicesDep, project_of
from dgx_pixels.tools.sprite_request import read_profile

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.pixels.likeness import Style

VIEWER = "ui://dgx-pixels/comparison"


_Contenders = Annotated[
    list[str] | None,
    Field(
        description="2 to 4, each a base model with LoRAs as 'base+lora:weight': ['tiny-sdxl', 'tiny-sdxl+mine:0.8']. "
        "A base without LoRAs is added if there is none."
    ),
]
_Prompts = Annotated[list[str] | None, Field(description="1 to 20 prompts; or give prompt_set.")]
_PromptSet = Annotated[str | None, Field(description="A set of ours.", json_schema_extra={"enum": [*prompt_sets(), None]})]
_Seeds = Annotated[
    int, Field(description="How many for each prompt: seed, seed + 1, ...", json_schema_extra=bounds(1, MOST_SEEDS))
]
_Seed = Annotated[int | None, Field(description="The first; random if left out.")]
_Size = Annotated[int | str | None, Field(description="As in generate_sprite.")]
_Colors = Annotated[int | None, Field(description="At most this many.", json_schema_extra=bounds(2, 256))]
_Guidance = Annotated[float | None, Field(description="Replaces the profile's.", json_schema_extra=bounds(1, 20))]
_Reference = Annotated[
    str | None,
    Field(description="Sprites to measure likeness to: 'project', a folder, or asset ids split by commas."),
]
_Blind = Annotated[bool, Field(description="Tell who drew what only after the vote; other votes don't count later.")]
_Resume = Annotated[str | None, Field(description="job_id of a failed or cancelled comparison whose rest shall be drawn; alone.")]


@tool(
    title="Compare models",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
    meta={"ui": {"resourceUri": VIEWER}},
)
async def compare_models(
    ctx: Context,
    contenders: _Contenders = None,
    prompts: _Prompts = None,
    prompt_set: _PromptSet = None,
    category: CategoryArgument = "item",
    seeds: _Seeds = 1,
    seed: _Seed = None,
    profile: ProfileArgument = "standard",
    size: _Size = None,
    colors: _Colors = None,
    palette: PaletteArgument = None,
    transparent: TransparentArgument = None,
    negative_prompt: NegativePromptArgument = "",
    steps: StepsArgument = None,
    guidance: _Guidance = None,
    reference: _Reference = None,
    blind: _Blind = True,
    resume: _Resume = None,
    wait_s: WaitArgument = 45,
    key: KeyArgument = None,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Draw the same prompts and seeds with 2 to 4 models or LoRA strengths, to learn which draws better.

    Gives one sheet of pictures labelled A, B, C, D, shuffled anew each round: show it to the user, and give each round's choice
    to record_vote. After the last vote it says who is who, win rates with their intervals, and what was measured.
    """
    bevy = project_of(services, project)
    check_wait(wait_s)
    try:
        if resume is not None:
            check_alone(resume, [contenders, prompts, prompt_set, seed, size, colors, palette, steps, guidance, reference, key])
            return await resumed(services, "comparison", resume, wait_s, ctx)
        settings = await asyncio.to_thread(settings_of, bevy)
        locked = await asyncio.to_thread(locked_palette, services, bevy, palette, settings)
        chosen = read_profile(profile)
        named, note = await asyncio.to_thread(asked_contenders, services.catalogue, contenders or (), chosen)
        request = comparison_request(
            services.catalogue, named, note, asked_prompts(prompts, prompt_set, read_category(category)), settings,
            size=size_or_default(size, settings, named[0].base.sizes), colors=colors, palette=locked, transparent=transparent,
            negative_prompt=negative_prompt, seeds=seeds, seed=seed, profile=chosen, steps=steps, guidance=guidance,
            reference=await _reference(services, bevy, reference), blind=blind,
        )  # fmt: skip
        for base in {contender.base.id: contender.base for contender in named}.values():
            await asyncio.to_thread(check_weights, base)
    except (RequestError, PaletteError, ModelError, ReadError, LibraryError, JobFailedError) as error:
        raise ToolError(str(error)) from error

    work = partial(comparison_job, services, request, bevy)
    return await run_job(
        services, "comparison", bevy, request, work, wait_s=wait_s, on_progress=ctx.report_progress, key=key, lasting=True
    )  # fmt: skip


async def _reference(services: Services, project: BevyProject | None, text: str | None) -> Style | None:
    if text is None:
        return None
    pngs = await asset_pictures(services, text)
    if pngs is not None:
        return await asyncio.to_thread(style_of_assets, pngs)
    return await asyncio.to_thread(style_of_folder, services, project, text)

"""`generate_sprite`: from a prompt to one or more variants of a sprite, published into the Bevy project."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.names import name_from_prompt, sprite_path
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.models.catalogue import SIZES, ModelError, check_weights
from dgx_pixels.models.contender import for_profile
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.tools.answers import JobAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import (
    CategoryArgument,
    KeyArgument,
    ModelArgument,
    NegativePromptArgument,
    OverwriteArgument,
    PaletteArgument,
    ProfileArgument,
    ProjectArgument,
    PublishArgument,
    RequestError,
    StepsArgument,
    TransparentArgument,
    WaitArgument,
    bounds,
)
from dgx_pixels.tools.batch_job import batch_job
from dgx_pixels.tools.batch_request import BatchRequest, Make, batch_request, prompts_of
from dgx_pixels.tools.job_calls import check_wait, run_job
from dgx_pixels.tools.project_defaults import defaults, seen_from, size_or_default
from dgx_pixels.tools.replay_call import run_replay
from dgx_pixels.tools.services import Services, ServicesDep, project_of
from dgx_pixels.tools.sprite_job import sprite_job
from dgx_pixels.tools.sprite_request import SpriteRequest, read_profile, sprite_request

_SIZES = ", ".join(map(str, SIZES))


_Prompt = Annotated[
    str | list[str] | None,
    Field(description="What to draw, in a few words: 'a red potion'. Or a list of up to 100 such: one job draws them all."),
]
_Name = Annotated[str | None, Field(description="File name part, [a-z0-9_]; made from the prompt if left out.")]
_Size = Annotated[
    int | str | None,
    Field(description=f"Side in pixels, one of {_SIZES}, or 'WxH' of these; the project's tile size, or 32, if left out."),
]
_Variants = Annotated[int, Field(description="How many; variant i uses seed + i.", json_schema_extra=bounds(1, 8))]
_Colors = Annotated[
    int | None,
    Field(description="At most this many colours; 16, or all of the palette, if left out.", json_schema_extra=bounds(2, 256)),
]
_Seed = Annotated[int | None, Field(description="The same seed gives the same sprite; random if left out.")]
_Reference = Annotated[
    str | None, Field(description="A picture to start from, as asset id or path: its shapes and colours are kept in part.")
]
_Strength = Annotated[
    float, Field(description="How far to go from the reference: 0.3 close, 0.8 free.", json_schema_extra=bounds(0.1, 1))
]
_Guidance = Annotated[
    float | None,
    Field(description="How closely to follow the prompt; replaces the profile's.", json_schema_extra=bounds(1, 20)),
]
_Replay = Annotated[
    str | None,
    Field(description="Make this again from its recipe: an asset's id, 'id@version' or a PNG's path; leave the rest out."),
]


@tool(
    title="Generate sprite",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
)
async def generate_sprite(
    ctx: Context,
    prompt: _Prompt = None,
    name: _Name = None,
    category: CategoryArgument = "item",
    size: _Size = None,
    variants: _Variants = 1,
    colors: _Colors = None,
    palette: PaletteArgument = None,
    transparent: TransparentArgument = None,
    negative_prompt: NegativePromptArgument = "",
    seed: _Seed = None,
    reference: _Reference = None,
    strength: _Strength = 0.6,
    profile: ProfileArgument = "standard",
    steps: StepsArgument = None,
    guidance: _Guidance = None,
    model: ModelArgument = None,
    replay: _Replay = None,
    wait_s: WaitArgument = 45,
    publish: PublishArgument = True,
    overwrite: OverwriteArgument = False,
    project: ProjectArgument = None,
    key: KeyArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Draw a pixel-art sprite from a prompt and write it into the Bevy project's assets/, where a running game reloads it.

    Gives exactly the asked size, at most `colors` colours and binary alpha, checked; a 'tile' is drawn to fit its own edges.
    Answers with path, seed and a preview. With `replay` it draws an asset or a PNG again and says whether it is the same.
    The same name again becomes the asset's next version. To see a sprite later use view_asset.
    """
    bevy = project_of(services, project)
    check_wait(wait_s)
    if replay is not None:
        drawing = {
            "prompt": prompt, "name": name, "size": size, "colors": colors, "palette": palette,
            "transparent": transparent, "negative_prompt": negative_prompt or None, "seed": seed, "steps": steps,
            "guidance": guidance, "model": model,
        }  # fmt: skip
        return await run_replay(
            services, bevy, replay, reference, beside=drawing, wait_s=wait_s, on_progress=ctx.report_progress, key=key
        )
    if prompt is None:
        raise ToolError("generate_sprite needs the argument prompt: say in a few words what to draw, like 'a red potion'.")
    try:
        given = await asyncio.to_thread(defaults, services, bevy, palette, model)
        chosen = read_profile(profile)
        contender = for_profile(services.catalogue, given.contender, chosen)
        size = size_or_default(size, given.settings, contender.base.sizes)

        def make(prompt: str, name: str, seed: int | None) -> SpriteRequest:
            return sprite_request(
                contender, prompt=seen_from(prompt, category, given.settings, contender.base.id), name=name, category=category,
                size=size, variants=variants, colors=colors, palette=given.palette, transparent=transparent,
                negative_prompt=negative_prompt, seed=seed, profile=chosen, steps=steps, guidance=guidance,
                reference=reference, strength=strength, publish=publish, overwrite=overwrite,
            )  # fmt: skip

        await asyncio.to_thread(check_weights, contender.base)
        into = bevy if publish else None
        request = await asyncio.to_thread(_requested, services, into, prompt, name, seed, variants, make)
    except (RequestError, PaletteError, ModelError, PublishError) as error:
        raise ToolError(str(error)) from error
    if isinstance(request, BatchRequest):
        kind, work = "batch", partial(batch_job, services, request, bevy)
    else:
        kind, work = "sprite", partial(sprite_job, services, request, bevy)
    return await run_job(services, kind, bevy, request, work, wait_s=wait_s, on_progress=ctx.report_progress, key=key)


def _requested(
    services: Services, project: BevyProject | None, prompt: str | list[str], name: str | None, seed: int | None, variants: int,
    make: Make,
) -> SpriteRequest | BatchRequest:  # fmt: skip
    """The request for a prompt, or for a batch of them, that can be published into `project`, if it is to be; blocks."""

    def checked(prompt: str, name: str, seed: int | None) -> SpriteRequest:
        request = make(prompt, name, seed)
        if project is not None:
            paths = [sprite_path(request.category, request.name, i + 1, request.variants) for i in range(request.variants)]
            services.publisher.refuse_edited(project, paths, request.overwrite)
        return request

    if project is not None:
        services.publisher.check(project)
    if (prompts := prompts_of(prompt)) is not None:
        return batch_request(prompts, name=name, seed=seed, variants=variants, make=checked)
    # The name is made of the prompt without the view, which the project may change.
    return checked(str(prompt), name if name is not None else name_from_prompt(str(prompt)), seed)

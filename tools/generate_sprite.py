"""`generate_sprite`: from a prompt to one or more variants of a sprite, published into the Bevy project."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Annotated, Any, get_args

from fastmcp import Context
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.names import Category, sprite_path
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import SIZES, ModelError, check_weights
from dgx_pixels.tools.answers import JobAnswer, SpriteResult, schema_of
from dgx_pixels.tools.content import shown
from dgx_pixels.tools.services import Services, ServicesDep, project_of
from dgx_pixels.tools.sprite_job import sprite_job
from dgx_pixels.tools.sprite_request import RequestError, SpriteRequest, sprite_request

if TYPE_CHECKING:
    from dgx_pixels.tools.jobs import Report

_SIZES = ", ".join(map(str, SIZES))


def _range(low: float, high: float) -> dict[str, Any]:
    """Bounds for the schema; the checks are ours, since they answer in sentences."""
    return {"minimum": low, "maximum": high}


@tool(
    title="Generate sprite",
    output_schema=schema_of(JobAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
)
async def generate_sprite(
    prompt: Annotated[str, Field(description="What to draw, in a few words: 'a red potion'. 1 to 500 characters.")],
    ctx: Context,
    name: Annotated[str | None, Field(description="File name part, [a-z0-9_]; made from the prompt if left out.")] = None,
    category: Annotated[
        str,
        Field(
            description="What it is in the game; the file's name begins with it. A 'tile' fits its own edges.",
            json_schema_extra={"enum": list(get_args(Category))},
        ),
    ] = "item",
    size: Annotated[
        int | str, Field(description=f"Side in pixels, one of {_SIZES}, or 'WxH' of these. list_models says which a model draws.")
    ] = 32,
    variants: Annotated[int, Field(description="How many; variant i uses seed + i.", json_schema_extra=_range(1, 8))] = 1,
    colors: Annotated[
        int | None,
        Field(description="At most this many colours; 16, or all of the palette, if left out.", json_schema_extra=_range(2, 256)),
    ] = None,
    palette: Annotated[
        str | None, Field(description="Lock to these colours: a bundled palette's name ('pico-8') or '#1a1c2c,#5d275d,...'.")
    ] = None,
    transparent: Annotated[
        bool | None, Field(description="Cut the ground away (alpha 0 or 255). Default: yes, except for tiles and backgrounds.")
    ] = None,
    negative_prompt: Annotated[str, Field(description="What must not be drawn.")] = "",
    seed: Annotated[int | None, Field(description="The same seed gives the same sprite; random if left out.")] = None,
    steps: Annotated[
        int | None, Field(description="Denoising steps; the model's own default is good.", json_schema_extra=_range(1, 100))
    ] = None,
    guidance: Annotated[
        float | None, Field(description="How closely to follow the prompt.", json_schema_extra=_range(1, 20))
    ] = None,
    model: Annotated[str | None, Field(description="A base model of list_models; the default one if left out.")] = None,
    wait_s: Annotated[
        float,
        Field(description="Seconds to wait for the sprite; a longer job goes on, see get_job.", json_schema_extra=_range(0, 600)),
    ] = 45,
    publish: Annotated[bool, Field(description="Write it into the Bevy project's assets/; else it stays in the library.")] = True,
    overwrite: Annotated[bool, Field(description="Replace a file of that name even if it was edited by hand.")] = False,
    project: Annotated[str | None, Field(description="Absolute path of the Bevy project; yours if left out.")] = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Draw a pixel-art sprite from a prompt and write it into the Bevy project's assets/, where a running game reloads it.

    Gives exactly the asked size, at most `colors` colours and binary alpha, checked. Answers with path, seed and a preview.
    The same name again becomes the asset's next version. To see a sprite later use view_asset.
    """
    bevy = project_of(services, project)
    if not 0 <= wait_s <= 600:
        raise ToolError(f"wait_s is {wait_s}, but must be from 0 to 600 seconds.")
    try:
        chosen = services.catalogue.get(model)
        request = sprite_request(
            chosen, prompt=prompt, name=name, category=category, size=size, variants=variants, colors=colors, palette=palette,
            transparent=transparent, negative_prompt=negative_prompt, seed=seed if seed is not None else secrets.randbelow(2**31),
            steps=steps, guidance=guidance, publish=publish, overwrite=overwrite,
        )  # fmt: skip
        await asyncio.to_thread(check_weights, chosen)
        if bevy is not None and publish:
            await asyncio.to_thread(_check_project, services, bevy, request)
    except (RequestError, ModelError, PublishError) as error:
        raise ToolError(str(error)) from error

    async def work(report: Report) -> SpriteResult:
        return await sprite_job(services, request, bevy, report)

    job_id = services.jobs.start("sprite", str(bevy.root) if bevy else "", request.model_dump_json(), work)
    try:
        answer = await services.jobs.wait(job_id, wait_s, ctx.report_progress)
    except asyncio.CancelledError:
        services.jobs.cancel(job_id)
        raise
    except LibraryError as error:
        raise ToolError(str(error)) from error
    if answer.status in ("failed", "cancelled"):
        raise ToolError(answer.error or "The job was cancelled before it was done.")
    return await shown(services, answer)


def _check_project(services: Services, project: BevyProject, request: SpriteRequest) -> None:
    services.publisher.check(project)
    paths = [sprite_path(request.category, request.name, i + 1, request.variants) for i in range(request.variants)]
    services.publisher.refuse_edited(project, paths, request.overwrite)

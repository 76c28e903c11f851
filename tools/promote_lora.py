"""`promote_lora`: make a contender the project's default, if votes say that it draws better; or take the last one back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult, tool
from mcp_types import TextContent, ToolAnnotations
from pydantic import Field

from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.library.database import LibraryError
from dgx_pixels.models.catalogue import ModelError
from dgx_pixels.tools.answers_promotion import PromotionAnswer
from dgx_pixels.tools.answers_schema import schema_of
from dgx_pixels.tools.arguments import ProjectArgument, RequestError
from dgx_pixels.tools.promotion import promote, roll_back, standing
from dgx_pixels.tools.services import Services, ServicesDep, project_of

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject


@tool(
    title="Promote a LoRA",
    output_schema=schema_of(PromotionAnswer),
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False),
)
async def promote_lora(
    contender: Annotated[
        str | None,
        Field(description="What shall draw from now on: 'base+lora:weight'. Left out: only say what does now, and why."),
    ] = None,
    force: Annotated[bool, Field(description="Do it although the votes are too few or against it.")] = False,
    rollback: Annotated[bool, Field(description="Take the last promotion back.")] = False,
    project: ProjectArgument = None,
    services: Services = ServicesDep,
) -> ToolResult:
    """Make a contender the project's default for all later calls, if the votes of its comparisons say that it draws better.

    It must have won more than 60 % of at least 10 decided votes against the present default, by more than chance; the answer of a
    refusal has the numbers. What was promoted, on which votes, and what was before is kept; rollback=true goes back a step.
    """
    bevy = project_of(services, project)
    if bevy is None:
        raise ToolError("There is no Bevy project: give `project`, the absolute path of the folder with its Cargo.toml.")
    try:
        answer = await _answer(services, bevy, contender, force=force, rollback=rollback)
    except (RequestError, ModelError, PublishError, LibraryError) as error:
        raise ToolError(str(error)) from error
    text = f"{answer.default} draws in {answer.project}. {answer.next}"
    return ToolResult(content=[TextContent(type="text", text=text)], structured_content=answer.model_dump(mode="json"))


async def _answer(
    services: Services, project: BevyProject, contender: str | None, *, force: bool, rollback: bool
) -> PromotionAnswer:
    if rollback and contender is not None:
        raise RequestError("rollback goes to what was the default before, whatever it was: leave `contender` out.")
    if rollback:
        return await asyncio.shield(roll_back(services, project, force=force))
    if contender is None:
        return await standing(services, project)
    return await asyncio.shield(promote(services, project, contender, force=force))

"""The JSON schemas that the tools announce for their answers: as short as they can be, since an agent reads them all."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dgx_pixels.library.comparison_answer import ComparisonAnswer
from dgx_pixels.tools.answers import AssetAnswer, JobAnswer, JobResult, PublishAnswer, VoteAnswer

if TYPE_CHECKING:
    from dgx_pixels.library.comparison_answer import Answer


@cache
def schema_of(answer: type[Answer]) -> dict[str, Any]:
    """The JSON schema that a tool announces for this answer; the same one for all tools that answer with it.

    An agent pays for each word of the listing before it has asked for anything. So the titles go, which only say the names
    again; and of a job's result, a published asset and a comparison only the parts are told: in full they would stand in the
    listing once for every tool that answers with them.
    """
    schema = answer.model_json_schema(mode="serialization")
    if answer is JobAnswer:
        schema["properties"]["result"] = {"anyOf": [{"type": "object"}, {"type": "null"}], "description": _RESULT}
        schema["$defs"] = {"Progress": schema["$defs"]["Progress"]}
    elif answer is PublishAnswer:
        schema["properties"]["asset"] = {"type": "object", "description": _ASSET}
        del schema["$defs"]
    elif answer is VoteAnswer:
        schema["properties"]["comparison"] = {"anyOf": [{"type": "object"}, {"type": "null"}], "description": _COMPARISON}
        del schema["$defs"]
    return _untitled(schema)


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without its titles; a property may well be called "title"."""
    return {
        name: {key: _untitled(part) for key, part in value.items()} if name in ("properties", "$defs")
        else _untitled(value) if isinstance(value, dict) else value
        for name, value in schema.items() if name != "title"
    }  # fmt: skip


_ASSET = f"{{{', '.join(AssetAnswer.model_fields)}}}"
_RESULT = f"assets: [{_ASSET}]; by kind of job also {', '.join(list(JobResult.model_fields)[1:])}"
_COMPARISON = f"null until voting has ended, then {', '.join(ComparisonAnswer.model_fields)}"

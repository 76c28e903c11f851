"""Write docs/reference/: tools, answers, resources, settings, training and commands, as the code itself describes them.

    .venv/bin/python docs/reference.py

Nothing is started: the server is put together and asked what it lists. A test compares its pages with those that are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

from dgx_pixels.models import training_spec
from dgx_pixels.server.app import build
from dgx_pixels.server.parser import parser
from dgx_pixels.server.settings import Settings
from dgx_pixels.server.settings_options import WORDS
from dgx_pixels.tools import answers
from dgx_pixels.tools.answers_models import ModelList
from dgx_pixels.tools.answers_promotion import PromotionAnswer
from dgx_pixels.tools.answers_schema import schema_of

FOLDER = Path(__file__).parent / "reference"
NOTE = "*Made from the code by `make reference`: change it there, not here.*"
ANSWERS = (
    answers.JobAnswer, answers.AssetList, ModelList, answers.PublishAnswer, answers.SetupAnswer, answers.VoteAnswer,
    PromotionAnswer,
)  # fmt: skip
HINTS = ("read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint")
BOUNDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


async def pages() -> dict[str, str]:
    """All pages, by file name."""
    mcp = build(Settings(home=Path("unused")))[0]
    written = {
        "tools.md": await tools(mcp),
        "answers.md": shapes(),
        "resources.md": await resources(mcp),
        "settings.md": settings(),
        "training.md": training(),
        "commands.md": commands(),
    }
    return {name: re.sub(r"\n{3,}", "\n\n", page).strip() + "\n" for name, page in written.items()}


async def tools(mcp: FastMCP[Any]) -> str:
    """Each tool with its annotations, its arguments, and what it answers with."""
    found = [tool.to_mcp_tool() for tool in await mcp.local_provider.list_tools()]
    parts = ["# Tools", NOTE, "An argument without a default must be given. Sizes are in pixels."]
    parts.append(table(("tool", "in short"), [(link(tool.name), first(tool.description or "")) for tool in found]))
    for tool in found:
        hints = tool.annotations.model_dump(by_alias=True) if tool.annotations else {}
        parts += [f"## {tool.name}", tool.description or ""]
        parts.append(f"Annotations: {', '.join(f'`{hint}` {str(on).lower()}' for hint, on in hints.items() if on is not None)}.")
        required = tool.input_schema.get("required", [])
        rows = [
            (f"`{name}`", kind(schema).replace(" or null", ""), "" if name in required else default(schema), told(schema))
            for name, schema in tool.input_schema["properties"].items()
        ]
        parts.append(table(("argument", "type", "default", "what"), rows) if rows else "It takes no arguments.")
        answer = next((answer for answer in ANSWERS if schema_of(answer) == tool.output_schema), None)
        parts.append(
            f"Answers with {link(answer.__name__, 'answers.md') if answer else 'the picture, as an `image` in `content`'}."
        )
    return "\n\n".join(parts)


def shapes() -> str:
    """Each answer and each part of one, with its keys."""
    seen: dict[str, dict[str, Any]] = {}
    for answer in ANSWERS:
        schema = answer.model_json_schema(mode="serialization")
        seen |= {answer.__name__: schema} | schema.pop("$defs", {})
    parts = ["# Answers", NOTE, "What tools answer with as `structuredContent`, and commands print with `--json`."]
    parts.append(
        "Tools answer with " + ", ".join(link(answer.__name__) for answer in ANSWERS) + "; the others are parts of these."
    )
    for name, schema in seen.items():
        rows = [(f"`{key}`", kind(part), told(part)) for key, part in schema["properties"].items()]
        parts += [f"## {name}", schema.get("description", ""), table(("key", "type", "what"), rows)]
    return "\n\n".join(parts)


async def resources(mcp: FastMCP[Any]) -> str:
    """Resources, their templates and the prompts."""
    listed = [(f"`{r.uri}`", r.mime_type, r.description or "") for r in await mcp.local_provider.list_resources()]
    templates = await mcp.local_provider.list_resource_templates()
    listed += [(f"`{t.uri_template}`", t.mime_type, t.description or "") for t in templates]
    parts = ["# Resources and prompts", NOTE, "## Resources", table(("uri", "type", "what"), listed)]
    parts += [
        "Clients can subscribe to all of them but the page ([how](../server.md#subscriptions)); their ids complete.",
        "## Prompts",
    ]
    for prompt in await mcp.local_provider.list_prompts():
        rows = [
            (f"`{argument.name}`", "yes" if argument.required else "", first(argument.description or ""))
            for argument in prompt.arguments or []
        ]
        parts += [f"### {prompt.name}", prompt.description or "", table(("argument", "required", "what"), rows)]
    return "\n\n".join(parts)


SETTINGS = """An option, which every command takes, comes before the variable, and that before the default. What belongs to one
game (palette, tile size, view, model) is set by [`dgx-pixels init`](../your-bevy-game.md#settings)."""


def settings() -> str:
    """Each setting with its variable, option, default and bounds."""
    assert WORDS.keys() == Settings.model_fields.keys()
    rows = []
    for name, field in Settings.model_fields.items():
        word = WORDS[name]
        usual = word.default if word.default is not None else "" if field.default is None else str(field.default)
        option = "" if name == "token" else f"`--{name.replace('_', '-')}`"
        variables = ", ".join(f"`{variable}`" for variable in word.variables(name))
        rows.append((variables, option, f"`{usual}`" if usual else "", bounds(field.metadata), word.meaning))
    return "\n\n".join(["# Settings", NOTE, SETTINGS, table(("variable", "option", "default", "range", "what"), rows)])


TRAINING = """What `settings` of `train_lora` and `--set NAME=VALUE` of `dgx-pixels train` take, and what each preset has, for
`tiny-sdxl` and for any other base model. `sample_every`, `checkpoint_minutes` and `keep`, which are taken, too, are of the
run: [training](../training.md#settings)."""


def training() -> str:
    """Each setting of a training, with its bounds and what the presets have."""
    rows = []
    for name, field in training_spec.Settings.model_fields.items():
        values = [
            " / ".join(plain(made.get(name, field.default)) for made in presets.values())
            for presets in (training_spec.TINY_PRESETS, training_spec.PRESETS)
        ]
        rows.append((f"`{name}`", bounds(field.metadata), *values, field.description))
    head = ("setting", "range", "tiny-sdxl: fast / base / quality", "others", "what")
    return "\n\n".join(["# Settings of a training", NOTE, TRAINING, table(head, rows)])


def plain(value: object) -> str:
    """A setting's value as one writes it on the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def bounds(metadata: list[Any]) -> str:
    """What a number may be."""
    found = [(text, getattr(part, name, None)) for name, text in BOUNDS.items() for part in metadata]
    return " ".join(f"{text} {plain(value)}" for text, value in found if value is not None)


def commands() -> str:
    """Each command with its words and options; those that set settings stand on their own page."""
    action = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    in_short = {choice.dest: choice.help or "" for choice in action._choices_actions}
    parts = ["# Commands", NOTE, "Each also takes `--help` and the options of [settings](settings.md)."]
    parts.append(table(("`dgx-pixels ...`", "does"), [(link(name), text) for name, text in in_short.items()]))
    for name, command in action.choices.items():
        own = [part for part in command._actions if part.dest != "help" and part not in group(command, "settings")]
        words = [part for part in own if not part.option_strings]
        parts += [f"## {name}", sentence(in_short[name])]
        parts.append(
            f"```\n{' '.join([f'dgx-pixels {name}', *map(usage, words), '[options]' if len(own) > len(words) else ''])}".rstrip()
            + "\n```"
        )
        if own:
            parts.append(table(("word or option", "what"), [(f"`{shown(part)}`", part.help or "") for part in own]))
    return "\n\n".join(parts)


def group(command: argparse.ArgumentParser, title: str) -> list[argparse.Action]:
    """The actions of a titled group."""
    return next(part._group_actions for part in command._action_groups if part.title == title)


def metavar(action: argparse.Action) -> str:
    """What stands for an action's value: choices are told where it is shown."""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    return action.metavar or action.dest.upper()


def usage(action: argparse.Action) -> str:
    """A word in a usage line, in brackets where it may be left out."""
    return {"?": "[{}]", "*": "[{}...]", "+": "{}..."}.get(str(action.nargs), "{}").format(metavar(action))


def shown(action: argparse.Action) -> str:
    """An action as one writes it."""
    if not action.option_strings:
        return metavar(action) + (f": {', '.join(action.choices)}" if action.choices else "")
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {metavar(action)}"


def kind(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        return link(schema["$ref"].split("/")[-1])
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        told_beside = {"items": schema["items"]} if "items" in schema else {}
        text = " or ".join(kind(part | told_beside if part.get("type") == "array" else part) for part in schema["anyOf"])
    elif schema.get("type") == "array":
        text = "list of " + kind(schema["items"]) if schema.get("items") else "list"
    elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        text = "map to " + kind(schema["additionalProperties"])
    else:
        text = schema.get("type", "any")
    low, high = schema.get("minimum"), schema.get("maximum")
    return f"{text}, {low} to {high}" if low is not None else text


def default(schema: dict[str, Any]) -> str:
    """What an argument is if it is left out."""
    value = schema.get("default")
    return "none" if value is None else '`""`' if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def first(text: str) -> str:
    """The first paragraph."""
    return text.split("\n\n")[0]


def sentence(text: str) -> str:
    """As one."""
    return f"{text[0].upper()}{text[1:]}."


def told(schema: dict[str, Any]) -> str:
    """What is said of an argument or a key."""
    return str(schema.get("description", ""))


def link(heading: str, page: str = "") -> str:
    """To a heading, of the same page if none is named."""
    return f"[{heading}]({page}#{heading.lower()})"


def table(head: tuple[str, ...], rows: list[Any]) -> str:
    """A table; what would mean something in Markdown is escaped."""
    cells = [[" ".join(str(cell or "").split()).replace("|", "\\|").replace("**", "\\*\\*") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *cells])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in asyncio.run(pages()).items():
        (FOLDER / name).write_text(page)
        print(FOLDER / name)

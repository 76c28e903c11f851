"""The MCP prompts: each leads an agent through the tools in a sensible order."""

from __future__ import annotations

from string import Template
from typing import Annotated

from fastmcp.prompts import prompt
from pydantic import Field

_BEGIN = (
    "Work with the DGX-Pixels tools; `pixels://guide` explains them all. Do these steps in order, and tell me briefly of each."
)

_CHARACTER = """$begin

I want a character for my Bevy game: $character.

1. Call setup_project without arguments. If no palette is set, propose one that fits ($palette), and set it with
   setup_project(palette=...) once I agree; everything drawn later then matches.
2. Call list_models: it says which sizes the model draws. Use $size px if it can, else the nearest.
3. Draft: generate_sprite(prompt="$character", category="character", name=a short name, size=..., variants=4, profile="draft",
   seed=1, publish=false). A prompt is a few plain words; one subject, its colours, its pose.
4. Look at each with view_asset and choose by its silhouette, readable at its true size. Tell me which and why. If none is good,
   change the words (not only the seed) and draft again, at most three times.
5. Final: generate_sprite with reference=the chosen asset's id, strength=0.4, profile="best", variants=1, the same name.
6. $poses
7. Read `reloaded` in each answer: true means that my running game shows it; else tell me what `reload.reason` says.
8. End with the asset_server.load lines for my code, one for each `path`.
"""

_TERRAIN = """$begin

I want the ground of my Bevy game: $terrains ($view view).

1. Call setup_project without arguments. If view, tile size or palette are not set, set them: setup_project(view="$view",
   tile_size=$tile_size, palette=...). Ask me for the palette, or propose one.
2. Order the terrains from the lowest to the highest: water before sand before grass. At most four in one tileset.
3. Choose the kind: $kind
4. Call generate_tileset(terrains=[...], kind=..., tile_size=$tile_size, seed=1). It is proven complete and seamless before it is
   published: `result.tileset` has worst_seam and worst_pair.
5. Look at the sample map in the answer. If two terrains look alike, name their colours in the terrains' words ("dark blue water")
   and call again; the same name is a new version, and publish_asset brings an earlier one back.
6. Tell me the paths: the PNG, and in `sidecars` the JSON, the .tsx and the sample .tmx, and how the game loads them.
"""

_STYLE = """$begin

I want sprites in my own style, learnt from $source.

1. Call train_lora(source="$source", name="$name", dry_run=true). It trains nothing: it reports what it found (sizes, duplicates,
   what it skipped and why), shows a contact sheet, and estimates the time. At least 20 sprites of one style are needed; 50 are
   better. Tell me what you see. I must have the right to train on them: ask me, and say so in `licence`.
2. When I agree, call train_lora(source="$source", name="$name", trigger="$name style", preset="base"). It answers with a job_id
   at once or after wait_s; sprites can be drawn meanwhile. Call get_job now and then, and show me the newest sample.
3. When it is done, list_models has it: "BASE+$name:1.0" is a contender, BASE being the model that it was trained on.
4. Compare: compare_models with BASE alone and BASE+$name at the weights 0.7 and 1.0, on 5 prompts of things that my sprites do
   NOT show. Show me the sheet, let me choose in each round, and keep my choices by record_vote. Vote yourself only if asked.
5. If it wins, call promote_lora(contender="BASE+$name:WEIGHT"): it is then what draws in this project. It refuses on too few
   votes; promote_lora(rollback=true) takes it back.
6. If it loses, say so plainly, and what would help: more sprites, more of one kind, fewer duplicates.
"""

_KINDS = {
    "side": 'kind="sidescroller": the ground and what covers it, as platforms in clear air.',
    "top-down": 'kind="wang16" for two or more terrains that meet, kind="seamless" for one alone, kind="dualgrid15" to lay '
    'each terrain in a layer of its own, kind="blob47" where an engine\'s autotiles want all eight neighbours.',
}
_POSES = (
    "I also want these: $poses. For each, generate_sprite with the same reference and strength=0.6, the pose in the prompt, and "
    "a name of its own that begins with the character's."
)


@prompt(title="Make a character")
def make_character(
    character: Annotated[str, Field(description="Who it is, in a few words: a knight with a red cape.")],
    palette: Annotated[
        str, Field(description="A bundled palette's name, hex colours, or 'project'; left out: propose one.")
    ] = "",
    size: Annotated[str, Field(description="Side in pixels: 16, 24, 32, 48 or 64.")] = "32",
    poses: Annotated[str, Field(description="Further poses, with commas: walking, attacking, hurt.")] = "",
) -> str:
    """Draw a character for the game, from drafts to a published sprite in the project's palette, with further poses."""
    return _filled(
        _CHARACTER, character=character, size=size, palette=f"I think of {palette}" if palette else "from pixels://palettes",
        poses=_filled(_POSES, poses=poses) if poses else "Ask me whether I want further poses.",
    )  # fmt: skip


@prompt(title="Make a terrain")
def make_terrain(
    terrains: Annotated[str, Field(description="What the ground is made of, with commas: water, sand, grass.")],
    view: Annotated[str, Field(description="Where the camera stands: top-down, side or isometric.")] = "top-down",
    tile_size: Annotated[str, Field(description="Side of a tile in pixels: 16 or 32.")] = "16",
) -> str:
    """Draw a seamless tileset of terrains that fit each other, with its map for Bevy and Tiled."""
    return _filled(_TERRAIN, terrains=terrains, view=view, tile_size=tile_size, kind=_KINDS.get(view, _KINDS["top-down"]))


@prompt(title="Train my style")
def train_my_style(
    source: Annotated[str, Field(description="A folder of sprites by its absolute path, or 'project'.")] = "project",
    name: Annotated[str, Field(description="What the LoRA is called, [a-z0-9_-].")] = "my-style",
) -> str:
    """Train a LoRA on one's own sprites, compare it blind with its base model, and make it the project's default if it wins."""
    return _filled(_STYLE, source=source, name=name)


def _filled(words: str, **given: str) -> str:
    return Template(words).substitute(begin=_BEGIN, **given)

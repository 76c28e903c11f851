"""What tools answer with: one shape for every generating tool, built from models so that it always fits its schema."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from dgx_pixels.library.comparison_answer import Answer, ComparisonAnswer
from dgx_pixels.library.records import JobStatus
from dgx_pixels.tools.answers_replay import ReplayAnswer
from dgx_pixels.tools.answers_training import TrainingAnswer


class CheckAnswer(Answer):
    """What one check of a finished sprite found."""

    ok: bool
    value: int | float | str
    blocks: bool = Field(description="whether a failure keeps the sprite from being published")


class Reload(Answer):
    """How it is known whether a running game has shown the new picture."""

    after_ms: int | None = Field(default=None, description="from the publish until the game held the new pixels")
    reason: str = Field(description="one sentence")


class AssetAnswer(Answer):
    """One finished image."""

    id: str
    version: int
    kind: str = Field(default="sprite", description="sprite, sheet or tileset")
    name: str
    path: str = Field(description="relative to the project's assets/: what Bevy's asset server takes")
    file: str = Field(description="absolute path of the PNG")
    sidecars: list[str] = Field(default=[], description="files that go with it, relative to the project's assets/")
    width: int
    height: int
    colors: int = Field(description="how many colours it has")
    seed: int = Field(description="0 for a pixelized picture")
    checks: dict[str, CheckAnswer]
    published: bool
    replaced_edit: int | None = Field(default=None, description="the version that holds the edit by hand which this replaced")
    replaced_id: str | None = Field(default=None, description="the asset whose version that is")
    reloaded: bool | None = Field(description="whether the running game has shown it; null with no game running")
    reload: Reload


class GridAnswer(Answer):
    """The cells found in a picture."""

    width: int = Field(description="cells from left to right")
    height: int
    cell_width: float = Field(description="mean, in the picture's pixels")
    cell_height: float


class SourceAnswer(Answer):
    """The picture that was read."""

    format: str
    width: int
    height: int
    frames: int = Field(description="of an animation the first is used")


class PixelizedAnswer(Answer):
    """What was found in a picture."""

    kind: str = Field(
        description="grid: cells were found; true_size: it was pixel art already; no_grid: it shows no cells, and was reduced"
    )
    confidence: float = Field(description="0 to 1: how sure the grid is")
    grid: GridAnswer | None
    ground: str | None = Field(description="the colour that was cut out")
    source: SourceAnswer


class TilesetAnswer(Answer):
    """A tileset's grid, and how well its tiles fit."""

    kind: str
    terrains: list[str] = Field(description="from the lowest to the highest")
    tile_size: int
    columns: int
    rows: int
    tiles: int = Field(description="places of the grid in use, from the top left, row by row")
    pairs: int = Field(description="legal neighbours that were compared along their shared edge")
    mean_seam: float = Field(description="step over shared edges, divided by the step inside tiles: about 1 if no seam shows")
    worst_seam: float = Field(description="the worst pair's step over its edge, divided by the largest step inside the two")
    worst_pair: tuple[int, int] = Field(description="that pair's atlas indices")


class BatchAsset(Answer):
    """A finished sprite of a batch, in short: view_asset and the manifest tell the rest."""

    id: str
    version: int
    path: str = Field(description="relative to the project's assets/")
    seed: int
    published: bool
    reloaded: bool | None


class BatchItemAnswer(Answer):
    """What became of one prompt."""

    prompt: str
    status: Literal["done", "failed"]
    error: str | None = None
    assets: list[BatchAsset]


class BatchAnswer(Answer):
    """What became of a batch."""

    done: int = Field(description="prompts")
    failed: int
    folder: str | None = Field(description="absolute path that the assets' paths start from; null without a project")
    items: list[BatchItemAnswer] = Field(description="in the order of the prompts")


class JobResult(Answer):
    """What a job made; the parts below `assets` are of their own kinds of job only."""

    assets: list[AssetAnswer] = Field(default=[], description="empty for a batch, whose items have theirs in short")
    pixelized: PixelizedAnswer | None = Field(default=None, description="of a pixelize job only")
    tileset: TilesetAnswer | None = Field(default=None, description="of a tileset job only")
    training: TrainingAnswer | None = Field(default=None, description="of a training only; its assets are the last samples")
    batch: BatchAnswer | None = Field(default=None, description="of a batch only")
    comparison: ComparisonAnswer | None = Field(default=None, description="of a comparison only")
    replay: ReplayAnswer | None = Field(default=None, description="of a replay only")


class Progress(Answer):
    """How far a job is."""

    done: int
    total: int
    message: str


class JobAnswer(Answer):
    """The state of a job: what every generating tool, and get_job, answers with."""

    job_id: str
    status: JobStatus
    progress: Progress
    result: JobResult | None = None
    error: str | None = Field(default=None, description="why the job failed, in one sentence")
    next: str = Field(description="what to do now")


class AssetSummary(Answer):
    """An asset in the library, as lists show it."""

    id: str
    version: int
    kind: str
    name: str
    category: str
    project: str
    path: str
    file: str
    width: int
    height: int
    colors: int
    seed: int
    published: bool
    tags: list[str]


class AssetList(Answer):
    """Assets, newest first."""

    assets: list[AssetSummary]
    total: int = Field(description="how many there are on all pages")
    cursor: str | None = Field(description="asks for the next page; null on the last one")


class PublishAnswer(Answer):
    """What publish_asset did."""

    asset: AssetAnswer
    next: str = Field(description="what to do now")


class VoteAnswer(Answer):
    """What record_vote kept."""

    comparison_id: str
    left: int = Field(description="rounds that can be voted on still")
    open: bool
    comparison: ComparisonAnswer | None = Field(description="with names, measures and standing, once voting has ended")
    next: str = Field(description="what to do now")
    warning: str | None = Field(default=None, description="why the page was not written")


class SetupAnswer(Answer):
    """A Bevy project's settings, and what its game lacks."""

    project: str
    file: str = Field(description="absolute path of the settings")
    settings: dict[str, Any] = Field(description="what is set; anything else is left to DGX-Pixels")
    lacks: dict[str, str] = Field(description="features of bevy that the game does not ask for, and what for")
    commands: list[str] = Field(description="to be run in the game's folder, to have them")
    bevy_version: str = Field(description="what Cargo.toml asks for")
    plugin: str | None = Field(description="absolute path of the reload plugin, if the game has it")
    plugin_copied: bool
    next: str = Field(description="what to do now")

"""The sentence that says what to do now, with what a job has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dgx_pixels.tools.answers import AssetAnswer, BatchAnswer, JobResult, TilesetAnswer
    from dgx_pixels.tools.answers_replay import ReplayAnswer
    from dgx_pixels.tools.answers_training import TrainingAnswer


def after(result: JobResult) -> str:
    """One sentence or two on what to do with what a job made."""
    if result.training is not None:
        return _after_training(result.training)
    if result.batch is not None:
        return _after_batch(result.batch)
    if result.comparison is not None:
        return result.comparison.next
    first = result.assets[0]
    if result.replay is not None:
        return _of_replay(first, result.replay)
    failed = sorted({name for a in result.assets for name, check in a.checks.items() if check.blocks and not check.ok})
    if failed:
        other = "another seed or prompt" if result.pixelized is None else "another size, colors, palette or canvas"
        return f"Not every sprite was published, since a check failed ({', '.join(failed)}): try {other}."
    keyed = any("key" in a.checks and not a.checks["key"].ok for a in result.assets)
    hint = "It still shows the colour that the model draws behind things; transparent=true cuts that out. " if keyed else ""
    if not all(a.published for a in result.assets):
        return f"{hint}{_in_library(result.assets)}"
    reduced = result.pixelized is not None and result.pixelized.kind == "no_grid"
    if reduced:
        hint = f"The picture shows no cells; `size` asks for another than {first.width}x{first.height}. "
    if result.tileset is not None:
        return f"{edits_kept(result.assets)}{seen_in_game(result.assets)}{_how_to_lay(first, result.tileset)}"
    look = f'Load it in Bevy with asset_server.load("{first.path}"), or look at it with view_asset(asset_id="{first.id}").'
    return f"{hint}{edits_kept(result.assets)}{seen_in_game(result.assets)}{look}"


def _in_library(assets: Sequence[AssetAnswer]) -> str:
    """How to have in the game what is not: not by asking again, which draws another one."""
    kept = next(asset for asset in assets if not asset.published)
    what, it = ("It is", "it") if len(assets) == 1 else ("They are", "one")
    call = f'publish_asset(asset="{kept.id}", version={kept.version})'
    return f"{what} in the library, at `file`; to have {it} in the game, call {call}; `project` says which game if not this one."


def _after_training(training: TrainingAnswer) -> str:
    if training.dry_run:
        return "Nothing was trained. If report and contact sheet look right, call train_lora again with dry_run=false."
    trigger = f" and {training.trigger!r} in the prompt" if training.trigger else ""
    return (
        f"Draw with it: generate_sprite with model={training.contender!r}{trigger}; a weight of 0.5 to 1 says how strongly. Look "
        "at the samples: if they do not show the style yet, train with more steps; if they all look like one sprite, with fewer."
    )


def _after_batch(batch: BatchAnswer) -> str:
    assets = [asset for item in batch.items for asset in item.assets]
    failed = (
        f"{batch.failed} of {len(batch.items)} prompts failed, see `error` of each: ask for those again. " if batch.failed else ""
    )
    there = next((asset.path for asset in assets if asset.published), None)
    if there is None:
        how = "to have one in a game, call publish_asset with its id and the Bevy project (`project`)."
        return f"{failed}The sprites are in the library; {how}"
    shown = "The running game has the new pixels. " if all(asset.reloaded for asset in assets) else ""
    return f'{failed}{shown}Load each in Bevy by its path, like asset_server.load("{there}").'


def _of_replay(asset: AssetAnswer, replay: ReplayAnswer) -> str:
    put = f'To have it in the game, call publish_asset(asset="{asset.id}", version={asset.version}).'
    if replay.identical:
        return f"It is the same, byte for byte. {put}"
    same = "The pixels are the same, the file is not" if replay.same_pixels else "It came out otherwise"
    unknown = "Nothing that the recipe names differs, so the machine computes otherwise, or the file was saved anew."
    return f"{same}. {' '.join(replay.differences[:6]) or unknown} It is kept as version {asset.version}. {put}"


def _how_to_lay(asset: AssetAnswer, tileset: TilesetAnswer) -> str:
    sidecar = next((path for path in asset.sidecars if path.endswith(".json")), "its sidecar")
    return (
        f'Load "{asset.path}" in Bevy as {tileset.columns}x{tileset.rows} tiles of {tileset.tile_size} px; which tile goes where '
        f"stands in the manifest's entry and, with the map of the preview, in assets/{sidecar}."
    )


def edits_kept(assets: Sequence[AssetAnswer]) -> str:
    """Which edits by hand were replaced, and where they are, with a space behind; nothing if none was."""
    return "".join(
        f"The edit by hand that {a.path} replaced is version {a.replaced_edit} of {a.replaced_id}: publish_asset brings it back. "
        for a in assets if a.replaced_edit is not None
    )  # fmt: skip


def seen_in_game(assets: Sequence[AssetAnswer]) -> str:
    """What a running game made of them, in one sentence with a space behind; nothing if none runs."""
    if all(asset.reloaded for asset in assets):
        slowest = max(asset.reload.after_ms or 0 for asset in assets)
        return f"The running game has the new pixels, {slowest} ms after the publish. "
    unseen = next((asset for asset in assets if asset.reloaded is False), None)
    return f"{unseen.reload.reason} " if unseen is not None else ""

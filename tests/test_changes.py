"""The hub that tells of changes: what is kept is told of, once, to whoever listens."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dgx_pixels.library.changes import Changes
from dgx_pixels.library.comparison_records import NewCell, PlannedRound
from dgx_pixels.library.library import Library
from dgx_pixels.library.records import NewVersion


def version(png: bytes) -> NewVersion:
    """A picture of these bytes."""
    return NewVersion(
        project="/game", path="sprites/item_a.png", kind="sprite", name="a", category="item", png=png, recipe="{}",
        width=1, height=1, colors=1, seed=0,
    )  # fmt: skip


async def test_each_new_version_and_each_state_of_a_job_is_told(tmp_path: Path) -> None:
    """An asset's same bytes again are no change; a job's every state is one."""
    library = await Library.open(tmp_path)
    heard: list[tuple[str, str]] = []
    end = library.changes.listen(lambda kind, what: heard.append((kind, what)))

    asset = await library.add(version(b"one"))
    await library.add(version(b"one"))
    await library.add(version(b"two"))
    await library.mark_published([(asset.id, 1), (asset.id, 2)])
    assert heard == [("asset", asset.id)] * 3

    heard.clear()
    await library.jobs.create("j1", "sprite", "", "{}")
    await library.jobs.begin("j1")
    await library.jobs.set("j1", "done", result="{}")
    assert heard == [("job", "j1")] * 3

    end()
    await library.jobs.create("j2", "sprite", "", "{}")
    assert len(heard) == 3
    await library.close()


async def test_a_comparisons_pictures_votes_and_end_are_told(tmp_path: Path) -> None:
    """Whoever looks at it sees each picture as it comes, and who was who as soon as that is told."""
    library = await Library.open(tmp_path)
    heard: list[tuple[str, str]] = []
    await library.comparisons.begin("c1", "/game", ["tiny-sdxl", "other"], [PlannedRound("a potion", "item", 1, 0)], blind=True)
    library.changes.listen(lambda kind, what: heard.append((kind, what)))
    for place in (0, 1):
        await library.comparisons.add_cell("c1", NewCell(1, place, b"png", "{}", 0.1, None, {}))
    await library.comparisons.vote("c1", 1, "tie")
    await library.comparisons.reveal("c1")
    await library.close()

    assert heard == [("comparison", "c1")] * 4


def test_a_listener_that_fails_keeps_none_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    """What changed has changed: the others are told, and the failure is logged."""
    changes = Changes()
    heard: list[tuple[str, str]] = []

    def broken(kind: str, what: str) -> None:
        raise RuntimeError("broken")

    changes.listen(broken)
    changes.listen(lambda kind, what: heard.append((kind, what)))
    with caplog.at_level(logging.ERROR):
        changes.tell("models")

    assert heard == [("models", "")]
    assert "a listener failed" in caplog.text

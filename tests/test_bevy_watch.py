"""Hand edits of published files are noticed, and nothing else is taken for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from pictures import blocks, file_of
from publishing import POTION, item, png
from test_resources import read
from test_subscriptions import Heard, until

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher
from dgx_pixels.bevy.watch import ProjectsWatch

EVERY_S = 0.03
QUIET_S = EVERY_S * 10
Told = list[tuple[BevyProject, str]]

pytestmark = pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed")  # in the older era it is not


@pytest.fixture
def told() -> Told:
    """What was told of."""
    return []


@pytest.fixture
def watch(told: Told) -> Iterator[ProjectsWatch]:
    """A watch that looks often."""
    watching = ProjectsWatch(lambda project, path: told.append((project, path)), EVERY_S)
    watching.start()
    yield watching
    watching.stop()


def within(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(EVERY_S)


def test_an_edit_is_told_once(project: BevyProject, publisher: Publisher, watch: ProjectsWatch, told: Told) -> None:
    """Also a second one, and one that replaces the file, as paint programs do."""
    publisher.publish(project, [item()])
    assert watch.add(project)
    assert not watch.add(project)
    file = project.assets / POTION

    file.write_bytes(png(7))
    within(lambda: told)
    time.sleep(QUIET_S)
    assert told == [(project, POTION)]

    (project.root / "saved").write_bytes(png(8))
    (project.root / "saved").replace(file)
    within(lambda: len(told) == 2)
    time.sleep(QUIET_S)
    assert told == [(project, POTION)] * 2


def test_an_edit_that_nobody_watched_is_told_when_somebody_does(
    project: BevyProject, publisher: Publisher, watch: ProjectsWatch, told: Told
) -> None:
    """An artist works while no server runs."""
    publisher.publish(project, [item()])
    (project.assets / POTION).write_bytes(png(7))
    watch.add(project)
    within(lambda: told == [(project, POTION)])


def test_what_we_publish_is_no_edit(project: BevyProject, publisher: Publisher, watch: ProjectsWatch, told: Told) -> None:
    """Neither while it is published, again and again, nor by a publisher that is killed before its manifest, nor a removal."""
    watch.add(project)
    publisher.publish(project, [item(0), item(0, "sprites/item_other.png")])
    end = time.monotonic() + 1.5
    shade = 0
    while time.monotonic() < end:
        shade += 1
        publisher.publish(project, [item(shade), item(shade, "sprites/item_other.png")])
    (project.assets / POTION).unlink()
    time.sleep(QUIET_S)

    assert shade > 5
    assert told == []


def test_a_file_that_is_being_written_is_told_when_it_is_whole(
    project: BevyProject, publisher: Publisher, watch: ProjectsWatch, told: Told
) -> None:
    """A slow save is one edit."""
    publisher.publish(project, [item()])
    watch.add(project)
    time.sleep(QUIET_S)
    with (project.assets / POTION).open("wb") as file:
        for part in range(20):
            file.write(png(7)[part * 50 : (part + 1) * 50])
            file.flush()
            assert told == []
            time.sleep(EVERY_S / 3)
    within(lambda: told)
    time.sleep(QUIET_S)
    assert told == [(project, POTION)]


def test_a_broken_project_keeps_none_from_being_watched(
    project: BevyProject, publisher: Publisher, watch: ProjectsWatch, told: Told, tmp_path: Path
) -> None:
    """One that is gone, one whose manifest is damaged or leads elsewhere: nothing is told of these, and others are watched."""
    (tmp_path / "damaged/assets/manifests").mkdir(parents=True)
    (tmp_path / "damaged/assets/manifests/dgx_pixels.json").write_text("{")
    for name in ("gone", "damaged"):
        watch.add(BevyProject(tmp_path / name, tmp_path / name / "assets"))
    publisher.publish(project, [item()])
    watch.add(project)
    (project.assets / POTION).write_bytes(png(7))
    within(lambda: told == [(project, POTION)])


def test_after_stop_nothing_is_told(project: BevyProject, publisher: Publisher, told: Told) -> None:
    """And its thread is gone."""
    publisher.publish(project, [item()])
    watching = ProjectsWatch(lambda at, path: told.append((at, path)), EVERY_S)
    watching.add(project)
    watching.start()
    watching.stop()
    (project.assets / POTION).write_bytes(png(7))
    time.sleep(QUIET_S)

    assert told == []
    assert "projects-watch" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_an_artists_edit_becomes_a_version_and_is_told(server: FastMCP[Any], game: Path, era: str) -> None:
    """Of the project that the server has served; the edit stays in the game, and is not overwritten unasked."""
    picture = game / "mine.png"
    picture.write_bytes(file_of(blocks(1), "PNG"))
    heard = Heard(era)
    async with Client(server, mode=era, message_handler=heard) as client:
        made = (await client.call_tool("pixelize_image", {"image": str(picture), "name": "mine"})).structured_content
        assert made is not None
        asset = made["result"]["assets"][0]
        uri = f"pixels://assets/{asset['id']}"
        async with heard.subscribed(client, uri):
            edited = file_of(blocks(2), "PNG")
            Path(asset["file"]).write_bytes(edited)
            await until(lambda: heard.of(uri))
        now = await read(client, uri)
        picture.write_bytes(file_of(blocks(3), "PNG"))
        again = await client.call_tool("pixelize_image", {"image": str(picture), "name": "mine"}, raise_on_error=False)

    assert (now["version"], now["recipe"]["kind"]) == (2, "edited")
    assert again.is_error
    assert Path(asset["file"]).read_bytes() == edited

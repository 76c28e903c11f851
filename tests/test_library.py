"""The library's promises."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dgx_pixels.library.database import _MIGRATIONS, LibraryError
from dgx_pixels.library.library import Library
from dgx_pixels.library.records import NewVersion, Place
from dgx_pixels.library.search import Wanted

NEW = NewVersion(
    project="/game", path="sprites/item_a.png", kind="sprite", name="a", category="item", png=b"one", recipe='{"seed": 1}',
    width=32, height=32, colors=4, seed=1,
)  # fmt: skip


Open = Callable[[], Awaitable[Library]]


@pytest.fixture
async def open_library(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the library in `tmp_path`, as often as asked; all are closed in the end."""
    opened: list[Library] = []

    async def open_one() -> Library:
        opened.append(await Library.open(tmp_path))
        return opened[-1]

    yield open_one
    for library in opened:
        await library.close()


async def test_what_is_kept_is_there_after_a_restart(open_library: Open) -> None:
    """Assets, recipes and jobs outlive the process."""
    library = await open_library()
    added = await library.add(NEW)
    await library.jobs.create("job", "sprite", "/game", "{}")
    await library.jobs.set("job", "done", result="{}")
    await library.close()

    library = await open_library()
    assert added == await library.version(added.id)
    assert await library.png(added.id) == b"one"
    assert (await library.jobs.get("job")).status == "done"


async def test_versions_count_up_and_equal_bytes_are_kept_once(open_library: Open) -> None:
    """Making the very same sprite again is no new version; another one is."""
    library = await open_library()
    first = await library.add(NEW)
    same = await library.add(NEW)
    other = await library.add(replace(NEW, png=b"two"))

    assert first == same
    assert (first.id, 2) == (other.id, other.version)
    assert await library.png(first.id, 1) == b"one"
    assert await library.png(first.id) == b"two"


async def test_equal_paths_in_two_projects_are_two_assets(open_library: Open) -> None:
    """Games do not see each other's sprites."""
    library = await open_library()
    mine = await library.add(NEW)
    yours = await library.add(replace(NEW, project="/other"))

    assert mine.id != yours.id
    assert [mine] == await library.newest("/game", 10)
    assert {mine, yours} == {*await library.newest(None, 10)}


async def test_two_servers_may_write_at_once(open_library: Open) -> None:
    """Versions are counted without gaps or collisions when two processes share a home."""
    one, two = await asyncio.gather(open_library(), open_library())
    await asyncio.gather(*(lib.add(replace(NEW, png=bytes([i]))) for i, lib in enumerate([one, two] * 8)))

    newest = (await one.newest("/game", 1))[0]
    assert newest.version == 16
    assert len({await two.png(newest.id, v) for v in range(1, 17)}) == 16


async def test_a_job_is_worked_on_as_long_as_its_library_is_open(open_library: Open) -> None:
    """Another process can tell a job under way from one whose process died."""
    mine, yours = await open_library(), await open_library()
    await mine.jobs.create("job", "sprite", "/game", "{}")
    assert yours.jobs.is_worked_on(await yours.jobs.get("job"))

    await mine.close()
    assert not yours.jobs.is_worked_on(await yours.jobs.get("job"))


async def test_a_cancelled_write_leaves_the_library_usable(open_library: Open, tmp_path: Path) -> None:
    """However early a caller is cancelled, the next write works."""
    library = await open_library()
    for turns in range(12):
        task = asyncio.create_task(library.add(replace(NEW, png=bytes([turns]))))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert await library.png((await library.add(replace(NEW, png=b"last"))).id) == b"last"


async def test_unknown_ids_and_lost_files_are_named(open_library: Open) -> None:
    """Errors say what is missing and where to look."""
    library = await open_library()
    with pytest.raises(LibraryError, match="list_assets"):
        await library.version("nope")
    with pytest.raises(LibraryError, match="'nope'"):
        await library.jobs.get("nope")
    added = await library.add(NEW)
    library.file(added.id, 1).unlink()
    with pytest.raises(LibraryError, match="cannot be read"):
        await library.png(added.id)


async def test_a_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file in the folder's place, or a library of a newer version, is one clear sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="DGX_PIXELS_HOME"):
        await Library.open(tmp_path / "file")

    await (await Library.open(tmp_path)).close()
    db = sqlite3.connect(tmp_path / "library.sqlite3")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LibraryError, match="newer"):
        await Library.open(tmp_path)


async def test_a_library_of_an_older_version_keeps_what_it_holds(tmp_path: Path) -> None:
    """Its tables are brought up to date when it is opened, once."""
    db = sqlite3.connect(tmp_path / "library.sqlite3")
    db.executescript(f"{_MIGRATIONS[0]} PRAGMA user_version = 1;")
    db.execute("INSERT INTO jobs VALUES ('old', 'sprite', '', '{}', 'done', NULL, NULL, 'nobody', 1.0, 1.0)")
    db.execute("INSERT INTO assets VALUES ('a', '/game', 'sprites/item_red_potion.png', 'sprite', 'red_potion', 'item', 1.0)")
    db.execute("""INSERT INTO recipes VALUES ('r', '{"prompt": "a red potion"}'), ('broken', '{')""")
    db.execute(
        "INSERT INTO versions VALUES ('a', 1, 'r', 'x', 32, 32, 4, 7, 1, 1.0), ('a', 2, 'broken', 'y', 32, 32, 4, 7, 0, 2.0)"
    )
    db.commit()
    db.close()
    for _ in range(2):
        library = await Library.open(tmp_path)
        assert (await library.jobs.get("old")).attempts == 0
        assert [a.version for a in (await library.search.find(Wanted(words="potion"), 5)).assets] == [2]
        assert await library.places("a") == [Place("/game", "sprites/item_red_potion.png", 1)]
        await library.close()


async def test_what_a_job_has_made_is_known_by_its_path(open_library: Open) -> None:
    """Also where the very same picture was there before; another job, and another path, have made nothing."""
    library = await open_library()
    assert await library.kept("job", NEW.path) is None
    first = await library.add(NEW)
    assert await library.kept("", NEW.path) is None
    assert await library.add(replace(NEW, job="job")) == first
    assert await library.kept("job", NEW.path) == first
    assert await library.kept("other", NEW.path) is None
    assert await library.kept("job", "sprites/other.png") is None


async def test_an_asset_is_of_the_kind_of_its_newest_version(open_library: Open) -> None:
    """A picture that was imported may be made again as a tileset, and is found as one."""
    library = await open_library()
    made = await library.add(NEW)
    await library.add(replace(NEW, png=b"two", kind="tileset", name="b", category="tile"))
    newest = await library.version(made.id)
    assert (newest.kind, newest.name, newest.category) == ("tileset", "b", "tile")
    assert (await library.search.find(Wanted(kind="tileset"), 5)).total == 1
    assert (await library.search.find(Wanted(kind="sprite"), 5)).total == 0


async def test_a_version_that_was_collected_meanwhile_is_passed_over(open_library: Open) -> None:
    """Publishing others goes on; the library does not say that one that is gone stands anywhere."""
    library = await open_library()
    for png in (b"one", b"two"):
        made = await library.add(replace(NEW, png=png))
    await library.garbage.delete(0)
    await library.mark_published([(made.id, 2), (made.id, 1)], "/game")
    assert [place.version for place in await library.places(made.id)] == [2]

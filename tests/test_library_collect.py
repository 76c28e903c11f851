"""Old versions go only when asked, and only those that nobody needs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_library import NEW

from dgx_pixels.library.library import Library
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings


async def five_versions(home: Path, project: str = "/game") -> str:
    """An asset with five versions of different bytes, forty days old; its id."""
    library = await Library.open(home)
    for i in range(5):
        made = await library.add(replace(NEW, project=project, png=bytes([i]) * 100, recipe=json.dumps({"seed": i})))
    await library.close()
    age(home)
    return made.id


def age(home: Path) -> None:
    """Make all versions forty days old."""
    with closing(sqlite3.connect(home / "library.sqlite3")) as db:
        db.execute("UPDATE versions SET created = ?", (time.time() - 40 * 86_400,))
        db.commit()


async def left(home: Path, asset_id: str) -> list[int]:
    """The versions that are there, each with its files."""
    library = await Library.open(home)
    found = await library.history(asset_id)
    for version in found:
        assert await library.png(asset_id, version.version)
    files = {file.name for file in (home / "assets" / asset_id).iterdir()}
    assert files == {f"{v.version}{end}" for v in found for end in (".png", ".json", ".details.json")}
    await library.close()
    return [v.version for v in found]


async def test_only_what_nobody_needs_is_garbage(tmp_path: Path) -> None:
    """Not the newest, not what is published, not a parent, not what an unfinished job has made, not what a manifest names."""
    asset = await five_versions(tmp_path)
    library = await Library.open(tmp_path)
    await library.mark_published([(asset, 1), (asset, 2)])
    await library.add(replace(NEW, path="sprites/child.png", parents=((asset, 3),)))
    age(tmp_path)
    assert [g.version for g in await library.garbage.find(30)] == [1, 4]
    assert [g.version for g in await library.garbage.find(30, {(asset, 4)})] == [1]
    assert await library.garbage.find(50) == []
    assert await left(tmp_path, asset) == [5, 4, 3, 2, 1]

    (one, four) = await library.garbage.delete(30)
    assert one.size == 100 + len('{"seed": 0}')
    assert four.path == NEW.path
    assert await left(tmp_path, asset) == [5, 3, 2]
    assert await library.garbage.find(30) == []
    assert (await library.add(replace(NEW, png=b"six"))).version == 6
    await library.close()


@pytest.mark.parametrize("status", ["running", "paused", "done"])
async def test_what_an_unfinished_job_has_made_stays(tmp_path: Path, status: str) -> None:
    """Its result will name it; a job that is done does not keep old versions for ever."""
    library = await Library.open(tmp_path)
    await library.jobs.create("job", "sprite", "/game", "{}")
    made = await library.add(replace(NEW, job="job"))
    await library.add(replace(NEW, png=b"two"))
    await library.jobs.set("job", status)  # type: ignore[arg-type]  # one of the three
    age(tmp_path)
    assert len(await library.garbage.delete(30)) == (1 if status == "done" else 0)
    assert await library.kept("job", made.path) == (None if status == "done" else await library.version(made.id, 1))
    await library.close()


@pytest.mark.parametrize("kind", ["edited", "imported"])
async def test_what_a_person_has_drawn_stays(tmp_path: Path, kind: str) -> None:
    """No recipe would make it again."""
    library = await Library.open(tmp_path)
    made = await library.add(replace(NEW, recipe=json.dumps({"kind": kind})))
    await library.add(replace(NEW, png=b"two", recipe="no json"))
    await library.add(replace(NEW, png=b"three"))
    age(tmp_path)
    assert [g.version for g in await library.garbage.delete(30)] == [2]
    assert await left(tmp_path, made.id) == [3, 1]
    await library.close()


async def test_the_command_lists_first_and_deletes_when_told(
    settings: Settings, game: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what only a manifest on disk names is kept, and all of a game whose manifest is damaged; what came free is said."""
    asset = await five_versions(settings.home, str(game))
    entry = {
        "path": NEW.path, "id": asset, "version": 2, "name": "a", "category": "item", "width": 32, "height": 32, "colors": 4,
        "sha256": "0" * 64, "prompt": "", "seed": 1, "model": "m",
    }  # fmt: skip
    (game / "assets/manifests").mkdir()
    (game / "assets/manifests/dgx_pixels.json").write_text(
        json.dumps({"schema": 2, "generator": "dgx-pixels", "assets": [entry]})
    )

    def collect(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["assets", "collect", *words, "--home", str(settings.home)])
        out, err = capsys.readouterr()
        assert ended.value.code == (1 if err else 0)
        return out + err

    sound = (game / "assets/manifests/dgx_pixels.json").read_text()
    (game / "assets/manifests/dgx_pixels.json").write_text("<<<<<<< HEAD\n" + sound)
    said = await asyncio.to_thread(collect, "--yes")
    assert f"{game}  all its versions stay: The manifest" in said
    assert "Nothing can go" in said
    assert await left(settings.home, asset) == [5, 4, 3, 2, 1]
    (game / "assets/manifests/dgx_pixels.json").write_text(sound)

    first = await asyncio.to_thread(collect)
    assert "3 versions" in first
    assert "run it again with --yes" in first
    assert await left(settings.home, asset) == [5, 4, 3, 2, 1]
    assert "must be a number of days" in await asyncio.to_thread(collect, "--older-than", "-1")
    assert "Nothing can go" in await asyncio.to_thread(collect, "--older-than", "60", "--yes")
    done = json.loads(await asyncio.to_thread(collect, "--yes", "--json"))
    assert (done["deleted"], [v["version"] for v in done["versions"]], done["bytes"] > 300) == (True, [1, 3, 4], True)
    assert await left(settings.home, asset) == [5, 2]

"""A library that somebody else has filled: nothing outside it is read, written or deleted, and what is amiss has a sentence."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publishing import png
from test_library import NEW

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.job_list import recent_jobs
from dgx_pixels.library.library import Library
from dgx_pixels.pixels.palette import PaletteError
from dgx_pixels.pixels.palette_files import parse_palette
from dgx_pixels.pixels.png_text import PngError, recipe_in, with_recipe, without_text
from dgx_pixels.pixels.sprite import decode_png


def poison(home: Path, *statements: str) -> None:
    """Change the database as no code of ours would."""
    with sqlite3.connect(home / "library.sqlite3") as db:
        for statement in statements:
            db.execute(statement)
    db.close()


async def test_a_picture_that_was_replaced_is_not_given_out(library: Library, tmp_path: Path) -> None:
    """Neither what a link leads to nor other bytes pass for the picture of an asset, and a link to a device is not read."""
    made = await library.add(NEW)
    file = library.file(made.id, made.version)
    (tmp_path / "secret").write_text("secret")

    for place in (tmp_path / "secret", Path("/dev/zero"), tmp_path):
        file.unlink()
        file.symlink_to(place)
        with pytest.raises(LibraryError, match=r"not the picture|cannot be read"):
            await library.png(made.id)


@pytest.mark.parametrize("evil", ["../../evil", "/evil", "..", ""])
async def test_ids_of_a_strangers_database_lead_nowhere(library: Library, tmp_path: Path, evil: str) -> None:
    """Ids and owners with paths in them are refused where they would name files: nothing is written or deleted outside."""
    home = tmp_path / "home"
    await library.add(NEW)
    await library.add(replace(NEW, png=png(9, 9)))
    await library.jobs.create("0" * 12, "sprite", "", "[]")
    for name in ("evil.lock", "evil/1.png", "evil/2.png", "evil/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    tables = ("UPDATE assets SET id = '{}'", "UPDATE versions SET asset_id = '{}', created = 0", "UPDATE jobs SET owner = '{}'")
    poison(home, *(statement.format(evil) for statement in tables))

    with pytest.raises(LibraryError, match="none of ours"):
        await library.png(evil)
    with pytest.raises(LibraryError, match="none of ours"):
        await library.add(replace(NEW, png=png(8, 8)))
    with pytest.raises(LibraryError, match="none of ours"):
        await library.garbage.delete(0)
    assert [job.id for job in await library.jobs.left()] == ["0" * 12]
    assert (await recent_jobs(library.jobs, 5))[0].what == ""
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("evil*/**/*.png")) == [
        f"evil/{n}.png" for n in (1, 2, 3)
    ]
    assert (tmp_path / "evil.lock").exists()


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE places", "PRAGMA user_version = -1", "PRAGMA user_version = 999",
     "CREATE TRIGGER t AFTER INSERT ON jobs BEGIN DELETE FROM assets; END"],
)  # fmt: skip
async def test_another_programs_database_is_refused(library: Library, tmp_path: Path, statement: str) -> None:
    """A database of another schema, or with triggers in it, is not opened, and the sentence says what to do."""
    poison(tmp_path / "home", statement)

    with pytest.raises(LibraryError, match=r"no library of dgx-pixels|newer dgx-pixels"):
        await Library.open(tmp_path / "home")


async def test_a_damaged_database_says_so(library: Library, tmp_path: Path) -> None:
    """Pages that are damaged while the library is open cost a sentence, not a crash; opened anew it says so, too."""
    for number in range(100):
        await library.jobs.create(f"{number:012x}", "sprite", "", '"' + "damage" * 400 + '"')
    poison(tmp_path / "home", "PRAGMA wal_checkpoint(TRUNCATE)")
    file = tmp_path / "home/library.sqlite3"
    data = bytearray(file.read_bytes())
    for at in range(0, len(data), 4096):
        if b"damagedamage" in data[at : at + 4096]:
            data[at : at + 200] = b"\xff" * 200
    file.write_bytes(data)

    other = await Library.open(tmp_path / "home")
    with pytest.raises(LibraryError, match="restore the file from a backup"):
        await other.jobs.recent(50)
    await other.close()
    file.write_bytes(b"garbage" * 1000)
    for wal in file.parent.glob("library.sqlite3-*"):
        wal.unlink()
    with pytest.raises(LibraryError, match="restore it from a backup"):
        await Library.open(tmp_path / "home")


async def test_the_sweep_takes_only_our_own_rests(tmp_path: Path) -> None:
    """Opening the library deletes nothing that is not named as ours, and follows no link to another folder."""
    mine, home = tmp_path / "mine", tmp_path / "home"
    staging = home / "assets/.staging"
    staging.parent.mkdir(parents=True)
    mine.mkdir()
    for name in ("novel.txt", f"{'0' * 32}.png"):
        (mine / name).write_text("x")
    staging.symlink_to(mine)

    await (await Library.open(home)).close()

    assert len(list(mine.iterdir())) == 2


_HEADS = (b"", b"GIMP Palette\n", b"JASC-PAL\n0100\n2\n", b"RIFF\0\0\0\0PAL data", b"\x89PNG\r\n\x1a\n")
_BYTES = st.builds(bytes.__add__, st.sampled_from(_HEADS), st.binary(max_size=60)) | st.builds(
    lambda head, lines: head + "\n".join(lines).encode(),
    st.sampled_from(_HEADS), st.lists(st.sampled_from(["1 2 3", "ff0000", "#0f0", "9" * 5000 + " 0 0", "²  1 1"]), max_size=5),
)  # fmt: skip


@settings(max_examples=60)
@given(data=_BYTES)
def test_any_palette_file_is_read_or_refused(data: bytes) -> None:
    """Whatever a palette file holds, it is 2 to 256 colours or a PaletteError."""
    try:
        found = parse_palette(data)
    except PaletteError as error:
        assert str(error).endswith(".")  # noqa: PT017  # either is right
    else:
        assert 2 <= len(found) <= 256


@settings(max_examples=60)
@given(cut=st.integers(0, 2000), at=st.integers(0, 2000), other=st.binary(max_size=8))
def test_any_damaged_png_is_read_or_refused(cut: int, at: int, other: bytes) -> None:
    """A PNG with a recipe, changed or cut anywhere, is read or refused in one sentence, as text and as picture."""
    whole = with_recipe(png(8, 8), '{"kind": "sprite"}')
    data = (whole[:at] + other + whole[at + len(other) :])[: cut or None]
    for read in (recipe_in, without_text, decode_png):
        try:
            read(data)
        except (PngError, ValueError) as error:
            assert str(error).endswith(".")  # noqa: PT017  # either is right

"""Assets are found by words, tags, kind, palette and project, page by page; and nothing that is asked for harms the library."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from test_library import NEW

from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.library import Library
from dgx_pixels.library.records import NewVersion, Place
from dgx_pixels.library.search import Wanted
from dgx_pixels.library.tags import MOST_TAGS

RED, BLUE, GREEN = "#ff0000", "#0000ff", "#00ff00"


def new(name: str, **changes: object) -> NewVersion:
    """A version of an asset of its own, whose bytes are its name."""
    values: dict[str, object] = {"path": f"sprites/item_{name}.png", "name": name, "png": name.encode(), "palette": (RED,)}
    return replace(NEW, **(values | changes))  # type: ignore[arg-type]  # fields by name


async def names(library: Library, **wanted: object) -> list[str]:
    """The names of the assets that are so."""
    return [a.name for a in (await library.search.find(Wanted(**wanted), 50)).assets]  # type: ignore[arg-type]  # fields by name


async def test_each_word_must_begin_one_of_the_assets(library: Library) -> None:
    """Of its name, category, prompt, terrains, model or tags; in any case and with or without accents."""
    await library.add(new("red_potion", recipe=json.dumps({"prompt": "a crème potion", "model": "sdxl+pixel-art-xl:1.2"})))
    await library.add(new("ground", kind="tileset", category="tile", recipe=json.dumps({"terrains": ["tall grass", "water"]})))
    await library.add(new("drawn", recipe="no json", tags=("Boss Fight",)))
    for words, found in {
        "potion": ["red_potion"], "POT": ["red_potion"], "creme": ["red_potion"], "red item": ["red_potion"], "otion": [],
        "sdxl": ["red_potion"], "water tall": ["ground"], "tile": ["ground"], "boss": ["drawn"], "red water": [],
        "red_potion": ["red_potion"], "item": ["drawn", "red_potion"], "text": [], "AND": [],
    }.items():  # fmt: skip
        assert await names(library, words=words) == found, words


async def test_the_newest_version_and_the_newest_tags_count(library: Library) -> None:
    """What an asset was before, it is not found by."""
    asset = await library.add(new("a", recipe='{"prompt": "slime"}', tags=("old",)))
    await library.add(new("a", png=b"other", recipe='{"prompt": "ghost"}'))
    assert await library.tags.set(asset.id, [" New  Look ", "new look"]) == ("new look",)
    for words, count in {"slime": 0, "ghost": 1, "old": 0, "look": 1}.items():
        assert len(await names(library, words=words)) == count
    assert (await library.version(asset.id)).tags == ("new look",)


async def test_filters_are_all_met(library: Library) -> None:
    """Tags, kind, palette and project; a picture whose colours are not known is in no palette."""
    await library.add(new("a", tags=("one", "two"), palette=(RED, BLUE)))
    await library.add(new("b", tags=("one",), kind="tileset"))
    await library.add(new("c", project="", palette=None))
    assert await names(library, tags=("one",)) == ["b", "a"]
    assert await names(library, tags=("one", "two")) == ["a"]
    assert await names(library, kind="tileset") == ["b"]
    assert await names(library, project="") == ["c"]
    assert await names(library, palette=(RED, GREEN)) == ["b"]
    assert await names(library, palette=(RED, BLUE, GREEN)) == ["b", "a"]
    assert await names(library, palette=(RED, BLUE), tags=("two",), project="/game", words="a", kind="sprite") == ["a"]


async def test_pages_show_each_asset_once_while_others_are_made(library: Library) -> None:
    """The cursor holds its place; the total counts them all."""
    for i in range(7):
        await library.add(new(f"a{i}"))
    first = await library.search.find(Wanted(), 3)
    await library.add(new("later"))
    second = await library.search.find(Wanted(), 3, first.cursor)
    third = await library.search.find(Wanted(), 3, second.cursor)
    assert [a.name for page in (first, second, third) for a in page.assets] == [f"a{i}" for i in range(6, -1, -1)]
    assert (first.total, second.total, third.cursor) == (7, 8, None)


HOSTILE = ["x'; DROP TABLE assets; --", 'x" OR 1=1 --', "%", "a*", "NEAR(a b)", "text : a", "../../etc/passwd", "\0", "🜁"]


@pytest.mark.parametrize("text", HOSTILE)
async def test_sql_is_only_text(library: Library, text: str) -> None:
    """In words, tags, project, kind, palette and ids: nothing is found by it, and nothing is lost; as a new tag it is refused."""
    asset = await library.add(new("potion"))
    for wanted in (Wanted(tags=(text,)), Wanted(project=text), Wanted(kind=text)):
        assert (await library.search.find(wanted, 5)).total == 0
    assert (await library.search.find(Wanted(palette=(text,)), 5)).total == 0
    if any(c.isalnum() for c in text):
        assert "potion" not in await names(library, words=text)
    else:
        with pytest.raises(LibraryError, match="cannot be looked for"):
            await names(library, words=text)
    with pytest.raises(LibraryError, match="is not allowed: use"):
        await library.tags.set(asset.id, [text])
    with pytest.raises(LibraryError, match="no asset"):
        await library.version(text)
    assert await names(library) == ["potion"]


FORGED = [
    base64.urlsafe_b64encode(text.encode()).decode()
    for text in ("[1" + "0" * 400 + ', "0123456789ab"]', '[1, "\\ud800"]', '[1, "x"]')
]
"""A number that no float holds, and ids that are none."""


@pytest.mark.parametrize("cursor", ["", "x", "é", "e30=", "W10=", "WzEsMiwzXQ==", "bnVsbA==", "WyJ4IiwgMV0=", *FORGED])
async def test_a_forged_cursor_is_refused(library: Library, cursor: str) -> None:
    """In one sentence."""
    with pytest.raises(LibraryError, match="none of ours"):
        await library.search.find(Wanted(), 5, cursor)


async def test_what_cannot_be_a_tag_or_word_is_named(library: Library) -> None:
    """Before anything is written, also with a new version."""
    for tags in (["a,b"], ["-a"], ["x" * 41], [""], [f"t{i}" for i in range(MOST_TAGS + 1)]):
        with pytest.raises(LibraryError, match=r"allowed|at most"):
            await library.add(new("a", tags=tuple(tags)))
    assert await names(library) == []
    with pytest.raises(LibraryError, match="1 to 12 words"):
        await names(library, words=" ".join("abcdefghijklmn"))


async def test_parents_and_places_are_kept(library: Library) -> None:
    """What a version was made from, once; and where which version stands now, in its own project and in others."""
    parent = await library.add(new("parent"))
    child = await library.add(new("child", parents=((parent.id, 1),)))
    assert await library.add(new("child", parents=((parent.id, 1),))) == child
    assert await library.parents(child.id, 1) == [(parent.id, 1)]
    with pytest.raises(LibraryError, match="no asset 'nobody"):
        await library.add(new("orphan", parents=(("nobody", 1),)))

    await library.add(new("child", png=b"two"))
    await library.mark_published([(child.id, 1), (child.id, 2)])
    await library.mark_published([(child.id, 1)], "/other")
    assert await library.places(child.id) == [Place("/game", child.path, 2), Place("/other", child.path, 1)]
    await library.mark_published([(parent.id, 1)], "/other")
    history = await library.history(child.id)
    assert [(v.version, v.published) for v in history] == [(2, True), (1, True)]
    assert not (await library.version(parent.id)).published


async def test_a_picture_is_known_by_its_bytes(library: Library) -> None:
    """Whichever asset it belongs to."""
    made = await library.add(new("a"))
    assert await library.with_bytes(made.sha256) == made
    assert await library.with_bytes("0" * 64) is None

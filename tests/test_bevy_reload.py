"""Reloads confirmed by a stand-in for the game, and answers on its port that are not to be trusted."""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from brp_standin import StandIn, running
from PIL import Image
from publishing import POTION, png

from dgx_pixels.bevy.manifest import Atlas
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.reload import Picture, Reloaded, ReloadWatch, picture_of

PICTURE = picture_of(POTION, png(1))
OLD = (16, 16, "00000000")


def new(picture: Picture = PICTURE) -> tuple[int, int, str]:
    """Width, height and CRC of a picture as published."""
    form = next(f for f in picture.forms if f.layers == 1)
    return form.width, form.height, form.crc32


@pytest.fixture
def game(project: BevyProject) -> StandIn:
    """A game of this project that holds an old potion."""
    stand_in = StandIn(str(project.assets))
    stand_in.load(POTION, OLD)
    return stand_in


async def asked(
    project: BevyProject,
    port: int,
    *,
    pictures: tuple[Picture, ...] = (PICTURE,),
    wait_s: float = 2.0,
    publish: Callable[[], None],
) -> dict[str, Reloaded]:
    """Look for a game, publish, and wait for the reload."""
    async with ReloadWatch(project, port) as watch:
        before = await watch.game()
        publish()
        return await watch.wait(before, pictures, time.monotonic(), wait_s)


def nothing() -> None:
    """A publish that the game does not get to see."""


def after(questions: int, change: Callable[[], None]) -> Callable[[StandIn], None]:
    """Make a change right before the game answers this question."""

    def on_question(game: StandIn) -> None:
        if game.asked == questions:
            change()

    return on_question


def test_the_crc_is_that_of_the_rgba_bytes() -> None:
    """An independent reading of the PNG gives the same number, and clear pixels keep their colour in it."""
    pixels = np.arange(4 * 4 * 4, dtype=np.uint8).reshape(4, 4, 4)
    pixels[0, 0] = (200, 100, 50, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert new(picture_of(POTION, buffer.getvalue())) == (4, 4, f"{zlib.crc32(bytes(pixels)):08x}")


def test_a_tileset_may_be_held_as_layers() -> None:
    """A game that cuts the grid into an array texture has the tiles one after the other."""
    tiles = [Image.open(io.BytesIO(png(shade, side=8))) for shade in range(4)]
    whole = Image.new("RGBA", (16, 16))
    for i, tile in enumerate(tiles):
        whole.paste(tile, (i % 2 * 8, i // 2 * 8))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    forms = picture_of("tiles/tile_x.png", buffer.getvalue(), Atlas(tile_width=8, tile_height=8, columns=2, rows=2)).forms
    layers = next(f for f in forms if f.layers == 4)
    assert (layers.width, layers.height) == (8, 8)
    assert layers.crc32 == f"{zlib.crc32(b''.join(tile.tobytes() for tile in tiles)):08x}"


async def test_a_reload_is_confirmed_by_its_pixels(project: BevyProject, game: StandIn) -> None:
    """The game's next frames hold the published pixels: the answer says so, with the time it took."""
    game.on_question = after(4, lambda: game.load(POTION, new()))
    async with running(game):
        found = await asked(project, game.port, publish=nothing)
    assert found[POTION].reloaded is True
    after_ms = found[POTION].after_ms
    assert after_ms is not None
    assert 0 <= after_ms < 2000
    assert "4711" in found[POTION].reason
    assert game.asked == 4


async def test_a_new_image_is_waited_for(project: BevyProject) -> None:
    """A game that reads the manifest takes up an image it has never held."""
    game = StandIn(str(project.assets))
    game.on_question = after(3, lambda: game.load(POTION, new()))
    async with running(game):
        found = await asked(project, game.port, publish=nothing)
    assert found[POTION].reloaded is True


async def test_each_of_several_pictures_has_its_own_answer(project: BevyProject, game: StandIn) -> None:
    """One is shown, one is not held, one failed, one stays old; the wait ends with the slowest."""
    names = ("sprites/a.png", "sprites/b.png", "sprites/c.png", POTION)
    pictures = tuple(picture_of(path, png(shade)) for shade, path in enumerate(names))
    game.load(names[2], OLD)

    def publish() -> None:
        game.load(names[0], new(pictures[0]))
        game.images[names[2]]["failed"] += 1

    async with running(game):
        found = await asked(project, game.port, pictures=pictures, wait_s=0.2, publish=publish)
    assert [found[name].reloaded for name in names] == [True, False, False, False]
    for name, says in zip(names, ("exactly these pixels", "does not hold", "failed to load", "still holds the old"), strict=True):
        assert says in found[name].reason


async def test_a_size_alone_is_no_reload(project: BevyProject, game: StandIn) -> None:
    """The same CRC with another size, or the same size with another CRC, is not what was published."""
    game.load(POTION, (8, 32, new()[2]))
    async with running(game):
        found = await asked(project, game.port, wait_s=0.1, publish=nothing)
    assert found[POTION].reloaded is False


async def test_pixels_that_the_game_cannot_see_count_by_its_loads(project: BevyProject, game: StandIn) -> None:
    """Without a CRC only a load after the publish counts, and the answer says that pixels were not compared."""
    game.load(POTION, (16, 16, ""))
    async with running(game):
        before = await asked(project, game.port, wait_s=0.1, publish=nothing)
        later = await asked(project, game.port, publish=lambda: game.load(POTION, (16, 16, "")))
    assert before[POTION].reloaded is False
    assert later[POTION].reloaded is True
    assert "cannot see" in later[POTION].reason


async def test_an_old_failure_is_not_this_ones(project: BevyProject, game: StandIn) -> None:
    """What failed before the publish does not end the wait."""
    game.images[POTION]["failed"] = 3
    game.on_question = after(3, lambda: game.load(POTION, new()))
    async with running(game):
        found = await asked(project, game.port, publish=nothing)
    assert found[POTION].reloaded is True


async def test_a_game_that_starts_anew_in_between_is_asked_again(project: BevyProject, game: StandIn) -> None:
    """Its counts begin anew; what counts is what it holds."""
    game.images[POTION]["failed"] = 3

    def restart() -> None:
        game.pid, game.images = 5000, {}
        game.load(POTION, new())

    game.on_question = after(2, restart)
    async with running(game):
        found = await asked(project, game.port, publish=nothing)
    assert found[POTION].reloaded is True
    assert "5000" in found[POTION].reason


async def test_no_game_costs_no_time(project: BevyProject, free_port: int) -> None:
    """A refused connection is the usual case: null, at once."""
    async with ReloadWatch(project, free_port) as watch:
        before = await watch.game()
        found = await watch.wait(before, [PICTURE], time.monotonic(), 2.0)
    assert found[POTION] == Reloaded(None, f"No game is running (nothing listens on port {free_port}).")


async def test_another_games_answer_is_told_apart(project: BevyProject, game: StandIn, tmp_path: Path) -> None:
    """A game with other assets, perhaps one that was left running, is named with its pid, and not waited for."""
    game.assets_root = str(tmp_path / "other" / "assets")
    async with running(game):
        found = await asked(project, game.port, publish=lambda: game.load(POTION, new()))
    assert found[POTION].reloaded is False
    assert "another one" in found[POTION].reason
    assert "pid 4711" in found[POTION].reason
    assert "other/assets" in found[POTION].reason
    assert game.asked == 1


async def test_a_game_without_the_plugin_gets_a_remedy(project: BevyProject, game: StandIn) -> None:
    """It speaks BRP, but cannot tell: the answer says what to copy."""
    game.methods = ()
    async with running(game):
        found = await asked(project, game.port, publish=nothing)
    assert found[POTION].reloaded is False
    assert "dgx-pixels init --plugin" in found[POTION].reason


async def test_a_game_that_ends_while_it_is_waited_for(project: BevyProject, game: StandIn) -> None:
    """Its end is an answer as well."""
    async with AsyncExitStack() as stack:
        async with running(game):
            watch = await stack.enter_async_context(ReloadWatch(project, game.port))
            before = await watch.game()
        found = await watch.wait(before, [PICTURE], time.monotonic(), 1.0)
    assert found[POTION].reloaded is False
    assert "stopped answering" in found[POTION].reason


@pytest.mark.parametrize(
    "held",
    [
        None, [], "x", {}, {"added": 1}, {"added": "1", "modified": 0, "failed": 0, "width": 16, "height": 16, "crc32": "x"},
        {"added": 1, "modified": 0, "failed": -1, "width": 16, "height": 16, "crc32": "x"},
        {"added": 1, "modified": 0, "failed": 0, "width": 1e400, "height": 16, "crc32": "x"},
        {"added": 1, "modified": 0, "failed": 0, "width": 16, "height": 16, "crc32": None},
    ],
)  # fmt: skip
async def test_an_image_of_odd_shape_is_one_that_is_not_held(project: BevyProject, game: StandIn, held: object) -> None:
    """A wrong type inside the list of images is no reload, and no crash."""
    game.images[POTION] = held  # type: ignore[assignment]  # that it is none is the point
    async with running(game):
        found = await asked(project, game.port, wait_s=0.1, publish=nothing)
    assert found[POTION].reloaded is False

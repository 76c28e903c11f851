"""The real publisher and the real game: what is published, the game has, whole; and the test for it can fail."""

from __future__ import annotations

import io
import random
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from games import Game, missing, running
from PIL import Image
from publishing import POTION, item, png

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def bevy(project: BevyProject, tmp_path: Path) -> Iterator[Game]:
    """The example game, running on an empty project without drawing."""
    if (lack := missing("assets")) is not None:
        pytest.skip(lack)
    with running(project.root, tmp_path / "game.log", "assets") as game:
        yield game


def crc32(data: bytes) -> str:
    """The CRC-32 of a PNG's pixels, as the game tells it."""
    with Image.open(io.BytesIO(data)) as image:
        return f"{zlib.crc32(image.convert('RGBA').tobytes()):08x}"


class Spy:
    """Looks all the time at what the game has of one image, and remembers every different answer."""

    def __init__(self, game: Game, path: str) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self._game, self._path = game, path
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._done.is_set():
            image = self._game.image(self._path)
            if image.get("crc32") and (now := (image["crc32"], image["width"], image["height"])) not in self.seen[-1:]:
                self.seen.append(now)
            time.sleep(0.005)

    def __enter__(self) -> Spy:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()


def test_a_published_sprite_appears_in_the_running_game_and_is_reloaded(
    bevy: Game, project: BevyProject, publisher: Publisher
) -> None:
    """New in the manifest, it is loaded though no Rust names it; published again, it is reloaded once."""
    publisher.publish(project, [item(1)])
    first = bevy.wait_for(POTION, crc32(png(1)))
    time.sleep(0.6)  # publishes of one path that are more than half a second apart are reloaded once each
    publisher.publish(project, [item(2, side=24)])
    second = bevy.wait_for(POTION, crc32(png(2, 24)))
    time.sleep(1)

    assert (first["added"], first["modified"], first["width"], first["height"]) == (1, 0, 16, 16)
    assert (second["added"], second["modified"], second["width"], second["height"]) == (1, 1, 24, 24)
    assert bevy.image(POTION) == second
    assert second["failed"] == 0


def test_the_game_says_who_it_is(bevy: Game, project: BevyProject) -> None:
    """Its assets folder tells it from another project's game; the stock protocol reads the same."""
    stats = bevy.stats()

    assert stats["protocol"] == 1
    assert stats["assets_root"] == str(project.assets)
    stock = bevy.ask("world.get_resources", {"resource": "dgx_pixels::ReloadStats"})["value"]
    assert {**stats, "frame": 0} == {**stock, "frame": 0}
    assert stock["frame"] >= stats["frame"]


def test_200_publishes_at_random_gaps_end_on_the_last_and_never_show_half_a_picture(
    bevy: Game, project: BevyProject, publisher: Publisher
) -> None:
    """However they fall into the watcher's windows: no load fails, and all that the game ever had was published."""
    chance = random.Random(7)
    sides = [chance.choice((16, 32, 64)) for _ in range(200)]
    published = {(crc32(png(shade, side)), side, side) for shade, side in enumerate(sides)}
    with Spy(bevy, POTION) as spy:
        for shade, side in enumerate(sides):
            publisher.publish(project, [item(shade, side=side)])
            time.sleep(min(chance.expovariate(1 / 0.2), 1.5))
        bevy.wait_for(POTION, crc32(png(199, sides[199])))
        time.sleep(1)  # so close to each other, publishes may be reloaded twice: the last, too
    last = bevy.image(POTION)

    assert last["crc32"] == crc32(png(199, sides[199]))
    assert last["failed"] == 0
    assert set(spy.seen) <= published
    assert len(spy.seen) > 30  # it did reload all the time
    print(f"reloads seen: {len(spy.seen)} of 200 publishes, {last['modified']} counted")


def test_a_publisher_that_writes_slowly_in_place_is_found_out(bevy: Game, project: BevyProject, publisher: Publisher) -> None:
    """Half a picture in the watched folder is a failed load: the test above would see one."""
    publisher.publish(project, [item(1, side=64)])
    bevy.wait_for(POTION, crc32(png(1, 64)))
    bad = png(2, 64)
    with (project.assets / POTION).open("wb", buffering=0) as file:
        file.write(bad[: len(bad) // 2])
        time.sleep(1.5)
        half = bevy.image(POTION)
        file.write(bad[len(bad) // 2 :])
    whole = bevy.wait_for(POTION, crc32(bad))

    assert half["failed"] >= 1
    assert half["crc32"] == crc32(png(1, 64))  # the game goes on to show the old picture
    assert whole["failed"] >= 1


def test_an_image_that_the_game_lets_go_is_no_longer_listed(bevy: Game, project: BevyProject, publisher: Publisher) -> None:
    """A publisher that asks hears that the game does not show the image, rather than what it once was."""
    publisher.publish(project, [item(1)])
    bevy.wait_for(POTION, crc32(png(1)))
    manifest = project.assets / "manifests/dgx_pixels.json"
    staged = project.root / "manifest"
    staged.write_text('{"schema": 1, "generator": "dgx-pixels", "assets": []}')
    staged.replace(manifest)
    deadline = time.monotonic() + 10
    while bevy.image(POTION) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert bevy.image(POTION) == {}

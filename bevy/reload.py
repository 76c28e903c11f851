"""Whether the running game has shown what was published: its reload plugin says which images it holds, and their pixels' CRC.

The game is asked, since only it knows: a file may be in place and yet not be watched, not be held, or not be decoded.
"""

import asyncio
import io
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from dgx_pixels.bevy.brp import Brp, BrpError, NothingThereError, UnknownMethodError
from dgx_pixels.bevy.manifest import Atlas
from dgx_pixels.bevy.project import BevyProject

METHOD = "dgx_pixels/reload_stats"
DEFAULT_PORT = 15702
DEFAULT_WAIT_S = 2.0

# The game answers at the end of a frame, so that asking more often than this hears nothing new.
_ASK_EVERY_S = 0.015
_FIRST_ANSWER_S = 1.0
# A game that reads the manifest takes up a new image within one debounce of its watcher and a few frames; others never do.
_TAKE_UP_S = 1.0

# Far more than a game holds; to look at hundreds of thousands would keep the server from everything else for seconds.
_MOST_IMAGES = 20_000

Count = Annotated[int, Field(ge=0, strict=True)]


@dataclass(frozen=True)
class Form:
    """How a game may hold an image: size of one layer in pixels, layers, and CRC-32 of the RGBA8 bytes, layer by layer."""

    width: int
    height: int
    layers: int
    crc32: str


@dataclass(frozen=True)
class Picture:
    """A published image: path relative to assets/, and the forms in which a game may hold it."""

    path: str
    forms: frozenset[Form]


@dataclass(frozen=True)
class Reloaded:
    """Whether the game has shown a picture: None if no game runs. `after_ms` counts from the publish, None if it has not."""

    reloaded: bool | None
    reason: str
    after_ms: int | None = None


class _Held(BaseModel):
    """What the game says of an image that it holds: how often it was loaded, and what it holds now."""

    added: Count
    modified: Count
    failed: Count
    width: Count
    height: Count
    layers: Count = 1
    crc32: str
    """Empty if the game cannot see the pixels, or if they are too many."""

    @property
    def loads(self) -> int:
        """How often it was loaded."""
        return self.added + self.modified


class _Stats(BaseModel):
    """What the game's reload plugin says; of its images only those asked for are looked at."""

    protocol: Literal[1]
    pid: Count
    assets_root: Annotated[str, Field(max_length=4096)]
    images: Annotated[dict[str, Any], Field(max_length=_MOST_IMAGES)]


@dataclass(frozen=True)
class Game:
    """What was heard of the game before the publish; `problem` says why it cannot tell of reloads."""

    running: bool
    problem: str = ""
    pid: int = 0
    held: Mapping[str, _Held] = field(default_factory=dict)
    """The images that it held by then."""


def picture_of(path: str, png: bytes, atlas: Atlas | None = None) -> Picture:
    """Return the picture in a whole PNG that stands at `path`, relative to assets/; one with a grid may be held tile by tile."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        rgba = np.asarray(image.convert("RGBA"))
    height, width = rgba.shape[:2]
    forms = {Form(width, height, 1, _crc(rgba))}
    if atlas is not None:
        tiles = rgba.reshape(atlas.rows, atlas.tile_height, atlas.columns, atlas.tile_width, 4).swapaxes(1, 2)
        forms.add(Form(atlas.tile_width, atlas.tile_height, atlas.rows * atlas.columns, _crc(tiles)))
    return Picture(path, frozenset(forms))


def _crc(pixels: NDArray[np.uint8]) -> str:
    return f"{zlib.crc32(pixels.tobytes()):08x}"


class ReloadWatch:
    """Looks for the game before a publish, and waits for its pictures after it. Used as an async context manager."""

    def __init__(self, project: BevyProject, port: int) -> None:
        self._project = project
        self._port = port
        self._brp = Brp(port)

    async def __aenter__(self) -> "ReloadWatch":
        """Nothing is asked yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self._brp.__aexit__(None, None, None)

    async def game(self) -> Game:
        """Find out whether this project's game runs. Ask while the publish goes on: it costs it nothing."""
        try:
            await self._brp.check_listens()
            stats = await self._stats(_FIRST_ANSWER_S)
        except NothingThereError as error:
            return Game(False, f"No game is running ({error}).")
        except UnknownMethodError:
            return Game(True, f"The game on port {self._port} lacks the reload plugin: `dgx-pixels init --plugin` copies it.")
        except BrpError as error:
            return Game(True, f"No game could be asked: {error}.")
        held = {path: held for path in stats.images if (held := _held(stats, path)) is not None}
        return Game(True, self._stranger(stats), stats.pid, held)

    async def wait(self, game: Game, pictures: Sequence[Picture], published_at: float, timeout_s: float) -> dict[str, Reloaded]:
        """Wait until the game holds each picture, for `timeout_s` seconds at most; return what became of each, by path.

        `published_at` is the instant of `time.monotonic()` from which `after_ms` counts.
        """
        if game.problem:
            return {picture.path: Reloaded(False if game.running else None, game.problem) for picture in pictures}
        before, pid = game.held, game.pid
        waiting = {picture.path: picture for picture in pictures}
        found: dict[str, Reloaded] = {}
        deadline = time.monotonic() + timeout_s
        while waiting:
            asked_at = time.monotonic()
            try:
                stats = await self._stats(max(deadline - asked_at, _ASK_EVERY_S))
            except BrpError as error:
                return found | dict.fromkeys(waiting, Reloaded(False, f"The game stopped answering: {error}."))
            if stats.pid != pid:  # another game, or this one started anew, and with it its counts
                before, pid = {}, stats.pid
            if stranger := self._stranger(stats):
                return found | dict.fromkeys(waiting, Reloaded(False, stranger))
            for picture in list(waiting.values()):
                state = _state(stats, picture, before.get(picture.path))
                given_up = state.ends or (not state.held and time.monotonic() > published_at + min(_TAKE_UP_S, timeout_s))
                if state.shown:
                    after = max(0, round((time.monotonic() - published_at) * 1000))
                    found[picture.path] = Reloaded(True, state.reason, after)
                elif given_up or time.monotonic() >= deadline:
                    found[picture.path] = Reloaded(False, state.reason)
                else:
                    continue
                del waiting[picture.path]
            await asyncio.sleep(max(0.0, asked_at + _ASK_EVERY_S - time.monotonic()))
        return found

    async def _stats(self, timeout_s: float) -> _Stats:
        said = await self._brp.ask(METHOD, timeout_s)
        try:
            return _Stats.model_validate(said)
        except ValidationError as error:
            raise BrpError(f"the game on port {self._port} speaks another version of our reload plugin") from error

    def _stranger(self, stats: _Stats) -> str:
        if stats.assets_root == str(self._project.assets):
            return ""
        # What it says ends up before a language model: show no more of it than a path needs.
        shown = "".join(c if c.isprintable() else "?" for c in stats.assets_root[:120])
        return f"The game on port {self._port} (pid {stats.pid}) is another one, with its assets in {shown!r}."


@dataclass(frozen=True)
class _State:
    """How far the game is with a picture; `ends` says that waiting is in vain."""

    reason: str
    held: bool = True
    shown: bool = False
    ends: bool = False


def _state(stats: _Stats, picture: Picture, before: _Held | None) -> _State:
    held = _held(stats, picture.path)
    if held is None:
        return _State("The game does not hold this image: it loads it when something asks for its path.", held=False)
    form = Form(held.width, held.height, held.layers, held.crc32)
    if form in picture.forms:
        return _State(f"The game (pid {stats.pid}) holds exactly these pixels.", shown=True)
    unseen = not held.crc32 and any(replace(form, crc32=f.crc32) == f for f in picture.forms)
    if unseen and held.loads > (before.loads if before is not None else 0):
        return _State(f"The game (pid {stats.pid}) has loaded it anew; it cannot see the pixels to compare them.", shown=True)
    if held.failed > (before.failed if before is not None else 0):
        return _State("The game failed to load it: its log says why.", ends=True)
    return _State("The game still holds the old picture: does it run with Bevy's feature file_watcher?")


def _held(stats: _Stats, path: str) -> _Held | None:
    try:
        return _Held.model_validate(stats.images[path])
    except (KeyError, ValidationError):
        return None

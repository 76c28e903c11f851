"""Publish again and again in child processes that are killed at random instants; look at what each leaves. Run by a test.

`python killed_publishes.py ROOT COUNT SEED` prints one line of JSON: how often which state was found. It ends with an error at
the first file that is neither the old nor the new one, and at the first manifest that disagrees with a file.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from publishing import POTION, TILES, item, staged, tileset

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.manifest import MANIFEST_PATH, read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.project_settings import ProjectSettings
from dgx_pixels.bevy.publisher import Publisher, PublishItem

ENDS = ("json", "tsx", "tmx")


def publish_of(number: int) -> list[PublishItem]:
    """A tileset of four files and a sprite; each number has bytes of its own for all of them."""
    files = tuple((f"tile_grass.{end}", f"{end} {number}".encode()) for end in ENDS)
    return [tileset(number, number, files=files), item(1_000_000 + number, version=number, side=48)]


def bytes_of(items: list[PublishItem]) -> dict[str, bytes]:
    """What each of its files holds."""
    return {part.path: part.data for one in items for part in one.parts()}


def killed_after(seconds: float, project: BevyProject, items: list[PublishItem]) -> None:
    """Begin to publish in a child, and kill it."""
    child = os.fork()
    if child == 0:
        Publisher().publish(project, items)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def state_of(project: BevyProject, old: dict[str, bytes], new: dict[str, bytes]) -> str:
    """Which files are new; raises AssertionError if one is neither old nor new."""
    found = {path: (project.assets / path).read_bytes() for path in old}
    for path, data in found.items():
        assert data in (old[path], new[path]), f"{path} is torn"
    json.loads((project.assets / MANIFEST_PATH).read_bytes())
    fresh = [path for path, data in found.items() if data == new[path]]
    journal = any(path.suffix == ".journal" for path in staged(project))
    what = "nothing" if not fresh else "all" if len(fresh) == len(found) else "part"
    return f"{what} shown, {'a journal left' if journal else 'no journal'}"


def check_after_start(project: BevyProject) -> None:
    """What the next start does is enough: manifest and files agree, and nothing unfinished is left."""
    Publisher().check(project)
    assert staged(project) == []
    manifest = read_manifest(project)
    assert [entry.path for entry in manifest.assets] == [POTION, TILES]
    listed = {entry.path: entry.sha256 for entry in manifest.assets}
    listed |= {file.path: file.sha256 for entry in manifest.assets for file in entry.files}
    for path, digest in listed.items():
        assert sha256((project.assets / path).read_bytes()) == digest, path
    Publisher().refuse_edited(project, list(listed), overwrite=False)
    names = {str(path.relative_to(project.assets)) for path in project.assets.rglob("*") if path.is_file()}
    assert names == {MANIFEST_PATH, *listed}


def main(root: Path, count: int, seed: int) -> None:
    """Kill `count` publishes; print what was found."""
    project = BevyProject(root=root, assets=root / "assets")
    Publisher().write_settings(project, ProjectSettings(meta=True))
    Publisher().publish(project, publish_of(1))
    started = time.monotonic()
    Publisher().publish(project, publish_of(2))
    whole_s = time.monotonic() - started
    moments = random.Random(seed)
    found: Counter[str] = Counter()
    for number in range(3, count + 3):
        new = publish_of(number)
        old = {path: (project.assets / path).read_bytes() for path in bytes_of(new)}
        killed_after(moments.uniform(0, 1.3 * whole_s), project, new)
        found[state_of(project, old, bytes_of(new))] += 1
        check_after_start(project)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

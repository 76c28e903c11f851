"""Publishing processes that are killed, and that run at once."""

import io
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from dgx_pixels.bevy.manifest import MANIFEST_PATH, parse_manifest, read_manifest
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher

# What the children share: `publish(name, shade)` publishes a 64x64 sprite, without overwrite, and returns the changes.
PRELUDE = """
import hashlib, io, itertools, os, signal, sys
from pathlib import Path
import numpy as np
from PIL import Image
from dgx_pixels.bevy.manifest import ManifestEntry
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher, PublishItem

root = Path(sys.argv[1])

def publish(name, shade):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(shade).integers(0, 256, (64, 64, 4), dtype=np.uint8)).save(buffer, "PNG")
    data = buffer.getvalue()
    entry = ManifestEntry(path=f"sprites/item_{name}.png", id=name, version=1, name=name, category="item", width=64, height=64,
                          colors=9, sha256=hashlib.sha256(data).hexdigest(), prompt=name, seed=shade, model="m")
    return Publisher().publish(BevyProject(root=root, assets=root / "assets"), [PublishItem(entry=entry, data=data)])
"""

FOREVER = """
for shade in itertools.count():
    publish("potion", shade % 2)
    print("published", flush=True)
"""

# Kills itself right after the rename that showed the PNG and before the one that shows the manifest.
DIE_BETWEEN = """
publish("potion", 1)
rename = os.replace
def rename_and_die(source, target, **where):
    rename(source, target, **where)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = rename_and_die
publish("potion", 2)
"""

MANY = """
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    publish(f"{sys.argv[2]}{number}", number)
"""


def child(code: str, root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process that runs the prelude and `code` on the project."""
    command = [sys.executable, "-c", PRELUDE + code, str(root), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(code: str, root: Path) -> int:
    """Run a child to its end; return its exit status."""
    with child(code, root) as process:
        process.communicate()
    return process.returncode


def test_a_killed_publisher_leaves_whole_files_that_are_still_ours(project: BevyProject) -> None:
    """Killed anywhere, again and again: the PNG decodes, the manifest parses, and the next publish is not refused."""
    moments = random.Random(3)
    for _ in range(6):
        with child(FOREVER, project.root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "published\n"
            time.sleep(moments.uniform(0, 0.02))
            process.kill()
        with Image.open(io.BytesIO((project.assets / "sprites/item_potion.png").read_bytes())) as image:
            image.load()
        parse_manifest((project.assets / MANIFEST_PATH).read_bytes())
        Publisher().refuse_edited(project, ["sprites/item_potion.png"], overwrite=False)


def test_a_crash_between_png_and_manifest_is_made_good_by_the_next_publish(project: BevyProject) -> None:
    """A PNG that was shown before its manifest could be is known as ours, and the next publish of anything lists it."""
    assert run(DIE_BETWEEN, project.root) == -signal.SIGKILL
    assert [entry.seed for entry in read_manifest(project).assets] == [1]
    Publisher().refuse_edited(project, ["sprites/item_potion.png"], overwrite=False)
    assert run('assert publish("sword", 5) == [True]', project.root) == 0
    assert [entry.seed for entry in read_manifest(project).assets] == [2, 5]
    assert not any((project.root / ".dgx_pixels" / "staging").iterdir())


def test_two_processes_at_once_lose_no_entry(project: BevyProject) -> None:
    """Two processes publish ten sprites each at the same time; the manifest lists all twenty."""
    processes = [child(MANY, project.root, name) for name in ("left", "right")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    paths = [entry.path for entry in read_manifest(project).assets]
    assert paths == sorted(f"sprites/item_{name}{number}.png" for name in ("left", "right") for number in range(10))
    assert sorted(path.name for path in (project.assets / "sprites").iterdir()) == [Path(path).name for path in paths]

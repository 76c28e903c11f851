"""Over 200 hostile names and paths, wherever a tool takes one: nothing is written outside assets/ and .dgx_pixels/."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import text_of
from fastmcp import Client, FastMCP
from PIL import Image
from publishing import item, tileset
from pydantic import ValidationError

from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.publisher import Publisher, PublishError

_SPOTS = ("{}", "../{}", "../../../{}", "/{}", "a/../../{}", "./{}", "sprites/{}", "{}/", "..\\{}", "C:\\{}", "{}\x00", "\x00{}")
_WORDS = ("x", "x.png", "x.png.meta", ".hidden", "x#label", "http://x", "con", "nul.png", "~root", "x\n")
NAMES = tuple(dict.fromkeys((
    *(spot.format(word) for spot, word in itertools.product(_SPOTS, _WORDS)),
    "x" * 49, "x" * 255, "x" * 256, "x" * 5000, "../" * 1000 + "x", "/" * 5000, "", " ", ".", "..", "...", "/", "//", "\\",
    "\x00", "\n", "\r\n", "\t", "*", "?", "|", "<x>", "x:y", "\"x\"", "'x'", "$(touch x)", "`touch x`", "; touch x",
    "&& touch x", "%2e%2e%2fx", "..%2fx", "%00", "..%c0%afx", "file:///x", "embedded://x", "x.meta", ".meta", "\xe9",
    "\uff58", "\u2168", "x\u0301", "\u202ex", "x\u200b", "\ufeffx", "\uff0e\uff0e\uff0fx", "\u2025/x", "\u2215x", "\u29f5x",
    "\u0430", "\u2179", "x\ud800", "\U0001f9ea", "x y", "x-y", "X", "1x", "_x", "v2", "x_v2", "x_0001", "x_v2_0001", "con",
    "prn", "aux", "nul", "com1", "lpt9", "CON", "con.png", "dgx_pixels", "dgx_pixels.json", "manifests/dgx_pixels", "lock",
    "staging", ".dgx_pixels", ".gitignore", "Cargo.toml", "../Cargo.toml", "../../home/library.sqlite3", "x.part", ".x.part",
    "--help", "-x", "@x", "{x}", "{0}", "%s", "%n", "null", "none", "None", "true", "0", "-1", "nan", "__proto__",
    "constructor", "/etc/passwd", "/proc/self/mem", "/dev/null", "/dev/stdin", "sprites", "tiles", "item_x", "x.PNG",
    "x.png ", " x", "x.", "x..",
)))  # fmt: skip


def everything(root: Path, *besides: str) -> dict[str, tuple[int, int, bytes]]:
    """All below a folder, but for what lies in these folders of it: time of change, size and content."""
    found = {}
    for path in root.rglob("*"):
        where = str(path.relative_to(root))
        if not where.startswith(besides):
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[where] = (stat.st_mtime_ns if content else 0, stat.st_size if content else 0, content)
    return found


def test_there_are_over_200(record_property: Callable[[str, object], None]) -> None:
    """No two are the same."""
    record_property("found", f"{len(NAMES)} names")
    assert len(NAMES) > 200


@pytest.fixture
def trapped(game: Path, tmp_path: Path) -> Path:
    """The game, with links out of it and files around it that a hostile path could reach."""
    for name in ("x", "x.png", "home.png"):
        (tmp_path / name).write_bytes(b"around")
    outside = tmp_path / "outside"
    outside.mkdir()
    (game / "assets/linked").symlink_to(outside)
    (game / "assets/up").symlink_to(tmp_path)
    Image.new("RGB", (8, 8), "red").save(game / "assets/picture.png")
    return game


async def test_no_name_leads_out_of_the_project(server: FastMCP[Any], trapped: Path, tmp_path: Path) -> None:
    """Each name is refused in one sentence or becomes a plain file in assets/sprites/; all around stays as it was."""
    before = everything(tmp_path, "game/assets/sprites", "game/assets/manifests", "game/.dgx_pixels", "home")
    refused = 0
    async with Client(server) as client:
        for name in NAMES:
            asked = {"image": "assets/picture.png", "name": name, "overwrite": True}
            result = await client.call_tool("pixelize_image", asked, raise_on_error=False)
            if result.is_error:
                refused += 1
                assert len(text_of(result)) < 400
    after = everything(tmp_path, "game/assets/sprites", "game/assets/manifests", "game/.dgx_pixels", "home")
    assert after == before
    assert refused > 150
    written = [path for folder in ("sprites", "manifests") for path in (trapped / "assets" / folder).rglob("*")]
    assert all(re.fullmatch(r"item_[a-z][a-z0-9_]*\.png|dgx_pixels\.json", path.name) for path in written)
    assert {path.parent.name for path in written} == {"sprites", "manifests"}


CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("pixelize_image", "project", {"image": "assets/picture.png"}),
    ("pixelize_image", "category", {"image": "assets/picture.png"}),
    ("pixelize_image", "image", {}),
    ("publish_asset", "asset", {}),
    ("publish_asset", "project", {"asset": "x"}),
    ("setup_project", "project", {"tile_size": 16}),
    ("setup_project", "palette", {}),
    ("generate_sprite", "category", {"prompt": "x"}),
)


@pytest.mark.parametrize("of", [len(CALLS), pytest.param(1, marks=pytest.mark.slow)])
async def test_no_other_argument_leads_out_either(server: FastMCP[Any], trapped: Path, tmp_path: Path, of: int) -> None:
    """As a project, an asset, a category, a palette or an image, each is refused, or reads what may be read.

    Each name is given for one of the arguments, or (slow) for all of them.
    """
    kept = ("game/assets/sprites", "game/assets/manifests", "game/.dgx_pixels", "home")
    before = everything(tmp_path, *kept)
    async with Client(server) as client:
        for tool, argument, others, name in ((*call, name) for i, call in enumerate(CALLS) for name in NAMES[i % of :: of]):
            result = await client.call_tool(tool, {**others, argument: name}, raise_on_error=False)
            palette_taken_back = argument == "palette" and name.lower() == "none"
            assert result.is_error or palette_taken_back, (tool, argument, name)
            assert "Traceback" not in text_of(result)
            assert "Error calling tool" not in text_of(result), (tool, argument, name)
    assert everything(tmp_path, *kept) == before
    assert not (trapped / "assets/sprites").exists()


def test_the_publisher_itself_writes_nowhere_else(project: BevyProject, publisher: Publisher, tmp_path: Path) -> None:
    """Were a tool to let a path through, the entry, the sidecar or the publisher refuses it, also behind a link below assets/."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (project.assets / "linked").symlink_to(outside)
    before = everything(tmp_path, "game/assets", "game/.dgx_pixels")
    for name in NAMES:
        for path in (name, f"linked/{name}", f"linked/{name}.png", f"sprites/{name}.png"):
            with suppress(ValidationError, PublishError):
                publisher.publish(project, [item(path=path)], overwrite=True)
        with suppress(PublishError):
            publisher.publish(project, [tileset(files=((name, b"x"), (f"../linked/{name}.json", b"x")))], overwrite=True)
        with pytest.raises(PublishError, match=r"leads out of|is no path|File name too long"):
            publisher.refuse_edited(project, [f"linked/{name}", f"../{name}"], overwrite=False)
    assert everything(tmp_path, "game/assets", "game/.dgx_pixels") == before
    assert {path.suffix for path in project.assets.rglob("*.*")} <= {".png", ".json"}

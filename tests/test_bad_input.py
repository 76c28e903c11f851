"""Bad input gets one clear sentence, and nothing is written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import in_both_eras, text_of
from fastmcp import Client, FastMCP

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.server.settings import Settings

GOOD = {"prompt": "a red potion", "steps": 1}


async def refusal(client: Client[Any], **arguments: object) -> str:
    """The text of the tool error that these arguments get."""
    result = await client.call_tool("generate_sprite", {**GOOD, **arguments}, raise_on_error=False)
    assert result.is_error
    return text_of(result)


def everything_in(*folders: Path) -> list[Path]:
    """All files below the folders, but for the library's own database and locks."""
    own = ("library.sqlite3", ".lock")
    return [p for f in folders for p in f.rglob("*") if p.is_file() and not any(o in p.name for o in own)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": "x" * 501}, "500 characters"),
        ({"size": 33}, "33 is not one of 16, 24, 32, 48, 64, 96, 128"),
        ({"size": "32x33"}, "not one of 16, 24, 32"),
        ({"size": "big"}, "'big' is not one of"),
        ({"size": 64}, "tiny-sdxl draws sides of 32 px, not 64x64"),
        ({"variants": 0}, "variants is 0, but must be from 1 to 8"),
        ({"variants": 9}, "variants is 9, but must be from 1 to 8"),
        ({"colors": 1}, "colors is 1, but must be from 2 to 256"),
        ({"model": "sdxxl"}, "no model 'sdxxl': did you mean tiny-sdxl"),
        ({"palette": "pico-9"}, "pico-8"),
        ({"palette": "#12345"}, "#12345"),
        ({"name": "../evil"}, "../evil"),
        ({"name": "Über"}, "a-z"),
        ({"category": "hat"}, "'hat' is not one of character"),
        ({"seed": -1}, "seed is -1"),
        ({"steps": 0}, "steps is 0"),
        ({"guidance": 0.5}, "guidance is 0.5"),
        ({"wait_s": -1}, "wait_s is -1"),
        ({"variants": "many"}, "cannot take 'many' as variants: input should be a valid integer"),
        ({"varaints": 2}, "has no argument varaints"),
        ({"project": "relative/game"}, "absolute"),
        ({"project": "/no/such/game"}, "/no/such/game"),
    ],
)  # fmt: skip
async def test_each_bad_argument_is_named_and_nothing_is_written(
    client: Client[Any], settings: Settings, game: Path, arguments: dict[str, Any], says: str
) -> None:
    """The error says what was wrong and what is allowed; game and library stay as they were."""
    before = everything_in(game)

    text = await refusal(client, **arguments)

    assert says in text
    assert before == everything_in(game)
    assert everything_in(settings.home) == []


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("generate_sprite", {"prompt": list(range(20000))}, "cannot take [0, 1, 2"),
        ("generate_sprite", {"prompt": "x", "\x1b[2J\u202e": 1}, "has no argument [2J"),
        ("generate_sprite", {"prompt": [[[[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]]]]}, "nested more than 20 levels"),
        ("generate_sprite", {"prompt": "x", "reference": "\ud800"}, "half a character"),
        ("pixelize_image", {"image": "\x1b]0;x\x07\u202e.png"}, "\\x1b]0;x\\x07\\u202e.png"),
        ("get_job", {"job_id": "a" * 100_000}, "There is no job"),
        ("cancel_job", {"job_id": "\ud800"}, "half a character"),
        ("record_vote", {"comparison_id": "\ud800", "round": 1, "winner": "A"}, "half a character"),
    ],
)  # fmt: skip
async def test_an_error_repeats_little_and_only_text(
    server: FastMCP[Any], tool: str, arguments: dict[str, Any], says: str
) -> None:
    """However much was sent, and whatever a terminal or a chat would make of it."""
    async with Client(server) as client:
        text = text_of(await client.call_tool(tool, arguments, raise_on_error=False))

    assert says in text
    assert text.isprintable()
    assert len(text) < 5000


@in_both_eras
async def test_a_missing_prompt_is_asked_for(client: Client[Any]) -> None:
    """A call without its one needed argument says which it is."""
    result = await client.call_tool("generate_sprite", {}, raise_on_error=False)

    assert result.is_error
    assert text_of(result).startswith("generate_sprite needs the argument prompt")


async def test_a_project_without_assets_is_told_how_to_make_them(client: Client[Any], game: Path) -> None:
    """A Bevy project that has no assets/ is refused with the command that helps."""
    (game / "assets").rmdir()

    text = await refusal(client)

    assert "mkdir" in text
    assert [p.name for p in game.iterdir()] == ["Cargo.toml"]


@pytest.fixture
def read_only(game: Path) -> Iterator[Path]:
    """The game on a disk that cannot be written."""
    if os.geteuid() == 0:
        mounted = subprocess.run(["mount", "--bind", game, game], check=False, capture_output=True).returncode == 0
        if not mounted:
            pytest.skip("root ignores file modes, and this sandbox cannot mount")
        subprocess.run(["mount", "-o", "remount,ro,bind", game], check=True)
        yield game
        subprocess.run(["umount", game], check=True)
    else:
        for folder in (game / "assets", game):
            folder.chmod(0o555)
        yield game
        for folder in (game, game / "assets"):
            folder.chmod(0o755)


async def test_a_read_only_disk_is_found_out_before_drawing(client: Client[Any], read_only: Path, settings: Settings) -> None:
    """A project that cannot be written is refused at once, in plain words."""
    text = await refusal(client)

    assert "read-only" in text or "permission" in text.lower()
    assert str(read_only) in text
    assert everything_in(settings.home) == []


@pytest.fixture
def broken_model(settings: Settings) -> Callable[[str], Path]:
    """Drops a copy of the embedded model into the model folder; answers with the file of one part's weights."""

    def drop(part: str) -> Path:
        folder = settings.home / "models" / "checkpoints" / "broken"
        shutil.copytree(embedded().folder, folder)
        return next((folder / part).glob("*.safetensors"))

    return drop


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder_2"])
async def test_missing_weights_are_named(client: Client[Any], broken_model: Callable[[str], Path], game: Path, part: str) -> None:
    """A model without weights is refused with the folder they belong into; other models go on."""
    broken_model(part).unlink()

    text = await refusal(client, model="broken")

    assert "broken has no weights" in text
    assert part in text
    assert everything_in(game / "assets") == []
    assert not (await client.call_tool("generate_sprite", GOOD)).is_error


@pytest.mark.parametrize("keep", [0, 4, 5000, -1])
async def test_truncated_weights_are_named(
    client: Client[Any], broken_model: Callable[[str], Path], game: Path, keep: int
) -> None:
    """Weights cut short anywhere are refused with the file's path, before anything is drawn."""
    weights = broken_model("unet")
    weights.write_bytes(weights.read_bytes()[:keep])

    text = await refusal(client, model="broken")

    assert "damaged" in text
    assert str(weights) in text
    assert everything_in(game / "assets") == []


@in_both_eras
async def test_unknown_ids_say_where_known_ones_are(client: Client[Any]) -> None:
    """get_job, cancel_job and view_asset name the id they do not know, and where to look."""
    for tool, argument in (("get_job", "job_id"), ("cancel_job", "job_id"), ("view_asset", "asset_id")):
        result = await client.call_tool(tool, {argument: "nope"}, raise_on_error=False)
        assert result.is_error
        assert "'nope'" in text_of(result)


async def test_an_unforeseen_failure_is_not_shown_but_logged(
    server: FastMCP[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What broke inside goes to the log; the caller gets a sentence without innards."""

    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("innards")

    monkeypatch.setattr("dgx_pixels.tools.sprite_job.make_sprite", break_down)
    async with Client(server) as client:
        text = await refusal(client)

    assert "innards" not in text
    assert "log" in text
    assert "innards" in caplog.text


async def test_a_damaged_picture_in_the_library_costs_no_result(client: Client[Any], settings: Settings) -> None:
    """view_asset says that the file is damaged; get_job still gives path and seed, only without a preview."""
    answer = (await client.call_tool("generate_sprite", {**GOOD, "publish": False})).structured_content
    assert answer is not None
    asset = answer["result"]["assets"][0]
    Path(asset["file"]).write_bytes(b"damaged")

    seen = await client.call_tool("view_asset", {"asset_id": asset["id"]}, raise_on_error=False)
    again = await client.call_tool("get_job", {"job_id": answer["job_id"]})
    assert seen.is_error
    assert "is not the picture that was kept there" in text_of(seen)
    assert again.structured_content == answer

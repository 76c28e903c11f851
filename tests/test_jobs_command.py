"""`dgx-pixels jobs`, and prompts from a file: what they print, and how they fail."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from processes import DGX_PIXELS, options

from dgx_pixels.library.library import Library
from dgx_pixels.server.cli import main
from dgx_pixels.server.connect import transport
from dgx_pixels.server.jobs_command import _print, _that_fit
from dgx_pixels.server.settings import Settings


def run(settings: Settings, *words: str) -> int:
    """Run a command with these settings; answers with its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([*words, *options(settings)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


async def fill(settings: Settings) -> None:
    """Leave jobs of several kinds and states, as processes that have ended do."""
    library = await Library.open(settings.home)
    jobs = {
        "aaaaaaaaaaaa": ("sprite", {"prompt": "a red potion", "name": "red_potion"}),
        "bbbbbbbbbbbb": ("batch", {"items": [{"prompt": "a gem"}, {"prompt": "a key"}]}),
        "cccccccccccc": ("tileset", {"terrains": ["water", "sand"], "name": "ground"}),
        "dddddddddddd": ("training", {"name": "my-style", "dry_run": True}),
    }
    for job_id, (kind, request) in jobs.items():
        await library.jobs.create(job_id, kind, "/game", json.dumps(request))
    await library.jobs.set("aaaaaaaaaaaa", "failed", error="There is no such model.")
    await library.jobs.set("bbbbbbbbbbbb", "done", result="{}")
    await library.jobs.set("dddddddddddd", "paused")
    await library.close()


async def fill_comparison(settings: Settings) -> None:
    """Put a comparison into the library, paused so that it is listed first."""
    library = await Library.open(settings.home)
    request = {"contenders": ["tiny-sdxl", "other"], "prompts": [{"prompt": p, "category": "item"} for p in ("a gem", "a key")]}
    await library.jobs.create("eeeeeeeeeeee", "comparison", "/game", json.dumps(request))
    await library.jobs.set("eeeeeeeeeeee", "paused")
    await library.close()


def test_jobs_are_listed_with_what_they_are_about(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """What has not ended comes first; a failure says why, a job that was left who does it."""
    asyncio.run(fill(settings))
    assert run(settings, "jobs") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line[:12] for line in lines] == ["d" * 12, "c" * 12, "b" * 12, "a" * 12]
    assert "paused" in lines[0]
    assert "my-style, a dry run" in lines[0]
    assert "left" in lines[1]
    assert "water, sand  (its process has ended, the next server does it)" in lines[1]
    assert "2 prompts: a gem" in lines[2]
    asyncio.run(fill_comparison(settings))
    assert run(settings, "jobs", "--limit", "1") == 0
    assert capsys.readouterr().out.rstrip().endswith("comparison  2 prompts: a gem")
    assert lines[3].endswith("a red potion  (There is no such model.)")


def test_jobs_as_json(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts: all that the list shows, and no more jobs than asked for."""
    asyncio.run(fill(settings))
    assert run(settings, "jobs", "--json", "--limit", "3") == 0

    jobs: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["jobs"]
    assert [(job["id"][0], job["kind"], job["status"]) for job in jobs] == [
        ("d", "training", "paused"), ("c", "tileset", "left"), ("b", "batch", "done"),
    ]  # fmt: skip
    assert {*jobs[0]} == {"id", "kind", "what", "project", "status", "error", "created", "updated", "progress"}


def test_the_live_list_is_one_row_a_job_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the next one is printed over it; what does not print cannot move the cursor."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "10")
    assert _print(["a red potion of mine", "a\n\x1b[2Jb", "剣剣剣剣剣剣"], 2) == 3
    assert capsys.readouterr().out == "\x1b[2A\x1b[Ja red poti\na\\n\\x1b[2J\n剣剣剣剣剣\n"


def test_a_list_higher_than_the_terminal_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has scrolled out cannot be printed over: it would be there again and again."""
    monkeypatch.setenv("LINES", "4")
    assert _that_fit(["a", "b", "c", "d"]) == ["a", "b", "... and 2 more"]
    assert _that_fit(["a", "b", "c"]) == ["a", "b", "c"]


def test_without_jobs_the_list_says_so(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """A new home is none to stumble over."""
    assert run(settings, "jobs") == 0
    assert capsys.readouterr().out == "There are no jobs.\n"


@pytest.mark.parametrize("job_id", ["cccccccccccc", "dddddddddddd"])
def test_a_job_that_nobody_works_on_is_cancelled_without_a_server(
    settings: Settings, capsys: pytest.CaptureFixture[str], job_id: str
) -> None:
    """Left or paused: no server does it any more."""
    asyncio.run(fill(settings))
    assert run(settings, "jobs", "cancel", job_id) == 0
    assert capsys.readouterr().out == f"{job_id}  cancelled.\n"
    run(settings, "jobs", "--json")
    assert {job["id"]: job["status"] for job in json.loads(capsys.readouterr().out)["jobs"]}[job_id] == "cancelled"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("cancel",), 2, "need a job's id"),
        (("list", "cccccccccccc"), 2, "jobs list takes none"),
        (("--limit", "0"), 2, "must be at least 1"),
        (("cancel", "unknown"), 1, "There is no job 'unknown'"),
        (("pause", "cccccccccccc"), 1, "Nobody works on job cccccccccccc now"),
        (("pause", "dddddddddddd"), 0, ""),
    ],
)
def test_what_cannot_be_done_says_so(
    settings: Settings, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, says: str
) -> None:
    """In one sentence."""
    asyncio.run(fill(settings))
    assert run(settings, "jobs", *words) == status
    assert says in capsys.readouterr().err


def test_prompts_come_from_a_file(
    settings: Settings, game: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One a line, without comments; or from stdin. What failed is told on stderr, and by the status."""
    file = tmp_path / "prompts.txt"
    file.write_text("# loot\n  a  red potion\n\na gold key # with a handle\n")
    assert run(settings, "sprite", "--prompts", str(file), "--steps", "1", "--project", str(game)) == 0
    said = capsys.readouterr().out
    for name in ("item_red_potion.png", "item_gold_key_with_handle.png"):
        assert str(game / "assets/sprites" / name) in said
        assert (game / "assets/sprites" / name).is_file()

    monkeypatch.setattr("sys.stdin", io.StringIO(f"a gem\n{'x' * 501}\n"))
    assert run(settings, "sprite", "--prompts", "-", "--steps", "1", "--project", str(game)) == 1
    out, err = capsys.readouterr()
    assert "item_gem.png" in out
    assert "longer than 500" in err


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ((), 2, "sprite needs a prompt, or --prompts"),
        (("a gem", "--prompts", "prompts.txt"), 2, "sprite needs a prompt, or --prompts"),
        (("--prompts", "nowhere.txt"), 1, "nowhere.txt cannot be read"),
        (("--prompts", "/dev/null"), 1, "/dev/null has no prompts"),
    ],
)
def test_a_file_without_prompts_is_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, says: str
) -> None:
    """In one sentence."""
    assert run(settings, "sprite", *words) == status
    assert says in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_jobs_are_watched_and_cancelled_in_the_running_server(serving: Settings, game: Path) -> None:
    """The list shows how far a job is, live; `cancel` ends it there."""
    watching = await asyncio.create_subprocess_exec(
        *DGX_PIXELS, "jobs", "--watch", "--json", *options(serving), stdout=subprocess.PIPE
    )
    async with Client(transport(serving, game)) as client:
        long = {"prompt": "a red potion", "steps": 100, "variants": 8, "wait_s": 0}
        begun = (await client.call_tool("generate_sprite", long)).structured_content
        assert begun is not None
        assert watching.stdout is not None
        shares = []
        async for line in watching.stdout:
            shares += [job["progress"]["done"] for job in json.loads(line)["jobs"] if job["progress"] is not None]
            if len({*shares}) >= 3:
                break
        watching.kill()
        await watching.wait()
        assert shares == sorted(shares)

        command = [*DGX_PIXELS, "jobs", "cancel", begun["job_id"], *options(serving)]
        said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        assert said.stdout == f"{begun['job_id']}  cancelled.\n"
        after = (await client.call_tool("get_job", {"job_id": begun["job_id"]})).structured_content
    assert after is not None
    assert after["status"] == "cancelled"

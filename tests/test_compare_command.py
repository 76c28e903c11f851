"""`dgx-pixels compare` and `vote`: what the tools do, from a terminal."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import pytest
from comparing import keep_comparison, label_of, write_loras
from processes import options

from dgx_pixels.library.library import Library
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings

PAIR = ("tiny-sdxl", "tiny-sdxl+style:0.8")


def run(settings: Settings, *words: str) -> int:
    """Run a command in this process; answers with its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([*words, *options(settings, settings.project)])
    return int(ended.value.code or 0)


def kept(settings: Settings, *ids: str, votes: bool = True) -> dict[str, str]:
    """Comparisons of the settings' project; the second contender wins each round. Answers with the label that won round 1."""

    async def keep() -> dict[str, str]:
        library = await Library.open(settings.home)
        won = {}
        for one in ids:
            await keep_comparison(library, one, PAIR, rounds=2, project=str(settings.project))
            won[one] = await label_of(library, one, 1, 1)
            for number in (1, 2) if votes else ():
                await library.comparisons.vote(one, number, await label_of(library, one, number, 1), "=1+1")
        await library.close()
        return won

    return asyncio.run(keep())


def test_compare_says_where_to_look_and_how_to_vote(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Drawn by the same code as the tool; before the vote nothing is told."""
    write_loras(settings)
    assert run(settings, "compare", *PAIR, "--prompts", "a red potion", "--steps", "1", "--seed", "7") == 0
    said = capsys.readouterr().out
    page = Path(said.split("  ")[0])

    assert page.is_file()
    assert f"dgx-pixels vote {page.stem} 1 A" in said
    assert "style" not in said

    assert run(settings, "vote", page.stem, "1", "B", "--note", "crisper") == 0
    said = capsys.readouterr().out
    assert "too few votes" in said
    assert "tiny-sdxl+style:0.8" in said


def test_a_vote_is_kept_and_the_last_one_told(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Round by round, or with --reveal at once; a wrong one exits with 1 and a sentence."""
    won = kept(settings, "a" * 12, votes=False)["a" * 12]
    assert run(settings, "vote", "a" * 12, "1", won.lower()) == 0
    assert "1 round is left" in capsys.readouterr().out
    assert run(settings, "vote", "a" * 12, "1", "A") == 1
    assert "Round 1 has its vote already" in capsys.readouterr().err
    assert run(settings, "vote", "a" * 12, "--reveal", "--json") == 0
    assert json.loads(capsys.readouterr().out)["comparison"]["standing"]["votes"] == 1
    assert run(settings, "vote", "b" * 12, "--reveal") == 1
    assert "There is no comparison" in capsys.readouterr().err


def test_votes_are_exported_as_csv(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row a picture, with who won; comparisons that are voted on still are left out; no cell is a formula."""
    won = kept(settings, "a" * 12)["a" * 12]
    kept(settings, "b" * 12, votes=False)
    assert run(settings, "vote", "--export", str(tmp_path / "votes.csv")) == 0

    rows = list(csv.DictReader((tmp_path / "votes.csv").read_text().splitlines()))
    assert "1 still voted on" in capsys.readouterr().out
    assert [row["comparison_id"] for row in rows] == ["a" * 12] * 4
    winner = next(row for row in rows if row["round"] == "1" and row["won"] == "1")
    assert (winner["contender"], winner["base_model"], winner["loras"]) == (PAIR[1], "tiny-sdxl", "style:0.8")
    assert (winner["label"], winner["winner"], winner["seed"], winner["colors"], winner["cutout"]) == (won, won, "900", "4", "")
    assert winner["note"] == "'=1+1"
    assert winner["voted_at"].endswith("+00:00")


def test_votes_are_exported_as_json(settings: Settings, tmp_path: Path) -> None:
    """The whole of a comparison, with the recipe of every picture."""
    kept(settings, "a" * 12, "b" * 12)
    assert run(settings, "vote", "b" * 12, "--export", str(tmp_path / "votes.json")) == 0

    (found,) = json.loads((tmp_path / "votes.json").read_text())["comparisons"]
    assert found["id"] == "b" * 12
    assert found["recipes"]["1"] == {"A": {"seed": 901}, "B": {"seed": 901}}
    assert found["standing"]["pairs"][0]["wins"] == 2


@pytest.mark.parametrize(("file", "says"), [("votes.txt", "ends neither in .csv nor"), ("votes.csv", "no comparison whose")])
def test_a_wrong_export_writes_nothing(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, says: str
) -> None:
    """An unknown kind of file, or nothing to tell yet."""
    kept(settings, "a" * 12, votes=False)
    assert run(settings, "vote", "--export", str(tmp_path / file)) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / file).exists()

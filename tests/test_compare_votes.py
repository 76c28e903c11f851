"""Votes: kept once, counted honestly, and told with names only when voting has ended."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from comparing import WEIGHTS, cell, keep_comparison, label_of, vote
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from dgx_pixels.library.comparison_blind import told
from dgx_pixels.library.comparison_records import PlannedRound
from dgx_pixels.library.database import LibraryError
from dgx_pixels.library.library import Library
from dgx_pixels.library.ranking import Tally

PAIR = ("tiny-sdxl", "tiny-sdxl+style:0.8")


async def vote_for(library: Library, comparison_id: str, *places: int | str) -> None:
    """Vote on the rounds in order: for a contender by its place, or a word."""
    for number, place in enumerate(places, start=1):
        winner = place if isinstance(place, str) else await label_of(library, comparison_id, number, place)
        await library.comparisons.vote(comparison_id, number, winner)


async def test_the_last_vote_tells_who_is_who(library: Library, server: FastMCP[Any]) -> None:
    """Until then the answer says how many are left; then it has names, seeds, measures, wins and the standing."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    async with Client(server) as client:
        first = await vote(client, kept, round=1, winner=await label_of(library, kept, 1, 1), note="crisper")
        await vote(client, kept, round=3, winner="tie")
        result = await client.call_tool("record_vote", {"comparison_id": kept, "round": 2, "winner": "neither"})

    last: Any = result.structured_content
    assert (first["left"], first["open"], first["comparison"]) == (2, True, None)
    assert (last["left"], last["open"]) == (0, False)
    found = last["comparison"]
    assert [r["vote"]["winner"] for r in found["rounds"][1:]] == ["neither", "tie"]
    assert found["rounds"][0]["vote"]["note"] == "crisper"
    assert {(c["contender"], c["seed"], c["seconds"]) for c in found["rounds"][0]["revealed"].values()} == {
        ("tiny-sdxl", 900, 0.25), ("tiny-sdxl+style:0.8", 900, 1.25),
    }  # fmt: skip
    base, style = found["contenders"]
    assert (base["contender"], base["is_base"], base["wins"], base["seconds"], base["colors"]) == ("tiny-sdxl", True, 0, 0.25, 3)
    assert (style["wins"], style["cutout"], style["pictures"]) == (1, None, 3)
    (pair,) = found["standing"]["pairs"]
    assert (pair["wins"], pair["losses"], pair["ties"], pair["neither"], pair["verdict"]) == (1, 0, 1, 1, "too few votes")
    assert [r["contender"] for r in found["standing"]["ranking"]] == [*reversed(PAIR)]
    assert [content.type for content in result.content] == ["text", "image"]


@pytest.mark.parametrize(("wrong", "says"), [
    ({"comparison_id": "nope", "round": 2, "winner": "A"}, "There is no comparison 'nope'"),
    ({"round": 1, "winner": "B"}, "Round 1 has its vote already"), ({"round": 9, "winner": "A"}, "There is no round 9"),
    ({"round": 0, "winner": "A"}, "There is no round 0"), ({"round": 2, "winner": "C"}, "'C' is not one of A, B, tie, neither"),
    ({"round": 2, "winner": "tiny-sdxl"}, "is not one of A, B"), ({"round": 2}, "needs both round and winner"),
    ({"winner": "A"}, "needs both round and winner"), ({}, "needs both round and winner"),
    ({"round": 2, "winner": "A", "note": "n" * 1001}, "longer than 1000"),
    ({"round": 2, "winner": "A", "note": "\ud800"}, "half a character"),
    ({"round": 2**70, "winner": "A"}, "There is no round"),
])  # fmt: skip
async def test_a_wrong_vote_gets_one_sentence(library: Library, server: FastMCP[Any], wrong: dict[str, Any], says: str) -> None:
    """And is not kept."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    await library.comparisons.vote(kept, 1, "A")
    async with Client(server) as client:
        with pytest.raises(ToolError) as error:
            await vote(client, **{"comparison_id": kept, **wrong})

    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len((await library.comparisons.get(kept)).unvoted) == 2


async def test_after_the_reveal_no_vote_is_taken(library: Library, server: FastMCP[Any]) -> None:
    """Who knows the names does not vote; what was voted before counts."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    await library.comparisons.vote(kept, 1, "A")
    async with Client(server) as client:
        ended = await vote(client, kept, reveal=True)
        with pytest.raises(ToolError, match="Voting on this comparison has ended"):
            await vote(client, kept, round=2, winner="A")

    assert ended["comparison"]["standing"]["votes"] == 1


async def test_the_tally_is_of_blind_votes_of_one_project(library: Library) -> None:
    """Over all comparisons, in any order of contenders; open ones and other games' do not count."""
    other = "tiny-sdxl+words:0.5"
    await vote_for(library, await keep_comparison(library, "a" * 12, PAIR), 1, 1, "tie")
    await vote_for(library, await keep_comparison(library, "b" * 12, (other, *reversed(PAIR))), 1, 2, 0)
    await vote_for(library, await keep_comparison(library, "c" * 12, PAIR, blind=False), 0, 0, 0)
    await vote_for(library, await keep_comparison(library, "d" * 12, PAIR, project="/elsewhere"), 0, 0, "neither")

    comparisons, now = library.comparisons, dict.fromkeys((*PAIR, other), WEIGHTS)
    assert await comparisons.ballots.tally("", PAIR[1], PAIR[0], now) == Tally(wins=3, losses=1, ties=1)
    assert await comparisons.ballots.tally("", other, PAIR[0], now) == Tally(wins=1, losses=1)
    assert await comparisons.ballots.tally("/elsewhere", PAIR[0], PAIR[1], now) == Tally(wins=2, neither=1)
    assert await comparisons.ballots.tally("", "nobody", PAIR[0], now) == Tally()
    won = await comparisons.ballots.winners("")
    assert [prompt for _, prompt in won] == ["prompt 0", "prompt 1", "prompt 0", "prompt 1", "prompt 2"]
    assert won[0][0] == await comparisons.png("a" * 12, 1, 1)


async def test_a_count_tells_nothing_while_votes_are_taken(library: Library) -> None:
    """Tally, ranking and winners know a comparison's votes only when its voting has ended."""
    kept = await keep_comparison(library, "a" * 12, PAIR)
    await vote_for(library, kept, 1, 1)
    now = dict.fromkeys(PAIR, WEIGHTS)
    before = await library.comparisons.ballots.tally("", PAIR[1], PAIR[0], now), await library.comparisons.ballots.winners("")
    await library.comparisons.reveal(kept)

    assert before == (Tally(), [])
    assert await library.comparisons.ballots.tally("", PAIR[1], PAIR[0], now) == Tally(wins=2)
    assert len(await library.comparisons.ballots.winners("")) == 2


async def test_a_lora_trained_anew_starts_without_votes(library: Library) -> None:
    """Votes on earlier files of the same name are told apart, and count for these; none is on files never compared."""
    await vote_for(library, await keep_comparison(library, "a" * 12, PAIR, weights='{"style": "1"}'), 1, 1, 1)
    await vote_for(library, await keep_comparison(library, "b" * 12, PAIR, weights='{"style": "2"}'), 0, 1, "tie")

    for version, votes in (("1", Tally(wins=3)), ("2", Tally(wins=1, losses=1, ties=1)), ("3", Tally())):
        now = dict.fromkeys(PAIR, f'{{"style": "{version}"}}')
        assert await library.comparisons.ballots.tally("", PAIR[1], PAIR[0], now) == votes
    names = {name for ballot in await library.comparisons.ballots.of("") for name in ballot.contenders}
    assert len(names) == 4
    assert sum("earlier files" in name for name in names) == 2


async def test_drafts_count_for_the_contender_as_named(library: Library) -> None:
    """What a profile adds is no file of the contender's own; while one comparison lasts it may not change all the same."""
    draft = '{"+lcm": "9", "style": "1"}'
    await vote_for(library, await keep_comparison(library, "a" * 12, PAIR, weights=draft), 1, 1, 1)
    await vote_for(library, await keep_comparison(library, "b" * 12, PAIR, weights='{"style": "1"}'), 0, 1, "tie")
    now = dict.fromkeys(PAIR, '{"style": "1"}')

    assert await library.comparisons.ballots.tally("", PAIR[1], PAIR[0], now) == Tally(wins=4, losses=1, ties=1)
    assert {name for ballot in await library.comparisons.ballots.of("") for name in ballot.contenders} == {*PAIR}
    with pytest.raises(LibraryError, match="have changed since the comparison began"):
        await library.comparisons.add_cell("a" * 12, cell(2, 1, '{"+lcm": "8", "style": "1"}'))


async def test_files_that_change_in_the_middle_are_refused(library: Library) -> None:
    """One column is one model's."""
    kept = await keep_comparison(library, "aaaaaaaaaaaa", PAIR)
    with pytest.raises(LibraryError, match="have changed since the comparison began"):
        await library.comparisons.add_cell(kept, cell(2, 1, '{"unet": "other"}'))


async def test_kinds_of_prompts_are_told_apart(library: Library) -> None:
    """A LoRA may help with tiles and harm items."""
    kept = await keep_comparison(library, "a" * 12, PAIR, rounds=4, kinds=("item", "tile"))
    await vote_for(library, kept, 0, 1, 0, 1)
    found = await told(library.comparisons, kept)

    assert found.standing is not None
    assert [(p.kind, p.wins, p.losses) for p in found.standing.kinds] == [("item", 0, 2), ("tile", 2, 0)]


async def test_labels_follow_no_rule(library: Library) -> None:
    """Over 600 rounds each contender stands behind each label about as often; what was not blind keeps its order."""
    planned = [PlannedRound(f"prompt {n}", "item", n, 0) for n in range(600)]
    await library.comparisons.begin("a" * 12, "", ("a", "b", "c"), planned, blind=True)
    rounds = (await library.comparisons.get("a" * 12)).rounds
    shown = await keep_comparison(library, "b" * 12, ("a", "b", "c"), blind=False)

    for label in "ABC":
        assert all(140 < times < 260 for times in Counter(r.labels[label] for r in rounds).values())
    assert len({r.places for r in rounds}) == 6
    assert {r.places for r in (await library.comparisons.get(shown)).rounds} == {(0, 1, 2)}


async def test_begun_again_it_keeps_its_labels(library: Library) -> None:
    """A comparison that another process goes on with is the same one."""
    kept = await keep_comparison(library, "a" * 12, PAIR, rounds=20)
    before = await library.comparisons.get(kept)
    await library.comparisons.begin(kept, "", PAIR, [PlannedRound("other", "item", 1, 0)], blind=True, request="other")

    assert await library.comparisons.get(kept) == before

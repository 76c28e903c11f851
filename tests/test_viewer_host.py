"""The viewer where people meet it: in the official MCP Apps host, in a browser, against a real server and its library."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from comparing import vote, write_loras
from conftest import text_of, unused_port
from fastmcp import Client
from processes import DGX_PIXELS, health, options
from viewer_host import CAPABLE, Host, NoHostError

from dgx_pixels.library.comparison_blind import told
from dgx_pixels.library.library import Library
from dgx_pixels.server.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
BOTH = ["tiny-sdxl", "tiny-sdxl+style:0.8"]
FOUR = [*BOTH, "tiny-sdxl+style:0.4", "tiny-sdxl+words:0.5"]
PROMPTS = ["a red potion", "a wooden shield"]
NARROW, WIDE = 400, 1000
SEED = 918273645
SECRETS = ("tiny", "sdxl", "style:0", "lora", str(SEED)[:-1], "sha256")
"""What tells who is who; a style: is CSS, too, and the second seed ends in another digit."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """A server with LoRAs in its library, for all tests here: it loads the model once."""
    folder = tmp_path_factory.mktemp("serving")
    settings = Settings(home=folder / "home", port=unused_port(), device="cpu")
    write_loras(settings)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DGX_PIXELS_")}
    process = await asyncio.create_subprocess_exec(
        *DGX_PIXELS, "serve", *options(settings), "--brp-port", str(unused_port()), cwd=folder, env=clean
    )  # fmt: skip
    while health(settings) is None:
        assert process.returncode is None
        await asyncio.sleep(0.1)
    yield settings
    process.terminate()
    assert await process.wait() in (0, -signal.SIGTERM)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(serving: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    """The host in a browser, in front of that server; skips where there is no browser."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(Host.running(tmp_path_factory.mktemp("host") / "files", serving.url))
        except NoHostError as error:
            pytest.skip(str(error))
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def host(browser: Host) -> Host:
    """The host in a browser, 400 px wide."""
    await browser.do("size", width=NARROW, height=800)
    return browser


def asked(game: Path, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # the tool's own
    """Arguments of the comparison that the tests look at: two prompts with two seeds."""
    return {"contenders": BOTH, "prompts": PROMPTS, "seeds": 2, "seed": SEED, "steps": 1, "project": str(game), **more}


async def kept(settings: Settings, comparison_id: str) -> dict[str, Any]:
    """A comparison as the library has it."""
    library = await Library.open(settings.home)
    try:
        return (await told(library.comparisons, comparison_id)).model_dump(mode="json")
    finally:
        await library.close()


@contextlib.asynccontextmanager
async def another(settings: Settings) -> AsyncIterator[Client[Any]]:
    """Another client of the same server."""
    async with Client(settings.url) as client:
        yield client


async def clean(host: Host) -> None:
    """Nothing was complained of, nothing was fetched from elsewhere, and nothing sticks out at the side."""
    assert await host.do("complaints") == []
    assert await host.do("requests") == []
    assert await host.look("document.documentElement.scrollWidth <= innerWidth")


async def test_a_person_votes_by_keyboard_and_the_library_has_the_votes(host: Host, serving: Settings, game: Path) -> None:
    """At 400 px, without a mouse: pictures, zoom, rounds and seeds, a vote of every kind, a note; then who was who."""
    opened = await host.open("compare_models", asked(game))
    assert opened["mimeType"] == "text/html;profile=mcp-app"
    await host.pictures(2)
    comparison_id = await host.look("comparison.id")

    # nothing tells: neither what is on the page, nor what it knows, nor the pictures' bytes
    on_it = await host.look("document.documentElement.outerHTML.replace(/<script>.*?<\\/script>/gs, '')")
    known = await host.look("JSON.stringify(comparison)")
    pictures = await host.look("Promise.all([...pictures.values()]).then(all => all.map(p => atob(p.split(',')[1])))")
    assert len(pictures) == 2
    assert not [secret for secret in SECRETS for text in (on_it, known, *pictures) if secret in text.lower()]

    await host.press("Tab")  # into the view
    size = "document.querySelector('.pane img').style.width"
    fits = await host.look(size)
    await host.press("+", "+", "+")
    larger = await host.look(size)
    await host.press("-", "0")
    assert int(larger.removesuffix("px")) - int(fits.removesuffix("px")) == 3 * 32
    assert await host.look(size) == fits
    assert await host.look("getComputedStyle(document.querySelector('.pane img')).imageRendering") == "pixelated"
    where = "document.getElementById('where').textContent"
    below = "document.getElementById('tie').getBoundingClientRect().top"
    before = await host.look(below)
    await host.press("ArrowRight")
    assert await host.look(below) == before  # nothing jumps from under a finger while the next pictures are loaded
    assert "Round 2 of 4, seed 2 of 2" in await host.look(where)
    await host.press("s")
    assert "Round 1 of 4, seed 1 of 2" in await host.look(where)

    await host.press("b")
    await host.said("Round 1: B.")
    await host.press("1")
    await host.said("Round 2: A.")
    await host.press("t")
    await host.said("Round 3: tie.")
    await host.press("ArrowLeft", "a")
    await host.said("This round has its vote already: tie.")
    await host.press("ArrowRight")
    while await host.look("document.activeElement.id") != "note":
        await host.press("Tab")
    await host.do("type", text="both tan at best")  # letters of a note are no votes
    await host.press("Escape", "n")
    await host.said("Round 4: neither. That was the last one.")

    found = await kept(serving, comparison_id)
    assert [r["vote"]["winner"] for r in found["rounds"]] == ["B", "A", "tie", "neither"]
    assert [r["vote"]["note"] for r in found["rounds"]] == ["", "", "", "both tan at best"]
    table = await host.look("document.getElementById('table').innerText")
    assert all(contender in table for contender in BOTH)
    assert await host.look("document.activeElement.id") == "revealed"
    caption = await host.look("document.querySelector('figcaption').innerText")
    shown = found["rounds"][3]["revealed"]["A"]
    assert caption.startswith(f"A: {shown['contender']}")
    contexts = await host.do("host", js="window.contexts.map(c => c.content[0].text)")
    assert contexts[0] == f"The user voted B in round 1 of comparison {comparison_id}."
    assert not [s for s in ("tiny-sdxl", "style") for text in contexts[:3] if s in text]
    assert "tiny-sdxl+style:0.8" in contexts[3]
    await clean(host)


async def test_four_contenders_fit_both_widths_in_both_themes(host: Host, game: Path) -> None:
    """Two by two at 400 px, in one row at 1000; the host's theme is taken over, and its change too."""
    await host.open("compare_models", asked(game, contenders=FOUR, prompts=["a red potion"], seeds=1), theme="dark")
    await host.pictures(4)
    tops = "new Set([...document.querySelectorAll('figure')].map(f => Math.round(f.getBoundingClientRect().top))).size"
    dark = await host.look("getComputedStyle(document.body).backgroundColor")
    assert await host.look(tops) == 2
    await clean(host)
    await host.do("size", width=WIDE, height=800)
    await host.wait(f"{tops} === 1")
    await host.do("host", js="window.bridge.setHostContext({theme: 'light'})")
    await host.wait(f"getComputedStyle(document.body).backgroundColor !== '{dark}'")
    await clean(host)


async def test_errors_are_shown_in_words(host: Host, serving: Settings, game: Path) -> None:
    """A refused comparison, a vote that came from elsewhere in the meantime, and a picture that is not there."""
    await host.open("compare_models", asked(game, contenders=["tiny-sdxl", "tiny-sdxl"]))
    await host.said("twice")

    await host.open("compare_models", asked(game, seeds=1))
    await host.pictures(2)
    comparison_id = await host.look("comparison.id")
    async with another(serving) as client:
        await vote(client, comparison_id, round=1, winner="B")
        second = await client.call_tool(
            "record_vote", {"comparison_id": comparison_id, "round": 1, "winner": "A"}, raise_on_error=False
        )
    await host.do("click", selector="figure button")
    await host.said("The vote was not taken: ")
    await host.said(text_of(second))
    await host.wait("comparison.rounds[0].vote?.winner === 'B'")  # and now it knows
    assert await host.look("document.querySelectorAll('figure.won figcaption')[0].textContent") == "B"

    await host.look("comparison.rounds[1].images.A = 'pixels://comparisons/nope/1/A', pictures.clear(), 1")
    await host.do("click", selector="#behind")
    await host.wait("document.querySelector('.pane').textContent.includes('no comparison')")
    assert await host.do("complaints") == []


async def test_voting_can_be_ended_early(host: Host, serving: Settings, game: Path) -> None:
    """After one vote, a button asks once more, and then tells who was who."""
    await host.open("compare_models", asked(game))
    await host.pictures(2)
    assert not await host.look("document.getElementById('reveal').checkVisibility()")
    await host.do("click", selector="#tie")
    await host.said("Round 1: tie.")
    await host.pictures(2)
    await host.do("click", selector="#reveal")
    await host.said("Press again")
    way_out = "comparison.open = false, showAround(), document.getElementById('reveal').checkVisibility()"
    assert await host.look(way_out)  # as long as nobody was told, whatever else has ended
    assert (await kept(serving, await host.look("comparison.id")))["open"]
    await host.do("click", selector="#reveal")
    await host.said("The voting is over.")
    assert "tiny-sdxl+style:0.8" in await host.look("document.getElementById('table').innerText")
    assert not (await kept(serving, await host.look("comparison.id")))["open"]


async def test_a_host_that_reads_no_resources_shows_the_sheet(host: Host, serving: Settings, game: Path) -> None:
    """The pictures are then those of the result itself, and votes are taken all the same."""
    capabilities = {name: value for name, value in CAPABLE.items() if name != "serverResources"}
    await host.open("compare_models", asked(game, seeds=1), capabilities=capabilities)
    await host.wait("document.getElementById('sheet').naturalWidth > 0")
    comparison_id = await host.look("comparison.id")
    await host.do("click", selector="figure button")
    await host.said("Round 1: A.")
    assert (await kept(serving, comparison_id))["rounds"][0]["vote"]["winner"] == "A"
    await clean(host)


async def test_rounds_are_shown_while_others_are_drawn(host: Host, game: Path) -> None:
    """A comparison that takes longer than its call can be looked at and voted on, and grows."""
    await host.open("compare_models", asked(game, steps=60, wait_s=0))
    await host.pictures(2)
    assert await host.look("comparison.rounds.length < 4")
    await host.do("click", selector="figure button")
    await host.said("Round 1: A.")
    await host.wait("comparison.rounds.length === 4")
    assert await host.look("comparison.rounds[0].vote.winner") == "A"
    await clean(host)


async def test_the_page_by_itself_says_how_to_vote(host: Host, serving: Settings, game: Path) -> None:
    """Opened as a file, it shows the pictures; the lines that it writes are commands that cast these votes."""
    async with another(serving) as client:
        answer = (await client.call_tool("compare_models", asked(game, seeds=1))).structured_content
    assert answer is not None
    await host.do("goto", url=Path(answer["result"]["comparison"]["page"]).as_uri())
    await host.pictures(2)
    await host.press("a")
    await host.press("ArrowLeft", "b")  # nothing is kept yet: a choice may be changed
    await host.press("ArrowRight")
    await host.do("click", selector="#note")
    await host.do("type", text="it's flat")
    await host.press("Escape", "t")

    lines = (await host.look("document.getElementById('commands').textContent")).splitlines()
    assert [shlex.split(line)[3:] for line in lines] == [["1", "B"], ["2", "tie", "--note", "it's flat"]]
    assert await host.do("complaints") == []
    for line in lines:
        words = [*DGX_PIXELS, *shlex.split(line)[1:], "--home", str(serving.home), "--project", str(game)]
        await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True)
    found = await kept(serving, answer["job_id"])
    assert [r["vote"] for r in found["rounds"]] == [{"winner": "B", "note": ""}, {"winner": "tie", "note": "it's flat"}]

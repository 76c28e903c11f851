"""promote_lora: what votes prove becomes the default, what they do not is refused with the numbers, and it goes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from narrow_sdxl import random_layers, write_lora
from promoting import promoted, refusal, voted

from dgx_pixels.models.catalogue import embedded
from dgx_pixels.models.renderer import Renderer
from dgx_pixels.pixels.png_text import recipe_in
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings

BASE, STYLE, OTHER = "tiny-sdxl", "tiny-sdxl+style:0.8", "tiny-sdxl+other:0.8"
PROJECT_SETTINGS = ".dgx_pixels/settings.json"


@pytest.fixture(scope="module")
def lora_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A LoRA of the embedded model's UNet."""
    pipeline = Renderer("cpu").shelf.get(embedded()).pipeline
    layers = random_layers(pipeline, text=False, convolutions=False)
    return write_lora(tmp_path_factory.mktemp("lora") / "style.safetensors", layers).read_bytes()


@pytest.fixture
def loras(settings: Settings, lora_file: bytes) -> Path:
    """Two LoRAs, in the models folder; answers with that."""
    folder = settings.home / "models" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("style", "other"):
        (folder / f"{name}.safetensors").write_bytes(lora_file)
    return folder


def model_of(game: Path) -> str | None:
    """The model that the project's settings name."""
    file = game / PROJECT_SETTINGS
    found: str | None = json.loads(file.read_text()).get("model") if file.exists() else None
    return found


async def test_what_won_is_the_default_and_draws(client: Client[Any], settings: Settings, game: Path, loras: Path) -> None:
    """18 of 20 votes over the default: the next sprite that names no model is drawn by it, and the votes are kept with it."""
    await voted(settings, game, (STYLE, BASE), "w" * 18 + "ll" + "ttn")

    answer = await promoted(client, contender=STYLE)
    sprite = (await client.call_tool("generate_sprite", {"prompt": "a red potion", "seed": 7, "steps": 1})).structured_content

    assert (answer["default"], answer["chosen"], answer["changed"]) == (STYLE, True, True)
    evidence = {name: answer["evidence"][name] for name in ("against", "wins", "losses", "ties", "neither", "verdict")}
    assert evidence == {"against": BASE, "wins": 18, "losses": 2, "ties": 2, "neither": 1, "verdict": "production"}
    assert "it won 18 of 20 decided votes (90 %, 95 % interval 70 to 97 %), with 2 ties and 1 neither" in answer["next"]
    assert model_of(game) == STYLE
    assert sprite is not None
    recipe = json.loads(recipe_in(Path(sprite["result"]["assets"][0]["file"]).read_bytes()) or "")
    assert recipe["model"] == STYLE
    (kept,) = (await promoted(client))["history"]
    assert {k: kept[k] for k in ("contender", "before", "against", "wins", "forced", "undone")} == {
        "contender": STYLE, "before": None, "against": BASE, "wins": 18, "forced": False, "undone": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "says"),
    [
        ("", "there is no decided vote yet, and at least 10 decided votes of ended comparisons of these very files are needed"),
        ("wwwww", "it won 5 of 5 decided votes (100 %, 95 % interval 57 to 100 %), and at least 10"),
        (
            "wlllllllllttt",
            "it won 1 of 10 decided votes (10 %, 95 % interval 2 to 40 %), with 3 ties and 0 neither, and below 40 %",
        ),
        ("wwwwwlllll", "it won 5 of 10 decided votes (50 %, 95 % interval 24 to 76 %), and more than 60 % is better"),
        ("wwwwwwwlll", "it won 7 of 10 decided votes (70 %, 95 % interval 40 to 89 %), and that may be chance"),
    ],
)
async def test_what_votes_do_not_prove_is_refused_with_the_numbers(
    server: FastMCP[Any], settings: Settings, game: Path, loras: Path, votes: str, says: str
) -> None:
    """Too few, worse, alike, or perhaps chance: one sentence has the numbers and the ways out, and nothing changes."""
    if votes:
        await voted(settings, game, (STYLE, BASE), votes)
    async with Client(server) as client:
        text = await refusal(client, contender=STYLE)
        history = (await promoted(client))["history"]

    assert text.startswith(f"{STYLE} is not promoted: against {BASE}, which draws now, {says}")
    assert "compare_models" in text
    assert "force=true" in text
    assert model_of(game) is None
    assert history == []


async def test_votes_on_a_file_that_was_replaced_do_not_count(
    server: FastMCP[Any], settings: Settings, game: Path, loras: Path
) -> None:
    """A LoRA trained anew under its old name has to win votes of its own, whether or not it was compared since."""
    await voted(settings, game, (STYLE, BASE), "w" * 20)
    pipeline = Renderer("cpu").shelf.get(embedded()).pipeline
    layers = random_layers(pipeline, text=False, convolutions=False)
    first = next(iter(layers))
    write_lora(loras / "style.safetensors", {first: layers[first]})
    async with Client(server) as client:
        assert "there is no decided vote yet" in await refusal(client, contender=STYLE)
        forced = await promoted(client, contender=STYLE, force=True)

    assert (forced["evidence"]["wins"], forced["history"][0]["forced"]) == (0, True)


async def test_a_base_that_cannot_draw_is_no_default(server: FastMCP[Any], settings: Settings, game: Path, loras: Path) -> None:
    """Not even by force, nor by taking a promotion back: its weights are looked at."""
    copy = settings.home / "models/checkpoints/copy"
    shutil.copytree(embedded().folder, copy)
    weights = copy / "unet/diffusion_pytorch_model.safetensors"
    async with Client(server) as client:
        await promoted(client, contender="copy", force=True)
        await promoted(client, contender=STYLE, force=True)
        weights.write_bytes(weights.read_bytes()[:-100])
        back = await refusal(client, rollback=True)
        forward = await refusal(client, contender="copy", force=True)

    assert "copy is not whole" in back
    assert "copy is not whole" in forward
    assert model_of(game) == STYLE


async def test_force_promotes_all_the_same_and_says_so_later(
    server: FastMCP[Any], settings: Settings, game: Path, loras: Path
) -> None:
    """What was forced is marked, with the votes that were against it; what votes proved is not, even with force."""
    await voted(settings, game, (STYLE, BASE), "l" * 10)
    await voted(settings, game, (OTHER, STYLE), "w" * 10)
    async with Client(server) as client:
        forced = await promoted(client, contender=STYLE, force=True)
        shown = await promoted(client)
        proven = await promoted(client, contender=OTHER, force=True)

    assert (forced["evidence"]["wins"], forced["evidence"]["losses"], forced["evidence"]["verdict"]) == (0, 10, "worse")
    assert shown["next"].startswith("It was promoted by force over tiny-sdxl: it won 0 of 10 decided votes")
    assert not shown["changed"]
    assert [made["forced"] for made in proven["history"]] == [False, True]


async def test_rollback_goes_back_step_by_step(server: FastMCP[Any], game: Path, loras: Path) -> None:
    """Each step restores what the settings said before, down to nothing, and leaves the other settings alone."""
    async with Client(server) as client:
        await client.call_tool("setup_project", {"tile_size": 16})
        await promoted(client, contender=STYLE, force=True)
        await promoted(client, contender=OTHER, force=True)
        first = await promoted(client, rollback=True)
        assert model_of(game) == STYLE
        second = await promoted(client, rollback=True)
        text = await refusal(client, rollback=True)

    assert (first["default"], first["chosen"], second["default"], second["chosen"]) == (STYLE, True, BASE, False)
    assert json.loads((game / PROJECT_SETTINGS).read_text()) == {"tile_size": 16}
    assert "There is no promotion" in text
    assert [made["undone"] is not None for made in second["history"]] == [True, True]


async def test_rollback_does_not_undo_what_was_set_by_hand(server: FastMCP[Any], game: Path, loras: Path) -> None:
    """A model that was set after the promotion is kept, unless it is asked for with force."""
    async with Client(server) as client:
        await promoted(client, contender=STYLE, force=True)
        await client.call_tool("setup_project", {"model": OTHER})
        text = await refusal(client, rollback=True)
        assert model_of(game) == OTHER
        await promoted(client, rollback=True, force=True)

    assert text.startswith(f"The model was set to {OTHER} after {STYLE} was promoted")
    assert model_of(game) is None


async def test_a_default_that_is_gone_is_not_brought_back(server: FastMCP[Any], game: Path, loras: Path) -> None:
    """A rollback to a LoRA whose file was deleted is refused, and says what there is."""
    async with Client(server) as client:
        await promoted(client, contender=STYLE, force=True)
        await promoted(client, contender=OTHER, force=True)
        (loras / "style.safetensors").unlink()
        text = await refusal(client, rollback=True)

    assert "style" in text
    assert "other" in text
    assert model_of(game) == OTHER


async def test_votes_of_other_projects_and_open_comparisons_do_not_count(
    server: FastMCP[Any], settings: Settings, game: Path, tmp_path: Path, loras: Path
) -> None:
    """The evidence is this game's own, and a refusal's numbers tell nobody who stands behind a label yet."""
    other = tmp_path / "other_game"
    other.mkdir()
    await voted(settings, other, (STYLE, BASE), "w" * 20)
    await voted(settings, game, (STYLE, BASE), "w" * 20, unvoted=1)
    async with Client(server) as client:
        assert "no decided vote" in await refusal(client, contender=STYLE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"contender": "tiny-sdxl+nope:1.0"}, "nope"),
        ({"contender": "style"}, "write a base model before it"),
        ({"contender": "tiny-sdxl+style:9"}, "from -2 to 2"),
        ({"contender": STYLE, "rollback": True}, "leave `contender` out"),
        ({"project": "/no/such/game", "contender": STYLE}, "/no/such/game"),
    ],
)
async def test_bad_input_gets_one_sentence(
    server: FastMCP[Any], game: Path, loras: Path, arguments: dict[str, Any], says: str
) -> None:
    """What cannot draw cannot be the default, not even by force."""
    async with Client(server) as client:
        text = await refusal(client, **arguments | {"force": True})
    assert says in text
    assert model_of(game) is None


async def test_what_draws_already_needs_no_votes(server: FastMCP[Any], game: Path, loras: Path) -> None:
    """To pin what this machine draws with anyway is no change of model; to promote the default again changes nothing."""
    async with Client(server) as client:
        pinned = await promoted(client, contender=BASE)
        again = await promoted(client, contender=BASE)
    assert (pinned["changed"], again["changed"], model_of(game)) == (True, False, BASE)
    assert len(again["history"]) == 1
    assert not again["history"][0]["forced"]


async def test_settings_that_cannot_be_kept_in_the_library_stand_as_before(
    server: FastMCP[Any], game: Path, loras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a library that refuses to write, the project's default is the old one again."""
    from dgx_pixels.library.database import LibraryError
    from dgx_pixels.library.promotions import Promotions

    async def refuse(*_: object, **__: object) -> None:
        raise LibraryError("The library cannot be written: check the disk.")

    monkeypatch.setattr(Promotions, "add", refuse)
    async with Client(server) as client:
        await client.call_tool("setup_project", {"model": OTHER})
        with pytest.raises(ToolError, match="check the disk"):
            await client.call_tool("promote_lora", {"contender": STYLE, "force": True})
    assert model_of(game) == OTHER


def test_the_command_says_the_same(settings: Settings, game: Path, loras: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`dgx-pixels promote` refuses in the command line's words, promotes with --force, shows, and rolls back."""

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["promote", *words, "--home", str(settings.home), "--project", str(game)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    refused = run(STYLE)
    forced = run(STYLE, "--force")
    shown = run("--json")
    back = run("--rollback")

    assert refused[0] == 1
    assert "with --force" in refused[2]
    assert "=true" not in refused[2]
    assert forced[0] == 0
    assert f"{STYLE}  0 to 0 over {BASE}, forced" in forced[1]
    assert json.loads(shown[1])["default"] == STYLE
    assert "rolled back" in back[1]
    assert model_of(game) is None

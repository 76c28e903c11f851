"""The credits of a game say what its pictures were made with, and what is not known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastmcp import Client
from safetensors.numpy import save_file
from test_library_edits import drawn
from test_library_tools import run

from dgx_pixels.bevy.project import BevyProject, open_project
from dgx_pixels.models.catalogue import weights_sha256
from dgx_pixels.pixels.edit import sprite_of
from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.credits import credits_of
from dgx_pixels.tools.job_finished import Origin, keep, publish
from dgx_pixels.tools.services import Services
from dgx_pixels.tools.sources import Source


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The services of a running server."""
    mcp = build(settings)[0]
    async with Client(mcp):
        yield mcp._lifespan_result["services"]  # type: ignore[index]  # the server runs


async def published(services: Services, project: BevyProject, name: str, recipe: dict[str, Any], **origin: Any) -> Any:  # noqa: ANN401  # AssetAnswer
    """Keep and publish a picture with such a recipe, as a job does at its end."""
    sprite = sprite_of(np.full((8, 8, 4), (len(name), 0, 0, 255), dtype=np.uint8))
    of = Origin(f"sprites/item_{name}.png", name, "item", model=str(recipe.get("model", "")), **origin)
    made = await keep(services, project, sprite, of, recipe, {})
    (answer,) = await publish(services, project, [made], wanted=True, overwrite=False)
    return answer


async def text_of(services: Services, project: BevyProject) -> str:
    """The credits."""
    return await credits_of(services.library, services.catalogue, project)


async def test_models_and_licences_of_all_ancestors_are_told(services: Services, game: Path) -> None:
    """Those of a picture, and of what it was made from; a model that is gone has an unknown licence, and that is said."""
    project = open_project(game)
    weights = {"weights_sha256": weights_sha256(services.catalogue.get("tiny-sdxl"))}
    drawn_by = await published(services, project, "potion", {"kind": "sprite", "model": "tiny-sdxl"} | weights)
    await published(services, project, "other", {"kind": "sprite", "model": "tiny-sdxl+gone|<b>:0.8"} | weights)
    child = Source(((drawn_by.id, 1),), {})
    await published(services, project, "smaller", {"kind": "pixelize", "source_sha256": "0" * 64}, source=child)
    await published(services, project, "scanned", {"kind": "pixelize", "source_sha256": "1" * 64})

    said = await text_of(services, project)
    assert "| tiny-sdxl (base model) | CC0-1.0 | `" in said
    assert "Dungeon Crawl Stone Soup" in said
    assert next(line for line in said.splitlines() if "tiny-sdxl (base" in line).endswith("| 3 |")
    assert "| gone/(b) (LoRA) | **unknown**" in said
    assert "| sprites/item_smaller.png | made of another picture | tiny-sdxl |" in said
    assert "| sprites/item_scanned.png | made of another picture |  |" in said
    assert "3 of 4 pictures" in said
    assert "1 more were made of pictures that the developer supplied: DGX-Pixels cannot know" in said


async def test_edits_by_hand_are_told(services: Services, game: Path) -> None:
    """Whether the edit was published, or only stands there."""
    project = open_project(game)
    for name in ("potion", "other"):
        made = await published(services, project, name, {"kind": "sprite", "model": "tiny-sdxl"})
        (project.assets / made.path).write_bytes(drawn(len(name)))
    said = await text_of(services, project)
    assert "2 of them were edited by hand afterwards" in said
    assert "drawn by an image model from a prompt, then edited by hand" in said


async def test_recipes_are_read_from_the_files_where_the_library_has_none(services: Services, game: Path, tmp_path: Path) -> None:
    """As after a clone of the game; what carries none is of unknown origin."""
    project = open_project(game)
    await published(services, project, "potion", {"kind": "sprite", "model": "tiny-sdxl", "source_sha256": "0" * 64})
    made = await published(services, project, "other", {"kind": "sprite", "model": "tiny-sdxl"})
    (project.assets / made.path).write_bytes(b"no png")
    async with Client(mcp := build(Settings(home=tmp_path / "elsewhere", project=game, device="cpu"))[0]):
        said = await text_of(mcp._lifespan_result["services"], project)  # type: ignore[index]  # the server runs
    assert "item_potion.png | drawn by an image model from a prompt | tiny-sdxl" in said
    assert "item_other.png | of unknown origin: its recipe is lost, then edited by hand | tiny-sdxl" in said
    assert "1 of them began with a picture that the developer supplied" in said


async def test_licences_are_those_of_what_drew(services: Services, settings: Settings, game: Path) -> None:
    """Other weights of the same name have another licence; where none were noted, that is said; a LoRA has its own data."""
    project, loras = open_project(game), settings.home / "models/loras"
    loras.mkdir(parents=True, exist_ok=True)
    halves = {f"unet.x.lora_{end}.weight": np.zeros((4, 4), np.float32) for end in ("down", "up")}
    note = {"modelspec.license": "CC0-1.0", "dgx_pixels.dataset_sha256": "d" * 64}
    save_file(halves, str(loras / "foo.safetensors"), metadata=note)
    save_file(halves, str(loras / "tiny-sdxl.safetensors"))
    same = hashlib.sha256((loras / "foo.safetensors").read_bytes()).hexdigest()
    for name, digest in (("gem", "a" * 64), ("ring", same)):
        recipe = {"kind": "sprite", "model": "tiny-sdxl+foo:1.0", "weights_sha256": {"foo": digest}}
        await published(services, project, name, recipe)
    await published(services, project, "potion", {"kind": "sprite", "model": "tiny-sdxl+tiny-sdxl:1.0"})

    rows = [line for line in (await text_of(services, project)).splitlines() if line.startswith("| ")]
    (own, other) = sorted((row for row in rows if row.startswith("| foo (LoRA")), key=lambda row: same not in row)
    assert other.startswith("| foo (LoRA) | **unknown**")
    assert other.endswith(f"(what has this name here now are other weights) | `{'a' * 64}` | | 1 |")
    assert f"| CC0-1.0 | `{same}` | a dataset with SHA-256 `{'d' * 64}`, whose licence is CC0-1.0 | 1 |" in own
    (lora,) = [row for row in rows if row.startswith("| tiny-sdxl (LoRA")]
    assert "Dungeon" not in lora
    assert "not recorded" in lora


async def test_a_strangers_recipe_writes_no_text_of_its_own(services: Services, game: Path, tmp_path: Path) -> None:
    """Neither a heading nor a link nor a flood; and what cannot be told is not called free of AI."""
    project = open_project(game)
    bad = "tiny-sdxl\n\n## Licence\n\n[All CC0](http://x) `no` <b>AI</b>" + "x" * 400 + "+y" * 3000
    await published(services, project, "potion", {"kind": "sprite", "model": bad})
    said = await text_of(services, project)
    assert not [line for line in said.splitlines() if line.startswith("## Licence")]
    assert "](http" not in said
    assert len(said) < 5000


async def test_unknown_origin_is_not_called_free_of_ai(services: Services, game: Path, tmp_path: Path) -> None:
    """Where neither the library nor the file tells, that is what the stores' answer says."""
    project = open_project(game)
    await published(services, project, "potion", {"kind": "pixelize"})
    assert "None of the pictures" in await text_of(services, project)
    (project.assets / "sprites/item_potion.png").write_bytes(drawn(3))
    async with Client(mcp := build(Settings(home=tmp_path / "elsewhere", project=game, device="cpu"))[0]):
        said = await text_of(mcp._lifespan_result["services"], project)  # type: ignore[index]  # the server runs
    assert "None" not in said
    assert "1 are of unknown origin" in said


def test_the_command_prints_or_writes_whole(
    settings: Settings, game: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """To stdout, or to a file that the user names; nothing is left of a write that fails."""
    assert "# Credits of the pictures of game" in run(capsys, settings, game, "credits")
    out = tmp_path / "CREDITS.md"
    assert str(out) in run(capsys, settings, game, "credits", "--out", str(out))
    assert "No picture was made by a model." in out.read_text()
    assert json.loads(run(capsys, settings, game, "credits", "--json"))["text"] == out.read_text()
    assert "No such file" in run(capsys, settings, game, "credits", "--out", str(tmp_path / "no/folder.md"))
    assert "no folder" in run(capsys, settings, tmp_path / "nowhere_at_all", "credits")
    assert not list(tmp_path.glob(".*.part"))

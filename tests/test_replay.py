"""A picture is made again from its recipe: the same bytes, or what differs; and a hostile recipe costs one sentence."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import text_of
from fastmcp import Client, FastMCP
from pictures import blocks, file_of
from PIL import Image

from dgx_pixels.pixels.png_text import recipe_in, with_recipe
from dgx_pixels.server.app import build
from dgx_pixels.server.cli import main
from dgx_pixels.server.settings import Settings

QUICK: dict[str, Any] = {"prompt": "a red potion", "steps": 1}
TERRAINS: dict[str, Any] = {"terrains": ["grass", "water"], "seed": 5, "tile_size": 16, "variants": 1}


async def call(client: Client[Any], tool: str, **arguments: object) -> dict[str, Any]:
    """The result of a job that is done."""
    answer = (await client.call_tool(tool, {"wait_s": 600, **arguments})).structured_content
    assert answer is not None
    result: dict[str, Any] = answer["result"]
    return result


async def replayed(client: Client[Any], replay: str, **arguments: object) -> dict[str, Any]:
    """The result of a replay."""
    return await call(client, "generate_sprite", replay=replay, **arguments)


async def refused(client: Client[Any], **arguments: object) -> str:
    """The text of the tool error that a replay gets."""
    result = await client.call_tool("generate_sprite", arguments, raise_on_error=False)
    assert result.is_error
    return text_of(result)


def uri(png: bytes) -> str:
    """A PNG as an argument."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


@pytest.mark.timeout(600)
async def test_every_kind_is_the_same_byte_for_byte(server: FastMCP[Any], game: Path) -> None:
    """Sprites alone and in a batch, from a reference, seamless, in a palette; tilesets; pixelized pictures."""
    (game / "photo.png").write_bytes(file_of(blocks(3, 16, 16, 8), "PNG"))
    async with Client(server) as client:
        made = (await call(client, "generate_sprite", **QUICK, variants=2))["assets"]
        first = made[0]["id"]
        made += (await call(client, "generate_sprite", **QUICK, reference=first, name="other", seed=3))["assets"]
        made += (await call(client, "generate_sprite", prompt="grass", category="tile", palette="pico-8", steps=2))["assets"]
        made += (await call(client, "generate_tileset", **TERRAINS))["assets"]
        made += (await call(client, "pixelize_image", image="photo.png", outline="#123456", canvas="24x20", anchor="feet"))[
            "assets"
        ]
        for asset in made:
            found = await replayed(client, asset["id"])
            assert found["replay"] == {"of": f"{asset['id']}@1", "identical": True, "same_pixels": True, "differences": []}, (
                asset["path"]
            )
            assert (found["assets"][0]["id"], found["assets"][0]["version"]) == (asset["id"], 1)
            assert not found["assets"][0]["published"]


async def test_a_png_found_anywhere_is_replayed(server: FastMCP[Any], game: Path, tmp_path: Path) -> None:
    """By its path or as data, in a library that never saw it: it becomes an asset there, named after its file."""
    async with Client(server) as client:
        asset = (await call(client, "generate_sprite", **QUICK, seed=7, name="gem"))["assets"][0]
    png = (game / "assets" / asset["path"]).read_bytes()
    (game / "enemy_shiny_thing.png").write_bytes(png)
    elsewhere = Settings(home=tmp_path / "other_home", project=game, device="cpu")
    async with Client(build(elsewhere)[0]) as client:
        found = await replayed(client, "enemy_shiny_thing.png")
        assert found["replay"] == {"of": None, "identical": True, "same_pixels": True, "differences": []}
        assert found["assets"][0]["path"] == "sprites/enemy_shiny_thing.png"
        assert Path(found["assets"][0]["file"]).read_bytes() == png
        by_data = await replayed(client, uri(png))
        assert by_data["replay"]["of"] == f"{found['assets'][0]['id']}@1"
        assert "may not be read" in await refused(client, replay="/etc/hostname")
    assert not (game / "assets/sprites/enemy_shiny_thing.png").exists()


async def test_it_says_what_differs(server: FastMCP[Any], game: Path) -> None:
    """Other weights, versions and devices, a PNG that was saved anew, and pixels that were changed."""
    async with Client(server) as client:
        asset = (await call(client, "generate_sprite", **QUICK, seed=7))["assets"][0]
        png = Path(asset["file"]).read_bytes()
        recipe = json.loads(recipe_in(png) or "")
        weights = next(iter(recipe["weights_sha256"]))
        recipe["libraries"] |= {"diffusers": "0.1.0", "device": "NVIDIA GB10"}
        recipe["weights_sha256"][weights] = "0" * 64
        found = await replayed(client, uri(with_recipe(png, json.dumps(recipe, sort_keys=True))))
        assert (found["replay"]["identical"], found["replay"]["same_pixels"]) == (False, True)
        said = " ".join(found["replay"]["differences"])
        assert len(found["replay"]["differences"]) == 3
        for words in ("diffusers was 0.1.0, here it is", "drawn on NVIDIA GB10, here on cpu", f"weights of {weights} were 0000"):
            assert words in said

        image = Image.open(io.BytesIO(png))
        changed = np.asarray(image).copy()
        changed[0, 0] = (1, 2, 3, 255)
        again = with_recipe(file_of(Image.fromarray(changed), "PNG"), image.info["dgx_pixels"])
        found = await replayed(client, uri(again))
        assert found["replay"] == {"of": None, "identical": False, "same_pixels": False, "differences": []}


async def test_what_it_starts_from_is_found_or_asked_for(server: FastMCP[Any], game: Path, settings: Settings) -> None:
    """In the library, where it was, or where the caller says; if it is nowhere, or another picture, that is the answer."""
    photo, moved = game / "photo.png", game / "moved.png"
    photo.write_bytes(file_of(blocks(3, 16, 16, 8), "PNG"))
    async with Client(server) as client:
        art = (await call(client, "pixelize_image", image="photo.png"))["assets"][0]["id"]
        drawn = (await call(client, "generate_sprite", **QUICK, seed=1, reference="photo.png"))["assets"][0]["id"]
        photo.rename(moved)
        for asset in (art, drawn):
            said = await refused(client, replay=asset)
            assert "not in the library" in said
            assert "say where it is with `reference`" in said
            assert (await replayed(client, asset, reference="moved.png"))["replay"]["identical"]
        photo.write_bytes(file_of(blocks(4, 16, 16, 8), "PNG"))
        assert "is another picture now" in await refused(client, replay=art)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"replay": "nope.png"}, "cannot be read"),
        ({"replay": "0123456789ab"}, "no asset '0123456789ab'"),
        ({"replay": "0123456789ab@x"}, "names no version"),
        ({"replay": "data:image/png;base64,***"}, "no base64"),
        ({"replay": uri(b"no png")}, "no PNG"),
        ({"replay": "x", "prompt": "a potion", "seed": 3}, "leave out prompt, seed"),
        ({}, "needs the argument prompt"),
    ],
)
async def test_what_cannot_be_replayed_is_named(server: FastMCP[Any], arguments: dict[str, Any], says: str) -> None:
    """One sentence each."""
    async with Client(server) as client:
        assert says in await refused(client, **arguments)


SPRITE: dict[str, Any] = {
    "kind": "sprite", "prompt": "a potion", "negative_prompt": "", "width": 32, "height": 32, "colors": 16, "palette": None,
    "transparent": True, "seed": 7, "model": "tiny-sdxl", "profile": "standard", "strength": 0.6, "batch": 1, "graph": "eager",
    "seamless": False, "schedule": {"sampler": "dpmpp_2m", "steps": 1, "guidance": 3.0, "guided": 1.0}, "reference_sha256": None,
}  # fmt: skip
TILES: dict[str, Any] = {
    "kind": "tileset", "terrains": ["grass", "water"], "layout": "wang16", "tile_size": 16, "variants": 1, "transition": "hard",
    "pairs": None, "colors": 16, "palette": None, "seed": 1, "model": "tiny-sdxl", "schedule": SPRITE["schedule"],
}  # fmt: skip
OPTIONS: dict[str, Any] = {
    "size": None, "colors": None, "palette": None, "transparent": True, "dither": "none", "cleanup": [], "outline": None,
    "trim": False, "canvas": None, "anchor": None,
}  # fmt: skip
PIXELIZE: dict[str, Any] = {"kind": "pixelize", "options": OPTIONS, "matting": False, "source_sha256": "0" * 64}
DEEP = "[" * 60_000


HOSTILE: list[tuple[str | dict[str, Any], str]] = [
    ("{", "no JSON"),
    (DEEP, "no JSON"),
    ("[]", "kind is 'None'"),
    ('{"kind": "x\'; DROP TABLE assets; --"}', "only sprite, tileset, pixelize"),
    ('{"kind": ["sprite"]}', "only sprite, tileset, pixelize"),
    ('{"kind": "edited"}', "edited by hand"),
    ('{"kind": "training sample"}', "draw with its LoRA"),
    (SPRITE | {"width": 10**9}, "not one of"),
    (SPRITE | {"width": "32"}, "width cannot be read"),
    (SPRITE | {"width": 10**40}, "not one of"),
    (SPRITE | {"colors": 10**9}, "colors cannot be read"),
    (SPRITE | {"seed": -1}, "seed cannot be read"),
    (SPRITE | {"prompt": "x" * 501}, "prompt cannot be read"),
    (SPRITE | {"prompt": "\ud800"}, "recipe"),
    (SPRITE | {"prompt": {"a": 1}}, "prompt cannot be read"),
    (SPRITE | {"batch": 3}, "batch is none of"),
    (SPRITE | {"strength": float("nan")}, "recipe"),
    (SPRITE | {"palette": [[0, 0, 300]]}, "palette.0.2 cannot be read"),
    (SPRITE | {"palette": [[0, 0, 0]] * 300}, "palette cannot be read"),
    (SPRITE | {"schedule": SPRITE["schedule"] | {"steps": 10**9}}, "steps cannot be read"),
    (SPRITE | {"schedule": SPRITE["schedule"] | {"sampler": "ays"}}, "its sampler has 10"),
    (SPRITE | {"schedule": SPRITE["schedule"] | {"sampler": "os.system"}}, "sampler cannot be read"),
    (SPRITE | {"model": "../../etc/passwd"}, "There is no model"),
    (SPRITE | {"model": "tiny-sdxl+gone:1.0"}, "There is no LoRA 'gone'"),
    (SPRITE | {"model": "'; DROP TABLE assets; --"}, "There is no model"),
    (SPRITE | {"reference_sha256": "0" * 64}, "does not say which picture"),
    (SPRITE | {"reference_sha256": "0" * 64, "source_sha256": "../../x"}, "source_sha256 is no SHA-256"),
    (SPRITE | {"reference_sha256": "0" * 64, "source_sha256": "0" * 64}, "not in the library"),
    (TILES | {"terrains": ["a"] * 65}, "terrains cannot be read"),
    (TILES | {"tile_size": 10**6}, "tile_size is"),
    (TILES | {"layout": "exec"}, "kind 'exec'"),
    (TILES | {"pairs": [[5, 0]]}, "pairs name terrains"),
    (PIXELIZE, "not in the library"),
    (PIXELIZE | {"source_sha256": None}, "recipe"),
    ({k: v for k, v in SPRITE.items() if k != "seed"}, "seed cannot be read"),
]


async def test_a_hostile_recipe_is_refused(server: FastMCP[Any], settings: Settings) -> None:
    """Values of wrong types and sizes, paths, SQL and depth: one sentence, nothing kept, and the library answers on."""
    async with Client(server) as client:
        for recipe, says in HOSTILE:
            text = recipe if isinstance(recipe, str) else json.dumps(recipe)
            said = await refused(client, replay=uri(with_recipe(file_of(blocks(1), "PNG"), text)))
            assert says in said, text[:200]
            assert len(said) < 500
        listed = (await client.call_tool("list_assets", {})).structured_content
    assert listed is not None
    assert listed["assets"] == []
    assert not [f for f in settings.home.glob("assets/*") if f.name != ".staging"]


async def test_a_sound_recipe_of_another_hand_is_drawn(server: FastMCP[Any]) -> None:
    """The recipes that the hostile ones are made of are sound: it is their faults that are refused."""
    async with Client(server) as client:
        for recipe in (SPRITE, TILES | {"transition": "outlined", "variants": 2}):
            found = await replayed(client, uri(with_recipe(file_of(blocks(1), "PNG"), json.dumps(recipe))))
            assert not found["replay"]["same_pixels"]
            assert len(found["assets"]) == 1


def test_the_command_says_whether_it_is_the_same(
    settings: Settings, game: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0 if it is, 1 if not; --out has the very bytes; a file that is none of ours is one sentence."""

    def run(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--home", str(settings.home), "--project", str(game), "--port", str(settings.port), "--device", "cpu"])
        return ended.value.code, "".join(capsys.readouterr())

    run("sprite", "a red potion", "--steps", "1", "--no-publish")
    (file,) = settings.home.glob("assets/*/1.png")
    found, out = tmp_path / "found.png", tmp_path / "again.png"
    found.write_bytes(file.read_bytes())
    status, said = run("replay", str(found), "--out", str(out))
    assert (status, out.read_bytes()) == (0, file.read_bytes())
    assert "identical, byte for byte" in said

    (game / "assets/sprites").mkdir(exist_ok=True)
    (game / "assets/sprites/here.png").write_bytes(file.read_bytes())
    assert run("replay", "sprites/here.png")[0] == 0

    recipe = json.loads(recipe_in(found.read_bytes()) or "")
    recipe["libraries"]["torch"] = "1.0"
    found.write_bytes(with_recipe(found.read_bytes(), json.dumps(recipe, sort_keys=True)))
    status, said = run("replay", str(found))
    assert status == 1
    assert "the same pixels" in said
    assert "torch was 1.0, here it is" in said
    found.write_bytes(b"no png")
    assert run("replay", str(found))[1].startswith("dgx-pixels: These 6 bytes are no PNG")


@pytest.mark.stress
@pytest.mark.timeout(1800)
async def test_fifty_assets_of_every_kind_are_replayed_byte_for_byte(
    settings: Settings, game: Path, record_property: Callable[[str, object], None]
) -> None:
    """By a server that was started anew, in any order."""
    rng = np.random.default_rng(1)
    made: list[dict[str, Any]] = []
    async with Client(build(settings)[0]) as client:
        for i in range(7):
            prompt = ("a red potion", "a green slime", "a knight", "a wooden crate", "a gold coin", "a purple gem", "a sword")[i]
            made += (await call(client, "generate_sprite", prompt=prompt, steps=2, variants=(2, 3, 2)[i % 3]))["assets"]
            made += (await call(client, "generate_sprite", prompt=prompt, steps=2, seed=i, name=f"locked_{i}",
                                palette=("pico-8", None)[i % 2]))["assets"]  # fmt: skip
            made += (await call(client, "generate_sprite", prompt=f"{prompt} again", steps=2, reference=made[0]["id"],
                                strength=0.3 + i / 10, profile=("draft", "best")[i % 2]))["assets"]  # fmt: skip
            made += (await call(client, "generate_sprite", prompt=("grass", "sand", "water")[i % 3], category="tile", steps=2,
                                name=f"floor_{i}"))["assets"]  # fmt: skip
            (game / f"photo_{i}.png").write_bytes(file_of(blocks(i, 12 + i, 16, 6 + i), "PNG"))
            made += (await call(client, "pixelize_image", image=f"photo_{i}.png", size=(None, 8)[i % 2]))["assets"]
        for i, kind in enumerate(
            ("wang16", "blob47", "dualgrid15", "sidescroller", "seamless", "wang16", "seamless", "seamless")
        ):
            terrains = ["grass", "water"] if kind not in ("seamless",) else ["sand"]
            made += (await call(client, "generate_tileset", terrains=terrains, kind=kind, seed=i + 5, name=f"set_{i}"))["assets"]
    assert len(made) >= 50
    async with Client(build(settings)[0]) as client:
        for place in rng.permutation(len(made)):
            found = await replayed(client, f"{made[place]['id']}@{made[place]['version']}")
            assert found["replay"]["identical"], (made[place]["path"], found["replay"])
    record_property("found", f"{len(made)} of {len(made)} assets")

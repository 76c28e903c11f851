"""The command line's words: commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from dgx_pixels.server import (
    compare_command,
    jobs_options,
    promote_command,
    settings_options,
    train_options,
    vote_command,
)
from dgx_pixels.server.library_options import assets_options, credits_options, replay_options

_PALETTE = "a bundled palette's name, '#1a1c2c,#5d275d,...', a .hex, .gpl, .pal or PNG file, or 'project'"


def parsed(argv: list[str] | None) -> argparse.Namespace:
    """Read a command; prints its usage and raises SystemExit(2) for a wrong one."""
    words = parser()
    arguments = words.parse_args(argv)
    if arguments.command == "sprite" and bool(arguments.prompt) == (arguments.prompts is not None):
        words.error("sprite needs a prompt, or --prompts with a file of them")
    if arguments.command == "jobs":
        jobs_options.check(words, arguments)
    if arguments.command == "pixelize":
        if arguments.image is None and not arguments.worker:
            words.error("pixelize needs an image file")
        if (arguments.indexed or arguments.enlarge != 1) and arguments.out is None:
            words.error("--indexed and --enlarge are for --out: what is published is an RGBA PNG at its true size")
    if arguments.command == "models" and arguments.action != "list" and arguments.what is None:
        words.error(
            f"models {arguments.action} needs {'a name, like sdxl' if arguments.action == 'pull' else 'a path or org/repo'}"
        )
    return arguments


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    words = argparse.ArgumentParser(prog="dgx-pixels", description="Pixel art for your Bevy game, drawn by a warm SDXL pipeline.")
    words.add_argument("--version", action="version", version=version("dgx-pixels"))
    commands = words.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (in_short, options) in _commands().items():
        command = commands.add_parser(name, help=in_short)
        options(command)
        if name not in ("serve", "stdio"):
            command.add_argument("--json", action="store_true", help="print the answer as JSON")
        settings_options.options(command)
    return words


def _commands() -> dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]:
    """What each command does, and what adds its own options."""
    return {
        "serve": ("run the server that owns the GPU (MCP over HTTP)", _serve_options),
        "stdio": ("what an MCP client launches: finds or starts the server and passes on to it", _stdio_options),
        "sprite": ("draw a sprite into the Bevy project", _sprite_options),
        "pixelize": ("make true pixel art of any image file", _pixelize_options),
        "tileset": ("draw terrains into a tileset that fits, in the Bevy project", _tileset_options),
        "train": ("train a LoRA on your own sprites", train_options.options),
        "models": ("list, add and fetch models", _models_options),
        "init": ("set a Bevy project's defaults, and say what its game lacks for hot reload", _init_options),
        "publish": ("put an asset of the library, or an earlier version, into the Bevy project", _publish_options),
        "compare": (
            "draw the same prompts with several models or LoRA strengths, to be voted on blind", compare_command.options
        ),
        "vote": ("keep which picture of a comparison is the best, or export votes", vote_command.options),
        "jobs": ("list jobs, and cancel, pause or resume them", jobs_options.options),
        "promote": ("make a contender the Bevy project's default, or take that back", promote_command.options),
        "replay": ("make a picture again from its recipe, and say whether it is the same", replay_options),
        "assets": ("find, tag, import and collect what the library holds", assets_options),
        "credits": ("what the game's pictures were made with, for its credits and for stores", credits_options),
        "bench": ("measure sprites on this machine, and write a report with a contact sheet", _bench_options),
        "doctor": ("say what this machine can do, and what to do about what it cannot", lambda _: None),
    }  # fmt: skip


def _serve_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--ends-when-idle", action="store_true", help="end after --idle-minutes without a request")


def _stdio_options(stdio: argparse.ArgumentParser) -> None:
    stdio.add_argument("--alone", action="store_true", help="do everything in this one process instead")


def _publish_options(publish: argparse.ArgumentParser) -> None:
    publish.add_argument("asset", help="its id, or its path below assets/: sprites/item_red_potion.png")
    publish.add_argument("--version", type=int, help="which version; the newest if left out")
    publish.add_argument("--overwrite", action="store_true", default=None, help="replace a file that was edited by hand")


def _models_options(models: argparse.ArgumentParser) -> None:
    models.add_argument("action", choices=("list", "add", "pull"), help="list what is here; add one; pull a set of them")
    models.add_argument("what", nargs="?", help="add: a file, a folder, org/repo or org/repo/file.safetensors; pull: sdxl")
    models.add_argument("--link", action="store_true", help="add: link to the file or folder instead of copying it")
    models.add_argument("--endpoint", help="add, pull: the hub to fetch from (HF_ENDPOINT)")
    models.add_argument("--sha256", action="store_true", help="list: compute digests that are not known yet")


def _init_options(init: argparse.ArgumentParser) -> None:
    none = "takes it back"
    init.add_argument("--palette", dest="set_palette", metavar="PALETTE", help=f"{_PALETTE}; 'none' {none}")
    init.add_argument("--tile-size", dest="set_tile_size", metavar="PIXELS", type=int, help=f"side of a tile in pixels; 0 {none}")
    init.add_argument("--view", dest="set_view", metavar="VIEW", help=f"top-down, side or isometric; 'none' {none}")
    init.add_argument("--model", dest="set_model", metavar="MODEL", help=f"the model that draws; 'none' {none}")
    init.add_argument("--meta", dest="set_meta", action=argparse.BooleanOptionalAction, help="write .meta files beside the PNGs")
    init.add_argument(
        "--game-port", dest="set_brp_port", metavar="PORT", type=int, help=f"where the running game answers; 0 {none}"
    )
    init.add_argument("--plugin", action="store_true", default=None, help="copy the reload plugin into the game's src/")
    init.add_argument("--overwrite", action="store_true", default=None, help="replace another version of the reload plugin")


def _sprite_options(sprite: argparse.ArgumentParser) -> None:
    sprite.add_argument("prompt", nargs="*", help="what to draw: a red potion")
    sprite.add_argument(
        "--prompts", metavar="FILE", help="draw each line of a file ('-': stdin; # begins a comment), up to 100, as one batch"
    )
    sprite.add_argument("--name", help="file name part, [a-z0-9_]; made from the prompt if left out")
    sprite.add_argument("--category", help="item (default), character, enemy, npc, tile, ui, effect, ...")
    sprite.add_argument("--size", help="32 or 32x48")
    sprite.add_argument("--variants", type=int, help="1 to 8; variant i uses seed + i")
    sprite.add_argument("--colors", "--colours", type=int, help="at most this many, 2 to 256; default 16, or all of the palette")
    sprite.add_argument("--palette", help=_PALETTE)
    sprite.add_argument("--transparent", action=argparse.BooleanOptionalAction, default=None, help="cut the ground away")
    sprite.add_argument("--negative-prompt", help="what must not be drawn")
    sprite.add_argument("--seed", type=int, help="the same seed gives the same sprite")
    sprite.add_argument("--reference", help="a picture to start from: an asset's id or a file")
    sprite.add_argument("--strength", type=float, help="how far to go from the reference, 0.1 to 1; default 0.6")
    sprite.add_argument("--profile", help="draft (fast), standard (default) or best")
    sprite.add_argument("--steps", type=int, help="replaces the profile's steps")
    sprite.add_argument("--guidance", type=float, help="how closely to follow the prompt; replaces the profile's")
    sprite.add_argument("--model", help="a base model, with LoRAs as 'base+lora:weight'; the default one if left out")
    _publishing_options(sprite)


def _pixelize_options(pixelize: argparse.ArgumentParser) -> None:
    pixelize.add_argument("image", nargs="?", help="the image file: PNG, JPEG, WebP, GIF, BMP or TIFF")
    pixelize.add_argument("--out", help="write the PNG to this file, and leave project and library alone")
    pixelize.add_argument("--indexed", action="store_true", help="with --out: write a palette PNG instead of an RGBA one")
    pixelize.add_argument("--enlarge", type=int, default=1, metavar="N", help="with --out: each pixel a square of N px")
    pixelize.add_argument("--worker", action="store_true", help="serve lines 'IN<tab>OUT' on stdin until it ends")
    pixelize.add_argument("--name", help="file name part, [a-z0-9_]; made from the file's name if left out")
    pixelize.add_argument("--category", help="item (default), character, enemy, npc, tile, ui, effect, ...")
    pixelize.add_argument("--size", help="32 or 32x48 cells; found in the picture if left out")
    pixelize.add_argument("--colors", "--colours", type=int, help="at most this many, 2 to 256; found if left out")
    pixelize.add_argument("--palette", help=_PALETTE)
    pixelize.add_argument("--transparent", action=argparse.BooleanOptionalAction, default=None, help="cut the ground away")
    pixelize.add_argument("--dither", help="none (default), bayer4, bayer8 or floyd-steinberg; needs --palette or --colors")
    pixelize.add_argument(
        "--cleanup", type=_names, metavar="WHAT,...", help="orphans,lines,outlines: touch-ups, off unless named"
    )
    pixelize.add_argument("--outline", metavar="COLOR", help="draw a line of one pixel around the subject, like '#1a1c2c'")
    pixelize.add_argument("--trim", action="store_true", default=None, help="cut off clear rows and columns")
    pixelize.add_argument("--canvas", metavar="SIZE", help="stand the subject on a canvas of 32 or 32x48")
    pixelize.add_argument("--anchor", help="where it stands there: feet (bottom centre, default) or centre")
    pixelize.add_argument("--matting", action="store_true", default=None, help="tell the subject from a busy ground with a model")
    _publishing_options(pixelize)


def _bench_options(bench: argparse.ArgumentParser) -> None:
    bench.add_argument("--model", help="a base model, with LoRAs as 'base+lora:weight'; the default one if left out")
    bench.add_argument("--profiles", help="like draft,best; all three if left out")
    bench.add_argument(
        "--prompts", type=Path, metavar="FILE", help="a text file, one prompt a line; eight of our own if left out"
    )
    bench.add_argument("--count", type=int, default=8, help="pictures for each profile; default 8")
    bench.add_argument("--size", help="32 or 32x48; 64 if the model draws it, if left out")


def _tileset_options(tileset: argparse.ArgumentParser) -> None:
    tileset.add_argument("terrains", nargs="+", help="from the lowest to the highest: water sand 'tall grass'")
    tileset.add_argument("--kind", help="wang16 (default), blob47, dualgrid15, sidescroller or seamless")
    tileset.add_argument("--tile-size", type=int, metavar="PX", help="side of a tile, 8 to 64; the project's, or 16, if left out")
    tileset.add_argument("--variants", type=int, help="tiles of each terrain alone, 1 to 8; 3 if left out")
    tileset.add_argument("--transition", help="outlined (default), rough, hard or soft")
    tileset.add_argument(
        "--pair", action="append", nargs=2, dest="pairs", metavar=("UPPER", "LOWER"), help="only such pairs meet"
    )
    tileset.add_argument("--colors", "--colours", type=int, help="at most this many, 3 for each terrain to 256")
    tileset.add_argument("--palette", help=_PALETTE)
    tileset.add_argument("--name", help="file name part, [a-z0-9_]; made from kind and terrains if left out")
    tileset.add_argument("--seed", type=int, help="the same seed gives the same tileset")
    tileset.add_argument("--model", help="a base model; the default one if left out")
    _publishing_options(tileset)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _publishing_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--publish", action=argparse.BooleanOptionalAction, default=None, help="write it into the project (default)"
    )
    command.add_argument("--overwrite", action="store_true", default=None, help="replace a file that was edited by hand")

"""The options of the commands for what the library holds; nothing slow is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path


def replay_options(replay: argparse.ArgumentParser) -> None:
    """Of `dgx-pixels replay`."""
    replay.add_argument("original", help="an asset's id, id@version, or a PNG file that carries a recipe")
    replay.add_argument("--reference", help="where the picture is now that it starts from, if it was moved")
    replay.add_argument("--out", type=Path, metavar="FILE", help="write the PNG to this file, too")


def assets_options(assets: argparse.ArgumentParser) -> None:
    """Of `dgx-pixels assets`."""
    assets.add_argument(
        "action", nargs="?", default="list", choices=("list", "tag", "import", "collect"),
        help="find assets (default); tag one; take in the PNGs that a project has; delete versions that nobody needs",
    )  # fmt: skip
    assets.add_argument("what", nargs="*", help="list: words; tag: an asset's id and its tags; import: a folder below assets/")
    assets.add_argument("--tag", action="append", dest="tags", metavar="TAG", help="list: only those that have this tag")
    assets.add_argument("--kind", help="list: sprite, sheet or tileset")
    assets.add_argument("--palette", help="list: only those whose colours are all in it")
    assets.add_argument("--limit", type=int, help="list: at most this many; default 50")
    assets.add_argument("--cursor", help="list: the next page, as the one before names it")
    assets.add_argument("--everywhere", action="store_true", default=None, help="list: of all projects")
    assets.add_argument("--older-than", type=float, default=30, metavar="DAYS", help="collect: only older versions; default 30")
    assets.add_argument("--yes", action="store_true", help="collect: delete them; without it they are only listed")


def credits_options(credits_: argparse.ArgumentParser) -> None:
    """Of `dgx-pixels credits`."""
    credits_.add_argument("--out", type=Path, metavar="FILE", help="write the text to this file, like CREDITS.md")

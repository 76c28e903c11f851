"""The words of `dgx-pixels train`; light to import, for every command reads them."""

from __future__ import annotations

import argparse


def options(train: argparse.ArgumentParser) -> None:
    """Add them to the command's parser."""
    train.add_argument("source", nargs="?", help="a folder of sprites, 'project', asset ids with commas, or 'winners'")
    train.add_argument("--name", help="the LoRA's id: a-z, 0-9, _ and -")
    train.add_argument("--base", help="the base model to train on; the default one if left out")
    train.add_argument("--preset", help="fast, base (default) or quality")
    train.add_argument("--trigger", help="a word that calls the style")
    train.add_argument("--grid", metavar="WxH", help="size of the frames, if the pictures are sheets")
    train.add_argument("--licence", "--license", help="what the LoRA's card says of the pictures' licence")
    train.add_argument("--steps", type=int, help="replaces the preset's")
    train.add_argument("--rank", type=int, help="replaces the preset's; alpha follows")
    train.add_argument("--learning-rate", type=float, help="replaces the preset's")
    train.add_argument("--optimizer", help="adamw, adamw8bit or prodigy")
    train.add_argument(
        "--set", action="append", type=_setting, dest="others", metavar="NAME=VALUE",
        help="any other setting: alpha=8, batch_size=2, min_snr=none, sample_every=100, ...",
    )  # fmt: skip
    train.add_argument(
        "--sample", action="append", dest="sample_prompts", metavar="PROMPT", help="draw this on the way; may be given again"
    )
    train.add_argument("--seed", type=int, help="the same seed and pictures give the same LoRA")
    train.add_argument("--dry-run", action="store_true", default=None, help="look at the pictures, and say how long it takes")
    train.add_argument("--resume", metavar="JOB", help="go on with a training that was paused, failed or cancelled")
    train.add_argument("--overwrite", action="store_true", default=None, help="replace a LoRA of that name")


def _setting(text: str) -> tuple[str, str | float | int | bool | None]:
    """Read NAME=VALUE; a value is a number, yes, no, none or a word."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, like alpha=8")
    words: dict[str, bool | None] = {"yes": True, "true": True, "no": False, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value

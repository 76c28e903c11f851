"""`dgx-pixels models list | add | pull`: looks after the models' folder. Here, and nowhere else, models are downloaded."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from dgx_pixels.models.catalogue import Catalogue
from dgx_pixels.server.settings import Settings
from dgx_pixels.tools.answers_models import LoraSummary, ModelSummary, VaeSummary
from dgx_pixels.tools.list_models import summaries


def run_models(settings: Settings, arguments: argparse.Namespace) -> int:
    """Do it, and print what came of it: lines, or JSON; answers with the exit status. Raises ModelError and OSError."""
    catalogue = Catalogue(settings.home / "models", settings.hf_cache)
    if arguments.action == "list":
        return _list(catalogue, as_json=arguments.json, compute=arguments.sha256)
    from dgx_pixels.models.install import add_from_disk, add_from_hub, pull  # these import the hub's client

    if arguments.action == "pull":
        paths = pull(catalogue, arguments.what, arguments.endpoint, _say)
    elif not Path(arguments.what).expanduser().exists() and re.fullmatch(r"[\w.-]+/[\w.-]+(/[\w./ -]+)?", arguments.what):
        paths = [add_from_hub(catalogue, arguments.what, arguments.endpoint, _say)]
    else:
        paths = [add_from_disk(catalogue, Path(arguments.what), _say, link=arguments.link)]
    print(json.dumps({"files": [str(p) for p in paths]}) if arguments.json else "\n".join(map(str, paths)))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _list(catalogue: Catalogue, *, as_json: bool, compute: bool) -> int:
    found = summaries(catalogue, compute=compute)
    if as_json:
        print(json.dumps(found.model_dump(mode="json"), indent=2))
        return 0
    for base in found.models:
        sizes = ", ".join(map(str, base.sizes))
        _row("base", base.id, base.size, base.licence, f"{sizes} px{', default' if base.default else ''}", base.problem)
    for lora in found.loras:
        words = f", say {', '.join(lora.trigger_words)}" if lora.trigger_words else ""
        _row(
            "lora", lora.id, lora.size, lora.licence, f"weight {lora.recommended_weight:g}, rank {lora.rank}{words}", lora.problem
        )
    for vae in found.vaes:
        _row("vae", vae.id, vae.size, vae.licence, "", vae.problem)
    if compute:
        every: list[ModelSummary | LoraSummary | VaeSummary] = [*found.models, *found.loras, *found.vaes]
        print(*(f"{m.sha256}  {m.id}" for m in every), sep="\n")
    return 0


def _row(kind: str, model_id: str, size: int, licence: str, more: str, problem: str | None) -> None:
    print(f"{kind:5}{model_id:24} {size / 1e6:8,.0f} MB  {licence}{f'  ({more})' if more and not problem else ''}")
    if problem:
        print(f"     not usable: {problem}")

"""Draw the picture of docs/comparing.md: the sheet of an open comparison of LoRAs, and print what was measured.

.venv/bin/python docs/comparing.py LORA [LORA ...] [--home HOME] [--base tiny-sdxl] [--trigger WORD] [--reference FOLDER]

One LoRA is compared with its base at the strengths 0.6, 0.8 and 1.0; two or three are compared at 1.0. HOME is where they lie:
`models/loras/LORA.safetensors`.
"""

from __future__ import annotations

import argparse
import asyncio
from base64 import b64decode
from pathlib import Path
from typing import Any

from fastmcp import Client

from dgx_pixels.server.app import build
from dgx_pixels.server.settings import Settings

HERE = Path(__file__).parent
PROMPTS = ("a potion", "a sword", "a book", "a dragon", "a skeleton", "a knight", "a key", "a shield")
"""Without colours: a colour that is asked for is drawn, whatever the style."""
SEED = 7
STRENGTHS = (0.6, 0.8, 1.0)


def contenders(base: str, loras: list[str]) -> list[str]:
    """The base, and one LoRA at three strengths, or up to three LoRAs at 1.0."""
    if len(loras) == 1:
        return [base, *(f"{base}+{loras[0]}:{strength}" for strength in STRENGTHS)]
    return [base, *(f"{base}+{lora}:1.0" for lora in loras)]


async def compared(asked: argparse.Namespace) -> tuple[dict[str, Any], bytes]:
    """The comparison, with names, and its sheet."""
    roots = (asked.reference,) if asked.reference is not None else ()
    arguments: dict[str, Any] = {
        "contenders": contenders(asked.base, asked.loras), "seed": SEED, "blind": False, "wait_s": 600,
        "prompts": [f"{asked.trigger}, {prompt}" if asked.trigger else prompt for prompt in PROMPTS],
    }  # fmt: skip
    if asked.reference is not None:
        arguments["reference"] = str(asked.reference)
    settings = Settings(home=asked.home) if asked.home is not None else Settings()
    async with Client(build(settings.model_copy(update={"read_roots": roots}))[0]) as client:
        result = await client.call_tool("compare_models", arguments)
        answer: Any = result.structured_content
        while answer["status"] in ("queued", "running"):
            result = await client.call_tool("get_job", {"job_id": answer["job_id"], "wait_s": 600})
            answer = result.structured_content
    sheet = next(content for content in result.content if content.type == "image")
    return answer["result"]["comparison"], b64decode(sheet.data)


def main(asked: argparse.Namespace) -> None:
    """Write the sheet, and print a table of the measures for the page."""
    comparison, sheet = asyncio.run(compared(asked))
    (HERE / "comparing.png").write_bytes(sheet)
    columns = ("seconds", "colors", "orphans", "cutout", "likeness_colors", "likeness_texture")
    print(f"| contender | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|", sep="\n")
    for found in comparison["contenders"]:
        print(f"| `{found['contender']}` | {' | '.join('' if found[c] is None else str(found[c]) for c in columns)} |")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("loras", nargs="+", metavar="LORA")
    words.add_argument("--home", type=Path)
    words.add_argument("--base", default="tiny-sdxl")
    words.add_argument("--trigger", default="")
    words.add_argument("--reference", type=Path)
    main(words.parse_args())

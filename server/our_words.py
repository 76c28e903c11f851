"""A tool's sentence in the command line's words: tools tell an agent what to call, and a person types commands."""

from __future__ import annotations

import re
from typing import Final

_LONE: Final = r"(?<![\w/.'`]){}(?![\w/'`(=]|\.\w)"
"""A word by itself: none in a path, in quotes, or before its arguments."""
_PHRASES: Final = (
    (r"get_job\(job_id='(\w+)'\) shows it", r"`dgx-pixels vote \1 ROUND A` votes on it"),
    (r"compare_models\(resume='(\w+)'\)", r"`dgx-pixels jobs resume \1`"),
    (r"(?:call )?train_lora with resume='(\w+)'", r"run `dgx-pixels train --resume \1`"),
    (r'call publish_asset\(asset="(\w+)", version=(\d+)\)', r"run `dgx-pixels publish \1 --version \2` in the game's folder"),
    (r"call publish_asset with its id and the Bevy project \(`project`\)", "run `dgx-pixels publish ID` in the game's folder"),
    (r"call again with copy_reload_plugin", "run `dgx-pixels init --plugin`"),
    (r"wait for it with get_job", "`dgx-pixels jobs --watch` shows it"),
    (r"use the job_id that the generating tool answered with", "`dgx-pixels jobs` lists them"),
    (r"use the id that compare_models answered with, its job_id", "use the one that `dgx-pixels compare` printed"),
    (r"both round and winner, like round=1, winner='A'", "a round and its winner, like `dgx-pixels vote ID 1 A`"),
    (r"to end the voting, give reveal=true", "--reveal ends the voting"),
    (r"list_models shows which sizes each one draws", "`dgx-pixels models list` shows which sizes each one draws"),
    (r"name them as in \['([^']+)', '([^']+)'\]", r"name them as in `dgx-pixels compare \1 \2`"),
    (r"setup_project sets another model", "`dgx-pixels init --model` sets another model"),
    (r"set it with setup_project", "set it with `dgx-pixels init --model`"),
    (r"ask with overwrite=true", "use --overwrite"),
)
_WORDS: Final = {
    "generate_sprite": "`dgx-pixels sprite`", "compare_models": "`dgx-pixels compare`", "record_vote": "`dgx-pixels vote`",
    "list_assets": "`dgx-pixels assets`", "setup_project": "`dgx-pixels init`", "publish_asset": "`dgx-pixels publish`",
}  # fmt: skip
_OPTIONS: Final = {name: f"--{name}" for name in ("rollback", "force", "reveal", "everywhere", "overwrite")}


def in_our_words(text: str) -> str:
    """The same sentence, with commands and options in place of tools and their arguments."""
    for theirs, ours in _PHRASES:
        text = re.sub(theirs, ours, text)
    for theirs, ours in _WORDS.items():
        text = re.sub(_LONE.format(theirs), ours, text)
    for theirs, ours in _OPTIONS.items():
        text = re.sub(rf"(?<![\w/.'`]){theirs}=true\b", ours, text)
    return text

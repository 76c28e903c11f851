"""What tools tell an agent to call, told to a person as commands."""

import pytest

from dgx_pixels.server.our_words import in_our_words


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ask for 32 (list_models shows which sizes each one draws).", "(`dgx-pixels models list` shows which sizes"),
        ("name them as in ['tiny-sdxl', 'tiny-sdxl+a:0.8'].", "name them as in `dgx-pixels compare tiny-sdxl tiny-sdxl+a:0.8`."),
        ('call publish_asset(asset="3f2a9c01d4e5", version=2).', "run `dgx-pixels publish 3f2a9c01d4e5 --version 2` in"),
        ("set it with setup_project, or (force=true)", "set it with `dgx-pixels init --model`, or (--force)"),
        ("call train_lora with resume='3f2a9c01d4e5'.", "run `dgx-pixels train --resume 3f2a9c01d4e5`."),
        ("There is no asset 'x': list_assets shows what there is.", "`dgx-pixels assets` shows what there is."),
        ("/home/list_assets/force=true is 'setup_project'.", "/home/list_assets/force=true is 'setup_project'."),
    ],
)
def test_a_sentence_names_commands(theirs: str, ours: str) -> None:
    """Only what is a tool's word: a path or a quoted name stays as it is."""
    assert ours in in_our_words(theirs)

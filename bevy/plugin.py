"""The reload plugin for Bevy: one Rust file, the one that our example game runs, copied into a game when asked."""

import os
from pathlib import Path

from dgx_pixels.bevy.items import sha256
from dgx_pixels.bevy.ledger import sha256_of
from dgx_pixels.bevy.preflight import PublishError
from dgx_pixels.bevy.project import BevyProject
from dgx_pixels.bevy.staging import PART, Staging, put

NAME = "dgx_pixels_reload.rs"
# In a checkout this is a link into bevy_example/, whose build and tests keep it working; a wheel has the file itself.
SOURCE = Path(__file__).parent / NAME


def plugin_path(project: BevyProject) -> Path:
    """Return where the plugin belongs. Raises PublishError if the project has no src/ of its own."""
    src = Path(os.path.realpath(project.root / "src"))
    if not src.is_dir() or not src.is_relative_to(project.root):
        raise PublishError(f"{project.root} has no src folder: copy {SOURCE} to where your game's modules are.")
    return src / NAME


def copy_plugin(project: BevyProject, staging: Staging, overwrite: bool) -> bool:
    """Copy the plugin into the game's src/, as the holder of the lock; return whether the file changed.

    Raises:
        PublishError: there is no src/, or there is another file of that name and `overwrite` is false.
        OSError: the disk refuses; then the old file stands.

    """
    target = plugin_path(project)
    data = SOURCE.read_bytes()
    if target.is_symlink() or target.exists():
        if target.is_file() and sha256_of(target) == sha256(data):
            return False
        if target.is_symlink() or not overwrite:
            raise PublishError(f"{target} is not this version's plugin: ask with overwrite to replace it, or keep yours.")
    put(staging.stage(data, PART), target)
    return True

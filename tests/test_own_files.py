"""Files that a person names: written whole, where they point to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dgx_pixels.server.own_files import write_whole


def test_a_link_and_the_permissions_stay(tmp_path: Path) -> None:
    """What a link leads to is written, with the permissions that it had; nothing else is left in the folder."""
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(link, b"new")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob(".*"))


def test_a_redirected_stdout_is_written_into(tmp_path: Path) -> None:
    """`--out /dev/stdout > file` fills the file, and replaces no device."""
    file = tmp_path / "out.png"
    script = (
        "from pathlib import Path; from dgx_pixels.server.own_files import write_whole; write_whole(Path('/dev/stdout'), b'png')"
    )
    with file.open("wb") as out:
        subprocess.run([sys.executable, "-c", script], stdout=out, check=True)

    assert file.read_bytes() == b"png"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize(("name", "error"), [("no/x.png", FileNotFoundError), ("file/x.png", NotADirectoryError)])
def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path, name: str, error: type[OSError]) -> None:
    """Not by the name of our part of it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(error) as refused:
        write_whole(tmp_path / name, b"new")
    assert refused.value.filename == str(tmp_path / name)

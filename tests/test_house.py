"""The house's rules: which folder may import which, how long a module may be, and that the wheel holds everything."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "pixels": set(),
    "library": {"pixels"},
    "bevy": {"pixels"},
    "models": {"pixels"},
    "tools": {"library", "bevy", "models", "pixels"},
    "resources": {"library", "bevy", "models", "pixels"},
    "server": {"library", "bevy", "models", "pixels", "tools", "resources"},
}
HEAVY = ("torch", "diffusers", "transformers", "peft", "accelerate")


def imports(file: Path) -> set[str]:
    """Full names of all modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_go_one_way(folder: str) -> None:
    """A folder imports only those that design allows it."""
    allowed = MAY_IMPORT[folder] | {folder}
    for file in (ROOT / folder).glob("*.py"):
        ours = {m.split(".")[1] for m in imports(file) if m.startswith("dgx_pixels.")}
        assert ours <= allowed, f"{file.relative_to(ROOT)} imports {ours - allowed}"


def test_torch_is_known_to_models_alone() -> None:
    """Only models/ imports torch and its kin; `doctor` looks at torch, and that is its work."""
    for folder in MAY_IMPORT:
        for file in (ROOT / folder).glob("*.py"):
            heavy = {m for m in imports(file) if m.split(".")[0] in HEAVY}
            assert not heavy or folder == "models" or file.name == "doctor.py", f"{file}: {heavy}"


def test_listing_tools_does_not_import_torch() -> None:
    """A client that only looks at the tools does not wait for torch."""
    code = "import sys, dgx_pixels.server.stdio_alone, dgx_pixels.server.stdio; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_is_over_300_lines() -> None:
    """Each module can be read in one go."""
    files = [f for pattern in ("*/*.py", "*/src/*.rs") for f in ROOT.glob(pattern) if not f.parts[-2].startswith(".")]
    long = {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > 300}
    assert long == {}


def tracked() -> list[str]:
    """All files that git tracks."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.splitlines()


def test_the_top_level_holds_the_designs_folders_and_no_others() -> None:
    """A newcomer finds what the design names, and nothing else."""
    folders = {path.split("/")[0] for path in tracked() if "/" in path}
    assert {*MAY_IMPORT, "bevy_example", "tests", "benchmarks", "docs", ".typing", ".ci"} == folders


def test_every_package_is_listed_and_typed() -> None:
    """What is not listed would be missing from the wheel, though it works in a checkout."""
    packages = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert {f"dgx_pixels.{folder}" for folder in MAY_IMPORT} == packages
    for folder in MAY_IMPORT:
        assert (ROOT / folder / "py.typed").is_file()
        assert (ROOT / ".typing/dgx_pixels" / folder).resolve() == ROOT / folder
        assert not [p for p in (ROOT / folder).rglob("*.py") if p.parent != ROOT / folder], "folders are flat"


def test_the_embedded_model_is_small() -> None:
    """The weights that ship are fp16 safetensors of 40 MB at most, with a model card."""
    folder = ROOT / "models/tiny_sdxl"
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) <= 40_000_000
    assert (folder / "README.md").is_file()
    assert not [*folder.rglob("*.bin"), *folder.rglob("*.ckpt"), *folder.rglob("*.pt")]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_draws_outside_the_repository(tmp_path: Path, game: Path) -> None:
    """Its wheel is built from its sdist; in an empty environment, with only its dependencies beside it, the main job is done."""
    subprocess.run([sys.executable, "-m", "build", "-o", tmp_path, ROOT], check=True, cwd=tmp_path, stdout=subprocess.DEVNULL)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    site = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], check=True, capture_output=True, text=True
    )
    here = next(p for p in sys.path if p.endswith("site-packages"))
    # The dependencies are 5 GB: borrow them. A path file does not run this environment's own, so our checkout stays unseen.
    (Path(site.stdout.strip()) / "dependencies.pth").write_text(here + "\n")

    where = subprocess.run(
        [python, "-c", "import dgx_pixels.server as s; print(s.__file__)"], check=True, capture_output=True, text=True
    )
    where_to = ["--home", str(tmp_path / "home"), "--project", str(game)]
    command = [str(tmp_path / "venv/bin/dgx-pixels"), "sprite", "a red potion", "--steps", "2", *where_to]
    subprocess.run(command, check=True, cwd=tmp_path)

    assert str(tmp_path) in where.stdout
    packaged = Path(where.stdout.strip()).parent.parent / "bevy/dgx_pixels_reload.rs"
    assert packaged.read_bytes() == (ROOT / "bevy_example/src/dgx_pixels_reload.rs").read_bytes()
    assert (game / "assets/sprites/item_red_potion.png").is_file()

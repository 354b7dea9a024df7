"""The layout is held by tests: who may import what, what is public, what is loaded when."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rlcodec
from tests.clips import moving, write

ROOT = Path(rlcodec.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
PARTS = [ROOT, ROOT.parent / "benchmarks", ROOT.parent / "tests"]
NUMPY_ONLY = ("analysis", "policy")
AT_THE_TOP = {path.stem for path in ROOT.glob("*.py")}
MAY_IMPORT = {"export.py": {"onnx"}}  # what it writes, it writes with the library of the format
HEAVY = {"torch", "gymnasium", "onnx", "skimage", "scipy", "matplotlib", "tensorboard"}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(path: Path) -> str:
    """The package inside rlcodec that a file belongs to; empty for the top."""
    inside = path.relative_to(ROOT)
    return inside.parts[0] if len(inside.parts) > 1 else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_keeps_to_its_boundary(path: Path) -> None:
    names = set(imported(path))
    tops = {name.partition(".")[0] for name in names}
    if part(path) != "cli":
        assert not any(name.startswith("rlcodec.cli") for name in names)
        assert "click" not in tops
    if part(path) != "media":
        assert "av" not in tops
    if part(path) != "learn":
        assert "torch" not in tops
    if part(path) in NUMPY_ONLY:
        known = {name for name in tops if name not in sys.stdlib_module_names}
        assert known <= {"numpy", "rlcodec"} | MAY_IMPORT.get(path.name, set())
        outside = {name.split(".")[1] for name in names if name.startswith("rlcodec.")}
        assert outside <= {*NUMPY_ONLY, *AT_THE_TOP}
    if part(path) in {"media", *NUMPY_ONLY}:
        assert not any(name.startswith("rlcodec.engine") for name in names)


def test_modules_stay_small() -> None:
    for path in (path for part in PARTS for path in part.rglob("*.py")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_public_names_are_sorted_and_there() -> None:
    names = [name for name in rlcodec.__all__ if name != "__version__"]
    assert names == sorted(names, key=lambda name: (name.islower(), not name.isupper(), name))
    for name in rlcodec.__all__:
        assert getattr(rlcodec, name) is not None
    assert set(rlcodec.__all__) <= set(dir(rlcodec))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rlcodec.no_such_name  # that is the point


def loaded_after(code: str) -> set[str]:
    """Top-level modules in memory after running some code in a fresh interpreter."""
    report = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_help_loads_neither_av_nor_numpy() -> None:
    loaded = loaded_after(
        "from click.testing import CliRunner\n"
        "from rlcodec.cli.main import main\n"
        "assert 'transcode' in CliRunner().invoke(main, ['--help']).output"
    )
    assert not loaded & ({"av", "numpy"} | HEAVY)


def test_transcode_loads_nothing_heavy(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", moving(12))
    loaded = loaded_after(
        f"import rlcodec; rlcodec.transcode({str(source)!r}, {str(tmp_path / 'out.mp4')!r})"
    )
    assert "av" in loaded
    assert not loaded & HEAVY


def test_corpus_and_benchmark_work_without_what_training_needs() -> None:
    names = ["add_videos", "corpus_info", "load_table", "run_benchmark", "OBJECTIVES"]
    loaded = loaded_after(f"import rlcodec; [getattr(rlcodec, name) for name in {names}]")
    assert "av" in loaded
    assert not loaded & HEAVY

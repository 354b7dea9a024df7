"""What tests share: the installed command, and a small clip."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from tests.clips import moving, write

# No test may fail because a machine is slow
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

Completed = subprocess.CompletedProcess[str]
Command = Callable[..., Completed]

# Read by torch and numpy as they are loaded. Tests run side by side, one for each core: threads of
# theirs would wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

RLCODEC = Path(sys.executable).with_name("rlcodec")
"""The command as pip installed it beside the interpreter that runs the tests."""


@pytest.fixture
def rlcodec(tmp_path: Path) -> Command:
    """Run the installed command in an empty folder, and give what it printed and its exit code."""

    def run(*arguments: str | Path, stdin: bytes | None = None) -> Completed:
        done = subprocess.run(
            [RLCODEC, *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A small file with nothing wrong."""
    return write(tmp_path / "clip.mkv", moving(12, width=64, height=48))

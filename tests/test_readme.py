"""Every command and every piece of Python in the README is run, as a new user would run it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("  #")[0].strip()
    for language, block in BLOCKS
    if language == "sh"
    for line in block.splitlines()
    if line.strip()
]
# Later commands of a block use what earlier ones have made
SCRIPTS = [
    "\n".join(line.partition("  #")[0].strip() for line in block.splitlines())
    for language, block in BLOCKS
    if language == "sh" and "make " not in block and "benchmarks" not in block
]
# They measure for many minutes, on clips of the reader's own: that they start is all that is tried
MEASUREMENTS = [each for each in COMMANDS if "benchmarks" in each]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with what a checkout has, in which the commands may write."""
    shutil.copytree(ROOT / "sample_videos", tmp_path / "sample_videos")
    shutil.copy(ROOT / "sample_videos" / "portrait.mp4", tmp_path / "in.mp4")
    return tmp_path


def run(command: list[str], folder: Path, **given: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **given, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.splitlines()[0])
def test_the_commands_of_the_readme_work(script: str, workplace: Path) -> None:
    run(["bash", "-e", "-c", script], workplace)


def test_the_demonstration_of_the_readme_works(workplace: Path) -> None:
    # What `make demo` runs once everything is installed
    run([sys.executable, "-m", "benchmarks.demo"], workplace, PYTHONPATH=str(ROOT))


def test_no_command_of_the_readme_is_left_out() -> None:
    tried = {line for script in SCRIPTS for line in script.splitlines()}
    assert set(COMMANDS) == tried | {"make demo", "make test", *MEASUREMENTS}


@pytest.mark.parametrize("command", MEASUREMENTS)
def test_a_measurement_of_the_readme_starts(command: str) -> None:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "benchmarks"]
    run([sys.executable, *words[1:4], "--help"], ROOT)


@pytest.mark.parametrize("code", [block for language, block in BLOCKS if language == "python"])
def test_the_python_of_the_readme_works(code: str, workplace: Path) -> None:
    run([sys.executable, "-c", code], workplace)
    assert (workplace / "out.mp4").stat().st_size > 10_000


def test_the_readme_names_both_set_up_commands() -> None:
    assert {"make demo", "make test"} <= set(COMMANDS)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "-m benchmarks.demo" in makefile
    assert "-m pytest" in makefile

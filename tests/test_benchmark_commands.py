"""The smallest run of each measurement: what it keeps is what the README's words need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import memory as memory_module
from benchmarks import overhead as overhead_module
from benchmarks.decisions import decisions
from benchmarks.grid import grid
from benchmarks.memory import memory
from benchmarks.overhead import overhead
from benchmarks.paragraphs import PARAGRAPHS
from benchmarks.processes import run
from benchmarks.scaling import scaling, steps
from benchmarks.startup import startup
from tests.clips import moving, write


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    write(folder / "a.mp4", moving(12))
    return folder


def measured(command: click.Command, folder: Path, *arguments: str) -> dict[str, Any]:
    """What a command keeps; the README's words must be able to say it."""
    target = folder / "kept.json"
    done = CliRunner().invoke(command, [*arguments, "--json", str(target)])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    assert document["machine"]["date"]
    assert PARAGRAPHS[document["benchmark"]](document)
    return document


def test_decisions(tmp_path: Path) -> None:
    rows = measured(decisions, tmp_path, "--count", "3")["rows"]
    assert [row["what"] for row in rows] == ["state", "rule", "balanced", "psnr", "ssim"]
    assert all(0 < row["median, ms"] <= row["95th percentile, ms"] for row in rows)


def test_startup(tmp_path: Path) -> None:
    rows = measured(startup, tmp_path, "--runs", "1")["rows"]
    assert all(row["wall, s"] > 0 for row in rows)


def test_scaling(tmp_path: Path, clips: Path) -> None:
    options = ["--frames", "2", "--runs", "1", "--jobs", "2"]
    document = measured(scaling, tmp_path, str(clips), *options)
    assert [row["jobs"] for row in document["rows"]] == [1, 2]
    assert steps(6) == [1, 2, 4, 6]
    # Two frames at each of the grid's twelve CRFs
    assert (document["encodes"], document["encoded_frames"]) == (12, 24)


def test_grid(tmp_path: Path, clips: Path) -> None:
    document = measured(grid, tmp_path, str(clips), "--frames", "2", "--runs", "1")
    assert document["clips"] == 1  # fewer than were asked for
    first, whole = document["rows"]
    assert first["measured / bare"] == whole["measured / bare"] > 0


def test_overhead(tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(overhead_module.SIZES, "720p", (64, 48))
    case = ["--case", "720p veryfast", "--runs", "1"]
    # Pictures of 64x48 are too small for the default policy, and it is asked for by name
    monkeypatch.setattr(overhead_module, "DEFAULT_POLICY", "rule")
    monkeypatch.setattr(overhead_module, "POLICIES", ("rule", "fixed"))
    document = measured(overhead, tmp_path, str(clips), *case)
    assert document["frames"] == 12
    assert document["rows"][0]["fixed / ffmpeg, cpu"] > 0


def test_memory(tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "LENGTHS", {(96, 64): (1,)})
    monkeypatch.setattr(memory_module, "PIECE", 8)
    monkeypatch.setattr(memory_module, "DEFAULT_POLICY", "rule")
    (row,) = measured(memory, tmp_path, str(clips))["rows"]
    assert row["difference MB"] == pytest.approx(row["rlcodec MB"] - row["plain loop MB"], abs=1)
    monkeypatch.setattr(memory_module, "PIECE", 13)
    done = CliRunner().invoke(memory, [str(clips)])
    assert "no video in it begins with a shot of 13 frames" in done.output


def test_what_the_measuring_process_has_held_does_not_count() -> None:
    np.ones(30_000_000)  # 240 MB, which Linux would hand down to what is started from here
    assert run(["true"]).memory < 30
    with pytest.raises(RuntimeError, match="exit code 1: false"):
        run(["false"])

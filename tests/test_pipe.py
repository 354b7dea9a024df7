"""Standard input as the source: a file, a pipe, and one that never ends."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.clips import moving, video_stamps, write
from tests.conftest import RLCODEC, Command


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_pipe_is_transcoded(rlcodec: Command, tmp_path: Path, suffix: str) -> None:
    source = write(tmp_path / f"in.{suffix}", moving(40))
    done = rlcodec("transcode", "-", "out.mp4", stdin=source.read_bytes())
    assert done.returncode == 0, done.stderr
    was, now = video_stamps(source), video_stamps(tmp_path / "out.mp4")
    assert [stamp - was[0] for stamp in was] == [stamp - now[0] for stamp in now]


def test_an_mp4_with_its_index_at_the_end_works_from_a_file(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", moving(20))
    with source.open("rb") as stdin:
        done = subprocess.run(
            [RLCODEC, "transcode", "-", tmp_path / "out.mp4"], stdin=stdin, timeout=60, check=False
        )
    assert done.returncode == 0
    assert len(video_stamps(tmp_path / "out.mp4")) == 20


def test_no_standard_input_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{RLCODEC}' transcode - out.mp4 <&-"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.startswith("rlcodec: error: standard input")
    assert not list(tmp_path.iterdir())


def test_a_live_pipe_can_be_interrupted(tmp_path: Path) -> None:
    source = write(tmp_path / "in.ts", moving(60))
    folder = tmp_path / "out"
    folder.mkdir()
    process = subprocess.Popen(
        [RLCODEC, "transcode", "-", "live.mkv"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(source.read_bytes())
    process.stdin.flush()
    deadline = time.monotonic() + 20
    while not list(folder.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=10)
    assert process.returncode == 130, messages
    assert not list(folder.iterdir())


def test_a_file_that_is_piped_in_is_not_replaced(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv", moving(12))
    before = source.read_bytes()
    with source.open("rb") as stdin:
        done = subprocess.run(
            [RLCODEC, "transcode", "-", source, "-y"],
            stdin=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert b"is the input itself" in done.stderr
    assert source.read_bytes() == before

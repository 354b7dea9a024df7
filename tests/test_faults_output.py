"""Rows 25, 26 and 30 of the fault table: two runs, outputs that grow, bad files among many."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from rlcodec.errors import OutputError, OutputExistsError
from rlcodec.publish import PendingFile
from tests.clips import moving, video_stamps, write
from tests.conftest import RLCODEC, Command
from tests.folder import FAST, contents, from_zero

WITHOUT_LOCKS = """
import errno, fcntl
from rlcodec.cli.main import run

def no_locks(*arguments):
    raise OSError(errno.ENOLCK, "No locks available")

fcntl.flock = no_locks
run()
"""
"""The command on a file system that has no locks."""

Live = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Start transcodes of standard input, which run for as long as nothing comes there."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(output: str, *options: str, command: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*(command or (str(RLCODEC),)), "transcode", *FAST, *options, "-", output],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        parts = len(started) + 1
        started.append(process)
        give_up = time.monotonic() + 30
        while len(list(tmp_path.glob(".*.part"))) < parts:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < give_up
            time.sleep(0.02)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[bytes], source: Path) -> tuple[int, str]:
    """Send a file to a transcode of standard input: its exit code, and what it said."""
    _, messages = process.communicate(source.read_bytes(), timeout=60)
    return process.returncode, messages.decode()


@pytest.mark.parametrize("options", [[], ["-y"]])
def test_row_25_a_second_run_is_refused_at_once(
    rlcodec: Command, live: Live, tmp_path: Path, clip: Path, options: list[str]
) -> None:
    first = live("out.mp4", *options)
    before = contents(tmp_path)
    # By another name of the same file, and with an input that would fail if it were looked at
    second = rlcodec("transcode", *options, "no.mkv", tmp_path / "out.mp4")
    assert second.returncode == 1
    assert "out.mp4: another run is writing it; wait for it" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert contents(tmp_path) == before
    assert finish(first, clip) == (0, "")
    assert contents(tmp_path).keys() == {clip.name, "out.mp4"}
    assert from_zero(tmp_path / "out.mp4") == from_zero(clip)


def test_row_25_other_outputs_in_the_folder_are_free(
    rlcodec: Command, live: Live, tmp_path: Path, clip: Path
) -> None:
    first = live("out.mp4")
    # The same beginning, and even the same hidden one
    assert rlcodec("transcode", *FAST, clip.name, "out.mkv").returncode == 0
    assert finish(first, clip) == (0, "")
    assert contents(tmp_path).keys() == {clip.name, "out.mp4", "out.mkv"}


def test_row_25_a_run_that_was_killed_claims_nothing(
    rlcodec: Command, live: Live, tmp_path: Path, clip: Path
) -> None:
    killed = live("out.mp4")
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.glob(".*.lock"))) == 1
    done = rlcodec("transcode", *FAST, clip.name, "out.mp4")
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob(".*.lock"))
    assert len(video_stamps(tmp_path / "out.mp4")) == 12


def test_row_25_a_claim_is_given_up_where_the_file_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "same")
    first = PendingFile(tmp_path / "out.mkv", overwrite=False)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=r"out.mp4: cannot be written: File exists"):
        PendingFile(tmp_path / "out.mp4", overwrite=False)
    assert contents(tmp_path) == before
    first.discard()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("finished", [True, False])
def test_row_25_a_run_that_ends_between_two_looks_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    target, lock = tmp_path / "out.mp4", fcntl.flock
    calls: list[int] = []

    def other_run_ends(descriptor: int, operation: int) -> None:
        if not calls:
            # It removes the claim that we have open already, and may have published its file
            next(tmp_path.glob(".*.lock")).unlink()
            if finished:
                target.write_bytes(b"its")
        calls.append(descriptor)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", other_run_ends)
    if finished:
        with pytest.raises(OutputExistsError):
            PendingFile(target, overwrite=False)
        assert contents(tmp_path).keys() == {"out.mp4"}
    else:
        pending = PendingFile(target, overwrite=False)
        with pytest.raises(OutputError, match="another run is writing it"):
            PendingFile(target, overwrite=False)
        pending.discard()
        assert contents(tmp_path) == {}


@pytest.mark.parametrize("options", [[], ["-y"]])
def test_row_25_many_runs_at_once_leave_one_whole_file(
    tmp_path: Path, clip: Path, options: list[str]
) -> None:
    runs = [
        subprocess.Popen(
            [RLCODEC, "transcode", *options, "--crf", str(crf), *FAST, clip.name, "out.mp4"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for crf in (20, 30, 40)
    ]
    ends = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]
    assert 0 in [code for _, code in ends]
    for message, code in ends:
        if code:
            assert code == 1
            assert "another run is writing it" in message or "exists already" in message
    assert options or [code for _, code in ends].count(0) == 1
    assert contents(tmp_path).keys() == {clip.name, "out.mp4"}
    assert from_zero(tmp_path / "out.mp4") == from_zero(clip)


def test_row_25_without_locks_the_first_one_whole_wins(
    live: Live, tmp_path: Path, clip: Path
) -> None:
    longer = write(tmp_path / "longer.mkv", moving(20, width=64, height=48))
    command = (sys.executable, "-c", WITHOUT_LOCKS)
    first, second = live("out.mp4", command=command), live("out.mp4", command=command)
    assert finish(second, longer) == (0, "")
    won = contents(tmp_path)["out.mp4"]
    code, messages = finish(first, clip)
    assert code == 1
    assert "out.mp4: exists already" in messages
    assert contents(tmp_path).keys() == {clip.name, longer.name, "out.mp4"}
    assert contents(tmp_path)["out.mp4"] == won
    assert from_zero(tmp_path / "out.mp4") == from_zero(longer)


def test_row_25_without_locks_the_last_one_whole_wins_where_both_may_overwrite(
    live: Live, tmp_path: Path, clip: Path
) -> None:
    longer = write(tmp_path / "longer.mkv", moving(20, width=64, height=48))
    command = (sys.executable, "-c", WITHOUT_LOCKS)
    first, second = (live("out.mp4", "-y", command=command) for _ in range(2))
    assert finish(second, longer) == (0, "")
    assert finish(first, clip) == (0, "")
    assert contents(tmp_path).keys() == {clip.name, longer.name, "out.mp4"}
    assert from_zero(tmp_path / "out.mp4") == from_zero(clip)


@pytest.fixture
def grainless(tmp_path: Path) -> Path:
    """A clip that no transcode at a low CRF makes smaller."""
    return write(tmp_path / "in.mkv", moving(12), options={"crf": "40", "preset": "medium"})


def test_row_26_an_output_that_grew_is_said(
    rlcodec: Command, tmp_path: Path, grainless: Path
) -> None:
    before = contents(tmp_path)
    done = rlcodec("transcode", "--json", "--crf", "10", grainless.name, "out.mkv")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    was, now = grainless.stat().st_size, (tmp_path / "out.mkv").stat().st_size
    assert now > was
    assert f"note: the output is no smaller than the input ({now:,} against {was:,}" in done.stderr
    assert "--keep-smaller" in done.stderr
    assert (result["kept"], result["bytes"], result["input_bytes"]) == ("output", now, was)
    assert contents(tmp_path).keys() == {*before, "out.mkv"}


@pytest.mark.parametrize("exists", [False, True])
def test_row_26_the_source_is_kept_instead(
    rlcodec: Command, tmp_path: Path, grainless: Path, exists: bool
) -> None:
    if exists:
        (tmp_path / "out.mkv").write_bytes(b"old")
    before = contents(tmp_path)
    options = ["--keep-smaller", "-y", "--json", "--crf", "10"]
    done = rlcodec("transcode", *options, grainless.name, "out.mkv")
    assert done.returncode == 0
    assert "it is dropped, and the input kept" in done.stderr
    result = json.loads(done.stdout)
    assert result["kept"] == "input"
    assert result["bytes"] > result["input_bytes"] == grainless.stat().st_size
    assert contents(tmp_path) == before


def test_row_26_a_smaller_output_is_written(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    done = rlcodec("transcode", *FAST, "--keep-smaller", "--json", clip.name, "out.mkv")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kept"] == "output"
    assert not done.stderr
    assert (tmp_path / "out.mkv").stat().st_size < clip.stat().st_size


def test_row_26_an_output_of_the_same_size_is_no_smaller(
    rlcodec: Command, tmp_path: Path, grainless: Path
) -> None:
    options = [*FAST, "--crf", "10", "--encoder-option", "threads=1"]
    assert rlcodec("transcode", *options, grainless.name, "once.mkv").returncode == 0
    size = (tmp_path / "once.mkv").stat().st_size
    # What follows the end of the last element is none of the video
    with grainless.open("ab") as file:
        file.write(bytes(size - grainless.stat().st_size))
    before = contents(tmp_path)
    done = rlcodec("transcode", *options, "--keep-smaller", grainless.name, "out.mkv")
    assert f"({size:,} against {size:,} bytes)" in done.stderr
    assert contents(tmp_path) == before


def test_row_26_what_has_no_size_cannot_be_compared(
    rlcodec: Command, tmp_path: Path, clip: Path
) -> None:
    data, before = clip.read_bytes(), contents(tmp_path)
    done = rlcodec("transcode", "--keep-smaller", "-", "out.mkv", stdin=data)
    assert done.returncode == 2
    assert "standard input: has no size" in done.stderr
    assert contents(tmp_path) == before
    # Without the option nothing is compared, and nothing said
    done = rlcodec("transcode", *FAST, "--json", "-", "out.mkv", stdin=data)
    assert not done.stderr
    assert json.loads(done.stdout)["input_bytes"] is None


@pytest.mark.parametrize("form", [[], ["--json"], ["--json-lines"]])
def test_row_30_a_batch_goes_on_after_a_bad_file(
    rlcodec: Command, tmp_path: Path, form: list[str]
) -> None:
    write(tmp_path / "a.avi", moving(12, width=64, height=48), codec="mjpeg", pix_fmt="yuvj420p")
    (tmp_path / "b.mp4").write_bytes(b"This is no video.\n" * 100)
    write(tmp_path / "c.mp4", moving(14, width=64, height=48))
    write(tmp_path / "d.ts", moving(16, width=64, height=48))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "c.mp4").write_bytes(b"old")
    before = contents(tmp_path)
    done = rlcodec("transcode", *FAST, *form, "a.avi", "b.mp4", "c.mp4", "d.ts", "out")
    assert done.returncode == 1
    assert contents(tmp_path) == before
    assert contents(tmp_path / "out").keys() == {"a.mkv", "c.mp4", "d.ts"}
    assert (tmp_path / "out" / "c.mp4").read_bytes() == b"old"
    assert from_zero(tmp_path / "out" / "a.mkv") == from_zero(tmp_path / "a.avi")
    assert len(video_stamps(tmp_path / "out" / "d.ts")) == 16
    lines = done.stderr.splitlines()
    bad = "b.mp4: is not a video that can be read"
    there = "c.mp4: out/c.mp4: exists already; give -y to replace it"
    # When it happens, and once more at the end
    at = next(index for index, line in enumerate(lines) if f"rlcodec: error: {bad}" in line)
    assert lines[at - 1 : at + 2 : 2] == ["file 2 of 4: b.mp4", "file 3 of 4: c.mp4"]
    assert lines[-3] == "rlcodec: error: 2 of 4 files failed:"
    assert lines[-2].startswith(f"  {bad}")
    assert lines[-1] == f"  {there}"
    if form == ["--json"]:
        batch = json.loads(done.stdout)
        assert [each["input"] for each in batch["results"]] == ["a.avi", "d.ts"]
        assert [each["exit_code"] for each in batch["failures"]] == [4, 1]
        assert batch["failures"][0]["input"] == "b.mp4"
        assert batch["failures"][0]["error"] in lines[-2]
    elif form:
        events = [json.loads(line) for line in done.stdout.splitlines()]
        ends = ("file_started", "result", "file_failed")
        told = [(each["type"], each["input"]) for each in events if each["type"] in ends]
        ended = ("result", "file_failed", "file_failed", "result")
        names = ("a.avi", "b.mp4", "c.mp4", "d.ts")
        assert told[0::2] == [("file_started", name) for name in names]
        assert told[1::2] == list(zip(ended, names, strict=True))
        assert events[0]["index"] == 1
        assert events[0]["count"] == 4
    else:
        assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
            "out/a.mkv",
            "out/d.ts",
            "2 files",
        ]


def test_row_30_a_file_alone_fails_with_its_own_code(rlcodec: Command, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video")
    (tmp_path / "out").mkdir()
    done = rlcodec("transcode", "--json", "in.mp4", "out")
    assert done.returncode == 4
    assert json.loads(done.stdout)["results"] == []
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("rlcodec: error: in.mp4: is not a video")
    assert contents(tmp_path / "out") == {}


def test_row_30_a_failed_file_lets_go_of_its_output(rlcodec: Command, tmp_path: Path) -> None:
    # Fails after its first frames were written
    source = write(tmp_path / "a.mkv", moving(180, width=64, height=48), codec="ffv1")
    data = bytearray(source.read_bytes())
    start = len(data) * 9 // 10
    data[start : start + 3000] = os.urandom(3000)
    source.write_bytes(data)
    write(tmp_path / "b.mkv", moving(12, width=64, height=48))
    options = ["--encoder-option", "tune=zerolatency"]
    done = rlcodec("transcode", *options, "a.mkv", "b.mkv", "out/")
    assert done.returncode == 1
    assert contents(tmp_path / "out").keys() == {"b.mkv"}
    with av.open(str(tmp_path / "out" / "b.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12

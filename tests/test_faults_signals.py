"""Rows 17, 18 and 28 of the fault table: a run that is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clips import moving, write
from tests.conftest import RLCODEC
from tests.folder import contents

STOPPED = "rlcodec: stopped; no unfinished file was left behind"
LIMIT_S = 3.0
"""The promise is one second; a loaded machine gets more."""
START_S = 50.0

Start = Callable[..., subprocess.Popen[str]]

X264 = ("--preset", "placebo", "--encoder-option", "tune=zerolatency")
# One call of this encoder takes seconds
X265 = ("--codec", "libx265", "--preset", "placebo")

NATIVE_CALL = """
import hashlib, pathlib, sys
from rlcodec.cli import exits
from rlcodec.publish import PendingFile

exits.GRACE_S = float(sys.argv[1])
with exits.exit_codes():
    PendingFile(pathlib.Path("out.mp4"), overwrite=False)
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""
"""Minutes in one native call, in which Python runs no signal handler."""

SLOW_END = """
import pathlib, time
from rlcodec.cli.exits import exit_codes
from rlcodec.publish import PendingFile

class Encoder:
    def __del__(self):
        time.sleep(60)

def work():
    encoder = Encoder()
    PendingFile(pathlib.Path("out.mp4"), overwrite=False)
    print("begun", flush=True)
    time.sleep(60)

with exit_codes():
    work()
"""
"""Something that takes a minute to be thrown away, as encoders take seconds."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of 1280x720, which slow presets work on for minutes."""
    loop = moving(12, width=1280, height=720)
    return write(tmp_path_factory.mktemp("film") / "film.mkv", loop * 25)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start commands in an empty folder; none outlives the test."""
    started = []

    def begin(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            list(map(str, arguments)),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for_packets(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until the first encoded packets have reached the hidden file."""
    give_up = time.monotonic() + START_S
    while not any(path.stat().st_size for path in folder.glob(".*.part")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.02)


def wait_for_line(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.2)
    assert process.poll() is None


def assert_stops(process: subprocess.Popen[str], *numbers: signal.Signals) -> None:
    """The process, sent these signals, ends in time with the first one's code and a line."""
    sent = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.1)
    out, err = process.communicate(timeout=START_S)
    assert time.monotonic() - sent < LIMIT_S
    assert process.returncode == 128 + numbers[0]
    assert not out
    assert err.splitlines()[-1] == STOPPED
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="row_17_ctrl_c"),
        pytest.param(signal.SIGTERM, id="row_18_sigterm"),
    ],
)
@pytest.mark.parametrize("options", [X264, X265], ids=["libx264", "libx265"])
def test_rows_17_and_18_a_signal_stops_a_transcode(
    start: Start, tmp_path: Path, film: Path, number: signal.Signals, options: tuple[str, ...]
) -> None:
    before = contents(film.parent)
    process = start(RLCODEC, "transcode", *options, film, "out.mp4")
    if options is X264:
        wait_for_packets(process, tmp_path)
    else:
        time.sleep(3)  # into the encoder's first calls
    assert process.poll() is None
    assert_stops(process, number)
    assert contents(tmp_path) == {}
    assert contents(film.parent) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_rows_17_and_18_a_signal_in_a_long_native_call_is_not_waited_for(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(sys.executable, "-c", NATIVE_CALL, "0.5")
    wait_for_line(process)
    assert len(contents(tmp_path)) == 2  # the file, and the claim to its name
    assert_stops(process, number)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_row_17_a_second_signal_forces(
    start: Start, tmp_path: Path, second: signal.Signals
) -> None:
    process = start(sys.executable, "-c", NATIVE_CALL, "600")
    wait_for_line(process)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(second)
    _, err = process.communicate(timeout=START_S)
    assert process.returncode == 130
    assert err == f"{STOPPED}\n"
    assert contents(tmp_path) == {}


def test_row_17_what_takes_long_to_end_is_not_waited_for(start: Start, tmp_path: Path) -> None:
    process = start(sys.executable, "-c", SLOW_END)
    wait_for_line(process)
    assert len(contents(tmp_path)) == 2  # the file, and the claim to its name
    assert_stops(process, signal.SIGINT)
    assert contents(tmp_path) == {}


def test_row_17_two_signals_at_once_leave_nothing(start: Start, tmp_path: Path, film: Path) -> None:
    process = start(RLCODEC, "transcode", *X264, film, "out.mp4")
    wait_for_packets(process, tmp_path)
    assert_stops(process, signal.SIGINT, signal.SIGTERM)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_row_28_an_interrupted_run_leaves_the_old_output(
    start: Start, tmp_path: Path, film: Path, number: signal.Signals
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    before = contents(tmp_path)
    process = start(RLCODEC, "transcode", "-y", *X264, film, "out.mp4")
    wait_for_packets(process, tmp_path)
    assert (tmp_path / "out.mp4").read_bytes() == b"old"
    assert_stops(process, number)
    assert contents(tmp_path) == before

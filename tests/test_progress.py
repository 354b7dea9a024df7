"""What a running transcode shows: a bar on a terminal, lines elsewhere, the libraries' words."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import av
import pytest

from rlcodec.cli.progress import ProgressDisplay
from rlcodec.engine.batch import FileStarted
from rlcodec.events import Notice, Progress, Started
from tests.clips import moving, write
from tests.conftest import RLCODEC, Command
from tests.folder import FAST, RULE

WIPE = "\r\x1b[K"


class Terminal:
    """A pseudo-terminal that a command writes its messages to."""

    def __init__(self, columns: int) -> None:
        self.ours, self.its = pty.openpty()
        self.resize(columns)
        self._shown = b""

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))

    def wait_for(self, words: str) -> None:
        give_up = time.monotonic() + 30
        while words not in self._read():
            assert time.monotonic() < give_up, self._shown
            time.sleep(0.02)

    def close(self) -> str:
        """Everything that was shown."""
        os.close(self.its)
        shown = self._read()
        os.close(self.ours)
        return shown

    def _read(self) -> str:
        os.set_blocking(self.ours, False)
        try:
            while block := os.read(self.ours, 65536):
                self._shown += block
        except OSError:  # nothing more for now, or for ever
            pass
        return self._shown.decode()


def run_on(
    terminal: Terminal, folder: Path, *arguments: str, **given: str
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TERM": "xterm", **given}
    return subprocess.Popen(
        [RLCODEC, "transcode", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal.its,
    )


def drawn(shown: str) -> list[str]:
    """What stood in the line of the bar, one after the other."""
    return re.split(r"\r\x1b\[K|\r\n", shown)


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """A second or two of work for a slow preset."""
    return write(tmp_path / "in.mkv", moving(40, width=320, height=192) * 6)


@pytest.mark.parametrize("columns", [12, 40, 80, 200])
def test_a_bar_fits_the_terminal_moves_and_is_wiped(
    tmp_path: Path, long_clip: Path, columns: int
) -> None:
    terminal = Terminal(columns)
    process = run_on(terminal, tmp_path, "--preset", "veryslow", long_clip.name, "out.mp4")
    out, _ = process.communicate(timeout=60)
    shown = terminal.close()
    assert process.returncode == 0
    assert b"\x1b" not in out
    lines = drawn(shown)
    assert max(map(len, lines)) < columns
    assert len(set(lines)) > 3
    assert lines[-1] == ""
    assert "\n" not in shown
    # Neither colour nor anything else than wiping the line
    assert "\x1b" not in shown.replace(WIPE, "")
    if columns == 40:
        # What has no room is left out, and nothing is cut
        count = r"(\[[# ]*\])? *\d+%  \d+/240 frames  [\d.]+ fps"
        whole = rf"{count}(  ETA \d:\d\d:\d\d|  [\d.]+ k?B)?|checking .*|"
        assert [each for each in lines if not re.fullmatch(whole, each)] == []
    if columns == 200:
        assert lines[1].startswith(f"[{' ' * 24}]   0%  0/240 frames")
        assert any(
            re.search(r"^\[#* *\] +\d+%  \d+/240 frames  .* fps  ETA", each) for each in lines
        )
        assert any(each.startswith(f"[{'#' * 24}] 100%  240/240 frames") for each in lines)
        assert "of about" in shown
        assert "CRF" in shown


def test_a_bar_is_filled_as_far_as_the_work_is_done(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("rlcodec.cli.progress._columns", lambda: 200)
    monkeypatch.setenv("TERM", "xterm")
    display = ProgressDisplay()
    display(Started("in.mkv", "out.mp4", 320, 192, frames=240, duration_s=9.6))
    capfd.readouterr()
    clock[0] += 1
    display(Progress(frames=60, bytes=None, crf=None))
    bar = f"[{'#' * 6}{' ' * 18}]  25%  60/240 frames  60.0 fps  ETA 0:00:03"
    assert capfd.readouterr().err == f"{WIPE}{bar}"


def test_a_bar_follows_the_window(tmp_path: Path, long_clip: Path) -> None:
    terminal = Terminal(120)
    process = run_on(terminal, tmp_path, "-", "out.mkv")
    data = long_clip.read_bytes()
    assert process.stdin is not None
    process.stdin.write(data[: len(data) * 3 // 4])
    process.stdin.flush()
    terminal.wait_for("ETA")
    time.sleep(0.5)
    terminal.wait_for("fps")
    before = len(drawn("".join(terminal._read())))
    terminal.resize(30)
    process.communicate(data[len(data) * 3 // 4 :], timeout=60)
    lines = drawn(terminal.close())
    assert max(map(len, lines[:before])) > 30
    assert max(map(len, lines[before:])) < 30


def test_a_terminal_without_a_cursor_gets_lines(tmp_path: Path, clip: Path) -> None:
    terminal = Terminal(80)
    process = run_on(terminal, tmp_path, *RULE, clip.name, "out.mkv", TERM="dumb")
    process.communicate(timeout=60)
    assert terminal.close() == ""


def test_a_batch_tells_which_file_it_is_at(tmp_path: Path, long_clip: Path, clip: Path) -> None:
    terminal = Terminal(200)
    process = run_on(terminal, tmp_path, clip.name, long_clip.name, "out/")
    process.communicate(timeout=60)
    lines = drawn(terminal.close())
    assert f"file 2 of 2: {long_clip.name}" in lines
    assert any(re.search(r"\] 2/2  +\d+%  \d+/240 frames", line) for line in lines)
    assert "2/2  checking what was written" in lines


def test_off_a_terminal_lines_come_at_growing_intervals(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    display = ProgressDisplay()
    display(FileStarted(2, 3, "in.mkv", "out/in.mkv"))
    display(Started("in.mkv", "out/in.mkv", 64, 48, frames=6000, duration_s=240.0))
    assert capfd.readouterr().err == "file 2 of 3: in.mkv\n"
    at = []
    for second in range(1, 301):
        clock[0] += 1
        display(Progress(frames=10 * second, bytes=1000 * second, crf=22.5))
        if capfd.readouterr().err:
            at.append(second)
    assert at == [2, 6, 14, 30, 62, 122, 182, 242]
    display(Notice("two\nlines"))
    assert capfd.readouterr().err == "note: two\\nlines\n"


def test_speed_and_time_left_go_by_what_was_lately(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    display = ProgressDisplay()
    display(Started("in.mkv", "out.mkv", 64, 48, frames=2500, duration_s=100.0))
    frames, lines = 0, ""
    for second in range(1, 183):
        clock[0] += 1
        frames += 1 if second < 150 else 10
        display(Progress(frames=frames, bytes=1000 * frames, crf=22.5))
        lines = capfd.readouterr().err or lines
    assert lines == (
        " 19%  479/2500 frames  10.0 fps  ETA 0:03:22  479.00 kB of about 2.50 MB  CRF 22.5\n"
    )


def test_an_unknown_length_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    display = ProgressDisplay()
    display(Started("in.ts", "out.mkv", 64, 48, frames=None, duration_s=None))
    clock[0] += 4
    display(Progress(frames=100, bytes=12_345_678, crf=None))
    assert capfd.readouterr().err == "100/? frames  25.0 fps  12.35 MB\n"


def test_the_summary_says_what_the_policy_did(rlcodec: Command, tmp_path: Path) -> None:
    pictures = [*moving(30, seed=1), *[moving(1, seed=5)[0] // 4 + 16] * 30, *moving(30, seed=3)]
    source = write(tmp_path / "in.mkv", pictures)
    done = rlcodec("transcode", source.name, "out.mp4", "--policy", "rule")
    first, second = done.stdout.splitlines()
    change = (tmp_path / "out.mp4").stat().st_size / source.stat().st_size - 1
    assert re.fullmatch(
        rf"out\.mp4: [\d.]+ kB, {change:+.0%} against the input; 90 frames in [\d.]+ s \(.* fps\)",
        first,
    )
    assert re.fullmatch(
        r"policy rule: 3 shots in 3 segments, CRF [\d.]+ to [\d.]+, [\d.]+ on average", second
    )


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs that FFmpeg's libraries have something to say about."""
    folder = tmp_path_factory.mktemp("talkative")
    write(folder / "jpeg.avi", moving(12), codec="mjpeg", pix_fmt="yuvj420p")
    path = write(folder / "late.mkv", moving(12), audio_s=0.5, audio_start_s=1)
    path.write_bytes(path.read_bytes() + bytes(1000))
    write(folder / "plain.mp4", moving(12))
    write(folder / "hevc.mkv", moving(12), codec="libx265")
    return folder


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("name", ["jpeg.avi", "late.mkv", "plain.mp4", "hevc.mkv"])
def test_the_libraries_are_silent_unless_asked(
    rlcodec: Command, tmp_path: Path, talkative: Path, name: str, codec: str
) -> None:
    options = ["--scale", "128x72", "--codec", codec, "--preset", "fast", talkative / name]
    quiet = rlcodec("transcode", *options, "quiet.mp4")
    assert quiet.returncode == 0, quiet.stderr
    assert all(line.startswith("note: ") for line in quiet.stderr.splitlines())
    assert len(quiet.stdout.splitlines()) == 2
    loud = rlcodec("transcode", "-v", *options, "loud.mp4")
    assert loud.returncode == 0
    assert len(loud.stdout.splitlines()) == 2
    assert "[mp4 @ " in loud.stderr
    # The one that measures is x264 in any case
    assert "[libx264 @ " in loud.stderr
    # What is shown changes nothing
    assert (tmp_path / "quiet.mp4").read_bytes() == (tmp_path / "loud.mp4").read_bytes()


def test_messages_of_the_encoder_that_is_tried_out_are_not_shown(
    rlcodec: Command, clip: Path
) -> None:
    option = ["--encoder-option", "x264-params=warp=1"]
    for loud in ([], ["-v"]):
        done = rlcodec("transcode", *loud, *option, clip.name, "out.mp4")
        assert done.returncode == 2
        assert "Error parsing option 'warp = 1'" in done.stderr.splitlines()[-1]
        assert "[libx264" not in done.stderr


def test_a_long_transcode_with_many_threads_ends_with_messages(
    rlcodec: Command, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.mp4", moving(40, width=320, height=192) * 10)
    with av.open(str(source)) as container:
        packets = [each for each in container.demux(video=0) if each.size]
        middles = [(each.pos or 0) + each.size // 2 for each in packets]
    data = bytearray(source.read_bytes())
    # Damage inside every fourth frame: the decoder's threads complain, and go on
    for at in middles[::4]:
        data[at : at + 9] = bytes(9)
    source.write_bytes(data)
    options = [*FAST, "--encoder-option", "threads=16", "--allow-truncated"]
    done = rlcodec("transcode", "-v", *options, "in.mp4", "out.mkv")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("[h264 @ ") > 100

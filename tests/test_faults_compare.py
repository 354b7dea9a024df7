"""Rows of the fault table that concern scoring, through the installed command."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import Picture, alter, moving, write
from tests.conftest import RLCODEC, Command
from tests.folder import contents
from tests.test_faults import strict_json


@pytest.fixture
def film() -> list[Picture]:
    return moving(20, width=96, height=64)


def refused(rlcodec: Command, folder: Path, *arguments: str, code: int = 4) -> str:
    """What `compare` says in its one line when it refuses; it prints no score."""
    before = contents(folder)
    done = rlcodec("compare", *arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert not done.stdout
    assert done.stderr.startswith("rlcodec: error: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert contents(folder) == before
    return done.stderr


@pytest.mark.parametrize(("good", "bad"), [(20, 19), (19, 20), (20, 1), (5, 20)])
def test_row_12_files_of_different_lengths_are_refused(
    rlcodec: Command, tmp_path: Path, film: list[Picture], good: int, bad: int
) -> None:
    write(tmp_path / "good.mkv", film[:good], codec="ffv1")
    write(tmp_path / "bad.mp4", film[:bad], options={"preset": "medium"})
    said = refused(rlcodec, tmp_path, "good.mkv", "bad.mp4")
    assert f"bad.mp4 ({bad} frames, {bad / 25:.3f} s)" in said
    assert f"good.mkv ({good} frames, {good / 25:.3f} s)" in said


def test_row_12_a_frame_missing_in_the_middle_is_named(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    write(tmp_path / "good.mkv", film, codec="ffv1")
    kept = [number for number in range(20) if number != 7]
    write(tmp_path / "bad.mkv", [film[each] for each in kept], codec="ffv1", stamps=kept)
    said = refused(rlcodec, tmp_path, "good.mkv", "bad.mkv")
    assert "19 frames" in said
    assert "20 frames" in said
    assert "the first that differs is frame 7" in said


def test_row_12_a_header_that_promises_too_much_is_not_believed(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    """A truncated file still declares the duration and the frames of the whole."""
    write(tmp_path / "good.mkv", film, codec="ffv1")
    path = write(tmp_path / "bad.mkv", film, codec="ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with av.open(str(path)) as container:
        assert container.duration == 800_000
    refused(rlcodec, tmp_path, "good.mkv", "bad.mkv")
    refused(rlcodec, tmp_path, "bad.mkv", "good.mkv")


def test_row_12_the_same_number_of_frames_at_other_times_is_refused(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    write(tmp_path / "good.mkv", film, codec="ffv1")
    write(tmp_path / "bad.mkv", film, codec="ffv1", rate=Fraction(24))
    said = refused(rlcodec, tmp_path, "good.mkv", "bad.mkv")
    # At 24 frames a second frame 12 is half a 25th of a second late
    assert "bad.mkv: frame 12 comes 0.500000 s after the first, but 0.480000 s in good.mkv" in said


def test_row_12_times_may_be_off_by_less_than_half_a_frame(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    milliseconds = {"codec": "ffv1", "time_base": Fraction(1, 1000)}
    even = [40 * number for number in range(20)]
    near = [stamp + (19 if number % 2 else 0) for number, stamp in enumerate(even)]
    far = [stamp + (20 if number == 9 else 0) for number, stamp in enumerate(even)]
    for name, stamps in {"even": even, "near": near, "far": far}.items():
        write(tmp_path / f"{name}.mkv", film, stamps=stamps, **milliseconds)  # type: ignore[arg-type]
    done = rlcodec("compare", "even.mkv", "near.mkv", "--json")
    assert done.returncode == 0, done.stderr
    assert strict_json(done.stdout)["metrics"]["psnr"]["mean"] == 100
    assert "frame 9 comes" in refused(rlcodec, tmp_path, "even.mkv", "far.mkv")


def test_row_12_different_sizes_are_refused(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    write(tmp_path / "good.mkv", film, codec="ffv1")
    write(tmp_path / "bad.mkv", moving(20, width=64, height=96), codec="ffv1")
    said = refused(rlcodec, tmp_path, "good.mkv", "bad.mkv")
    assert "bad.mkv: pictures of 64x96 cannot be scored against 96x64 in good.mkv" in said


def test_row_12_a_packet_without_a_picture_is_noticed(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    write(tmp_path / "good.mkv", film, codec="ffv1")
    plain = write(tmp_path / "plain.mkv", film, codec="mpeg4", options={"bf": "0"})
    # ISO/IEC 14496-2, 6.2.5: a P picture, its time in five bits, not coded
    header = int(f"0101{11:05b}1001111", 2).to_bytes(2, "big")
    alter(plain, tmp_path / "bad.mkv", 11, lambda _: b"\0\0\1\xb6" + header)
    said = refused(rlcodec, tmp_path, "good.mkv", "bad.mkv")
    assert "bad.mkv: the frame decoded at 0.480000 s is not the one that its packets" in said


def test_row_12_a_last_packet_without_a_picture_is_noticed(
    rlcodec: Command, tmp_path: Path, film: list[Picture]
) -> None:
    write(tmp_path / "good.mkv", film, codec="ffv1")
    plain = write(tmp_path / "plain.mp4", film, options={"bf": "0", "g": "1"})
    # Filler data (ITU-T H.264, 7.3.2.7)
    filler = (4).to_bytes(4, "big") + b"\x0c\xff\xff\x80"
    alter(plain, tmp_path / "bad.mp4", 19, lambda _: filler)
    said = refused(rlcodec, tmp_path, "good.mkv", "bad.mp4")
    assert "bad.mp4: is damaged at 0.760 s: lost frame after 19 frames" in said


@pytest.mark.parametrize("place", [0, 1])
def test_row_01_what_is_no_video_is_refused(
    rlcodec: Command, tmp_path: Path, clip: Path, place: int
) -> None:
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 50)
    names = [clip.name, clip.name]
    for name, says in [("text.mp4", "not a video"), ("none.mp4", "no such file")]:
        names[place] = name
        assert f"{name}: " in (said := refused(rlcodec, tmp_path, *names))
        assert says in said


def test_row_05_odd_names_are_compared(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    name = "12:30 'a' [x],;=%d\n.mkv"
    clip.rename(tmp_path / name)
    done = rlcodec("compare", name, name, "--metric", "psnr,ssim,xpsnr,vmaf")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 7


def test_row_13_black_frames_give_finite_scores(rlcodec: Command, tmp_path: Path) -> None:
    write(tmp_path / "black.mkv", [np.full((48, 64), 16, np.uint8)] * 5, codec="ffv1")
    done = rlcodec("compare", "black.mkv", "black.mkv", "--json", "--metric", "psnr,ssim,xpsnr")
    metrics = strict_json(done.stdout)["metrics"]
    assert metrics["psnr"]["of_mean_mse"] == metrics["xpsnr"]["of_mean_rmse"] == 100
    assert {name: scores["p5"] for name, scores in metrics.items()} == {
        "psnr": 100,
        "ssim": 1,
        "xpsnr": 100,
    }


def test_row_14_large_pictures_are_refused(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    said = refused(rlcodec, tmp_path, clip.name, clip.name, "--max-pixels", "3071")
    assert "64x48 exceed the limit of 3071" in said
    assert rlcodec("compare", clip.name, clip.name, "--max-pixels", "3072").returncode == 0


@pytest.mark.parametrize(
    ("metrics", "says"),
    [("psnr,mse", "'mse'"), ("vmfa,sim", "'vmfa', 'sim'"), (",", "none")],
)
def test_row_15_unknown_metrics_are_named(
    rlcodec: Command, tmp_path: Path, metrics: str, says: str
) -> None:
    said = refused(rlcodec, tmp_path, "a.mp4", "b.mp4", "--metric", metrics, code=2)
    assert f"metric {says} is not known: choose from psnr, ssim, xpsnr, vmaf" in said


def test_standard_input_is_refused(rlcodec: Command, tmp_path: Path, clip: Path) -> None:
    assert "name files" in refused(rlcodec, tmp_path, clip.name, "-", code=2)


def repeat(clip: Path, times: int) -> Path:
    """The packets of a clip again and again, in a file of their own."""
    target = clip.with_name("film.mkv")
    with av.open(str(clip)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        for number in range(times * len(packets)):
            packet = av.Packet(bytes(packets[number % len(packets)]))
            packet.pts = packet.dts = 40 * number
            packet.time_base, packet.stream = Fraction(1, 1000), stream
            packet.is_keyframe = not number % len(packets)
            new.mux(packet)
    return target


def children(number: int) -> list[int]:
    """Processes that were started by a process."""
    listed = Path(f"/proc/{number}/task/{number}/children")
    return [int(each) for each in listed.read_text().split()]


def running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for children in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("metric", ["psnr,ssim", "vmaf"])
def test_rows_17_and_18_a_signal_stops_a_comparison(
    tmp_path: Path, number: signal.Signals, metric: str
) -> None:
    film = repeat(write(tmp_path / "few.mkv", moving(6, width=1280, height=720)), 200)
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        [RLCODEC, "compare", film, film, "--metric", metric],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Its first line of progress comes after two seconds
        assert process.stderr is not None
        assert "frames" in process.stderr.readline()
        started = children(process.pid)
        process.send_signal(number)
        sent = time.monotonic()
        out, err = process.communicate(timeout=50)
    finally:
        process.kill()
    # The promise is one second; a loaded machine gets more
    assert time.monotonic() - sent < 3
    assert process.returncode == 128 + number
    assert not out
    assert "rlcodec: stopped" in err
    assert "Traceback" not in err
    assert not any(map(running, started))
    assert contents(tmp_path / "temporary") == {}
    if metric == "vmaf" and "libvmaf" not in av.filter.filters_available:
        assert started

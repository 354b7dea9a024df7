"""Row 11 of the fault table: timestamps that vary, jump, wrap around, repeat or start anywhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.clips import moving, video_stamps, write
from tests.conftest import Command

COUNT = 60
MS, TICK = Fraction(1, 1000), Fraction(1, 90000)
HOURS = 3 * 3600
WRAP = 2**33
"""Ticks after which the clock of a transport stream begins anew."""

# File, time base, timestamps, and when two seconds of sound begin
CLOCKS: dict[str, tuple[str, Fraction, list[int], float]] = {
    "variable": ("in.mkv", MS, [37 * n + n * n % 31 for n in range(COUNT)], 0.001),
    "gap of hours": (
        "in.mkv",
        MS,
        [40 * n + (HOURS * 1000 if n > 30 else 0) for n in range(COUNT)],
        0.001,
    ),
    "gap in a transport stream": (
        "in.ts",
        TICK,
        [3600 * n + (HOURS * 90000 if n > 30 else 0) for n in range(COUNT)],
        0.1,
    ),
    "late start": ("in.mkv", MS, [36_000_000 + 40 * n for n in range(COUNT)], 36_000.5),
    "early start": ("in.mkv", MS, [40 * n - 1000 for n in range(COUNT)], 0.001),
    "wrapping around": (
        "in.ts",
        TICK,
        [WRAP - 90000 + 3600 * n for n in range(COUNT)],
        float((WRAP - 60000) * TICK),
    ),
}


def lead(path: Path) -> Fraction:
    """By how many seconds the first packet of sound is later than the first picture."""
    with av.open(str(path)) as container:
        first: dict[str, Fraction] = {}
        for packet in container.demux():
            if packet.pts is not None:
                at = packet.pts * packet.time_base
                first[packet.stream.type] = min(at, first.get(packet.stream.type, at))
    return first["audio"] - first["video"]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(
    ("output", "tolerance"),
    [("out.mp4", Fraction(0)), ("out.ts", Fraction(0)), ("out.mkv", MS / 2)],
)
def test_row_11_timestamps_and_sound_stay_as_they_are(
    rlcodec: Command, tmp_path: Path, clock: str, output: str, tolerance: Fraction
) -> None:
    name, time_base, stamps, audio_start_s = CLOCKS[clock]
    source = write(
        tmp_path / name,
        moving(COUNT, width=128, height=96),
        time_base=time_base,
        stamps=stamps,
        audio_s=2.0,
        audio_start_s=audio_start_s,
    )
    expected = video_stamps(source)
    assert [at - expected[0] for at in expected] == [(n - stamps[0]) * time_base for n in stamps]
    done = rlcodec("transcode", name, output, "--preset", "superfast")
    assert done.returncode == 0, done.stderr
    assert "set anew" not in done.stderr
    written = video_stamps(tmp_path / output)
    assert len(written) == COUNT
    # The file's own ticks round the shift as well
    shift = written[0] - expected[0]
    for was, now in zip(expected, written, strict=True):
        assert abs(now - was - shift) <= 2 * tolerance
    # Sound has ticks of its own, of which one is a sample or two
    assert abs(lead(tmp_path / output) - lead(source)) <= MS


@pytest.mark.parametrize("output", ["out.mp4", "out.ts", "out.mkv"])
def test_row_11_frames_of_one_timestamp_are_all_kept(
    rlcodec: Command, tmp_path: Path, output: str
) -> None:
    clip = write(tmp_path / "clip.mkv", moving(COUNT, width=128, height=96), codec="ffv1")
    twice = {20, 40}
    with av.open(str(clip)) as reader, av.open(str(tmp_path / "in.mkv"), "w") as writer:
        copy = writer.add_stream_from_template(reader.streams.video[0])
        for number, packet in enumerate(reader.demux(video=0)):
            if packet.size:
                packet.pts = packet.dts = 40 * (number - (number in twice))
                packet.stream = copy
                writer.mux(packet)
    was = video_stamps(tmp_path / "in.mkv")
    assert len(set(was)) == COUNT - len(twice)
    done = rlcodec("transcode", "in.mkv", output, "--preset", "superfast")
    assert done.returncode == 0, done.stderr
    assert "2 timestamps of the input were missing or out of order, and were set" in done.stderr
    now = video_stamps(tmp_path / output)
    assert len(set(now)) == COUNT
    for before, after in zip(was, now, strict=True):
        assert abs(after - before - now[0] + was[0]) <= 2 * MS

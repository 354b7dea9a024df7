"""What a user brings along goes through with one command, and others find nothing wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests import films, mix
from tests.clips import video_stamps
from tests.conftest import Command


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts"])
@pytest.mark.parametrize("make", mix.KINDS.values(), ids=mix.KINDS)
def test_it_goes_through_and_reads_well(
    tmp_path: Path, rlcodec: Command, make: Callable[[Path], Path], suffix: str
) -> None:
    source, target = make(tmp_path), tmp_path / f"out.{suffix}"
    done = rlcodec("transcode", source, target, "--preset", "ultrafast", "--policy", "fixed")
    assert done.returncode == 0, done.stderr
    said = films.complaints(target).splitlines()
    # So it says of every cover in MP4, its own ones too
    assert [line for line in said if "timescale not set" not in line] == []
    was, now = video_stamps(source), video_stamps(target)
    tolerance = {"mkv": Fraction(1, 1000), "ts": Fraction(1, 90000)}.get(suffix, Fraction(0))
    if source.suffix == ".mkv":
        tolerance = Fraction(1, 1000)
    assert len(now) == len(was)
    for before, after in zip(was, now, strict=True):
        assert abs((after - now[0]) - (before - was[0])) <= tolerance
    with av.open(str(source)) as old, av.open(str(target)) as new:
        assert len(new.streams.audio) == len(old.streams.audio)

"""A plan in the words of other tools, and what x264 and x265 make of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from rlcodec import Plan, plan, transcode
from rlcodec.plans.formats import render
from tests.clips import Picture, filmed, write
from tests.conftest import Command
from tests.plans import made


def test_zones_are_inclusive_with_multipliers() -> None:
    four = made([23.0, 29.0, 17.0, 20.25], [5, 4, 3, 1])
    zones = render(four, "x264-zones")
    assert render(four, "x265-zones") == zones
    exact, _, last = zones.rpartition("/")
    assert exact == "0,4,b=1.00000000/5,8,b=0.50000000/9,11,b=2.00000000"
    place, _, multiplier = last.partition("b=")
    assert place == "12,12,"
    assert float(multiplier) == pytest.approx(2 ** (2.75 / 6), rel=1e-7)


def test_av1an_zones_end_outside_and_name_the_encoder() -> None:
    three = made([23.0, 29.0, 20.25], [5, 4, 3])
    lines = ["0 5 x264 --crf 23", "5 9 x264 --crf 29", "9 12 x264 --crf 20.25"]
    assert render(three, "av1an-zones").splitlines() == lines
    hevc = render(replace(three, codec="libx265"), "av1an-zones")
    assert hevc.splitlines() == [line.replace("x264", "x265") for line in lines]


def test_csv_has_a_line_for_each_segment() -> None:
    two = made([23.0, 25.5], [5, 4])
    first, second = two.segments
    two = replace(two, segments=(first, replace(second, new_shot=False)))
    assert render(two, "csv").splitlines() == [
        "index,start_frame,frames,start_s,crf,offset,new_shot",
        "0,0,5,0.000000,23,0,true",
        "1,5,4,0.200000,25.5,2.5,false",
    ]


@pytest.mark.parametrize("form", ["csv", "x264-zones", "x265-zones", "av1an-zones"])
def test_every_format_is_printed(rlcodec: Command, clip: Path, form: str) -> None:
    done = rlcodec("plan", clip.name, "--format", form)
    assert done.returncode == 0
    assert done.stdout == render(plan(clip), form)


def grainy(photograph: str, count: int, grain: float) -> list[Picture]:
    """A camera move with so much noise that a keyframe costs little more than another frame."""
    random = np.random.default_rng(count)
    return [
        np.clip(frame + random.normal(0, grain, frame.shape), 0, 255).astype(np.uint8)
        for frame in filmed(photograph, count, width=256, height=144)
    ]


def shot_bytes(path: Path, followed: Plan) -> list[tuple[int, int]]:
    """Bytes of every segment: of its first frame, and of all."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    sizes = [packet.size for packet in sorted(packets, key=lambda packet: packet.pts or 0)]
    spans = [(each.start_frame, each.start_frame + each.frames) for each in followed.segments]
    return [(sizes[start], sum(sizes[start:end])) for start, end in spans]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_zones_give_every_shot_the_bytes_of_the_plan(tmp_path: Path, codec: str) -> None:
    pictures = grainy("camera", 50, 14) + grainy("gravel", 52, 16) + grainy("coffee", 54, 12)
    source = write(tmp_path / "in.mkv", pictures)
    asked = plan(source, codec=codec, preset="veryfast")
    segments = zip(asked.segments, [22, 24, 21.5], strict=True)
    asked = replace(asked, segments=tuple(replace(each, crf=crf) for each, crf in segments))
    transcode(source, tmp_path / "plan.mkv", plan=asked)
    name = codec.removeprefix("lib")
    quiet = "log-level=none:" if name == "x265" else ""
    zones = f"{quiet}zones={render(asked, f'{name}-zones').strip()}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", source, "-c:v", codec]
    command += ["-preset", "veryfast", "-crf", "23", f"-{name}-params", zones]
    subprocess.run([*command, "-fps_mode", "passthrough", tmp_path / "zones.mkv"], check=True)
    planned, zoned = (shot_bytes(tmp_path / f"{name}.mkv", asked) for name in ("plan", "zones"))
    for (_, ours), (_, theirs) in zip(planned, zoned, strict=True):
        assert theirs == pytest.approx(ours, rel=0.03)
    # Keyframes are what zones do not reach: they follow the shot before
    assert zoned[1][0] > 1.05 * planned[1][0]
    assert zoned[2][0] < 0.95 * planned[2][0]

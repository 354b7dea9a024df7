"""Closed captions travel inside the video stream, and arrive frame by frame as they set out."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import pytest
from av.sidedata.sidedata import Type as SideDataType

import rlcodec
from rlcodec.media.sidedata import side_data
from rlcodec.settings import Choices
from tests import clips
from tests.bitstreams import add_box, caption_message, captions, clean_aperture, sei, write_units
from tests.conftest import Command
from tests.folder import assert_works

COUNT = 40
NOTE = "note: closed captions lose or repeat characters where --fps drops or repeats frames"


def captioned(path: Path, codec: str = "libx264") -> Path:
    """A clip with captions on all frames but every fifth."""
    return write_units(
        path,
        codec,
        clips.moving(COUNT, width=128, height=96),
        before=lambda number: caption_message(codec, captions(number)) if number % 5 else b"",
    )


def captions_of(path: Path) -> list[bytes | None]:
    """The captions of every frame in display order."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [side_data(frame).get(SideDataType.A53_CC) for frame in frames]


EXPECTED = [captions(number) if number % 5 else None for number in range(COUNT)]


@pytest.mark.parametrize("source_codec", ["libx264", "libx265", "mpeg2video"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_captions_arrive_with_their_frames(
    rlcodec: Command, tmp_path: Path, codec: str, source_codec: str
) -> None:
    source = captioned(tmp_path / "in.mkv", source_codec)
    assert captions_of(source) == EXPECTED
    done = assert_works(rlcodec, tmp_path, "in.mkv", "out.mp4", "--codec", codec)
    assert "captions" not in done.stderr
    assert captions_of(tmp_path / "out.mp4") == EXPECTED


def test_what_av_does_not_know_beside_them_does_no_harm(rlcodec: Command, tmp_path: Path) -> None:
    def units(number: int) -> bytes:
        # An enhancement layer (LCEVC), which FFmpeg hands out and PyAV 18 fails on
        unknown = sei("libx264", b"\xb4\x00\x50\x00" + bytes(range(40)))
        return unknown + caption_message("libx264", captions(number))

    write_units(
        tmp_path / "in.mkv", "libx264", clips.moving(12, width=128, height=96), before=units
    )
    assert_works(rlcodec, tmp_path, "in.mkv", "out.mkv")
    assert captions_of(tmp_path / "out.mkv") == [captions(number) for number in range(12)]


def test_looking_at_side_data_keeps_no_frame_alive(tmp_path: Path) -> None:
    with av.open(str(captioned(tmp_path / "in.mkv"))) as container:
        for frame in container.decode(video=0):
            count = sys.getrefcount(frame)
            side_data(frame)
            assert sys.getrefcount(frame) == count


@pytest.mark.parametrize(
    "choices",
    [
        {"scale": (64, -1)},
        {"deinterlace": "on"},
        {"pix_fmt": "yuv422p10le"},
        {"deinterlace": "on", "scale": (64, 64), "codec": "libx265", "preset": "veryfast"},
    ],
)
@pytest.mark.parametrize("cropped", [False, True])
def test_captions_pass_the_filters(tmp_path: Path, choices: Choices, cropped: bool) -> None:
    source = captioned(tmp_path / "in.mp4")
    if cropped:
        add_box(source, b"avc1", b"clap", clean_aperture(128, 96, (8, 8, 4, 4)))
    rlcodec.transcode(source, tmp_path / "out.mkv", **choices)
    assert captions_of(tmp_path / "out.mkv") == EXPECTED


def test_captions_may_suffer_from_another_frame_rate(rlcodec: Command, tmp_path: Path) -> None:
    captioned(tmp_path / "in.mkv")
    clips.write(tmp_path / "none.mkv", clips.moving(8, width=64, height=48))
    for name, count in (("in.mkv", 1), ("none.mkv", 0)):
        done = rlcodec("transcode", name, f"out-{name}", "--fps", "20")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(NOTE) == count
    kept = [each for each in captions_of(tmp_path / "out-in.mkv") if each]
    assert len(kept) > 20
    assert set(kept) <= set(EXPECTED)

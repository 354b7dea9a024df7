"""Interlaced sources: made whole frames by default, kept as fields where that is asked for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

import rlcodec
from rlcodec.media.capability import inspect
from rlcodec.media.encoder import AdaptiveEncoder, configure, encoder_options
from rlcodec.media.picture import Colour, Picture
from rlcodec.settings import PRESETS
from tests import clips
from tests.conftest import Command
from tests.fields import combing, flagged, join, woven, write_interlaced
from tests.folder import RULE, assert_works, from_zero

WHOLE = "note: frames are interlaced and are made whole ones"


def panned(count: int, *, width: int = 192, height: int = 160) -> list[clips.Picture]:
    """A camera that moves fast and sideways over a photograph: two pictures for each frame."""
    still = clips.filmed("camera", 1, width=width + 8 * count, height=height)[0]
    return [still[:, 4 * number : 4 * number + width] for number in range(2 * count)]


def error(one: Sequence[clips.Picture], other: Sequence[clips.Picture]) -> float:
    return float(np.abs(np.stack(one).astype(int) - np.stack(other)).mean())


def scans(path: Path) -> list[str]:
    """T, B or P for every frame, as the ffmpeg command sees it: which field comes first, if any."""
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-vf", "showinfo"),
            *("-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return re.findall(r" i:([TBP]) ", done.stderr.decode())


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(
    ("name", "codec"), [("in.mp4", "libx264"), ("in.ts", "libx264"), ("in.mpg", "mpeg2video")]
)
def test_interlaced_frames_are_made_whole(
    rlcodec: Command, tmp_path: Path, name: str, codec: str, top_first: bool
) -> None:
    pictures = panned(24)
    frames = woven(pictures, top_first=top_first)
    write_interlaced(tmp_path / name, frames, codec=codec, top_first=top_first)
    assert set(scans(tmp_path / name)) == {"T" if top_first else "B"}
    done = assert_works(rlcodec, tmp_path, name, "out.mp4", "--crf", "10")
    assert done.stderr.count(WHOLE) == 1
    shown = clips.decoded(tmp_path / "out.mp4")
    assert len(shown) == 24
    assert set(scans(tmp_path / "out.mp4")) == {"P"}
    combed = np.mean([combing(frame) for frame in frames])
    whole = np.mean([combing(picture) for picture in pictures])
    assert combed > 4 * whole
    assert np.mean([combing(picture) for picture in shown]) < 1.3 * whole
    # The picture at the time of the first field, in full detail, and no mixture of two
    assert error(shown, pictures[::2]) < 4
    assert error(shown, pictures[::2]) < error(shown, pictures[1::2]) / 3
    assert error(shown, pictures[::2]) < error(frames, pictures[::2]) * 0.7


STAMPS = [0, 7, 14, 40, 41, 42, 90, 91, 130, 131, 132, 211]


@pytest.mark.parametrize("deinterlace", ["auto", "on"])
@pytest.mark.parametrize(
    ("time_base", "stamps"),
    [
        (Fraction(1001, 30000), list(range(12))),
        (Fraction(1, 25), list(range(-3, 9))),
        (Fraction(1, 600), STAMPS),
        (Fraction(1, 12345), STAMPS),
    ],
)
def test_timestamps_stay_those_of_the_frames(
    tmp_path: Path, time_base: Fraction, stamps: list[int], deinterlace: str
) -> None:
    source = write_interlaced(
        tmp_path / "in.nut", woven(panned(12)), time_base=time_base, stamps=stamps
    )
    for suffix, tolerance in ("mp4", Fraction(0)), ("mkv", Fraction(1, 1000)):
        target = tmp_path / f"out.{suffix}"
        result = rlcodec.transcode(source, target, policy="fixed", deinterlace=deinterlace)
        written = from_zero(target)
        assert len(written) == 12
        for was, now in zip(from_zero(source), written, strict=True):
            assert abs(now - was) <= tolerance
        # The last frame lasts as long as without the filter
        plain = rlcodec.transcode(
            source, tmp_path / f"plain.{suffix}", policy="fixed", deinterlace="off"
        )
        assert result.duration_s == plain.duration_s


def test_fields_are_scaled_once_they_are_whole(rlcodec: Command, tmp_path: Path) -> None:
    pictures = panned(12)
    wide = Fraction(64, 45)
    write_interlaced(tmp_path / "in.ts", woven(pictures), sample_aspect_ratio=wide)
    assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", "--scale", "96x80", "--crf", "8")
    clips.write(tmp_path / "whole.mkv", pictures[::2], codec="ffv1")
    rlcodec("transcode", "whole.mkv", "small.mkv", "--scale", "96x80", "--crf", "8")
    shown, small = clips.decoded(tmp_path / "out.mkv"), clips.decoded(tmp_path / "small.mkv")
    assert error(shown, small) < 2.5
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].sample_aspect_ratio == wide


def test_on_takes_every_frame_for_interlaced(rlcodec: Command, tmp_path: Path) -> None:
    frames = woven(panned(12))
    clips.write(tmp_path / "in.mkv", frames)
    done = assert_works(rlcodec, tmp_path, "in.mkv", "auto.mkv", "--crf", "10", *RULE)
    assert "note:" not in done.stderr
    assert_works(rlcodec, tmp_path, "in.mkv", "on.mkv", "--crf", "10", "--deinterlace", "on")
    combed, whole = (
        np.mean([combing(picture) for picture in clips.decoded(tmp_path / f"{mode}.mkv")])
        for mode in ("auto", "on")
    )
    assert combed > 3 * whole


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_off_keeps_the_fields(
    rlcodec: Command, tmp_path: Path, suffix: str, top_first: bool
) -> None:
    frames = woven(panned(12))
    write_interlaced(tmp_path / "in.mpg", frames, codec="mpeg2video", top_first=top_first)
    options = ("--deinterlace", "off", "--crf", "10")
    done = assert_works(rlcodec, tmp_path, "in.mpg", f"out.{suffix}", *options)
    assert "interlaced" not in done.stderr
    assert error(clips.decoded(tmp_path / f"out.{suffix}"), frames) < 3
    assert set(scans(tmp_path / f"out.{suffix}")) == {"T" if top_first else "B"}
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        video = container.streams.video[0]
        if suffix == "mkv":  # where no parser says otherwise
            assert video.codec_context.field_order == (2 if top_first else 3)
        assert b" interlaced=tff" in bytes(next(container.demux(video))) or not top_first


def test_off_scales_and_converts_each_field_by_itself(tmp_path: Path) -> None:
    # Upper fields white, lower ones black: lines that must not run into each other
    frame = np.full((160, 192), 16, np.uint8)
    frame[::2] = 235
    source = write_interlaced(tmp_path / "in.mkv", [frame] * 4, pix_fmt="yuv422p")
    target = tmp_path / "out.mkv"
    rlcodec.transcode(source, target, deinterlace="off", scale=(96, 80), pix_fmt="yuv420p", crf=8)
    for picture in clips.decoded(target):
        assert picture[::2].mean() > 225
        assert picture[1::2].mean() < 30


def test_off_crops_to_whole_fields(rlcodec: Command, tmp_path: Path) -> None:
    frames = woven(panned(6, height=162))
    write_interlaced(tmp_path / "in.mpg", frames, codec="mpeg2video")
    done = assert_works(rlcodec, tmp_path, "in.mpg", "out.mkv", "--deinterlace", "off")
    assert "note: 192x162 is cropped to 192x160" in done.stderr


def test_off_with_an_encoder_of_whole_frames_is_said(rlcodec: Command, tmp_path: Path) -> None:
    frames = woven(panned(12))
    write_interlaced(tmp_path / "in.ts", frames)
    options = ("--deinterlace", "off", "--crf", "10", "--codec", "libx265", "--preset", "veryfast")
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mp4", *options)
    assert "note: libx265 cannot encode these interlaced frames as such" in done.stderr
    assert error(clips.decoded(tmp_path / "out.mp4"), frames) < 3


def test_off_with_an_odd_number_of_rows_of_macroblocks_is_said(
    rlcodec: Command, tmp_path: Path
) -> None:
    frames = woven(panned(12, height=144))
    write_interlaced(tmp_path / "in.ts", frames)
    options = ("--deinterlace", "off", "--crf", "10")
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mp4", *options)
    assert "note: libx264 cannot encode these interlaced frames as such" in done.stderr
    assert set(scans(tmp_path / "out.mp4")) == {"P"}
    assert error(clips.decoded(tmp_path / "out.mp4"), frames) < 3


def fields_at(crf: float, offset: float | None, *, as_fields: bool) -> int:
    """Bytes of an encode of interlaced frames at a CRF, and an offset."""
    frames = woven(panned(24))
    height, width = frames[0].shape
    picture = Picture(
        *(width, height, "yuv420p", Fraction(1), Colour(), 1 / clips.RATE, clips.RATE),
        interlaced=as_fields,
        field_order=2,
    )
    options = encoder_options("libx264", "medium", crf, {})
    context = CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, picture, options)
    context.thread_count = 1
    capability = None if offset is None else inspect("libx264", "yuv420p", options)
    encoder = AdaptiveEncoder(context, picture, capability)
    encoded = [
        each
        for frame in flagged(clips.as_frames(frames))
        for each in encoder.encode(frame, offset or 0)
    ]
    encoded += encoder.flush()
    assert (b" interlaced=tff" in bytes(encoded[0].packet)) == as_fields
    return sum(each.packet.size for each in encoded)


@pytest.mark.parametrize("as_fields", [True, False])
@pytest.mark.parametrize("offset", [-6, 6])
def test_offsets_are_obeyed_by_interlaced_frames_too(offset: float, as_fields: bool) -> None:
    with_offset = fields_at(24, offset, as_fields=as_fields)
    assert with_offset == pytest.approx(fields_at(24 + offset, None, as_fields=as_fields), rel=0.02)


@pytest.mark.parametrize("preset", PRESETS)
def test_fields_do_not_change_what_offsets_do(preset: str) -> None:
    options = encoder_options("libx264", preset, 23, {})
    fields = {**options, "flags": "+ildct"}
    assert inspect("libx264", "yuv420p", fields) == inspect("libx264", "yuv420p", options)


def test_frames_that_are_interlaced_later_are_made_whole_and_said(
    rlcodec: Command, tmp_path: Path
) -> None:
    pictures = panned(24)
    clips.write(tmp_path / "whole.ts", pictures[:10])
    write_interlaced(tmp_path / "fields.ts", woven(pictures))
    join(tmp_path / "in.ts", tmp_path / "whole.ts", tmp_path / "fields.ts")
    assert scans(tmp_path / "in.ts") == ["P"] * 10 + ["T"] * 24

    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", "--crf", "10")
    assert re.search(
        r"note: frames are interlaced from \d\.\d+ s on and are made whole", done.stderr
    )
    shown = clips.decoded(tmp_path / "out.mkv")
    assert error(shown[:10], pictures[:10]) < 4
    assert error(shown[10:], pictures[::2]) < 4

    done = assert_works(
        rlcodec, tmp_path, "in.ts", "off.mkv", "--crf", "10", "--deinterlace", "off"
    )
    assert re.search(
        r"note: frames are interlaced from \d\.\d+ s on and are encoded as if they were",
        done.stderr,
    )
    assert "--deinterlace on" in done.stderr

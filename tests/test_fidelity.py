"""The picture that comes out is the one that went in, unless another was asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

import rlcodec
from tests import clips
from tests.conftest import Command
from tests.encodes import luma_of


def first_frame(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def colours(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Primaries, transfer, matrix and range."""
    return (
        int(frame.color_primaries),
        int(frame.color_trc),
        int(frame.colorspace),
        int(frame.color_range),
    )


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(
    ("pix_fmt", "tags"),
    [
        ("yuv420p10le", (9, 16, 9, 1)),  # BT.2020 with PQ
        ("yuv420p", (5, 6, 5, 1)),  # BT.601 of 625 lines
        ("yuv422p", (1, 1, 1, 2)),  # BT.709 in full range
        ("yuv444p", (2, 2, 2, 2)),  # nothing said but the range
    ],
)
def test_depth_and_colour_tags_are_kept(
    tmp_path: Path, codec: str, pix_fmt: str, tags: tuple[int, int, int, int]
) -> None:
    source = clips.write(
        tmp_path / "in.mkv", clips.moving(4), codec="ffv1", pix_fmt=pix_fmt, colour=tags
    )
    assert colours(first_frame(source)) == tags
    for suffix in "mkv", "mp4":
        target = tmp_path / f"out.{suffix}"
        rlcodec.transcode(source, target, codec=codec, preset="veryfast")
        frame = first_frame(target)
        assert frame.format.name.replace("yuvj", "yuv") == pix_fmt
        assert colours(frame) == tags


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_full_range_stays_full(tmp_path: Path, codec: str) -> None:
    # Blacker than limited range's black, whiter than its white: neither may be squeezed or cut
    ramp = np.tile(np.linspace(0, 255, 256).astype(np.uint8), (144, 1))
    source = clips.write(tmp_path / "in.mkv", [ramp] * 4, pix_fmt="yuvj420p")
    target = tmp_path / "out.mp4"
    rlcodec.transcode(source, target, codec=codec, crf=10, preset="veryfast")
    frame = first_frame(target)
    assert int(frame.color_range) == 2
    assert np.abs(luma_of(frame).astype(int) - luma_of(first_frame(source))).mean() < 1
    assert luma_of(frame).min() <= 4
    assert luma_of(frame).max() >= 251


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_sample_aspect_ratio_is_kept(tmp_path: Path, suffix: str) -> None:
    wide = Fraction(64, 45)
    source = clips.write(tmp_path / "in.mkv", clips.moving(4), sample_aspect_ratio=wide)
    rlcodec.transcode(source, tmp_path / f"out.{suffix}")
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        assert container.streams.video[0].sample_aspect_ratio == wide


def upright(path: Path, width: int, height: int) -> NDArray[np.int64]:
    """The first picture as the ffmpeg command shows it, which obeys a file's rotation."""
    shown = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-frames:v", "1"),
            *("-f", "rawvideo", "-pix_fmt", "gray", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return np.frombuffer(shown.stdout, np.uint8).reshape(height, width).astype(np.int64)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_pictures_come_out_upright(tmp_path: Path, rotation: int) -> None:
    pictures = clips.filmed("astronaut", 3, width=256, height=144)
    source = clips.write(tmp_path / "in.mp4", pictures, rotation=rotation)
    target = tmp_path / "out.mkv"
    rlcodec.transcode(source, target, crf=12)

    width, height = (256, 144) if rotation == 180 else (144, 256)
    frame = first_frame(target)
    assert (frame.width, frame.height) == (width, height)
    luma = clips.decoded(target)[0].astype(np.int64)
    assert np.abs(luma - upright(source, width, height)).mean() < 3
    assert np.abs(luma - upright(target, width, height)).mean() < 1
    # Not merely turned to the right side, and not what is stored
    assert np.abs(luma - np.rot90(luma, 2)).mean() > 20


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(
    ("pix_fmt", "options"),
    [("gray", []), ("gray10le", []), ("gray", ["--pix-fmt", "yuv420p"])],
)
def test_pictures_without_colour(
    tmp_path: Path, rlcodec: Command, codec: str, pix_fmt: str, options: list[str]
) -> None:
    pictures = clips.filmed("camera", 8, width=256, height=144)
    source = clips.write(tmp_path / "in.mkv", pictures, codec="ffv1", pix_fmt=pix_fmt)
    # By the command: a crash of an encoder would take the tests down with it
    done = rlcodec("transcode", source, "out.mkv", "--codec", codec, "--crf", "14", *options)
    assert done.returncode == 0, done.stderr
    # Black and white are those of images: 0 and 255, and shown as such
    shown = np.stack(clips.decoded(tmp_path / "out.mkv")).astype(int)
    assert np.abs(shown - np.stack(pictures)).mean() < 2
    assert colours(first_frame(tmp_path / "out.mkv"))[3] == 2


PATCHES = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (20, 90, 160), (255, 255, 255))


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("ffv1", "bgr0"), ("ffv1", "gbrp10le"), ("png", "rgb24")]
)
def test_rgb_keeps_its_colours(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    picture = np.concatenate([np.full((64, 64, 3), rgb, np.uint8) for rgb in PATCHES], axis=1)
    source, target = tmp_path / "in.nut", tmp_path / "out.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], 64, pix_fmt
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    result = rlcodec.transcode(source, target, crf=8)

    assert any(pix_fmt in notice for notice in result.notices)
    frame = first_frame(target)
    assert colours(frame)[2:] == (1, 1)
    planes = frame.to_ndarray(format="yuv444p").astype(float)
    for number, rgb in enumerate(PATCHES):
        y, u, v = planes[:, 16:48, number * 64 + 16 : number * 64 + 48].mean(axis=(1, 2))
        # BT.709 in limited range, by the book
        luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
        r, b = luma + 1.5748 * red, luma + 1.8556 * blue
        g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
        assert np.abs(255 * np.array([r, g, b]) - rgb).max() < 4


def test_size_rate_and_format_as_asked_for(tmp_path: Path, rlcodec: Command) -> None:
    source = clips.write(tmp_path / "in.mkv", clips.moving(50))
    done = rlcodec(
        *("transcode", source, "out.mp4", "--scale", "192x96", "--fps", "25/2"),
        *("--pix-fmt", "yuv422p10le"),
    )
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (192, 96)
        assert video.average_rate == Fraction(25, 2)
        assert video.codec_context.pix_fmt == "yuv422p10le"
        # The shape on the display stays: 256x144 is 16:9, and so is 192x96 of pixels 8:9 wide
        assert video.sample_aspect_ratio == Fraction(8, 9)
    stamps = clips.video_stamps(tmp_path / "out.mp4")
    assert stamps == [Fraction(2 * number, 25) for number in range(25)]


@pytest.mark.parametrize(
    ("scale", "size"), [((128, -1), (128, 72)), ((-1, 100), (178, 100)), ((-1, 288), (512, 288))]
)
def test_one_side_follows_the_other(
    tmp_path: Path, scale: tuple[int, int], size: tuple[int, int]
) -> None:
    source = clips.write(tmp_path / "in.mkv", clips.moving(3))
    rlcodec.transcode(source, tmp_path / "out.mkv", scale=scale)
    frame = first_frame(tmp_path / "out.mkv")
    assert (frame.width, frame.height) == size


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("change", [{"pix_fmt": "yuv420p"}, {"scale": (192, 32)}])
@pytest.mark.parametrize("extent", [1, 2])
def test_colours_stay_in_another_format_or_size(
    tmp_path: Path, matrix: int, change: Mapping[str, Any], extent: int
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    patches = [(60, 90, 200), (120, 200, 100), (200, 60, 60), (90, 160, 160)]
    planes = np.concatenate(
        [np.full((64, 96, 3), each, np.uint8) for each in patches], axis=1
    ).transpose(2, 0, 1)
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 384, 64, "yuv444p"
        context = stream.codec_context
        context.color_primaries = context.colorspace = matrix
        context.color_trc = {1: 1, 5: 6, 9: 14}[matrix]
        context.color_range = extent
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv444p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    rlcodec.transcode(source, target, crf=1, preset="veryfast", **change)
    frame = first_frame(target)
    assert colours(frame)[2:] == (matrix, extent)
    step = frame.width // 4
    for number, (y, u, v) in enumerate(patches):
        luma = luma_of(frame)[8:24, number * step + 12 : (number + 1) * step - 12]
        assert abs(float(luma.mean()) - y) < 1
        for plane, wanted in ((frame.planes[1], u), (frame.planes[2], v)):
            lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            across = plane.width // 4
            seen = lines[4:12, number * across + 6 : (number + 1) * across - 6]
            assert abs(float(seen.mean()) - wanted) < 1

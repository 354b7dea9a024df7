"""The frames that a corpus measures: which part of which picture, when, and how they are kept."""

from __future__ import annotations

import resource
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rlcodec.errors import InputError, OutputError
from rlcodec.media.filters import PictureFilter
from rlcodec.media.reference import Reference, Scale
from rlcodec.media.source import Source
from rlcodec.settings import Settings
from tests.clips import Picture, decoded, moving, write


def kept(path: Path, scale: Scale = None, max_frames: int | None = None) -> list[av.VideoFrame]:
    with closing(Reference(str(path), scale=scale, max_frames=max_frames)) as reference:
        frames = list(reference)
        assert reference.frames == len(frames)
        shapes = {(frame.width, frame.height, frame.format.name) for frame in frames}
        assert shapes == {(reference.picture.width, reference.picture.height, "yuv420p")}
        return frames


def luma(frames: list[av.VideoFrame]) -> list[Picture]:
    return [frame.to_ndarray()[: frame.height].astype(np.uint8) for frame in frames]


def halves(width: int, height: int) -> list[Picture]:
    """A picture whose left half is dark, in frames that become brighter from top to bottom."""
    y, x = np.mgrid[:height, :width]
    picture = 60 + 100 * (x >= width / 2) + 60 * y / height
    return [picture.astype(np.uint8)] * 2


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((256, 144), None, (256, 144)),
        ((257, 145), None, (256, 144)),  # whole chroma samples
        ((256, 144), 72, (128, 72)),
        ((144, 256), 72, (72, 128)),
        ((256, 144), 144, (256, 144)),
        ((256, 144), 288, (256, 144)),  # a short side only shrinks
        ((250, 145), 72, (124, 72)),
        ((256, 144), (128, 96), (128, 96)),
        ((144, 256), (128, 72), (128, 72)),
        ((64, 64), (128, 72), (128, 72)),  # a size is filled
        ((642, 361), (642, 360), (642, 360)),  # of the same shape but for a pixel
    ],
)
def test_pictures_get_the_size_that_was_asked_for(
    tmp_path: Path, size: tuple[int, int], scale: Scale, expected: tuple[int, int]
) -> None:
    width, height = size
    clip = write(tmp_path / "clip.mkv", halves(width, height), codec="ffv1", pix_fmt="yuv444p")
    (frame, _) = kept(clip, scale)
    assert (frame.width, frame.height) == expected
    picture = luma([frame])[0]
    # Nothing is squeezed, and what is cut off is cut off on both sides alike
    assert abs(int((picture[expected[1] // 2] < 140).sum()) - expected[0] / 2) <= 1
    share = min(width * expected[1] / expected[0], height) / height
    rise = float(picture[-1, 0]) - float(picture[0, 0])
    # Grey is of full range, the clip is not
    assert rise == pytest.approx(60 * share * 219 / 255, abs=3)


@pytest.mark.parametrize("scale", [72, (128, 72)])
def test_a_rotated_video_stands_upright(tmp_path: Path, scale: Scale) -> None:
    pictures = halves(144, 256)
    lying = [np.rot90(picture).copy() for picture in pictures]
    options = {"crf": "1"}
    turned = write(tmp_path / "turned.mp4", lying, rotation=-90, options=options)
    upright = write(tmp_path / "upright.mp4", pictures, options=options)
    for one, other in zip(luma(kept(turned, scale)), luma(kept(upright, scale)), strict=True):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).max() <= 4


def test_timestamps_are_kept(tmp_path: Path) -> None:
    stamps = [0, 40, 120, 130, 500, 533]
    clip = write(tmp_path / "clip.mkv", moving(6), time_base=Fraction(1, 1000), stamps=stamps)
    frames = kept(clip, 72)
    assert {frame.time_base for frame in frames} == {Fraction(1, 1000)}
    assert [frame.pts for frame in frames] == stamps
    assert [frame.pts for frame in kept(clip, 72, max_frames=4)] == stamps[:4]


@pytest.mark.parametrize("count", [1, 2])
def test_very_short_videos_are_kept(tmp_path: Path, count: int) -> None:
    assert len(kept(write(tmp_path / "clip.mkv", moving(count)), 72)) == count


def test_a_video_of_the_right_size_is_kept_as_it_decodes(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mkv", moving(8))
    for one, other in zip(luma(kept(clip)), decoded(clip), strict=True):
        # `decoded` widens the range
        widened = (one.astype(float) - 16) * 255 / 219
        assert np.abs(np.clip(widened, 0, 255) - other).max() <= 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv444p", "gray"])
def test_frames_are_those_that_a_transcode_would_encode(tmp_path: Path, pix_fmt: str) -> None:
    codec = "mjpeg" if pix_fmt == "yuvj420p" else "ffv1"
    clip = write(tmp_path / "clip.mkv", moving(4), codec=codec, pix_fmt=pix_fmt)
    with Source(str(clip), max_pixels=10**6, audio=False, subtitles=False) as source:
        shrink = PictureFilter(source, Settings(scale=(-1, 72), pix_fmt="yuv420p"))
        encoded = [
            made
            for frame in source
            if isinstance(frame, av.VideoFrame)
            for made in shrink.push(frame)
        ]
    for one, other in zip(kept(clip, 72), encoded, strict=True):
        assert np.array_equal(one.to_ndarray(), other.to_ndarray())
        assert (one.pts, one.time_base) == (other.pts, other.time_base)
        assert one.color_range == shrink.picture.colour.range


def test_a_damaged_video_is_kept_as_far_as_it_decodes(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mkv", moving(20))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    assert 5 < len(kept(clip)) < 20


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mkv").write_text("no video")
    with pytest.raises(InputError, match=r"clip\.mkv: "):
        kept(tmp_path / "clip.mkv")


@pytest.mark.parametrize("room", [0, 1000, 3 * 256 * 144 * 3 // 2 - 1])
def test_frames_that_find_no_room_say_where_room_is_needed(tmp_path: Path, room: int) -> None:
    clip = write(tmp_path / "clip.mkv", moving(3))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"clip\.mkv: its raw frames .* File too large; set"):
            Reference(str(clip), scale=None, max_frames=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

"""What the stream or its container crops stays cropped, upright and in shape."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import rlcodec
from tests import clips
from tests.bitstreams import add_box, clean_aperture
from tests.conftest import Command
from tests.folder import RULE, assert_refused, assert_works
from tests.test_fidelity import upright

Cut = tuple[int, int, int, int]
WIDTH, HEIGHT = 192, 144


def cropped(
    path: Path, cut: Cut, *, rotation: int = 0, aspect: Fraction | None = None
) -> list[clips.Picture]:
    """Write a clip whose container cuts so much off left, right, top and bottom."""
    pictures = clips.filmed("astronaut", 3, width=WIDTH, height=HEIGHT)
    held = clips.write(
        path.with_name("held.mp4"), pictures, rotation=rotation, sample_aspect_ratio=aspect
    )
    add_box(held, b"avc1", b"clap", clean_aperture(WIDTH, HEIGHT, cut))
    with av.open(str(held)) as reader, av.open(str(path), "w") as writer:
        video = reader.streams.video[0]
        copy = writer.add_stream_from_template(video)
        for packet in reader.demux(video):
            if packet.size:
                packet.stream = copy
                writer.mux(packet)
    if path.suffix == held.suffix:  # the muxer of MP4 leaves it out
        held.replace(path)
    else:
        held.unlink()
    return pictures


def sliced(picture: clips.Picture, cut: Cut) -> clips.Picture:
    left, right, top, bottom = cut
    return picture[top : HEIGHT - bottom, left : WIDTH - right]


def assert_looks_like(shown: list[clips.Picture], expected: list[clips.Picture]) -> None:
    for one, other in zip(shown, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).mean() < 3


@pytest.mark.parametrize("cut", [(8, 10, 4, 6), (0, 0, 18, 18), (3, 1, 5, 7)])
@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_row_09_what_the_container_crops_stays_cropped(
    rlcodec: Command, tmp_path: Path, name: str, cut: Cut
) -> None:
    pictures = cropped(tmp_path / name, cut)
    done = assert_works(rlcodec, tmp_path, name, "out.mp4", "--crf", "12", *RULE)
    assert "note:" not in done.stderr
    left, right, top, bottom = cut
    # From a whole chroma sample on
    cut = (left - left % 2, right + left % 2, top - top % 2, bottom + top % 2)
    expected = [sliced(picture, cut) for picture in pictures]
    assert_looks_like(clips.decoded(tmp_path / "out.mp4"), expected)
    # As another player shows it, too
    height, width = expected[0].shape
    assert_looks_like([upright(tmp_path / name, width, height).astype(np.uint8)], expected[:1])


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (270, 3)])
@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_row_09_cropping_comes_before_rotation(
    rlcodec: Command, tmp_path: Path, name: str, rotation: int, turns: int
) -> None:
    cut = (32, 4, 0, 16)
    pictures = cropped(tmp_path / name, cut, rotation=rotation)
    assert_works(rlcodec, tmp_path, name, "out.mp4", "--crf", "12")
    expected = [np.rot90(sliced(picture, cut), turns) for picture in pictures]
    assert_looks_like(clips.decoded(tmp_path / "out.mp4"), expected)
    height, width = expected[0].shape
    assert_looks_like([upright(tmp_path / name, width, height).astype(np.uint8)], expected[:1])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_row_09_pixels_turn_with_the_picture(rlcodec: Command, tmp_path: Path, suffix: str) -> None:
    wide = Fraction(64, 45)
    cropped(tmp_path / "in.mp4", (32, 4, 0, 16), rotation=90, aspect=wide)
    assert_works(rlcodec, tmp_path, "in.mp4", f"out.{suffix}")
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (128, 156)
        assert video.sample_aspect_ratio == 1 / wide


def test_cropping_leaves_the_shape_of_pixels_alone(tmp_path: Path) -> None:
    wide = Fraction(64, 45)
    cropped(tmp_path / "in.mp4", (16, 16, 8, 8), aspect=wide)
    rlcodec.transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", scale=(-1, 64))
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (80, 64)
        assert video.sample_aspect_ratio == wide


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_row_09_what_the_stream_crops_stays_cropped(
    rlcodec: Command, tmp_path: Path, codec: str
) -> None:
    # No whole number of macroblocks: the coded picture is larger
    pictures = clips.filmed("astronaut", 3, width=198, height=130)
    options = {"qmax": "2"} if codec == "mpeg2video" else {}
    clips.write(tmp_path / "in.ts", pictures, codec=codec, options=options)
    assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", "--crf", "12")
    assert_looks_like(clips.decoded(tmp_path / "out.mkv"), pictures)


def test_row_09_cropping_to_next_to_nothing_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    cropped(tmp_path / "in.mp4", (96, 90, 0, 0))
    says = ["in.mp4: a picture of 6x144 is too small"]
    assert_refused(rlcodec, tmp_path, "in.mp4", "out.mp4", code=4, says=says)

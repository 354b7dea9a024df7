"""A picture that changes in the midst of a stream becomes what it was, and that is said."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import rlcodec
from tests import clips
from tests.conftest import Command
from tests.fields import join
from tests.folder import assert_refused, assert_works

SQUARE, WIDE = Fraction(1), Fraction(4, 3)


def part(
    path: Path,
    *,
    width: int = 192,
    height: int = 144,
    aspect: Fraction = SQUARE,
    pix_fmt: str = "yuv420p",
) -> Path:
    """Twelve bright frames, with a brighter spot in the middle."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((x - width / 2 + 0.5) * float(aspect), y - height / 2 + 0.5)
    picture = np.where(distance < height / 4, 220, 120).astype(np.uint8)
    return clips.write(path, [picture] * 12, sample_aspect_ratio=aspect, pix_fmt=pix_fmt)


def box(picture: clips.Picture) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of what is not black."""
    y, x = np.nonzero(picture > 60)
    return int(x.min()), int(x.max()) + 1, int(y.min()), int(y.max()) + 1


def spot(picture: clips.Picture) -> tuple[int, int]:
    """Width and height of the bright spot in pixels."""
    y, x = np.nonzero(picture > 170)
    return int(x.max() - x.min()) + 1, int(y.max() - y.min()) + 1


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((96, 72), SQUARE, (0, 192, 0, 144)),  # as broad as before
        ((144, 144), WIDE, (0, 192, 0, 144)),  # by wider pixels, as DVB does
        ((96, 144), SQUARE, (48, 144, 0, 144)),
        ((192, 72), SQUARE, (0, 192, 36, 108)),
    ],
)
def test_another_size_is_fitted_in_and_said(
    rlcodec: Command,
    tmp_path: Path,
    size: tuple[int, int],
    aspect: Fraction,
    shown: tuple[int, int, int, int],
) -> None:
    first = part(tmp_path / "first.ts")
    second = part(tmp_path / "second.ts", width=size[0], height=size[1], aspect=aspect)
    join(tmp_path / "in.ts", first, second, first)
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", "--crf", "12")
    assert re.search(
        rf"note: the picture changes from 192x144 yuv420p.* to {size[0]}x{size[1]} yuv420p.* "
        r"at \d\.\d+ s: it is fitted into 192x144",
        done.stderr,
    )
    assert done.stderr.count("the picture changes") == 2
    pictures = clips.decoded(tmp_path / "out.mkv")
    assert len(pictures) == 36
    round_ = spot(pictures[0])
    for number, picture in enumerate(pictures):
        assert picture.shape == (144, 192)
        assert box(picture) == (shown if 12 <= number < 24 else (0, 192, 0, 144))
        width, height = spot(picture)
        assert abs(width - height) <= 4
        assert number // 12 == 1 or (width, height) == round_


def test_other_pixels_alone_are_fitted_in_and_said(rlcodec: Command, tmp_path: Path) -> None:
    first = part(tmp_path / "first.ts")
    join(tmp_path / "in.ts", first, part(tmp_path / "second.ts", aspect=WIDE))
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", "--crf", "12")
    assert re.search(r"from 192x144 yuv420p, pixels 1:1 to .*, pixels 4:3 at \d", done.stderr)
    # The decoder tells of it a little before or after the frame that has it
    pictures = clips.decoded(tmp_path / "out.mkv")
    assert box(pictures[2]) == (0, 192, 0, 144)
    assert box(pictures[-1]) == (0, 192, 18, 126)


def test_another_format_is_converted_and_said(rlcodec: Command, tmp_path: Path) -> None:
    first = part(tmp_path / "first.ts")
    join(tmp_path / "in.ts", first, part(tmp_path / "second.ts", pix_fmt="yuv422p10le"))
    done = assert_works(rlcodec, tmp_path, "in.ts", "out.mkv", "--crf", "12")
    assert "from 192x144 yuv420p, pixels 1:1 to 192x144 yuv422p10le" in done.stderr
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert {frame.format.name for frame in container.decode(video=0)} == {"yuv420p"}
    pictures = clips.decoded(tmp_path / "out.mkv")
    assert np.abs(pictures[-1].astype(int) - pictures[0]).mean() < 2


def test_what_changes_back_is_what_it_was(tmp_path: Path) -> None:
    # One column is cropped from the first, and not scaled away when it comes again
    pictures = clips.filmed("camera", 8, width=193, height=144)
    first = clips.write(tmp_path / "first.ts", pictures, pix_fmt="yuv444p")
    join(tmp_path / "in.ts", first, part(tmp_path / "second.ts", width=96, height=72), first)
    result = rlcodec.transcode(
        tmp_path / "in.ts", tmp_path / "out.mkv", pix_fmt="yuv420p", crf=10, policy="fixed"
    )
    assert sum("cropped to 192x144" in notice for notice in result.notices) == 1
    shown = clips.decoded(tmp_path / "out.mkv")
    for again, picture in zip(shown[-8:], pictures, strict=True):
        assert np.abs(again.astype(int) - picture[:, :192]).mean() < 2


def test_a_change_leaves_the_frame_rate_alone(tmp_path: Path) -> None:
    first, second = part(tmp_path / "first.ts"), part(tmp_path / "second.ts", width=96, height=72)
    join(tmp_path / "in.ts", first, second)
    rlcodec.transcode(
        tmp_path / "in.ts", tmp_path / "out.mp4", fps=Fraction(50), scale=(96, -1), crf=12
    )
    stamps = clips.video_stamps(tmp_path / "out.mp4")
    assert stamps == [Fraction(number, 50) for number in range(len(stamps))]
    assert 48 <= len(stamps) <= 54
    assert {picture.shape for picture in clips.decoded(tmp_path / "out.mp4")} == {(72, 96)}


def test_a_change_beyond_the_limit_is_refused(rlcodec: Command, tmp_path: Path) -> None:
    first = part(tmp_path / "first.ts", width=96, height=72)
    join(tmp_path / "in.ts", first, part(tmp_path / "second.ts"))
    options = ("--max-pixels", "10000")
    says = ["in.ts", "192x144", "exceed the limit of 10000"]
    assert_refused(rlcodec, tmp_path, *options, "in.ts", "out.mkv", code=4, says=says)

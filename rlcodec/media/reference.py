"""A decoded video kept as raw frames in a temporary file, to be encoded many times over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import IO

import av
import numpy as np
from av.filter import Graph

from rlcodec.errors import OutputError
from rlcodec.media.filters import PictureFilter
from rlcodec.media.graphs import chain
from rlcodec.media.picture import Picture
from rlcodec.media.source import Source
from rlcodec.media.types import VideoFrame
from rlcodec.settings import MAX_PIXELS, Settings

PIX_FMT = "yuv420p"

Scale = tuple[int, int] | int | None
"""Width and height to be filled, a short side to shrink to, or the size as it is; in pixels."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    pts: int
    duration: int


class Reference:
    """The first frames of a video, at one size, as yuv420p.

    Attributes:
        label: the file it was read from.
        picture: what its frames look like.
    """

    def __init__(self, path: str, *, scale: Scale, max_frames: int | None) -> None:
        """Decode `path`.

        Args:
            path: a video file. One that is damaged is used as far as it can be decoded.
            scale: width and height to be filled, what sticks out at two sides cut off; or the
                short side, which only shrinks; None keeps the size. Sides become even.
            max_frames: how many frames are kept at most.

        Raises:
            InputError: the file cannot be used.
            OutputError: there is no room for the temporary file.
        """
        self._stamps: list[_Stamp] = []
        try:
            # Without a buffer: what does not fit on the disk is known when it is written
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="rlcodec-", buffering=0)  # noqa: SIM115 # `close` closes it
        except OSError as error:
            raise _no_room(path, error) from error
        try:
            with Source(
                path, max_pixels=MAX_PIXELS, audio=False, subtitles=False, allow_truncated=True
            ) as source:
                self.label = source.label
                self._fill(source, scale, max_frames)
        except OSError as error:
            self._file.close()
            raise _no_room(path, error) from error
        except BaseException:
            self._file.close()
            raise

    @property
    def frames(self) -> int:
        """How many frames there are, one at least."""
        return len(self._stamps)

    @property
    def duration(self) -> Fraction:
        """From the first frame to the end of the last, in seconds."""
        first, last = self._stamps[0], self._stamps[-1]
        ticks = last.pts + (last.duration or 1) - first.pts
        return ticks * self.picture.time_base

    def __iter__(self) -> Iterator[VideoFrame]:
        """The frames in display order, with their timestamps: new objects each time."""
        return self.piece(0, self.frames)

    def piece(self, start: int, frames: int) -> Iterator[VideoFrame]:
        """`frames` frames from the one numbered `start` on, likewise."""
        shape = (self.picture.height * 3 // 2, self.picture.width)
        lines = np.empty(shape, np.uint8)
        # Read and not mapped into memory, where all of the file would count as this process's
        for number in range(start, start + frames):
            os.preadv(self._file.fileno(), [lines.data], number * lines.nbytes)
            stamp = self._stamps[number]
            frame = VideoFrame.from_ndarray(lines, format=PIX_FMT)
            frame.pts, frame.time_base = stamp.pts, self.picture.time_base
            frame.duration = stamp.duration
            # Grey of full range, which the analysis sees, is made of either range
            frame.color_range = self.picture.colour.range
            yield frame

    def close(self) -> None:
        """Give the temporary file back."""
        self._file.close()

    def _fill(self, source: Source, scale: Scale, max_frames: int | None) -> None:
        shrink = _shrink(source, scale)
        shown = shrink.picture
        width, height = scale if isinstance(scale, tuple) else (shown.width, shown.height)
        self.picture = replace(shown, width=width, height=height)
        crop = _crop(shown, width, height)
        for frame in islice(_frames(source, shrink), max_frames):
            assert frame.pts is not None
            self._stamps.append(_Stamp(frame.pts, frame.duration or 0))
            if crop is not None:
                crop.vpush(frame)
                frame = crop.vpull()  # noqa: PLW2901 # the same frame, smaller
            left = memoryview(frame.to_ndarray().tobytes())
            while left:
                left = left[self._file.write(left) :]


def _frames(source: Source, shrink: PictureFilter) -> Iterator[VideoFrame]:
    for item in source:
        if isinstance(item, av.VideoFrame):
            yield from shrink.push(item)
    yield from shrink.flush()


def _shrink(source: Source, scale: Scale) -> PictureFilter:
    """What makes pictures of a source as small as they can be for `scale`, nothing cut off yet."""
    whole = PictureFilter(source, Settings(pix_fmt=PIX_FMT))
    sides = whole.picture.width, whole.picture.height
    if scale is None or (isinstance(scale, int) and scale >= min(sides)):
        return whole
    width, height = scale if isinstance(scale, tuple) else (scale, scale)
    by_height = PictureFilter(source, Settings(pix_fmt=PIX_FMT, scale=(-1, height)))
    if by_height.picture.width >= width:
        return by_height
    return PictureFilter(source, Settings(pix_fmt=PIX_FMT, scale=(width, -1)))


def _crop(picture: Picture, width: int, height: int) -> Graph | None:
    if (picture.width, picture.height) == (width, height):
        return None
    shape = (picture.width, picture.height, picture.pix_fmt, picture.time_base)
    return chain(*shape, ("crop", f"{width}:{height}"))


def _no_room(path: str, error: OSError) -> OutputError:
    folder = tempfile.tempdir or "a temporary folder"
    return OutputError(
        f"{path}: its raw frames could not be kept in {folder}: {error.strerror}; set TMPDIR to a "
        "folder with more room"
    )

"""A decoded video kept as raw frames in a temporary file, to be encoded many times over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO

import av
import numpy as np
from av.filter import Graph

from rlcodec.errors import InputError, OutputError
from rlcodec.media.filters import PictureFilter
from rlcodec.media.graphs import chain
from rlcodec.media.picture import Picture
from rlcodec.media.source import Source
from rlcodec.media.types import VideoFrame
from rlcodec.settings import MAX_PIXELS, Settings

PIX_FMT = "yuv420p"


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

    def __init__(
        self, path: str, *, scale: tuple[int, int] | int | None, max_frames: int | None
    ) -> None:
        """Decode `path`.

        Args:
            path: a video file. One that is damaged is used as far as it can be decoded.
            scale: width and height to be filled, what sticks out at two sides cut off; or the
                short side, which only shrinks; None keeps the size. Sides become even.
            max_frames: how many frames are kept at most.

        Raises:
            InputError: the file cannot be used.
            OutputError: the temporary file cannot be written.
        """
        self._stamps: list[_Stamp] = []
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="rlcodec-")  # noqa: SIM115 # `close`
        try:
            with Source(
                path, max_pixels=MAX_PIXELS, audio=False, subtitles=False, allow_truncated=True
            ) as source:
                self.label = source.label
                self._fill(source, scale, max_frames)
        except OSError as error:
            self._file.close()
            raise OutputError(
                f"{path}: its frames could not be kept in {tempfile.gettempdir()}: "
                f"{error.strerror}; TMPDIR names another folder"
            ) from error
        except BaseException:
            self._file.close()
            raise

    @property
    def frames(self) -> int:
        """How many frames there are, one at least."""
        return len(self._stamps)

    def __iter__(self) -> Iterator[VideoFrame]:
        """The frames in display order, with their timestamps: new objects each time."""
        self._file.flush()
        shape = (self.picture.height * 3 // 2, self.picture.width)
        kept = np.memmap(self._file, np.uint8, "r", shape=(self.frames, *shape))
        for lines, stamp in zip(kept, self._stamps, strict=True):
            frame = VideoFrame.from_ndarray(lines, format=PIX_FMT)
            frame.pts, frame.time_base = stamp.pts, self.picture.time_base
            frame.duration = stamp.duration
            yield frame

    def close(self) -> None:
        """Give the temporary file back."""
        self._file.close()

    def _fill(
        self, source: Source, scale: tuple[int, int] | int | None, max_frames: int | None
    ) -> None:
        shown = source.picture
        settings = Settings(pix_fmt=PIX_FMT, scale=_scaled(shown.width, shown.height, scale))
        shrink = PictureFilter(source, settings)
        width, height = scale if isinstance(scale, tuple) else _even(shrink.picture)
        crop = _crop(shrink.picture, width, height)
        self.picture = replace(shrink.picture, width=width, height=height, interlaced=False)
        for frame in islice(_frames(source, shrink), max_frames):
            assert frame.pts is not None
            self._stamps.append(_Stamp(frame.pts, frame.duration or 0))
            if crop is not None:
                crop.vpush(frame)
                frame = crop.vpull()  # noqa: PLW2901 # the same frame, smaller
            self._file.write(frame.to_ndarray().tobytes())
        if not self._stamps:
            raise InputError(f"{source.label}: holds no frame")


def _frames(source: Source, shrink: PictureFilter) -> Iterator[VideoFrame]:
    for item in source:
        if isinstance(item, av.VideoFrame):
            yield from shrink.push(item)
    yield from shrink.flush()


def _scaled(width: int, height: int, scale: tuple[int, int] | int | None) -> tuple[int, int] | None:
    """What `Settings.scale` has to be for a picture of `width` x `height`."""
    if scale is None:
        return None
    if isinstance(scale, int):
        if scale >= min(width, height):
            return None
        return (-1, scale) if height <= width else (scale, -1)
    # The side that comes out longer than asked for is the one that follows from the other
    wide, high = scale
    return (-1, high) if width * high >= height * wide else (wide, -1)


def _even(picture: Picture) -> tuple[int, int]:
    return max(2, picture.width // 2 * 2), max(2, picture.height // 2 * 2)


def _crop(picture: Picture, width: int, height: int) -> Graph | None:
    if (picture.width, picture.height) == (width, height):
        return None
    shape = (picture.width, picture.height, picture.pix_fmt, picture.time_base)
    return chain(*shape, ("crop", f"{width}:{height}"))

"""From the source's frames to the encoder's: orientation, cropping, size, rate and pixel format."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from typing import cast

import av
from av.codec.codec import find_best_pix_fmt_of_list
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.format import VideoFormat

from rlcodec.errors import InputError, SettingsError
from rlcodec.media.graphs import chain
from rlcodec.media.picture import (
    MATRIX_BT709,
    MATRIX_RGB,
    RANGE_LIMITED,
    UNSPECIFIED,
    Picture,
)

SMALLEST_SIDE, LARGEST_SIDE = 16, 16384

# (a, b, c, d) of a display matrix, as signs: where the stored x and y axes point on the display.
# The filters turn the stored picture into the displayed one.
_ORIENTATIONS = {
    (1, 0, 0, 1): (),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (-1, 0, 0, -1): (("hflip", None), ("vflip", None)),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (-1, 0, 0, 1): (("hflip", None),),
    (1, 0, 0, -1): (("vflip", None),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


class PictureFilter:
    """Turns decoded frames into frames that the encoder takes, by one FFmpeg graph.

    Where nothing has to change, frames pass untouched. `picture` says what comes out, `notes` what
    was changed without having been asked for.
    """

    def __init__(
        self,
        frame: av.VideoFrame,
        picture: Picture,
        *,
        label: str,
        formats: list[str],
        pix_fmt: str | None,
        scale: tuple[int, int] | None,
        fps: Fraction | None,
    ) -> None:
        """Plan the graph from the first `frame` of a stream of `picture`s.

        `label` is the name that messages use, `formats` are the pixel formats that the encoder
        takes; the other arguments are the user's.

        Raises:
            InputError: the picture is too small to be encoded.
            SettingsError: the encoder does not take `pix_fmt`, or `scale` makes it too large.
        """
        self._label = label
        self.notes: list[str] = []
        self._chain: list[tuple[str, str | None]] = []
        self.picture = picture
        self._orient(frame)
        target = self._target_format(formats, pix_fmt)
        self._resize(scale)
        self._fit_to_chroma(target)
        if fps is not None:
            self._chain.append(("fps", f"fps={fps}"))
            self.picture = replace(self.picture, time_base=1 / fps, rate=fps)
        self._convert(target)
        self._graph = None
        if self._chain:
            shape = (frame.width, frame.height, frame.format.name, picture.time_base)
            self._graph = chain(*shape, *self._chain, threads=0)

    def push(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """Frames that are ready once `frame` has gone in."""
        if self._graph is None:
            return [frame]
        self._graph.vpush(frame)
        return self._pull()

    def flush(self) -> list[av.VideoFrame]:
        """Frames that the graph still holds when the stream has ended."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        return self._pull()

    def _pull(self) -> list[av.VideoFrame]:
        assert self._graph is not None
        frames: list[av.VideoFrame] = []
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return frames
            frame.time_base = self.picture.time_base
            frames.append(frame)

    def _orient(self, frame: av.VideoFrame) -> None:
        steps = orientation(frame)
        self._chain.extend(steps)
        if any(name == "transpose" for name, _ in steps):
            self.picture = replace(
                self.picture,
                width=self.picture.height,
                height=self.picture.width,
                sample_aspect_ratio=1 / self.picture.sample_aspect_ratio,
            )

    def _target_format(self, formats: list[str], wanted: str | None) -> str:
        source = VideoFormat(self.picture.pix_fmt)
        if wanted is not None:
            if wanted not in formats:
                raise SettingsError(
                    f"pix_fmt {wanted!r} is not known to the encoder: choose one of "
                    f"{', '.join(formats)}"
                )
            return wanted
        if source.name in formats and not source.is_rgb:
            return source.name
        if source.is_rgb or source.has_palette:
            chosen = "yuv420p"  # 4:4:4 would be closer, but few players show it
        else:
            closest, _ = find_best_pix_fmt_of_list(formats, source.name)
            chosen = closest.name if closest else formats[0]
        self.notes.append(f"pixel format {source.name} becomes {chosen}, which the encoder takes")
        return chosen

    def _resize(self, scale: tuple[int, int] | None) -> None:
        if scale is None:
            return
        was = self.picture
        width, height = scale
        if width == -1:
            width = max(2, round(was.width * height / was.height / 2) * 2)
        if height == -1:
            height = max(2, round(was.height * width / was.width / 2) * 2)
        if max(width, height) > LARGEST_SIDE:
            raise SettingsError(
                f"scale {scale[0]}x{scale[1]} makes {width}x{height} of {was.width}x{was.height}: "
                f"no side may exceed {LARGEST_SIDE} pixels"
            )
        self._chain.append(("scale", f"w={width}:h={height}:flags=bicubic"))
        aspect = was.sample_aspect_ratio
        if -1 not in scale:  # both sides were asked for: the shape on the display stays
            aspect = (aspect * was.width * height / (was.height * width)).limit_denominator(255)
        self.picture = replace(was, width=width, height=height, sample_aspect_ratio=aspect)

    def _fit_to_chroma(self, pix_fmt: str) -> None:
        """Crop to whole chroma samples, without which the encoders refuse a picture."""
        was, target = self.picture, VideoFormat(pix_fmt)
        step_x = 16 // target.chroma_width(16) or 1
        step_y = 16 // target.chroma_height(16) or 1
        width, height = was.width - was.width % step_x, was.height - was.height % step_y
        if min(width, height) < SMALLEST_SIDE:
            raise InputError(
                f"{self._label}: a picture of {was.width}x{was.height} is too small to encode; "
                f"both sides need {SMALLEST_SIDE} pixels at least (--scale makes it larger)"
            )
        if (width, height) != (was.width, was.height):
            self._chain.append(("crop", f"w={width}:h={height}:x=0:y=0:exact=1"))
            self.notes.append(
                f"{was.width}x{was.height} is cropped to {width}x{height}, since {pix_fmt} needs "
                "even sides"
            )
            self.picture = replace(was, width=width, height=height)

    def _convert(self, pix_fmt: str) -> None:
        was = self.picture
        if pix_fmt == was.pix_fmt:
            return
        if VideoFormat(was.pix_fmt).is_rgb or VideoFormat(was.pix_fmt).has_palette:
            # RGB has no matrix of its own: choose one, and tag it
            self._chain.append(("scale", "out_color_matrix=bt709:out_range=limited"))
            colour = replace(was.colour, matrix=MATRIX_BT709, range=RANGE_LIMITED)
        elif was.colour.matrix == MATRIX_RGB:
            colour = replace(was.colour, matrix=UNSPECIFIED)
        else:
            colour = was.colour
            if was.pix_fmt.startswith("gray"):
                # FFmpeg takes all grey for full range and would squeeze it
                self._chain.append(("scale", "out_range=full"))
        self._chain.append(("format", pix_fmt))
        self.picture = replace(was, pix_fmt=pix_fmt, colour=colour)


def orientation(frame: av.VideoFrame) -> tuple[tuple[str, str | None], ...]:
    """Filters, as names and arguments, that turn the stored picture into the displayed one."""
    return _ORIENTATIONS.get(_display_axes(frame), ())


def _display_axes(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Signs of a, b, c, d of the frame's display matrix (libavutil/display.h); identity if none."""
    try:
        matrix = cast(SideDataContainer, frame.side_data)[SideDataType.DISPLAYMATRIX]
    except KeyError:
        return 1, 0, 0, 1
    values = struct.unpack("<9i", bytes(matrix))
    a, b, c, d = (values[i] for i in (0, 1, 3, 4))
    largest = max(map(abs, (a, b, c, d))) or 1
    signs = [(round(value / largest)) for value in (a, b, c, d)]
    return signs[0], signs[1], signs[2], signs[3]

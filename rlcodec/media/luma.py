"""Luma pictures for the analysis: the whole frame made small, a part of it as it is, and lines."""

from __future__ import annotations

import math
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from rlcodec.media.graphs import chain
from rlcodec.media.picture import Picture

# As many pixels as 256x144: enough for shots and statistics, a twenty-fifth of 1280x720
SMALL_PIXELS = 256 * 144
LINE_STEP = 8
Luma = NDArray[np.uint8]


def small_size(width: int, height: int) -> tuple[int, int]:
    """Width and height, multiples of 16, of about `SMALL_PIXELS` in the shape of the picture.

    A picture that is small already keeps its size, to the nearest multiple.
    """
    shrink = min(1.0, math.sqrt(SMALL_PIXELS / (width * height)))
    return tuple(max(16, round(side * shrink / 16) * 16) for side in (width, height))  # type: ignore[return-value] # two sides in, two out


class SmallLuma:
    """Shrinks frames to 8-bit grey by averaging areas."""

    def __init__(self, picture: Picture) -> None:
        """Prepare for frames of `picture`."""
        self.width, self.height = small_size(picture.width, picture.height)
        self._graph = _grey(picture, ("scale", f"w={self.width}:h={self.height}:flags=area"))

    def shrink(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The small frame: grey, as yuvj420p with empty chroma."""
        self._graph.vpush(frame)
        return self._graph.vpull()


def _grey(picture: Picture, *filters: tuple[str, str]) -> Graph:
    """Frames of `picture` through `filters`, then to grey of full range, whatever the source's."""
    return chain(
        picture.width,
        picture.height,
        picture.pix_fmt,
        picture.time_base,
        # The scaler takes grey for BT.601, and would mix the chroma of other matrices into it
        ("setparams", "colorspace=unknown"),
        *filters,
        # The chroma planes are empty ones: libx264 crashes where it shall report the error of a
        # picture that has none
        ("format", "gray"),
        ("format", "yuvj420p"),
    )


def as_array(frame: av.VideoFrame) -> Luma:
    """The luma of an 8-bit planar frame as an array (height, width), without its padding."""
    luma: Luma = _plane(frame, np.uint8)
    return luma


def lines_of(frame: av.VideoFrame) -> NDArray[np.int16]:
    """Every `LINE_STEP`th line of the first plane (rows, width), as deep as the frame: a copy."""
    return luma_of(frame)[::LINE_STEP].astype(np.int16)


def luma_of(frame: av.VideoFrame) -> NDArray[Any]:
    """The first plane of a planar frame (height, width), as deep as the frame, not a copy."""
    deep = frame.format.components[0].bits > 8
    return _plane(frame, np.uint16 if deep else np.uint8)


def _plane(frame: av.VideoFrame, kind: type[np.uint8 | np.uint16]) -> NDArray[Any]:
    plane = frame.planes[0]
    values = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
    return values[:, : frame.width]

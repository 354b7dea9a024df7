"""Still pictures for pages: frames of any format as WebP, which every browser shows."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from rlcodec.media.graphs import chain
from rlcodec.media.picture import MATRIX_NAMES, RANGE_FULL, RANGE_NAMES, Picture

_TICK = Fraction(1, 25)
# Players take BT.601 for pictures of standard definition that say nothing, and BT.709 above
_HIGH_DEFINITION = 720


@dataclass(frozen=True, slots=True)
class Still:
    """One picture as a WebP file: its bytes, and its width and height in pixels."""

    data: bytes
    width: int
    height: int


class StillMaker:
    """Makes stills of the frames of one picture, no side of which exceeds a limit.

    Pixels come out square, and 8 bits deep. Nothing is mapped to another transfer or other
    primaries: HDR looks flat.
    """

    def __init__(self, picture: Picture, longest: int, quality: int) -> None:
        """Prepare for frames of `picture`, planar YUV; `quality` is WebP's, 0 to 100."""
        self.width, self.height = still_size(picture, longest)
        self._graph = _scaled(picture, self.width, self.height)
        self._encoder = _encoder(self.width, self.height, quality)

    def make(self, frame: av.VideoFrame) -> Still:
        """The still of a frame."""
        self._graph.vpush(frame)
        return _still(self._encoder, self._graph.vpull())


def still_size(picture: Picture, longest: int) -> tuple[int, int]:
    """Width and height of a still of `picture`: in its shape as shown, and even."""
    width, height = float(picture.width * picture.sample_aspect_ratio), float(picture.height)
    shrink = min(1.0, longest / max(width, height))
    return max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2)


def grey_still(values: NDArray[np.uint8], size: tuple[int, int], quality: int) -> Still:
    """A still of grey levels (height, width), 0 is black and 255 white, scaled to `size`."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format="gray")
    frame.time_base = _TICK
    height, width = values.shape
    scale = f"w={size[0]}:h={size[1]}:flags=area:in_range=full:out_range=limited"
    graph = chain(width, height, "gray", _TICK, ("scale", scale), ("format", "yuv420p"))
    graph.vpush(frame)
    return _still(_encoder(*size, quality), graph.vpull())


def _scaled(picture: Picture, width: int, height: int) -> Graph:
    """Frames of `picture` as WebP codes them: 4:2:0 of limited range by BT.601's matrix."""
    guess = "bt709" if picture.height >= _HIGH_DEFINITION else "bt601"
    matrix = MATRIX_NAMES.get(picture.colour.matrix, guess)
    extent = RANGE_NAMES[RANGE_FULL] if picture.colour.range == RANGE_FULL else "limited"
    scale = (
        f"w={width}:h={height}:flags=lanczos+accurate_rnd:in_color_matrix={matrix}:"
        f"in_range={extent}:out_color_matrix=bt601:out_range=limited"
    )
    shape = (picture.width, picture.height, picture.pix_fmt, picture.time_base)
    return chain(*shape, ("scale", scale), ("format", "yuv420p"))


def _encoder(width: int, height: int, quality: int) -> VideoCodecContext:
    encoder = av.CodecContext.create("libwebp", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = _TICK
    encoder.options = {"quality": str(quality)}
    return encoder


def _still(encoder: VideoCodecContext, frame: av.VideoFrame) -> Still:
    (packet,) = encoder.encode(frame)
    return Still(bytes(packet), frame.width, frame.height)

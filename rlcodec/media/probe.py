"""The probe: a tiny, continuous x264 encode beside the real one, to tell how hard a frame is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from rlcodec.errors import EncodeError
from rlcodec.media.encoder import read_stats

PROBE_CRF = 18
PSNR_CAP = 100.0
_TICK = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """What a probe's encoder said of one frame.

    `bits_per_pixel` of the small picture; `psnr` of luma in dB, capped.
    """

    bits_per_pixel: float
    psnr: float


class Probe:
    """Encodes every frame at a fixed CRF, one in, one reading out.

    One thread and no lookahead, so that a reading depends on the frames before it and nothing else:
    a table made for training and a real run see the same numbers. A frame counts as 1/25 s long.
    """

    def __init__(self, width: int, height: int) -> None:
        """Prepare for small frames of this size, as `SmallLuma` makes them."""
        context = CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
        context.time_base, context.framerate = _TICK, 1 / _TICK
        context.thread_count = 1
        context.flags |= Flags.psnr
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": str(PROBE_CRF),
            "x264-params": "keyint=infinite",
        }
        self._context = context
        self._pixels = width * height
        self._count = 0

    def read(self, frame: av.VideoFrame) -> ProbeReading:
        """Encode the next frame."""
        frame.pts, frame.time_base = self._count, _TICK
        frame.pict_type = PictureType.NONE
        self._count += 1
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise EncodeError(f"the probe gave {len(packets)} packets for a frame instead of one")
        _, error = read_stats(packets[0])
        return ProbeReading(
            bits_per_pixel=8 * packets[0].size / self._pixels,
            psnr=psnr(error or 0, self._pixels),
        )


def psnr(squared_error: int, samples: int, peak: int = 255) -> float:
    """PSNR in dB of a sum of squared errors over `samples`, at most `PSNR_CAP`."""
    if squared_error <= 0:
        return PSNR_CAP
    return min(PSNR_CAP, 10 * math.log10(peak * peak * samples / squared_error))

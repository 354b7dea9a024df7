"""Encodes for the tests to compare, and what is measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from rlcodec.media.capability import Capability, inspect
from rlcodec.media.encoder import AdaptiveEncoder, configure, encoder_options
from rlcodec.media.picture import Colour, Picture
from tests import clips


@dataclass(frozen=True)
class Encode:
    """A finished encode: its packets in coding order."""

    codec: str
    packets: list[av.Packet[av.VideoStream]]

    @property
    def payload(self) -> list[bytes]:
        return [bytes(packet) for packet in self.packets]

    @property
    def size(self) -> int:
        return sum(packet.size for packet in self.packets)

    def segment_size(self, start: int, end: int) -> int:
        """Bytes of the frames from `start` up to `end`, in display order."""
        return sum(
            packet.size
            for packet in self.packets
            if packet.pts is not None and start <= packet.pts < end
        )

    def luma(self) -> NDArray[np.uint16]:
        """Decoded luma (frames, height, width) in display order, as deep as it was coded."""
        context = CodecContext.create("h264" if self.codec == "libx264" else "hevc", "r")
        assert isinstance(context, VideoCodecContext)
        frames = [frame for packet in self.packets for frame in context.decode(packet)]
        frames += context.decode(None)
        return np.stack([luma_of(frame) for frame in frames])


def luma_of(frame: av.VideoFrame) -> NDArray[np.uint16]:
    """The first plane of a planar YUV frame, without padding and without any conversion."""
    plane = frame.planes[0]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    lines = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
    return lines[:, : plane.width].astype(np.uint16)


def encode(
    codec: str,
    pictures: Sequence[clips.Picture],
    *,
    crf: float,
    offsets: Sequence[float] | float | None = None,
    preset: str = "medium",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    capability: Capability | None = None,
) -> Encode:
    """Encode through `AdaptiveEncoder`, one thread, at `crf` plus `offsets`, one for each frame.

    Without `offsets` the frames are left as they are. `capability` is what `inspect` says unless it
    is given.
    """
    height, width = pictures[0].shape
    picture = Picture(width, height, pix_fmt, Fraction(1), Colour(), 1 / clips.RATE, clips.RATE)
    chosen = encoder_options(codec, preset, crf, options or {})
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, picture, chosen)
    context.thread_count = 1
    if offsets is None:
        capability, offsets = None, 0.0
    else:
        capability = capability or inspect(codec, pix_fmt, chosen)
    encoder = AdaptiveEncoder(context, picture, capability)
    if isinstance(offsets, (int, float)):
        offsets = [offsets] * len(pictures)
    packets = [
        each.packet
        for frame, offset in zip(clips.as_frames(pictures, pix_fmt=pix_fmt), offsets, strict=True)
        for each in encoder.encode(frame, offset)
    ]
    return Encode(codec, packets + [each.packet for each in encoder.flush()])


def psnr(one: NDArray[np.uint16], other: NDArray[np.uint16], bits: int = 8) -> float:
    """PSNR in dB of the mean squared error over all frames."""
    error = np.mean((one.astype(float) - other) ** 2)
    return float(10 * np.log10((2**bits - 1) ** 2 / error))

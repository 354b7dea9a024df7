"""One running encoder whose CRF changes from frame to frame.

The change is made by a region of interest that covers the whole frame. FFmpeg's libx264 and libx265
wrappers turn its `qoffset` into quantiser offsets of `qoffset * (51 + 6 * (bit_depth - 8))` for
every block, and both encoders' rate control answers to it like to another CRF wherever `capability`
says so.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
from av.codec.context import Flags
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from rlcodec.errors import EncodeError
from rlcodec.media.capability import Capability
from rlcodec.media.graphs import chain
from rlcodec.media.hdr import with_hdr
from rlcodec.media.picture import UNSPECIFIED, Picture

# FF_QP2LAMBDA in libavutil: encoders report QP times this
_QP_TO_LAMBDA = 118
# x265 leaves decoding timestamps unset in streams of fewer frames than it reorders
_SHORT = 3
# A policy makes some dozens of offsets, a plan as many as it has segments: about 8 kB for each
_MAX_REGIONS = 256
# AV_PKT_DATA_QUALITY_STATS in libavcodec/packet.h: quality, picture type, number of errors, errors
_STATS_HEADER = struct.Struct("<IBBxx")


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One packet as it leaves the encoder.

    `qp` is the mean quantiser, 0 where none is reported; `squared_error` the sum over luma, None
    where none is reported.
    """

    packet: av.Packet[av.VideoStream]
    pts: int
    qp: float
    squared_error: int | None


def encoder_options(
    codec: str, preset: str, crf: float, options: Mapping[str, str]
) -> dict[str, str]:
    """The options that open `codec` at `crf`, with the user's own `options` on top."""
    chosen = {"preset": preset, "crf": f"{crf:g}", **options}
    if codec == "libx265":
        # x265 writes to standard error by itself, whatever the log level of FFmpeg is
        params = chosen.get("x265-params")
        chosen["x265-params"] = "log-level=none" + (f":{params}" if params else "")
        # Closed captions that came with a frame, which libx264 writes unasked
        chosen.setdefault("a53cc", "1")
    return chosen


def pixel_formats(codec: str) -> list[str]:
    """The pixel formats that an encoder takes, by FFmpeg's names."""
    formats = av.Codec(codec, "w").video_formats or []
    # PyAV's libx265 lists formats with alpha and then refuses them
    return [each.name for each in formats if not each.name.startswith("yuva")]


def codes_fields(codec: str, height: int) -> bool:
    """Whether an encoder codes the fields of interlaced frames as what they are, and obeys offsets.

    x265 would want every field as a frame of its own. x264 works on pairs of rows of macroblocks,
    and where their number is odd it reads beyond the offsets that FFmpeg hands it.
    """
    return codec == "libx264" and -(-height // 16) % 2 == 0


def configure(context: VideoCodecContext, picture: Picture, options: Mapping[str, str]) -> None:
    """Set a codec context, not yet open, up for a stream of `picture`s."""
    context.width, context.height = picture.width, picture.height
    context.pix_fmt = picture.pix_fmt
    context.sample_aspect_ratio = picture.sample_aspect_ratio
    # With any other time base than the source's, timestamps would be rounded
    context.time_base = picture.time_base
    context.framerate = picture.rate
    # PyAV's own default, SLICE, costs up to 6 % of the bytes
    context.thread_type = "AUTO"
    colour = picture.colour
    if colour.primaries != UNSPECIFIED:
        context.color_primaries = colour.primaries
    if colour.transfer != UNSPECIFIED:
        context.color_trc = colour.transfer
    if colour.matrix != UNSPECIFIED:
        context.colorspace = colour.matrix
    context.color_range = colour.range
    context.options = with_hdr(context.name, options, picture.hdr)
    if picture.chroma_location is not None:
        context.options = {"chroma_sample_location": picture.chroma_location, **context.options}
    if picture.interlaced:
        context.flags |= Flags.interlaced_dct
        context.field_order = picture.field_order
    # Packets then carry their squared error, which changes no byte and costs next to nothing.
    # libx264 crashes when it shall report the error of a picture without chroma.
    if not picture.pix_fmt.startswith("gray"):
        context.flags |= Flags.psnr


def read_stats(packet: av.Packet[av.VideoStream]) -> tuple[float, int | None]:
    """Mean quantiser and summed squared error of luma that an encoder left with its packet."""
    stats = bytes(packet.get_sidedata("quality_stats"))
    if len(stats) < _STATS_HEADER.size:
        return 0.0, None
    quality, _, errors = _STATS_HEADER.unpack_from(stats)
    error = struct.unpack_from("<Q", stats, _STATS_HEADER.size)[0] if errors else None
    return quality / _QP_TO_LAMBDA, error


def _order(packets: list[av.Packet[av.VideoStream]]) -> None:
    """Set decoding timestamps anew: the k-th smallest timestamp, moved so that none comes late."""
    stamps = [packet.pts or 0 for packet in packets]
    ordered = sorted(stamps)
    delay = max(due - stamp for due, stamp in zip(ordered, stamps, strict=True))
    for packet, due in zip(packets, ordered, strict=True):
        packet.dts = due - delay


class _Encodes(Protocol):
    """A codec context, or the stream of an output that has one."""

    def encode(self, frame: av.VideoFrame | None = None) -> list[av.Packet[av.VideoStream]]: ...


class AdaptiveEncoder:
    """Encodes frames, each at the base CRF plus an offset of its own."""

    def __init__(self, target: _Encodes, picture: Picture, capability: Capability | None) -> None:
        """Drive `target`, whose context `configure` has set up for `picture`s.

        `capability` says what it makes of offsets; None promises that all offsets will be 0, and
        leaves the frames as they are.
        """
        self._target = target
        self._picture = picture
        self._capability = capability
        self._regions: dict[float, Graph] = {}
        self._durations: dict[int, int] = {}
        self._last_duration = 0
        self._frames = 0

    def encode(self, frame: av.VideoFrame, offset: float) -> list[EncodedFrame]:
        """Push `frame` at the base CRF plus `offset`; packets come out some frames later.

        Raises:
            EncodeError: the encoder failed.
        """
        # A decoded frame brings its picture type along, which would force the source's GOP
        frame.pict_type = PictureType.NONE
        assert frame.pts is not None
        self._durations[frame.pts] = self._last_duration = frame.duration or 0
        if self._capability is not None:
            # Rate control does not look at the complexity of the first frame: it gets no gain.
            # An offset of 0 is attached too: x265 keeps its frames for further use, together with
            # what was attached to them, and crashes where nothing was.
            gain = self._capability.gain if self._frames else 1.0
            frame = self._with_region(frame, offset * gain)
        self._frames += 1
        return self._collect(frame)

    def flush(self) -> list[EncodedFrame]:
        """What the encoder still holds; nothing can be pushed afterwards."""
        left = self._collect(None)
        if left:
            # MP4's table of durations goes by coding order: what stands for the end of the stream
            # there is the last packet, which need not be the last frame
            last = left[-1].packet
            last.duration = max(last.duration or 0, self._last_duration)
            if self._frames <= _SHORT:
                _order([each.packet for each in left])
        return left

    def _collect(self, frame: av.VideoFrame | None) -> list[EncodedFrame]:
        try:
            packets = self._target.encode(frame)
        except av.error.FFmpegError as error:
            raise EncodeError(f"the encoder gave up: {error.strerror}") from error
        return [self._read(packet) for packet in packets]

    def _read(self, packet: av.Packet[av.VideoStream]) -> EncodedFrame:
        assert packet.pts is not None
        duration = self._durations.pop(packet.pts, 0)
        if duration:
            packet.duration = duration
        return EncodedFrame(packet, packet.pts, *read_stats(packet))

    def _with_region(self, frame: av.VideoFrame, offset: float) -> av.VideoFrame:
        graph = self._regions.get(offset)
        if graph is None:
            if len(self._regions) == _MAX_REGIONS:
                self._regions.clear()
            graph = self._regions[offset] = self._region(offset)
        graph.vpush(frame)
        return graph.vpull()

    def _region(self, offset: float) -> Graph:
        picture = self._picture
        quantisers = 51 + 6 * (picture.bit_depth - 8)
        strength = Fraction(max(-1.0, min(1.0, offset / quantisers))).limit_denominator(10**6)
        region = ("addroi", f"x=0:y=0:w=iw:h=ih:qoffset={strength}")
        # FFmpeg's wrapper passes over the regions of frames that say they are interlaced. Whether
        # fields are coded was settled when the encoder was opened, and this keeps their order.
        whole = ("setfield", "prog")
        shape = (picture.width, picture.height, picture.pix_fmt, picture.time_base)
        return chain(*shape, region, whole)

"""What the pictures of a stream look like: the record that links source, filters and encoder."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.stream import VideoStream

from rlcodec.media.hdr import NO_HDR, Hdr, hdr_of
from rlcodec.media.stated import NO_CROPPING, Cropping, DolbyVision, stated_by

# ISO/IEC 23091-2 code points, as FFmpeg uses them
UNSPECIFIED = 2
MATRIX_RGB = 0
MATRIX_BT709 = 1
RANGE_UNSPECIFIED = 0
RANGE_LIMITED = 1
RANGE_FULL = 2

# What FFmpeg's scaler calls those that it knows
MATRIX_NAMES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
RANGE_NAMES = {RANGE_LIMITED: "limited", RANGE_FULL: "full"}

# AVFieldOrder in libavcodec/defs.h: what is neither unknown nor progressive
_FIELD_ORDERS = range(2, 6)
_FALLBACK_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour tags as ISO/IEC 23091-2 code points, and FFmpeg's number for the range."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = RANGE_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Picture:
    """Geometry, pixel format and timing of a stream of frames.

    Attributes:
        width, height: in pixels.
        pix_fmt: FFmpeg's name of the pixel format.
        sample_aspect_ratio: width over height of one pixel.
        colour: the stream's colour tags.
        time_base: length of a tick in seconds.
        rate: average frames per second.
        hdr: static HDR metadata.
        chroma_location: FFmpeg's name of where chroma lies; None for the usual place.
        interlaced: whether frames hold two fields, of different times.
        field_order: FFmpeg's number of the fields' order; 0 where it is not known.
        cropping: what the container wants to have cut off.
        dolby_vision: what the container says of Dolby Vision, None where nothing.
    """

    width: int
    height: int
    pix_fmt: str
    sample_aspect_ratio: Fraction
    colour: Colour
    time_base: Fraction
    rate: Fraction
    hdr: Hdr = NO_HDR
    chroma_location: str | None = None
    interlaced: bool = False
    field_order: int = 0
    cropping: Cropping = NO_CROPPING
    dolby_vision: DolbyVision | None = None

    @property
    def bit_depth(self) -> int:
        """Bits per component of the first plane."""
        return VideoFormat(self.pix_fmt).components[0].bits

    @property
    def frame_bytes(self) -> int:
        """Memory of one frame, without the padding of its lines."""
        pixels = VideoFormat(self.pix_fmt, self.width, self.height)
        return sum(
            component.width * component.height * ((component.bits + 7) // 8)
            for component in pixels.components
        )


def picture_of(stream: VideoStream, frame: av.VideoFrame | None = None) -> Picture:
    """What the frames of an input stream look like: by its first frame, or its headers alone."""
    seen = frame or stream
    pix_fmt = frame.format.name if frame else str(stream.codec_context.pix_fmt)
    stated = stated_by(stream)
    field_order = stream.codec_context.field_order
    if field_order not in _FIELD_ORDERS:
        field_order = 0
    return Picture(
        width=seen.width,
        height=seen.height,
        pix_fmt=pix_fmt,
        sample_aspect_ratio=Fraction(stream.sample_aspect_ratio or 1),
        colour=_colour_of(frame or stream.codec_context, pix_fmt),
        time_base=Fraction(stream.time_base or 0),
        rate=rate_of(stream),
        hdr=hdr_of(frame) if frame else NO_HDR,
        chroma_location=stated.chroma_location,
        interlaced=bool(field_order or (frame and frame.interlaced_frame)),
        field_order=field_order,
        cropping=stated.cropping,
        dolby_vision=stated.dolby_vision,
    )


def same_colours(colour: Colour) -> list[str]:
    """What keeps FFmpeg's scaler from changing matrix or range: where it guesses, it guesses wrong.

    It takes for BT.601 what is not said on its input or output, and all grey for full range.
    """
    matrix, extent = MATRIX_NAMES.get(colour.matrix), RANGE_NAMES.get(colour.range)
    said = [f"in_color_matrix={matrix}", f"out_color_matrix={matrix}"] if matrix else []
    return said + ([f"in_range={extent}", f"out_range={extent}"] if extent else [])


def rate_of(stream: VideoStream) -> Fraction:
    """Average frames per second; 25 where the stream does not say."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate is not None and 0 < rate <= 1000:
            return Fraction(rate)
    return _FALLBACK_RATE


def _colour_of(tagged: av.VideoFrame | VideoCodecContext, pix_fmt: str) -> Colour:
    tagged_range = int(tagged.color_range)
    # FFmpeg takes grey pictures that do not say their range for full, as images are
    full = pix_fmt.startswith("yuvj") or (
        pix_fmt.startswith("gray") and tagged_range == RANGE_UNSPECIFIED
    )
    return Colour(
        primaries=int(tagged.color_primaries),
        transfer=int(tagged.color_trc),
        matrix=int(tagged.colorspace),
        range=RANGE_FULL if full else tagged_range,
    )

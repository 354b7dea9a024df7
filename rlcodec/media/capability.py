"""What an encoder, set up in a certain way, makes of a CRF offset.

Nothing here is a table of presets: the encoder is opened as it will be used, on a tiny picture, and
asked. libx264 and libx265 write their effective settings into an SEI message of the stream, and
their FFmpeg wrappers log when they pass over a region of interest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import lru_cache

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

from rlcodec.errors import SettingsError
from rlcodec.media.graphs import chain
from rlcodec.media.logs import caught

_SIDE = 128
_RATE = Fraction(25)


class Control(Enum):
    """How the encoder answers to a CRF offset."""

    EXACT = "exact"
    """An offset d at CRF c is CRF c + d."""
    SCALED = "scaled"
    """The same, once d is multiplied by a known gain."""
    ABSENT = "absent"
    """Offsets are ignored."""


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether the CRF can change inside the running encoder.

    Attributes:
        control: how the encoder answers.
        gain: what an offset is multiplied by before it is handed over, 1 where exact.
        reason: why, in words, where it is not exact.
    """

    control: Control
    gain: float = 1.0
    reason: str = ""


EXACT = Capability(Control.EXACT)


def inspect(codec: str, pix_fmt: str, options: Mapping[str, str]) -> Capability:
    """Open `codec` with `options` on a tiny picture and learn what offsets will do.

    Raises:
        SettingsError: the encoder does not know an option, or its value; the message names it.
    """
    return _inspect(codec, pix_fmt, tuple(sorted(options.items())))


@lru_cache(maxsize=32)
def _inspect(codec: str, pix_fmt: str, options: tuple[tuple[str, str], ...]) -> Capability:
    with caught(av.logging.WARNING) as records:
        try:
            packet, unused = _encode_one(codec, pix_fmt, dict(options))
        except av.error.FFmpegError as error:
            reasons = [message.strip() for _, _, message in records] or [str(error.strerror)]
            raise SettingsError(f"{codec} refuses its options: {'; '.join(reasons)}") from error
    messages = [message.strip() for _, _, message in records]
    if unused:
        raise SettingsError(f"{codec} has no option {', '.join(map(repr, unused))}")
    complaints = [
        message
        for message in messages
        if re.match(
            r"Error parsing option|bad (option|value)|Unknown option|Invalid value", message
        )
    ]
    if complaints:
        raise SettingsError(f"{codec} refuses an option: {'; '.join(complaints)}")
    return _judge(_reported(packet), skipped=any("skipping ROI" in each for each in messages))


def _encode_one(codec: str, pix_fmt: str, options: dict[str, str]) -> tuple[bytes, tuple[str, ...]]:
    """The packet of one empty frame with a region of interest, and the options nobody took."""
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width = context.height = _SIDE
    context.pix_fmt = pix_fmt
    context.time_base, context.framerate = 1 / _RATE, _RATE
    context.thread_count = 1
    context.options = options
    frame = av.VideoFrame(_SIDE, _SIDE, pix_fmt)
    frame.pts, frame.time_base = 0, 1 / _RATE
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    region = ("addroi", "x=0:y=0:w=iw:h=ih:qoffset=0.1")
    graph = chain(_SIDE, _SIDE, pix_fmt, 1 / _RATE, region)
    graph.vpush(frame)
    packets = [*context.encode(graph.vpull()), *context.encode(None)]
    return bytes(packets[0]), tuple(context.options)


def _reported(packet: bytes) -> dict[str, str]:
    """The settings in the encoder's SEI message: `key=value`, or `key` and `no-key`."""
    match = re.search(rb"options: ([ -~]+)", packet)
    if match is None:
        raise SettingsError("the encoder does not tell its settings; leave its SEI message on")
    settings = {}
    for word in match[1].decode("ascii").split():
        key, _, value = word.partition("=")
        settings[key] = value
    return settings


def _judge(settings: dict[str, str], *, skipped: bool) -> Capability:
    if settings.get("rc", "").partition("(")[0] != "crf":
        mode = settings.get("rc", "unknown")
        return Capability(Control.ABSENT, reason=f"its rate control is {mode}, not crf")
    # mbtree is x264's name, cutree x265's, for the lookahead's propagation of importance
    tree = settings.get("mbtree") == "1" or "cutree" in settings
    # x264 reports `aq=0` or `aq=mode:strength`, x265 both apart
    mode, _, strength = settings.get("aq", settings.get("aq-mode", "0")).partition(":")
    strength = settings.get("aq-strength", strength) or "0"
    # At strength 0 the encoders switch it off by themselves, unless their tree needs it
    if skipped or mode == "0" or (float(strength) == 0 and not tree):
        return Capability(Control.ABSENT, reason="adaptive quantisation is off")
    if tree:
        return EXACT
    # Without it the rate control evens complexity out by the power 1 - qcomp, and an offset, which
    # it takes for complexity, with it
    qcomp = float(settings["qcomp"])
    if qcomp == 0:
        return Capability(Control.ABSENT, reason="qcomp is 0, which evens every offset out")
    return Capability(Control.SCALED, 1 / qcomp, "lookahead tree is off: offsets divided by qcomp")

"""Trial encodes: one setting of an encoder over a whole reference, every frame measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from rlcodec.errors import EncodeError
from rlcodec.media.encoder import (
    AdaptiveEncoder,
    configure,
    encoder_options,
)
from rlcodec.media.probe import PSNR_CAP, psnr
from rlcodec.media.quality import FrameScorer
from rlcodec.media.reference import Reference
from rlcodec.media.types import VideoFrame, VideoPacket
from rlcodec.media.vmaf import vmaf_scorer
from rlcodec.settings import Settings

_METRICS = ("psnr", "ssim")
_DECODERS = {"libx264": "h264", "libx265": "hevc"}
LIBRARIES = f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"
"""What encodes are made with: other versions give other bytes."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of every frame, in display order: arrays of one length.

    Attributes:
        bytes: size of the frame's packet.
        qp: its mean quantiser as the encoder reports it; 0 where it does not.
        psnr: of the decoded frame's luma, in dB, at most 100.
        ssim: of the decoded frame's luma.
        reported_psnr: of luma as the encoder reports it, in dB; nan where it does not.
        vmaf: 0 to 100; None where it was not asked for.
        delay: frames that the encoder took in before its first packet came out.
    """

    bytes: NDArray[np.uint32]
    qp: Floats
    psnr: Floats
    ssim: Floats
    reported_psnr: Floats
    vmaf: Floats | None
    delay: int


def trial(
    reference: Reference,
    settings: Settings,
    *,
    threads: int,
    vmaf: bool,
    on_frame: Callable[[], None],
) -> Trial:
    """Encode all of `reference` in one go as `settings` say, and score what decodes from it.

    `on_frame` is called after every frame. With one of the encoder's `threads` the result is the
    same on every machine. Decoding and scoring add a seventh to the time that `medium` takes.

    Raises:
        EncodeError: the encoder failed, or what it wrote does not decode.
        SettingsError: VMAF is asked for and cannot be measured here.
    """
    work = _Work(reference, settings, threads)
    scorer = FrameScorer(reference.picture, _METRICS)
    scores: list[dict[str, float]] = []
    # What the encoder has taken in and the decoder not yet given back: some dozens of frames
    waiting = deque[VideoFrame]()
    with ExitStack() as stack:
        slow = stack.enter_context(vmaf_scorer()(reference.picture)) if vmaf else None
        for frame in chain(reference, [None]):
            if frame is not None:
                waiting.append(frame)
            for shown in work.push(frame):
                if slow is not None:
                    slow.push(waiting[0], shown)
                scores.append(scorer.score(waiting.popleft(), shown))
                on_frame()
        vmafs = None if slow is None else np.array(slow.finish(), np.float32)
    if waiting or len(work.coded) != reference.frames:
        raise EncodeError("what was encoded does not decode to the same frames")
    coded = [work.coded[pts] for pts in sorted(work.coded)]
    psnrs = np.array([score["psnr"] for score in scores], np.float32)
    return Trial(
        bytes=np.array([each.bytes for each in coded], np.uint32),
        qp=np.array([each.qp for each in coded], np.float32),
        psnr=np.minimum(psnrs, np.float32(PSNR_CAP)),
        ssim=np.array([score["ssim"] for score in scores], np.float32),
        reported_psnr=np.array([each.psnr for each in coded], np.float32),
        vmaf=vmafs,
        delay=work.delay,
    )


class _Coded(NamedTuple):
    """What the encoder said of a frame: all that is kept of its packet."""

    bytes: int
    qp: float
    psnr: float


class _Work:
    """An encoder and a decoder, one behind the other.

    Attributes:
        coded: what the encoder said, by the timestamps of the frames.
        delay: frames that it took in before its first packet came out.
    """

    def __init__(self, reference: Reference, settings: Settings, threads: int) -> None:
        picture = reference.picture
        context = CodecContext.create(settings.codec, "w")
        assert isinstance(context, VideoCodecContext)
        configure(context, picture, options_with_threads(settings, threads))
        context.thread_count = threads
        # As in a file: parameter sets stand in the header, and are not counted with a frame
        context.flags |= Flags.global_header
        self._encoder = AdaptiveEncoder(context, picture, capability=None)
        self._context = context
        self._decoder: VideoCodecContext | None = None
        self._name = _DECODERS[settings.codec]
        self._pixels = picture.width * picture.height
        self._pushed = 0
        self.coded: dict[int, _Coded] = {}
        self.delay = 0

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """The frames that a player would show by now, in display order; None ends the stream."""
        encoder = self._encoder
        for each in encoder.flush() if frame is None else encoder.encode(frame, 0.0):
            error = each.squared_error
            said = float("nan") if error is None else psnr(error, self._pixels)
            if not self.coded:
                self.delay = self._pushed
                self._decoder = self._open_decoder()
            self.coded[each.pts] = _Coded(each.packet.size, each.qp, said)
            yield from self._decoded(each.packet)
        self._pushed += 1
        if frame is None:
            yield from self._decoded(None)

    def _open_decoder(self) -> VideoCodecContext:
        decoder = CodecContext.create(self._name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = self._context.extradata
        decoder.thread_count = 1
        return decoder

    def _decoded(self, packet: VideoPacket | None) -> list[VideoFrame]:
        assert self._decoder is not None
        frames = self._decoder.decode(packet)
        if any(frame.is_corrupt for frame in frames):
            raise EncodeError("what was encoded does not decode")
        return frames


def options_with_threads(settings: Settings, threads: int) -> dict[str, str]:
    """The options that open the encoder: x265 is not told its `threads` by the context."""
    own = dict(settings.encoder_options)
    if settings.codec == "libx265":
        # FFmpeg does not tell x265 how many threads it may use
        limits = f"pools={threads}:frame-threads={threads}"
        params = own.get("x265-params")
        own["x265-params"] = f"{limits}:{params}" if params else limits
    return encoder_options(settings.codec, settings.preset, settings.crf, own)

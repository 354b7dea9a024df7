"""Trial encodes: one setting of an encoder over a whole reference, every frame measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from rlcodec.errors import EncodeError
from rlcodec.media.encoder import (
    AdaptiveEncoder,
    EncodedFrame,
    configure,
    encoder_options,
    read_stats,
)
from rlcodec.media.probe import PSNR_CAP, psnr
from rlcodec.media.quality import FrameScorer
from rlcodec.media.reference import Reference
from rlcodec.media.types import VideoFrame
from rlcodec.media.vmaf import vmaf_scorer
from rlcodec.settings import Settings

_DECODERS = {"libx264": "h264", "libx265": "hevc"}
LIBRARIES = f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"
"""What encodes are made with: other versions give other bytes."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of every frame, in display order: arrays of one length.

    Attributes:
        bytes: size of the frame's packet.
        qp: its mean quantiser as the encoder reports it; negative where it does not.
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
    same on every machine; what scoring adds is a tenth of the time that `medium` takes.

    Raises:
        EncodeError: the encoder failed, or what it wrote does not decode.
        SettingsError: VMAF is asked for and cannot be measured here.
    """
    work = _Work(reference, settings, threads)
    metrics = ["psnr", "ssim"]
    scorer = FrameScorer(reference.picture, metrics)
    scores: dict[str, list[float]] = {metric: [] for metric in metrics}
    with ExitStack() as stack:
        slow = stack.enter_context(vmaf_scorer()(reference.picture)) if vmaf else None
        for good, bad in zip(reference, work.decoded(), strict=True):
            if slow is not None:
                slow.push(good, bad)
            for metric, score in scorer.score(good, bad).items():
                scores[metric].append(score)
            on_frame()
        vmafs = None if slow is None else np.array(slow.finish(), np.float32)
    order = sorted(work.encoded)
    encoded = [work.encoded[pts] for pts in order]
    pixels = reference.picture.width * reference.picture.height
    return Trial(
        bytes=np.array([each.packet.size for each in encoded], np.uint32),
        qp=np.array([read_stats(each.packet)[0] for each in encoded], np.float32),
        psnr=np.minimum(np.array(scores["psnr"], np.float32), np.float32(PSNR_CAP)),
        ssim=np.array(scores["ssim"], np.float32),
        reported_psnr=np.array([_reported(each, pixels) for each in encoded], np.float32),
        vmaf=vmafs,
        delay=work.delay,
    )


class _Work:
    """An encoder and a decoder, one behind the other. `encoded` has the packets by timestamp."""

    def __init__(self, reference: Reference, settings: Settings, threads: int) -> None:
        context = CodecContext.create(settings.codec, "w")
        assert isinstance(context, VideoCodecContext)
        options = encoder_options(
            settings.codec, settings.preset, settings.crf, settings.encoder_options
        )
        configure(context, reference.picture, options)
        context.thread_count = threads
        # As in a file: parameter sets stand in the header, and are not counted with a frame
        context.flags |= Flags.global_header
        self._encoder = AdaptiveEncoder(context, reference.picture, capability=None)
        self._context = context
        self._decoder: VideoCodecContext | None = None
        self._name = _DECODERS[settings.codec]
        self._reference = reference
        self._pushed = 0
        self.encoded: dict[int, EncodedFrame] = {}
        self.delay = 0

    def decoded(self) -> Iterator[VideoFrame]:
        """The frames that a player would show, in display order."""
        for frame in self._reference:
            yield from self._decode(self._encoder.encode(frame, 0.0))
            self._pushed += 1
        yield from self._decode(self._encoder.flush())
        if self._decoder is not None:
            yield from self._shown(self._decoder.decode(None))

    def _decode(self, encoded: list[EncodedFrame]) -> Iterator[VideoFrame]:
        for each in encoded:
            if not self.encoded:
                self.delay = self._pushed
            self.encoded[each.pts] = each
            if self._decoder is None:
                self._decoder = self._open_decoder()
            yield from self._shown(self._decoder.decode(each.packet))

    def _open_decoder(self) -> VideoCodecContext:
        decoder = CodecContext.create(self._name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = self._context.extradata
        decoder.thread_count = 1
        return decoder

    def _shown(self, frames: list[VideoFrame]) -> list[VideoFrame]:
        if any(frame.is_corrupt for frame in frames):
            raise EncodeError(f"{self._reference.label}: what was encoded does not decode")
        return frames


def _reported(encoded: EncodedFrame, pixels: int) -> float:
    error = encoded.squared_error
    return float("nan") if error is None else psnr(error, pixels)

"""Two passes at one bitrate: the encoders' own way to meet a size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from rlcodec.media.containers import BY_SUFFIX
from rlcodec.media.encoder import AdaptiveEncoder, configure
from rlcodec.media.output import Output
from rlcodec.media.picture import Picture
from rlcodec.media.trial import options_with_threads
from rlcodec.media.types import VideoFrame
from rlcodec.settings import Settings


def two_pass(
    frames: Callable[[], Iterable[VideoFrame]],
    target: Path,
    picture: Picture,
    settings: Settings,
    *,
    bitrate: int,
    folder: Path,
    threads: int,
) -> None:
    """Encode `frames` twice, the second time with what the first one noted, into `target`.

    Args:
        frames: gives the frames anew for every pass.
        target: the file to write.
        picture: what the frames look like.
        settings: the encoder; their CRF is not used.
        bitrate: in bits per second.
        folder: where the encoder keeps its notes; a private one.
        threads: of the encoder.

    Raises:
        EncodeError: the encoder failed.
        OutputError: the file cannot be written.
    """
    notes = folder / "passes"
    context = CodecContext.create(settings.codec, "w")
    assert isinstance(context, VideoCodecContext)
    _set_up(context, picture, settings, bitrate, notes, number=1, threads=threads)
    _take_notes(AdaptiveEncoder(context, picture, capability=None), frames())
    # The notes are complete once the encoder is gone
    del context
    output = Output(target, BY_SUFFIX[target.suffix], label=str(target))
    stream = output.add_video(settings.codec, picture, {})
    _set_up(stream.codec_context, picture, settings, bitrate, notes, number=2, threads=threads)
    output.start()
    encoder = AdaptiveEncoder(stream, picture, capability=None)
    for frame in frames():
        for each in encoder.encode(frame, 0.0):
            output.write_video(each.packet)
    for each in encoder.flush():
        output.write_video(each.packet)
    output.close()


def _take_notes(encoder: AdaptiveEncoder, frames: Iterable[VideoFrame]) -> None:
    for frame in frames:
        encoder.encode(frame, 0.0)
    encoder.flush()


def _set_up(
    context: VideoCodecContext,
    picture: Picture,
    settings: Settings,
    bitrate: int,
    notes: Path,
    *,
    number: int,
    threads: int,
) -> None:
    options = options_with_threads(settings, threads)
    del options["crf"]
    if settings.codec == "libx265":
        # As a value in a list of them, whose separators a path may have in it
        path = str(notes).replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")
        options["x265-params"] += f":pass={number}:stats={path}"
    else:
        options["stats"] = str(notes)
    configure(context, picture, options)
    context.bit_rate, context.thread_count = bitrate, threads
    if settings.codec != "libx265":
        context.flags |= Flags.pass1 if number == 1 else Flags.pass2

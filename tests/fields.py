"""Interlaced clips, clips that change in their midst, and how combed a picture is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.video.stream import VideoStream

from rlcodec.media.graphs import chain
from tests import clips


def woven(pictures: Sequence[clips.Picture], *, top_first: bool = True) -> list[clips.Picture]:
    """Frames of two fields each: one of a picture, the other of the next."""
    frames = []
    for early, late in zip(pictures[::2], pictures[1::2], strict=True):
        frame = early.copy()
        lines = slice(int(top_first), None, 2)
        frame[lines] = late[lines]
        frames.append(frame)
    return frames


def flagged(frames: Iterator[av.VideoFrame], *, top_first: bool = True) -> Iterator[av.VideoFrame]:
    """The same frames, marked as interlaced."""
    graph = None
    for frame in frames:
        if graph is None:
            mode = "tff" if top_first else "bff"
            assert frame.time_base is not None
            shape = (frame.width, frame.height, frame.format.name, Fraction(frame.time_base))
            graph = chain(*shape, ("setfield", mode))
        graph.vpush(frame)
        yield graph.vpull()


def write_interlaced(
    path: Path,
    frames: Sequence[clips.Picture],
    *,
    codec: str = "libx264",
    top_first: bool = True,
    time_base: Fraction = 1 / clips.RATE,
    stamps: Sequence[int] | None = None,
    pix_fmt: str = "yuv420p",
    sample_aspect_ratio: Fraction | None = None,
) -> Path:
    """Write woven frames, coded as what they are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=clips.RATE)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.height, context.width = frames[0].shape
        context.pix_fmt, context.time_base = pix_fmt, time_base
        if sample_aspect_ratio is not None:
            context.sample_aspect_ratio = sample_aspect_ratio
        context.thread_count = 1
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = 2 if top_first else 3
        fine = {"preset": "veryfast", "crf": "8"} if codec == "libx264" else {"qmax": "2"}
        context.options = fine
        made = clips.as_frames(frames, pix_fmt=pix_fmt, time_base=time_base, stamps=stamps)
        for frame in flagged(made, top_first=top_first):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def join(path: Path, *parts: Path) -> Path:
    """Put transport streams after each other, into one stream."""
    with av.open(str(path), "w") as container:
        copy: VideoStream | None = None
        after = 0
        for part in parts:
            with av.open(str(part)) as reader:
                video = reader.streams.video[0]
                copy = copy or container.add_stream_from_template(video)
                shift: int | None = None
                for packet in reader.demux(video):
                    if packet.pts is not None and packet.dts is not None:
                        if shift is None:
                            shift = after - packet.dts
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        after = max(after, packet.pts + (packet.duration or 0))
                        packet.stream = copy
                        container.mux(packet)
    return path


def combing(picture: clips.Picture) -> float:
    """The share of pixels that stand out from the lines above and below in the same direction."""
    lines = picture.astype(int)
    above, below = lines[1:-1] - lines[:-2], lines[1:-1] - lines[2:]
    return float(np.mean((above * below > 0) & (np.minimum(abs(above), abs(below)) > 12)))

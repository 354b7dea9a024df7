"""Finished files of one video stream, read back: what packets cost, and what frames show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from rlcodec.errors import EncodeError
from rlcodec.media.types import VideoFrame


@dataclass(frozen=True, slots=True)
class Coded:
    """The packet of one frame: its size, and whether a decoder can begin with it."""

    bytes: int
    key: bool


def packets_of(path: Path) -> list[Coded]:
    """The packets of every frame of a file, in display order."""
    with av.open(f"file:{path}") as container:
        found = [
            (packet.pts or 0, Coded(packet.size, packet.is_keyframe))
            for packet in container.demux(video=0)
            if packet.size
        ]
    return [coded for _, coded in sorted(found, key=lambda each: each[0])]


def frames_of(path: Path) -> Iterator[VideoFrame]:
    """The frames of a file, in display order, decoded by one thread.

    Raises:
        EncodeError: the file does not decode.
    """
    try:
        with av.open(f"file:{path}") as container:
            container.streams.video[0].codec_context.thread_count = 1
            for frame in container.decode(video=0):
                if frame.is_corrupt:
                    raise EncodeError("what was encoded does not decode")
                yield frame
    except av.error.FFmpegError as error:
        raise EncodeError(f"what was encoded does not decode: {error.strerror}") from error

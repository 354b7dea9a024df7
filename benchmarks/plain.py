"""The plain PyAV loop that rlcodec is measured against: decode, encode at one CRF, mux."""

from __future__ import annotations

import sys
from fractions import Fraction

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream


def encode(source_path: str, target_path: str, preset: str, crf: str) -> None:
    """Encode the video of a file with libx264, AUTO threads and the source's time base."""
    with av.open(source_path) as source, av.open(target_path, "w") as target:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = target.add_stream("libx264", rate=video.average_rate or Fraction(25))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = video.width, video.height
        context.pix_fmt = str(video.codec_context.pix_fmt)
        if video.time_base is not None:
            context.time_base = video.time_base
        context.thread_type = "AUTO"
        context.options = {"preset": preset, "crf": crf}
        for frame in source.decode(video):
            frame.pict_type = PictureType.NONE
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


if __name__ == "__main__":
    encode(*sys.argv[1:])

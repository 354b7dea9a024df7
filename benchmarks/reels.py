"""Reels: clips of one folder joined at one size and rate, to measure many-shot video."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.stream import VideoStream

SUFFIXES = {".mkv", ".mov", ".mp4", ".webm"}


def videos(folder: Path) -> list[Path]:
    """Every video below a folder, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def draw(folder: Path, count: int, seed: int) -> list[Path]:
    """`count` clips of a folder, drawn by `seed`."""
    found = videos(folder)
    return random.Random(seed).sample(found, min(count, len(found)))  # noqa: S311 # a draw


def pictures(
    path: Path, width: int, height: int, *, limit: int | None = None
) -> Iterator[av.VideoFrame]:
    """The first `limit` frames of a video, yuv420p, scaled to fill a size and cropped to it."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        graph: Graph | None = None
        for number, frame in enumerate(container.decode(video)):
            if limit is not None and number >= limit:
                return
            if graph is None:
                graph = Graph()
                graph.link_nodes(
                    graph.add_buffer(
                        width=frame.width,
                        height=frame.height,
                        format=frame.format,
                        time_base=video.time_base,
                    ),
                    graph.add(
                        "scale",
                        f"w={width}:h={height}:force_original_aspect_ratio=increase:flags=area",
                    ),
                    graph.add("crop", f"w={width}:h={height}"),
                    graph.add("format", "yuv420p"),
                    graph.add("buffersink"),
                ).configure()
            graph.vpush(frame)
            yield graph.vpull()


def write(
    target: Path,
    sources: Iterable[Iterable[av.VideoFrame]],
    *,
    width: int,
    height: int,
    rate: Fraction,
    crf: int = 12,
) -> list[int]:
    """Join frames into one nearly lossless H.264 file; the number of each join's first frame."""
    joins: list[int] = []
    count = 0
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = width, height
        context.time_base, context.pix_fmt, context.thread_type = 1 / rate, "yuv420p", "AUTO"
        context.options = {"preset": "ultrafast", "crf": str(crf)}
        for frames in sources:
            joins.append(count)
            for frame in frames:
                frame.pts, frame.time_base = count, 1 / rate
                frame.pict_type = av.video.frame.PictureType.NONE
                container.mux(stream.encode(frame))
                count += 1
        container.mux(stream.encode(None))
    return joins[1:]


def reel(
    target: Path, clips: Sequence[Path], *, width: int, height: int, each: int, rate: Fraction
) -> list[int]:
    """Write a reel of the first `each` frames of `clips`; the frame numbers of its cuts."""
    sources = (pictures(clip, width, height, limit=each) for clip in clips)
    return write(target, sources, width=width, height=height, rate=rate)

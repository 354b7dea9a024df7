"""PSNR and SSIM of one file against another, by FFmpeg's own filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
from av.filter import Graph
from av.filter.context import FilterContext

from rlcodec.errors import InputError
from rlcodec.media.probe import PSNR_CAP

_TICK = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """One frame's luma: its PSNR in dB, at most `PSNR_CAP`, and its SSIM."""

    psnr: float
    ssim: float


def mean_quality(frames: Iterable[FrameQuality]) -> FrameQuality:
    """The means over frames; at least one."""
    scored = list(frames)
    return FrameQuality(
        psnr=sum(frame.psnr for frame in scored) / len(scored),
        ssim=sum(frame.ssim for frame in scored) / len(scored),
    )


def compare_frames(reference: Path, distorted: Path) -> Iterator[FrameQuality]:
    """The quality of every frame of `distorted`, the first against the first and so on.

    Raises:
        InputError: the files differ in size, pixel format or number of frames.
    """
    with av.open(f"file:{reference}") as one, av.open(f"file:{distorted}") as other:
        scorer: _Scorer | None = None
        pairs = zip_longest(one.decode(video=0), other.decode(video=0))
        for number, (good, bad) in enumerate(pairs):
            if good is None or bad is None:
                shorter = reference if good is None else distorted
                raise InputError(f"{shorter}: ends after {number} frames, before the other file")
            if _shape(good) != _shape(bad):
                raise InputError(
                    f"{distorted}: pictures of {_shape(bad)} cannot be scored against "
                    f"{_shape(good)} in {reference}"
                )
            scorer = scorer or _Scorer(good)
            yield scorer.score(good, bad, number)


class _Scorer:
    """A graph of the `ssim` and `psnr` filters, for frames like `frame`."""

    def __init__(self, frame: av.VideoFrame) -> None:
        # Kept, because a filter does not keep its graph alive
        self._graph = graph = Graph()
        graph.threads = 1
        self._inputs = [_buffer(graph, frame, name) for name in ("good", "bad")]
        self._sinks = []
        copies = [graph.add("split"), graph.add("split")]
        for source, copy in zip(self._inputs, copies, strict=True):
            source.link_to(copy)
        for place, metric in enumerate(("psnr", "ssim")):
            scored = graph.add(metric)
            for pad, copy in enumerate(copies):
                copy.link_to(scored, place, pad)
            self._sinks.append(graph.add("buffersink"))
            scored.link_to(self._sinks[-1])
        graph.configure()

    def score(self, good: av.VideoFrame, bad: av.VideoFrame, number: int) -> FrameQuality:
        for source, frame in zip(self._inputs, (good, bad), strict=True):
            # The filters pair frames by timestamp; which belong together is known already
            frame.pts, frame.time_base = number, _TICK
            source.push(frame)
        psnr, ssim = (sink.pull() for sink in self._sinks)
        assert isinstance(psnr, av.VideoFrame)
        assert isinstance(ssim, av.VideoFrame)
        return FrameQuality(
            psnr=min(PSNR_CAP, float(psnr.metadata["lavfi.psnr.psnr.y"])),
            ssim=float(ssim.metadata["lavfi.ssim.Y"]),
        )


def _buffer(graph: Graph, frame: av.VideoFrame, name: str) -> FilterContext:
    return graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, name=name, time_base=_TICK
    )


def _shape(frame: av.VideoFrame) -> str:
    return f"{frame.width}x{frame.height} {frame.format.name}"

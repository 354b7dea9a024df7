"""PSNR, SSIM and XPSNR of one frame against another, by FFmpeg's own filters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
from av.filter import Graph
from av.filter.context import FilterContext

from rlcodec.errors import InputError
from rlcodec.media.picture import Picture
from rlcodec.media.recipe import SMALLEST_SIDE

FILTERS = {
    "psnr": "lavfi.psnr.psnr.y",
    "ssim": "lavfi.ssim.Y",
    "xpsnr": "lavfi.xpsnr.xpsnr.y",
}
"""The metrics that are filters, and where these leave the score of a frame's luma."""
XPSNR_PIXELS = 45 * 45
"""The smallest picture for XPSNR: below, vf_xpsnr.c divides by a block size of 0."""
VMAF_SIDE = 40
"""The smallest side for VMAF: below, libvmaf gives other scores each time; at 16 it crashes."""
_TICK = Fraction(1, 25)


def check_size(picture: Picture, metrics: Sequence[str], *, label: str) -> None:
    """See that the pictures, those of `label`, are large enough to be scored.

    Raises:
        InputError: they are not.
    """
    width, height = picture.width, picture.height
    need = None
    if min(width, height) < SMALLEST_SIDE:
        need = f"be scored: both sides need {SMALLEST_SIDE} pixels"
    elif "xpsnr" in metrics and width * height < XPSNR_PIXELS:
        need = f"measure xpsnr, which needs {XPSNR_PIXELS} pixels"
    elif "vmaf" in metrics and min(width, height) < VMAF_SIDE:
        need = f"measure vmaf: both sides need {VMAF_SIDE} pixels"
    if need:
        raise InputError(f"{label}: pictures of {width}x{height} are too small to {need}")


class FrameScorer:
    """A chain of filters that scores pairs of frames."""

    def __init__(self, picture: Picture, metrics: Sequence[str]) -> None:
        """Prepare for pairs of `picture`s; `metrics` are keys of `FILTERS`, one at least."""
        # Kept, because a filter does not keep its graph alive
        self._graph = graph = Graph()
        graph.threads = 1
        self._inputs = [
            # XPSNR goes by the rate, which PyAV's own way to add an input leaves out
            graph.add(
                "buffer",
                f"video_size={picture.width}x{picture.height}:pix_fmt={picture.pix_fmt}:"
                f"time_base={_TICK}:frame_rate={picture.rate}",
                name=name,
            )
            for name in ("reference", "distorted")
        ]
        # Chroma is not scored: without it the filters have a third less to do
        reference, scored = (self._luma_of(node) for node in self._inputs)
        copies = graph.add("split", str(len(metrics)))
        reference.link_to(copies)
        for place, metric in enumerate(metrics):
            node = graph.add(metric)
            scored.link_to(node)
            copies.link_to(node, place, 1)
            scored = node
        self._sink = graph.add("buffersink")
        scored.link_to(self._sink)
        graph.configure()
        self._metrics = tuple(metrics)
        self._count = 0

    def _luma_of(self, node: FilterContext) -> FilterContext:
        luma = self._graph.add("extractplanes", "y")
        node.link_to(luma)
        return luma

    def score(self, reference: av.VideoFrame, distorted: av.VideoFrame) -> dict[str, float]:
        """The scores of the next pair, in dB but for SSIM; those of equal frames are infinite."""
        for node, frame in zip(self._inputs, (reference, distorted), strict=True):
            # The filters pair frames by timestamp; which belong together is known already
            frame.pts, frame.time_base = self._count, _TICK
            node.push(frame)
        self._count += 1
        scored = self._sink.pull()
        assert isinstance(scored, av.VideoFrame)
        return {metric: float(scored.metadata[FILTERS[metric]]) for metric in self._metrics}

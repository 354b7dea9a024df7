"""Scores the frames of one file against those of another, and notes what each metric costs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rlcodec.benchmark.meter import cpu_seconds
from rlcodec.benchmark.results import METRICS
from rlcodec.errors import EncodeError
from rlcodec.media.picture import Picture
from rlcodec.media.quality import FrameScorer
from rlcodec.media.types import VideoFrame
from rlcodec.media.vmaf import vmaf_scorer

_GROUPS = (("psnr_y", "ssim_y"), ("xpsnr_y",), ("vmaf",))
"""Metrics whose cost is told apart."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of every frame of a file, by metric, and what the dear ones took of CPU."""

    values: dict[str, Values]
    xpsnr_cpu_s: float
    vmaf_cpu_s: float


def score(
    picture: Picture,
    references: Iterable[VideoFrame],
    distorted: Iterable[VideoFrame],
    metrics: Sequence[str],
) -> Scored:
    """Score `distorted` frames against `references`, pair by pair.

    Args:
        picture: what the frames of both look like.
        references: the frames that were encoded.
        distorted: as they came out.
        metrics: by the names in `results.METRICS`.

    Raises:
        EncodeError: there are more of the one than of the other.
    """
    with ExitStack() as stack:
        groups = [[metric for metric in group if metric in metrics] for group in _GROUPS]
        scorers = [stack.enter_context(_Scorer(picture, group)) for group in groups if group]
        for frame, other in zip_longest(references, distorted):
            if frame is None or other is None:
                raise EncodeError("what was encoded does not decode to the same frames")
            for scorer in scorers:
                scorer.push(frame, other)
        values = {name: each for scorer in scorers for name, each in scorer.finish().items()}
    seconds = {scorer.name: scorer.cpu_s for scorer in scorers}
    return Scored(values, seconds.get("xpsnr_y", 0.0), seconds.get("vmaf", 0.0))


class _Scorer:
    """Scores pairs by metrics that are taken together, and notes what that takes of CPU.

    Attributes:
        name: of the first of them.
        cpu_s: seconds so far.
    """

    def __init__(self, picture: Picture, metrics: Sequence[str]) -> None:
        began = cpu_seconds()
        self.name, self._metrics = metrics[0], metrics
        self._slow = vmaf_scorer()(picture) if self.name == "vmaf" else None
        self._fast = None
        if self._slow is None:
            self._fast = FrameScorer(picture, [METRICS[metric] for metric in metrics])
        self._values: dict[str, list[float]] = {metric: [] for metric in metrics}
        self.cpu_s = cpu_seconds() - began

    def __enter__(self) -> Self:
        if self._slow is not None:
            self._slow.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._slow is not None:
            self._slow.__exit__(kind, error, trace)

    def push(self, reference: VideoFrame, distorted: VideoFrame) -> None:
        began = time.process_time()
        if self._slow is not None:
            self._slow.push(reference, distorted)
        elif self._fast is not None:
            scores = self._fast.score(reference, distorted)
            for metric in self._metrics:
                self._values[metric].append(scores[METRICS[metric]])
        self.cpu_s += time.process_time() - began

    def finish(self) -> dict[str, Values]:
        began = cpu_seconds()
        if self._slow is not None:
            self._values["vmaf"] = self._slow.finish()
        self.cpu_s += cpu_seconds() - began
        return {name: np.array(each) for name, each in self._values.items()}

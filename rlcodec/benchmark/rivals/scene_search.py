"""Av1an's target quality: up to four probe encodes of every scene.

Av1an 0.5.2 (rust-av/Av1an), `target_quality.rs`. Scenes are the shots that rlcodec finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import Made, Piece, Studio

PROBES = 4
STEP = 0.25
"""Of quantisers, for x264 and x265."""
RANGE = (15.0, 35.0)
"""The quantisers that are tried with x264 and x265, unless the user says more."""
SHARE = 0.01
"""A target that is one number stands for the range of so much on both sides."""


@dataclass(frozen=True, kw_only=True)
class SceneSearch(Recipe):
    """Search a CRF for every scene, then encode it.

    Attributes:
        metric: by the names in `results.METRICS`.
        quality: what every scene is to reach, by `statistic`.
        bounds: the lowest and the highest CRF that is tried.
    """

    metric: str
    quality: float
    bounds: tuple[float, float]
    passes: ClassVar[float] = 1.0 + PROBES

    @property
    def target(self) -> float:
        """The quality."""
        return self.quality

    def make(self, studio: Studio) -> Made:
        """Encode probes of every scene, then the file."""
        clip, metric = studio.clip, self.metric
        found = []
        for start, end in pairwise([*clip.shots, clip.frames]):
            piece = Piece(start, end - start)

            def probe(crf: float, piece: Piece = piece) -> float:
                scored = studio.score(studio.fixed(crf, piece), [metric], piece)
                return statistic(scored.values[metric], metric)

            found.append((piece.frames, search(probe, self.quality, self.bounds)))
        return studio.by_plan(self.crf, found, "scene-search")


def statistic(scores: NDArray[np.float64], metric: str) -> float:
    """What the scores of a scene come to: the 1st percentile of VMAF, the mean of XPSNR."""
    values = scores.clip(0, 100)
    return float(np.percentile(values, 1) if metric == "vmaf" else values.mean())


def bounds_for(crfs: Sequence[float]) -> tuple[float, float]:
    """The CRFs that are tried: `RANGE`, and 5 beyond the base CRFs where that is more."""
    return max(0.0, min(RANGE[0], crfs[0] - 5)), min(51.0, max(RANGE[1], crfs[-1] + 5))


def search(probe: Callable[[float], float], target: float, bounds: tuple[float, float]) -> float:
    """The highest CRF that was probed in the target range; else the one that came nearest.

    Args:
        probe: gives the quality of a CRF.
        target: the quality in the middle of the target range.
        bounds: the lowest and the highest CRF.
    """
    least, most = (1 - SHARE) * target, (1 + SHARE) * target
    low, high = (round(each / STEP) for each in bounds)
    tried: dict[int, float] = {}
    while len(tried) < PROBES and low <= high:
        place = min(max(_predicted(tried, target, low, high), low), high)
        if place in tried:
            break
        tried[place] = quality = probe(place * STEP)
        if least <= quality <= most:
            break
        if quality > most:
            low = place + 1
        else:
            high = place - 1
    inside = [place for place, quality in tried.items() if least <= quality <= most]
    nearest = min(tried, key=lambda place: abs(tried[place] - target))
    return STEP * max(inside, default=nearest)


def _predicted(tried: dict[int, float], target: float, low: int, high: int) -> int:
    """The next quantiser: bisect twice, then by a line, then by a natural spline."""
    middle = (low + high) // 2
    if len(tried) < 2:
        return middle
    points = sorted((quality, place) for place, quality in tried.items())
    scores, places = np.array(points, float).T
    if (np.diff(scores) <= 0).any():
        return middle
    line_or_spline = line if len(tried) == 2 else natural_spline
    return round(line_or_spline(scores, places, target))


def line(x: NDArray[np.float64], y: NDArray[np.float64], at: float) -> float:
    """The line through two points."""
    return float(y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0]))


def natural_spline(x: NDArray[np.float64], y: NDArray[np.float64], at: float) -> float:
    """The natural cubic spline through points (N), N at least 3, by rising `x`.

    Beyond the ends its outermost cubics go on.
    """
    width, slope = np.diff(x), np.diff(np.diff(y) / np.diff(x))
    system = np.diag(2 * (width[:-1] + width[1:]))
    system += np.diag(width[1:-1], 1) + np.diag(width[1:-1], -1)
    # Second derivatives, which are 0 at the ends
    bent = np.concatenate(([0.0], np.linalg.solve(system, 6 * slope), [0.0]))
    place = int(np.clip(np.searchsorted(x, at) - 1, 0, len(width) - 1))
    step, left, right = width[place], at - x[place], x[place + 1] - at
    return float(
        (bent[place] * right**3 + bent[place + 1] * left**3) / (6 * step)
        + (y[place] / step - bent[place] * step / 6) * right
        + (y[place + 1] / step - bent[place + 1] * step / 6) * left
    )

"""What is made of scores: gains at equal bytes, shares of what is possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlcodec.learn.pchip import Pchip

Floats = NDArray[np.float64]


def gain_at_equal_bytes(
    sizes: Sequence[float], scores: Sequence[float], size: float, score: float
) -> float:
    """How much better `score` is than a curve at the same `size`, interpolated.

    Args:
        sizes: bytes of the curve's encodes, in any order.
        scores: theirs.
        size: bytes, between the smallest and the largest of `sizes`.
        score: what was reached with `size`.
    """
    order = np.argsort(sizes)
    curve = Pchip(np.log(sizes)[order], np.array(scores)[order])
    return score - float(curve(np.log([size]))[0])


def bd_rate_on_fine_curve(
    reference_sizes: Sequence[float],
    reference_scores: Sequence[float],
    sizes: Sequence[float],
    scores: Sequence[float],
) -> float:
    """BD-rate in percent against a curve of many encodes, interpolating the difference to it.

    A BD-rate interpolates both curves between a few points. Where these lie elsewhere on the same
    curve, because all CRFs were moved alike, it comes to some tenths of a percent instead of 0.
    Here the difference is taken at the points that were encoded, and only it is interpolated. Those
    beyond the reference are left out; NaN where fewer than two are left.
    """
    order = np.argsort(reference_sizes)
    good, logs = np.array(reference_scores)[order], np.log(reference_sizes)[order]
    rises = np.append(True, good[1:] > np.maximum.accumulate(good)[:-1])  # a value
    curve = Pchip(good[rises], logs[rises])
    order = np.argsort(scores)
    at, own = np.array(scores)[order], np.log(sizes)[order]
    inside = (at >= curve.x[0]) & (at <= curve.x[-1]) & np.append(np.diff(at) > 0, True)
    at, own = at[inside], own[inside]
    if len(at) < 2:
        return float("nan")
    difference = Pchip(at, own - curve(at))
    mean = difference.integral(at[0], at[-1]) / (at[-1] - at[0])
    return float(100 * np.expm1(mean))


def share(gains: Sequence[float], best: Sequence[float]) -> tuple[float, float]:
    """The part of the best possible gain that was had, paired: ratio of sums, median of ratios."""
    ratios = np.asarray(gains) / np.asarray(best)
    return sum(gains) / sum(best), float(np.median(ratios))

"""What curves of rate and quality come to: interpolation, BD-rate, and means with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_POINTS = 1000
_DRAWS = 10_000


def between(x: ArrayLike, y: ArrayLike, at: ArrayLike) -> Floats:
    """Monotone cubic interpolation (PCHIP: Fritsch and Butland 1984), without extrapolation.

    Args:
        x: where values are known, rising, two places at least.
        y: the values, with the places along the first axis.
        at: where they are wanted; what lies outside `x` gets the value at the nearest end.
    """
    x, y, at = np.asarray(x, float), np.asarray(y, float), np.asarray(at, float)
    at = at.clip(x[0], x[-1])
    steps = np.diff(x).reshape(-1, *(1,) * (y.ndim - 1))
    slopes = np.diff(y, axis=0) / steps
    left, right, before, after = steps[:-1], steps[1:], slopes[:-1], slopes[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = (left + 2 * right) / before + (2 * left + right) / after
        inner = np.where(before * after > 0, 3 * (left + right) / weighted, 0.0)
    tangents = np.concatenate([slopes[:1], inner, slopes[-1:]])
    place = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    step = steps[place]
    t = ((at - x[place]) / (x[place + 1] - x[place])).reshape(-1, *(1,) * (y.ndim - 1))
    result: Floats = (
        y[place]
        + t**2 * (3 - 2 * t) * (y[place + 1] - y[place])
        + t * (1 - t) ** 2 * step * tangents[place]
        - t**2 * (1 - t) * step * tangents[place + 1]
    )
    return result


def bd_rate(
    reference_rates: ArrayLike, reference_scores: ArrayLike, rates: ArrayLike, scores: ArrayLike
) -> float:
    """Bytes that a curve needs more than the reference for the same quality, in percent.

    The mean difference of log rate over the scores that both curves reach (Bjontegaard, ITU-T
    VCEG-M33), with PCHIP for the polynomial.

    Raises:
        ValueError: the score of a curve does not rise with its rate, or they have none in common.
    """
    curves = [_curve(reference_rates, reference_scores), _curve(rates, scores)]
    low = max(scores[0] for scores, _ in curves)
    high = min(scores[-1] for scores, _ in curves)
    if low >= high:
        raise ValueError("the curves have no score in common")
    at = low + (np.arange(_POINTS) + 0.5) / _POINTS * (high - low)
    reference, other = (between(scores, logs, at) for scores, logs in curves)
    return float(100 * np.expm1(np.mean(other - reference)))


def gain_at_equal_bytes(
    reference_rates: ArrayLike, reference_scores: ArrayLike, rate: float, score: float
) -> float:
    """How much better `score` is than the reference at the same `rate`, interpolated."""
    scores, logs = _curve(reference_rates, reference_scores)
    return float(score - between(logs, scores, [np.log(rate)])[0])


def _curve(rates: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Scores and logs of rates, both rising."""
    order = np.argsort(np.asarray(rates, float))
    scores = np.asarray(scores, float)[order]
    if len(scores) < 2 or (np.diff(scores) <= 0).any():
        raise ValueError("the score does not rise with the rate")
    return scores, np.log(np.asarray(rates, float)[order])


def interval(values: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean over all values, by drawing sources anew.

    Args:
        values: those of every source.
    """
    sums = np.array([sum(each) for each in values.values()])
    counts = np.array([len(each) for each in values.values()])
    draws = np.random.default_rng(0).integers(len(sums), size=(_DRAWS, len(sums)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def share(gains: Sequence[float], best: Sequence[float]) -> tuple[float, float]:
    """The part of the best possible gain that was had, paired: ratio of sums, median of ratios."""
    ratios = np.asarray(gains) / np.asarray(best)
    return sum(gains) / sum(best), float(np.median(ratios))

"""What is made of points: BD-rates, or why there are none, intervals of means, shares of gains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlcodec.learn.bdrate import bd_rate
from rlcodec.learn.pchip import Pchip

Values = NDArray[np.float64]

LEAST_POINTS = 4
LEAST_OVERLAP = 0.25
"""Of the qualities of fixed CRF that the other curve has to reach too."""
CROSSING = 1.0
"""Percent: where curves differ by more than this in both directions, they are said to cross."""
DRAWS = 300


@dataclass(frozen=True, slots=True)
class RdCurve:
    """Sizes and qualities (points) of encodes, in any order."""

    bytes: Values
    quality: Values


@dataclass(frozen=True, slots=True)
class BdRate:
    """A BD-rate in percent, and what is to be said of it; none where it would mean nothing."""

    percent: float | None
    problem: str | None = None


def compare_curves(fixed: RdCurve, tested: RdCurve) -> BdRate:
    """The BD-rate of a curve against that of fixed CRF.

    There is none where a curve has fewer than `LEAST_POINTS`, does not get better with every byte,
    or where they have little quality in common. Curves that cross have one, and a word on it.
    """
    for name, curve in (("fixed CRF", fixed), ("it", tested)):
        if len(curve.bytes) < LEAST_POINTS:
            return BdRate(None, f"{name} has {len(curve.bytes)} points of {LEAST_POINTS} needed")
        if not _rises(curve):
            return BdRate(None, f"{name} does not get better with every byte")
    low, high = (
        max(fixed.quality.min(), tested.quality.min()),
        min(fixed.quality.max(), tested.quality.max()),
    )
    overlap = (high - low) / np.ptp(fixed.quality)
    if overlap < LEAST_OVERLAP:
        share = max(0.0, float(overlap))
        return BdRate(None, f"only {share:.0%} of the qualities of fixed CRF are reached")
    percent = 100 * bd_rate(fixed.bytes, fixed.quality, tested.bytes, tested.quality)
    at = np.linspace(low, high, 33)
    differences = 100 * np.expm1(_over_quality(tested)(at) - _over_quality(fixed)(at))
    least, most = float(differences.min()), float(differences.max())
    if least < -CROSSING and most > CROSSING:
        return BdRate(percent, f"crosses fixed CRF: {least:+.1f} to {most:+.1f} %")
    return BdRate(percent)


def bytes_at(curve: RdCurve, quality: float) -> float | None:
    """The bytes for a quality, between the points; None where it is beyond, or the curve bends."""
    if len(curve.bytes) < 2 or not _rises(curve):
        return None
    if not curve.quality.min() <= quality <= curve.quality.max():
        return None
    return float(np.exp(_over_quality(curve)(np.array([quality]))[0]))


def at_quality(qualities: Values, values: Values, quality: float) -> float:
    """A value that goes with quality, such as seconds, by lines between points."""
    order = np.argsort(qualities)
    return float(np.interp(quality, qualities[order], values[order]))


def interval(
    groups: Sequence[str], figure: Callable[[NDArray[np.intp]], float]
) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a figure over clips, by drawing groups of clips anew.

    Args:
        groups: of every clip.
        figure: of clips by their places, some of them several times; nan where there is none.

    Returns:
        Its ends; None where there are fewer than two groups.
    """
    places: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    if len(places) < 2:
        return None
    members = [np.array(each) for each in places.values()]
    draws = np.random.default_rng(0).integers(len(members), size=(DRAWS, len(members)))
    # Of few groups the same ones are drawn again and again
    known_draws: dict[tuple[int, ...], float] = {}
    for draw in np.sort(draws).tolist():
        if tuple(draw) not in known_draws:
            places_drawn = np.concatenate([members[each] for each in draw])
            known_draws[tuple(draw)] = figure(places_drawn)
    figures = [known_draws[tuple(draw)] for draw in np.sort(draws).tolist()]
    known = [each for each in figures if np.isfinite(each)]
    if not known:
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def share_of(gain: float, best: float) -> float | None:
    """The part of the best possible BD-rate that was had; None where next to nothing can be."""
    return gain / best if best < -_NOTHING else None


def mean_interval(values: Mapping[str, Sequence[float]]) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of the mean over all values, by drawing sources anew.

    Args:
        values: those of every source.
    """
    flat = np.array([each for those in values.values() for each in those])
    groups = [source for source, those in values.items() for _ in those]
    return interval(groups, lambda places: float(flat[places].mean()))


_NOTHING = 0.1
"""Percent: where the optimum gains less, a share of it says nothing."""


def _rises(curve: RdCurve) -> bool:
    order = np.argsort(curve.bytes)
    return bool(
        (np.diff(curve.quality[order]) > 0).all() and (np.diff(curve.bytes[order]) > 0).all()
    )


def _over_quality(curve: RdCurve) -> Pchip:
    order = np.argsort(curve.quality)
    return Pchip(curve.quality[order], np.log(curve.bytes[order]))

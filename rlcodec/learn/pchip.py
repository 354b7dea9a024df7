"""Shape-preserving cubic interpolation: it rises where the data rise, and nowhere overshoots.

Fritsch and Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM
J. Sci. Stat. Comput. 5 (1984), with the ends of Moler, "Numerical Computing with MATLAB" (2004),
3.6: the same as SciPy's `PchipInterpolator`.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Pchip:
    """Interpolants of many curves over the same points."""

    def __init__(self, x: Values, y: Values) -> None:
        """Go through `y` (..., C) at `x` (C), rising, two or more."""
        self.x = np.asarray(x, float)
        self._knots: list[float] = self.x.tolist()
        y = np.asarray(y, float)
        width = np.diff(self.x)
        slope = np.diff(y) / width
        at = _derivatives(width, slope)
        left, right = at[..., :-1], at[..., 1:]
        # Powers of the distance from the left end of each interval: (..., C - 1, 4)
        self._powers = np.stack(
            (
                y[..., :-1],
                left,
                (3 * slope - 2 * left - right) / width,
                (left + right - 2 * slope) / width**2,
            ),
            axis=-1,
        )

    def __call__(self, points: Values) -> Values:
        """Values (..., P) at `points` (P), which lie within `x`."""
        place, distance = self._find(points)
        powers = self._powers[..., place, :]
        return _polynomial(powers, distance)

    def at(self, curve: int, point: float) -> Values:
        """The values of the one `curve`, an index into the first axis of `y`, at one point."""
        # Found without numpy, which takes several times as long for one point
        place = min(max(bisect_right(self._knots, point) - 1, 0), len(self._knots) - 2)
        distance = point - self._knots[place]
        powers = self._powers[curve, ..., place, :]
        steps = np.array((1.0, distance, distance**2, distance**3))
        values: Values = powers @ steps
        return values

    def derivative(self, points: Values) -> Values:
        """First derivatives (..., P) at `points` (P)."""
        place, distance = self._find(points)
        powers = self._powers[..., place, :]
        _, first, second, third = np.moveaxis(powers, -1, 0)
        derivatives: Values = first + distance * (2 * second + distance * 3 * third)
        return derivatives

    def integral(self, low: float, high: float) -> Values:
        """The integral (...) from `low` to `high`, both within `x`, `low` no more than `high`."""
        begin = np.clip(self.x[:-1], low, high) - self.x[:-1]
        end = np.clip(self.x[1:], low, high) - self.x[:-1]
        areas = self._powers / np.arange(1, 5)
        parts = end * _polynomial(areas, end) - begin * _polynomial(areas, begin)
        total: Values = parts.sum(axis=-1)
        return total

    def _find(self, points: Values) -> tuple[NDArray[np.intp], Values]:
        points = np.asarray(points, float)
        place = np.clip(np.searchsorted(self.x, points, "right") - 1, 0, len(self.x) - 2)
        return place, points - self.x[place]


def _polynomial(powers: Values, distance: Values) -> Values:
    """Sums of `powers` (..., 4) times powers of `distance` (...)."""
    constant, first, second, third = np.moveaxis(powers, -1, 0)
    values: Values = constant + distance * (first + distance * (second + distance * third))
    return values


def _derivatives(width: Values, slope: Values) -> Values:
    """First derivatives (..., C) at all points, from widths (C - 1) and slopes (..., C - 1)."""
    if len(width) == 1:
        return np.repeat(slope, 2, axis=-1)
    before, after = slope[..., :-1], slope[..., 1:]
    first, second = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic = (first + second) / (first / before + second / after)
    inner = np.where(before * after > 0, harmonic, 0.0)
    low = _end(width[0], width[1], slope[..., 0], slope[..., 1])
    high = _end(width[-1], width[-2], slope[..., -1], slope[..., -2])
    return np.concatenate((low[..., None], inner, high[..., None]), axis=-1)


def _end(near: float, far: float, slope: Values, next_slope: Values) -> Values:
    """The derivative at an end: by three points, unless that would bend the shape."""
    found = ((2 * near + far) * slope - near * next_slope) / (near + far)
    steep = (slope * next_slope <= 0) & (np.abs(found) > 3 * np.abs(slope))
    found = np.where(steep, 3 * slope, found)
    return np.where(found * slope <= 0, 0.0, found)

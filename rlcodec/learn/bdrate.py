"""BD-rate: how many more bytes one encoder needs than another for the same quality.

Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33 (2001), with the
logarithm of the rate interpolated over quality piecewise, as in JVET's common test conditions,
instead of by one polynomial.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rlcodec.learn.pchip import Pchip

Values = NDArray[np.float64]


def bd_rate(bytes_: Values, quality: Values, tested_bytes: Values, tested_quality: Values) -> float:
    """Bytes of the tested curve above those of the first, as a share: -0.05 saves 5 %.

    Each curve is bytes and quality (points) of two encodes or more, in any order; any unit will do
    as long as it is the same for both. The mean is over the qualities that both reach: nan if there
    are none. Points that are worse than a cheaper one of their curve count for nothing.
    """
    curve, tested = _curve(bytes_, quality), _curve(tested_bytes, tested_quality)
    if curve is None or tested is None:
        return float("nan")
    low = max(float(curve.x[0]), float(tested.x[0]))
    high = min(float(curve.x[-1]), float(tested.x[-1]))
    if low >= high:
        return float("nan")
    difference = (tested.integral(low, high) - curve.integral(low, high)) / (high - low)
    return float(np.expm1(difference))


def _curve(bytes_: Values, quality: Values) -> Pchip | None:
    """The logarithm of bytes over quality; None where fewer than two points are left."""
    order = np.argsort(bytes_, kind="stable")
    bytes_, quality = np.asarray(bytes_, float)[order], np.asarray(quality, float)[order]
    best_before = np.concatenate(([-np.inf], np.maximum.accumulate(quality)[:-1]))
    better = quality > best_before
    if better.sum() < 2:
        return None
    return Pchip(quality[better], np.log(bytes_[better]))

"""Near duplicates: the same pictures in two groups would let a policy be tested on what it saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.97
"""Correlation of two tiny pictures from which they count as the same."""
LEAST_CONTRAST = 6.0
"""Tiny pictures whose standard deviation is below this, in 8-bit levels, are like any other."""
LEAST_SHARE = 0.25
"""The share of the shorter video's pictures that must be found in the other one."""
LEAST_PICTURES = 3

Fingerprint = NDArray[np.float32]


def near_duplicate(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two videos, given by their fingerprints (pictures, levels), share a part."""
    short, long = sorted((_normalised(one), _normalised(other)), key=len)
    if len(short) < LEAST_PICTURES:
        return False
    found = int(((short @ long.T).max(axis=1) > ALIKE).sum())
    return found >= max(LEAST_PICTURES, LEAST_SHARE * len(short))


def _normalised(fingerprint: Fingerprint) -> Fingerprint:
    """Pictures without their brightness and contrast, those that have little of it left out."""
    kept = fingerprint[fingerprint.std(axis=1) >= LEAST_CONTRAST]
    centred = kept - kept.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    normalised: Fingerprint = centred / np.maximum(lengths, 1e-6)
    return normalised

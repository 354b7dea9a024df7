"""Rivals that meet a size: two passes at the size of fixed CRF, and fixed CRF at another's size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import Made, Studio
from rlcodec.media.readback import packets_of
from rlcodec.settings import CRF_RANGE

NEAR = 0.002
"""As a share of the bytes: a re-picked CRF that comes this near is kept."""
_TRIES = 4

Curve = tuple[tuple[float, int], ...]
"""Fixed CRFs, rising, and the bytes they came to."""


@dataclass(frozen=True, kw_only=True)
class TwoPass(Recipe):
    """The encoder's own two passes, at the size that fixed CRF came to.

    Attributes:
        bytes: of the file that fixed CRF made.
    """

    bytes: int
    passes: ClassVar[float] = 2.0

    def make(self, studio: Studio) -> Made:
        """Encode at the bitrate that the size is."""
        return studio.two_pass(bitrate_for(self.bytes, studio.clip.duration_s))


@dataclass(frozen=True, kw_only=True)
class Repicked(Recipe):
    """The fixed CRF that gives a title the bytes that a policy gave it.

    Who encodes one title and finds it too large or too small picks another CRF: what a policy does
    to the size of a whole title is worth no more than that.

    Attributes:
        bytes: of the policy's file.
        known: what fixed CRF came to, at two CRFs or more.
    """

    bytes: int
    known: Curve
    passes: ClassVar[float] = 1.5

    def make(self, studio: Studio) -> Made:
        """Encode until the size is met."""
        known = self.known
        for _ in range(_TRIES):
            crf = repicked_crf(known, self.bytes)
            made = studio.fixed(crf)
            size = sum(packet.bytes for packet in packets_of(made.path))
            if abs(size / self.bytes - 1) <= NEAR or any(crf == each for each, _ in known):
                break
            known = tuple(sorted((*known, (crf, size))))
        return made


def bitrate_for(size: int, duration_s: float) -> int:
    """Bits per second of `size` bytes."""
    return max(1, round(8 * size / duration_s))


def repicked_crf(known: Sequence[tuple[float, int]], size: int) -> float:
    """The CRF that comes to `size` bytes, by the logarithm of the bytes between known CRFs.

    Linear between the two that enclose the size, or beyond the two nearest ones; to 0.01.
    """
    pairs = list(pairwise(known))
    enclosing = (pair for pair in pairs if size >= pair[1][1])
    (low, more), (high, fewer) = next(enclosing, pairs[-1])
    if more == fewer:
        return low
    slope = (high - low) / math.log(fewer / more)
    crf = low + slope * math.log(size / more)
    return round(min(max(crf, CRF_RANGE[0]), CRF_RANGE[1]), 2)

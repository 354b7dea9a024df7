"""ab-av1's search: one CRF for the file, by encodes of samples of it.

ab-av1 0.11.7 (alexheretic/ab-av1), `crf_search.rs` and `sample_encode.rs`: an interpolated binary
search for the highest CRF that reaches a quality. Its limit on the size is left out: everything is
compared at a quality, whatever that costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import Made, Piece, Studio

LOWEST, HIGHEST, STEP = 10.0, 46.0, 0.1
"""The CRFs that are tried with x264 and x265."""
TOLERANCE = 0.1
"""Above the target, with the first try; it doubles with every further one."""
SAMPLE_S, SAMPLE_EVERY_S = 20.0, 720.0
WHOLE_SHARE = 0.85
"""Samples that come to this share of the clip are not worth cutting out: all of it is taken."""


@dataclass(frozen=True, kw_only=True)
class CrfSearch(Recipe):
    """Search a CRF on samples, then encode the file at it.

    Attributes:
        metric: by the names in `results.METRICS`; ab-av1 knows VMAF and XPSNR.
        quality: the mean that is wanted.
    """

    metric: str
    quality: float
    passes: ClassVar[float] = 5.0

    @property
    def target(self) -> float:
        """The quality."""
        return self.quality

    def make(self, studio: Studio) -> Made:
        """Encode samples, then the file."""
        clip = studio.clip
        pieces = samples(clip.frames, clip.duration_s)

        def probe(crf: float) -> float:
            means = []
            for piece in pieces:
                scored = studio.score(studio.fixed(crf, piece), [self.metric], piece)
                means.append(float(scored.values[self.metric].clip(0, 100).mean()))
            return sum(means) / len(means)

        return studio.fixed(search(probe, self.quality))


def samples(frames: int, duration_s: float) -> list[Piece]:
    """One sample of 20 seconds for every 12 minutes that have begun, evenly spread."""
    count = math.ceil(duration_s / SAMPLE_EVERY_S)
    if count * SAMPLE_S >= WHOLE_SHARE * duration_s:
        return [Piece(0, frames)]
    length = round(SAMPLE_S * frames / duration_s)
    gap = (frames - count * length) / (count + 1)
    return [Piece(round(gap * (number + 1) + length * number), length) for number in range(count)]


def search(probe: Callable[[float], float], target: float) -> float:
    """The CRF whose quality comes to the target or little above it.

    The first try is in the middle, the second at 80 % of the range, or at 20 % where that was not
    good enough; then by a line between the nearest on both sides, or at the end of the range.
    Where no CRF is good enough, the lowest.

    Args:
        probe: gives the quality of a CRF.
        target: the quality.
    """
    low, high = round(LOWEST / STEP), round(HIGHEST / STEP)
    tried: dict[int, float] = {}
    place = (low + high) // 2
    while True:
        tried[place] = quality = probe(round(place * STEP, 6))
        if quality > target and quality < target + TOLERANCE * 2 ** (len(tried) - 1):
            break
        good = [each for each in tried if tried[each] > target]
        bad = [each for each in tried if tried[each] <= target]
        better, worse = max(good, default=None), min(bad, default=None)
        if better is not None and worse is not None:
            if worse - better <= 1:
                place = better
                break
            share = (target - tried[worse]) / (tried[better] - tried[worse])
            between = round(worse - share * (worse - better))
            place = min(max(between, better + 1), worse - 1)
        elif place in (low, high):
            break
        elif len(tried) == 1:
            place = round(0.4 * place + 0.6 * (high if worse is None else low))
        else:
            place = high if worse is None else low
    return round(place * STEP, 6)

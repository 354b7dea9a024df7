"""The boost formula of Auto-Boost: scenes that a fast pass scores below the average get more.

Auto-Boost-Essential (nekotrix/auto-boost-algorithm): scenes from the keyframes of a fast pass at
the base CRF, the 15th percentile of a metric over the frames of each, XPSNR by default, against the
average over the file.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlcodec.benchmark.rivals.recipe import Recipe
from rlcodec.benchmark.studio import Made, Studio
from rlcodec.media.readback import packets_of
from rlcodec.settings import CRF_RANGE, PRESETS

MULTIPLIER, LIMIT = 20.0, 5.0
"""The published ones, without the script's options that go further."""
FAST_PRESET = "veryfast"
"""Of the first pass, unless the last one's is faster still."""


@dataclass(frozen=True, kw_only=True)
class Boost(Recipe):
    """A fast pass, its scores, and a last pass with a CRF for every scene."""

    passes: ClassVar[float] = 2.0

    def make(self, studio: Studio) -> Made:
        """Encode twice."""
        preset = min(FAST_PRESET, studio.settings.preset, key=PRESETS.index)
        fast = studio.fixed(self.crf, preset=preset)
        scores = studio.score(fast, ["xpsnr_y"]).values["xpsnr_y"]
        values = scores.clip(0, 100).tolist()
        starts = [place for place, packet in enumerate(packets_of(fast.path)) if packet.key]
        lengths = [
            end - start for start, end in zip(starts, [*starts[1:], len(values)], strict=True)
        ]
        crfs = boosted(values, starts, self.crf)
        return studio.by_plan(self.crf, zip(lengths, crfs, strict=True), "boost-formula")


def boosted(scores: Sequence[float], starts: Sequence[int], base: float) -> list[float]:
    """The CRF of every scene: base - ceil((1 - p15 / average) * 20 * 4) / 4, within base +/- 5.

    Args:
        scores: of every frame, none below 0.
        starts: the first frame of every scene; the first of them is 0.
        base: the base CRF.
    """
    average = statistics.fmean(scores)
    crfs = []
    for start, end in zip(starts, [*starts[1:], len(scores)], strict=True):
        step = math.ceil((1 - _p15(scores[start:end]) / average) * MULTIPLIER * 4) / 4
        crf = base - min(max(step, -LIMIT), LIMIT)
        crfs.append(min(max(crf, CRF_RANGE[0]), CRF_RANGE[1]))
    return crfs


def _p15(scores: Sequence[float]) -> float:
    """The 15th percentile as the script takes it, by `statistics.quantiles`."""
    return statistics.quantiles(scores, n=100)[14] if len(scores) > 1 else scores[0]

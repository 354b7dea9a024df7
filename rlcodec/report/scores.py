"""Scores of frames over time: put into columns that a chart has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlcodec.report.charts import Series

COLUMNS = 500
"""How many columns a chart has at most; a column of more than one frame shows their range."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Scores of frames in columns.

    Attributes:
        starts: the first frame of every column.
        middles: where the columns lie, as shares of the duration.
        means, lows, highs: of the frames of each.
    """

    starts: NDArray[np.int64]
    middles: NDArray[np.float64]
    means: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]

    def series(self, name: str, style: int = 0) -> Series:
        """A line through the means, with a band from the lowest to the highest."""
        points = list(zip(self.middles.tolist(), self.means.tolist(), strict=True))
        band = list(zip(self.lows.tolist(), self.highs.tolist(), strict=True))
        is_wide = bool((self.highs > self.lows).any())
        return Series(name, points, style, band=band if is_wide else ())


def columns(values: Sequence[float], times: Sequence[float]) -> Columns:
    """Put the scores of frames, one at least, into columns of as many frames each.

    Args:
        values: of every frame.
        times: of every frame, in seconds, and of the end of the last one.
    """
    scores, seconds = np.asarray(values, np.float64), np.asarray(times, np.float64)
    starts = np.unique(
        np.linspace(0, len(scores), min(COLUMNS, len(scores)), endpoint=False).astype(np.int64)
    )
    ends = np.append(starts[1:], len(scores))
    length = seconds[-1] - seconds[0] or 1.0
    middles = ((seconds[starts] + seconds[ends]) / 2 - seconds[0]) / length
    return Columns(
        starts,
        middles,
        np.add.reduceat(scores, starts) / (ends - starts),
        np.minimum.reduceat(scores, starts),
        np.maximum.reduceat(scores, starts),
    )


def time_feet(seconds: float) -> list[tuple[float, float]]:
    """Where a timeline of this length has labels, as shares, and the time there."""
    return [(share, share * seconds) for share in (0, 0.25, 0.5, 0.75, 1)]

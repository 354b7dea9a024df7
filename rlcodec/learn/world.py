"""A model of the encoder: from what is measured of a segment to what becomes of it at every CRF.

A corpus has few sources, and what its table says of a source holds for that one alone. The model
is fitted to all of them, and says what becomes of segments that lie between and around them: an
agent that learns from both the table and the model's answers learns what is common to videos
(Sutton 1990, Dyna). It is ridge regression in the space of a Gaussian kernel (Saunders et al.
1998), of the logarithms of bytes and of the distance of SSIM from 1, and of PSNR, at every CRF of
the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.state import SEGMENT_INPUTS, Segment
from rlcodec.learn.curves import Curves
from rlcodec.learn.episodes import Episode

Values = NDArray[np.float64]

FEATURES = (
    *("flat_share", "log_spatial", "log_temporal", "log_detail", "log_grain"),
    *("probe_log_bpp", "probe_psnr", "length"),
)
"""The inputs of the state that the model goes by, beside rate and size of the picture, and by how
much more changes from frame to frame at full size than in the small picture: that is grain."""
WIDTH = 0.02
"""Of the kernel: exp(-WIDTH * squared distance), in standard deviations."""
RIDGE = 0.3
REACH = 4.0
"""Features are held within so many standard deviations of their mean."""
PSNR_UNIT = 3.0
"""dB that count as much as a doubling of bytes or of the distance of SSIM from 1."""
_LEAST_ERROR = 1e-5
_NAMES = [each.name for each in SEGMENT_INPUTS]
_PLACES = [_NAMES.index(name) for name in FEATURES]
_GRAIN, _MOVEMENT = _NAMES.index("log_grain"), _NAMES.index("log_temporal")


@dataclass(frozen=True, eq=False)
class WorldModel:
    """Fitted to N segments.

    Attributes:
        crfs: the grid (C).
        mean, scale: of the features (F).
        known: normalised features of the segments (N, F).
        weights: of the kernel's values (N, 3 * C).
        centre: mean of what is predicted (3 * C).
    """

    crfs: Values
    mean: Values
    scale: Values
    known: Values
    weights: Values
    centre: Values

    @classmethod
    def fit(cls, episodes: Sequence[Episode]) -> Self:
        """Learn from what was measured of the segments of `episodes`."""
        features = np.concatenate(
            [_features(each.segments, each.rate, each.pixels) for each in episodes]
        )
        crfs = _common_grid([each.curves.crfs for each in episodes])
        told = np.concatenate([_told(each, crfs) for each in episodes])
        mean, spread = features.mean(axis=0), features.std(axis=0)
        scale = np.where(spread > 1e-6, spread, np.inf)
        known, centre = _normalised(features, mean, scale), told.mean(axis=0)
        kernel = _kernel(known, known) + RIDGE * np.eye(len(known))
        weights = np.linalg.solve(kernel, told - centre)
        return cls(crfs, mean, scale, known, weights, centre)

    def curves(self, segments: Sequence[Segment], rate: float, pixels: int) -> Curves:
        """What becomes of `segments` of a title with this rate and size of the picture."""
        features = _normalised(_features(segments, rate, pixels), self.mean, self.scale)
        predicted = self.centre + _kernel(features, self.known) @ self.weights
        log_bits, psnr, log_error = predicted.reshape(len(segments), 3, -1).swapaxes(0, 1)
        frames = np.array([len(segment.frames) for segment in segments], float)
        log_bytes = log_bits + np.log2(pixels / 8 * frames)[:, None]
        psnr = PSNR_UNIT * psnr
        unknown = np.full_like(psnr, np.nan)
        points = (log_bytes, psnr, 1 - 2**log_error, psnr, psnr, unknown)
        return Curves(frames, self.crfs, np.stack(points, axis=1))


def _features(segments: Sequence[Segment], rate: float, pixels: int) -> Values:
    """Of every segment (S, F), not normalised."""
    values = np.stack([segment.values for segment in segments]).astype(float)
    grain = values[:, _GRAIN] - values[:, _MOVEMENT]
    title = np.tile(np.log2([rate, pixels]), (len(values), 1))
    return np.column_stack((values[:, _PLACES], grain, title))


def _common_grid(grids: Sequence[Values]) -> Values:
    """As many CRFs as the shortest of `grids` has, evenly over what all of them span."""
    low, high = max(each[0] for each in grids), min(each[-1] for each in grids)
    return np.linspace(low, high, min(map(len, grids)))


def _told(episode: Episode, crfs: Values) -> Values:
    """What the model is to say of every segment (S, 3 * C)."""
    curves = episode.curves
    found = curves.at(crfs)
    log_bits = np.log2(found.bytes / (episode.pixels / 8 * curves.frames[:, None]))
    log_error = np.log2(np.maximum(1 - found.ssim, _LEAST_ERROR))
    return np.concatenate((log_bits, found.capped_psnr / PSNR_UNIT, log_error), axis=1)


def _normalised(features: Values, mean: Values, scale: Values) -> Values:
    return np.clip((features - mean) / scale, -REACH, REACH)


def _kernel(one: Values, other: Values) -> Values:
    """exp(-WIDTH * |a - b|^2) for rows a of `one` (N, F) and b of `other` (M, F): (N, M)."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    kernel: Values = np.exp(-WIDTH * np.maximum(squares, 0.0))
    return kernel

"""What is measured on every frame: on its small luma, and on a few of its lines at full size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
FLAT_BELOW = 2.0
"""A block whose mean gradient is below this, in 8-bit levels, counts as flat."""

Luma = NDArray[np.uint8]
Lines = NDArray[np.int16]
Thumbnail = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Measurements of one frame of the small luma picture.

    Attributes:
        flat_share: share of blocks with less gradient than `FLAT_BELOW`, 0 to 1.
        spatial: mean absolute difference of horizontal and vertical neighbours, in levels.
        temporal: mean absolute difference from the frame before, in levels; 0 for the first.
        thumbnail: block means (rows, columns), in levels.
    """

    flat_share: float
    spatial: float
    temporal: float
    thumbnail: Thumbnail


class FeatureExtractor:
    """Measures frame after frame of one stream."""

    def __init__(self) -> None:
        """Start a stream."""
        self._previous: Luma | None = None

    def measure(self, luma: Luma) -> FrameFeatures:
        """Measure the next frame: `luma` (height, width), both multiples of 8."""
        across = _difference(luma[:, 1:], luma[:, :-1])
        down = _difference(luma[1:], luma[:-1])
        gradient = np.zeros(luma.shape, np.uint16)
        np.add(across[:-1], down[:, :-1], out=gradient[:-1, :-1], dtype=np.uint16)
        thumbnail, activity = block_means(luma), block_means(gradient)
        temporal = 0.0 if self._previous is None else _mean(_difference(luma, self._previous))
        self._previous = luma
        return FrameFeatures(
            flat_share=float((activity < FLAT_BELOW).mean()),
            spatial=float(activity.mean()) / 2,
            temporal=temporal,
            thumbnail=thumbnail,
        )


class DetailExtractor:
    """Measures what a small picture cannot show, on a few lines of every full-size frame."""

    def __init__(self, bit_depth: int) -> None:
        """Start a stream of lines with so many bits per value, at most 14."""
        self._scale = 2.0 ** (bit_depth - 8)
        self._previous: Lines | None = None

    def measure(self, lines: Lines) -> tuple[float, float]:
        """Detail and grain of the next frame's `lines` (rows, width), in 8-bit levels.

        Detail is the mean absolute second difference along the lines, 0 where they are shorter than
        three values. Grain is the mean absolute difference from the frame before, 0 for the first.
        """
        detail = grain = 0.0
        if lines.shape[1] > 2:
            first = lines[:, 1:] - lines[:, :-1]
            detail = _magnitude(first[:, 1:] - first[:, :-1]) / self._scale
        if self._previous is not None:
            grain = _magnitude(lines - self._previous) / self._scale
        self._previous = lines
        return detail, grain


def block_means(values: NDArray[np.uint8] | NDArray[np.uint16]) -> Thumbnail:
    """Means (rows, columns) of blocks of `BLOCK` by `BLOCK` values (height, width): a thumbnail."""
    height, width = values.shape
    lines = values.reshape(height // BLOCK, BLOCK, width).sum(axis=1, dtype=np.uint32)
    sums = np.add.reduceat(lines, np.arange(0, width, BLOCK), axis=1)
    return (sums / np.float32(BLOCK * BLOCK)).astype(np.float32)


def _difference(a: Luma, b: Luma) -> Luma:
    """|a - b| without leaving 8 bits, which is several times faster than going wider."""
    difference: Luma = np.maximum(a, b) - np.minimum(a, b)
    return difference


def _mean(values: Luma) -> float:
    return int(values.sum(dtype=np.uint32)) / values.size


def _magnitude(values: Lines) -> float:
    return int(np.abs(values).sum(dtype=np.int32)) / values.size

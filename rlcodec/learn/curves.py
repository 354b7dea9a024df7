"""What every segment of an episode costs and keeps at any CRF, between those that were encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rlcodec.corpus.table import PSNR_CAP
from rlcodec.learn.pchip import Pchip

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Encodes:
    """The frames of an episode, as encoded at each CRF of a grid: float32 (C, frames) each.

    `psnr` and `vmaf` may be nan where they are not known, as in `corpus.table.Clip`.
    """

    crfs: NDArray[np.float32]
    bytes: NDArray[np.uint32]
    psnr: NDArray[np.float32]
    ssim: NDArray[np.float32]
    reported_psnr: NDArray[np.float32]
    vmaf: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What segments come to: sums of bytes, and means over frames, all of one shape (S, CRFs).

    Attributes:
        bytes: of the segment's packets.
        capped_psnr: of luma in dB, every frame capped where the objective says.
        ssim: of luma.
        psnr: of luma in dB.
        reported_psnr: of the mean squared error that the encoder reports; nan where it does not.
        vmaf: nan where it was not measured.
    """

    bytes: Values
    capped_psnr: Values
    ssim: Values
    psnr: Values
    reported_psnr: Values
    vmaf: Values


class Curves:
    """Segment after segment, interpolated over CRF: the logarithm of bytes, and qualities.

    Attributes:
        frames: of every segment (S).
        crfs: the grid (C), beyond which there are no outcomes.
    """

    def __init__(self, frames: Values, crfs: Values, points: Values) -> None:
        """Interpolate `points` (S, 6, C): log2 of bytes, and the qualities of `Outcome`, in order.

        `frames` (S) are those of every segment, `crfs` (C) the grid.
        """
        self.frames, self.crfs = frames, crfs
        self._curves = Pchip(crfs, points)

    @classmethod
    def measured(cls, encodes: Encodes, starts: NDArray[np.intp], psnr_cap: float) -> Self:
        """Sum the frames of `encodes` from each of `starts` (S), rising from 0, to the next."""
        frames = np.diff(starts, append=encodes.bytes.shape[1]).astype(float)

        def total(values: NDArray[Any]) -> Values:
            sums: Values = np.add.reduceat(values.astype(float), starts, axis=1).T
            return sums

        def mean(values: NDArray[Any]) -> Values:
            means: Values = total(values) / frames[:, None]
            return means

        error = mean(10 ** (-encodes.reported_psnr.astype(float) / 10))
        points = (
            np.log2(np.maximum(total(encodes.bytes), 1.0)),
            mean(np.minimum(encodes.psnr, psnr_cap)),
            mean(encodes.ssim),
            mean(encodes.psnr),
            np.minimum(PSNR_CAP, -10 * np.log10(np.maximum(error, 1e-12))),
            mean(encodes.vmaf),
        )
        return cls(frames, encodes.crfs.astype(float), np.stack(points, axis=1))

    def at(self, crfs: Values) -> Outcome:
        """What all segments come to at each of `crfs`; those beyond the grid count as its ends."""
        log_bytes, *means = np.moveaxis(self._curves(self.held(crfs)), 1, 0)
        return Outcome(2**log_bytes, *means)

    def one(self, segment: int, crf: float) -> tuple[int, float]:
        """Bytes, and PSNR in dB as the encoder reports it, of one segment at one CRF."""
        low, high = self.crfs[0], self.crfs[-1]
        found = self._curves.at(segment, min(max(crf, low), high))
        return round(2 ** float(found[0])), float(found[4])

    def chosen(self, crfs: Values) -> Outcome:
        """What every segment comes to at a CRF of its own: `crfs` (S), results (S)."""
        place = np.arange(len(self.frames))
        log_bytes, *means = self._curves(self.held(crfs))[place, :, place].T
        return Outcome(2**log_bytes, *means)

    def slopes(self, crf: float) -> Outcome:
        """What all segments lose or gain with one step of CRF from `crf` on (S)."""
        points = self.held(np.array([crf]))
        log_bytes = self._curves(points)[:, 0, 0]
        slopes = self._curves.derivative(points)[:, :, 0].T
        return Outcome(2**log_bytes * np.log(2) * slopes[0], *slopes[1:])

    def held(self, crfs: Values) -> Values:
        """`crfs` within the grid."""
        return np.clip(crfs, self.crfs[0], self.crfs[-1])

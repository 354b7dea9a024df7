"""The exact optimum: every segment at the CRF that its own measurements say is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.encodes import Encode
from benchmarks.rates import Floats, between

GRID = tuple(float(crf) for crf in range(12, 46, 3))
"""The CRFs at which a video is measured."""
_CAP = 48.0
# By their size: of offsets that are worth the same, the smallest is taken
_OFFSETS = np.array(sorted(np.arange(-8, 8.25, 0.25), key=abs))


@dataclass(frozen=True)
class Objective:
    """What is wanted of a frame: `psnr * PSNR + ssim * SSIM - k d^2` at the offset d.

    `leaving` is k in units of the mean slope of that quality per CRF at the base.
    """

    psnr: float
    ssim: float
    leaving: float


OBJECTIVES = {
    "balanced": Objective(1, 200, 0.05),
    "psnr": Objective(1, 0, 0),
    "ssim": Objective(0, 1, 0),
}


@dataclass(frozen=True)
class Measured:
    """What every segment of a video came to at fixed CRFs.

    Attributes:
        crfs: (C,), rising.
        frames: (S,), of every segment.
        bytes: (C, S).
        psnr: (C, S), the mean over frames in dB, each of at most 48.
        ssim: (C, S), the mean over frames.
    """

    crfs: Floats
    frames: Floats
    bytes: Floats
    psnr: Floats
    ssim: Floats


def measured(encodes: Sequence[Encode]) -> Measured:
    """The measurements that encodes of one video at rising fixed CRFs are."""
    frames = np.array(encodes[0].lengths)
    starts = np.cumsum(frames) - frames

    def sums(values: ArrayLike) -> Floats:
        return np.add.reduceat(np.asarray(values, float), starts, axis=1)

    return Measured(
        crfs=np.array([each.crf for each in encodes]),
        frames=frames,
        bytes=sums([each.frame_bytes for each in encodes]),
        psnr=sums(np.minimum([each.frame_psnr for each in encodes], _CAP)) / frames,
        ssim=sums([each.frame_ssim for each in encodes]) / frames,
    )


def optimum(table: Measured, base: float, objective: Objective) -> list[float]:
    """The CRF of every segment: the one that is worth most after its bytes are paid for.

    A byte has one price, the slope of the quality of the whole video over its bytes at the base.
    """
    crfs = base + _OFFSETS

    def at(where: Floats) -> tuple[Floats, Floats]:
        """Quality and bytes of every segment, (crfs, segments)."""
        psnr, ssim = (between(table.crfs, each, where) for each in (table.psnr, table.ssim))
        size = np.exp(between(table.crfs, np.log(table.bytes), where))
        return table.frames * (objective.psnr * psnr + objective.ssim * ssim), size

    quality, size = at(np.array([base - 1, base + 1]))
    lost = float((quality[0] - quality[1]).sum())
    price = lost / float((size[0] - size[1]).sum())
    leaving = objective.leaving * lost / 2 / float(table.frames.sum())
    quality, size = at(crfs)
    worth = quality - table.frames * leaving * _OFFSETS[:, None] ** 2 - price * size
    return [float(crf) for crf in crfs[worth.argmax(0)]]

"""Objectives: what quality is worth, and what it costs to leave the base CRF."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rlcodec.errors import SettingsError

Numbers = TypeVar("Numbers", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """U = psnr_weight * PSNR + ssim_weight * SSIM, as a mean over frames, less a price of leaving.

    PSNR, SSIM and VMAF pull apart: the optimum for one costs the viewer the others. A price on
    leaving the base CRF, quadratic in the offset, mends that.

    Attributes:
        name: by which users ask for it.
        psnr_weight: for each dB of luma PSNR.
        ssim_weight: for each unit of luma SSIM, of which there is at most one.
        leaving_price: for each squared step of CRF, in units of what U without it loses with one
            step of CRF at the base.
        psnr_cap: in dB; no byte is well spent beyond.

    Raises:
        SettingsError: a number is negative or not finite, or all weights are 0.
    """

    name: str
    psnr_weight: float
    ssim_weight: float
    leaving_price: float = 0.0
    psnr_cap: float = 48.0

    def __post_init__(self) -> None:
        numbers = (self.psnr_weight, self.ssim_weight, self.leaving_price, self.psnr_cap)
        if not all(math.isfinite(each) and each >= 0 for each in numbers):
            raise SettingsError(f"objective {self.name}: give weights and prices of 0 or more")
        if self.psnr_weight == self.ssim_weight == 0:
            raise SettingsError(f"objective {self.name}: give PSNR or SSIM a weight above 0")

    def worth(self, psnr: Numbers, ssim: Numbers) -> Numbers:
        """U without the price of leaving, of PSNR that is capped already, and SSIM (...)."""
        return self.psnr_weight * psnr + self.ssim_weight * ssim


OBJECTIVES = {
    each.name: each
    for each in (
        Objective(name="balanced", psnr_weight=1, ssim_weight=200, leaving_price=0.05),
        Objective(name="psnr", psnr_weight=1, ssim_weight=0),
        Objective(name="ssim", psnr_weight=0, ssim_weight=1),
    )
}

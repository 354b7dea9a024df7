"""The exact optimum of an episode, and what decisions come to as BD-rates, both from the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlcodec.learn.bdrate import bd_rate
from rlcodec.learn.episodes import Episode
from rlcodec.learn.stakes import Stakes, SwitchCost

Values = NDArray[np.float64]

BASE_CRFS = (20.0, 24.0, 28.0, 32.0, 36.0)
"""Where policies are compared with fixed CRF."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best that can be done: the action for every segment (S), and what they earn together."""

    actions: NDArray[np.intp]
    earned: float


def optimum(stakes: Stakes) -> Optimum:
    """The actions with the highest return, among those allowed, found by dynamic programming."""
    offsets = stakes.offsets
    barred = np.where(stakes.allowed, 0.0, -np.inf)
    moves = np.abs(offsets[:, None] - offsets)
    count = len(stakes.base)
    came_from = np.zeros((count, len(offsets)), np.intp)
    # The offset before the first segment counts as 0, and the first begins a shot
    best = stakes.base[0] + barred
    for segment in range(1, count):
        paths = best - stakes.switch[segment][:, None] * moves
        came_from[segment] = paths.argmax(axis=1)
        best = paths.max(axis=1) + stakes.base[segment] + barred
    actions = np.empty(count, np.intp)
    actions[-1] = best.argmax()
    for segment in range(count - 1, 0, -1):
        actions[segment - 1] = came_from[segment, actions[segment]]
    return Optimum(actions, float(best.max()))


@dataclass(frozen=True, slots=True)
class BdRates:
    """Against fixed CRF, as shares: -0.05 is 5 % fewer bytes at the same quality.

    `psnr`, `ssim` and `vmaf` are BD-rates over means of all frames, nan where they cannot be told;
    `bytes` is how many more bytes there were, whatever the quality, as a mean over base CRFs.
    """

    psnr: float
    ssim: float
    vmaf: float
    bytes: float


def bd_rates(
    episode: Episode, offsets: Mapping[float, Values], switch: SwitchCost | None = None
) -> BdRates:
    """What decisions come to: `offsets` (S) of every segment, for two base CRFs or more.

    `switch` is what another offset within a shot costs.
    """
    cost = switch or SwitchCost()
    fixed = np.array(
        [_score(episode, crf, np.zeros(len(each)), cost) for crf, each in offsets.items()]
    ).T
    tested = np.array([_score(episode, crf, each, cost) for crf, each in offsets.items()]).T
    psnr, ssim, vmaf = (
        bd_rate(fixed[0], fixed[metric], tested[0], tested[metric])
        if np.isfinite(fixed[metric]).all()
        else float("nan")
        for metric in (1, 2, 3)
    )
    return BdRates(psnr, ssim, vmaf, bytes=float((tested[0] / fixed[0]).mean()) - 1)


def _score(episode: Episode, crf: float, offsets: Values, cost: SwitchCost) -> list[float]:
    """Bytes of the title, and means over its frames of PSNR, SSIM and VMAF."""
    found = episode.curves.chosen(crf + offsets)
    begins = np.array([segment.new_shot for segment in episode.segments])
    steps = np.where(begins, 0.0, np.abs(np.diff(offsets, prepend=0.0)))
    frames = episode.curves.frames
    share = frames / frames.sum()
    return [
        float((found.bytes * (1 + cost.bytes_share * steps)).sum()),
        float(share @ (found.psnr - cost.psnr * steps)),
        float(share @ (found.ssim - cost.ssim * steps)),
        float(share @ found.vmaf),
    ]

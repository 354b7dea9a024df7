"""What there is to win: the reward of every action in every segment of an episode.

With U of the objective, summed over frames, a segment at offset d earns

    (U(d) - U(0) - price * (bytes(d) - bytes(0)) - switch cost) / (price * bytes of the title at 0)

and the return of an episode is about minus the BD-rate as a share: 0.05 stands for 5 %. Under the
price of a library a title that costs less than the others is taken to cost as much as they do on
average in what is divided by: cheap titles would outweigh all others, with so little to be gained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rlcodec.errors import SettingsError
from rlcodec.learn.curves import Outcome
from rlcodec.learn.episodes import Episode
from rlcodec.learn.objective import Objective

Values = NDArray[np.float64]

OFFSETS = tuple(float(step) for step in range(-8, 9))
"""The actions, in CRF."""
USUAL_FRAMES = 30.0
"""Frames of a title that a whole library weighs as much as, for who does not know the title yet."""
_PRICELESS = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCost:
    """What a segment loses that continues a shot at another offset, for each step of CRF between.

    Together about 0.6 % of the bytes. Random walks of the CRF in real encodes gave 1.3 +- 2.5 % for
    the 24 frames after a change (x264 medium, 340 changes in 16 clips: `python -m benchmarks
    switching`): what a rise inherits from better frames, 5 % for each step, a fall has to make up.

    Attributes:
        bytes_share: of the segment's bytes, on top of them.
        psnr: in dB.
        ssim: of luma.
    """

    bytes_share: float = 0.004
    psnr: float = 0.01
    ssim: float = 0.0001


@dataclass(frozen=True, slots=True)
class Terms:
    """What an episode is judged by.

    Attributes:
        price: of a byte, in U.
        slope: what a frame loses of U with one step of CRF at the base, before the leaving price.
        usual_bytes: of a frame, that a title is taken to cost at the least.
        so_far: price and slope (2, S) as they can be known when each segment is decided; None where
            they are the same for all.
    """

    price: float
    slope: float
    usual_bytes: float = 0.0
    so_far: Values | None = None


def title_terms(episode: Episode, objective: Objective, crf: float) -> Terms:
    """The title's own slope at its base CRF: no other fixed CRF would earn anything."""
    slopes, frames = episode.curves.slopes(crf), episode.curves.frames
    lost = -float(frames @ objective.worth(slopes.capped_psnr, slopes.ssim))
    saved = -float(slopes.bytes.sum())
    if lost <= 0 or saved <= 0:
        return Terms(0.0, 0.0)
    return Terms(lost / saved, lost / float(frames.sum()))


def foreseen_terms(episode: Episode, objective: Objective, crf: float, library: Terms) -> Terms:
    """The title's slope up to the end of each segment, the rest taken to be like the library.

    The whole title's slope is not known before it is over, and rewards by it are noise to whoever
    decides before: these are what can be expected of it. `library` counts as `USUAL_FRAMES`.
    """
    slopes, frames = episode.curves.slopes(crf), episode.curves.frames
    worth = objective.worth(slopes.capped_psnr, slopes.ssim)
    lost = np.cumsum(-frames * worth) + USUAL_FRAMES * library.slope
    saved = np.cumsum(-slopes.bytes) + USUAL_FRAMES * library.slope / library.price
    terms = title_terms(episode, objective, crf)
    so_far = np.stack((lost / saved, lost / (np.cumsum(frames) + USUAL_FRAMES)))
    return replace(terms, so_far=np.maximum(so_far, 0.0))


class Library:
    """One price per bit and pixel for many titles: the slope of all of them together.

    Each title counts the same, however long it is. Make it of the titles that are learned from, and
    of no others.
    """

    def __init__(self, titles: Sequence[Episode], objective: Objective) -> None:
        """Take prices from `titles`, at least one."""
        self._titles = tuple(titles)
        self._objective = objective
        self._known: dict[float, Terms] = {}  # for pictures of 8 pixels

    def terms(self, episode: Episode, crf: float) -> Terms:
        """What `episode` is judged by at a base CRF, which lies within the grid."""
        if crf not in self._known:
            self._known[crf] = self._of_all(crf)
        found = self._known[crf]
        bits = episode.pixels / 8
        return Terms(found.price / bits, found.slope, found.usual_bytes * bits)

    def _of_all(self, crf: float) -> Terms:
        lost = saved = spent = 0.0
        for title in self._titles:
            slopes, frames = title.curves.slopes(crf), title.curves.frames
            worth = self._objective.worth(slopes.capped_psnr, slopes.ssim)
            bits = 8 / (float(frames.sum()) * title.pixels)
            lost -= float(frames @ worth) / float(frames.sum())
            saved -= bits * float(slopes.bytes.sum())
            spent += bits * float(title.curves.at(np.array([crf])).bytes.sum())
        if lost <= 0 or saved <= 0:
            raise SettingsError(
                f"at CRF {crf:g} the corpus loses no quality where it saves bytes: add clips to it"
            )
        count = len(self._titles)
        return Terms(lost / saved, lost / count, spent / count)


@dataclass(frozen=True, eq=False)
class Stakes:
    """The rewards of one episode at one base CRF.

    Attributes:
        terms: what the episode is judged by.
        offsets: what each action does to the CRF (A): those beyond the grid of CRFs are held at its
            end.
        allowed: whether an action is within the grid (A).
        base: rewards before the switch cost (S, A).
        switch: what they lose for each step of CRF from the offset before (S, A); 0 where a segment
            begins a shot.
        outcome: of every segment and action (S, A).
        zero: the action that leaves the CRF.
    """

    terms: Terms
    offsets: Values
    allowed: NDArray[np.bool_]
    base: Values
    switch: Values
    outcome: Outcome
    zero: int

    def rewards(self, segment: int, previous: float) -> Values:
        """Of all actions in a segment (A), after the offset `previous`."""
        steps = np.abs(self.offsets - previous)
        rewards: Values = self.base[segment] - self.switch[segment] * steps
        return rewards

    def return_of(self, actions: Sequence[int] | NDArray[np.intp]) -> float:
        """What actions (S), one for each segment, earn together."""
        previous, total = 0.0, 0.0
        for segment, action in enumerate(actions):
            total += float(self.rewards(segment, previous)[action])
            previous = float(self.offsets[action])
        return total


def stakes(
    episode: Episode,
    objective: Objective,
    terms: Terms,
    crf: float,
    *,
    offsets: Sequence[float] = OFFSETS,
    switch: SwitchCost | None = None,
) -> Stakes:
    """The rewards of `episode` at the base CRF `crf`, which lies within the grid.

    Raises:
        SettingsError: no action leaves the CRF as it is, or `crf` is beyond the grid.
    """
    if 0.0 not in offsets:
        raise SettingsError("one of the offsets must be 0: nothing is compared with anything else")
    curves = episode.curves
    if not curves.crfs[0] <= crf <= curves.crfs[-1]:
        raise SettingsError(
            f"crf is {crf:g}: the clips were encoded from {curves.crfs[0]:g} to "
            f"{curves.crfs[-1]:g}, and nothing is known beyond"
        )
    asked = np.array(offsets)
    held = curves.held(crf + asked) - crf
    zero = offsets.index(0.0)
    outcome = curves.at(crf + held)
    frames = curves.frames[:, None]
    worth = frames * objective.worth(outcome.capped_psnr, outcome.ssim)
    price, slope = np.array((terms.price, terms.slope)) if terms.so_far is None else terms.so_far
    price, slope = price.reshape(-1, 1), slope.reshape(-1, 1)
    worth -= frames * objective.leaving_price * slope * held**2
    gained = worth - worth[:, [zero]] - price * (outcome.bytes - outcome.bytes[:, [zero]])
    cost = switch or SwitchCost()
    lost = price * cost.bytes_share * outcome.bytes
    lost += frames * objective.worth(cost.psnr, cost.ssim)
    begins = np.array([segment.new_shot for segment in episode.segments])
    usual = terms.usual_bytes * float(frames.sum())
    spent = terms.price * max(usual, float(outcome.bytes[:, zero].sum()))
    # A title beyond the cap has nothing to lose, and no slope to be judged by
    share = 1 / spent if spent > _PRICELESS else 0.0
    return Stakes(
        terms=terms,
        offsets=held,
        allowed=np.isclose(held, asked),
        base=share * gained,
        switch=share * np.where(begins[:, None], 0.0, lost),
        outcome=outcome,
        zero=zero,
    )

"""What every policy is: a name, and a decision for a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.state import State
from rlcodec.settings import CRF_RANGE

Offsets = NDArray[np.float32] | NDArray[np.float64]

OFFSET_STEP = 0.25
"""Offsets are rounded to this, in CRF: finer ones cannot be told apart, and each costs a graph."""

HOLD = 1.5
"""Within a shot the CRF stays unless it should move by more than this: a change costs bytes."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a policy wants for one segment: `offset` in CRF, to be added to the base."""

    offset: float


class Policy(Protocol):
    """Decides segment after segment. It keeps nothing between calls: the past is in the state."""

    @property
    def name(self) -> str:
        """The name by which users ask for it."""

    def decide(self, state: State) -> Action:
        """The action for a segment in this state."""


def held(state: State, offset: float) -> Action:
    """`offset`, or that of the segment before where this one continues its shot and is near it."""
    previous = state["previous_offset"]
    if not state["new_shot"] and abs(offset - previous) < HOLD:
        return Action(previous)
    return Action(offset)


def reach(*, crf: float, max_offset: float, crf_range: tuple[float, float]) -> tuple[float, float]:
    """The lowest and the highest offset that the user and the codec allow."""
    return max(-max_offset, crf_range[0] - crf), min(max_offset, crf_range[1] - crf)


def allowed(state: State, offsets: Offsets) -> NDArray[np.bool_]:
    """Which of `offsets` (A) the user and the codec allow in a state."""
    low, high = reach(crf=state["crf"], max_offset=state["max_offset"], crf_range=CRF_RANGE)
    return (low <= offsets) & (offsets <= high)


def bounded(
    action: Action, *, crf: float, max_offset: float, crf_range: tuple[float, float]
) -> float:
    """The offset of `action`, rounded and held within what the user and the codec allow."""
    low, high = reach(crf=crf, max_offset=max_offset, crf_range=crf_range)
    offset = round(action.offset / OFFSET_STEP) * OFFSET_STEP
    return min(max(offset, low), high)

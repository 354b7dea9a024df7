"""What every policy is: a name, and a decision for a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rlcodec.analysis.state import State

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


def bounded(
    action: Action, *, crf: float, max_offset: float, crf_range: tuple[float, float]
) -> float:
    """The offset of `action`, rounded and held within what the user and the codec allow."""
    low = max(-max_offset, crf_range[0] - crf)
    high = min(max_offset, crf_range[1] - crf)
    offset = round(action.offset / OFFSET_STEP) * OFFSET_STEP
    return min(max(offset, low), high)

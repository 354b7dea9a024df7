"""What every policy is: a name, and a decision for a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rlcodec.analysis.state import State

OFFSET_STEP = 0.25
"""Offsets are rounded to this, in CRF: finer ones cannot be told apart, and each costs a graph."""


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


def bounded(
    action: Action, *, crf: float, max_offset: float, crf_range: tuple[float, float]
) -> float:
    """The offset of `action`, rounded and held within what the user and the codec allow."""
    low = max(-max_offset, crf_range[0] - crf)
    high = min(max_offset, crf_range[1] - crf)
    offset = round(action.offset / OFFSET_STEP) * OFFSET_STEP
    return min(max(offset, low), high)

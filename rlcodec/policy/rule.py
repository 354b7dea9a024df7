"""A hand-written rule: the honest first rival of everything that is learned."""

from __future__ import annotations

from rlcodec.analysis.state import State
from rlcodec.policy.interface import Action, held

TYPICAL_LOG_BPP = -0.87
"""log2 of the probe's bits per pixel in a title of which nothing was seen: the mean of a corpus."""
TYPICAL_FRAMES = 25.0
"""Frames of the title that weigh as much as `TYPICAL_LOG_BPP`. Titles differ from each other more
than their shots do: a few shots tell more about a title than all other titles."""
SLOPE = 1.0
"""CRF for every doubling of bits per pixel."""


class Rule:
    """A higher CRF for segments that cost more than the rest of the title, a lower one for cheaper.

    A byte buys less where bytes are many: quality falls by about the same for each CRF step, while
    the bytes that a step saves are a share of those spent.
    """

    name = "rule"

    def decide(self, state: State) -> Action:
        """The offset for the cost of the segment, against the title so far and the segment."""
        seen = 2 ** state["title_frames"] - 1
        length = 2 ** state["length"]
        cost = state["probe_log_bpp"]
        usual = (
            TYPICAL_FRAMES * TYPICAL_LOG_BPP + seen * state["title_log_bpp"] + length * cost
        ) / (TYPICAL_FRAMES + seen + length)
        return held(state, SLOPE * (cost - usual))

"""The policy that was learned: a policy file that decides."""

from __future__ import annotations

import numpy as np

from rlcodec.analysis.state import INPUTS, State
from rlcodec.policy.file import PolicyFile
from rlcodec.policy.interface import Action, held
from rlcodec.settings import CRF_RANGE


class Learned:
    """Takes the offset that a network values most, among those that user and codec allow.

    Attributes:
        name: what its file calls it.
        digest: SHA-256 of its file, in hexadecimal.
        asks_encoder: whether it goes by what the encoder made of earlier segments.
    """

    def __init__(self, policy: PolicyFile) -> None:
        """Decide by `policy`."""
        self.name, self.digest = policy.facts.name, policy.digest
        self.asks_encoder = policy.facts.asks_encoder
        self._network = policy.network
        place = {each.name: index for index, each in enumerate(INPUTS)}
        self._inputs = np.array([place[name] for name in policy.facts.inputs])

    def decide(self, state: State) -> Action:
        """The best offset in this state."""
        offsets, crf = self._network.offsets, state["crf"]
        low = max(-state["max_offset"], CRF_RANGE[0] - crf)
        high = min(state["max_offset"], CRF_RANGE[1] - crf)
        allowed = (low <= offsets) & (offsets <= high)
        return held(state, self._network.best_offset(state.values[self._inputs], allowed))

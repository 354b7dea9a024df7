"""The policy that was learned: a policy file that decides."""

from __future__ import annotations

import numpy as np

from rlcodec.analysis.state import INPUT_NAMES, State
from rlcodec.policy.file import PolicyFile
from rlcodec.policy.interface import Action, allowed, held


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
        self._inputs = np.array([INPUT_NAMES.index(name) for name in policy.facts.inputs])

    def decide(self, state: State) -> Action:
        """The best offset in this state."""
        choice = allowed(state, self._network.offsets)
        return held(state, self._network.best_offset(state.values[self._inputs], choice))

"""The policy that leaves everything as it is: what every other one is measured against."""

from __future__ import annotations

from rlcodec.analysis.state import State
from rlcodec.policy.interface import Action


class Fixed:
    """The base CRF for every segment."""

    name = "fixed"

    def decide(self, state: State) -> Action:  # noqa: ARG002 # the interface hands it over
        """No offset, whatever the state."""
        return Action(0.0)

"""A small environment with a known answer, where only a policy with memory can win."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlcodec.learn.collection import Start
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.environment import Outcomes
from rlcodec.learn.training import Case, Task

LEFT, LOOK, RIGHT = range(3)
PRICE = 0.1
"""What looking costs."""
SMALL = AgentConfig(
    relative=False,
    hidden=(32,),
    members=2,
    gamma=1.0,
    steps=600,
    episodes_per_round=8,
    updates_per_round=50,
    warm_up_rounds=6,
    buffer_size=2000,
    batch_size=32,
    learning_rate=5e-3,
    target_period=25,
    dropout=0.0,
    input_noise=0.0,
    validation_interval=2,
    bootstrap=False,
)


class Doors:
    """Two doors, one with a prize; where it lies is shown at first, two steps before the choice.

    Who looks then, for a small price, has it in the state for the rest of the episode: the history.
    The best return is 1 - PRICE; who does not look, or does not remember, earns 0 at most.
    A state is (step, side while it is shown, side that is remembered).
    """

    def __init__(self, steps: int = 3, *, memory: bool = True) -> None:
        self._steps, self._memory = steps, memory
        self._side = 1.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        sides = {None: float(np.random.default_rng(seed).choice([-1, 1]))}
        self._side = (options or {}).get("side", sides[None])
        self._step, self._seen = 0, 0.0
        return self._state(0, 0.0), {"allowed": np.ones(3, np.bool_)}

    def _state(self, step: int, seen: float) -> NDArray[np.float32]:
        shown = self._side if step == 0 else 0.0
        return np.array([step, shown, seen if self._memory else 0.0], np.float32)

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        last = self._step == self._steps - 1
        if last:
            rewards = np.array([-self._side, 0.0, self._side], np.float32)
        else:
            rewards = np.array([0.0, -PRICE if self._step == 0 else 0.0, 0.0], np.float32)
        seen = [self._seen, self._side if self._step == 0 else self._seen, self._seen]
        after = np.stack([self._state(self._step + 1, each) for each in seen]) * (not last)
        self._step, self._seen = self._step + 1, seen[action]
        zeros = np.zeros(3, np.float32)
        outcomes = Outcomes(
            rewards=rewards,
            next_states=after,
            log_bytes=rewards + 1,
            psnr=zeros + self._side,
            ssim=zeros,
            allowed=np.ones(3, np.bool_),
        )
        info = {"outcomes": outcomes, "group": "left" if self._side < 0 else "right"}
        return after[action], float(rewards[action]), last, False, info


def task(*, memory: bool = True, steps: int = 3) -> Task:
    """To learn the doors; validated on both sides."""
    cases = tuple(
        Case(kind, Start(Doors(steps, memory=memory), options={"side": side}), 1 - PRICE)
        for kind, side in (("left", -1.0), ("right", 1.0))
    )
    return Task("doors", lambda: Doors(steps, memory=memory), cases)

"""What the agent is measured against, on the same states, data and validation episodes.

A contextual bandit is the agent itself with `gamma` 0; the supervised model is in `supervised`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.state import State
from rlcodec.learn.collection import Choose, Start, choose_randomly, play
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.episodes import SEEDS
from rlcodec.learn.replay import Floats, Trajectory
from rlcodec.learn.training import Task
from rlcodec.policy.interface import Action, allowed


@dataclass(frozen=True)
class ChoosingPolicy:
    """A policy made of a function that chooses among actions.

    Attributes:
        name: what results call it.
        choose: gives actions for states.
        offsets: what the actions stand for, in CRF.
        inputs: those of the state that it was trained to see, by name.
    """

    name: str
    choose: Choose
    offsets: tuple[float, ...]
    inputs: tuple[str, ...]

    def decide(self, state: State) -> Action:
        """The offset of the action that is chosen, among those that user and codec allow."""
        choice = allowed(state, np.array(self.offsets))
        seen = np.array([state[name] for name in self.inputs], np.float32)
        return Action(self.offsets[int(self.choose(seen[None], choice[None])[0])])


BINNED = ("probe_log_bpp", "title_log_bpp", "probe_psnr", "previous_offset", "crf", "scope")
"""The inputs that tabular Q-learning sees."""
BINS = 4
"""Of each input."""
_LEAST_RATE = 0.05
"""Of learning, so that what early targets got wrong is forgotten."""


class QTable:
    """Q-values in a table over quantile bins of a few inputs (Watkins 1989)."""

    def __init__(
        self, trajectories: Sequence[Trajectory], columns: Sequence[int], *, gamma: float
    ) -> None:
        """Lay bins so that as many states of `trajectories` fall into each, and know nothing yet.

        `columns` are the places of the inputs that are binned.
        """
        states = np.concatenate([each.states[:-1] for each in trajectories])
        levels = np.arange(1, BINS) / BINS
        self._columns = list(columns)
        # Of the distinct values: an input that has only a few gets bins of its own for them
        self._edges = np.array(
            [np.quantile(np.unique(states[:, column]), levels) for column in columns]
        )
        cells = BINS ** len(self._columns), trajectories[0].rewards.shape[1]
        self._values, self._visits = np.zeros(cells), np.zeros(cells[0])
        self._gamma = gamma

    def learn(self, trajectory: Trajectory) -> None:
        """Q(s, a) += rate (r + gamma max_a' Q(s'_a, a') - Q(s, a)), for every action a.

        The rate is 1 / visits of s, which makes Q a mean, until it is small.
        """
        cells = self._cells(trajectory.states[:-1])
        following = self._cells(trajectory.next_states)
        last = len(cells) - 1
        for step, cell in enumerate(cells):
            allowed = trajectory.allowed[step]
            ahead = np.where(allowed, self._values[following[step]], -np.inf).max(-1)
            over = trajectory.terminated and step == last
            target = trajectory.rewards[step] + self._gamma * (0.0 if over else ahead)
            self._visits[cell] += 1
            rate = max(1 / self._visits[cell], _LEAST_RATE)
            self._values[cell] += rate * (target - self._values[cell])

    def choose(self, states: Floats, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The best action of each state's cell."""
        values = np.where(allowed, self._values[self._cells(states)], -np.inf)
        return np.asarray(values.argmax(-1))

    def _cells(self, states: Floats) -> NDArray[np.int64]:
        """The cell (...) of each state (..., I)."""
        # As many edges as lie at or below a value make its bin: above the quantile, not at it
        bins = (states[..., self._columns, None] > self._edges).sum(-1)
        return np.asarray(bins @ BINS ** np.arange(len(self._columns)))


def train_table(task: Task, config: AgentConfig, columns: Sequence[int] | None = None) -> QTable:
    """Tabular Q-learning with the agent's episodes, discount and epsilon.

    Args:
        task: what to learn.
        config: `gamma`, `seed`, the exploration and the number of rounds.
        columns: places of the inputs that are binned; those of `BINNED` where None.
    """
    if columns is None:
        columns = [config.inputs.index(name) for name in BINNED]
    rng = np.random.default_rng(config.seed)
    environments = [task.environment() for _ in range(config.episodes_per_round)]

    def explored(choose: Choose) -> list[Trajectory]:
        seeds = rng.integers(SEEDS, size=len(environments)).tolist()
        starts = [Start(each, seed=seed) for each, seed in zip(environments, seeds, strict=True)]
        return play(starts, choose)

    anything = choose_randomly(rng)
    table = QTable(explored(anything), columns, gamma=config.gamma)

    rounds = config.steps // config.updates_per_round
    for done in range(rounds):
        epsilon = config.epsilon(done / rounds)

        def choose(
            states: Floats, allowed: NDArray[np.bool_], epsilon: float = epsilon
        ) -> NDArray[np.int64]:
            random = rng.random(len(states)) < epsilon
            return np.where(random, anything(states, allowed), table.choose(states, allowed))

        for trajectory in explored(choose):
            table.learn(trajectory)
    return table

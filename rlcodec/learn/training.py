"""The training loop: collect, learn, validate, and keep the best.

A round collects episodes with the agent as it is and then learns for a while. Whatever is random in
a round comes from the seed and the round's number, so that a checkpoint between two rounds needs no
generators to go on exactly as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rlcodec.learn.agent import Agent
from rlcodec.learn.checkpoint import read_checkpoint, write_checkpoint
from rlcodec.learn.collection import (
    Choose,
    Environment,
    Start,
    bootstrap,
    choose_randomly,
    play,
)
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.episodes import SEEDS
from rlcodec.learn.events import Learned, Means, Resumed, Trained, TrainingEvent, Validated
from rlcodec.learn.replay import Floats, ReplayBuffer, Trajectory, measure_scales


@dataclass(frozen=True)
class Case:
    """One validation episode: its kind, and what the exact optimum earns; a fixed CRF earns 0."""

    kind: str
    start: Start
    optimum: float


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes:
        name: tells this task from others, so that no checkpoint of one goes on with another.
        environment: makes an environment whose `reset(seed=...)` draws a training episode.
        validation: the episodes to validate on, each in an environment of its own.
    """

    name: str
    environment: Callable[[], Environment]
    validation: Sequence[Case]


def train(
    task: Task, config: AgentConfig, *, checkpoint: Path | None = None, resume: bool = False
) -> Iterator[TrainingEvent]:
    """Train an agent. The last event is `Trained`.

    The iterator may be dropped at any time: what counts is in the last checkpoint.

    Args:
        task: training and validation episodes; that they share no source is the caller's business.
        config: the hyper-parameters.
        checkpoint: file to write after every validation, and to go on from; None keeps none.
        resume: whether to go on from `checkpoint`.

    Raises:
        InputError: the checkpoint cannot be read.
        SettingsError: it was made with other hyper-parameters.
        OutputError: the checkpoint cannot be written.
    """
    with one_thread():
        run = _Run(task, config)
        if resume:
            assert checkpoint is not None
            run.restore(read_checkpoint(checkpoint, task.name, config))
            yield Resumed(run.agent.updates)
        while not run.over:
            yield run.round()
            if run.due:
                yield run.validate()
                if checkpoint is not None:
                    write_checkpoint(checkpoint, task.name, config, run.state())
        yield run.result()


class _Run:
    """A training run, between two rounds."""

    def __init__(self, task: Task, config: AgentConfig) -> None:
        """Play episodes of random actions, and begin with what they show."""
        self._task, self._config = task, config
        self._environments = [task.environment() for _ in range(config.episodes_per_round)]
        self._weigh = bootstrap(config.members, config.seed if config.bootstrap else None)
        rng = np.random.default_rng([config.seed, 0])
        rounds = range(config.warm_up_rounds)
        episodes = [each for _ in rounds for each in self._play(choose_randomly(rng), rng)]
        self._scales = measure_scales(self._rewarded(episodes))
        self.agent = Agent(episodes[0].rewards.shape[1], self._scales, config)
        alpha = config.priority_exponent if config.prioritised else 0.0
        self._buffer = ReplayBuffer(config.buffer_size, exponent=alpha)
        self._keep(episodes)
        self._rounds = 0
        # Of the best validation: after how many updates, the return of each case, the policy
        self._best_step = 0
        self._best_returns = np.full(len(task.validation), -np.inf)
        self._best_tensors: dict[str, Floats] = {}
        # Validations since then
        self._stale = 0

    @property
    def due(self) -> bool:
        """Whether it is time to validate."""
        return self._rounds % self._config.validation_interval == 0 or self.agent.progress == 1

    @property
    def over(self) -> bool:
        """Whether all updates are done, or the return has stopped to rise."""
        return self.agent.progress == 1 or self._stale >= self._config.patience

    def round(self) -> Learned:
        """Collect episodes, and learn from all that is in the buffer."""
        config, agent = self._config, self.agent
        self._rounds += 1
        rng = np.random.default_rng([config.seed, self._rounds])
        noise = torch.Generator().manual_seed(int(rng.integers(SEEDS)))
        epsilon = agent.epsilon
        episodes = self._play(lambda states, allowed: agent.act(states, allowed, rng), rng)
        self._keep(episodes)
        losses = []
        for _ in range(min(config.updates_per_round, config.steps - agent.updates)):
            shape = (config.members, config.batch_size)
            batch = self._buffer.sample(shape, beta=agent.beta, rng=rng)
            loss = agent.update(batch, noise)
            self._buffer.update_priorities(batch.indices, loss.errors)
            losses.append(loss.mean)
        return Learned(
            step=agent.updates,
            steps=config.steps,
            loss=float(np.mean(losses)),
            mean_return=float(np.mean([each.earned for each in episodes])),
            epsilon=epsilon,
        )

    def validate(self) -> Validated:
        """Play every validation episode greedily, and keep the policy if it is the best so far."""
        returns = returns_of(self._task.validation, self.agent.act)
        best = bool(returns.mean() > self._best_returns.mean())
        self._stale = 0 if best else self._stale + 1
        if best:
            self._best_step, self._best_returns = self.agent.updates, returns
            self._best_tensors = self.agent.online.export()
        return Validated(self.agent.updates, *self._scores(returns), best)

    def result(self) -> Trained:
        """The best policy."""
        return Trained(
            self.agent.updates,
            *self._scores(self._best_returns),
            self._best_step,
            self._best_tensors,
        )

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs."""
        return {
            "agent": self.agent.state(),
            "buffer": self._buffer.state(),
            "rounds": self._rounds,
            "stale": self._stale,
            "best_step": self._best_step,
            "best_returns": self._best_returns,
            "best_tensors": self._best_tensors,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` gave, arrays as tensors."""
        self.agent.restore(state["agent"])
        self._buffer.restore(_arrays(state["buffer"]))
        self._rounds, self._stale = state["rounds"], state["stale"]
        self._best_step = state["best_step"]
        self._best_returns = state["best_returns"].numpy()
        self._best_tensors = _arrays(state["best_tensors"])

    def _play(self, choose: Choose, rng: np.random.Generator) -> list[Trajectory]:
        starts = [Start(each, seed=int(rng.integers(SEEDS))) for each in self._environments]
        return play(starts, choose, self._weigh)

    def _rewarded(self, episodes: Sequence[Trajectory]) -> list[Trajectory]:
        """Episodes with the rewards that are learned from."""
        return [each.relative if self._config.relative else each for each in episodes]

    def _keep(self, trajectories: Sequence[Trajectory]) -> None:
        config = self._config
        for each in self._rewarded(trajectories):
            self._buffer.add(
                each.transitions(self._scales, n_step=config.n_step, gamma=config.gamma)
            )

    def _scores(self, returns: NDArray[np.float64]) -> tuple[float, float, Means, Means]:
        """Mean return and that of the optimum, over all cases and for each kind of them."""
        cases = self._task.validation
        optima = np.array([case.optimum for case in cases])
        return (
            float(returns.mean()),
            float(optima.mean()),
            _by_kind(cases, returns),
            _by_kind(cases, optima),
        )


def returns_of(cases: Sequence[Case], choose: Choose) -> NDArray[np.float64]:
    """What a policy earns in each case; a fixed CRF earns 0."""
    return np.array([each.earned for each in play([case.start for case in cases], choose)])


def _by_kind(cases: Sequence[Case], values: NDArray[np.float64]) -> Means:
    kinds = np.array([case.kind for case in cases])
    return {kind: float(values[kinds == kind].mean()) for kind in dict.fromkeys(kinds.tolist())}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: sums then do not depend on the cores, and small nets gain none."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _arrays(tensors: dict[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    return {name: each.numpy() for name, each in tensors.items()}

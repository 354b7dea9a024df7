"""The supervised rival: predict what every action does, and choose at one price.

The same inputs, ensemble and hidden layers as the agent's, trained by regression on states of
random behaviour: for every action the change of log2 bytes, PSNR and SSIM, and for the segment what
its bytes are worth at the title's price, or at the corpus's in scope library.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import huber_loss

from rlcodec.learn.collection import bootstrap
from rlcodec.learn.config import AgentConfig
from rlcodec.learn.environment import RateEnv
from rlcodec.learn.episodes import SEEDS
from rlcodec.learn.networks import EnsembleLinear, Trunk
from rlcodec.learn.objective import Objective
from rlcodec.learn.replay import Floats, Scales
from rlcodec.learn.stakes import OFFSETS, SwitchCost
from rlcodec.learn.training import Task, one_thread, returns_of

_LEAST = 1e-9
"""U per frame of bytes, or of a step of CRF, below which a title has nothing to lose."""


@dataclass(frozen=True)
class Samples:
    """Segments in N states, as learned from.

    Attributes:
        states: (N, I).
        changes: (N, 3, A), of log2 bytes, PSNR and SSIM against offset 0.
        stakes: (N, 2), log2 of what a frame's bytes are worth at offset 0, and log2 of what a frame
            loses with one step of CRF, both in U.
        weights: (N, E), of the bootstrap.
    """

    states: Floats
    changes: Floats
    stakes: Floats
    weights: Floats


def collect(environment: RateEnv, config: AgentConfig, episodes: int) -> Samples:
    """Play `episodes` with random actions."""
    rng = np.random.default_rng(config.seed)
    length = config.inputs.index("length")
    weigh = bootstrap(config.members, config.seed if config.bootstrap else None)
    states, changes, stakes, weights = [], [], [], []
    for _ in range(episodes):
        state, info = environment.reset(seed=int(rng.integers(SEEDS)))
        odds, ended, place = environment.stakes, False, 0
        while not ended:
            states.append(state)
            cost = odds.terms.price * odds.outcome.bytes[place, odds.zero] / 2 ** state[length]
            stakes.append(np.log2(np.maximum((cost, odds.terms.slope), _LEAST)))
            action = rng.choice(np.flatnonzero(info["allowed"]))
            state, _, ended, _, told = environment.step(action)
            outcomes = told["outcomes"]
            changes.append((outcomes.log_bytes, outcomes.psnr, outcomes.ssim))
            weights.append(weigh(told["group"]))
            place += 1
    return Samples(
        np.array(states, np.float32),
        np.array(changes, np.float32),
        np.array(stakes, np.float32),
        np.array(weights, np.float32),
    )


class Model(Trunk):
    """States (E, B, I) to changes (E, B, 3, A) and stakes (E, B, 2), both standardised."""

    def __init__(
        self, actions: int, scales: Scales, config: AgentConfig, generator: torch.Generator
    ) -> None:
        """Draw a network."""
        super().__init__(scales, config, generator)
        width = config.hidden[-1]
        self.changes = EnsembleLinear(config.members, width, 3 * actions, generator)
        self.stakes = EnsembleLinear(config.members, width, 2, generator)

    def forward(
        self, states: Tensor, noise: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Changes and stakes, blurred by `noise` as in an update."""
        x = self.features(states, noise)
        return self.changes(x).unflatten(-1, (3, -1)), self.stakes(x)


class Supervised:
    """Chooses argmax of dU - price * dbytes by what its model predicts."""

    def __init__(self, samples: Samples, objective: Objective, config: AgentConfig) -> None:
        """Draw a model for `samples`."""
        self._objective, self._config = objective, config
        self._switch = SwitchCost()
        self._samples = samples
        spread = samples.states.std(0)
        scales = Scales(
            samples.states.mean(0),
            np.where(spread > 1e-6, spread, 1e4).astype(np.float32),
            reward=1.0,
            auxiliary=np.maximum(samples.changes.std((0, 2)), 1e-6),
        )
        self._change_scale = scales.auxiliary[:, None]
        self._stakes_mean, self._stakes_scale = (
            samples.stakes.mean(0),
            np.maximum(samples.stakes.std(0), 1e-6),
        )
        generator = torch.Generator().manual_seed(config.seed)
        self.model = Model(samples.changes.shape[-1], scales, config, generator)
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    def update(self, rng: np.random.Generator, noise: torch.Generator) -> None:
        """One step of the optimiser on a minibatch per member."""
        samples, config = self._samples, self._config
        members = np.arange(config.members)[:, None]
        drawn = rng.integers(len(samples.states), size=(config.members, config.batch_size))
        changes, stakes = self.model(torch.from_numpy(samples.states[drawn]), noise)
        told = torch.from_numpy(samples.changes[drawn] / self._change_scale)
        worth = torch.from_numpy((samples.stakes[drawn] - self._stakes_mean) / self._stakes_scale)
        loss = huber_loss(changes, told, reduction="none").mean((-1, -2))
        loss = loss + huber_loss(stakes, worth, reduction="none").mean(-1)
        weights = torch.from_numpy(samples.weights[drawn, members])
        self._optimiser.zero_grad()
        (weights * loss).mean(1).sum().backward()  # type: ignore[no-untyped-call] # torch's own lack
        self._optimiser.step()

    @torch.no_grad()
    def choose(self, states: Floats, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The action that gains most per frame, by what is predicted."""
        members = torch.from_numpy(states).expand(self._config.members, *states.shape)
        changes, stakes = (each.mean(0).numpy() for each in self.model(members))
        bits, psnr, ssim = np.moveaxis(changes * self._change_scale, 1, 0)
        cost, slope = 2 ** (stakes * self._stakes_scale + self._stakes_mean).T[..., None]
        offsets = np.array(OFFSETS)
        gained = self._objective.worth(psnr, ssim) - cost * (2**bits - 1)
        gained -= self._objective.leaving_price * slope * offsets**2
        switch = self._objective.worth(np.array(self._switch.psnr), np.array(self._switch.ssim))
        lost = switch + cost * self._switch.bytes_share * 2**bits
        previous, new_shot = (
            states[:, [self._config.inputs.index(name)]] for name in ("previous_offset", "new_shot")
        )
        steps = np.abs(offsets - previous) * (new_shot == 0)
        values = np.where(allowed, gained - lost * steps, -np.inf)
        return np.asarray(values.argmax(1))


@one_thread()
def train_supervised(
    task: Task, environment: RateEnv, objective: Objective, config: AgentConfig
) -> tuple[Supervised, NDArray[np.float64]]:
    """The supervised model that validated best, and what it earned in each validation episode.

    As many updates, episodes and validations as the agent has, at the most.
    """
    rounds = config.steps // config.updates_per_round
    samples = collect(environment, config, rounds * config.episodes_per_round)
    supervised = Supervised(samples, objective, config)
    rng = np.random.default_rng(config.seed)
    noise = torch.Generator().manual_seed(config.seed)
    best, kept, stale = np.full(len(task.validation), -np.inf), supervised.model, 0
    for done in range(1, rounds + 1):
        for _ in range(config.updates_per_round):
            supervised.update(rng, noise)
        if done % config.validation_interval and done < rounds:
            continue
        returns = returns_of(task.validation, supervised.choose)
        stale += 1
        if returns.mean() > best.mean():
            best, kept, stale = returns, copy.deepcopy(supervised.model), 0
        if stale >= config.patience:
            break
    supervised.model = kept
    return supervised, best

"""The agent: double, dueling DQN with n-step returns, prioritised replay and more, as switches.

References:
    Mnih et al. 2015, Human-level control through deep reinforcement learning: DQN, the target
        network, epsilon-greedy exploration.
    van Hasselt et al. 2016, Deep reinforcement learning with double Q-learning.
    Wang et al. 2016, Dueling network architectures (in `networks`).
    Schaul et al. 2016, Prioritized experience replay (in `replay`).
    Hessel et al. 2018, Rainbow: all of these together, n-step returns.
    Jaderberg et al. 2017, Reinforcement learning with unsupervised auxiliary tasks.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import huber_loss

from rlcodec.learn.config import AgentConfig
from rlcodec.learn.networks import QNetwork
from rlcodec.learn.replay import Batch, Floats, Scales, Transitions

NEVER = -torch.inf
"""Q of an action that is not allowed."""


class Loss(NamedTuple):
    """What an update met: the mean loss, and the mean absolute error of each drawn one (E, B)."""

    mean: float
    errors: Floats


class Agent:
    """Acts by, and learns, Q-values. Rewards come divided by `Scales.reward`."""

    def __init__(self, actions: int, scales: Scales, config: AgentConfig) -> None:
        """Start from random networks, drawn by `config.seed`."""
        self.config = config
        generator = torch.Generator().manual_seed(config.seed)
        self.online = QNetwork(actions, scales, config, generator)
        self.target = QNetwork(actions, scales, config, generator)
        self.target.load_state_dict(self.online.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.online.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.updates = 0

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        return min(1.0, self.updates / self.config.steps)

    @property
    def epsilon(self) -> float:
        """Share of random actions now."""
        return self.config.epsilon(self.progress)

    @property
    def beta(self) -> float:
        """Exponent of the importance weights now: linear to 1 (Schaul 2016, section 3.4)."""
        start = self.config.importance_exponent
        return start + self.progress * (1 - start)

    @torch.no_grad()
    def q_values(self, states: Floats) -> Floats:
        """Mean Q over the ensemble of states (N, I): (N, A), divided by the reward's scale."""
        members = torch.from_numpy(states).expand(self.config.members, *states.shape)
        return np.asarray(self.online(members).q.mean(0).numpy())

    def act(
        self, states: Floats, allowed: NDArray[np.bool_], rng: np.random.Generator | None = None
    ) -> NDArray[np.int64]:
        """Actions (N,) for states (N, I): greedy, or with `rng` as `config.exploration` says."""
        q = np.where(allowed, self.q_values(states), -np.inf)
        if rng is None:
            return np.asarray(q.argmax(1))
        if self.config.exploration == "softmax":
            # The highest of Q / T plus Gumbel noise is a draw from softmax(Q / T) (Gumbel 1954)
            noisy = q / self.config.temperature + rng.gumbel(size=q.shape)
            return np.asarray(noisy.argmax(1))
        anything = np.where(allowed, rng.random(q.shape), -1).argmax(1)
        return np.asarray(np.where(rng.random(len(q)) < self.epsilon, anything, q.argmax(1)))

    @torch.no_grad()
    def next_values(self, states: Tensor, allowed: Tensor) -> Tensor:
        """Value (E, B) of being in states (E, B, I), as targets need it.

        max_a Q_target(s, a) (Mnih 2015), or with `double`
        Q_target(s, argmax_a Q_online(s, a)) (van Hasselt 2016, equation 4).
        """
        q_target: Tensor = self.target(states).q
        q_picking: Tensor = self.online(states).q if self.config.double else q_target
        best = q_picking.masked_fill(~allowed, NEVER).argmax(-1, keepdim=True)
        return q_target.gather(-1, best).squeeze(-1)

    @torch.no_grad()
    def targets(self, batch: Transitions) -> tuple[Tensor, Tensor]:
        """Targets (E, B, A), and which of them count (E, B, A).

        Of the action taken: R + gamma^n V(s_n), with the n-step return R.
        Of any other, with `all_actions`: r(s, a) + gamma V(s'_a).
        """
        tensors = {name: torch.from_numpy(rows) for name, rows in batch.arrays().items()}
        allowed, taken = tensors["allowed"], tensors["actions"][..., None]
        target = tensors["n_returns"] + self._discounted(
            tensors["n_discounts"], tensors["n_states"], allowed
        )
        if not self.config.all_actions:
            counts = torch.zeros_like(allowed).scatter(-1, taken, value=True)
            return target[..., None].expand(allowed.shape), counts
        others = tensors["rewards"] + self._discounted(
            tensors["discounts"][..., None], tensors["next_states"], allowed[..., None, :]
        )
        return others.scatter(-1, taken, target[..., None]), allowed

    def _discounted(self, discounts: Tensor, states: Tensor, allowed: Tensor) -> Tensor:
        """Discount times value; a bandit need not ask the network."""
        if not self.config.gamma:
            return torch.zeros(())
        flat = states.flatten(1, -2)
        masks = allowed.expand(*states.shape[:-1], -1).flatten(1, -2)
        return discounts * self.next_values(flat, masks).view(states.shape[:-1])

    def update(self, batch: Batch, noise: torch.Generator) -> Loss:
        """One step of the optimiser on a minibatch per member; moves the target network if due."""
        transitions = batch.transitions
        targets, counts = self.targets(transitions)
        predicted = self.online(torch.from_numpy(transitions.states), noise)
        delta = self.config.huber_delta
        errors = huber_loss(predicted.q, targets, reduction="none", delta=delta)
        loss = (errors * counts).sum(-1) / counts.sum(-1)
        if predicted.auxiliary is not None:
            told = torch.from_numpy(transitions.auxiliary)
            misses = huber_loss(predicted.auxiliary, told, reduction="none", delta=delta)
            loss = loss + self.config.auxiliary * misses.mean((-1, -2))
        weights = torch.from_numpy(batch.importance * _own(transitions.weights))
        # The mean over each minibatch, the sum over members: no member's gradient sees another
        total = (weights * loss).mean(1).sum()
        self._descend(total)
        surprise = ((predicted.q - targets).abs() * counts).sum(-1) / counts.sum(-1)
        return Loss(total.item() / self.config.members, surprise.detach().numpy())

    def _descend(self, loss: Tensor) -> None:
        rate = self.config.learning_rate * (1 + math.cos(math.pi * self.progress)) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch's own lack
        self.optimiser.step()
        self.updates += 1
        if self.updates % self.config.target_period == 0:
            self._move_target()

    @torch.no_grad()
    def _move_target(self) -> None:
        """theta_target += rate (theta - theta_target); a rate of 1 copies (Mnih 2015)."""
        pairs = zip(self.target.parameters(), self.online.parameters(), strict=True)
        for target, online in pairs:
            target.lerp_(online, self.config.target_rate)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs: tensors and numbers."""
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` gave."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]


def _own(weights: Floats) -> Floats:
    """Of weights (E, B, E), drawn by one member for every member, each member's own: (E, B)."""
    return np.ascontiguousarray(np.diagonal(weights, axis1=0, axis2=2).T)

"""What the agent has lived through: trajectories to transitions, and a buffer to draw them from.

References:
    Mnih et al. 2015 (experience replay).
    Sutton 1988; Hessel et al. 2018, Rainbow (n-step returns).
    Schaul et al. 2016, Prioritized experience replay (the proportional variant).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SMALLEST_PRIORITY = 1e-3
"""Added to every error, so that no transition is never drawn again."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """Transitions, one per row, or as many as the leading axes of these arrays say.

    Attributes:
        states: (..., I), the states that were decided.
        actions: (...), the actions taken.
        allowed: (..., A), the actions that could have been; the same in every state of an episode.
        rewards: (..., A), reward of every action.
        next_states: (..., A, I), state after every action.
        discounts: (...), gamma, or 0 where the episode ends with the step.
        n_returns: (...), sum of gamma^k r over the n steps from here, along the actions taken.
        n_states: (..., I), state after these n steps.
        n_discounts: (...), gamma^n, or 0 where the episode ends within them.
        auxiliary: (..., 3, A), changes of log2 bytes, PSNR and SSIM by every action.
        weights: (..., E), weight of the transition for each member of the ensemble.
    """

    states: Floats
    actions: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    rewards: Floats
    next_states: Floats
    discounts: Floats
    n_returns: Floats
    n_states: Floats
    n_discounts: Floats
    auxiliary: Floats
    weights: Floats

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of them by name."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, slots=True)
class Scales:
    """By what inputs and outputs are divided while learning, as measured on random behaviour.

    `input_mean` and `input_scale` are (I,) in the inputs' units; `reward` is the standard deviation
    of rewards over all actions; `auxiliary` (3,) are those of the auxiliary targets.
    """

    input_mean: Floats
    input_scale: Floats
    reward: float
    auxiliary: Floats


_TINY_REWARD = 1e-9
_PART = 0.25
_FAR_BELOW = -3.0


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What an agent saw of one episode from its beginning to its end, T steps.

    `states` (T + 1, I): the last one follows the last action, and counts only if the episode was
    cut short (`terminated` is False). The other arrays have T rows, as in `Transitions`.
    """

    states: Floats
    actions: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    rewards: Floats
    next_states: Floats
    auxiliary: Floats
    weights: Floats
    terminated: bool

    @property
    def relative(self) -> Trajectory:
        """The same with the rewards of every state in units of what there is to win in it.

        What a segment earns depends on the length of a title that is not over yet, and cannot be
        told from its state; which action earns most can. The unit is the largest reward, or where
        there is hardly anything to win a part of the usual one. What is far below counts as
        `_FAR_BELOW`: how bad a bad action is need not be learned.
        """
        allowed = np.where(self.allowed, self.rewards, np.nan)
        usual = _PART * np.nanmedian(np.abs(allowed), axis=1, keepdims=True)
        unit = np.maximum(np.nanmax(allowed, axis=1, keepdims=True), usual)
        rewards = np.maximum(self.rewards / np.maximum(unit, _TINY_REWARD), _FAR_BELOW)
        return replace(self, rewards=rewards.astype(np.float32))

    @property
    def earned(self) -> float:
        """The return: the sum of rewards, undiscounted."""
        return float(self.rewards[np.arange(len(self.actions)), self.actions].sum())

    def transitions(self, scales: Scales, *, n_step: int, gamma: float) -> Transitions:
        """Every step with its n-step return, in units of `scales`.

        Near the end there are as many steps as there are:
        G_t = r_t + gamma r_{t+1} + ... + gamma^{m-1} r_{t+m-1}, with m = min(n, T - t).
        """
        steps = len(self.actions)
        rewards = self.rewards / np.float32(scales.reward)
        taken = rewards[np.arange(steps), self.actions]
        returns = np.zeros(steps)
        for ahead in range(min(n_step, steps)):
            returns[: steps - ahead] += gamma**ahead * taken[ahead:]
        now = np.arange(steps)
        ends = np.minimum(now + n_step, steps)
        final = self.terminated * (ends == steps)
        return Transitions(
            states=self.states[:-1],
            actions=self.actions,
            allowed=self.allowed,
            rewards=rewards,
            next_states=self.next_states,
            discounts=(gamma * (1 - self.terminated * (now == steps - 1))).astype(np.float32),
            n_returns=returns.astype(np.float32),
            n_states=self.states[ends],
            n_discounts=(gamma ** (ends - now) * (1 - final)).astype(np.float32),
            auxiliary=self.auxiliary / scales.auxiliary[:, None],
            weights=self.weights,
        )


def measure_scales(trajectories: Sequence[Trajectory]) -> Scales:
    """Means and standard deviations over all steps of trajectories of random behaviour."""
    states = np.concatenate([each.states[: len(each.actions)] for each in trajectories])
    rewards = np.concatenate([each.rewards[each.allowed] for each in trajectories])
    auxiliary = np.concatenate([each.auxiliary for each in trajectories])
    # In float32 the spread of an input that never moved comes out as rounding, and not as 0
    spread = states.std(0, dtype=float)
    return Scales(
        input_mean=states.mean(0),
        # An input that never moved tells nothing: held at its mean, wherever it may go later
        input_scale=np.where(spread > 1e-6, spread, 1e4).astype(np.float32),
        reward=float(rewards.std()) or 1.0,
        auxiliary=np.maximum(auxiliary.std((0, 2)), 1e-6).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """What was drawn: `transitions` (E, B) of the places `indices`, weighed by `importance`."""

    transitions: Transitions
    indices: NDArray[np.int64]
    importance: Floats


class ReplayBuffer:
    """The last transitions, drawn uniformly or by priority.

    Proportional prioritisation (Schaul 2016, section 3.3): P(i) = p_i^alpha / sum_k p_k^alpha, with
    p_i the last absolute error of transition i, or the highest of all for one never drawn.
    Cumulative sums serve in place of the paper's tree: at this size they cost no more.
    """

    def __init__(self, size: int, *, exponent: float) -> None:
        """Keep `size` transitions; `exponent` is alpha, 0 for uniform drawing."""
        self._size, self._exponent = size, exponent
        self._arrays: dict[str, NDArray[Any]] = {}
        self._priorities = np.zeros(size)
        self._highest = 1.0
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, self._size)

    def add(self, transitions: Transitions) -> None:
        """Take transitions in, in place of the oldest ones where the buffer is full."""
        arrays = transitions.arrays()
        if not self._arrays:
            self._arrays = {
                name: np.zeros((self._size, *rows.shape[1:]), rows.dtype)
                for name, rows in arrays.items()
            }
        # Of more than the buffer holds, the last ones
        count = min(len(transitions), self._size)
        self._added += len(transitions) - count
        places = (self._added + np.arange(count)) % self._size
        for name, rows in arrays.items():
            self._arrays[name][places] = rows[-count:]
        self._priorities[places] = self._highest
        self._added += count

    def sample(self, shape: tuple[int, int], *, beta: float, rng: np.random.Generator) -> Batch:
        """Draw (members, batch size) transitions, each by itself, with importance weights.

        w_i = (N P(i))^-beta / max_j w_j over the drawn ones (Schaul 2016, section 3.4).
        """
        scaled = self._priorities[: len(self)] ** self._exponent
        cumulative = np.cumsum(scaled)
        drawn = np.searchsorted(cumulative, rng.random(shape) * cumulative[-1], side="right")
        indices = np.minimum(drawn, len(self) - 1)
        weights = (len(self) * scaled[indices] / cumulative[-1]) ** -beta
        return Batch(
            Transitions(**{name: rows[indices] for name, rows in self._arrays.items()}),
            indices,
            (weights / weights.max()).astype(np.float32),
        )

    def update_priorities(self, indices: NDArray[np.int64], errors: Floats) -> None:
        """Take the absolute errors of what was drawn as its new priorities."""
        priorities = errors.astype(np.float64) + _SMALLEST_PRIORITY
        self._priorities[indices] = priorities
        self._highest = max(self._highest, float(priorities.max()))

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that `restore` needs, as arrays."""
        kept = {name: rows[: len(self)] for name, rows in self._arrays.items()}
        counters = np.array([self._added, self._highest])
        return {**kept, "priorities": self._priorities[: len(self)], "counters": counters}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to what `state` gave, in a buffer of the same size; what is in it is lost."""
        rows = dict(state)
        self._added = 0
        added, self._highest = rows.pop("counters").tolist()
        priorities = rows.pop("priorities")
        self.add(Transitions(**rows))
        self._priorities[: len(priorities)] = priorities
        self._added = int(added)

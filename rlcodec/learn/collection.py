"""Playing episodes: many environments side by side, all asked at once for their next action."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rlcodec.learn.environment import Outcomes
from rlcodec.learn.replay import Floats, Trajectory

Choose = Callable[[Floats, NDArray[np.bool_]], NDArray[np.int64]]
"""Actions (N,) for states (N, I), of which those in a mask (N, A) are allowed."""


class Environment(Protocol):
    """What the trainer needs of a Gymnasium environment.

    `info` of `reset` has the actions that are "allowed" (A,), until the episode ends; `info` of
    `step` has the "outcomes" of the state just left, and the "group" of the source it comes from.
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode."""

    def step(self, action: int) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Take an action."""


@dataclass(frozen=True)
class Start:
    """How an episode begins: in which environment, by which seed and options of `reset`."""

    environment: Environment
    seed: int | None = None
    options: dict[str, Any] | None = None


@dataclass
class _Playing:
    """An episode on its way."""

    environment: Environment
    state: Floats
    allowed: NDArray[np.bool_]
    states: list[Floats] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    outcomes: list[Outcomes] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    terminated: bool = False
    over: bool = False

    def step(self, action: int) -> None:
        self.states.append(self.state)
        self.state, _, self.terminated, truncated, info = self.environment.step(action)
        self.actions.append(action)
        self.outcomes.append(info["outcomes"])
        self.groups.append(info["group"])
        self.over = self.terminated or truncated

    def trajectory(self, weigh: Callable[[str], Floats]) -> Trajectory:
        return Trajectory(
            states=np.stack([*self.states, self.state]),
            actions=np.array(self.actions, np.int64),
            allowed=np.stack([each.allowed for each in self.outcomes]),
            rewards=np.stack([each.rewards for each in self.outcomes]).astype(np.float32),
            next_states=np.stack([each.next_states for each in self.outcomes]),
            auxiliary=np.stack(
                [(each.log_bytes, each.psnr, each.ssim) for each in self.outcomes]
            ).astype(np.float32),
            weights=np.stack([weigh(group) for group in self.groups]),
            terminated=self.terminated,
        )


def play(
    starts: Sequence[Start], choose: Choose, weigh: Callable[[str], Floats] | None = None
) -> list[Trajectory]:
    """Play one episode from each start, side by side.

    Args:
        starts: no environment may stand in two of them.
        choose: gives the actions.
        weigh: the weights (E,) of a step from a source of this group; one 1 where None.
    """
    playing = []
    for start in starts:
        state, info = start.environment.reset(seed=start.seed, options=start.options)
        playing.append(_Playing(start.environment, state, info["allowed"]))
    active = playing
    while active:
        states = np.stack([each.state for each in active])
        actions = choose(states, np.stack([each.allowed for each in active]))
        for each, action in zip(active, actions.tolist(), strict=True):
            each.step(action)
        active = [each for each in active if not each.over]
    return [each.trajectory(weigh or _equally) for each in playing]


def choose_randomly(rng: np.random.Generator) -> Choose:
    """Any allowed action, each as likely."""
    return lambda _, allowed: np.asarray(np.where(allowed, rng.random(allowed.shape), -1).argmax(1))


def bootstrap(members: int, seed: int | None) -> Callable[[str], Floats]:
    """Weights (E,) of a group's steps for each member: Poisson draws of mean 1, by group and seed.

    The bootstrap over groups (Efron 1979) in its online form (Oza 2001). All 1 where `seed` is
    None.
    """

    @functools.cache
    def weigh(group: str) -> Floats:
        if seed is None:
            return np.ones(members, np.float32)
        rng = np.random.default_rng([seed, zlib.crc32(group.encode())])
        return rng.poisson(1.0, members).astype(np.float32)

    return weigh


def _equally(_: str) -> Floats:
    return np.ones(1, np.float32)

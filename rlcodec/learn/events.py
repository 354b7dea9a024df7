"""What training tells whoever watches; no torch is needed to read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Means = dict[str, float]
"""One number for each kind of validation episode."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A round is over: `step` updates of `steps` are done.

    `loss` is the mean over the round, `mean_return` what exploring earned, `epsilon` the share of
    random actions.
    """

    step: int
    steps: int
    loss: float
    mean_return: float
    epsilon: float


@dataclass(frozen=True, slots=True)
class Validated:
    """The greedy policy was tried on the validation episodes.

    `mean_return` is against fixed CRF, which earns 0, and `optimum` what the best would have
    earned; `returns` and `optima` are the same for each kind of episode. `best` says whether the
    mean return is higher than ever before.
    """

    step: int
    mean_return: float
    optimum: float
    returns: Means
    optima: Means
    best: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    """Training goes on from a checkpoint."""

    step: int


@dataclass(frozen=True)
class Trained:
    """The end, after `step` updates: the best policy, which was there after `best_step`.

    `tensors` are those of a policy file, the other fields as in `Validated`.
    """

    step: int
    mean_return: float
    optimum: float
    returns: Means
    optima: Means
    best_step: int
    tensors: dict[str, NDArray[np.float32]]


TrainingEvent = Learned | Validated | Resumed | Trained

"""The Q-network: an ensemble of small networks, trained as one by batched products.

Its `state_dict` has the tensors of a policy file, by the same names and of the same shapes, so that
`rlcodec.policy.network` computes from the file what torch computed here.

References:
    Mnih et al. 2015, Human-level control through deep reinforcement learning (DQN).
    Wang et al. 2016, Dueling network architectures for deep reinforcement learning.
    Osband et al. 2016, Deep exploration via bootstrapped DQN (the ensemble).
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rlcodec.learn.config import AgentConfig
from rlcodec.learn.replay import Scales
from rlcodec.policy.network import AUXILIARY, INPUT_LIMIT


class Prediction(NamedTuple):
    """What the network says of states: `q` (E, B, A), `auxiliary` (E, B, 3, A), both normalised.

    `auxiliary` is None where the network has no such heads.
    """

    q: Tensor
    auxiliary: Tensor | None


class EnsembleLinear(nn.Module):
    """E linear layers side by side: (E, B, inputs) to (E, B, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        """Draw weights and biases uniformly within 1 / sqrt(inputs), as torch's Linear does."""
        super().__init__()
        bound = 1 / math.sqrt(inputs)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) * bound)

        self.weight = drawn(members, outputs, inputs)
        self.bias = drawn(members, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """W x + b for each member."""
        return torch.baddbmm(self.bias[:, None], x, self.weight.mT)


class Trunk(nn.Module):
    """What all heads share: normalised inputs and the hidden layers."""

    def __init__(self, scales: Scales, config: AgentConfig, generator: torch.Generator) -> None:
        """Draw hidden layers for states of these scales."""
        super().__init__()
        self._config = config
        self.register_buffer("input_mean", torch.from_numpy(scales.input_mean))
        self.register_buffer("input_scale", torch.from_numpy(scales.input_scale))
        self.hidden = nn.ModuleList(
            EnsembleLinear(config.members, inputs, outputs, generator)
            for inputs, outputs in itertools.pairwise((len(scales.input_mean), *config.hidden))
        )

    def features(self, states: Tensor, noise: torch.Generator | None) -> Tensor:
        """The last hidden layer (E, B, H) of states (E, B, I).

        With `noise` inputs are blurred and hidden units left out, as in an update.
        """
        mean, scale = self.get_buffer("input_mean"), self.get_buffer("input_scale")
        x = ((states - mean) / scale).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        if noise is not None:
            x = x + self._config.input_noise * torch.randn(x.shape, generator=noise)
        for hidden in self.hidden:
            x = torch.relu(hidden(x))
            if noise is not None:
                x = _dropout(x, self._config.dropout, noise)
        return x


class QNetwork(Trunk):
    """States (E, B, I) in the units of `rlcodec.analysis.state` to a `Prediction`."""

    def __init__(
        self, actions: int, scales: Scales, config: AgentConfig, generator: torch.Generator
    ) -> None:
        """Draw a network for states and rewards of these scales."""
        super().__init__(scales, config, generator)
        self._scales = scales

        def head(outputs: int) -> EnsembleLinear:
            return EnsembleLinear(config.members, config.hidden[-1], outputs, generator)

        if config.dueling:
            self.value, self.advantage = head(1), head(actions)
        else:
            self.q = head(actions)
        if config.auxiliary:
            self.log_bytes, self.psnr, self.ssim = (head(actions) for _ in AUXILIARY)

    def forward(self, states: Tensor, noise: torch.Generator | None = None) -> Prediction:
        """Q and auxiliary predictions, blurred by `noise` as in an update."""
        x = self.features(states, noise)
        if not self._config.auxiliary:
            return Prediction(self._q(x), None)
        heads = [self.log_bytes(x), self.psnr(x), self.ssim(x)]
        return Prediction(self._q(x), torch.stack(heads, dim=2))

    def _q(self, x: Tensor) -> Tensor:
        if not self._config.dueling:
            return torch.as_tensor(self.q(x))
        # Wang 2016, equation 9: Q = V + A - mean A
        advantage = self.advantage(x)
        return torch.as_tensor(self.value(x) + advantage - advantage.mean(-1, keepdim=True))

    def export(self) -> dict[str, NDArray[np.float32]]:
        """The tensors of the policy file; the outputs' scales go into the last layers."""
        scales = dict.fromkeys(("value", "advantage", "q"), self._scales.reward)
        scales |= dict(zip(AUXILIARY, map(float, self._scales.auxiliary), strict=True))
        return {
            name: tensor.detach().numpy() * np.float32(scales.get(name.partition(".")[0], 1.0))
            for name, tensor in self.state_dict().items()
        }


def _dropout(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Leave out a share of units (Srivastava 2014), by a generator of our own, so as to repeat."""
    if not share:
        return x
    return x * (torch.rand(x.shape, generator=generator) >= share) / (1 - share)

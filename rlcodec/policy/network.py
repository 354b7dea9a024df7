"""The Q-network's forward pass in numpy, and the decision that follows from it.

An ensemble of E multilayer perceptrons sees I normalised inputs and values A actions. Its weights
are called and shaped as in a policy file:

| tensor | shape | |
|---|---|---|
| `input_mean`, `input_scale` | (I) | normalised inputs are (x - mean) / scale, within +-5 |
| `hidden.0.weight`, `hidden.0.bias`, `hidden.1.weight`, ... | (E, H, I or H), (E, H) | then ReLU |
| `value.weight`, `value.bias` | (E, 1, H), (E, 1) | of a dueling network |
| `advantage.weight`, `advantage.bias` | (E, A, H), (E, A) | of a dueling network |
| `q.weight`, `q.bias` | (E, A, H), (E, A) | of any other |
| `log_bytes`, `psnr`, `ssim`, each `.weight` and `.bias` | as `q` | what actions change; optional |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

INPUT_LIMIT = 5.0
"""Normalised inputs are held within this, on both sides of 0."""
AUXILIARY = ("log_bytes", "psnr", "ssim")
"""Heads beside Q: the change, against offset 0, of log2 of the bytes, of PSNR in dB, of SSIM."""

Tensors = Mapping[str, NDArray[np.float32]]
_Linear = tuple[NDArray[np.float32], NDArray[np.float32]]


class Network:
    """An ensemble that values every offset: what it says is the mean over its members.

    Attributes:
        tensors: the weights, as named above.
        offsets: what the A actions stand for: CRF offsets, rising, one of them 0.
    """

    def __init__(self, tensors: Tensors, offsets: Sequence[float]) -> None:
        """Lay the weights out for one state at a time; their shapes are taken to match."""
        self.tensors = tensors
        self.offsets = np.array(offsets, np.float32)
        self._mean, self._scale = tensors["input_mean"], tensors["input_scale"]
        # All members see the same inputs, and so the first layer is one matrix
        first, bias = _layer(tensors, "hidden.0")
        self._first = np.ascontiguousarray(first.reshape(-1, first.shape[-1])), bias.reshape(-1)
        self._hidden = [
            (weight, bias[..., None])
            for weight, bias in (
                _layer(tensors, f"hidden.{place}") for place in range(1, depth(tensors))
            )
        ]
        self._members = len(first)
        self._q = _mean_of_members(*_q_head(tensors))
        self._auxiliary = {
            name: _mean_of_members(*_layer(tensors, name))
            for name in AUXILIARY
            if f"{name}.weight" in tensors
        }

    def q_values(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q of every action (A) in a state given by its inputs (I), as they were measured."""
        weight, bias = self._q
        q: NDArray[np.float32] = weight @ self._features(values) + bias
        return q

    def auxiliary(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """What every action would change (A), by those of `AUXILIARY` that the network has."""
        features = self._features(values)
        return {name: weight @ features + bias for name, (weight, bias) in self._auxiliary.items()}

    def best_offset(self, values: NDArray[np.float32], allowed: NDArray[np.bool_]) -> float:
        """The offset that is worth most in a state, among the actions that are `allowed` (A).

        It lies between two actions where `vertex` finds a peak there.
        """
        q = self.q_values(values)
        best = int(np.argmax(np.where(allowed, q, -np.inf)))
        near = slice(best - 1, best + 2)
        if 0 < best < len(q) - 1 and allowed[near].all():
            return vertex(self.offsets[near].tolist(), q[near].tolist())
        return float(self.offsets[best])

    def _features(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the last hidden layers of all members say, one after the other (E x H)."""
        weight, bias = self._first
        normalised = (values - self._mean) / self._scale
        np.clip(normalised, -INPUT_LIMIT, INPUT_LIMIT, out=normalised)
        features = np.maximum(weight @ normalised + bias, 0).reshape(self._members, -1, 1)
        for weight, bias in self._hidden:
            features = np.maximum(weight @ features + bias, 0)
        return features.reshape(-1)


def depth(tensors: Mapping[str, object]) -> int:
    """How many hidden layers there are, numbered from 0 without a gap."""
    count = 0
    while f"hidden.{count}.weight" in tensors:
        count += 1
    return count


def vertex(places: Sequence[float], heights: Sequence[float]) -> float:
    """Where the parabola through three points peaks, at most half-way to a neighbour.

    The one in the middle must be as high as the others; `places` rise.
    """
    (left, middle, right), (low, high, other) = places, heights
    # Lagrange's parabola, derived and set to 0
    before, after = (middle - left) * (high - other), (right - middle) * (high - low)
    if before + after <= 0:
        return middle
    peak = middle - ((middle - left) * before - (right - middle) * after) / (2 * (before + after))
    return min(max(peak, (left + middle) / 2), (middle + right) / 2)


def _layer(tensors: Tensors, name: str) -> _Linear:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _q_head(tensors: Tensors) -> _Linear:
    """Q as one linear layer of each member.

    Q = value + advantage - mean of the advantages (Wang et al. 2016, equation 9) is linear in what
    comes before it.
    """
    if "q.weight" in tensors:
        return _layer(tensors, "q")
    value, value_bias = _layer(tensors, "value")
    advantage, bias = _layer(tensors, "advantage")
    weight = value + advantage - advantage.mean(axis=1, keepdims=True)
    return weight, value_bias + bias - bias.mean(axis=1, keepdims=True)


def _mean_of_members(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> _Linear:
    """Linear layers (E, A, H), (E, A) as one on all members' features (A, E x H) that averages."""
    members, actions, _ = weight.shape
    flat = weight.swapaxes(0, 1).reshape(actions, -1) / np.float32(members)
    return np.ascontiguousarray(flat), bias.mean(axis=0)

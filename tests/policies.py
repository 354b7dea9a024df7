"""Policy files made for the tests: random weights, and facts that fit small clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlcodec.analysis.state import INPUTS
from rlcodec.policy import file
from rlcodec.policy.facts import PolicyFacts
from rlcodec.policy.network import AUXILIARY

Weights = dict[str, NDArray[np.float32]]

FACTS = PolicyFacts(
    name="made up",
    objective="balanced",
    scopes=("title", "library"),
    codec="libx264",
    presets=("medium", "veryfast"),
    inputs=tuple(each.name for each in INPUTS),
    offsets=tuple(float(offset) for offset in range(-8, 9)),
    crf_range=(10.0, 40.0),
    pixels_range=(32 * 32, 1920 * 1080),
    corpus_digest="0" * 64,
    seed=3,
    scores={"reels, PSNR": -6.25, "reels, SSIM": -2.0},
    card="# Made up\n\nRandom weights, of no use.",
)


def weights(
    inputs: int = len(INPUTS),
    actions: int = 17,
    *,
    hidden: tuple[int, ...] = (16, 12),
    members: int = 3,
    dueling: bool = True,
    auxiliary: tuple[str, ...] = AUXILIARY,
    seed: int = 0,
) -> Weights:
    """Random tensors of a network."""
    random = np.random.default_rng(seed)
    tensors: dict[str, Any] = {
        "input_mean": random.normal(0, 1, inputs),
        "input_scale": random.uniform(0.5, 20, inputs),
    }
    widths = (inputs, *hidden)
    layers = {f"hidden.{i}": (widths[i + 1], widths[i]) for i in range(len(hidden))}
    heads = {"value": 1, "advantage": actions} if dueling else {"q": actions}
    layers |= {name: (count, widths[-1]) for name, count in heads.items()}
    layers |= dict.fromkeys(auxiliary, (actions, widths[-1]))
    for name, (outputs, width) in layers.items():
        tensors[f"{name}.weight"] = random.normal(0, width**-0.5, (members, outputs, width))
        tensors[f"{name}.bias"] = random.normal(0, 0.1, (members, outputs))
    return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}


def write_following(path: Path, name: str, *, mean: float, scale: float) -> Path:
    """A policy whose offset is one input of the state, normalised: (x - mean) / scale, within 5."""
    # Q(a) = a x - a^2 / 2 peaks at a = x, and x = relu(x) - relu(-x)
    offsets = np.array(FACTS.offsets)
    signs = np.array([1.0, -1.0])
    tensors = {
        "input_mean": np.array([mean]),
        "input_scale": np.array([scale]),
        "hidden.0.weight": signs[None, :, None],
        "hidden.0.bias": np.zeros((1, 2)),
        "q.weight": np.outer(offsets, signs)[None],
        "q.bias": -(offsets**2)[None] / 2,
    }
    said = replace(FACTS, inputs=(name,))
    file.save(path, said, {name: np.asarray(each, "f4") for name, each in tensors.items()})
    return path


def write_policy(path: Path, *, seed: int = 0, **facts: Any) -> Path:  # noqa: ANN401 # any field
    """A policy file in order, with `FACTS` but for those given."""
    said = replace(FACTS, **facts)
    file.save(path, said, weights(len(said.inputs), len(said.offsets), seed=seed))
    return path

"""The forward pass and the decision, against the same written down one unit at a time."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rlcodec.analysis.state import INPUTS, State
from rlcodec.policy.file import PolicyFile
from rlcodec.policy.learned import Learned
from rlcodec.policy.network import AUXILIARY, Network, vertex
from tests.policies import FACTS, Weights, weights

OFFSETS = tuple(float(each) for each in range(-8, 9))


def plainly(tensors: Weights, values: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Every head's values as the papers write them: member by member, in double precision."""
    x = np.clip((values.astype(float) - tensors["input_mean"]) / tensors["input_scale"], -5, 5)
    said: dict[str, list[Any]] = {}
    for member in range(len(tensors["hidden.0.weight"])):

        def layer(name: str, h: Any, member: int = member) -> Any:  # noqa: ANN401
            weight = tensors[f"{name}.weight"][member].astype(float)
            return weight @ h + tensors[f"{name}.bias"][member]

        h = x
        for place in range(sum(name.startswith("hidden") for name in tensors) // 2):
            h = np.maximum(layer(f"hidden.{place}", h), 0)
        if "q.weight" in tensors:
            q = layer("q", h)
        else:
            advantage = layer("advantage", h)
            q = layer("value", h) + advantage - advantage.mean()
        said.setdefault("q", []).append(q)
        for name in AUXILIARY:
            if f"{name}.weight" in tensors:
                said.setdefault(name, []).append(layer(name, h))
    return {name: np.mean(values, axis=0) for name, values in said.items()}


@pytest.mark.parametrize("dueling", [True, False])
@pytest.mark.parametrize("hidden", [(7,), (16, 12), (9, 5, 8)])
@pytest.mark.parametrize(("members", "auxiliary"), [(1, ()), (4, ("psnr",)), (5, AUXILIARY)])
def test_the_network_says_what_the_formulas_say(
    dueling: bool, hidden: tuple[int, ...], members: int, auxiliary: tuple[str, ...]
) -> None:
    tensors = weights(9, 17, hidden=hidden, members=members, dueling=dueling, auxiliary=auxiliary)
    network = Network(tensors, OFFSETS)
    random = np.random.default_rng(1)
    for _ in range(20):
        values = random.normal(0, 30, 9).astype(np.float32)
        expected = plainly(tensors, values)
        said = {"q": network.q_values(values), **network.auxiliary(values)}
        assert list(said) == list(expected) == network.heads
        for name, each in said.items():
            assert each.dtype == np.float32
            np.testing.assert_allclose(each, expected[name], rtol=1e-5, atol=1e-5)


def constant(q: list[float], offsets: tuple[float, ...]) -> Network:
    """A network that values its actions like this in every state."""
    tensors = weights(2, len(q), dueling=False, auxiliary=())
    tensors["q.weight"][:] = 0
    tensors["q.bias"][:] = q
    return Network(tensors, offsets)


STATE = np.zeros(2, np.float32)


def test_a_peak_between_two_actions_is_found() -> None:
    offsets = (-2.0, -1.0, 0.0, 1.0, 2.0)
    network = constant([-((offset - 0.7) ** 2) for offset in offsets], offsets)
    assert network.best_offset(STATE, np.ones(5, bool)) == pytest.approx(0.7, abs=1e-6)


def test_uneven_offsets_peak_where_their_parabola_does() -> None:
    offsets = (-4.0, -1.0, 0.0, 1.5, 4.0)
    network = constant([3 - ((offset - 1.1) ** 2) for offset in offsets], offsets)
    assert network.best_offset(STATE, np.ones(5, bool)) == pytest.approx(1.1, abs=1e-6)


def test_what_is_not_allowed_is_neither_taken_nor_looked_at() -> None:
    offsets = (-2.0, -1.0, 0.0, 1.0, 2.0)
    network = constant([9.0, 4.0, 1.0, 3.0, 2.0], offsets)
    assert network.best_offset(STATE, np.array([0, 1, 1, 1, 1], bool)) == -1
    assert network.best_offset(STATE, np.array([0, 0, 1, 1, 1], bool)) == pytest.approx(1 + 1 / 6)
    assert network.best_offset(STATE, np.array([0, 0, 1, 0, 0], bool)) == 0


def test_a_plateau_has_no_vertex() -> None:
    assert vertex((-1.0, 0.0, 1.0), (2.0, 2.0, 2.0)) == 0


heights = st.floats(-1e3, 1e3, width=32)
steps = st.floats(0.25, 8, width=32)


@given(low=heights, high=heights, other=heights, before=steps, after=steps)
def test_a_vertex_stays_within_half_a_step_and_leans_to_the_higher_side(
    low: float, high: float, other: float, before: float, after: float
) -> None:
    high = max(low, high, other)
    peak = vertex((-before, 0.0, after), (low, high, other))
    assert -before / 2 <= peak <= after / 2
    mirrored = vertex((-after, 0.0, before), (other, high, low))
    assert peak == pytest.approx(-mirrored, abs=1e-9)
    if before == after and low != other:
        assert (peak > 0) == (other > low) or abs(peak) < 1e-9


def state(**values: float) -> State:
    names = [each.name for each in INPUTS]
    vector = np.zeros(len(names), np.float32)
    for name, value in values.items():
        vector[names.index(name)] = value
    return State(vector)


@pytest.mark.parametrize(
    ("crf", "max_offset", "lowest", "highest"),
    [
        (23, 8, -8, 8),
        (23, 20, -8, 8),
        (23, 2.5, -2, 2),
        (49, 8, -8, 2),
        (3, 8, -3, 8),
        (23, 0, 0, 0),
    ],
)
def test_a_policy_stays_within_what_user_and_codec_allow(
    crf: float, max_offset: float, lowest: float, highest: float
) -> None:
    decided = []
    for seed in range(60):
        network = Network(weights(seed=seed), FACTS.offsets)
        policy = Learned(PolicyFile(FACTS, network, "", ""))
        decided.append(policy.decide(state(crf=crf, max_offset=max_offset, new_shot=1)).offset)
    assert lowest <= min(decided)
    assert max(decided) <= highest
    assert len(set(decided)) > 3 or lowest == highest


def test_a_policy_sees_its_inputs_by_name() -> None:
    inputs = ("probe_psnr", "length")
    network = Network(weights(2), FACTS.offsets)
    policy = Learned(PolicyFile(replace(FACTS, inputs=inputs), network, "", ""))
    seen = np.array([30, 6], np.float32)
    expected = network.best_offset(seen, np.ones(17, bool))
    given_state = state(crf=23, max_offset=8, probe_psnr=30, length=6, pixels=19, new_shot=1)
    assert policy.decide(given_state).offset == expected


def test_a_decision_takes_at_most_100_microseconds() -> None:
    network = Network(weights(hidden=(64, 64), members=5), OFFSETS)
    policy = Learned(PolicyFile(FACTS, network, "", ""))
    at = state(crf=23, max_offset=8)
    took = []
    for _ in range(500):
        began = time.perf_counter()
        policy.decide(at)
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 100e-6
